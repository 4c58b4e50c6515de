import { bytesEqual, textOf } from '../../base/bytes.ts';
import { DEAD_LETTER_TOPIC, type DeadLetter } from '../../log/dead-letter.ts';
import type { Append, Log } from '../../log/log.ts';
import { RecordSink } from '../operator/record-sink.ts';
import { standingRows, topicRows } from './topic-rows.ts';

/** What a cut-over changes in one topic. */
export interface Difference {
  readonly appends: readonly Append[];
  readonly written: number;
  readonly deleted: number;
}

/**
 * The records that make an upsert topic hold what another one holds: rows that are gone are deleted, those that are new or
 * changed are written, and the others are not touched. Both topics have the same number of partitions.
 */
export async function upsertDifference(log: Log, topic: string, shadow: string, nowMs: number): Promise<Difference> {
  const before = await standingRows(log, topic);
  const after = await standingRows(log, shadow);
  const sink = new RecordSink(topic, log.topic(topic)!.partitions);
  let deleted = 0;
  let written = 0;
  for (const [text, { key }] of before) {
    if (after.has(text)) continue;
    sink.write({ key, value: null }, nowMs);
    deleted++;
  }
  for (const [text, row] of after) {
    const known = before.get(text);
    if (known !== undefined && bytesEqual(known.value!, row.value!)) continue;
    sink.write(row, nowMs);
    written++;
  }
  return { appends: sink.take()?.appends ?? [], written, deleted };
}

/** The dead letters of a version that the one before has not written: those of the same record for the same reason are the same. */
export async function letterDifference(log: Log, pipeline: string, shadow: string, nowMs: number): Promise<Difference> {
  const after: { readonly identity: string; readonly value: Uint8Array }[] = [];
  for await (const rows of topicRows(log, shadow)) {
    for (const { value } of rows) if (value !== null) after.push({ identity: letterIdentity(value).identity, value });
  }
  if (after.length === 0) return { appends: [], written: 0, deleted: 0 };
  const known = new Map<string, number>();
  for (const { identity } of after) known.set(identity, 0);
  for await (const rows of topicRows(log, DEAD_LETTER_TOPIC)) {
    for (const { value } of rows) {
      if (value === null) continue;
      const letter = letterIdentity(value);
      const count = known.get(letter.identity);
      if (letter.pipeline === pipeline && count !== undefined) known.set(letter.identity, count + 1);
    }
  }
  const sink = new RecordSink(DEAD_LETTER_TOPIC);
  let written = 0;
  for (const { identity, value } of after) {
    const left = known.get(identity)!;
    known.set(identity, left - 1);
    if (left > 0) continue;
    sink.write({ key: null, value }, nowMs);
    written++;
  }
  return { appends: sink.take()?.appends ?? [], written, deleted: 0 };
}

function letterIdentity(value: Uint8Array): { readonly identity: string; readonly pipeline: string | undefined } {
  const letter = JSON.parse(textOf(value)) as DeadLetter;
  const { topic, partition, offset, reason, retracts, pipeline } = letter;
  const place = offset === undefined ? [letter.value, letter.base64] : [partition, offset];
  return { identity: JSON.stringify([topic, ...place, reason, retracts ?? false]), pipeline };
}
