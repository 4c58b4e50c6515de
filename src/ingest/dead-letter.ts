import { isUtf8 } from 'node:buffer';
import type { TimestampMs } from '../base/brand.ts';
import type { Append, TopicConfig } from '../log/log.ts';
import { encodeRecordBatch } from '../log/record-batch.ts';
import { DEAD_LETTER_TOPIC, type DeadLetter } from './ingest.ts';
import { DEAD_LETTER_BYTES_MAX } from './limits.ts';

/** Kept for a week: long enough to notice, fix and replay. */
export const DEAD_LETTER_TOPIC_CONFIG: TopicConfig = {
  name: DEAD_LETTER_TOPIC,
  partitions: 1,
  kind: 'append',
  retentionMs: 7 * 24 * 60 * 60 * 1000,
  retentionBytes: 4 * 1024 ** 3,
  segmentBytesMax: 64 * 1024 * 1024,
  keyPath: undefined,
  properties: {},
};

export interface DeadLetterOrigin {
  readonly topic: string;
  readonly reason: string;
  readonly pointer: string | undefined;
  readonly message: string;
  readonly receivedAt: TimestampMs;
}

/** The dead letter of a record that never was in the log; `bytes` is copied. */
export function deadLetterOf(origin: DeadLetterOrigin, bytes: Uint8Array): DeadLetter {
  const kept = Buffer.from(bytes.subarray(0, DEAD_LETTER_BYTES_MAX));
  const cut = bytes.length - kept.length;
  return {
    topic: origin.topic,
    reason: origin.reason,
    ...(origin.pointer === undefined ? {} : { pointer: origin.pointer }),
    message: cut === 0 ? origin.message : `${origin.message} (the last ${cut} of ${bytes.length} bytes are not kept)`,
    receivedAt: origin.receivedAt,
    ...(isUtf8(kept) ? { value: kept.toString('utf8') } : { base64: kept.toString('base64') }),
  };
}

/** Dead letters as appends, cut into batches of at most `batchBytesMax` (one larger letter goes alone). */
export function deadLetterAppends(
  letters: readonly DeadLetter[],
  timestamp: TimestampMs,
  batchBytesMax: number,
): readonly Append[] {
  const appends: Append[] = [];
  let values: Uint8Array[] = [];
  let size = 0;
  const finish = () => {
    if (values.length === 0) return;
    const records = values.map((value) => ({ key: null, value, timestamp }));
    appends.push({ topic: DEAD_LETTER_TOPIC, partition: 0, ...encodeRecordBatch(records) });
    values = [];
    size = 0;
  };
  for (const letter of letters) {
    const value = Buffer.from(JSON.stringify(letter));
    if (size + value.length > batchBytesMax) finish();
    values.push(value);
    size += value.length;
  }
  finish();
  return appends;
}
