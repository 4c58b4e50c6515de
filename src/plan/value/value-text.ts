import type { DataType, Interval } from '../data-type.ts';
import { invalidText, outOfRange } from '../evaluation-error.ts';
import { typeName } from '../type-name.ts';
import { formatArray, parseArray } from './array-text.ts';
import { parseBytes } from './bytes-text.ts';
import { formatDate, formatTime, formatTimestamp } from './calendar.ts';
import { Decimal } from './decimal.ts';
import { formatInterval, parseInterval } from './interval.ts';
import { compareText } from './text-order.ts';
import { parseDate, parseTime, parseTimestamp } from './time-text.ts';

const INTEGER_TEXT = /^\s*[+-]?\d+\s*$/;
const FLOAT_TEXT = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;
const UUID_TEXT = /^\{?[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}\}?$/i;

/** Inclusive bounds of the integer types. */
export const INTEGER_RANGE = {
  int2: { min: -32_768n, max: 32_767n },
  int4: { min: -2_147_483_648n, max: 2_147_483_647n },
  int8: { min: -9_223_372_036_854_775_808n, max: 9_223_372_036_854_775_807n },
} as const;

/**
 * PostgreSQL's input function of a type: the value that a text means.
 * @throws HeadraceError `PLAN_INVALID_TEXT`, `PLAN_OUT_OF_RANGE`
 */
export function textToValue(text: string, type: DataType): unknown {
  switch (type.kind) {
    case 'text':
      return text;
    case 'boolean':
      return parseBoolean(text);
    case 'int2':
    case 'int4':
      return Number(parseInteger(text, type));
    case 'int8':
      return parseInteger(text, type);
    case 'float4':
    case 'float8':
      return parseFloating(text, type);
    case 'numeric': {
      const value = Decimal.parse(text);
      return type.precision === undefined ? value : value.fit(type.precision, type.scale ?? 0);
    }
    case 'uuid':
      return parseUuid(text);
    case 'bytea':
      return parseBytes(text);
    case 'date':
      return parseDate(text);
    case 'time':
      return parseTime(text);
    case 'timestamp':
      return parseTimestamp(text, false);
    case 'timestamptz':
      return parseTimestamp(text, true);
    case 'interval':
      return parseInterval(text);
    case 'jsonb':
      return parseJson(text);
    case 'array':
      return parseArray(text, (item) => textToValue(item, type.element), type.element.kind === 'array');
  }
}

/** PostgreSQL's output function of a type: what `value::text` gives. */
export function valueToText(value: unknown, type: DataType): string {
  switch (type.kind) {
    case 'text':
    case 'uuid':
      return value as string;
    case 'boolean':
      return value === true ? 'true' : 'false';
    case 'float4':
    case 'float8':
      return formatFloat(value as number, type.kind);
    case 'bytea':
      return `\\x${Buffer.from(value as Uint8Array).toString('hex')}`;
    case 'date':
      return formatDate(value as number);
    case 'time':
      return formatTime(value as bigint);
    case 'timestamp':
      return formatTimestamp(value as bigint, false);
    case 'timestamptz':
      return formatTimestamp(value as bigint, true);
    case 'interval':
      return formatInterval(value as Interval);
    case 'jsonb':
      return jsonbText(value);
    case 'array':
      return formatArray(
        value as readonly unknown[],
        (item) => itemText(item, type.element),
        type.element.kind === 'array',
      );
    default:
      return String(value);
  }
}

/** The text of a value inside of others, where a boolean is `t` or `f`. */
export function itemText(item: unknown, type: DataType): string {
  return type.kind === 'boolean' ? (item === true ? 't' : 'f') : valueToText(item, type);
}

function parseBoolean(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (word !== '') {
    if ('true'.startsWith(word) || 'yes'.startsWith(word) || word === 'on' || word === '1') return true;
    if ('false'.startsWith(word) || 'no'.startsWith(word) || word === 'of' || word === 'off' || word === '0')
      return false;
  }
  throw invalidText('boolean', text);
}

function parseInteger(text: string, type: DataType & { kind: 'int2' | 'int4' | 'int8' }): bigint {
  if (!INTEGER_TEXT.test(text)) throw invalidText(typeName(type), text);
  const value = BigInt(text.trim().replace(/^\+/, ''));
  const { min, max } = INTEGER_RANGE[type.kind];
  if (value < min || value > max) throw outOfRange(typeName(type));
  return value;
}

function parseFloating(text: string, type: DataType & { kind: 'float4' | 'float8' }): number {
  const special = /^\s*([+-]?)(nan|inf|infinity)\s*$/i.exec(text);
  if (special !== null) {
    if (special[2]!.toLowerCase() === 'nan') return Number.NaN;
    return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  if (!FLOAT_TEXT.test(text)) throw invalidText(typeName(type), text);
  const value = type.kind === 'float4' ? Math.fround(Number(text)) : Number(text);
  if (!Number.isFinite(value) || (value === 0 && /[1-9]/.test(text.replace(/[eE].*/, ''))))
    throw outOfRange(`"${text.trim()}" is`);
  return value;
}

function parseUuid(text: string): string {
  const trimmed = text.trim();
  if (!UUID_TEXT.test(trimmed)) throw invalidText('uuid', text);
  const hex = trimmed.replace(/[{}-]/g, '').toLowerCase();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw invalidText('json', text);
  }
}

/** Shortest digits that read back the same, as PostgreSQL since 12; exponent form below 1e-4 and from 1e15 (1e6 for real). */
export function formatFloat(value: number, kind: 'float4' | 'float8'): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const shortest = kind === 'float4' ? shortestSingle(value) : value.toExponential();
  const [mantissa = '', exponentText = '0'] = shortest.split('e');
  const exponent = Number(exponentText);
  const negative = mantissa.startsWith('-');
  const digits = mantissa.replace(/[-.]/g, '');
  const sign = negative ? '-' : '';
  if (exponent < -4 || exponent >= (kind === 'float4' ? 6 : 15)) {
    const fraction = digits.slice(1).replace(/0+$/, '');
    const size = Math.abs(exponent).toString().padStart(2, '0');
    return `${sign}${digits[0]}${fraction === '' ? '' : `.${fraction}`}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1).replace(/0+$/, '');
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

function shortestSingle(value: number): string {
  for (let digits = 0; digits < 9; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toExponential(9);
}

/** PostgreSQL's text of jsonb: a blank after colon and comma, keys by length, then bytes. */
export function jsonbText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonbText).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(
      ([a], [b]) => Buffer.byteLength(a) - Buffer.byteLength(b) || compareText(a, b),
    );
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}: ${jsonbText(item)}`).join(', ')}}`;
  }
  if (typeof value === 'number') return plainNumber(value);
  return JSON.stringify(value) ?? 'null';
}

/** All digits without an exponent. */
export function plainNumber(value: number): string {
  const text = String(value);
  return text.includes('e') ? Decimal.parse(text).toString() : text;
}
