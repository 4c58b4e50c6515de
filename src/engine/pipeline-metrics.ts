import type { Clock } from '../base/clock.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { PipelineStatus } from './engine.ts';
import { WATERMARK_MAX } from './operator/batch.ts';
import type { Receipt } from './task/receipt.ts';

/** What is counted as pipelines run. */
export interface PipelineMeter {
  epoch(pipeline: string, rows: number, elapsedMs: number): void;
  /** The effects of an epoch can be seen. */
  visible(
    pipeline: string,
    receipts: readonly Receipt[],
    deadLetters: Readonly<Record<string, number>>,
    commitMs: number,
  ): void;
  /** A recovery did not begin with the newest snapshot. */
  damaged(pipeline: string): void;
}

const EPOCH_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Registers the metrics of pipelines; without a registry nothing is measured. */
export function createPipelineMeter(
  metrics: MetricRegistry | undefined,
  clock: Clock,
  statuses: () => readonly PipelineStatus[],
): PipelineMeter {
  if (metrics === undefined) return { epoch: () => {}, visible: () => {}, damaged: () => {} };
  collectStatuses(metrics, clock, statuses);
  const rowsTotal = metrics.counter('headrace_pipeline_records_total', 'Records processed', ['pipeline']);
  const epochs = metrics.counter('headrace_pipeline_epochs_total', 'Epochs processed', ['pipeline']);
  const epochHelp = 'Time to process an epoch';
  const epochSeconds = metrics.histogram('headrace_pipeline_epoch_seconds', epochHelp, EPOCH_BUCKETS, ['pipeline']);
  const commitHelp = 'From the end of an epoch until it is durable and visible: waiting for a round, and the round';
  const commits = metrics.histogram('headrace_pipeline_commit_seconds', commitHelp, EPOCH_BUCKETS, ['pipeline']);
  const latency = metrics.histogram(
    'headrace_end_to_end_latency_seconds',
    'From the receipt of a record to the moment at which its effects in the outputs are durable and visible',
    LATENCY_BUCKETS,
    ['pipeline'],
  );
  const damaged = metrics.counter(
    'headrace_pipeline_damaged_snapshots_total',
    'Recoveries that found the newest snapshot damaged and began with the one before',
    ['pipeline'],
  );
  const letters = metrics.counter('headrace_dead_letters_total', 'Dead letters written', ['reason']);
  return {
    epoch(pipeline, rows, elapsedMs) {
      rowsTotal.add(rows, { pipeline });
      epochs.add(1, { pipeline });
      epochSeconds.observe(elapsedMs / 1000, { pipeline });
    },
    visible(pipeline, receipts, deadLetters, commitMs) {
      commits.observe(commitMs / 1000, { pipeline });
      const now = clock.now();
      for (const { atMs, records } of receipts) {
        // A wall clock that was set back must not give a negative latency.
        latency.observe(Math.max(0, now - atMs) / 1000, { pipeline }, records);
      }
      for (const [reason, count] of Object.entries(deadLetters)) letters.add(count, { reason });
    },
    damaged(pipeline) {
      damaged.add(1, { pipeline });
    },
  };
}

function collectStatuses(metrics: MetricRegistry, clock: Clock, statuses: () => readonly PipelineStatus[]): void {
  const gauge = (name: string, help: string) => metrics.gauge(name, help, ['pipeline']);
  const lag = gauge('headrace_pipeline_lag_records', 'Records not yet processed');
  const delay = gauge('headrace_pipeline_watermark_delay_seconds', 'Wall clock less event time of the watermark');
  const late = gauge('headrace_pipeline_late_records', 'Late records since the pipeline was built');
  const duplicates = gauge('headrace_pipeline_duplicate_records', 'Duplicates left out since the pipeline was built');
  const forgotten = gauge('headrace_pipeline_forgotten_records', 'Rows that joins forgot by their time-to-live');
  const stateBytes = gauge('headrace_pipeline_state_bytes', 'Bytes of state, about');
  const stateKeys = gauge('headrace_pipeline_state_keys', 'Keys of state');
  const waiting = gauge('headrace_pipeline_waiting_rows', 'Rows that wait for the results of calls and look-ups');
  metrics.onCollect(() => {
    for (const status of statuses()) {
      const labels = { pipeline: status.name };
      lag.set(status.lagRecords, labels);
      late.set(status.lateRows, labels);
      duplicates.set(status.duplicateRows, labels);
      forgotten.set(status.forgottenRows, labels);
      stateBytes.set(status.stateBytes, labels);
      stateKeys.set(status.stateKeys, labels);
      waiting.set(
        status.operators.reduce((sum, { waitingRows = 0 }) => sum + waitingRows, 0),
        labels,
      );
      const { watermark } = status;
      // Bounded input that has ended is not late.
      if (watermark === WATERMARK_MAX) delay.set(0, labels);
      else if (watermark !== undefined) delay.set(clock.now() / 1000 - Number(watermark / 1000n) / 1000, labels);
    }
  });
}
