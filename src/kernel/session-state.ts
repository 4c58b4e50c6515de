import type { ByteReader } from '../base/bytes.ts';
import type { ColumnVector } from './column.ts';
import { type GroupLayout, putSessionLayout, RESULT_BYTES } from './group-layout.ts';
import { GroupSnapshot, readRecords } from './group-snapshot.ts';
import type { Kernel } from './kernel.ts';
import { type GroupedRows, type GroupOutput, KeyedRecords } from './keyed-records.ts';
import { COLUMN_BYTES, putColumns } from './state-column.ts';

/** Offsets as in assembly/state/session-layout.ts. */
const TABLE = { open: 16, size: 32, changedCount: 44, late: 52, failed: 60 } as const;
/** Bounds that stand lie behind the results that stand. */
const BOUNDS_BYTES = 16;

/** Rows of a batch: addresses as in column.ts. */
export interface SessionInput {
  /** One per key of the layout. */
  readonly keys: readonly ColumnVector[];
  /** i64, µs. */
  readonly times: number;
  /** Watermark of each row's own partition (i64, µs), or 0. */
  readonly watermarks: number;
  readonly selection: number;
  readonly selected: number;
}

/** Rows to be emitted, with the bounds of their sessions. */
export interface SessionOutput extends GroupOutput {
  readonly starts: ColumnVector;
  readonly ends: ColumnVector;
}

/**
 * The sessions of an aggregate in the kernel's memory, by key, with the states of the aggregates beside the key. Rows are never taken
 * back. Nothing is allocated per row.
 */
export class SessionState extends KeyedRecords {
  readonly #layoutAddress: number;
  readonly #columns: number;

  constructor(kernel: Kernel, layout: GroupLayout, gapUs: bigint) {
    const address = putSessionLayout(kernel, layout, layout.keepsEmitted ? BOUNDS_BYTES : 0);
    super(kernel, layout, kernel.exports.sessionCreate(address, gapUs) >>> 0, 'sessionKeyColumn');
    this.#layoutAddress = address;
    this.#columns = kernel.alloc(Math.max(1, layout.keys.length) * COLUMN_BYTES);
  }

  /** Sessions that are open. */
  get open(): number {
    return this.long(TABLE.open);
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.long(TABLE.size);
  }

  /** Finds or makes the session of each row; `late` gets the numbers of rows whose session was closed. */
  assign(input: SessionInput, watermark: bigint): GroupedRows & { readonly late: number; readonly lateCount: number } {
    const { kernel } = this;
    const { keys, times, watermarks, selection, selected } = input;
    const records = kernel.arenaAlloc(selected * 4);
    const rows = kernel.arenaAlloc(selected * 4);
    const late = kernel.arenaAlloc(selected * 4);
    putColumns(kernel, this.#columns, keys);
    const count = kernel.exports.sessionRows(
      this.table,
      this.#columns,
      times,
      watermarks,
      watermark,
      selection,
      selected,
      records,
      rows,
      late,
    );
    return { records, rows, count, late, lateCount: this.word(TABLE.late) };
  }

  get changes(): number {
    return this.word(TABLE.changedCount);
  }

  /** What changes with each of `count` changed sessions from position `from`; {@link forgetChanges} ends it. */
  takeChanges(from: number, count: number): SessionOutput {
    const { kernel } = this;
    const rowsMax = count * 2;
    const results = kernel.arenaAlloc((rowsMax + 1) * this.layout.aggregates.length * RESULT_BYTES);
    const records = kernel.arenaAlloc(rowsMax * 4);
    const weights = kernel.arenaAlloc(rowsMax * 4);
    const failed = kernel.arenaAlloc(count * 4);
    const [starts, ends] = this.#boundColumns(rowsMax);
    const rows = kernel.exports.sessionChanges(
      this.table,
      from,
      count,
      records,
      weights,
      results,
      starts.data,
      ends.data,
      failed,
    );
    return { records, weights, results, count: rows, failed, failedCount: this.word(TABLE.failed), starts, ends };
  }

  forgetChanges(): void {
    this.kernel.exports.sessionForgetChanges(this.table);
  }

  #boundColumns(rows: number): readonly [ColumnVector, ColumnVector] {
    const column = (): ColumnVector => ({
      physical: 'i64',
      data: this.kernel.arenaAlloc(Math.max(1, rows) * 8),
      nulls: 0,
    });
    return [column(), column()];
  }

  /** Starts and ends of records as they are now. */
  bounds(records: number, count: number): readonly [ColumnVector, ColumnVector] {
    const bounds = this.#boundColumns(count);
    this.kernel.exports.sessionBounds(this.table, records, count, bounds[0].data, bounds[1].data);
    return bounds;
  }

  /** The earliest end of an open session; undefined when there is none. */
  nextEnd(): bigint | undefined {
    const { exports } = this.kernel;
    return exports.sessionIsOpen(this.table) === 0 ? undefined : exports.sessionFirstEnd(this.table);
  }

  /** Closes the next `countMax` sessions that end before the watermark, earliest first: their records (u32) in the arena. */
  close(watermark: bigint, countMax: number): { readonly records: number; readonly count: number } {
    const records = this.kernel.arenaAlloc(countMax * 4);
    return { records, count: this.kernel.exports.sessionClose(this.table, watermark, records, countMax) };
  }

  /** Results of sessions that {@link close} gave. */
  takeResults(from: number, count: number): SessionOutput {
    const { kernel } = this;
    const results = kernel.arenaAlloc((count + 1) * this.layout.aggregates.length * RESULT_BYTES);
    const records = kernel.arenaAlloc(count * 4);
    const failed = kernel.arenaAlloc(count * 4);
    const rows = kernel.exports.sessionResults(this.table, from, count, records, results, failed);
    const [starts, ends] = this.bounds(records, rows);
    return { records, weights: 0, results, count: rows, failed, failedCount: this.word(TABLE.failed), starts, ends };
  }

  /** Forgets closed sessions of which every row would be late by itself. */
  forget(watermark: bigint): void {
    this.kernel.exports.sessionForget(this.table, watermark);
  }

  /** Begins a snapshot of the sessions as they are now; rows may be added before it ends. */
  beginSnapshot(): GroupSnapshot {
    return new GroupSnapshot(this.kernel, this.table, 'sessions', false);
  }

  /** Takes in one part of a snapshot. @throws HeadraceError `KERNEL_STATE_INVALID` when another version wrote it */
  restore(reader: ByteReader): void {
    readRecords(this.kernel, this.table, 'sessions', reader);
  }

  free(): void {
    this.kernel.exports.sessionFree(this.table);
    this.kernel.free(this.#layoutAddress);
    this.kernel.free(this.#columns);
  }
}
