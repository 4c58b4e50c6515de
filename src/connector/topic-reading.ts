import { offset as asOffset, type Offset } from '../base/brand.ts';
import type { Log, PartitionReader } from '../log/log.ts';
import { ReadBuffer } from '../log/read-buffer.ts';
import { decodeRecordBatches } from '../log/record-batch.ts';
import type { SinkRecord } from './sink-target.ts';

const READ_BYTES = 256 * 1024;

/** Reads one partition record by record, a piece of any size at a time. */
export class PartitionReading {
  readonly #reader: PartitionReader;
  readonly #buffer = new ReadBuffer(READ_BYTES);
  /** Read and not yet taken. */
  #ahead: SinkRecord[] = [];
  #next: Offset;

  constructor(log: Log, topic: string, partition: number, from: Offset) {
    this.#reader = log.reader(topic, partition, from);
    this.#next = from;
  }

  /**
   * Up to `limit` records below `to`, about `bytesMax` of them; valid until the next call. `next` is the offset to go on
   * from, past markers and whatever else is not data.
   */
  take(
    limit: number,
    bytesMax: number,
    to: Offset,
  ): { readonly records: readonly SinkRecord[]; readonly next: Offset } {
    if (this.#ahead.length === 0) this.#fill();
    let count = 0;
    let bytes = 0;
    for (const record of this.#ahead) {
      if (count >= limit || record.offset >= to || (count > 0 && bytes >= bytesMax)) break;
      bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
      count += 1;
    }
    const records = this.#ahead.slice(0, count);
    this.#ahead = this.#ahead.slice(count);
    const follows = this.#ahead[0]?.offset ?? this.#reader.position;
    this.#next = asOffset(Math.min(Math.max(follows, this.#next), Math.max(to, this.#next)));
    return { records, next: this.#next };
  }

  /** All records below `to`, which are visible: what was once one batch is so again, whatever limits and buffers are now. */
  takeTo(to: Offset): { readonly records: readonly SinkRecord[]; readonly next: Offset } {
    const records: SinkRecord[] = [];
    for (;;) {
      const before = this.#next;
      const taken = this.take(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, to);
      for (const record of taken.records) records.push(copyOf(record));
      if (taken.next >= to || taken.next === before) return { records, next: taken.next };
    }
  }

  close(): void {
    this.#reader.close();
  }

  #fill(): void {
    const { partition } = this.#reader;
    for (const batch of decodeRecordBatches(this.#buffer.read(this.#reader))) {
      if (batch.control) continue;
      for (const { offset, timestamp, key, value } of batch.entries()) {
        if (offset >= this.#next) this.#ahead.push({ partition, offset: asOffset(offset), timestamp, key, value });
      }
    }
  }
}

function copyOf(record: SinkRecord): SinkRecord {
  const copy = (bytes: Uint8Array | null): Uint8Array | null => bytes && new Uint8Array(bytes);
  return { ...record, key: copy(record.key), value: copy(record.value) };
}
