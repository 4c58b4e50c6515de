import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { HeadraceError } from '../base/error.ts';
import { INPUT_PADDING_BYTES, type Kernel } from './kernel.ts';

const STATE_FORMAT = 0xa3;
/** Only what had changed since the snapshot before. */
const DELTA_FORMAT = 0xb3;
const NO_SLAB = 0xffff_ffff;
/** Changed rows are written in blocks of about so many bytes; one that is larger has a block of its own. */
const BLOCK_BYTES = 256 * 1024;

interface SavedBucket {
  readonly number: bigint;
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

/** The rows of one moment, handed out slab by slab while rows come and go; or those only that have changed. */
export class RowSnapshot {
  readonly #kernel: Kernel;
  readonly #rows: number;
  readonly isDelta: boolean;
  #buckets: readonly SavedBucket[] | undefined;
  /** Bytes in use of each slab, until they are written. */
  #slabs: readonly number[] = [];
  #hasChanges: boolean;
  #open = true;

  /** `delta`: of what has changed since the last one began, if that is known and little. */
  constructor(kernel: Kernel, rows: number, delta: boolean) {
    const { exports } = kernel;
    this.#kernel = kernel;
    this.#rows = rows;
    this.isDelta = delta && exports.rowsHaveFewChanges(rows) !== 0;
    this.#hasChanges = this.isDelta;
    exports.rowsSnapshotBegin(rows, this.isDelta ? 1 : 0);
    this.#buckets = this.#bucketsNow();
    if (!this.isDelta) return;
    this.#slabs = Array.from(
      { length: exports.rowsSlabs(rows) >>> 0 },
      (_, at) => exports.rowsSlabBytes(rows, at) >>> 0,
    );
  }

  #bucketsNow(): SavedBucket[] {
    const { exports } = this.#kernel;
    return Array.from({ length: exports.rowsBuckets(this.#rows) }, (_, at) => {
      const words = (exports.rowsBucketAddress(this.#rows, at) >>> 0) / 4;
      const [first = 0, last = 0, count = 0] = this.#kernel.u32().subarray(words, words + 3);
      return { number: exports.rowsBucketNumber(this.#rows, at), first, last, count };
    });
  }

  get hasMore(): boolean {
    return this.#buckets !== undefined || (this.isDelta ? this.#hasChanges : this.#slab() !== NO_SLAB);
  }

  /** Writes the next slabs until the part has `bytesMin`; false when there were none left. */
  next(writer: ByteWriter, bytesMin: number): boolean {
    if (!this.hasMore) return false;
    writer.u8(this.isDelta ? DELTA_FORMAT : STATE_FORMAT);
    this.#writeHead(writer);
    const from = writer.length;
    if (this.isDelta) this.#writeChanges(writer, from, bytesMin);
    else {
      while (this.#slab() !== NO_SLAB && writer.length - from < bytesMin) this.#writeSlab(writer);
      writer.u32(NO_SLAB);
    }
    return true;
  }

  #writeHead(writer: ByteWriter): void {
    const buckets = this.#buckets ?? [];
    if (this.isDelta) {
      writer.u8(this.#buckets === undefined ? 0 : 1);
      writer.varint(this.#slabs.length);
      for (const bytes of this.#slabs) writer.u32(bytes);
      this.#slabs = [];
    }
    this.#buckets = undefined;
    writer.varint(buckets.length);
    for (const { number, first, last, count } of buckets) {
      writer.i64(number);
      for (const word of [first, last, count]) writer.u32(word);
    }
  }

  #writeChanges(writer: ByteWriter, from: number, bytesMin: number): void {
    const { exports } = this.#kernel;
    let room = BLOCK_BYTES;
    while (this.#hasChanges && writer.length - from < bytesMin) {
      const target = this.#kernel.alloc(room);
      const bytes = exports.rowsChangesNext(this.#rows, target, room) >>> 0;
      const needed = exports.rowsChangesNeeded() >>> 0;
      if (bytes > 0) writer.prefixed(this.#kernel.u8().subarray(target, target + bytes));
      this.#kernel.free(target);
      this.#hasChanges = needed !== 0;
      room = Math.max(BLOCK_BYTES, needed);
    }
    writer.varint(0);
  }

  #slab(): number {
    return this.#kernel.exports.rowsSnapshotSlab(this.#rows) >>> 0;
  }

  #writeSlab(writer: ByteWriter): void {
    const { exports } = this.#kernel;
    const bytes = exports.rowsSnapshotBytes(this.#rows) >>> 0;
    writer.u32(this.#slab());
    const target = bytes === 0 ? 0 : this.#kernel.alloc(bytes);
    exports.rowsSnapshotNext(this.#rows, target);
    writer.prefixed(this.#kernel.u8().subarray(target, target + bytes));
    if (target !== 0) this.#kernel.free(target);
  }

  /** It is complete or given up. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#kernel.exports.rowsSnapshotEnd(this.#rows);
  }
}

/** Takes in one part of a snapshot; `rowsRestored` ends it. @throws HeadraceError `KERNEL_STATE_INVALID` */
export function readRows(kernel: Kernel, rows: number, reader: ByteReader): void {
  const format = reader.u8();
  if (format === DELTA_FORMAT) readSlabBytes(kernel, rows, reader);
  else if (format !== STATE_FORMAT) throw unknownFormat();
  for (let buckets = reader.unsigned(); buckets > 0; buckets--) {
    const number = reader.i64();
    kernel.exports.rowsRestoreBucket(rows, number, reader.u32(), reader.u32(), reader.u32());
  }
  if (format === DELTA_FORMAT) readChanges(kernel, rows, reader);
  else readSlabs(kernel, rows, reader);
}

function readSlabBytes(kernel: Kernel, rows: number, reader: ByteReader): void {
  if (reader.u8() === 1) kernel.exports.rowsRestoreNoBuckets(rows);
  const slabs = reader.unsigned();
  for (let slab = 0; slab < slabs; slab++) kernel.exports.rowsRestoreSlabBytes(rows, slab, reader.u32());
}

function readSlabs(kernel: Kernel, rows: number, reader: ByteReader): void {
  for (let slab = reader.u32(); slab !== NO_SLAB; slab = reader.u32()) {
    const bytes = reader.prefixed();
    const from = kernel.alloc(bytes.length + INPUT_PADDING_BYTES);
    kernel.u8().set(bytes, from);
    kernel.exports.rowsRestoreSlab(rows, slab, from, bytes.length);
    kernel.free(from);
  }
}

function readChanges(kernel: Kernel, rows: number, reader: ByteReader): void {
  for (let length = reader.unsigned(); length > 0; length = reader.unsigned()) {
    const from = kernel.alloc(length + INPUT_PADDING_BYTES);
    kernel.u8().set(reader.raw(length), from);
    kernel.exports.rowsRestoreChanges(rows, from, length);
    kernel.free(from);
  }
}

function unknownFormat(): HeadraceError {
  return new HeadraceError('reading kept rows: their format is not known', {
    code: 'KERNEL_STATE_INVALID',
    domain: 'kernel',
    next: 'rebuild the pipeline from its inputs',
  });
}
