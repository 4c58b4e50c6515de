import { BATCH_ROWS_MAX } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Column, DataType } from '../../plan/data-type.ts';
import { groupingKey } from '../../plan/value/value-order.ts';
import { type Batch, WATERMARK_MIN } from './batch.ts';
import { columnOfValues, forEachRow, type ValueReader, valueReader, weightOf } from './column-access.ts';
import type { Emit } from './operator.ts';

/** A row as JavaScript values (plan/data-type.ts), with what streams need beside them. */
export interface StreamRow {
  readonly values: readonly unknown[];
  /** +1: it comes; -1: it is taken back. */
  readonly weight: number;
  /** Event time, µs; undefined when it has none. */
  readonly time: bigint | undefined;
  /** Watermark of the row's own source partition just before it, µs; undefined behind operators that make rows. */
  readonly watermark: bigint | undefined;
}

/** Reads batches as rows, for operators that work row by row. */
export class RowReader {
  readonly #kernel: Kernel;
  readonly #readers: readonly ValueReader[];

  constructor(kernel: Kernel, columns: readonly Column[]) {
    this.#kernel = kernel;
    this.#readers = columns.map((column) => valueReader(kernel, column.type));
  }

  values(batch: Batch, row: number): unknown[] {
    const values = new Array<unknown>(this.#readers.length);
    for (let i = 0; i < values.length; i++) values[i] = this.#readers[i]!(batch.columns[i]!, row);
    return values;
  }

  /** Calls back for each row that is alive, in order, with its number in the batch. */
  forEach(batch: Batch, visit: (row: StreamRow, at: number) => void): void {
    const kernel = this.#kernel;
    forEachRow(kernel, batch, (at) => {
      visit(
        {
          values: this.values(batch, at),
          weight: weightOf(kernel, batch, at),
          time: timeOf(kernel, batch, at),
          watermark: batch.watermarks === 0 ? undefined : watermarkOf(kernel, batch, at),
        },
        at,
      );
    });
  }
}

/** Event time of a row, µs; undefined when it has none. */
export function timeOf(kernel: Kernel, batch: Batch, row: number): bigint | undefined {
  const nulls = batch.timeNulls ?? 0;
  if (batch.times === 0 || (nulls !== 0 && kernel.u8()[nulls + row] === 1)) return undefined;
  return kernel.i64()[batch.times / 8 + row]!;
}

/** Watermark of the row's own source partition just before it, µs; the least where it is not known. */
export function watermarkOf(kernel: Kernel, batch: Batch, row: number): bigint {
  return batch.watermarks === 0 ? WATERMARK_MIN : kernel.i64()[batch.watermarks / 8 + row]!;
}

/** Collects rows and hands them on as batches of bounded size, in order. Call `flush` before `processBatch`, `endEpoch` or `onWatermark` returns. */
export class RowEmitter {
  readonly #kernel: Kernel;
  readonly #types: readonly DataType[];
  readonly #emit: Emit;
  #values: (readonly unknown[])[] = [];
  #weights: number[] = [];
  #times: (bigint | undefined)[] = [];
  #retracts = false;
  #dated = false;

  constructor(kernel: Kernel, columns: readonly Column[], emit: Emit) {
    this.#kernel = kernel;
    this.#types = columns.map((column) => column.type);
    this.#emit = emit;
  }

  add(values: readonly unknown[], weight: number, time?: bigint): void {
    this.#values.push(values);
    this.#weights.push(weight);
    this.#times.push(time);
    if (weight !== 1) this.#retracts = true;
    if (time !== undefined) this.#dated = true;
    if (this.#values.length >= BATCH_ROWS_MAX) this.flush();
  }

  flush(): void {
    if (this.#values.length === 0) return;
    const [values, weights, times, retracts, dated] = [
      this.#values,
      this.#weights,
      this.#times,
      this.#retracts,
      this.#dated,
    ];
    this.#values = [];
    this.#weights = [];
    this.#times = [];
    this.#retracts = false;
    this.#dated = false;
    this.#emit(
      batchOfValues(this.#kernel, this.#types, {
        values,
        weights: retracts ? weights : undefined,
        times: dated ? times : undefined,
      }),
    );
  }
}

/** Rows in columns of the arena; valid until the arena is reset. */
export function batchOfValues(
  kernel: Kernel,
  types: readonly DataType[],
  rows: {
    readonly values: readonly (readonly unknown[])[];
    /** Undefined: all +1. */
    readonly weights?: readonly number[] | undefined;
    readonly times?: readonly (bigint | undefined)[] | undefined;
  },
): Batch {
  const count = rows.values.length;
  const columns = types.map((type, i) =>
    columnOfValues(
      kernel,
      type,
      rows.values.map((row) => row[i]),
      count,
    ),
  );
  let weights = 0;
  if (rows.weights !== undefined) {
    weights = kernel.arenaAlloc(count * 4);
    kernel.i32().set(rows.weights, weights >>> 2);
  }
  const dated = rows.times === undefined ? { times: 0 } : timesOf(kernel, rows.times);
  return { rows: count, columns, selection: 0, selected: count, weights, origin: undefined, ...dated, watermarks: 0 };
}

function timesOf(kernel: Kernel, values: readonly (bigint | undefined)[]): { times: number; timeNulls: number } {
  const times = kernel.arenaAlloc(values.length * 8);
  const nulls = kernel.arenaAlloc(values.length);
  const target = kernel.i64();
  const flags = kernel.u8();
  let anyNull = false;
  values.forEach((value, i) => {
    target[times / 8 + i] = value ?? 0n;
    flags[nulls + i] = value === undefined ? 1 : 0;
    anyNull ||= value === undefined;
  });
  return { times, timeNulls: anyNull ? nulls : 0 };
}

/** Text that is equal for values that GROUP BY holds equal (null is one value): a key for a Map. */
export function rowKey(values: readonly unknown[], types: readonly DataType[]): string {
  let key = '';
  for (let i = 0; i < types.length; i++) {
    const text = groupingKey(values[i], types[i]!);
    // With its length, since a text may hold anything, also what would separate two of them.
    key += `${text.length}:${text}`;
  }
  return key;
}

/** Types whose values a Map tells apart as GROUP BY does: -0 is 0, and NaN is itself. */
const MAP_KEYS: ReadonlySet<DataType['kind']> = new Set([
  'boolean',
  'int2',
  'int4',
  'int8',
  'float4',
  'float8',
  'text',
  'uuid',
  'date',
  'time',
  'timestamp',
  'timestamptz',
]);

/** Makes keys for a Map: of one column the value itself where that will do, else {@link rowKey}. */
export function mapKey(types: readonly DataType[]): (values: readonly unknown[]) => unknown {
  if (types.length === 1 && MAP_KEYS.has(types[0]!.kind)) return (values) => values[0] ?? null;
  return (values) => rowKey(values, types);
}
