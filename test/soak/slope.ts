/** Trends of noisy figures. */

export interface Point {
  /** Hours. */
  readonly at: number;
  readonly value: number;
}

/** The median of the slopes between all pairs of points (Theil 1950, Sen 1968): up to 29 % of them may be outliers. */
export function theilSen(points: readonly Point[]): number {
  const slopes: number[] = [];
  for (let i = 0; i < points.length; i++) {
    for (let j = i + 1; j < points.length; j++) {
      const span = points[j]!.at - points[i]!.at;
      if (span > 0) slopes.push((points[j]!.value - points[i]!.value) / span);
    }
  }
  return median(slopes);
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
