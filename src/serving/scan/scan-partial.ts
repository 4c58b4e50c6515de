import type { AggregatePartial } from './scan-aggregate.ts';

/** What one part of a scan found: plain data. */
export interface ScanPartial {
  readonly groups: number;
  /** By grouping column: the values as text, null for NULL. */
  readonly keys: readonly (readonly (string | null)[])[];
  readonly aggregates: readonly AggregatePartial[];
}
