import type { DataType } from '../data-type.ts';
import type { Expression } from '../expression.ts';
import { mapOperands } from '../expression-map.ts';

/** Functions that have a value for all arguments. */
const TOTAL: ReadonlySet<string> = new Set([
  'and',
  'or',
  'not',
  'is_null',
  'is_not_null',
  'is_true',
  'is_not_true',
  'is_false',
  'is_not_false',
  'is_distinct_from',
  'is_not_distinct_from',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'coalesce',
  'nullif',
  'greatest',
  'least',
  'upper',
  'lower',
  'length',
]);

const WIDER: Readonly<Partial<Record<DataType['kind'], readonly DataType['kind'][]>>> = {
  int2: ['int4', 'int8', 'numeric', 'float4', 'float8', 'text'],
  int4: ['int8', 'numeric', 'float8', 'text'],
  int8: ['numeric', 'text'],
  float4: ['float8'],
  boolean: ['text'],
};

/** Whether the expression may fail for some row: such a one is evaluated for no row that it was not evaluated for as written. */
export function mayThrow(expression: Expression): boolean {
  const isTotal = (): boolean => {
    switch (expression.kind) {
      case 'literal':
      case 'column':
      case 'case':
        return true;
      case 'call':
        return TOTAL.has(expression.function);
      case 'cast': {
        const { type, input } = expression;
        const isAny = type.kind !== 'numeric' || type.precision === undefined;
        return isAny && (WIDER[input.type.kind]?.includes(type.kind) ?? false);
      }
      case 'user-function':
        return false;
    }
  };
  if (!isTotal()) return true;
  let found = false;
  mapOperands(expression, (inner) => {
    found ||= mayThrow(inner);
    return inner;
  });
  return found;
}
