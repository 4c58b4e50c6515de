import type { MetricSample } from '../../telemetry/metrics.ts';

const END_TO_END = 'headrace_end_to_end_latency_seconds';

/**
 * From the receipt of a record to its visible effect, milliseconds: of one pipeline, or of the slowest of all. Null before
 * anything was measured.
 */
export function endToEndMs(
  samples: readonly MetricSample[],
  pipeline?: string,
): { readonly p50: number | null; readonly p99: number | null } {
  const own = samples.filter(
    (sample) => sample.name.startsWith(END_TO_END) && (pipeline === undefined || sample.labels.pipeline === pipeline),
  );
  const measured = own.some((sample) => sample.name === `${END_TO_END}_count` && sample.value > 0);
  const quantileMs = (quantile: string): number | null => {
    if (!measured) return null;
    const found = own.filter((sample) => sample.name === END_TO_END && sample.labels.quantile === quantile);
    return Math.max(0, ...found.map((sample) => sample.value)) * 1000;
  };
  return { p50: quantileMs('0.5'), p99: quantileMs('0.99') };
}
