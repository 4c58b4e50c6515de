import { offset as asOffset, type Offset } from '../../base/brand.ts';
import type { Log } from '../../log/log.ts';
import { ReadBuffer } from '../../log/read-buffer.ts';
import { decodeRecordBatches } from '../../log/record-batch.ts';

/** A record as the API shows it: text where the bytes are UTF-8, base64 where not. */
export interface ShownRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly base64?: string;
}

const READ_BYTES = 256 * 1024;

/** The newest `limit` records of a topic, oldest first, over all partitions by time. */
export function newestRecords(log: Log, topic: string, limit: number): ShownRecord[] {
  const records: ShownRecord[] = [];
  for (let partition = 0; partition < (log.topic(topic)?.partitions ?? 0); partition++) {
    const { logStart, highWatermark } = log.bounds(topic, partition);
    const from = asOffset(Math.max(logStart, highWatermark - limit));
    records.push(...recordsFrom(log, topic, partition, from, limit));
  }
  records.sort((a, b) => a.timestamp - b.timestamp || a.partition - b.partition || a.offset - b.offset);
  return records.slice(-limit);
}

/**
 * Up to `limit` records of a partition from an offset on.
 * @throws HeadraceError `LOG_OFFSET_OUT_OF_RANGE`
 */
export function recordsFrom(log: Log, topic: string, partition: number, from: Offset, limit: number): ShownRecord[] {
  const reader = log.reader(topic, partition, from);
  const records: ShownRecord[] = [];
  const buffer = new ReadBuffer(READ_BYTES);
  try {
    while (records.length < limit) {
      const bytes = buffer.read(reader);
      if (bytes.length === 0) break;
      for (const batch of decodeRecordBatches(bytes)) {
        if (batch.control) continue;
        for (const { offset, timestamp, key, value } of batch.entries()) {
          if (offset < from || records.length >= limit) continue;
          records.push({ partition, offset, timestamp, key: keyText(key), ...shownValue(value) });
        }
      }
    }
  } finally {
    reader.close();
  }
  return records;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function shownValue(value: Uint8Array | null): Pick<ShownRecord, 'value' | 'base64'> {
  if (value === null) return { value: null };
  try {
    return { value: utf8.decode(value) };
  } catch {
    return { value: null, base64: Buffer.from(value).toString('base64') };
  }
}

function keyText(key: Uint8Array | null): string | null {
  return key === null ? null : Buffer.from(key).toString('utf8');
}
