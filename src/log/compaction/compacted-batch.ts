import { crc32c } from '../../base/crc32c.ts';
import { varintSize, writeVarint, zigzag } from '../../base/varint.ts';
import {
  BATCH_CRC_START,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_OVERHEAD,
  BATCH_MAGIC,
  DELETE_HORIZON,
  NO_PRODUCER,
  setI32,
  setI64,
} from '../batch-header.ts';
import type { RecordCursor } from './record-cursor.ts';

/** A batch is at most so large, but for one that a single record fills. */
const BATCH_BYTES = 64 * 1024;
/** Of a record besides its tail: length, attributes, timestamp and offset deltas. */
const RECORD_OVERHEAD_MAX = 5 + 1 + 8 + 5;
/** What a batch without records says of timestamps, as Kafka's do. */
const NO_TIMESTAMP = -1;

/** A batch as it goes to the file. */
export interface EncodedCompaction {
  readonly batch: Uint8Array;
  readonly baseOffset: number;
  readonly maxTimestamp: number;
}

/**
 * Gathers the records that are kept into batches. A batch stands for all offsets from its base to its last, also those of
 * which nothing is left, so that batches still follow each other without a gap.
 */
export class CompactedBatch {
  readonly #tails = new TailBuffer();
  readonly #offsets: number[] = [];
  readonly #timestamps: number[] = [];
  readonly #ends: number[] = [];
  readonly #leaderEpoch: number;
  #base: number;
  #horizon: number | undefined;

  constructor(base: number, leaderEpoch: number) {
    this.#base = base;
    this.#leaderEpoch = leaderEpoch;
  }

  /** Whether the record would make it too large. */
  isFullFor(record: RecordCursor): boolean {
    const bytes = this.#tails.length + this.#offsets.length * RECORD_OVERHEAD_MAX;
    return this.#offsets.length > 0 && bytes + record.end - record.tail > BATCH_BYTES;
  }

  /** `horizon`: from when on the record, a deletion, may go; undefined for any other. */
  add(record: RecordCursor, horizon: number | undefined): void {
    this.#offsets.push(record.offset);
    this.#timestamps.push(record.timestamp);
    this.#tails.add(record.bytes, record.tail, record.end);
    this.#ends.push(this.#tails.length);
    if (horizon !== undefined) this.#horizon = Math.max(this.#horizon ?? 0, horizon);
  }

  /** The batch, standing for all up to `end`; the next one begins there. */
  take(end: number): EncodedCompaction {
    const baseOffset = this.#base;
    const maxTimestamp = this.#timestamps.reduce((max, at) => Math.max(max, at), NO_TIMESTAMP);
    const batch = this.#encode(end, maxTimestamp);
    this.#base = end;
    this.#horizon = undefined;
    this.#offsets.length = 0;
    this.#timestamps.length = 0;
    this.#ends.length = 0;
    this.#tails.clear();
    return { batch, baseOffset, maxTimestamp };
  }

  #encode(end: number, maxTimestamp: number): Uint8Array {
    const count = this.#offsets.length;
    const baseTimestamp = this.#horizon ?? this.#timestamps[0] ?? NO_TIMESTAMP;
    const bytes = new Uint8Array(BATCH_HEADER_BYTES + this.#tails.length + count * RECORD_OVERHEAD_MAX);
    let at = BATCH_HEADER_BYTES;
    for (let i = 0; i < count; i++) at = this.#encodeRecord(bytes, at, i, baseTimestamp);
    const batch = bytes.slice(0, at);
    setI64(batch, 0, this.#base);
    setI32(batch, 8, batch.length - BATCH_LENGTH_OVERHEAD);
    setI32(batch, 12, this.#leaderEpoch);
    batch[16] = BATCH_MAGIC;
    batch[22] = this.#horizon === undefined ? 0 : DELETE_HORIZON;
    setI32(batch, 23, end - 1 - this.#base);
    setI64(batch, 27, baseTimestamp);
    setI64(batch, 35, maxTimestamp);
    new DataView(batch.buffer).setBigInt64(43, NO_PRODUCER);
    batch.fill(0xff, 51, 57);
    setI32(batch, 57, count);
    setI32(batch, 17, crc32c(batch, BATCH_CRC_START));
    return batch;
  }

  #encodeRecord(bytes: Uint8Array, start: number, i: number, baseTimestamp: number): number {
    const timestampDelta = zigzag(this.#timestamps[i]! - baseTimestamp);
    const offsetDelta = zigzag(this.#offsets[i]! - this.#base);
    const tail = this.#tails.slice(this.#ends[i - 1] ?? 0, this.#ends[i]!);
    const length = 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + tail.length;
    let at = writeVarint(bytes, start, zigzag(length));
    bytes[at++] = 0;
    at = writeVarint(bytes, at, timestampDelta);
    at = writeVarint(bytes, at, offsetDelta);
    bytes.set(tail, at);
    return at + tail.length;
  }
}

/** Keys, values and headers of records, one after another. */
class TailBuffer {
  #bytes = new Uint8Array(2 * BATCH_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(bytes: Uint8Array, from: number, to: number): void {
    const needed = this.#length + to - from;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(2 * needed);
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes.subarray(from, to), this.#length);
    this.#length = needed;
  }

  slice(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(from, to);
  }

  clear(): void {
    this.#length = 0;
  }
}
