import type { Batch } from '../../engine/operator/batch.ts';
import { type ValueReader, valueReader } from '../../engine/operator/column-access.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Column, DataType } from '../../plan/data-type.ts';
import { textToValue, valueToText } from '../../plan/value/value-text.ts';
import { SCAN_BLOCK_ROWS } from '../limits.ts';
import { AliveRows } from './alive-rows.ts';
import type { ScanSink } from './chain-scan.ts';

/** Rows that passed a scan, column by column: plain data. */
export interface RowsBlock {
  readonly rows: number;
  /** In the order of the columns that were wanted. */
  readonly columns: readonly (readonly unknown[])[];
}

const PLAIN: ReadonlySet<DataType['kind']> = new Set([
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
  'jsonb',
]);

/** Collects the wanted columns of what passes into blocks; values that threads cannot exchange travel as text. */
export class RowCollector implements ScanSink {
  readonly #kernel: Kernel;
  readonly #wanted: readonly number[];
  readonly #types: readonly DataType[];
  readonly #readers: readonly ValueReader[];
  readonly #emit: (block: RowsBlock) => void;
  readonly #alive = new AliveRows();
  #columns: unknown[][];
  #rows = 0;

  constructor(kernel: Kernel, columns: readonly Column[], wanted: readonly number[], emit: (block: RowsBlock) => void) {
    this.#kernel = kernel;
    this.#wanted = wanted;
    this.#types = wanted.map((at) => columns[at]!.type);
    this.#readers = this.#types.map((type) => valueReader(kernel, type));
    this.#emit = emit;
    this.#columns = wanted.map(() => []);
  }

  batch(batch: Batch): void {
    this.#alive.take(this.#kernel, batch);
    const { rows, count } = this.#alive;
    this.#wanted.forEach((at, place) => {
      const vector = batch.columns[at]!;
      const read = this.#readers[place]!;
      const values = this.#columns[place]!;
      const type = this.#types[place]!;
      for (let i = 0; i < count; i++) values.push(sent(read(vector, rows[i]!), type));
    });
    this.#count(count);
  }

  row(values: readonly unknown[]): void {
    this.#wanted.forEach((at, place) => {
      this.#columns[place]!.push(sent(values[at], this.#types[place]!));
    });
    this.#count(1);
  }

  flush(): void {
    if (this.#rows === 0) return;
    this.#emit({ rows: this.#rows, columns: this.#columns });
    this.#columns = this.#wanted.map(() => []);
    this.#rows = 0;
  }

  #count(rows: number): void {
    this.#rows += rows;
    if (this.#rows >= SCAN_BLOCK_ROWS) this.flush();
  }
}

function sent(value: unknown, type: DataType): unknown {
  if (value === null || value === undefined) return null;
  return PLAIN.has(type.kind) ? value : valueToText(value, type);
}

/** The values of a column of a block. */
export function receivedColumn(values: readonly unknown[], type: DataType): readonly unknown[] {
  if (PLAIN.has(type.kind)) return values;
  return values.map((value) => (value === null ? null : textToValue(value as string, type)));
}
