import { messageOf } from '../../base/error.ts';
import type { FilterNode } from '../../plan/node.ts';
import type { Batch } from './batch.ts';
import { ColumnEvaluator } from './column-evaluator.ts';
import { type OperatorContext, StatelessOperator } from './operator.ts';
import type { ExpressionContext } from './row-evaluator.ts';

/** Keeps the rows for which the predicate is true (not false, not null): shortens the selection, copies nothing. */
export class FilterOperator extends StatelessOperator {
  readonly #node: FilterNode;
  readonly #expressions: ExpressionContext;
  #evaluator: ColumnEvaluator | undefined;

  constructor(node: FilterNode, expressions: ExpressionContext) {
    super();
    this.#node = node;
    this.#expressions = expressions;
  }

  override open(context: OperatorContext): void {
    super.open(context);
    const { input, predicate } = this.#node;
    this.#evaluator = new ColumnEvaluator(context.kernel, input.columns, [predicate], this.#expressions, 'predicate');
  }

  processBatch(batch: Batch): void {
    const { deadLetter, emit } = this.context;
    const { selection, selected, failures } = this.#evaluator!.select(batch);
    for (const { reason, error, row } of failures) {
      deadLetter({ reason, message: `filter: ${messageOf(error)}`, batch, row });
    }
    if (selected === 0) return;
    emit(selected === batch.selected ? batch : { ...batch, selection, selected });
  }

  override close(): void {
    this.#evaluator?.close();
  }
}
