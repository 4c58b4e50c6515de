import { type Offset, type TimestampMs, timestampMs } from '../base/brand.ts';
import { utf8 } from '../base/bytes.ts';
import type { HeadraceError } from '../base/error.ts';
import { DEAD_LETTER_TOPIC, type DeadLetter } from '../log/dead-letter.ts';
import type { Append, Log } from '../log/log.ts';
import { encodeRecordBatch } from '../log/record-batch.ts';
import { ALERT_TOPIC } from './alert.ts';
import { ALERT_SEGMENT_BYTES } from './limits.ts';

/** Reason of the dead letter of a transition that a webhook did not take. */
export const WEBHOOK_REASON = 'webhook';

/** One transition for one address. */
export interface Delivery {
  readonly body: string;
  readonly id: string;
  readonly partition: number;
  readonly offset: Offset;
  /** When the alert changed. */
  readonly at: TimestampMs;
  /** What to commit when it is done. */
  readonly position: string;
}

/** The dead letter of a transition: its bytes, where it is in `_alerts`, and why it was not delivered. */
export function deadLetterOf(delivery: Delivery, error: HeadraceError, nowMs: TimestampMs): Append {
  const letter: DeadLetter = {
    topic: ALERT_TOPIC,
    partition: delivery.partition,
    offset: delivery.offset,
    reason: WEBHOOK_REASON,
    message: error.message,
    receivedAt: delivery.at,
    value: delivery.body,
  };
  const value = utf8(JSON.stringify(letter));
  const encoded = encodeRecordBatch([{ key: null, value, timestamp: nowMs }]);
  return { topic: DEAD_LETTER_TOPIC, partition: 0, ...encoded, maxTimestamp: timestampMs(encoded.maxTimestamp) };
}

export async function ensureDeadLetterTopic(log: Log): Promise<void> {
  if (log.topic(DEAD_LETTER_TOPIC) !== undefined) return;
  await log.createTopic({
    name: DEAD_LETTER_TOPIC,
    partitions: 1,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: ALERT_SEGMENT_BYTES,
    keyPath: undefined,
    properties: {},
  });
}
