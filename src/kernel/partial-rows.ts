import type { ColumnVector } from './column.ts';
import { PHYSICAL_WIDTH } from './column.ts';
import type { Kernel } from './kernel.ts';
import { COLUMN_BYTES, putColumns } from './state-column.ts';

/** Rows of a batch that are alive. */
export interface AliveRows {
  readonly rows: number;
  readonly selection: number;
  readonly selected: number;
}

/** What an aggregate takes of these rows: its argument, and the rows for which its filter is true; without one, all. */
export interface Taken {
  readonly argument: ColumnVector | undefined;
  readonly filter: ColumnVector | undefined;
}

/** The states of aggregates that have taken one row each, as columns: what merging them into groups takes. In the arena. */
export class PartialRows {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Divides rows by whether their window is open; ends and watermarks as of a `GroupInput`. */
  inTime(
    alive: AliveRows,
    windows: {
      readonly ends: number;
      readonly endAdd: bigint;
      readonly watermarks: number;
      readonly watermark: bigint;
    },
  ): AliveRows & { readonly late: number; readonly lateCount: number } {
    const { rows, selection, selected } = alive;
    const { ends, endAdd, watermarks, watermark } = windows;
    const kept = this.#kernel.arenaAlloc(Math.max(1, selected) * 4);
    const late = this.#kernel.arenaAlloc(Math.max(1, selected) * 4);
    const { partialInTime } = this.#kernel.exports;
    const count = partialInTime(ends, endAdd, watermarks, watermark, selection, selected, kept, late);
    if (count === selected) return { ...alive, late, lateCount: 0 };
    return { rows, selection: kept, selected: count, late, lateCount: selected - count };
  }

  #describe(column: ColumnVector | undefined): number {
    if (column === undefined) return 0;
    const address = this.#kernel.arenaAlloc(COLUMN_BYTES);
    putColumns(this.#kernel, address, [column]);
    return address;
  }

  #made(physical: ColumnVector['physical'], rows: number): ColumnVector {
    return { physical, data: this.#kernel.arenaAlloc(Math.max(1, rows) * PHYSICAL_WIDTH[physical]), nulls: 0 };
  }

  counts({ argument, filter }: Taken, { rows, selection, selected }: AliveRows): ColumnVector {
    const made = this.#made('i64', rows);
    const [column, condition] = [this.#describe(argument), this.#describe(filter)];
    this.#kernel.exports.partialCounts(column, condition, selection, selected, made.data);
    return made;
  }

  /** Sums; with the high words when they are wide. */
  integers({ argument, filter }: Taken, { rows, selection, selected }: AliveRows, wide: boolean): ColumnVector[] {
    const sums = this.#made('i64', rows);
    const highs = wide ? [this.#made('i64', rows)] : [];
    const [column, condition] = [this.#describe(argument), this.#describe(filter)];
    const high = highs[0]?.data ?? 0;
    this.#kernel.exports.partialIntegers(column, condition, selection, selected, sums.data, high);
    return [sums, ...highs];
  }

  floats({ argument, filter }: Taken, { rows, selection, selected }: AliveRows): ColumnVector {
    const made = this.#made('str', rows);
    const [column, condition] = [this.#describe(argument), this.#describe(filter)];
    this.#kernel.exports.partialFloats(column, condition, selection, selected, made.data);
    return made;
  }

  /** The values themselves, null where the filter is not true. */
  extremes({ argument, filter }: Taken, { rows, selection, selected }: AliveRows): ColumnVector {
    if (filter === undefined) return argument!;
    const nulls = this.#kernel.arenaAlloc(Math.max(1, rows));
    const [column, condition] = [this.#describe(argument), this.#describe(filter)];
    this.#kernel.exports.partialNulls(column, condition, selection, selected, nulls);
    return { ...argument!, nulls };
  }
}
