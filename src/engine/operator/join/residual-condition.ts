import { messageOf } from '../../../base/error.ts';
import { pairsAt } from '../../../kernel/row-join.ts';
import type { RowPairs } from '../../../kernel/row-store.ts';
import type { Column } from '../../../plan/data-type.ts';
import type { Expression } from '../../../plan/expression.ts';
import { expressionText } from '../../../plan/expression-text.ts';
import { columnsOf } from '../../../plan/optimizer/rewrite.ts';
import type { Batch } from '../batch.ts';
import { ColumnEvaluator, type RowFailure } from '../column-evaluator.ts';
import type { OperatorContext } from '../operator.ts';
import type { ExpressionContext } from '../row-evaluator.ts';
import type { JoinSide } from './join-side.ts';
import type { JoinedBatch, JoinedRows } from './joined-batch.ts';

export interface ResidualOptions {
  readonly condition: Expression;
  /** Of left, then right. */
  readonly columns: readonly Column[];
  readonly sides: readonly [JoinSide, JoinSide];
  readonly joined: JoinedBatch;
  readonly expressions: ExpressionContext;
}

/** What of a join's condition is not an equality of both sides: it is computed for each pair that the equalities leave. */
export class ResidualCondition {
  readonly #context: OperatorContext;
  readonly #options: ResidualOptions;
  readonly #reads: ReadonlySet<number>;
  readonly #evaluator: ColumnEvaluator;

  constructor(context: OperatorContext, options: ResidualOptions) {
    this.#context = context;
    this.#options = options;
    const { columns, condition, expressions } = options;
    this.#reads = columnsOf(condition);
    this.#evaluator = new ColumnEvaluator(context.kernel, columns, [condition], expressions, 'predicate');
  }

  /** The pairs for which the condition is true. One for which it has no value goes to dead letters, and is none. */
  pairs(batch: Batch, input: number, pairs: RowPairs, weight: 1 | -1): RowPairs {
    if (pairs.count === 0) return pairs;
    const rows = { ...pairs, causes: pairs.numbers, weights: 0 };
    const { sides, joined } = this.#options;
    const candidates = joined.of(sides, input, batch, rows, (column) => this.#reads.has(column));
    const { selection, selected, failures } = this.#evaluator.select(candidates);
    if (failures.length > 0) this.#report(batch, input, rows, weight, failures);
    return selected === pairs.count ? pairs : pairsAt(this.#context.kernel, pairs, { selection, selected });
  }

  #report(batch: Batch, input: number, rows: JoinedRows, weight: 1 | -1, failures: readonly RowFailure[]): void {
    const { kernel, deadLetter } = this.#context;
    const { sides, joined, columns, condition } = this.#options;
    const weights = kernel.arenaAlloc(rows.count * 4);
    kernel.i32().fill(weight, weights >>> 2, (weights >>> 2) + rows.count);
    const whole = joined.of(sides, input, batch, { ...rows, weights }, () => true);
    for (const { row, reason, error } of failures) {
      const message = `join: ${messageOf(error)}, in ${expressionText(condition)}`;
      deadLetter({ reason, message, batch: whole, row, columns });
    }
  }

  close(): void {
    this.#evaluator.close();
  }
}
