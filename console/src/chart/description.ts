import { formatTime } from '../state/format.ts';

export interface DescribedSeries {
  readonly label: string;
  readonly values: readonly (number | null | undefined)[];
}

/** A chart in words: what it spans, and of each line the last, least and greatest value. */
export function describeChart(
  title: string,
  times: readonly number[],
  series: readonly DescribedSeries[],
  format: (value: number | undefined) => string,
): string {
  const first = times[0];
  const last = times.at(-1);
  if (first === undefined || last === undefined) return `${title}: no data yet`;
  const lines = series.map((one) => {
    const known = one.values.filter((value) => typeof value === 'number');
    if (known.length === 0) return `${one.label}: none`;
    const least = known.reduce((a, b) => Math.min(a, b));
    const greatest = known.reduce((a, b) => Math.max(a, b));
    return `${one.label}: last ${format(known.at(-1))}, between ${format(least)} and ${format(greatest)}`;
  });
  return `${title}, from ${formatTime(first * 1000)} to ${formatTime(last * 1000)}. ${lines.join('. ')}.`;
}
