import type { ColumnVector } from '../kernel/column.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Column } from '../plan/data-type.ts';
import type { Expression } from '../plan/expression.ts';
import type { Batch } from './batch.ts';
import { columnOfValues, forEachRow, selectionOf } from './column-access.ts';
import type { RowLetter } from './operator.ts';
import { type ExpressionContext, RowEvaluator } from './row-evaluator.ts';

/** A row for which an expression has no value. */
export interface RowFailure {
  readonly row: number;
  /** Position of the expression that failed: the first of them, in their order. */
  readonly expression: number;
  readonly reason: RowLetter['reason'];
  readonly error: unknown;
}

/** What {@link ColumnEvaluator.evaluate} gives: the batch with columns for the expressions, without the rows that failed. */
export interface Evaluated {
  /** One column per expression; its rows are numbered as in the batch, those that are not alive have no meaning. */
  readonly columns: readonly ColumnVector[];
  readonly selection: number;
  readonly selected: number;
  /** In row order, one per row at most. */
  readonly failures: readonly RowFailure[];
}

/**
 * Expressions over the columns of batches, a column at a time. The results live in the arena and die with the batch; a
 * plain column reference is the column itself. An expression is not computed for a row that failed before it.
 */
export class ColumnEvaluator {
  readonly #kernel: Kernel;
  readonly #expressions: readonly Expression[];
  readonly #interpreters: readonly RowEvaluator[];

  constructor(
    kernel: Kernel,
    columns: readonly Column[],
    expressions: readonly Expression[],
    context: ExpressionContext,
  ) {
    this.#kernel = kernel;
    this.#expressions = expressions;
    this.#interpreters = expressions.map((expression) => new RowEvaluator(kernel, columns, [expression], context));
  }

  evaluate(batch: Batch): Evaluated {
    const failures: RowFailure[] = [];
    let alive = batch;
    const columns = this.#expressions.map((expression, at) => {
      if (expression.kind === 'column') return batch.columns[expression.index]!;
      const before = failures.length;
      const column = this.#interpret(at, alive, failures);
      if (failures.length > before) alive = without(this.#kernel, alive, failures);
      return column;
    });
    failures.sort((a, b) => a.row - b.row);
    return { columns, selection: alive.selection, selected: alive.selected, failures };
  }

  /** The rows for which the first expression is true: neither false nor null. */
  select(batch: Batch): Omit<Evaluated, 'columns'> {
    const { columns, failures, ...alive } = this.evaluate(batch);
    const { data, nulls } = columns[0]!;
    const kept: number[] = [];
    forEachRow(this.#kernel, { ...batch, ...alive }, (row) => {
      if (nulls !== 0 && this.#kernel.u8()[nulls + row] === 1) return;
      if (this.#kernel.i32()[(data >>> 2) + row] === 1) kept.push(row);
    });
    if (kept.length === batch.selected) return { selection: batch.selection, selected: batch.selected, failures };
    return { selection: selectionOf(this.#kernel, kept), selected: kept.length, failures };
  }

  #interpret(at: number, batch: Batch, failures: RowFailure[]): ColumnVector {
    const interpreter = this.#interpreters[at]!;
    const values = new Array<unknown>(batch.rows).fill(null);
    forEachRow(this.#kernel, batch, (row) => {
      try {
        interpreter.load(batch, row);
        values[row] = interpreter.value(0);
      } catch (error) {
        failures.push({ row, expression: at, reason: interpreter.reason(0), error });
      }
    });
    return columnOfValues(this.#kernel, this.#expressions[at]!.type, values, batch.rows);
  }

  /** Gives memory back. */
  close(): void {}
}

function without(kernel: Kernel, batch: Batch, failures: readonly RowFailure[]): Batch {
  const failed = new Set(failures.map((failure) => failure.row));
  const kept: number[] = [];
  forEachRow(kernel, batch, (row) => {
    if (!failed.has(row)) kept.push(row);
  });
  return { ...batch, selection: selectionOf(kernel, kept), selected: kept.length };
}
