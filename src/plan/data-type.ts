/**
 * Types are PostgreSQL's. Values in JavaScript (evaluator, rows of tables, user functions):
 *
 * | type | JavaScript | in JSON results |
 * |--|--|--|
 * | boolean | boolean | true/false |
 * | int2, int4 | number | number |
 * | int8 | bigint | number, all digits |
 * | float4, float8 | number | number; NaN and infinities as strings |
 * | numeric | Decimal (plan/decimal.ts) | number, all digits |
 * | text, uuid | string | string |
 * | bytea | Uint8Array | string `\x...` |
 * | date | number, days since 1970-01-01 | `2026-01-31` |
 * | time | bigint, µs since midnight | `12:34:56.789` |
 * | timestamp, timestamptz | bigint, µs since the Unix epoch | ISO 8601, UTC: `2026-01-31T12:34:56.789Z` (no Z for timestamp) |
 * | interval | Interval | ISO 8601 duration |
 * | jsonb | JSON value | itself |
 * | array | array | array |
 */
export type DataType =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'int2' }
  | { readonly kind: 'int4' }
  | { readonly kind: 'int8' }
  | { readonly kind: 'float4' }
  | { readonly kind: 'float8' }
  /** Without precision and scale: arbitrary, as PostgreSQL's. */
  | { readonly kind: 'numeric'; readonly precision?: number; readonly scale?: number }
  | { readonly kind: 'text' }
  | { readonly kind: 'bytea' }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'date' }
  | { readonly kind: 'time' }
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'timestamptz' }
  | { readonly kind: 'interval' }
  | { readonly kind: 'jsonb' }
  | { readonly kind: 'array'; readonly element: DataType };

/** PostgreSQL's interval: the three parts do not convert into each other. */
export interface Interval {
  readonly months: number;
  readonly days: number;
  readonly micros: bigint;
}

/** A named, typed column of a relation. */
export interface Column {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
}
