import type { ByteReader } from '../base/bytes.ts';
import { type ColumnVector, PHYSICAL_WIDTH } from './column.ts';
import { type GroupLayout, putGroupLayout, RESULT_BYTES } from './group-layout.ts';
import { GroupSnapshot, readRecords } from './group-snapshot.ts';
import type { Kernel } from './kernel.ts';
import { type GroupedRows, type GroupOutput, KeyedRecords } from './keyed-records.ts';
import { COLUMN_BYTES, putColumns } from './state-column.ts';

/** Offsets as in assembly/state/group-layout.ts. */
const TABLE = { groups: 24, size: 32, changed: 40, changedCount: 44, late: 52, failed: 60 } as const;

/** Rows of a batch and where their windows end: addresses as in column.ts. */
export interface GroupInput {
  /** One per key of the layout. */
  readonly keys: readonly ColumnVector[];
  /** i64 (µs), to which `endAdd` is added; 0 when not windowed. */
  readonly ends: number;
  readonly endAdd: bigint;
  /** Watermark of each row's own partition (i64, µs), or 0. */
  readonly watermarks: number;
  readonly selection: number;
  readonly selected: number;
  readonly weights: number;
}

/** A batch by key alone ({@link GroupState.partial}); in the arena. */
export interface GroupPartial {
  readonly records: number;
  /** The first row of each key. */
  readonly first: number;
  readonly keys: number;
}

/**
 * The groups of an aggregate in the kernel's memory, by window and key, with the states of the aggregates beside the key.
 * Nothing is allocated per row.
 */
export class GroupState extends KeyedRecords {
  readonly #layoutAddress: number;
  readonly #columns: number;

  constructor(kernel: Kernel, layout: GroupLayout) {
    const address = putGroupLayout(kernel, layout);
    super(kernel, layout, kernel.exports.groupCreate(address) >>> 0, 'groupKeyColumn');
    this.#layoutAddress = address;
    this.#columns = kernel.alloc(Math.max(1, layout.keys.length) * COLUMN_BYTES);
  }

  get groups(): number {
    return this.long(TABLE.groups);
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.long(TABLE.size);
  }

  /** Finds or makes the group of each row; `late` gets the numbers of rows whose window `watermark` or their own has closed. */
  assign(input: GroupInput, watermark: bigint): GroupedRows & { readonly late: number; readonly lateCount: number } {
    const kernel = this.kernel;
    const { keys, ends, endAdd, watermarks, selection, selected, weights } = input;
    const records = kernel.arenaAlloc(selected * 4);
    const rows = kernel.arenaAlloc(selected * 4);
    const late = kernel.arenaAlloc(selected * 4);
    putColumns(kernel, this.#columns, keys);
    const count = kernel.exports.groupRows(
      this.table,
      this.#columns,
      ends,
      endAdd,
      watermarks,
      watermark,
      selection,
      selected,
      weights,
      records,
      rows,
      late,
    );
    return { records, rows, count, late, lateCount: this.word(TABLE.late) };
  }

  /**
   * The rows by key, without regard to windows, for {@link add} to fill in; undefined when there are more than `keysMax` keys.
   * {@link isPlain} must be asked before it is merged.
   */
  partial(
    input: GroupInput,
    keysMax: number,
  ): { readonly partial: GroupPartial; readonly found: GroupedRows } | undefined {
    const kernel = this.kernel;
    const { keys, selection, selected, weights } = input;
    const first = kernel.arenaAlloc(keysMax * 4);
    const records = kernel.arenaAlloc(selected * 4);
    const rows = kernel.arenaAlloc(selected * 4);
    const base = kernel.arenaAlloc(4);
    putColumns(kernel, this.#columns, keys);
    const found = kernel.exports.groupPartial(
      this.table,
      this.#columns,
      selection,
      selected,
      weights,
      keysMax,
      first,
      records,
      rows,
      base,
    );
    if (found === 0) return undefined;
    const partial = { records: kernel.u32()[base >>> 2]!, first, keys: found };
    return { partial, found: { records, rows, count: selected } };
  }

  /** Whether a partial that has been filled in can be merged; one that cannot is done with. */
  isPlain({ records, keys }: GroupPartial): boolean {
    return this.kernel.exports.groupPartialIsPlain(this.table, records, keys) !== 0;
  }

  /** Whether all rows fall into one window and none is late. */
  isOneWindow({ ends, endAdd, watermarks, selection, selected }: GroupInput, watermark: bigint): boolean {
    if (ends === 0) return true;
    return this.kernel.exports.groupIsOneWindow(ends, endAdd, watermarks, watermark, selection, selected) !== 0;
  }

  /** Adds a partial of these rows, which fall into one window; the partial may be one of another table of the same layout. */
  merge({ keys, ends, endAdd }: GroupInput, partial: GroupPartial): void {
    putColumns(this.kernel, this.#columns, keys);
    const { records, first, keys: count } = partial;
    this.kernel.exports.groupMerge(this.table, this.#columns, ends, endAdd, records, first, count);
  }

  /** Those of the rows with which a value of the column appears or disappears, and the weights (by row) that say which. */
  distinct(
    aggregate: number,
    column: ColumnVector,
    weights: number,
    rowsOfBatch: number,
    { records, rows, count }: GroupedRows,
  ): { readonly found: GroupedRows; readonly changes: number } {
    const kernel = this.kernel;
    const keptRecords = kernel.arenaAlloc(count * 4);
    const keptRows = kernel.arenaAlloc(count * 4);
    const changes = kernel.arenaAlloc(rowsOfBatch * 4);
    const described = this.describe(column);
    const kept = kernel.exports.groupDistinct(
      this.table,
      aggregate,
      described,
      weights,
      records,
      rows,
      count,
      keptRecords,
      keptRows,
      changes,
    );
    return { found: { records: keptRecords, rows: keptRows, count: kept }, changes };
  }

  /**
   * Counts the values of the column in the set of the first member, for each member (an aggregate that counts) whose filter, a boolean
   * column, is true or missing. No row is ever taken back.
   */
  countDistinct(
    members: readonly number[],
    column: ColumnVector,
    filters: readonly (ColumnVector | undefined)[],
    { records, rows, count }: GroupedRows,
  ): void {
    const kernel = this.kernel;
    const masks = kernel.arenaAlloc(count * 4);
    const list = kernel.arenaAlloc(members.length * 4);
    const always = filters.reduce((mask, filter, bit) => (filter === undefined ? mask | (1 << bit) : mask), 0);
    const described = this.describe(column);
    const conditions = filters.map((filter) => (filter === undefined ? 0 : this.describe(filter)));
    const words = kernel.u32();
    words.fill(always >>> 0, masks >>> 2, (masks >>> 2) + count);
    words.set(members, list >>> 2);
    conditions.forEach((condition, bit) => {
      if (condition !== 0) kernel.exports.groupFilterBits(condition, rows, count, (1 << bit) >>> 0, masks);
    });
    const [owner] = members as readonly [number];
    kernel.exports.groupDistinctCounts(this.table, owner, described, records, rows, count, masks, list, members.length);
  }

  /** Merges states that {@link stateWord} and {@link exactSums} made into one aggregate; extremes are added as values are. */
  addStates(aggregate: number, columns: readonly ColumnVector[], { records, rows, count }: GroupedRows): void {
    const described = this.kernel.arenaAlloc(columns.length * COLUMN_BYTES);
    putColumns(this.kernel, described, columns);
    this.kernel.exports.groupAddStates(this.table, aggregate, described, columns.length, records, rows, count);
  }

  /** Address of the records (u32) of changed groups from a position, in the order of their first change. */
  changedRecords(from: number): number {
    return this.word(TABLE.changed) + from * 4;
  }

  /** A word of the states of an aggregate that counts (0: the count) or sums integers (0 and 1: the sum, 2: how many). */
  stateWord(aggregate: number, word: number, records: number, count: number): ColumnVector {
    const data = this.kernel.arenaAlloc(Math.max(1, count) * PHYSICAL_WIDTH.i64);
    this.kernel.exports.groupStateWord(this.table, aggregate, word, records, count, data);
    return { physical: 'i64', data, nulls: 0 };
  }

  /** The states of an aggregate that sums doubles, as bytes. */
  exactSums(aggregate: number, records: number, count: number): ColumnVector {
    const data = this.kernel.arenaAlloc(Math.max(1, count) * PHYSICAL_WIDTH.str);
    this.kernel.exports.groupExactSums(this.table, aggregate, records, count, data);
    return { physical: 'str', data, nulls: 0 };
  }

  /** The least or greatest values so far. Strings point into the groups' memory. */
  extremes(aggregate: number, records: number, count: number): ColumnVector {
    return this.column(this.layout.aggregates[aggregate]!.argument, count, (data, nulls) =>
      this.kernel.exports.groupExtremes(this.table, aggregate, records, count, data, nulls),
    );
  }

  /** Forgets every group. */
  clear(): void {
    const { exports } = this.kernel;
    exports.groupForget(this.table);
    exports.groupDropWindows(this.table, exports.groupWindows(this.table));
  }

  get changes(): number {
    return this.word(TABLE.changedCount);
  }

  /** One net change for each of `count` changed groups from position `from`; {@link forgetChanges} ends it. */
  takeChanges(from: number, count: number): GroupOutput {
    const kernel = this.kernel;
    const rowsMax = this.layout.keepsEmitted ? count * 2 : count;
    // One row more: a change is computed before it is known whether its group stays.
    const results = kernel.arenaAlloc((rowsMax + 1) * this.layout.aggregates.length * RESULT_BYTES);
    const records = kernel.arenaAlloc(rowsMax * 4);
    const weights = kernel.arenaAlloc(rowsMax * 4);
    const failed = kernel.arenaAlloc(count * 4);
    const rows = kernel.exports.groupChanges(this.table, from, count, records, weights, results, failed);
    const failedCount = this.word(TABLE.failed);
    const said = this.layout.keepsEmitted ? weights : 0;
    return { records, weights: said, results, count: rows, failed, failedCount };
  }

  forgetChanges(): void {
    this.kernel.exports.groupForget(this.table);
  }

  /** The earliest end of a window; undefined when there is none. */
  nextEnd(): bigint | undefined {
    const { exports } = this.kernel;
    return exports.groupWindows(this.table) === 0 ? undefined : exports.groupWindowEnd(this.table, 0);
  }

  /** How many windows end at or before `watermark`: the first so many. */
  closing(watermark: bigint): number {
    const { exports } = this.kernel;
    const windows = exports.groupWindows(this.table) >>> 0;
    let count = 0;
    while (count < windows && exports.groupWindowEnd(this.table, count) <= watermark) count++;
    return count;
  }

  /** The records of a window in the order of their first rows, in a block that the caller frees. */
  windowRecords(window: number): { readonly records: number; readonly count: number } {
    const { exports } = this.kernel;
    const records = this.kernel.alloc(Math.max(1, exports.groupWindowGroups(this.table, window) >>> 0) * 4);
    return { records, count: exports.groupWindowRecords(this.table, window, records) >>> 0 };
  }

  /** Results of `count` records (u32) at an address. */
  takeResults(from: number, count: number): GroupOutput {
    const kernel = this.kernel;
    const results = kernel.arenaAlloc((count + 1) * this.layout.aggregates.length * RESULT_BYTES);
    const records = kernel.arenaAlloc(count * 4);
    const failed = kernel.arenaAlloc(count * 4);
    const rows = kernel.exports.groupResults(this.table, from, count, records, results, failed);
    return { records, weights: 0, results, count: rows, failed, failedCount: this.word(TABLE.failed) };
  }

  dropWindows(count: number): void {
    this.kernel.exports.groupDropWindows(this.table, count);
  }

  /**
   * Begins a snapshot of the groups as they are now, with `delta` of those only that have changed since the last one began, if that
   * is little; rows may be added before it ends.
   */
  beginSnapshot(delta: boolean): GroupSnapshot {
    return new GroupSnapshot(this.kernel, this.table, 'groups', delta);
  }

  /** Takes in one part of a snapshot. @throws HeadraceError `KERNEL_STATE_INVALID` when another version wrote it */
  restore(reader: ByteReader): void {
    readRecords(this.kernel, this.table, 'groups', reader);
  }

  close(): void {
    this.kernel.exports.groupFree(this.table);
    this.kernel.free(this.#layoutAddress);
    this.kernel.free(this.#columns);
  }
}
