import type { DataType } from '../data-type.ts';
import type { AggregateFunction } from '../node.ts';
import { arrayType, TYPE, type TypeKind } from '../type-name.ts';

const INTEGERS: ReadonlySet<TypeKind> = new Set(['int2', 'int4', 'int8']);
/** PostgreSQL has no min, max of them. */
const WITHOUT_EXTREMES: ReadonlySet<TypeKind> = new Set(['boolean', 'jsonb', 'uuid', 'bytea']);

/**
 * PostgreSQL's result type: sum of int2 and int4 is int8, of int8 numeric; avg of an integer is numeric; min and max keep the
 * type (with its precision). Undefined where PostgreSQL has no such aggregate. `fractions`: how a percentile is asked for.
 */
export function aggregateType(
  name: AggregateFunction,
  argument: DataType | undefined,
  fractions: 'one' | 'several' = 'one',
): DataType | undefined {
  if (name === 'count') return TYPE.int8;
  if (argument === undefined) return undefined;
  switch (name) {
    case 'sum':
    case 'avg':
      return sumType(argument, name === 'avg');
    case 'min':
    case 'max':
      return WITHOUT_EXTREMES.has(argument.kind) ? undefined : argument;
    case 'bool_and':
    case 'bool_or':
      return argument.kind === 'boolean' ? argument : undefined;
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor':
      return INTEGERS.has(argument.kind) ? argument : undefined;
    case 'string_agg':
      return argument.kind === 'text' || argument.kind === 'bytea' ? argument : undefined;
    case 'array_agg':
      return arrayType(argument);
    case 'jsonb_agg':
    case 'jsonb_object_agg':
      return TYPE.jsonb;
    case 'first_value':
    case 'last_value':
    case 'mode':
      return argument;
    case 'percentile_cont':
      if (argument.kind !== 'float8' && argument.kind !== 'interval') return undefined;
      return fractions === 'several' ? arrayType(argument) : argument;
    case 'percentile_disc':
      return fractions === 'several' ? arrayType(argument) : argument;
    case 'regr_count':
    case 'approx_count_distinct':
      return TYPE.int8;
    case 'var_pop':
    case 'var_samp':
    case 'stddev_pop':
    case 'stddev_samp':
      return deviationType(argument);
    case 'user':
      return undefined;
    default:
      return argument.kind === 'float8' ? argument : undefined;
  }
}

function sumType(argument: DataType, average: boolean): DataType | undefined {
  switch (argument.kind) {
    case 'int2':
    case 'int4':
      return average ? TYPE.numeric : TYPE.int8;
    case 'int8':
    case 'numeric':
      return TYPE.numeric;
    case 'float4':
      return average ? TYPE.float8 : argument;
    case 'float8':
    case 'interval':
      return argument;
    default:
      return undefined;
  }
}

function deviationType(argument: DataType): DataType | undefined {
  if (INTEGERS.has(argument.kind) || argument.kind === 'numeric') return TYPE.numeric;
  return argument.kind === 'float4' || argument.kind === 'float8' ? TYPE.float8 : undefined;
}
