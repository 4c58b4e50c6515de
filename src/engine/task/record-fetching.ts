import { offset } from '../../base/brand.ts';
import type { PartitionReader } from '../../log/log.ts';
import { ReadBuffer } from '../../log/read-buffer.ts';
import { type DecodedRecord, decodeRecordBatches } from '../../log/record-batch.ts';

const BUFFER_BYTES = 256 * 1024;

/** Reads single records of the log again: of rows that came over an exchange, for their dead letters. */
export class RecordFetching {
  readonly #open: (topic: string, partition: number, from: number) => PartitionReader;
  readonly #readers = new Map<string, PartitionReader>();
  readonly #buffer = new ReadBuffer(BUFFER_BYTES);
  /** The last that was read, since a letter asks for its record more than once. */
  #last: { readonly key: string; readonly record: DecodedRecord } | undefined;

  constructor(open: (topic: string, partition: number, from: number) => PartitionReader) {
    this.#open = open;
  }

  /** Undefined when it is not there any more. */
  fetch(topic: string, partition: number, at: number): DecodedRecord | undefined {
    const key = `${topic}/${partition}/${at}`;
    if (this.#last?.key === key) return this.#last.record;
    const reader = this.#readerOf(topic, partition, at);
    for (const batch of decodeRecordBatches(this.#buffer.read(reader))) {
      if (batch.control || batch.endOffset <= at) continue;
      for (const record of batch.entries()) {
        if (record.offset !== at) continue;
        const found = { ...record, value: record.value?.slice() ?? null };
        this.#last = { key, record: found };
        return found;
      }
    }
    return undefined;
  }

  #readerOf(topic: string, partition: number, at: number): PartitionReader {
    const key = `${topic}/${partition}`;
    const known = this.#readers.get(key);
    if (known !== undefined) {
      known.seek(offset(at));
      return known;
    }
    const made = this.#open(topic, partition, at);
    this.#readers.set(key, made);
    return made;
  }

  close(): void {
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
  }
}
