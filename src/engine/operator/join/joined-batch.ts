import { type ColumnVector, PHYSICAL_WIDTH, physicalOf } from '../../../kernel/column.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import type { RowList } from '../../../kernel/row-store.ts';
import { COLUMN_BYTES, putColumns } from '../../../kernel/state-column.ts';
import type { Column } from '../../../plan/data-type.ts';
import type { Batch } from '../batch.ts';
import { columnOfValues, selectionOf } from '../column-access.ts';
import type { JoinSide } from './join-side.ts';

/** Rows of the result: a row of the batch by number (or none), a kept row of the other side (or none), and which row caused it. */
export interface JoinedRows extends RowList {
  readonly numbers: number;
  readonly causes: number;
  /** i32 each, or 0: all come. */
  readonly weights: number;
}

/** A row of the left that goes, by number, and the columns of the right that it had. */
export interface TakenBack {
  readonly row: number;
  readonly values: readonly unknown[];
}

/** Makes batches of the result from a batch of one side and kept rows of the other; in the arena. */
export class JoinedBatch {
  readonly #kernel: Kernel;
  readonly #descriptor: number;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#descriptor = kernel.alloc(COLUMN_BYTES);
  }

  /** `read`: of the columns of left, then right, those that are wanted; the others are null. */
  of(
    sides: readonly [JoinSide, JoinSide],
    input: number,
    batch: Batch,
    rows: JoinedRows,
    read: (column: number) => boolean,
  ): Batch {
    const nulls = this.nulls(rows.count);
    const [left, right] = sides;
    const columns = sides.flatMap((side, at) =>
      side.columns.map((column, index) => {
        const position = at === 0 ? index : left.columns.length + index;
        const absent = { physical: physicalOf(column.type), data: 0, nulls };
        if (!read(position)) return absent;
        return at === input
          ? this.take(batch.columns[index]!, rows.numbers, rows.count)
          : (side.gather(rows, index) ?? absent);
      }),
    );
    const { count, weights } = rows;
    const shown = columns.slice(0, left.columns.length + right.columns.length);
    return {
      rows: count,
      columns: shown,
      selection: 0,
      selected: count,
      weights,
      origin: undefined,
      ...this.#times(batch, rows),
      watermarks: 0,
    };
  }

  /** Rows of the left with columns of the right that are values, taken back. `read`: of the columns of the left those that are wanted. */
  takenBack(
    batch: Batch,
    { left, right }: { readonly left: readonly Column[]; readonly right: readonly Column[] },
    rows: readonly TakenBack[],
    read: (column: number) => boolean,
  ): Batch {
    const kernel = this.#kernel;
    const count = rows.length;
    const causes = selectionOf(
      kernel,
      rows.map(({ row }) => row),
    );
    const absent = this.absent(left, count);
    const own = absent.map((none, at) => (read(at) ? this.take(batch.columns[at]!, causes, count) : none));
    const met = right.map(({ type }, at) => {
      const values = rows.map((row) => row.values[at]);
      return columnOfValues(kernel, type, values, count);
    });
    const weights = kernel.arenaAlloc(count * 4);
    kernel.i32().fill(-1, weights >>> 2, (weights >>> 2) + count);
    return {
      rows: count,
      columns: [...own, ...met],
      selection: 0,
      selected: count,
      weights,
      origin: undefined,
      ...this.#times(batch, { causes, count }),
      watermarks: 0,
    };
  }

  #times(batch: Batch, { causes, count }: Pick<JoinedRows, 'causes' | 'count'>): { times: number; timeNulls: number } {
    if (batch.times === 0) return { times: 0, timeNulls: 0 };
    const column = { physical: 'i64', data: batch.times, nulls: batch.timeNulls ?? 0 } as const;
    const { data, nulls } = this.take(column, causes, count);
    return { times: data, timeNulls: nulls };
  }

  /** A column by numbers of rows. */
  take(column: ColumnVector, numbers: number, count: number): ColumnVector {
    const kernel = this.#kernel;
    const data = kernel.arenaAlloc(Math.max(1, count) * PHYSICAL_WIDTH[column.physical]);
    const nulls = kernel.arenaAlloc(Math.max(1, count));
    putColumns(kernel, this.#descriptor, [column]);
    const any = kernel.exports.takeColumn(this.#descriptor, numbers, count, data, nulls);
    return { physical: column.physical, data, nulls: any === 0 ? 0 : nulls };
  }

  /** Null flags of rows that are all null. */
  nulls(rows: number): number {
    const nulls = this.#kernel.arenaAlloc(Math.max(1, rows));
    this.#kernel.u8().fill(1, nulls, nulls + rows);
    return nulls;
  }

  /** Columns that are null in every row. */
  absent(columns: readonly Column[], rows: number): ColumnVector[] {
    const nulls = this.nulls(rows);
    return columns.map((column) => ({ physical: physicalOf(column.type), data: 0, nulls }));
  }

  close(): void {
    this.#kernel.free(this.#descriptor);
  }
}
