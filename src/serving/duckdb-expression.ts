import { HeadraceError } from '../base/error.ts';
import type { DataType, Interval } from '../plan/data-type.ts';
import type {
  CallExpression,
  CaseExpression,
  CastExpression,
  Expression,
  LiteralExpression,
} from '../plan/expression.ts';
import { MICROS_PER_DAY } from '../plan/value/calendar.ts';
import type { Decimal } from '../plan/value/decimal.ts';
import { valueToText } from '../plan/value/value-text.ts';
import { constantValue } from './duckdb-evaluation.ts';
import { compileFunction, isNative } from './duckdb-function.ts';
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
  const constant = isComputedConstant(expression) ? constantValue(expression, scope.nowUs) : undefined;
  if (constant?.kind === 'literal') return compileLiteral(constant);
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
      if (!isNativeCast(expression.input.type, expression.type)) {
        const exact = evaluated(expression, [expression.input], ([input]) => ({ ...expression, input: input! }), scope);
        return plainTextCast(expression, exact, scope);
      }
      return compileCast(compileToDuckdb(expression.input, scope), expression.type);
    case 'user-function':
      throw unsupported(`the user function ${expression.name}`);
  }
}

/** A numeric of constants, or the text of one: the evaluator gives it the digits of PostgreSQL, at any scale. */
function isComputedConstant(expression: Expression): boolean {
  if (expression.kind === 'cast' && expression.type.kind === 'text') return isComputedConstant(expression.input);
  return expression.kind !== 'literal' && expression.type.kind === 'numeric' && isConstant(expression);
}

function isConstant(expression: Expression): boolean {
  if (expression.kind === 'cast') return isConstant(expression.input);
  if (expression.kind === 'call') return expression.args.length > 0 && expression.args.every(isConstant);
  return expression.kind === 'literal';
}

export function quoted(text: string): string {
  if (text.includes('\0')) throw unsupported('a text with the character 0');
  return `'${text.replaceAll("'", "''")}'`;
}

/** As DuckDB's SQL where that means the same, else by the evaluator of the plan. */
function compileCall(expression: CallExpression, scope: ExpressionScope): CompiledExpression {
  if (isNative(expression)) {
    try {
      const args = expression.args.map((argument) => compileToDuckdb(argument, scope));
      const native = compileFunction(expression, args, scope);
      return LETTER_CASES.has(expression.function) ? asciiCall(expression, args, native, scope) : native;
    } catch (error) {
      if (scope.evaluation === undefined || !isUnsupported(error)) throw error;
    }
  }
  return evaluated(expression, expression.args, (args) => ({ ...expression, args }), scope);
}

const LETTER_CASES: ReadonlySet<string> = new Set(['upper', 'lower']);

/** DuckDB knows other upper and lower letters than PostgreSQL (`ß`): it converts ASCII, the evaluator what else there is. */
function asciiCall(
  expression: CallExpression,
  [text]: readonly CompiledExpression[],
  native: CompiledExpression,
  scope: ExpressionScope,
): CompiledExpression {
  const exact = evaluated(expression, expression.args, (args) => ({ ...expression, args }), scope);
  const isAscii = `strlen(${text?.sql}) = length(${text?.sql})`;
  return { ...exact, sql: `(CASE WHEN ${isAscii} THEN ${native.sql} ELSE ${exact.sql} END)` };
}

function isUnsupported(error: unknown): boolean {
  return error instanceof HeadraceError && error.code === 'SERVING_QUERY_UNSUPPORTED';
}

/** Constants stay in the expression; everything else becomes an argument that DuckDB computes. */
function evaluated(
  expression: Expression,
  inputs: readonly Expression[],
  over: (inputs: readonly Expression[]) => Expression,
  scope: ExpressionScope,
): CompiledExpression {
  if (inputs.every((input) => input.kind === 'literal')) {
    const constant = constantValue(expression, scope.nowUs);
    if (constant?.kind === 'literal') return compileLiteral(constant);
  }
  if (scope.evaluation === undefined) {
    throw unsupported(expression.kind === 'call' ? `the function ${expression.function}` : 'this cast');
  }
  const args: CompiledExpression[] = [];
  const rebuilt = inputs.map((input): Expression => {
    if (input.kind === 'literal') return input;
    const index = args.push(compileToDuckdb(input, scope)) - 1;
    return { kind: 'column', type: input.type, index, name: `c${index}` };
  });
  return scope.evaluation.call(over(rebuilt), args, scope.nowUs);
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
      return value === MICROS_PER_DAY ? `TIME '24:00:00'` : `(TIME '00:00:00' + to_microseconds(${String(value)}))`;
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
      return quoted(JSON.stringify(value));
    case 'array':
      return quoted(valueToText(value, type));
    default:
      return quoted(String(value));
  }
}

/** Texts of a type that DuckDB reads as PostgreSQL does: as many digits as surely fit. */
const PLAIN_TEXTS: Readonly<Partial<Record<DataType['kind'], string>>> = {
  int2: '[+-]?[0-9]{1,4}',
  int4: '[+-]?[0-9]{1,9}',
  int8: '[+-]?[0-9]{1,18}',
  float8: '[+-]?[0-9]{1,15}([.][0-9]{1,15})?',
};

/** DuckDB casts the plain texts, the evaluator the others: it would take much longer for all. */
function plainTextCast(
  { input, type }: CastExpression,
  exact: CompiledExpression,
  scope: ExpressionScope,
): CompiledExpression {
  const pattern = PLAIN_TEXTS[type.kind];
  if (pattern === undefined || input.type.kind !== 'text' || input.kind === 'literal') return exact;
  const text = compileToDuckdb(input, scope).sql;
  const native = `CAST(${text} AS ${duckdbType(type, 0)})`;
  return { ...exact, sql: `(CASE WHEN regexp_full_match(${text}, '${pattern}') THEN ${native} ELSE ${exact.sql} END)` };
}

/** Casts that DuckDB does as PostgreSQL does. */
function isNativeCast(from: DataType, to: DataType): boolean {
  if (to.kind === 'text') return !BY_EVALUATOR.has(from.kind);
  if (from.kind === 'jsonb' || from.kind === 'array' || to.kind === 'array') return false;
  if (FLOATS.has(from.kind) && to.kind === 'numeric') return false;
  return from.kind !== 'text';
}

const BY_EVALUATOR: ReadonlySet<string> = new Set(['float4', 'float8', 'jsonb', 'array', 'interval', 'timestamptz']);

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
  return { ...whole, sql: duckdbType(from.type, from.scale) === target ? from.sql : `CAST(${from.sql} AS ${target})` };
}

function castToText({ sql, type }: CompiledExpression): string {
  if (type.kind === 'text' || type.kind === 'uuid') return sql;
  return type.kind === 'bytea' ? `('\\x' || lower(hex(${sql})))` : `CAST(${sql} AS VARCHAR)`;
}
