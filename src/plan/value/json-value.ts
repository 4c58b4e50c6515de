import type { DataType, Interval } from '../data-type.ts';
import { evaluationError } from '../evaluation-error.ts';
import { typeName } from '../type-name.ts';
import { formatDate, formatIsoTimestamp, formatTime } from './calendar.ts';
import { Decimal } from './decimal.ts';
import { formatIsoInterval } from './interval.ts';
import { INTEGER_RANGE, textToValue } from './value-text.ts';

/**
 * A value as it stands in JSON results (table in data-type.ts). An int8 or numeric that a JavaScript number does not hold
 * exactly becomes a string of all its digits; {@link toJsonText} writes it as a number.
 */
export function toJsonValue(value: unknown, type: DataType): unknown {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case 'int8': {
      const number = Number(value as bigint);
      return Number.isSafeInteger(number) ? number : String(value);
    }
    case 'numeric': {
      const text = (value as Decimal).toString();
      const number = Number(text);
      return Decimal.parse(String(number)).equals(value as Decimal) ? number : text;
    }
    case 'float4':
    case 'float8':
      return Number.isFinite(value) ? value : String(value);
    case 'bytea':
      return `\\x${Buffer.from(value as Uint8Array).toString('hex')}`;
    case 'date':
      return formatDate(value as number);
    case 'time':
      return formatTime(value as bigint);
    case 'timestamp':
      return formatIsoTimestamp(value as bigint, false);
    case 'timestamptz':
      return formatIsoTimestamp(value as bigint, true);
    case 'interval':
      return formatIsoInterval(value as Interval);
    case 'array':
      return (value as readonly unknown[]).map((item) => toJsonValue(item, type.element));
    default:
      return value;
  }
}

/** JSON text of a value, with every digit of int8 and numeric. */
export function toJsonText(value: unknown, type: DataType): string {
  if (value === null || value === undefined) return 'null';
  if (type.kind === 'int8' || type.kind === 'numeric') return String(value);
  // Of doubles: the numbers of jsonb are PostgreSQL's numerics, whose zero has no sign.
  if (Object.is(value, -0) && type.kind !== 'jsonb') return '-0';
  if (type.kind === 'array') {
    return `[${(value as readonly unknown[]).map((item) => toJsonText(item, type.element)).join(',')}]`;
  }
  return JSON.stringify(toJsonValue(value, type)) ?? 'null';
}

/**
 * The value that a JSON value means for a column: a JSON number or string for numbers, a string for text, times, uuid and
 * bytea, anything for jsonb. The inverse of {@link toJsonValue}.
 * @throws HeadraceError `PLAN_INVALID_TEXT`, `PLAN_OUT_OF_RANGE` or `PLAN_INVALID_ARGUMENT`
 */
export function fromJsonValue(json: unknown, type: DataType): unknown {
  if (json === null || json === undefined) return null;
  if (type.kind === 'jsonb') return json;
  if (type.kind === 'array') {
    if (!Array.isArray(json)) throw wrongKind(json, type);
    return json.map((item) => fromJsonValue(item, type.element));
  }
  if (typeof json === 'string') return textToValue(json, type);
  if (typeof json === 'bigint') return textToValue(json.toString(), type);
  if (type.kind === 'boolean' && typeof json === 'boolean') return json;
  if (typeof json === 'number') return fromJsonNumber(json, type);
  throw wrongKind(json, type);
}

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const WHOLE = /^-?\d+$/;

/** An array from its JSON text. Items of int8 and numeric keep all their digits, and a numeric its scale, which doubles would lose. */
export function fromJsonArrayText(text: string, type: DataType & { kind: 'array' }): unknown {
  const item = innermost(type);
  if (item !== 'numeric' && item !== 'int8') return fromJsonValue(JSON.parse(text), type);
  const exact = text.replace(STRING_OR_NUMBER, (token) => {
    const isKept = token.startsWith('"') || (item === 'int8' && !WHOLE.test(token));
    return isKept ? token : `"${token}"`;
  });
  return fromJsonValue(JSON.parse(exact), type);
}

function innermost(type: DataType): DataType['kind'] {
  return type.kind === 'array' ? innermost(type.element) : type.kind;
}

function fromJsonNumber(json: number, type: DataType): unknown {
  switch (type.kind) {
    case 'float8':
      return json;
    case 'float4':
      return Math.fround(json);
    case 'numeric':
      return textToValue(String(json), type);
    case 'int2':
    case 'int4':
    case 'int8': {
      const { min, max } = INTEGER_RANGE[type.kind];
      if (!Number.isInteger(json)) throw wrongKind(json, type);
      const whole = BigInt(json);
      if (whole < min || whole > max)
        throw evaluationError('PLAN_OUT_OF_RANGE', `${json} is out of range for ${typeName(type)}`);
      return type.kind === 'int8' ? whole : json;
    }
    default:
      throw wrongKind(json, type);
  }
}

function wrongKind(json: unknown, type: DataType): Error {
  const shown = JSON.stringify(json)?.slice(0, 100);
  return evaluationError('PLAN_INVALID_ARGUMENT', `JSON value ${shown} is not a ${typeName(type)}`);
}
