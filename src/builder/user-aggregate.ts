import { userAggregateCall } from '../plan/aggregate/aggregate-call.ts';
import type { TypeKind } from '../plan/type-name.ts';
import { Aggregate } from './aggregate.ts';
import type { ColumnType } from './column-type.ts';
import { type Arguments, OWN_MODULE } from './user-function.ts';
import { operandOf, type Value } from './value.ts';

/**
 * What an aggregate does. The state is plain data: objects, arrays, texts, numbers, bigints, booleans and null. `accumulate` and
 * `retract` give the new state, or nothing when they have changed the one that they were given; when they throw, they must have
 * left it as it was. NULL comes as null.
 */
export interface AggregateParts<Types extends readonly ColumnType[], State> {
  readonly init: () => State;
  readonly accumulate: (state: State, ...values: Arguments<Types>) => State | undefined;
  /** Takes a row back. Without it, all rows are kept where rows can be taken back, and the state is made anew from them. */
  readonly retract?: (state: State, ...values: Arguments<Types>) => State | undefined;
  /** The state of the rows of both. */
  readonly merge?: (state: State, other: State) => State | undefined;
  /** The result; undefined is NULL. Without it, the state is the result. */
  readonly finish?: (state: State) => unknown;
}

/** Used in a pipeline with values, and by the engine by its parts. */
export type UserAggregate<Types extends readonly ColumnType[], Result extends TypeKind, State> = AggregateParts<
  Types,
  State
> &
  ((...values: Operands<Types>) => Aggregate<Result>);

type Operands<Types extends readonly ColumnType[]> = {
  [Index in keyof Types]: Types[Index] extends ColumnType<infer Kind> ? Value<Kind> | string | number | boolean : never;
};

/**
 * An aggregate in TypeScript. Export it from the pipeline's file under `name`: the engine's workers find it there.
 *
 * @example
 * ```ts
 * export const product = udaf('product', [t.float8()], t.float8(), {
 *   init: () => 1,
 *   accumulate: (state, value) => state * (value ?? 1),
 * });
 * product.accumulate(6, 7); // 42
 * ```
 */
export function udaf<const Types extends readonly [ColumnType, ...ColumnType[]], Result extends TypeKind, State>(
  name: string,
  types: Types,
  result: ColumnType<Result>,
  parts: AggregateParts<Types, State>,
): UserAggregate<Types, Result, State> {
  const declared = {
    name,
    module: OWN_MODULE,
    exportName: name,
    args: types.map((type) => type.type),
    returns: result.type,
  };
  const called = (...values: Operands<Types>): Aggregate<Result> =>
    new Aggregate<Result>(userAggregateCall(declared, values.map(operandOf)));
  return Object.assign(called, parts);
}
