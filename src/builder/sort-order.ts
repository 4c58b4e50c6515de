import type { SortKey } from '../plan/node.ts';
import type { Value } from './value.ts';

/** A value to order by, and how. */
export class SortOrder {
  readonly key: SortKey;

  constructor(key: SortKey) {
    this.key = key;
  }
}

export interface NullsOption {
  /** PostgreSQL's default: nulls are the largest, so last in ascending order and first in descending. */
  readonly nulls?: 'first' | 'last';
}

/**
 * Smallest first.
 *
 * @example
 * ```ts
 * const cheapest = clicks.topN({ by: ['page'], orderBy: (r) => [asc(r.bytes)], limit: 3 });
 * cheapest.node.kind; // 'top-n'
 * ```
 */
export function asc(value: Value, options: NullsOption = {}): SortOrder {
  return new SortOrder({ expression: value.expression, descending: false, nullsFirst: options.nulls === 'first' });
}

/** Largest first. */
export function desc(value: Value, options: NullsOption = {}): SortOrder {
  return new SortOrder({ expression: value.expression, descending: true, nullsFirst: options.nulls !== 'last' });
}
