import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { HeadraceError } from '../base/error.ts';
import { INPUT_PADDING_BYTES, type Kernel } from './kernel.ts';

const STATE_FORMAT = 0xa3;
const NO_SLAB = 0xffff_ffff;

interface SavedBucket {
  readonly number: bigint;
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

/** The rows of one moment, handed out slab by slab while rows come and go. */
export class RowSnapshot {
  readonly #kernel: Kernel;
  readonly #rows: number;
  #buckets: readonly SavedBucket[] | undefined;
  #open = true;

  constructor(kernel: Kernel, rows: number) {
    this.#kernel = kernel;
    this.#rows = rows;
    kernel.exports.rowsSnapshotBegin(rows);
    this.#buckets = this.#bucketsNow();
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
    return this.#buckets !== undefined || this.#slab() !== NO_SLAB;
  }

  /** Writes the next slabs until the part has `bytesMin`; false when there were none left. */
  next(writer: ByteWriter, bytesMin: number): boolean {
    if (!this.hasMore) return false;
    writer.u8(STATE_FORMAT);
    const buckets = this.#buckets ?? [];
    this.#buckets = undefined;
    writer.varint(buckets.length);
    for (const { number, first, last, count } of buckets) {
      writer.i64(number);
      for (const word of [first, last, count]) writer.u32(word);
    }
    const from = writer.length;
    while (this.#slab() !== NO_SLAB && writer.length - from < bytesMin) this.#writeSlab(writer);
    writer.u32(NO_SLAB);
    return true;
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

/** Takes in one part of a snapshot. @throws HeadraceError `KERNEL_STATE_INVALID` */
export function readRows(kernel: Kernel, rows: number, reader: ByteReader): void {
  if (reader.u8() !== STATE_FORMAT) throw unknownFormat();
  for (let buckets = reader.unsigned(); buckets > 0; buckets--) {
    const number = reader.i64();
    kernel.exports.rowsRestoreBucket(rows, number, reader.u32(), reader.u32(), reader.u32());
  }
  for (let slab = reader.u32(); slab !== NO_SLAB; slab = reader.u32()) {
    const bytes = reader.prefixed();
    const from = kernel.alloc(bytes.length + INPUT_PADDING_BYTES);
    kernel.u8().set(bytes, from);
    kernel.exports.rowsRestoreSlab(rows, slab, from, bytes.length);
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
