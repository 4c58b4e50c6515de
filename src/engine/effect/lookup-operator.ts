import { messageOf } from '../../base/error.ts';
import type { LookupNode, SourceNode } from '../../plan/node.ts';
import { textToValue } from '../../plan/value/value-text.ts';
import type { Batch } from '../operator/batch.ts';
import type { OperatorContext } from '../operator/operator.ts';
import { type ExpressionContext, RowEvaluator } from '../operator/row-evaluator.ts';
import { AskingOperator, type Finished, type Prepared } from './asking-operator.ts';
import type { Answer, AskTarget } from './effect.ts';

const NOTHING_FOUND: Prepared = { answer: null };

/** Appends what a look-up gives for the key of each row. A key with a null finds nothing, as in any join. */
export class LookupOperator extends AskingOperator {
  readonly #node: LookupNode;
  readonly #expressions: ExpressionContext;
  #evaluator: RowEvaluator | undefined;

  constructor(
    node: LookupNode,
    input: { readonly sources: readonly SourceNode[]; readonly appendOnly: boolean },
    expressions: ExpressionContext,
  ) {
    const { name, connector, options, keyNames, found, keys } = node;
    const keyTypes = keys.map((key) => key.type);
    const target: AskTarget = { kind: 'lookup', name, connector, options, keyTypes, keyNames, found };
    super({
      node,
      ...input,
      reuse: false,
      targets: [target],
      argTypes: [keyTypes],
      immediate: [false],
      reason: 'lookup',
    });
    this.#node = node;
    this.#expressions = expressions;
  }

  override open(context: OperatorContext): void {
    super.open(context);
    const { input, keys } = this.#node;
    this.#evaluator = new RowEvaluator(context.kernel, input.columns, keys, this.#expressions);
  }

  protected prepare(batch: Batch, row: number): readonly Prepared[] {
    const evaluator = this.#evaluator!;
    evaluator.load(batch, row);
    const args = this.#node.keys.map((_, at) => evaluator.value(at));
    return [args.includes(null) ? NOTHING_FOUND : { args }];
  }

  /** No look-up is answered at once. */
  protected answerNow(): Answer {
    return null;
  }

  protected finish([answer]: readonly Answer[]): Finished {
    const { found, join } = this.#node;
    if (typeof answer === 'string') return this.#failed(answer);
    if (answer === null || answer === undefined) {
      return join === 'inner' ? { kind: 'drop' } : { kind: 'row', values: found.map(() => null) };
    }
    try {
      const values = found.map(({ type }, at) => {
        const text = answer[at] ?? null;
        return text === null ? null : textToValue(text, type);
      });
      return { kind: 'row', values };
    } catch (error) {
      return this.#failed(`reading what a look-up found: ${messageOf(error)}`);
    }
  }

  #failed(message: string): Finished {
    return { kind: 'failed', message, stops: this.#node.options.on_error === 'fail' };
  }
}
