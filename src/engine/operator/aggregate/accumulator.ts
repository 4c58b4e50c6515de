import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Expression } from '../../../plan/expression.ts';
import type { AggregateCall } from '../../../plan/node.ts';

/** No arguments beside the first. */
export const NO_MORE: readonly unknown[] = Object.freeze([]);

/** One aggregate of one group. */
export interface Accumulator {
  /**
   * Takes a row, or takes it back (`weight` -1). `value` is the first argument (true for `count(*)`), `more` what
   * {@link accumulatorInputs} lists after it. Nulls may be given; who has no use for them leaves them out.
   */
  add(value: unknown, weight: number, more: readonly unknown[]): void;
  /** The result with PostgreSQL's type; null when it has none. @throws HeadraceError when it does not fit its type */
  value(): unknown;
  /** Takes all that another accumulator of the same call holds, which is not to be used again. Missing where rows must be given one by one. */
  merge?(other: Accumulator): void;
  /** Called before a row that may fail: gives what undoes it. Missing for accumulators whose `add` never throws. */
  checkpoint?(): () => void;
  snapshot(writer: ByteWriter): void;
  restore(reader: ByteReader): void;
}

/** What an aggregate is given of each row that its filter lets through: its arguments, then the keys of its order. */
export function accumulatorInputs(call: AggregateCall): readonly Expression[] {
  const { argument, extra = [], orderBy = [] } = call;
  const isOrderedSet = call.function === 'mode' || call.function.includes('percentile');
  const keys = isOrderedSet ? [] : orderBy.map((key) => key.expression);
  return argument === undefined ? [] : [argument, ...(isOrderedSet ? [] : extra), ...keys];
}
