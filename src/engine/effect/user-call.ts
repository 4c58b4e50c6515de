import { messageOf } from '../../base/error.ts';
import type { Expression } from '../../plan/expression.ts';
import type { SourceNode, UserCall, UserCallNode } from '../../plan/node.ts';
import { acceptUserValue } from '../../plan/value/user-value.ts';
import { textToValue, valueToText } from '../../plan/value/value-text.ts';
import type { Batch } from '../operator/batch.ts';
import type { OperatorContext } from '../operator/operator.ts';
import { type ExpressionContext, RowEvaluator, type UserFunction } from '../operator/row-evaluator.ts';
import { AskingOperator, type Finished, type Prepared } from './asking-operator.ts';
import type { Answer, AskTarget } from './effect.ts';

const NULL_ANSWER: Prepared = { answer: [null] };

/** Calls of user functions whose results are journaled: asynchronous, volatile, or on the pool. One column for each. */
export class UserCallOperator extends AskingOperator {
  readonly #node: UserCallNode;
  readonly #expressions: ExpressionContext;
  readonly #functions: readonly UserFunction[];
  #evaluator: RowEvaluator | undefined;

  constructor(
    node: UserCallNode,
    input: { readonly sources: readonly SourceNode[]; readonly appendOnly: boolean },
    expressions: ExpressionContext,
  ) {
    super({
      node,
      ...input,
      reuse: node.calls.every(({ options }) => !options.volatile),
      targets: node.calls.map(targetOf),
      argTypes: node.calls.map(({ args }) => args.map((arg) => arg.type)),
      immediate: node.calls.map(isImmediate),
      reason: 'user-function',
    });
    this.#node = node;
    this.#expressions = expressions;
    // All are looked up, so that one that is missing is missed at the start.
    this.#functions = node.calls.map((call) => expressions.userFunction(call.module, call.exportName, call.options));
  }

  override open(context: OperatorContext): void {
    super.open(context);
    const expressions = this.#node.calls.flatMap(({ when, args }): Expression[] =>
      when === undefined ? [...args] : [when, ...args],
    );
    this.#evaluator = new RowEvaluator(context.kernel, this.#node.input.columns, expressions, this.#expressions);
  }

  protected prepare(batch: Batch, row: number): readonly Prepared[] {
    const evaluator = this.#evaluator!;
    evaluator.load(batch, row);
    let next = 0;
    return this.#node.calls.map(({ when, args }) => {
      const first = next + (when === undefined ? 0 : 1);
      const isMade = when === undefined || evaluator.value(next) === true;
      next = first + args.length;
      return isMade ? { args: args.map((_, i) => evaluator.value(first + i)) } : NULL_ANSWER;
    });
  }

  protected answerNow(at: number, args: readonly unknown[]): Answer {
    const { type, name } = this.#node.calls[at]!;
    try {
      const value = acceptUserValue(this.#functions[at]!(...args), type, name);
      return [value === null ? null : valueToText(value, type)];
    } catch (error) {
      return messageOf(error);
    }
  }

  protected finish(answers: readonly Answer[]): Finished {
    const { calls } = this.#node;
    const failed = answers.findIndex((answer) => typeof answer === 'string');
    if (failed >= 0) {
      const call = calls[failed]!;
      return { kind: 'failed', message: answers[failed] as string, stops: call.options.onError === 'fail' };
    }
    const values = answers.map((answer, at) => {
      const text = (answer as readonly (string | null)[])[0] ?? null;
      return text === null ? null : textToValue(text, calls[at]!.type);
    });
    return { kind: 'row', values };
  }
}

/** On the task's own thread, and at once. */
function isImmediate({ options }: UserCall): boolean {
  return !(options.asynchronous || options.pool);
}

function targetOf({ name, module, exportName, args, type, options }: UserCall): AskTarget {
  return { kind: 'function', name, module, exportName, argTypes: args.map((arg) => arg.type), type, options };
}
