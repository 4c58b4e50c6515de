import { HeadraceError } from '../base/error.ts';
import type { DataType } from './data-type.ts';
import type { Expression } from './expression.ts';
import type { AggregateCall, AggregateFunction } from './node.ts';
import { TYPE, typeName } from './type-name.ts';

/** The aggregate functions that a plan may name. */
export const AGGREGATE_NAMES: readonly AggregateFunction[] = ['count', 'sum', 'min', 'max', 'avg'];

/**
 * PostgreSQL's result type: sum of int2 and int4 is int8, of int8 numeric; avg of an integer is numeric; min and max keep the
 * type (with its precision). Undefined where PostgreSQL has no such aggregate.
 */
export function aggregateType(name: AggregateFunction, argument: DataType | undefined): DataType | undefined {
  if (name === 'count') return TYPE.int8;
  if (argument === undefined) return undefined;
  switch (argument.kind) {
    case 'int2':
    case 'int4':
      return name === 'sum' ? TYPE.int8 : name === 'avg' ? TYPE.numeric : argument;
    case 'int8':
    case 'numeric':
      return name === 'sum' || name === 'avg' ? TYPE.numeric : argument;
    case 'float4':
      return name === 'avg' ? TYPE.float8 : argument;
    case 'float8':
      return argument;
    case 'interval':
      return name === 'sum' || name === 'avg' ? undefined : argument;
    case 'boolean':
    case 'jsonb':
    case 'uuid':
    case 'bytea':
      return undefined;
    default:
      return name === 'sum' || name === 'avg' ? undefined : argument;
  }
}

/** @throws HeadraceError `PLAN_UNKNOWN_FUNCTION` when the argument's type has no such aggregate */
export function aggregateCall(
  name: AggregateFunction,
  argument: Expression | undefined,
  options: { readonly distinct?: boolean; readonly filter?: Expression | undefined } = {},
): AggregateCall {
  const type = aggregateType(name, argument?.type);
  if (type === undefined) {
    const shown = argument === undefined ? '' : typeName(argument.type);
    throw new HeadraceError(`making a plan: function ${name}(${shown}) does not exist`, {
      code: 'PLAN_UNKNOWN_FUNCTION',
      domain: 'plan',
      next: 'aggregate a value of another type, with a cast if need be',
    });
  }
  return Object.freeze({
    function: name,
    argument,
    distinct: (options.distinct ?? false) && argument !== undefined,
    filter: options.filter,
    type,
  });
}
