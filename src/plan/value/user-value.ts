import type { DataType } from '../data-type.ts';
import { evaluationError } from '../evaluation-error.ts';
import { typeName } from '../type-name.ts';
import { Decimal } from './decimal.ts';
import { checkedSingle, valueCast } from './value-cast.ts';
import { INTEGER_RANGE, textToValue } from './value-text.ts';

/**
 * What a user function returned, as a value of its declared type. Accepts what people write: a number for an int8, a number or
 * text for a numeric, a `Date` for a timestamp; undefined is NULL. Anything else is an error that names the function.
 */
export function acceptUserValue(value: unknown, type: DataType, name: string): unknown {
  if (value === null || value === undefined) return null;
  const accepted = accept(value, type);
  if (accepted !== undefined) return accepted;
  throw evaluationError(
    'PLAN_INVALID_ARGUMENT',
    `user function ${name} returned a ${value instanceof Date ? 'Date' : typeof value} where ${typeName(type)} was declared`,
  );
}

function accept(value: unknown, type: DataType): unknown {
  switch (type.kind) {
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'uuid':
      return typeof value === 'string' ? textToValue(value, type) : undefined;
    case 'float8':
      return typeof value === 'number' ? value : undefined;
    case 'float4':
      return typeof value === 'number' ? checkedSingle(value) : undefined;
    case 'int2':
    case 'int4':
    case 'int8':
      return acceptInteger(value, type.kind);
    case 'numeric':
      return acceptDecimal(value, type);
    case 'date':
      if (value instanceof Date) return Math.floor(value.getTime() / 86_400_000);
      return Number.isInteger(value) ? value : undefined;
    case 'timestamp':
    case 'timestamptz':
      if (value instanceof Date && !Number.isNaN(value.getTime())) return BigInt(value.getTime()) * 1000n;
      return typeof value === 'bigint' ? value : undefined;
    case 'time':
      return typeof value === 'bigint' ? value : undefined;
    case 'bytea':
      return value instanceof Uint8Array ? value : undefined;
    case 'array':
      return Array.isArray(value) ? value.map((item) => accept(item, type.element) ?? null) : undefined;
    case 'interval':
    case 'jsonb':
      return value;
  }
}

function acceptInteger(value: unknown, kind: 'int2' | 'int4' | 'int8'): unknown {
  if (typeof value !== 'bigint' && !Number.isInteger(value)) return undefined;
  const whole = BigInt(value as number | bigint);
  const { min, max } = INTEGER_RANGE[kind];
  if (whole < min || whole > max) throw evaluationError('PLAN_OUT_OF_RANGE', `${typeName({ kind })} out of range`);
  return kind === 'int8' ? whole : Number(whole);
}

function acceptDecimal(value: unknown, type: DataType): unknown {
  if (value instanceof Decimal) return valueCast({ kind: 'numeric' }, type)?.(value);
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string') {
    return textToValue(String(value), type);
  }
  return undefined;
}
