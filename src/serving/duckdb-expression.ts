import type { DataType, Interval } from '../plan/data-type.ts';
import type { Decimal } from '../plan/decimal.ts';
import type { CallExpression, CaseExpression, Expression, LiteralExpression } from '../plan/expression.ts';
import { compileFunction } from './duckdb-function.ts';
import {
  type CompiledExpression,
  DECIMAL_DIGITS_MAX,
  duckdbType,
  type ExpressionScope,
  QUOTIENT_SCALE,
  rescaled,
  unsupported,
} from './duckdb-type.ts';

/**
 * Writes an expression of the plan as DuckDB's SQL with PostgreSQL's meaning. Only what the plan knows can come out:
 * names are our own, constants are quoted.
 *
 * @throws HeadraceError `SERVING_QUERY_UNSUPPORTED`
 */
export function compileToDuckdb(expression: Expression, scope: ExpressionScope): CompiledExpression {
  switch (expression.kind) {
    case 'literal':
      return compileLiteral(expression);
    case 'column': {
      const column = scope.columns[expression.index];
      if (column === undefined) throw new RangeError(`column ${expression.index} of ${scope.columns.length}`);
      return { sql: column.sql, type: expression.type, scale: column.scale };
    }
    case 'call':
      return compileCall(expression, scope);
    case 'case':
      return compileCase(expression, scope);
    case 'cast':
      return compileCast(compileToDuckdb(expression.input, scope), expression.type);
    case 'user-function':
      throw unsupported(`the user function ${expression.name}`);
  }
}

export function quoted(text: string): string {
  if (text.includes('\0')) throw unsupported('a text with the character 0');
  return `'${text.replaceAll("'", "''")}'`;
}

function compileCall(expression: CallExpression, scope: ExpressionScope): CompiledExpression {
  const args = expression.args.map((argument) => compileToDuckdb(argument, scope));
  return compileFunction(expression, args, scope);
}

function compileCase(expression: CaseExpression, scope: ExpressionScope): CompiledExpression {
  const results = [...expression.branches.map((b) => b.then), expression.otherwise].map((e) =>
    compileToDuckdb(e, scope),
  );
  const scale = Math.max(...results.map((r) => r.scale));
  const texts = results.map((r) => (expression.type.kind === 'numeric' ? rescaled(r, scale).sql : r.sql));
  const branches = expression.branches.map((b, i) => `WHEN ${compileToDuckdb(b.when, scope).sql} THEN ${texts[i]}`);
  return { sql: `(CASE ${branches.join(' ')} ELSE ${texts.at(-1)} END)`, type: expression.type, scale };
}

function compileLiteral({ type, value }: LiteralExpression): CompiledExpression {
  if (value === null) {
    const scale = type.kind === 'numeric' ? (type.scale ?? 0) : 0;
    return { sql: `CAST(NULL AS ${duckdbType(type, scale)})`, type, scale };
  }
  if (type.kind === 'numeric') return decimalLiteral(value as Decimal, type);
  return { sql: literalText(value, type), type, scale: 0 };
}

function decimalLiteral(value: Decimal, type: DataType): CompiledExpression {
  const text = value.toString();
  const digits = text.replace(/[^0-9]/g, '').replace(/^0+/, '').length;
  if (!/^-?\d+(\.\d+)?$/.test(text) || digits > DECIMAL_DIGITS_MAX || value.scale > DECIMAL_DIGITS_MAX) {
    throw unsupported(`the numeric ${text.slice(0, 60)}: it has more than ${DECIMAL_DIGITS_MAX} digits`);
  }
  return { sql: `CAST('${text}' AS ${duckdbType(type, value.scale)})`, type, scale: value.scale };
}

function literalText(value: unknown, type: DataType): string {
  switch (type.kind) {
    case 'boolean':
      return value === true ? 'true' : 'false';
    case 'int2':
    case 'int4':
    case 'int8':
    case 'float4':
    case 'float8':
      return `CAST('${String(value)}' AS ${duckdbType(type, 0)})`;
    case 'date':
      return `(DATE '1970-01-01' + ${Number(value)})`;
    case 'time':
      return `(TIME '00:00:00' + to_microseconds(${String(value)}))`;
    case 'timestamp':
    case 'timestamptz':
      return `make_timestamp(CAST(${String(value)} AS BIGINT))`;
    case 'interval': {
      const { months, days, micros } = value as Interval;
      return `(to_months(${months}) + to_days(${days}) + to_microseconds(${micros}))`;
    }
    case 'bytea':
      return `from_hex('${Buffer.from(value as Uint8Array).toString('hex')}')`;
    case 'jsonb':
    case 'array':
      return quoted(JSON.stringify(value));
    default:
      return quoted(String(value));
  }
}

const INTEGERS: ReadonlySet<string> = new Set(['int2', 'int4', 'int8']);
const FLOATS: ReadonlySet<string> = new Set(['float4', 'float8']);

/** The scale of a numeric that comes from a type without one. */
function scaleOfCast(from: CompiledExpression, to: DataType): number {
  if (to.kind !== 'numeric') return 0;
  if (to.precision !== undefined) return to.scale ?? 0;
  if (from.type.kind === 'numeric') return from.scale;
  if (INTEGERS.has(from.type.kind) || from.type.kind === 'boolean') return 0;
  return QUOTIENT_SCALE;
}

function compileCast(from: CompiledExpression, to: DataType): CompiledExpression {
  const scale = scaleOfCast(from, to);
  const target = duckdbType(to, scale);
  const whole = { type: to, scale };
  if (to.kind === 'text') return { ...whole, sql: castToText(from) };
  if (FLOATS.has(from.type.kind) && INTEGERS.has(to.kind)) {
    return { ...whole, sql: `CAST(round_even(${from.sql}, 0) AS ${target})` };
  }
  if (to.kind === 'numeric' && to.precision !== undefined) {
    return { ...whole, sql: `CAST(CAST(${from.sql} AS DECIMAL(${to.precision},${scale})) AS ${target})` };
  }
  if (from.type.kind === 'jsonb' && to.kind !== 'jsonb') return { ...whole, sql: `CAST(${from.sql} AS ${target})` };
  return { ...whole, sql: duckdbType(from.type, from.scale) === target ? from.sql : `CAST(${from.sql} AS ${target})` };
}

function castToText({ sql, type }: CompiledExpression): string {
  switch (type.kind) {
    case 'float4':
    case 'float8':
      return `replace(regexp_replace(CAST(${sql} AS VARCHAR), '\\.0$', ''), 'inf', 'Infinity')`;
    case 'timestamptz':
      return `(CAST(${sql} AS VARCHAR) || '+00')`;
    case 'text':
    case 'uuid':
    case 'jsonb':
      return sql;
    case 'bytea':
      return `('\\x' || lower(hex(${sql})))`;
    case 'interval':
    case 'array':
      throw unsupported(`a cast of ${type.kind} to text`);
    default:
      return `CAST(${sql} AS VARCHAR)`;
  }
}
