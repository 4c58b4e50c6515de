import { textOf } from '../../base/bytes.ts';
import type { Log } from '../../log/log.ts';
import { ReadBuffer } from '../../log/read-buffer.ts';
import { decodeRecordBatches } from '../../log/record-batch.ts';
import { CHUNK_BYTES } from '../limits.ts';

/** A record of a topic; its bytes are the caller's. */
export interface TopicRow {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** Every record of a topic that is visible now, partition by partition. Hands control back between chunks, so that others have their turn. */
export async function* topicRows(log: Log, topic: string): AsyncGenerator<readonly TopicRow[]> {
  const partitions = log.topic(topic)?.partitions ?? 0;
  const buffer = new ReadBuffer(CHUNK_BYTES);
  for (let partition = 0; partition < partitions; partition++) {
    const { logStart, highWatermark } = log.bounds(topic, partition);
    const reader = log.reader(topic, partition, logStart);
    // What is written meanwhile is not read: compaction must not take what it supersedes.
    const owner = `rows of ${topic}`;
    log.pin(owner, topic, partition, highWatermark);
    try {
      while (reader.position < highWatermark) {
        const bytes = buffer.read(reader);
        if (bytes.length === 0) break;
        yield rowsOf(bytes);
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    } finally {
      reader.close();
      log.pin(owner, topic, partition, undefined);
    }
  }
}

function rowsOf(bytes: Uint8Array): readonly TopicRow[] {
  const rows: TopicRow[] = [];
  for (const batch of decodeRecordBatches(bytes)) {
    if (batch.control) continue;
    for (const { key, value } of batch.entries()) {
      rows.push({ key: key === null ? null : key.slice(), value: value === null ? null : value.slice() });
    }
  }
  return rows;
}

/** What stands in an upsert topic: the last value of each key that is not deleted, by the text of the key. */
export async function standingRows(log: Log, topic: string): Promise<Map<string, TopicRow>> {
  const standing = new Map<string, TopicRow>();
  for await (const rows of topicRows(log, topic)) {
    for (const row of rows) {
      if (row.key === null) continue;
      const key = textOf(row.key);
      if (row.value === null) standing.delete(key);
      else standing.set(key, row);
    }
  }
  return standing;
}
