import { messageOf } from '../base/error.ts';
import type { FilterNode } from '../plan/node.ts';
import type { Batch } from './batch.ts';
import { forEachRow, selectionOf } from './column-access.ts';
import { StatelessOperator } from './operator.ts';
import { type ExpressionContext, RowEvaluator } from './row-evaluator.ts';

/** Keeps the rows for which the predicate is true (not false, not null): shortens the selection. */
export class FilterOperator extends StatelessOperator {
  readonly #node: FilterNode;
  readonly #expressions: ExpressionContext;
  #evaluator: RowEvaluator | undefined;

  constructor(node: FilterNode, expressions: ExpressionContext) {
    super();
    this.#node = node;
    this.#expressions = expressions;
  }

  processBatch(batch: Batch): void {
    const { kernel, deadLetter, emit } = this.context;
    this.#evaluator ??= new RowEvaluator(kernel, this.#node.input.columns, [this.#node.predicate], this.#expressions);
    const evaluator = this.#evaluator;
    const kept: number[] = [];
    forEachRow(kernel, batch, (row) => {
      try {
        evaluator.load(batch, row);
        if (evaluator.value(0) === true) kept.push(row);
      } catch (error) {
        deadLetter({ reason: evaluator.reason(0), message: `filter: ${messageOf(error)}`, batch, row });
      }
    });
    if (kept.length === 0) return;
    if (kept.length === batch.selected) emit(batch);
    else emit({ ...batch, selection: selectionOf(kernel, kept), selected: kept.length });
  }
}
