import type { DataType } from '../data-type.ts';
import { TYPE } from '../type-name.ts';
import { valueOrder } from '../value/value-order.ts';
import type { FunctionOverload } from './overload.ts';

/** The six comparisons and the two that know null; for every type, both sides of the same type. */
export const COMPARISON_NAMES = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const;
export type ComparisonName = (typeof COMPARISON_NAMES)[number];

const DECISIONS: Readonly<Record<ComparisonName, (order: number) => boolean>> = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  lt: (order) => order < 0,
  le: (order) => order <= 0,
  gt: (order) => order > 0,
  ge: (order) => order >= 0,
};

export function comparison(name: ComparisonName, type: DataType): FunctionOverload {
  const order = valueOrder(type);
  const decide = DECISIONS[name];
  return {
    name,
    args: [type, type],
    variadic: false,
    result: TYPE.boolean,
    volatility: 'immutable',
    strict: true,
    nullable: false,
    apply: (a, b) => decide(order(a, b)),
  };
}

export function isComparison(name: string): name is ComparisonName {
  return Object.hasOwn(DECISIONS, name);
}
