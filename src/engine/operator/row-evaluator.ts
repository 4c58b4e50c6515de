import type { Kernel } from '../../kernel/kernel.ts';
import type { CallOptions } from '../../plan/call-options.ts';
import type { Column } from '../../plan/data-type.ts';
import { compileExpression } from '../../plan/evaluate.ts';
import type { Expression } from '../../plan/expression.ts';
import type { EvaluationContext } from '../../plan/function.ts';
import type { Batch } from './batch.ts';
import { type ValueReader, valueReader } from './column-access.ts';
import type { RowLetter } from './operator.ts';

export type UserFunction = (...args: readonly unknown[]) => unknown;

/** What expressions see beside their row: the epoch's clock and the loaded user modules. */
export interface ExpressionContext {
  readonly clockMs: () => number;
  readonly userFunction: (module: string, exportName: string, options?: CallOptions) => UserFunction;
}

/** Positions of the input columns that an expression reads. */
export function columnsRead(expression: Expression, into: Set<number> = new Set()): Set<number> {
  switch (expression.kind) {
    case 'literal':
      break;
    case 'column':
      into.add(expression.index);
      break;
    case 'call':
    case 'user-function':
      for (const arg of expression.args) columnsRead(arg, into);
      break;
    case 'cast':
      columnsRead(expression.input, into);
      break;
    case 'case':
      for (const branch of expression.branches) {
        columnsRead(branch.when, into);
        columnsRead(branch.then, into);
      }
      columnsRead(expression.otherwise, into);
  }
  return into;
}

export function callsUserFunction(expression: Expression): boolean {
  switch (expression.kind) {
    case 'user-function':
      return true;
    case 'call':
      return expression.args.some(callsUserFunction);
    case 'cast':
      return callsUserFunction(expression.input);
    case 'case':
      return (
        callsUserFunction(expression.otherwise) ||
        expression.branches.some((branch) => callsUserFunction(branch.when) || callsUserFunction(branch.then))
      );
    default:
      return false;
  }
}

/**
 * Runs expressions row by row with the interpreter of the plan: for what cannot be compiled, and as the reference.
 * Materialises only the columns that are read.
 */
export class RowEvaluator {
  readonly #kernel: Kernel;
  readonly #expressions: readonly Expression[];
  readonly #evaluators: readonly ((row: readonly unknown[]) => unknown)[];
  readonly #readers: readonly { readonly index: number; readonly read: ValueReader }[];
  readonly #row: unknown[];

  constructor(
    kernel: Kernel,
    columns: readonly Column[],
    expressions: readonly Expression[],
    context: ExpressionContext,
  ) {
    this.#kernel = kernel;
    this.#expressions = expressions;
    const evaluation: EvaluationContext = {
      get nowUs() {
        return BigInt(context.clockMs()) * 1000n;
      },
      userFunction: context.userFunction,
    };
    this.#evaluators = expressions.map((expression) => compileExpression(expression, evaluation));
    const read = new Set<number>();
    for (const expression of expressions) columnsRead(expression, read);
    this.#readers = [...read].map((index) => ({ index, read: valueReader(this.#kernel, columns[index]!.type) }));
    this.#row = new Array<unknown>(columns.length).fill(null);
  }

  /** Loads a row; then {@link value} may be called. */
  load(batch: Batch, row: number): void {
    for (const { index, read } of this.#readers) this.#row[index] = read(batch.columns[index]!, row);
  }

  /** The value of one of the expressions for the loaded row; throws what the expression throws. */
  value(index: number): unknown {
    return this.#evaluators[index]!(this.#row);
  }

  /** The reason that a dead letter gives for an error of this expression. */
  reason(index: number): RowLetter['reason'] {
    return callsUserFunction(this.#expressions[index]!) ? 'user-function' : 'expression';
  }
}
