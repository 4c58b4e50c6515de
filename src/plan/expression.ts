import type { CallOptions } from './call-options.ts';
import type { DataType } from './data-type.ts';

/** A scalar expression over one input row; frozen, tagged by `kind`, fully typed: the binder has resolved all names and overloads. */
export type Expression =
  | LiteralExpression
  | ColumnExpression
  | CallExpression
  | CaseExpression
  | CastExpression
  | UserFunctionExpression;

export interface LiteralExpression {
  readonly kind: 'literal';
  readonly type: DataType;
  /** As in data-type.ts; null for NULL. */
  readonly value: unknown;
}

/** Column of the input, by position. */
export interface ColumnExpression {
  readonly kind: 'column';
  readonly type: DataType;
  readonly index: number;
  readonly name: string;
}

/**
 * A built-in function or operator by its catalogue name (plan/function.ts): `and or not is_null is_not_null
 * is_distinct_from eq ne lt le gt ge add subtract multiply divide modulo negate concat like ... split_part upper lower
 * length substring coalesce nullif greatest least abs floor ceil round date_trunc extract ...`.
 * Arguments already have the types the overload wants: casts are explicit nodes.
 */
export interface CallExpression {
  readonly kind: 'call';
  readonly type: DataType;
  readonly function: string;
  readonly args: readonly Expression[];
}

/** Searched CASE; a simple CASE is rewritten to it. */
export interface CaseExpression {
  readonly kind: 'case';
  readonly type: DataType;
  readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
  readonly otherwise: Expression;
}

export interface CastExpression {
  readonly kind: 'cast';
  readonly type: DataType;
  readonly input: Expression;
}

/** A scalar function in TypeScript; `module` names a bundle of the pipeline by content hash. */
export interface UserFunctionExpression {
  readonly kind: 'user-function';
  readonly type: DataType;
  readonly name: string;
  readonly module: string;
  readonly exportName: string;
  readonly args: readonly Expression[];
  readonly options?: CallOptions;
}
