import { messageOf } from '../base/error.ts';
import type { ColumnVector } from '../kernel/column.ts';
import type { ProjectNode } from '../plan/node.ts';
import type { Batch } from './batch.ts';
import { columnOfValues, forEachRow, selectionOf } from './column-access.ts';
import { StatelessOperator } from './operator.ts';
import { type ExpressionContext, RowEvaluator } from './row-evaluator.ts';

/** Computes columns; plain column references cost nothing. A row whose expression fails goes to dead letters. */
export class ProjectOperator extends StatelessOperator {
  readonly #node: ProjectNode;
  readonly #expressions: ExpressionContext;
  /** Positions of the expressions that are not plain columns. */
  readonly #computed: readonly number[];
  #evaluator: RowEvaluator | undefined;

  constructor(node: ProjectNode, expressions: ExpressionContext) {
    super();
    this.#node = node;
    this.#expressions = expressions;
    this.#computed = node.expressions.flatMap((expression, i) => (expression.kind === 'column' ? [] : [i]));
  }

  processBatch(batch: Batch): void {
    const { expressions } = this.#node;
    const plain = (i: number): ColumnVector | undefined => {
      const expression = expressions[i]!;
      return expression.kind === 'column' ? batch.columns[expression.index]! : undefined;
    };
    if (this.#computed.length === 0) {
      this.context.emit({ ...batch, columns: expressions.map((_, i) => plain(i)!) });
      return;
    }
    const { values, kept } = this.#compute(batch);
    if (kept.length === 0) return;
    const { kernel } = this.context;
    const columns = expressions.map((expression, i) => {
      const at = this.#computed.indexOf(i);
      return at < 0 ? plain(i)! : columnOfValues(kernel, expression.type, values[at]!, batch.rows);
    });
    const whole = kept.length === batch.selected;
    const selection = whole ? batch.selection : selectionOf(kernel, kept);
    this.context.emit({ ...batch, columns, selection, selected: kept.length });
  }

  #compute(batch: Batch): { values: unknown[][]; kept: number[] } {
    const { kernel, deadLetter } = this.context;
    const wanted = this.#computed.map((i) => this.#node.expressions[i]!);
    this.#evaluator ??= new RowEvaluator(kernel, this.#node.input.columns, wanted, this.#expressions);
    const evaluator = this.#evaluator;
    const values = wanted.map(() => new Array<unknown>(batch.rows).fill(null));
    const kept: number[] = [];
    forEachRow(kernel, batch, (row) => {
      let column = 0;
      try {
        evaluator.load(batch, row);
        for (; column < wanted.length; column++) values[column]![row] = evaluator.value(column);
        kept.push(row);
      } catch (error) {
        const name = this.#node.columns[this.#computed[column]!]?.name ?? 'a column';
        for (const of of values) of[row] = null;
        deadLetter({ reason: evaluator.reason(column), message: `column "${name}": ${messageOf(error)}`, batch, row });
      }
    });
    return { values, kept };
  }
}
