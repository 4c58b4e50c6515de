import { aggregateCall, changedCall } from '../plan/aggregate/aggregate-call.ts';
import type { AggregateCall } from '../plan/node.ts';
import type { TypeKind } from '../plan/type-name.ts';
import type { SortOrder } from './sort-order.ts';
import type { NumberKind, Value } from './value.ts';

type IntegerKind = 'int2' | 'int4' | 'int8';
type SumKind<Kind extends NumberKind> = Kind extends 'int2' | 'int4' ? 'int8' : Kind extends 'int8' ? 'numeric' : Kind;
type AverageKind<Kind extends NumberKind> = Kind extends 'float4' | 'float8' ? 'float8' : 'numeric';

/** An aggregate over the rows of a group. */
export class Aggregate<Kind extends TypeKind = TypeKind> {
  readonly call: AggregateCall;
  /** Exists for the compiler only. */
  declare readonly kind: Kind;

  constructor(call: AggregateCall) {
    this.call = call;
  }

  /** Takes only the rows for which the condition is true. */
  filter(condition: Value<'boolean'>): Aggregate<Kind> {
    return new Aggregate<Kind>(changedCall(this.call, { filter: condition.expression }));
  }

  /** Takes each different value once. */
  distinct(): Aggregate<Kind> {
    return new Aggregate<Kind>(changedCall(this.call, { distinct: true }));
  }

  /**
   * Takes the rows in this order; those that are equal in it in the order of their arrival.
   *
   * @example
   * ```ts
   * const trail = clicks.groupBy('page').aggregate((r) => ({
   *   pages: stringAgg(r.page, ' > ').orderBy(asc(r.time)),
   *   last: lastValue(r.bytes).orderBy(asc(r.time)),
   * }));
   * trail.node.columns.map((column) => column.type.kind); // ['text', 'text', 'int8']
   * ```
   */
  orderBy(...order: readonly [SortOrder, ...SortOrder[]]): Aggregate<Kind> {
    return new Aggregate<Kind>(changedCall(this.call, { orderBy: order.map(({ key }) => key) }));
  }
}

/**
 * Rows; or, with a value, the rows in which it is not null.
 *
 * @example
 * ```ts
 * const perPage = clicks.groupBy('page').aggregate((r) => ({ clicks: count(), large: count().filter(r.bytes.gt(1000)) }));
 * perPage.node.columns.map((column) => column.name); // ['page', 'clicks', 'large']
 * ```
 */
export function count(value?: Value): Aggregate<'int8'> {
  return new Aggregate(aggregateCall('count', value?.expression));
}

/** Different values; null is none. */
export function countDistinct(value: Value): Aggregate<'int8'> {
  return new Aggregate(aggregateCall('count', value.expression, { distinct: true }));
}

/**
 * Exact for integers and numeric; of floating point numbers the same in any order. Null when no value is there.
 *
 * @example
 * ```ts
 * const bytes = clicks.groupBy('page').aggregate((r) => ({ bytes: sum(r.bytes) }));
 * bytes.node.columns[1]!.type.kind; // 'numeric'
 * ```
 */
export function sum<Kind extends NumberKind>(value: Value<Kind>): Aggregate<SumKind<Kind>> {
  return new Aggregate<SumKind<Kind>>(aggregateCall('sum', value.expression));
}

/** The mean; numeric for integers and numeric. */
export function avg<Kind extends NumberKind>(value: Value<Kind>): Aggregate<AverageKind<Kind>> {
  return new Aggregate<AverageKind<Kind>>(aggregateCall('avg', value.expression));
}

/** The smallest value, in the order of its type. */
export function min<Kind extends TypeKind>(value: Value<Kind>): Aggregate<Kind> {
  return new Aggregate<Kind>(aggregateCall('min', value.expression));
}

/** The largest value, in the order of its type. */
export function max<Kind extends TypeKind>(value: Value<Kind>): Aggregate<Kind> {
  return new Aggregate<Kind>(aggregateCall('max', value.expression));
}

/** Rows for which the condition is true. */
export function countIf(condition: Value<'boolean'>): Aggregate<'int8'> {
  return count().filter(condition);
}

/** Whether all values are true. */
export function boolAnd(value: Value<'boolean'>): Aggregate<'boolean'> {
  return new Aggregate(aggregateCall('bool_and', value.expression));
}

/** Whether a value is true. */
export function boolOr(value: Value<'boolean'>): Aggregate<'boolean'> {
  return new Aggregate(aggregateCall('bool_or', value.expression));
}

/** The bits that all values have. */
export function bitAnd<Kind extends IntegerKind>(value: Value<Kind>): Aggregate<Kind> {
  return new Aggregate<Kind>(aggregateCall('bit_and', value.expression));
}

/** The bits that any value has. */
export function bitOr<Kind extends IntegerKind>(value: Value<Kind>): Aggregate<Kind> {
  return new Aggregate<Kind>(aggregateCall('bit_or', value.expression));
}

/** The bits that an odd number of values has. */
export function bitXor<Kind extends IntegerKind>(value: Value<Kind>): Aggregate<Kind> {
  return new Aggregate<Kind>(aggregateCall('bit_xor', value.expression));
}
