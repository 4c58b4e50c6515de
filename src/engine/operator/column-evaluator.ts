import type { ColumnVector } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Column } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import { compileProgram, type Program } from '../wasm/program.ts';
import { ProgramInstance } from '../wasm/program-instance.ts';
import type { ProgramKind } from '../wasm/row-loop.ts';
import type { Batch } from './batch.ts';
import { columnOfValues, forEachRow, selectionOf, storeValue } from './column-access.ts';
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
 * Expressions over the columns of batches, a column at a time, in WebAssembly where that can be (wasm/program.ts); the rest
 * row by row in the interpreter. The results live in the arena and die with the batch; a plain column reference is the
 * column itself. An expression is not computed for a row that failed before it.
 */
export class ColumnEvaluator {
  readonly #kernel: Kernel;
  readonly #columns: readonly Column[];
  readonly #expressions: readonly Expression[];
  readonly #context: ExpressionContext;
  readonly #program: Program;
  readonly #instance: ProgramInstance;
  readonly #interpreters: (RowEvaluator | undefined)[];

  /** `kind` says whether {@link evaluate} or {@link select} is to be called. */
  constructor(
    kernel: Kernel,
    columns: readonly Column[],
    expressions: readonly Expression[],
    context: ExpressionContext,
    kind: ProgramKind = 'values',
  ) {
    this.#kernel = kernel;
    this.#columns = columns;
    this.#expressions = expressions;
    this.#context = context;
    this.#program = compileProgram(columns, expressions, kind);
    this.#instance = new ProgramInstance(kernel, this.#program);
    // What runs interpreted is made now, so that a user function that is missing is missed at the start.
    this.#interpreters = expressions.map((expression, at) =>
      expression.kind === 'column' || this.#program.expressions[at]?.compiledBy === 'wasm'
        ? undefined
        : new RowEvaluator(kernel, columns, [expression], context),
    );
  }

  /** Computes every expression. */
  evaluate(batch: Batch): Evaluated {
    const failures: RowFailure[] = [];
    let alive = batch;
    this.#instance.begin();
    const columns = this.#expressions.map((expression, at) => {
      if (expression.kind === 'column') return batch.columns[expression.index]!;
      const before = failures.length;
      const column = this.#column(at, alive, failures);
      if (failures.length > before) alive = without(this.#kernel, alive, failures);
      return column;
    });
    failures.sort((a, b) => a.row - b.row);
    return { columns, selection: alive.selection, selected: alive.selected, failures };
  }

  /** The rows for which the one expression is true: neither false nor null. */
  select(batch: Batch): Omit<Evaluated, 'columns'> {
    const failures: RowFailure[] = [];
    const compiled = this.#program.expressions[0];
    if (batch.selected === 0) return { selection: batch.selection, selected: 0, failures };
    if (compiled === undefined) return { ...this.#selectInterpreted(batch, failures), failures };
    this.#instance.begin();
    const { selection, selected, bailed } = this.#instance.select(compiled, batch, this.#nowUs());
    const more: number[] = [];
    for (const row of bailed) this.#interpret(0, batch, row, failures, (value) => value === true && more.push(row));
    if (more.length === 0) return { selection, selected, failures };
    const kept = [...this.#kernel.u32().subarray(selection >>> 2, (selection >>> 2) + selected), ...more];
    kept.sort((a, b) => a - b);
    return { selection: selectionOf(this.#kernel, kept), selected: kept.length, failures };
  }

  #selectInterpreted(batch: Batch, failures: RowFailure[]): { selection: number; selected: number } {
    const kept: number[] = [];
    forEachRow(this.#kernel, batch, (row) => {
      this.#interpret(0, batch, row, failures, (value) => value === true && kept.push(row));
    });
    return { selection: selectionOf(this.#kernel, kept), selected: kept.length };
  }

  #nowUs(): bigint {
    return BigInt(this.#context.clockMs()) * 1000n;
  }

  #column(at: number, batch: Batch, failures: RowFailure[]): ColumnVector {
    const { type } = this.#expressions[at]!;
    const compiled = this.#program.expressions[at];
    if (compiled === undefined || batch.selected === 0) return this.#interpretAll(at, batch, failures);
    const { data, nulls, anyNull, bailed } = this.#instance.values(compiled, batch, this.#nowUs());
    const vector = { physical: compiled.physical, data, nulls };
    let patchedNull = false;
    for (const row of bailed) {
      storeValue(this.#kernel, type, vector, row, null);
      this.#interpret(at, batch, row, failures, (value) => {
        storeValue(this.#kernel, type, vector, row, value);
        patchedNull ||= value === null;
      });
    }
    return anyNull || patchedNull ? vector : { ...vector, nulls: 0 };
  }

  #interpretAll(at: number, batch: Batch, failures: RowFailure[]): ColumnVector {
    const values = new Array<unknown>(batch.rows).fill(null);
    forEachRow(this.#kernel, batch, (row) => {
      this.#interpret(at, batch, row, failures, (value) => {
        values[row] = value;
      });
    });
    return columnOfValues(this.#kernel, this.#expressions[at]!.type, values, batch.rows);
  }

  /** Evaluates one expression for one row. */
  #interpret(at: number, batch: Batch, row: number, failures: RowFailure[], take: (value: unknown) => void): void {
    const expression = this.#expressions[at]!;
    const known = this.#interpreters[at];
    const interpreter = known ?? new RowEvaluator(this.#kernel, this.#columns, [expression], this.#context);
    this.#interpreters[at] = interpreter;
    let value: unknown;
    try {
      interpreter.load(batch, row);
      value = interpreter.value(0);
    } catch (error) {
      failures.push({ row, expression: at, reason: interpreter.reason(0), error });
      return;
    }
    take(value);
  }

  /** Gives memory back; it is not to be used again. */
  close(): void {
    this.#instance.close();
  }
}

function without(kernel: Kernel, batch: Batch, failures: readonly RowFailure[]): Batch {
  const failed = new Set(failures.map((failure) => failure.row));
  const kept: number[] = [];
  forEachRow(kernel, batch, (row) => {
    if (!failed.has(row)) kept.push(row);
  });
  return { ...batch, selection: selectionOf(kernel, kept), selected: kept.length };
}
