import { instant, optionalNumber } from '../api/json.ts';
import type { Row } from '../api/types.ts';

export interface WindowSeries {
  /** Seconds since the Unix epoch, ascending. */
  readonly times: readonly number[];
  readonly series: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

/** Lines in one chart that a person can still tell apart; the rest is summed as "others". */
export const SERIES_MAX = 4;
const WINDOWS_MAX = 400;

/** A numeric column over `timeColumn`: one line for each value of `splitBy`, the largest first, or one line of sums. */
export function windowSeries(
  rows: readonly Row[],
  timeColumn: string,
  valueColumn: string,
  splitBy: string | undefined,
): WindowSeries {
  const sums = new Map<string, Map<number, number>>();
  const instants = new Set<number>();
  for (const row of rows) {
    const at = instant(row[timeColumn]);
    const value = optionalNumber(row[valueColumn]);
    if (at === undefined || value === undefined) continue;
    const label = splitBy === undefined ? valueColumn : String(row[splitBy] ?? 'null');
    const line = sums.get(label) ?? new Map<number, number>();
    sums.set(label, line);
    line.set(at, (line.get(at) ?? 0) + value);
    instants.add(at);
  }
  const times = [...instants].sort((a, b) => a - b).slice(-WINDOWS_MAX);
  const size = (line: ReadonlyMap<number, number>) => times.reduce((sum, at) => sum + Math.abs(line.get(at) ?? 0), 0);
  const sorted = [...sums].sort((a, b) => size(b[1]) - size(a[1]) || (a[0] < b[0] ? -1 : 1));
  const shown = sorted.length > SERIES_MAX + 1 ? sorted.slice(0, SERIES_MAX) : sorted;
  const rest = sorted.slice(shown.length);
  if (rest.length > 0) {
    const others = new Map<number, number>();
    for (const [, line] of rest) for (const [at, value] of line) others.set(at, (others.get(at) ?? 0) + value);
    shown.push([`${rest.length} others`, others]);
  }
  return {
    times: times.map((at) => at / 1000),
    series: shown.map(([label, line]) => ({ label, values: times.map((at) => line.get(at) ?? null) })),
  };
}
