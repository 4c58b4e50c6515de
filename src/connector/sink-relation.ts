import type { SourceColumn } from '../plan/node.ts';

/** What a sink delivers. */
export interface SinkRelation {
  /** With where each is in the JSON of a record. */
  readonly columns: readonly SourceColumn[];
  readonly kind: 'append' | 'upsert' | 'retract';
  /** Of `upsert`: the columns whose values, as a JSON array, are the key of a record; empty when its key is its own. */
  readonly keys: readonly number[];
}
