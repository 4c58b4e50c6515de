import type { DataType, Interval } from '../data-type.ts';
import type { Decimal } from './decimal.ts';
import { intervalOrder } from './interval.ts';
import { compareText } from './text-order.ts';

/** Order of two values of one type, neither null: negative, zero or positive. NaN is equal to itself and above all numbers. */
export type ValueOrder = (a: unknown, b: unknown) => number;

export function valueOrder(type: DataType): ValueOrder {
  switch (type.kind) {
    case 'float4':
    case 'float8':
    case 'int2':
    case 'int4':
    case 'date':
      return compareNumbers as ValueOrder;
    case 'boolean':
      return (a, b) => Number(a) - Number(b);
    case 'int8':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return compareBigInts as ValueOrder;
    case 'numeric':
      return (a, b) => (a as Decimal).compare(b as Decimal);
    case 'text':
    case 'uuid':
      return compareText as ValueOrder;
    case 'bytea':
      return (a, b) => Buffer.compare(a as Uint8Array, b as Uint8Array);
    case 'interval':
      return (a, b) => compareBigInts(intervalOrder(a as Interval), intervalOrder(b as Interval));
    case 'jsonb':
      return compareJson;
    case 'array':
      return arrayOrder(valueOrder(type.element));
  }
}

function compareNumbers(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

function compareBigInts(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Element by element, nulls last, then by length. */
function arrayOrder(element: ValueOrder): ValueOrder {
  return (a, b) => {
    const left = a as readonly unknown[];
    const right = b as readonly unknown[];
    for (let i = 0; i < Math.min(left.length, right.length); i++) {
      const [x, y] = [left[i], right[i]];
      if (x === null || y === null) {
        if (x !== y) return x === null ? 1 : -1;
        continue;
      }
      const order = element(x, y);
      if (order !== 0) return order;
    }
    return left.length - right.length;
  };
}

/** PostgreSQL: object > array > boolean > number > string > null; longer arrays and objects are greater. */
function compareJson(a: unknown, b: unknown): number {
  const rank = jsonRank(a) - jsonRank(b);
  if (rank !== 0) return rank;
  if (typeof a === 'string') return compareText(a, b as string);
  if (typeof a === 'number') return compareNumbers(a, b as number);
  if (typeof a === 'boolean') return Number(a) - Number(b);
  if (Array.isArray(a)) {
    const other = b as readonly unknown[];
    if (a.length !== other.length) return a.length - other.length;
    for (let i = 0; i < a.length; i++) {
      const order = compareJson(a[i], other[i]);
      if (order !== 0) return order;
    }
    return 0;
  }
  return a === null ? 0 : compareJsonObjects(a as Record<string, unknown>, b as Record<string, unknown>);
}

function compareJsonObjects(a: Record<string, unknown>, b: Record<string, unknown>): number {
  const left = Object.keys(a).sort(compareText);
  const right = Object.keys(b).sort(compareText);
  if (left.length !== right.length) return left.length - right.length;
  for (let i = 0; i < left.length; i++) {
    const order = compareText(left[i]!, right[i]!) || compareJson(a[left[i]!], b[right[i]!]);
    if (order !== 0) return order;
  }
  return 0;
}

function jsonRank(value: unknown): number {
  if (value === null || value === undefined) return 0;
  if (typeof value === 'string') return 1;
  if (typeof value === 'number') return 2;
  if (typeof value === 'boolean') return 3;
  return Array.isArray(value) ? 4 : 5;
}

/**
 * A text that is equal for values that are equal (`1.0` and `1.00`, `0` and `-0`) and different otherwise; for grouping and
 * keyed tables. Null has its own.
 */
export function groupingKey(value: unknown, type: DataType): string {
  if (value === null || value === undefined) return 'N';
  switch (type.kind) {
    case 'numeric':
      return (value as Decimal).withoutTrailingZeros().toString();
    case 'interval':
      return intervalOrder(value as Interval).toString();
    case 'bytea':
      return Buffer.from(value as Uint8Array).toString('hex');
    case 'jsonb':
      return `J${canonicalJson(value)}`;
    case 'array':
      return JSON.stringify((value as readonly unknown[]).map((item) => groupingKey(item, type.element)));
    case 'text':
    case 'uuid':
      return `T${value as string}`;
    default:
      return Object.is(value, -0) ? '0' : String(value);
  }
}

/** JSON text with the keys of objects in code point order. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => compareText(a, b));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
