import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { HeadraceError } from '../base/error.ts';
import type { ColumnVector } from './column.ts';
import { INPUT_PADDING_BYTES, type Kernel } from './kernel.ts';
import { COLUMN_BYTES, putColumns } from './state-column.ts';

const KEY_GROUPS = 128;
/** Above 128: earlier formats began with a count of key groups. */
const STATE_FORMAT = 0xa1;
const DELTA_FORMAT = 0xb1;
/** Offsets as in assembly/state/deduplicate.ts. */
const SET = { list: 8, count: 12, late: 24, duplicates: 28, keys: 32, size: 40 } as const;
const LISTED_BYTES = 16;
const MARK_BYTES = 16;

/** Rows of a batch, as {@link DeduplicateState.process} needs them: addresses as in column.ts. */
export interface DeduplicateInput {
  /** The key columns. Values that are equal have equal bytes: numerics and documents come in a canonical text. */
  readonly keys: readonly ColumnVector[];
  /** i64, µs. */
  readonly times: number;
  /** Watermark of each row's own partition (i64, µs), or 0. */
  readonly watermarks: number;
  readonly selection: number;
  readonly selected: number;
}

/** Selection vectors in the arena. */
export interface DeduplicateResult {
  readonly kept: number;
  readonly keptCount: number;
  readonly late: number;
  readonly lateCount: number;
  readonly duplicates: number;
}

/**
 * The keys seen within a time-to-live, in the kernel's memory: exact, 30 to 34 bytes a key when there are many (UUIDs as 16 bytes,
 * strings of more than 15 bytes with their bytes). Nothing is allocated per row.
 */
export class DeduplicateState {
  readonly #kernel: Kernel;
  readonly #set: number;
  readonly #columns: number;
  /** Snapshots under way, which read what is there; and the watermark up to which keys are forgotten when they end. */
  #readers = 0;
  #expireTo: bigint | undefined;
  /** Where the entries of each bucket ended when the last snapshot began, and the buckets that it has and that are gone. */
  #saved: Map<bigint, number> | undefined;
  #dropped: bigint[] = [];
  #restored = false;

  /** @param keyColumns how many columns make the key */
  constructor(kernel: Kernel, ttlUs: bigint, keyColumns: number) {
    this.#kernel = kernel;
    this.#set = kernel.exports.deduplicateCreate(ttlUs) >>> 0;
    this.#columns = kernel.alloc(keyColumns * COLUMN_BYTES);
  }

  #word(at: number): number {
    return this.#kernel.u32()[(this.#set + at) >>> 2]!;
  }

  get keys(): number {
    return Number(this.#kernel.i64()[(this.#set + SET.keys) / 8]);
  }

  /** Bytes allocated. */
  get bytes(): number {
    this.#saveRestored();
    return Number(this.#kernel.i64()[(this.#set + SET.size) / 8]);
  }

  /** `judge`: rows a time-to-live behind the later of their own watermark and `watermark` are late, and not looked at. */
  process(input: DeduplicateInput, watermark: bigint, judge: boolean): DeduplicateResult {
    const kernel = this.#kernel;
    const { keys, times, watermarks, selection, selected } = input;
    this.#saveRestored();
    const kept = kernel.arenaAlloc(selected * 4);
    const late = kernel.arenaAlloc(selected * 4);
    putColumns(kernel, this.#columns, keys);
    const keptCount = kernel.exports.deduplicate(
      this.#set,
      this.#columns,
      keys.length,
      times,
      watermarks,
      watermark,
      judge ? 1 : 0,
      selection,
      selected,
      kept,
      late,
    );
    return { kept, keptCount, late, lateCount: this.#word(SET.late), duplicates: this.#word(SET.duplicates) };
  }

  /** Forgets the keys that no row in time can meet any more; what a snapshot reads, when it has ended. */
  expire(watermark: bigint): void {
    if (this.#readers > 0) {
      this.#expireTo = watermark;
      return;
    }
    this.#saveRestored();
    const before = this.#word(SET.count);
    this.#kernel.exports.deduplicateExpire(this.#set, watermark);
    if (this.#word(SET.count) !== before) this.#forgetDropped();
  }

  /** What is known of buckets that are gone, but that a snapshot has them. */
  #forgetDropped(): void {
    const left = new Set(this.#bucketNumbers());
    for (const number of this.#saved?.keys() ?? []) if (!left.has(number)) this.#dropped.push(number);
    for (const number of this.#dropped) this.#forgetMarks(number);
  }

  #forgetMarks(number: bigint): void {
    const marks = this.#saved?.get(number);
    if (marks === undefined) return;
    this.#saved!.delete(number);
    this.#kernel.free(marks);
  }

  #bucketNumbers(): bigint[] {
    const list = this.#word(SET.list);
    const numbers: bigint[] = [];
    for (let i = 0; i < this.#word(SET.count); i++) numbers.push(this.#kernel.i64()[(list + i * LISTED_BYTES) / 8]!);
    return numbers;
  }

  /** Where the entries of each bucket end now; a block for each. */
  #marks(): Map<bigint, number> {
    const { exports } = this.#kernel;
    const marks = new Map<bigint, number>();
    this.#bucketNumbers().forEach((number, at) => {
      const block = this.#kernel.alloc(KEY_GROUPS * MARK_BYTES);
      exports.deduplicateMark(this.#set, at, block);
      marks.set(number, block);
    });
    return marks;
  }

  /** What was restored is what the last snapshot has: noted before it changes, and made ready for look-ups. */
  #saveRestored(): void {
    if (!this.#restored) return;
    this.#restored = false;
    this.#kernel.exports.deduplicateIndex(this.#set);
    this.#saved = this.#marks();
  }

  /**
   * Begins a snapshot of the keys as they are now; rows may be processed before it ends. With `delta`, of those only that have come
   * since the last one began, if there was one, and it was kept.
   */
  beginSnapshot(delta: boolean): DeduplicateSnapshot {
    this.#saveRestored();
    const since = delta ? this.#saved : undefined;
    const dropped = since === undefined ? undefined : this.#dropped;
    const marks = this.#marks();
    const parts = [...marks].map(([number, mark]) => ({ number, mark, since: since?.get(number) ?? 0 }));
    const old = [...(this.#saved?.values() ?? [])];
    this.#saved = marks;
    this.#dropped = [];
    this.#readers++;
    return new DeduplicateSnapshot(this.#kernel, parts, dropped, () => {
      for (const block of old) this.#kernel.free(block);
      this.#snapshotEnded();
    });
  }

  #snapshotEnded(): void {
    this.#readers--;
    if (this.#readers > 0 || this.#expireTo === undefined) return;
    const watermark = this.#expireTo;
    this.#expireTo = undefined;
    this.expire(watermark);
  }

  /** Takes in one part of a snapshot. @throws HeadraceError `KERNEL_STATE_INVALID` when another version wrote it */
  restore(reader: ByteReader): void {
    const format = reader.u8();
    if (format !== STATE_FORMAT && format !== DELTA_FORMAT) throw unknownFormat();
    this.#restored = true;
    const kernel = this.#kernel;
    if (format === DELTA_FORMAT) {
      for (let dropped = reader.unsigned(); dropped > 0; dropped--) {
        kernel.exports.deduplicateDrop(this.#set, reader.i64());
      }
    }
    for (let group = reader.unsigned(); group < KEY_GROUPS; group = reader.unsigned()) {
      const number = reader.i64();
      const bytes = reader.prefixed();
      const from = kernel.alloc(bytes.length + INPUT_PADDING_BYTES);
      kernel.u8().set(bytes, from);
      kernel.exports.deduplicateImport(this.#set, number, group, from, bytes.length);
      kernel.free(from);
    }
  }

  close(): void {
    for (const block of this.#saved?.values() ?? []) this.#kernel.free(block);
    this.#kernel.exports.deduplicateFree(this.#set);
    this.#kernel.free(this.#columns);
  }
}

/** A bucket of the moment of a snapshot: where its entries end (an address per key group), and where they began to be new, or 0. */
interface MarkedBucket {
  readonly number: bigint;
  readonly mark: number;
  readonly since: number;
}

/** The keys of one moment, handed out by key group. */
export class DeduplicateSnapshot {
  readonly #kernel: Kernel;
  readonly #buckets: readonly MarkedBucket[];
  #dropped: readonly bigint[] | undefined;
  readonly #ended: () => void;
  /** Only what has come since the snapshot before. */
  readonly isDelta: boolean;
  #group = 0;
  #open = true;

  constructor(
    kernel: Kernel,
    buckets: readonly MarkedBucket[],
    dropped: readonly bigint[] | undefined,
    ended: () => void,
  ) {
    this.#kernel = kernel;
    this.#buckets = buckets;
    this.#dropped = dropped;
    this.isDelta = dropped !== undefined;
    this.#ended = ended;
  }

  /**
   * Writes the next key groups, whole, until the part has `bytesMin`: their numbers, then what each bucket holds of them; in front,
   * of a delta, the buckets that are gone. False when there were none left.
   */
  next(writer: ByteWriter, bytesMin: number): boolean {
    if (this.#group >= KEY_GROUPS) return false;
    writer.u8(this.isDelta ? DELTA_FORMAT : STATE_FORMAT);
    if (this.isDelta) {
      writer.varint(this.#dropped?.length ?? 0);
      for (const number of this.#dropped ?? []) writer.i64(number);
      this.#dropped = [];
    }
    const from = writer.length;
    for (; this.#group < KEY_GROUPS && writer.length - from < bytesMin; this.#group++) this.#writeGroup(writer);
    writer.varint(KEY_GROUPS);
    return true;
  }

  #writeGroup(writer: ByteWriter): void {
    const kernel = this.#kernel;
    const offset = this.#group * MARK_BYTES;
    for (const { number, mark, since } of this.#buckets) {
      const before = since === 0 ? 0 : since + offset;
      const bytes = kernel.exports.deduplicateExportBytes(mark + offset, before) >>> 0;
      if (bytes === 0) continue;
      const target = kernel.alloc(bytes);
      kernel.exports.deduplicateExport(mark + offset, before, target);
      writer.varint(this.#group);
      writer.i64(number);
      writer.prefixed(kernel.u8().subarray(target, target + bytes));
      kernel.free(target);
    }
  }

  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#ended();
  }
}

function unknownFormat(): HeadraceError {
  return new HeadraceError('reading the state of a deduplication: its format is not known', {
    code: 'KERNEL_STATE_INVALID',
    domain: 'kernel',
    next: 'rebuild the pipeline from its inputs',
  });
}
