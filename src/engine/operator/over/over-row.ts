import type { OrderedList } from '../rank/ordered-list.ts';

/** A row of a partition with what the calls need of it. */
export interface OverRow {
  readonly values: readonly unknown[];
  /** Values of the sort keys. */
  readonly keys: readonly unknown[];
  /** For each call the values of its arguments. */
  readonly args: readonly (readonly unknown[])[];
  readonly sequence: number;
  readonly time: bigint | undefined;
  /** What the calls gave; undefined before they were asked. */
  results: readonly unknown[] | undefined;
  /** A call failed: the row is a dead letter, and does not stand. */
  failed: boolean;
}

export type OverRows = OrderedList<OverRow>;
