import type { Expression } from '../../../plan/expression.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { type Accumulator, accumulatorInputs, NO_MORE } from './accumulator.ts';

/** What several aggregate calls are given of a row: where the values of their inputs and filters are among those of the row. */
export class CallInputs {
  /** Inputs and filters of all calls. */
  readonly expressions: readonly Expression[];
  readonly #inputsAt: readonly { readonly from: number; readonly end: number }[];
  readonly #filterAt: readonly (number | undefined)[];

  constructor(calls: readonly AggregateCall[]) {
    const expressions: Expression[] = [];
    this.#inputsAt = calls.map((call) => {
      const from = expressions.length;
      return { from, end: expressions.push(...accumulatorInputs(call)) };
    });
    this.#filterAt = calls.map((call) => (call.filter === undefined ? undefined : expressions.push(call.filter) - 1));
    this.expressions = expressions;
  }

  /**
   * Gives a row to the accumulators of the calls, or takes it back; `results` are the values of {@link expressions}. A row that one of
   * them refuses is given to none.
   */
  apply(accumulators: readonly Accumulator[], results: readonly unknown[], weight: number): void {
    let anyCanFail = false;
    for (const accumulator of accumulators) anyCanFail ||= canFail(accumulator);
    if (anyCanFail) this.#tryFirst(accumulators, results, weight);
    for (let i = 0; i < accumulators.length; i++) {
      if (!anyCanFail || !canFail(accumulators[i]!)) this.#give(accumulators, i, results, weight);
    }
  }

  /** Those that may refuse the row: all of them take it, or none. */
  #tryFirst(accumulators: readonly Accumulator[], results: readonly unknown[], weight: number): void {
    const undo: (() => void)[] = [];
    try {
      for (let i = 0; i < accumulators.length; i++) {
        const checkpoint = accumulators[i]!.checkpoint?.();
        if (checkpoint === undefined) continue;
        undo.push(checkpoint);
        this.#give(accumulators, i, results, weight);
      }
    } catch (error) {
      for (const step of undo) step();
      throw error;
    }
  }

  #give(accumulators: readonly Accumulator[], i: number, results: readonly unknown[], weight: number): void {
    const filter = this.#filterAt[i];
    if (filter !== undefined && results[filter] !== true) return;
    const { from, end } = this.#inputsAt[i]!;
    const more = end - from > 1 ? results.slice(from + 1, end) : NO_MORE;
    accumulators[i]!.add(end === from ? true : results[from], weight, more);
  }
}

function canFail(accumulator: Accumulator): boolean {
  return accumulator.checkpoint !== undefined;
}
