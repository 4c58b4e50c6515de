import type { Offset, TimestampMs } from '../base/brand.ts';
import { offset } from '../base/brand.ts';
import type { Log, PartitionReader } from '../log/log.ts';
import type { ReadBuffer } from '../log/read-buffer.ts';

/** Called for each record of a chunk of whole record batches; the bytes die with the call. */
export type RecordVisitor = (
  offset: Offset,
  timestamp: TimestampMs,
  key: Uint8Array | null,
  value: Uint8Array | null,
) => void;

/** Decodes whole record batches; control batches are passed over. */
export type BatchDecoder = (bytes: Uint8Array, visit: RecordVisitor) => void;

export interface TailRecord {
  readonly offset: Offset;
  readonly timestamp: TimestampMs;
  readonly key: string | null;
  readonly text: string | null;
}

/** Reads one partition record by record up to a bound, in slices of a given size. */
export class PartitionTail {
  readonly #reader: PartitionReader;
  readonly #decode: BatchDecoder;
  readonly #buffer: ReadBuffer;
  #decoded: TailRecord[] = [];
  #taken = 0;
  #position: Offset;

  constructor(log: Log, topic: string, partition: number, from: Offset, decode: BatchDecoder, buffer: ReadBuffer) {
    this.#reader = log.reader(topic, partition, from);
    this.#decode = decode;
    this.#buffer = buffer;
    this.#position = from;
  }

  /** The next offset that {@link take} will give, or one before it where the log has a gap. */
  get position(): Offset {
    return this.#position;
  }

  get highWatermark(): Offset {
    return this.#reader.highWatermark();
  }

  /**
   * The next records below `until`, at most `count`. An empty answer means that all of them have been taken.
   *
   * @throws HeadraceError `LOG_OFFSET_OUT_OF_RANGE` when retention has passed the position
   */
  take(count: number, until: Offset): readonly TailRecord[] {
    while (this.#taken === this.#decoded.length) {
      if (this.#position >= until || !this.#read()) return [];
    }
    let end = this.#taken;
    const last = Math.min(this.#decoded.length, this.#taken + count);
    while (end < last && this.#decoded[end]!.offset < until) end++;
    const records = this.#decoded.slice(this.#taken, end);
    this.#taken = end;
    if (end < this.#decoded.length) this.#position = end === 0 ? this.#position : this.#after(end);
    else this.#position = max(this.#position, this.#reader.position);
    return records;
  }

  /** Leaves out everything below `position`. */
  seek(position: Offset): void {
    this.#decoded = [];
    this.#taken = 0;
    this.#position = position;
    this.#reader.seek(position);
  }

  close(): void {
    this.#reader.close();
  }

  #after(end: number): Offset {
    return offset(this.#decoded[end - 1]!.offset + 1);
  }

  /** False when nothing is visible beyond the position. */
  #read(): boolean {
    const bytes = this.#buffer.read(this.#reader);
    if (bytes.length === 0) return false;
    const records: TailRecord[] = [];
    const from = this.#position;
    this.#decode(bytes, (at, timestamp, key, value) => {
      if (at >= from) records.push({ offset: at, timestamp, key: textOf(key), text: textOf(value) });
    });
    this.#decoded = records;
    this.#taken = 0;
    if (records.length === 0) this.#position = max(this.#position, this.#reader.position);
    return true;
  }
}

function max(a: Offset, b: Offset): Offset {
  return a > b ? a : b;
}

function textOf(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
