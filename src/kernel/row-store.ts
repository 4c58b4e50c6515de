import type { ByteReader } from '../base/bytes.ts';
import { HeadraceError } from '../base/error.ts';
import { type ColumnVector, PHYSICAL_CODE, PHYSICAL_WIDTH, type PhysicalType } from './column.ts';
import type { Kernel } from './kernel.ts';
import { RowSnapshot, readRows } from './row-snapshot.ts';
import { COLUMN_BYTES, putColumns } from './state-column.ts';

/** What a store keeps of a row. */
export interface RowLayout {
  readonly columns: readonly PhysicalType[];
  /**
   * Columns that make the key, in order. Equal values must have equal bytes (of doubles, NaN and zeros are equal); nulls are equal.
   * Empty: all rows have one key.
   */
  readonly keys: readonly number[];
  /** How long a bucket of times is, µs, when rows have times and are to be dropped by them. */
  readonly bucketUs: bigint | undefined;
}

/** Rows of a batch, as a store takes them: addresses as in column.ts. */
export interface RowInput {
  /** As in the layout. */
  readonly columns: readonly ColumnVector[];
  readonly selection: number;
  readonly selected: number;
}

/** Rows of a batch by their keys. */
export interface KeyInput {
  /** In the order of the layout's keys, and of their physical types. */
  readonly keys: readonly ColumnVector[];
  readonly selection: number;
  readonly selected: number;
}

/** References of rows, u32 each; in the arena. 0 names no row. */
export interface RowList {
  readonly references: number;
  readonly count: number;
}

/** Pairs of a row of a batch (its number, u32) and a kept row; in the arena. */
export interface RowPairs extends RowList {
  readonly numbers: number;
}

/** Offsets as in assembly/rows/layout.ts. */
const STORE = { rows: 32, size: 40, keys: 48 } as const;
const HEADER = { plain: 24, dated: 40 } as const;
const LAYOUT_ITEMS = 32;
const CURSOR_BYTES = 8;

function keptBytes(physical: PhysicalType): number {
  return physical === 'i32' ? 4 : 8;
}

function putLayout(kernel: Kernel, { columns, keys, bucketUs }: RowLayout): number {
  const address = kernel.exports.allocZeroed(LAYOUT_ITEMS + columns.length * 8 + keys.length * 4) >>> 0;
  const words = kernel.u32();
  const header = bucketUs === undefined ? HEADER.plain : HEADER.dated;
  let offset = header + ((columns.length + 7) >>> 3);
  let at = (address + LAYOUT_ITEMS) >>> 2;
  for (const physical of columns) {
    words[at++] = PHYSICAL_CODE[physical];
    words[at++] = offset;
    offset += keptBytes(physical);
  }
  words.set(keys, at);
  words.set([columns.length, keys.length, bucketUs === undefined ? 0 : 1, header, offset], address >>> 2);
  kernel.i64()[(address + 24) / 8] = bucketUs ?? 1n;
  return address;
}

/**
 * Rows kept in the kernel's memory, by key, in the order they came: for joins and whatever else must find rows again. A row takes
 * 24 bytes (40 with a time), the bytes of its columns (4 or 8; a string 8 and its length), and 12 to 24 for the index of each key.
 *
 * Rows are named by references (u32), which stay valid until the row is freed, also over a snapshot. Everything works on a batch of
 * rows at a time; nothing is allocated per row in JavaScript. Strings of {@link gather} lie in the kept rows: hand a batch on before
 * the rows in it are freed.
 */
export class RowStore {
  readonly #kernel: Kernel;
  readonly #layout: RowLayout;
  readonly #owner: string;
  readonly #store: number;
  #isRestoring = false;
  /** Descriptions of the columns, then of the keys, of the batch at hand. */
  readonly #columns: number;
  readonly #keys: number;

  /** @param owner who keeps the rows, for errors: `join "orders"` */
  constructor(kernel: Kernel, layout: RowLayout, owner: string) {
    this.#kernel = kernel;
    this.#layout = layout;
    this.#owner = owner;
    this.#store = kernel.exports.rowsCreate(putLayout(kernel, layout)) >>> 0;
    this.#columns = kernel.alloc(Math.max(1, layout.columns.length + layout.keys.length) * COLUMN_BYTES);
    this.#keys = this.#columns + layout.columns.length * COLUMN_BYTES;
  }

  /** The store, with what it was given back in its place. */
  get #rows(): number {
    if (this.#isRestoring) {
      this.#isRestoring = false;
      this.#guard(() => this.#kernel.exports.rowsRestored(this.#store));
    }
    return this.#store;
  }

  /** Address of the store: for kernels that work on its rows. */
  get address(): number {
    return this.#rows;
  }

  get rows(): number {
    return this.#count(STORE.rows);
  }

  get keys(): number {
    return this.#count(STORE.keys);
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.#count(STORE.size);
  }

  #count(at: number): number {
    const store = this.#rows;
    return Number(this.#kernel.i64()[(store + at) / 8]);
  }

  /** Describes columns of a batch to a kernel that works on the rows: addresses of their descriptions, and of those of the keys. */
  describe(columns: readonly ColumnVector[]): { readonly columns: number; readonly keys: number } {
    this.#putRows(columns);
    return { columns: this.#columns, keys: this.#keys };
  }

  #putRows(columns: readonly ColumnVector[]): void {
    putColumns(this.#kernel, this.#columns, columns);
    putColumns(
      this.#kernel,
      this.#keys,
      this.#layout.keys.map((key) => columns[key]!),
    );
  }

  /**
   * Keeps rows, each behind those of its key; returns their references, in the order of the selection. `times` (i64 by row, µs) is
   * needed when rows have times; `counters` (u32 by row) is what their counters begin with, zero without it.
   * @throws HeadraceError `KERNEL_OUT_OF_MEMORY`, naming the owner
   */
  append(input: RowInput, times = 0, counters = 0): RowList {
    const { columns, selection, selected } = input;
    const references = this.#kernel.arenaAlloc(selected * 4);
    this.#putRows(columns);
    this.#guard(() =>
      this.#kernel.exports.rowsAppend(
        this.#rows,
        this.#columns,
        this.#keys,
        selection,
        selected,
        times,
        counters,
        references,
      ),
    );
    return { references, count: selected };
  }

  /**
   * Finds for each row the first kept row that is equal to it in all columns, and takes it out of its key: 0 where there is none. They
   * can be read until they are freed.
   */
  take(input: RowInput): RowList & { readonly found: number } {
    const { columns, selection, selected } = input;
    const references = this.#kernel.arenaAlloc(selected * 4);
    this.#putRows(columns);
    const found = this.#guard(() =>
      this.#kernel.exports.rowsTake(this.#rows, this.#columns, this.#keys, selection, selected, references),
    );
    return { references, count: selected, found };
  }

  /** Takes rows out of their keys; they can be read until they are freed. */
  unlink({ references, count }: RowList): void {
    this.#guard(() => this.#kernel.exports.rowsUnlink(this.#rows, references, count));
  }

  /** Ends rows that {@link take} or {@link unlink} took out. */
  free({ references, count }: RowList): void {
    this.#guard(() => this.#kernel.exports.rowsFree(this.#rows, references, count));
  }

  /** The kept rows with the keys of rows of a batch, `room` pairs at a time: in the order of the batch, then of each key. */
  probe(input: KeyInput, room: number): RowProbe {
    return new RowProbe(this.#kernel, this.#rows, this.#keys, input, room);
  }

  /**
   * The version of each row's key that holds at its time (i64 by row): the latest not after it. Without times (0) the row of the key
   * that came last. In the order of the selection, 0 where there is none.
   */
  asOf({ keys, selection, selected }: KeyInput, times: number): RowList {
    const references = this.#kernel.arenaAlloc(selected * 4);
    putColumns(this.#kernel, this.#keys, keys);
    this.#kernel.exports.rowsAsOf(this.#rows, this.#keys, selection, selected, times, references);
    return { references, count: selected };
  }

  /** Marks the versions that are equal to these rows as going; which, 0 where there is none. {@link gone} ends it. */
  going({ columns, selection, selected }: RowInput): RowList {
    const references = this.#kernel.arenaAlloc(selected * 4);
    this.#putRows(columns);
    this.#kernel.exports.rowsGoing(this.#rows, this.#columns, this.#keys, selection, selected, references);
    return { references, count: selected };
  }

  /** Versions that were going, and which no other followed, hold no more from a time on (or from their own, when it is later). */
  gone({ references, count }: RowList, time: bigint): void {
    this.#guard(() => this.#kernel.exports.rowsGone(this.#rows, references, count, time));
  }

  /** Forgets versions that hold at no time from `horizon` on. */
  settle(horizon: bigint): void {
    this.#guard(() => this.#kernel.exports.rowsSettle(this.#rows, horizon));
  }

  /** One column of rows, null where the reference is 0; in the arena. */
  gather({ references, count }: RowList, column: number): ColumnVector {
    const kernel = this.#kernel;
    const physical = this.#layout.columns[column]!;
    const data = kernel.arenaAlloc(Math.max(1, count) * PHYSICAL_WIDTH[physical]);
    const nulls = kernel.arenaAlloc(Math.max(1, count));
    const any = kernel.exports.rowsGather(this.#rows, references, count, column, data, nulls);
    return { physical, data, nulls: any === 0 ? 0 : nulls };
  }

  /** Times of rows (i64, µs); in the arena. */
  times({ references, count }: RowList): number {
    const target = this.#kernel.arenaAlloc(Math.max(1, count) * 8);
    this.#kernel.exports.rowsTimes(this.#rows, references, count, target);
    return target;
  }

  /** Those of the rows whose counter is zero, in their order. */
  uncounted({ references, count }: RowList): RowList {
    const target = this.#kernel.arenaAlloc(count * 4);
    return { references: target, count: this.#kernel.exports.rowsUncounted(this.#rows, references, count, target) };
  }

  /** How many of the first buckets lie wholly below a time. */
  passed(horizon: bigint): number {
    return this.#kernel.exports.rowsPassed(this.#rows, horizon);
  }

  /** The end of the first bucket: the least horizon that it has passed; undefined when there is no row. */
  nextHorizon(): bigint | undefined {
    if (this.#kernel.exports.rowsBuckets(this.#rows) === 0) return undefined;
    return (this.#kernel.exports.rowsBucketNumber(this.#rows, 0) + 1n) * this.#layout.bucketUs!;
  }

  /** The rows of a bucket, by its place in the order of time, in the order they came. */
  bucket(at: number): RowList {
    const references = this.#kernel.arenaAlloc(this.#kernel.exports.rowsOfBucket(this.#rows, at) * 4);
    return { references, count: this.#kernel.exports.rowsInBucket(this.#rows, at, references) };
  }

  /** Drops the first buckets with their rows; returns how many rows. */
  dropBuckets(count: number): number {
    return count === 0 ? 0 : this.#guard(() => this.#kernel.exports.rowsDropBuckets(this.#rows, count));
  }

  /** Whether a snapshot of what has changed since the last one began is worth while. */
  get hasFewChanges(): boolean {
    return this.#kernel.exports.rowsHaveFewChanges(this.#rows) !== 0;
  }

  /**
   * Begins a snapshot of the rows as they are now, with `delta` of those only that have changed since the last one began, if that is
   * little; rows may come and go before it ends. One at a time.
   */
  beginSnapshot(delta: boolean): RowSnapshot {
    return new RowSnapshot(this.#kernel, this.#rows, delta);
  }

  /** Takes in one part of a snapshot, into a store that began empty; parts of a delta after those that it follows. @throws HeadraceError `KERNEL_STATE_INVALID` */
  restore(reader: ByteReader): void {
    this.#isRestoring = true;
    this.#guard(() => readRows(this.#kernel, this.#store, reader));
  }

  close(): void {
    this.#kernel.exports.rowsDestroy(this.#store);
    this.#kernel.free(this.#columns);
  }

  #guard<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof HeadraceError) || error.code !== 'KERNEL_OUT_OF_MEMORY') throw error;
      const { code, domain } = error;
      throw new HeadraceError(`keeping rows of ${this.#owner} (${this.#count(STORE.rows)} so far): ${error.message}`, {
        code,
        domain,
        cause: error,
      });
    }
  }
}

/** A look-up under way; its memory is the arena's. */
export class RowProbe {
  readonly #kernel: Kernel;
  readonly #rows: number;
  readonly #keys: number;
  readonly #input: KeyInput;
  readonly #room: number;
  readonly #cursor: number;

  constructor(kernel: Kernel, rows: number, keys: number, input: KeyInput, room: number) {
    this.#kernel = kernel;
    this.#rows = rows;
    this.#keys = keys;
    this.#input = input;
    this.#room = room;
    this.#cursor = kernel.arenaAlloc(CURSOR_BYTES);
    kernel.u32().fill(0, this.#cursor >>> 2, (this.#cursor + CURSOR_BYTES) >>> 2);
  }

  /** Position in the selection of the first row that is not done: those before it have all their pairs. */
  get position(): number {
    return this.#kernel.u32()[this.#cursor >>> 2]!;
  }

  get done(): boolean {
    return this.position >= this.#input.selected;
  }

  /** The next pairs: as many as there is room for, and fewer when these were the last. */
  next(): RowPairs {
    const { selection, selected, keys } = this.#input;
    const numbers = this.#kernel.arenaAlloc(this.#room * 4);
    const references = this.#kernel.arenaAlloc(this.#room * 4);
    putColumns(this.#kernel, this.#keys, keys);
    const count = this.#kernel.exports.rowsProbe(
      this.#rows,
      this.#keys,
      selection,
      selected,
      this.#cursor,
      numbers,
      references,
      this.#room,
    );
    return { numbers, references, count };
  }
}
