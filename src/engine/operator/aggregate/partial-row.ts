import type { GroupLayout } from '../../../kernel/group-layout.ts';
import type { Column } from '../../../plan/data-type.ts';

/** Where the state of one aggregate lies among the columns of a partial row. */
export interface PartialState {
  readonly from: number;
  /**
   * `count`: how many. `integers`: the sum, for eight-byte arguments its high word too, and how many there were. `floats`: the exact
   * sum, as bytes. `extreme`: the least or the greatest, null when there was none.
   */
  readonly kind: 'count' | 'integers' | 'wide-integers' | 'floats' | 'extreme';
}

/**
 * How an aggregate is made in two steps: of the rows of an epoch, where they are read, one partial row for each group
 * ({@link PartialAggregateOperator}); and of these rows the result (an `AggregateOperator` that `merges`), the same to the bit as
 * that of an aggregate over the rows themselves. Which partial rows a row went into does not show.
 */
export interface PartialPlan {
  /** Of a partial row: the groups, as in the result, then the states. */
  readonly columns: readonly Column[];
  /** How many of them are groups. */
  readonly groups: number;
  /** By aggregate. */
  readonly states: readonly PartialState[];
  /** Of the partial step. */
  readonly layout: GroupLayout;
}

/** How many columns a state has. */
export const STATE_COLUMNS = { count: 1, integers: 2, 'wide-integers': 3, floats: 1, extreme: 1 } as const;
