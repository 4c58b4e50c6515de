import { messageOf } from '../../base/error.ts';
import type { ProjectNode } from '../../plan/node.ts';
import type { Batch } from './batch.ts';
import { ColumnEvaluator } from './column-evaluator.ts';
import { type OperatorContext, StatelessOperator } from './operator.ts';
import type { ExpressionContext } from './row-evaluator.ts';

/** Computes columns; plain column references cost nothing. A row whose expression fails goes to dead letters. */
export class ProjectOperator extends StatelessOperator {
  readonly #node: ProjectNode;
  readonly #expressions: ExpressionContext;
  #evaluator: ColumnEvaluator | undefined;

  constructor(node: ProjectNode, expressions: ExpressionContext) {
    super();
    this.#node = node;
    this.#expressions = expressions;
  }

  override open(context: OperatorContext): void {
    super.open(context);
    const { input, expressions } = this.#node;
    this.#evaluator = new ColumnEvaluator(context.kernel, input.columns, expressions, this.#expressions);
  }

  processBatch(batch: Batch): void {
    const { columns, selection, selected, failures } = this.#evaluator!.evaluate(batch);
    for (const { reason, error, row, expression } of failures) {
      const name = this.#node.columns[expression]?.name ?? 'a column';
      this.context.deadLetter({ reason, message: `column "${name}": ${messageOf(error)}`, batch, row });
    }
    if (selected === 0) return;
    this.context.emit({ ...batch, columns, selection, selected });
  }

  override close(): void {
    this.#evaluator?.close();
  }
}
