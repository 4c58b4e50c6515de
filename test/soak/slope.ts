/** Trends of noisy figures. */

export interface Point {
  /** Hours. */
  readonly at: number;
  readonly value: number;
}

export interface Trend {
  readonly slope: number;
  /** The slope lies between these with 95 % confidence; infinite with fewer than five points. */
  readonly low: number;
  readonly high: number;
}

/** Of the normal distribution, for 95 % on both sides. */
const Z = 1.96;

/**
 * The median of the slopes between all pairs of points (Theil 1950), of which up to 29 % may be outliers, and Sen's (1968)
 * interval of it: how far Kendall's statistic may be from none.
 */
export function trendOf(points: readonly Point[]): Trend {
  const slopes = pairSlopes(points).sort((a, b) => a - b);
  const n = points.length;
  const spread = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const below = Math.floor((slopes.length - spread) / 2);
  const low = below < 1 ? Number.NEGATIVE_INFINITY : slopes[below - 1]!;
  const high = below < 1 ? Number.POSITIVE_INFINITY : slopes[slopes.length - below]!;
  return { slope: median(slopes), low, high };
}

function pairSlopes(points: readonly Point[]): number[] {
  const slopes: number[] = [];
  for (let i = 0; i < points.length; i++) {
    for (let j = i + 1; j < points.length; j++) {
      const span = points[j]!.at - points[i]!.at;
      if (span > 0) slopes.push((points[j]!.value - points[i]!.value) / span);
    }
  }
  return slopes;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One point for each span of time: the least value in it, which garbage and retention leave. */
export function leastOf(points: readonly Point[], spanHours: number): Point[] {
  return spansOf(points, spanHours).map((span) => span.reduce((least, p) => (p.value < least.value ? p : least)));
}

/** One point for each span of time: the median in it. */
export function medianOf(points: readonly Point[], spanHours: number): Point[] {
  return spansOf(points, spanHours).map((span) => ({
    at: median(span.map(({ at }) => at)),
    value: median(span.map(({ value }) => value)),
  }));
}

/** Whole spans only, counted from the first point. */
function spansOf(points: readonly Point[], spanHours: number): Point[][] {
  const spans: Point[][] = [];
  const from = points[0]?.at ?? 0;
  const whole = Math.floor(((points.at(-1)?.at ?? 0) - from) / spanHours + 1e-9);
  for (const point of points) {
    const index = Math.floor((point.at - from) / spanHours);
    if (index >= Math.max(1, whole)) continue;
    spans[index] ??= [];
    spans[index].push(point);
  }
  return spans.filter((span) => span !== undefined);
}
