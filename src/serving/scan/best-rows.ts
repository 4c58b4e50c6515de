import type { Batch } from '../../engine/operator/batch.ts';
import { type ValueReader, valueReader } from '../../engine/operator/column-access.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { DataType } from '../../plan/data-type.ts';
import { compileExpression, type Evaluator } from '../../plan/evaluate.ts';
import type { PlanNode, SortKey } from '../../plan/node.ts';
import { sortKeyOrder } from '../../plan/value/sort-order.ts';
import type { ValueOrder } from '../../plan/value/value-order.ts';
import { SCAN_BLOCK_ROWS } from '../limits.ts';
import { AliveRows } from './alive-rows.ts';
import type { ScanSink } from './chain-scan.ts';

interface Candidate {
  readonly keys: readonly unknown[];
  readonly row: readonly unknown[];
}

/** Types whose order here is the one of the query database. */
const ORDERED: ReadonlySet<DataType['kind']> = new Set([
  'boolean',
  'int2',
  'int4',
  'int8',
  'numeric',
  'text',
  'date',
  'time',
  'timestamp',
  'timestamptz',
]);

export function isOrdered(keys: readonly SortKey[]): boolean {
  return keys.every(({ expression }) => ORDERED.has(expression.type.kind));
}

/** Keeps the first rows in an order, so that no more than those leave the thread; hands them on at the end. */
export class BestRows implements ScanSink {
  readonly #kernel: Kernel;
  readonly #count: number;
  readonly #wanted: readonly number[];
  readonly #width: number;
  readonly #readers: readonly ValueReader[];
  readonly #keys: readonly Evaluator[];
  readonly #orders: readonly ValueOrder[];
  /** The first key, when it is a column: most rows are told by it alone. */
  readonly #firstColumn: number | undefined;
  readonly #next: ScanSink;
  readonly #alive = new AliveRows();
  #kept: Candidate[] = [];
  /** The last of the best, once there are enough. */
  #bar: Candidate | undefined;

  constructor(
    kernel: Kernel,
    node: { readonly input: PlanNode; readonly keys: readonly SortKey[] },
    options: {
      readonly count: number;
      readonly wanted: readonly number[];
      readonly nowUs: bigint;
      readonly next: ScanSink;
    },
  ) {
    const { columns } = node.input;
    this.#kernel = kernel;
    this.#count = options.count;
    this.#wanted = options.wanted;
    this.#width = columns.length;
    this.#next = options.next;
    this.#readers = options.wanted.map((at) => valueReader(kernel, columns[at]!.type));
    this.#keys = node.keys.map(({ expression }) => compileExpression(expression, { nowUs: options.nowUs }));
    this.#orders = node.keys.map(sortKeyOrder);
    const first = node.keys[0]?.expression;
    this.#firstColumn = first?.kind === 'column' ? this.#wanted.indexOf(first.index) : undefined;
  }

  batch(batch: Batch): void {
    this.#alive.take(this.#kernel, batch);
    const { rows, count } = this.#alive;
    for (let i = 0; i < count; i++) {
      if (this.#isWorse(batch, rows[i]!)) continue;
      const row = new Array<unknown>(this.#width).fill(null);
      this.#wanted.forEach((at, place) => {
        row[at] = this.#readers[place]!(batch.columns[at]!, rows[i]!);
      });
      this.row(row);
    }
  }

  row(row: readonly unknown[]): void {
    const candidate = { row, keys: this.#keys.map((key) => key(row)) };
    if (this.#bar !== undefined && this.#compare(candidate, this.#bar) >= 0) return;
    this.#kept.push(candidate);
    if (this.#kept.length >= 2 * this.#count + SCAN_BLOCK_ROWS) this.#prune();
  }

  finish(): void {
    this.#prune();
    for (const { row } of this.#kept) this.#next.row(row);
  }

  #isWorse(batch: Batch, row: number): boolean {
    const place = this.#firstColumn;
    if (this.#bar === undefined || place === undefined || place < 0) return false;
    const value = this.#readers[place]!(batch.columns[this.#wanted[place]!]!, row);
    return this.#orders[0]!(value, this.#bar.keys[0]) > 0;
  }

  #prune(): void {
    this.#kept.sort((a, b) => this.#compare(a, b));
    this.#kept.length = Math.min(this.#kept.length, this.#count);
    if (this.#kept.length === this.#count) this.#bar = this.#kept.at(-1);
  }

  #compare(a: Candidate, b: Candidate): number {
    for (let at = 0; at < this.#orders.length; at++) {
      const order = this.#orders[at]!(a.keys[at], b.keys[at]);
      if (order !== 0) return order;
    }
    return 0;
  }
}
