import { aggregateCall } from '../plan/aggregate/aggregate-call.ts';
import { resolveAggregate, type WrittenAggregate } from '../plan/aggregate/aggregate-name.ts';
import type { TypeKind } from '../plan/type-name.ts';
import { Aggregate } from './aggregate.ts';
import { operandOf, type Value } from './value.ts';

const PLAIN = { distinct: false, filter: undefined, orderBy: [], withinGroup: false } as const;

/** By the name that SQL has for it. */
function named<Kind extends TypeKind>(name: string, ...values: readonly Value[]): Aggregate<Kind> {
  const written: WrittenAggregate = { ...PLAIN, args: values.map((value) => value.expression) };
  return new Aggregate<Kind>(resolveAggregate(name, written));
}

/**
 * The texts one after another, with the delimiter in between; nulls are left out.
 *
 * @example
 * ```ts
 * const pages = clicks.groupBy('page').aggregate((r) => ({ all: stringAgg(r.page, ', ').distinct() }));
 * pages.node.columns[1]!.type.kind; // 'text'
 * ```
 */
export function stringAgg(value: Value<'text'>, delimiter: Value<'text'> | string): Aggregate<'text'> {
  return new Aggregate(aggregateCall('string_agg', value.expression, { extra: [operandOf(delimiter)] }));
}

/** All values, nulls too, as an array. */
export function arrayAgg(value: Value): Aggregate<'array'> {
  return new Aggregate(aggregateCall('array_agg', value.expression));
}

/** All values, nulls too, as a JSON array. */
export function jsonbAgg(value: Value): Aggregate<'jsonb'> {
  return new Aggregate(aggregateCall('jsonb_agg', value.expression));
}

/** A JSON object of the values by key, of which the last counts; a row whose key is null is a dead letter. */
export function jsonbObjectAgg(key: Value, value: Value): Aggregate<'jsonb'> {
  return new Aggregate(aggregateCall('jsonb_object_agg', key.expression, { extra: [value.expression] }));
}

/** The value of the first row, be it null: the first to arrive unless `orderBy` says otherwise. */
export function firstValue<Kind extends TypeKind>(value: Value<Kind>): Aggregate<Kind> {
  return new Aggregate<Kind>(aggregateCall('first_value', value.expression));
}

/** The value of the last row, be it null. */
export function lastValue<Kind extends TypeKind>(value: Value<Kind>): Aggregate<Kind> {
  return new Aggregate<Kind>(aggregateCall('last_value', value.expression));
}

/** The first value to arrive that is not null. */
export function anyValue<Kind extends TypeKind>(value: Value<Kind>): Aggregate<Kind> {
  return named('any_value', value);
}

/** The value of the row in which `by` is smallest; rows with a null in one of the two are left out. */
export function argMin<Kind extends TypeKind>(value: Value<Kind>, by: Value): Aggregate<Kind> {
  return named('arg_min', value, by);
}

/**
 * The value of the row in which `by` is largest; rows with a null in one of the two are left out.
 *
 * @example
 * ```ts
 * const largest = clicks.groupBy('page').aggregate((r) => ({ page: argMax(r.time, r.bytes) }));
 * largest.node.columns[1]!.type.kind; // 'timestamptz'
 * ```
 */
export function argMax<Kind extends TypeKind>(value: Value<Kind>, by: Value): Aggregate<Kind> {
  return named('arg_max', value, by);
}
