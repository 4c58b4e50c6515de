import type { Frame, Subscriber } from './subscriber.ts';

/** A record of a topic as the log holds it in the end. */
export interface LoggedRecord {
  readonly key: string | null;
  /** JSON text; null deletes. */
  readonly value: string | null;
}

/** Records of each partition, from offset 0 on. */
export type LoggedTopic = readonly (readonly LoggedRecord[])[];

/**
 * What a subscriber has had must be what the log holds: each record once, in order, none that is not there, from the offset at which its
 * snapshot ended to the end. And the snapshot with all that followed must make the rows that stand.
 * @returns how many changes it has had
 */
export function checkFrames(subscriber: Subscriber, topic: LoggedTopic): number {
  const { frames, title } = subscriber;
  const wrong = (why: string, at: number): Error =>
    new Error(
      `${title}: ${why}, frame ${at} of ${frames.length}: ${JSON.stringify(frames.slice(Math.max(0, at - 2), at + 1))}`,
    );
  let position: number[] | undefined;
  let changes = 0;
  const rows = new Map<string, string>();
  for (const [at, frame] of frames.entries()) {
    if (frame.op === 'snapshot') {
      if (position !== undefined) throw wrong('a snapshot after changes', at);
      hold(rows, frame);
      continue;
    }
    const next = positionOf(frame.offset);
    if (frame.op === 'caught-up') {
      if (position !== undefined && !sameNumbers(position, next)) throw wrong('caught up somewhere else', at);
      position = next;
      continue;
    }
    // Only a topic without a table begins with its newest records and no snapshot.
    const moved = next.flatMap((offset, partition) =>
      offset === (position?.[partition] ?? offset) ? [] : [partition],
    );
    const partition = position === undefined ? undefined : moved[0];
    if (position !== undefined && (moved.length !== 1 || next[partition!] !== position[partition!]! + 1)) {
      throw wrong(`it went from ${position.join(',')} to ${next.join(',')}`, at);
    }
    if (partition !== undefined) {
      const record = topic[partition]?.[next[partition]! - 1];
      if (record === undefined) throw wrong('it was shown what the log does not hold', at);
      const isSame = record.key === frame.key && sameRow(record.value, frame.row);
      if (!isSame) throw wrong(`the log holds ${JSON.stringify(record)} there`, at);
      changes += 1;
    }
    position = next;
    hold(rows, frame);
  }
  const ends = topic.map((records) => records.length);
  if (position === undefined || !sameNumbers(position, ends)) {
    throw wrong(`it ended at ${position?.join(',')}, the log at ${ends.join(',')}`, frames.length - 1);
  }
  checkRows(title, rows, topic);
  return changes;
}

/** Of records with a key: those that stand. */
function checkRows(title: string, rows: ReadonlyMap<string, string>, topic: LoggedTopic): void {
  const standing = new Map<string, string>();
  for (const { key, value } of topic.flat()) {
    if (key === null) return;
    if (value === null) standing.delete(key);
    else standing.set(key, JSON.stringify(JSON.parse(value)));
  }
  for (const [key, row] of standing) {
    if (rows.get(key) !== row) throw new Error(`${title}: of ${key} it has ${rows.get(key)}, the log ${row}`);
  }
  const extra = [...rows.keys()].find((key) => !standing.has(key));
  if (extra !== undefined) throw new Error(`${title}: it has ${extra}, which is gone`);
}

function hold(rows: Map<string, string>, { key, row, op }: Frame): void {
  if (key === null) return;
  if (op === 'delete') rows.delete(key);
  else rows.set(key, JSON.stringify(row));
}

function positionOf(offset: string): number[] {
  return offset.split(',').map((part) => Number(part.split(':')[1]));
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}

function sameRow(value: string | null, row: unknown): boolean {
  return value === null ? row === null : JSON.stringify(JSON.parse(value)) === JSON.stringify(row);
}
