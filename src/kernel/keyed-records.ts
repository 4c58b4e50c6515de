import { type ColumnVector, PHYSICAL_WIDTH, type PhysicalType } from './column.ts';
import { type GroupLayout, RESULT_BYTES } from './group-layout.ts';
import type { Kernel } from './kernel.ts';
import { COLUMN_BYTES, putColumns } from './state-column.ts';

/** What the kernel says of a column of numerics: assembly/state/decimal-text.ts. */
const DECIMAL = { someNull: 1, refused: 2 } as const;
const SHAPE = { i32: 0, i64: 1, f64: 2, str: 3, f32: 4 } as const;

/** The group of each row that is not late: addresses of u32 lists in the arena. */
export interface GroupedRows {
  readonly records: number;
  readonly rows: number;
  readonly count: number;
}

/** Rows to be emitted: records with weights (i32) and results, in the arena; and groups whose result does not fit. */
export interface GroupOutput {
  readonly records: number;
  readonly weights: number;
  readonly results: number;
  readonly count: number;
  readonly failed: number;
  readonly failedCount: number;
}

/** Records with a key and the states of aggregates in the kernel's memory: what groups and sessions share. */
export abstract class KeyedRecords {
  protected readonly kernel: Kernel;
  protected readonly layout: GroupLayout;
  /** Its address. */
  protected readonly table: number;
  readonly #keyColumn: 'groupKeyColumn' | 'sessionKeyColumn';

  constructor(kernel: Kernel, layout: GroupLayout, table: number, keyColumn: 'groupKeyColumn' | 'sessionKeyColumn') {
    this.#keyColumn = keyColumn;
    this.kernel = kernel;
    this.layout = layout;
    this.table = table;
  }

  protected word(at: number): number {
    return this.kernel.u32()[(this.table + at) >>> 2]!;
  }

  protected long(at: number): number {
    return Number(this.kernel.i64()[(this.table + at) / 8]);
  }

  /** Those of the rows for which the boolean column is true. */
  filter(column: ColumnVector, { records, rows, count }: GroupedRows): GroupedRows {
    const kernel = this.kernel;
    const keptRecords = kernel.arenaAlloc(count * 4);
    const keptRows = kernel.arenaAlloc(count * 4);
    const kept = kernel.exports.groupFilter(this.describe(column), records, rows, count, keptRecords, keptRows);
    return { records: keptRecords, rows: keptRows, count: kept };
  }

  /** Adds the rows to one aggregate; `column` is its argument, undefined for count(*). */
  add(
    aggregate: number,
    column: ColumnVector | undefined,
    weights: number,
    { records, rows, count }: GroupedRows,
  ): void {
    const described = column === undefined ? 0 : this.describe(column);
    this.kernel.exports.groupAdd(this.table, aggregate, described, weights, records, rows, count);
  }

  protected describe(column: ColumnVector): number {
    const address = this.kernel.arenaAlloc(COLUMN_BYTES);
    putColumns(this.kernel, address, [column]);
    return address;
  }

  /** A key column of records. Strings point into the groups' memory: valid until rows are assigned or windows dropped. */
  keyColumn(key: number, records: number, count: number): ColumnVector {
    const { physical } = this.layout.keys[key]!;
    return this.column(physical, count, (data, nulls) =>
      this.kernel.exports[this.#keyColumn](this.table, key, records, count, data, nulls),
    );
  }

  /** The results of one aggregate; `single` rounds doubles to single precision. */
  resultColumn(aggregate: number, physical: PhysicalType, single: boolean, output: GroupOutput): ColumnVector {
    const { results, count } = output;
    const shape = single ? SHAPE.f32 : SHAPE[physical];
    return this.column(physical, count, (data, nulls) =>
      this.kernel.exports.groupResultColumn(this.table, aggregate, shape, results, count, data, nulls),
    );
  }

  protected column(physical: PhysicalType, count: number, fill: (data: number, nulls: number) => number): ColumnVector {
    const data = this.kernel.arenaAlloc(Math.max(1, count) * PHYSICAL_WIDTH[physical]);
    const nulls = this.kernel.arenaAlloc(Math.max(1, count));
    return { physical, data, nulls: fill(data, nulls) !== 0 ? nulls : 0 };
  }

  /**
   * Sums of integers, or their averages, as the text of numerics, where the integers have `scale` digits behind the point; undefined when
   * an average has too many digits for the kernel.
   */
  decimalColumn(aggregate: number, scale: number, average: boolean, output: GroupOutput): ColumnVector | undefined {
    const { results, count } = output;
    const { kernel } = this;
    const data = kernel.arenaAlloc(Math.max(1, count) * PHYSICAL_WIDTH.str);
    const nulls = kernel.arenaAlloc(Math.max(1, count));
    const isAverage = average ? 1 : 0;
    const said = kernel.exports.groupDecimalColumn(
      this.table,
      aggregate,
      scale,
      isAverage,
      results,
      count,
      data,
      nulls,
    );
    return said === DECIMAL.refused
      ? undefined
      : { physical: 'str', data, nulls: said === DECIMAL.someNull ? nulls : 0 };
  }

  /** A sum of integers as it is, and how many there were. */
  integerResult(aggregate: number, row: number, output: GroupOutput): { readonly sum: bigint; readonly count: bigint } {
    const at = (output.results + (row * this.layout.aggregates.length + aggregate) * RESULT_BYTES) / 8;
    const longs = this.kernel.i64();
    return { sum: (longs[at + 1]! << 64n) | BigInt.asUintN(64, longs[at]!), count: longs[at + 2]! };
  }
}
