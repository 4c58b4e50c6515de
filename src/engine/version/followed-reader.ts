import { type Offset, offset } from '../../base/brand.ts';
import { BATCH_HEADER_BYTES, baseOffsetAt, batchSizeAt } from '../../log/batch-header.ts';
import type { PartitionReader } from '../../log/log.ts';

/** Reads a partition as far as somebody else has come: whole batches below `limit`, which only grows. */
export class FollowedReader implements PartitionReader {
  readonly #reader: PartitionReader;
  #limit: number;

  constructor(reader: PartitionReader, limit: number) {
    this.#reader = reader;
    this.#limit = limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
  }

  get topic(): string {
    return this.#reader.topic;
  }

  get partition(): number {
    return this.#reader.partition;
  }

  get position(): Offset {
    return this.#reader.position;
  }

  seek(position: Offset): void {
    this.#reader.seek(position);
  }

  highWatermark(): Offset {
    return offset(Math.min(this.#reader.highWatermark(), this.#limit));
  }

  readInto(target: Uint8Array): number {
    if (this.#reader.position >= this.#limit) return 0;
    const length = this.#reader.readInto(target);
    if (this.#reader.position <= this.#limit) return length;
    for (let at = 0; at + BATCH_HEADER_BYTES <= length; at += batchSizeAt(target, at)) {
      const base = baseOffsetAt(target, at);
      if (base < this.#limit) continue;
      this.#reader.seek(offset(base));
      return at;
    }
    return length;
  }

  close(): void {
    this.#reader.close();
  }
}
