import type { MetricSample, Metrics, PipelineStatus } from '../api/types.ts';

/** Totals and levels read from one answer of `/api/v2/metrics` and `/api/v2/pipelines`. */
export interface Figures {
  readonly ingestedPerSecond: number | undefined;
  readonly processedTotal: number | undefined;
  /** What the latencies are of: without the end-to-end histogram, the time of an epoch stands in, and the page says so. */
  readonly latencyOf: 'end-to-end' | 'epoch';
  readonly latencyP50Ms: number | undefined;
  readonly latencyP99Ms: number | undefined;
  readonly lagRecords: number | undefined;
  readonly deadLettersTotal: number | undefined;
  readonly fsyncP99Ms: number | undefined;
  readonly memoryBytes: number | undefined;
}

export function figuresOf(metrics: Metrics, pipelines: readonly PipelineStatus[]): Figures {
  const { samples } = metrics;
  const sources = pipelines.flatMap((pipeline) => pipeline.operators.filter((operator) => operator.kind === 'source'));
  const epochs = pipelines.map((pipeline) => pipeline.epochMs);
  return {
    ingestedPerSecond: metrics.recordsPerSecond,
    processedTotal:
      sources.length > 0
        ? sources.reduce((sum, source) => sum + source.rowsOut, 0)
        : total(samples, 'headrace_engine_records_total'),
    latencyOf: quantileMs(samples, 'headrace_end_to_end_latency_seconds', '0.5') === undefined ? 'epoch' : 'end-to-end',
    latencyP50Ms:
      quantileMs(samples, 'headrace_end_to_end_latency_seconds', '0.5') ?? largest(epochs.map((epoch) => epoch.p50)),
    latencyP99Ms:
      quantileMs(samples, 'headrace_end_to_end_latency_seconds', '0.99') ?? largest(epochs.map((epoch) => epoch.p99)),
    lagRecords: pipelines.length === 0 ? undefined : pipelines.reduce((sum, pipeline) => sum + pipeline.lagRecords, 0),
    deadLettersTotal: total(samples, 'headrace_dead_letters_total') ?? 0,
    fsyncP99Ms: metrics.fsyncP99Ms ?? quantileMs(samples, 'headrace_log_fsync_seconds', '0.99'),
    memoryBytes:
      total(samples, 'headrace_process_resident_memory_bytes') ?? total(samples, 'process_resident_memory_bytes'),
  };
}

function total(samples: readonly MetricSample[], name: string): number | undefined {
  const found = samples.filter((sample) => sample.name === name);
  return found.length === 0 ? undefined : found.reduce((sum, sample) => sum + sample.value, 0);
}

function quantileMs(samples: readonly MetricSample[], name: string, quantile: string): number | undefined {
  const found = samples.filter((sample) => sample.name === name && sample.labels.quantile === quantile);
  const seconds = largest(found.map((sample) => sample.value));
  // Without an observation the registry says 0; but a latency below the clock's millisecond is 0 as well.
  return seconds === undefined || total(samples, `${name}_count`) === 0 ? undefined : seconds * 1000;
}

function largest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
