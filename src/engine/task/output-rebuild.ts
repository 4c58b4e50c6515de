import { offset, type TimestampMs } from '../../base/brand.ts';
import { textOf } from '../../base/bytes.ts';
import type { Append, Log } from '../../log/log.ts';
import { ReadBuffer } from '../../log/read-buffer.ts';
import { decodeRecordBatches } from '../../log/record-batch.ts';
import { CHUNK_BYTES } from '../limits.ts';
import { RecordSink } from '../operator/record-sink.ts';

/** Records that delete every key which an upsert topic holds: ahead of writing it anew. */
export function deletionsOf(log: Log, topic: string, now: TimestampMs): readonly Append[] {
  const live = new Map<string, Uint8Array>();
  const { partitions } = log.topic(topic)!;
  for (let partition = 0; partition < partitions; partition++) collectKeys(log, topic, partition, live);
  const sink = new RecordSink(topic, partitions);
  for (const key of live.values()) sink.write({ key, value: null }, now);
  return sink.take()?.appends ?? [];
}

function collectKeys(log: Log, topic: string, partition: number, live: Map<string, Uint8Array>): void {
  const reader = log.reader(topic, partition, offset(log.bounds(topic, partition).logStart));
  const buffer = new ReadBuffer(CHUNK_BYTES);
  for (let bytes = buffer.read(reader); bytes.length > 0; bytes = buffer.read(reader)) {
    for (const batch of decodeRecordBatches(bytes)) {
      if (batch.control) continue;
      for (const { key, value } of batch.entries()) {
        if (key === null) continue;
        if (value === null) live.delete(textOf(key));
        else live.set(textOf(key), key.slice());
      }
    }
  }
  reader.close();
}
