/** A row as the model of sessions sees it, in the order in which rows are processed. */
export interface SessionRow {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  /** Event time, µs. */
  readonly time: bigint;
  /** Watermark of its partition just before it, µs; null when there is none. */
  readonly watermark: bigint | null;
}

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * The rows that are late for sessions, told from the rows alone: a row is late when the session that it would be part of, alone or
 * with those that are there, had ended before the watermark of its partition. Nothing is ever forgotten here.
 */
export function lateForSessions(rows: readonly SessionRow[], gap: bigint): readonly SessionRow[] {
  const sessions = new Map<string, Range[]>();
  const late: SessionRow[] = [];
  for (const row of rows) {
    const { key, time, watermark } = row;
    const known = sessions.get(key) ?? [];
    const touches = ({ first, last }: Range): boolean => time >= first - gap && time <= last + gap;
    const met = known.filter(touches);
    const ended = [{ first: time, last: time }, ...met].some(
      ({ last }) => watermark !== null && last + gap < watermark,
    );
    if (ended) {
      late.push(row);
      continue;
    }
    const all = [...met, { first: time, last: time }];
    const first = all.map((range) => range.first).sort(ascending)[0]!;
    const last = all.map((range) => range.last).sort(ascending)[all.length - 1]!;
    sessions.set(key, [...known.filter((range) => !touches(range)), { first, last }]);
  }
  return late;
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
