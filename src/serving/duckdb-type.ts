import { HeadraceError } from '../base/error.ts';
import type { DataType } from '../plan/data-type.ts';

/** DuckDB's DECIMAL holds 38 digits; numerics beyond are refused with an error, never rounded in silence. */
export const DECIMAL_DIGITS_MAX = 38;
/** Digits after the point of a quotient: as many as PostgreSQL gives for quotients below one. */
export const QUOTIENT_SCALE = 20;

/** SQL text of an expression; `scale` is that of its DECIMAL when its type is numeric. */
export interface CompiledExpression {
  readonly sql: string;
  readonly type: DataType;
  readonly scale: number;
}

export interface ExpressionScope {
  /** SQL text and scale of every input column, by position. */
  readonly columns: readonly { readonly sql: string; readonly scale: number }[];
  /** What `now()` is. */
  readonly nowUs: bigint;
}

/** DuckDB's name of a type. Both timestamps are UTC microseconds; jsonb, uuid and arrays travel as text. */
export function duckdbType(type: DataType, scale: number): string {
  switch (type.kind) {
    case 'boolean':
      return 'BOOLEAN';
    case 'int2':
      return 'SMALLINT';
    case 'int4':
      return 'INTEGER';
    case 'int8':
      return 'BIGINT';
    case 'float4':
      return 'FLOAT';
    case 'float8':
      return 'DOUBLE';
    case 'numeric':
      return `DECIMAL(${DECIMAL_DIGITS_MAX},${scale})`;
    case 'bytea':
      return 'BLOB';
    case 'date':
      return 'DATE';
    case 'time':
      return 'TIME';
    case 'timestamp':
    case 'timestamptz':
      return 'TIMESTAMP';
    case 'interval':
      return 'INTERVAL';
    default:
      return 'VARCHAR';
  }
}

export function unsupported(what: string): HeadraceError {
  return new HeadraceError(`running the query: ad-hoc queries do not support ${what}`, {
    code: 'SERVING_QUERY_UNSUPPORTED',
    domain: 'serving',
    next: 'write the query without it, or make it a materialized view',
  });
}

/** The expression as a DECIMAL of the given scale. */
export function rescaled(input: CompiledExpression, scale: number): CompiledExpression {
  if (input.scale === scale) return input;
  return { ...input, sql: `CAST(${input.sql} AS DECIMAL(${DECIMAL_DIGITS_MAX},${scale}))`, scale };
}
