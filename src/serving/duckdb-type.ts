import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { HeadraceError } from '../base/error.ts';
import type { DataType } from '../plan/data-type.ts';
import type { Expression } from '../plan/expression.ts';

/** The module, loaded on the first query: a process that is asked nothing does not pay for it. */
export type DuckdbModule = typeof import('@duckdb/node-api');

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

/** A result that JavaScript computes of values as DuckDB gives them. */
export interface Computation {
  readonly type: DataType;
  readonly scale: number;
  readonly compute: (values: readonly DuckDBValue[]) => unknown;
}

/** Has the plan's own evaluator called by DuckDB. */
export interface ExpressionEvaluation {
  /** SQL text of the call; the expression reads the arguments as columns 0, 1 ... */
  call(expression: Expression, args: readonly CompiledExpression[], nowUs: bigint): CompiledExpression;
  /** SQL text of a call of the computation. */
  compute(computation: Computation, args: readonly string[]): CompiledExpression;
}

export interface ExpressionScope {
  /** SQL text and scale of every input column, by position. */
  readonly columns: readonly { readonly sql: string; readonly scale: number }[];
  /** What `now()` is. */
  readonly nowUs: bigint;
  /** Computes what DuckDB cannot; without it, that is refused. */
  readonly evaluation?: ExpressionEvaluation | undefined;
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

/** The same for its client. */
export function duckdbLogicalType(d: DuckdbModule, type: DataType, scale: number): DuckDBType {
  switch (duckdbType(type, scale)) {
    case 'BOOLEAN':
      return d.BOOLEAN;
    case 'SMALLINT':
      return d.SMALLINT;
    case 'INTEGER':
      return d.INTEGER;
    case 'BIGINT':
      return d.BIGINT;
    case 'FLOAT':
      return d.FLOAT;
    case 'DOUBLE':
      return d.DOUBLE;
    case 'BLOB':
      return d.BLOB;
    case 'DATE':
      return d.DATE;
    case 'TIME':
      return d.TIME;
    case 'TIMESTAMP':
      return d.TIMESTAMP;
    case 'INTERVAL':
      return d.INTERVAL;
    case 'VARCHAR':
      return d.VARCHAR;
    default:
      return d.DECIMAL(DECIMAL_DIGITS_MAX, scale);
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
