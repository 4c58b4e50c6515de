import type { SetOperationNode } from '../../../plan/node.ts';
import { typesEqual } from '../../../plan/type-name.ts';
import type { Batch } from '../batch.ts';
import { type OperatorContext, StatelessOperator } from '../operator.ts';
import { RowEmitter, RowReader } from '../row-batch.ts';

/** Hands on the rows of all inputs as they come: UNION ALL. */
export class UnionAllOperator extends StatelessOperator {
  readonly #node: SetOperationNode;
  /** Inputs whose columns lie otherwise than those of the result (a numeric of another scale) are read row by row. */
  #readers: readonly (RowReader | undefined)[] = [];
  #emitter: RowEmitter | undefined;

  constructor(node: SetOperationNode) {
    super();
    this.#node = node;
  }

  override open(context: OperatorContext): void {
    super.open(context);
    const { inputs, columns } = this.#node;
    this.#emitter = new RowEmitter(context.kernel, columns, context.emit);
    this.#readers = inputs.map((input) => {
      const isSame = input.columns.every(({ type }, at) => typesEqual(type, columns[at]!.type));
      return isSame ? undefined : new RowReader(context.kernel, input.columns);
    });
  }

  processBatch(batch: Batch, input: number): void {
    const reader = this.#readers[input];
    if (reader === undefined) {
      this.context.emit(batch);
      return;
    }
    reader.forEach(batch, ({ values, weight, time }) => this.#emitter!.add(values, weight, time));
    this.#emitter!.flush();
  }
}
