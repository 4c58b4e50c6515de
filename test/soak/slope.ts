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
  const least = new Map<number, Point>();
  for (const point of points) {
    const span = Math.floor(point.at / spanHours);
    const known = least.get(span);
    if (known === undefined || point.value < known.value) least.set(span, point);
  }
  return [...least.values()];
}
