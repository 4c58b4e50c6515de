import type { DataType } from '../plan/data-type.ts';
import type { CallExpression, Expression } from '../plan/expression.ts';
import { TEXT_LENGTH_MAX } from '../plan/function/limits.ts';
import {
  type CompiledExpression,
  DECIMAL_DIGITS_MAX,
  duckdbType,
  type ExpressionScope,
  QUOTIENT_SCALE,
  rescaled,
  unsupported,
} from './duckdb-type.ts';

type Args = readonly CompiledExpression[];
type Writer = (args: Args, scope: ExpressionScope) => string;

/**
 * Macros that are made once per database. `hr_ratio` divides two integers and rounds half away from zero; the quotient
 * is taken first so that what is scaled up is less than the divisor.
 */
export const DUCKDB_MACROS: readonly string[] = [
  `CREATE MACRO hr_ratio(a, b, k) AS CASE WHEN a IS NULL THEN NULL WHEN b = 0 THEN error('division by zero') ELSE
     (a // b) * k + (((a % b) * k) // b) + CASE WHEN abs((((a % b) * k) % b)) * 2 >= abs(b)
     THEN CASE WHEN (a < 0) = (b < 0) THEN 1 ELSE -1 END ELSE 0 END END`,
  `CREATE MACRO hr_divide_whole(a, b) AS CASE WHEN a IS NULL THEN NULL WHEN b = 0 THEN error('division by zero') ELSE a // b END`,
  `CREATE MACRO hr_divide(a, b) AS CASE WHEN a IS NULL THEN NULL WHEN b = 0 THEN error('division by zero') ELSE a / b END`,
  `CREATE MACRO hr_modulo(a, b) AS CASE WHEN a IS NULL THEN NULL WHEN b = 0 THEN error('division by zero') ELSE a % b END`,
  `CREATE MACRO hr_split_part(t, d, n) AS CASE WHEN t IS NULL OR d IS NULL THEN NULL WHEN n = 0 THEN error('field position must not be zero')
     WHEN d = '' THEN CASE WHEN n IN (1, -1) THEN t ELSE '' END ELSE split_part(t, d, n) END`,
  `CREATE MACRO hr_substring(t, s, l) AS CASE WHEN t IS NULL OR s IS NULL OR l IS NULL THEN NULL
     WHEN l < 0 THEN error('negative substring length not allowed') ELSE
     substring(t, greatest(s, 1), greatest(CAST(s AS BIGINT) + l - greatest(s, 1), 0)) END`,
  `CREATE MACRO hr_size(n) AS CASE WHEN n < 0 THEN 0 WHEN n > ${TEXT_LENGTH_MAX} THEN error('requested length too large') ELSE n END`,
  `CREATE MACRO hr_repeat(t, n) AS CASE WHEN t IS NULL OR n IS NULL THEN NULL WHEN n <= 0 THEN ''
     WHEN CAST(length(t) AS BIGINT) * n > ${TEXT_LENGTH_MAX} THEN error('requested length too large') ELSE repeat(t, n) END`,
  `CREATE MACRO hr_date(d) AS CASE WHEN d < DATE '1970-01-01' - 2440588 OR d > DATE '1970-01-01' + 2145042541
     THEN error('date out of range') ELSE d END`,
  `CREATE MACRO hr_sqrt(x) AS CASE WHEN x < 0 THEN error('cannot take square root of a negative number') ELSE sqrt(x) END`,
];

const infix =
  (operator: string): Writer =>
  ([a, b]) =>
    `(${a?.sql} ${operator} ${b?.sql})`;
const prefixed =
  (before: string, after = ''): Writer =>
  ([a]) =>
    `(${before}${a?.sql}${after})`;
const named =
  (name: string): Writer =>
  (args) =>
    `${name}(${args.map((a) => a.sql).join(', ')})`;
const whole =
  (name: string): Writer =>
  (args, scope) =>
    `CAST(${named(name)(args, scope)} AS INTEGER)`;

/** Functions whose result is not a numeric with a scale of its own. */
const WRITERS: Readonly<Record<string, Writer>> = {
  and: (args) => `(${args.map((a) => a.sql).join(' AND ')})`,
  or: (args) => `(${args.map((a) => a.sql).join(' OR ')})`,
  not: prefixed('NOT '),
  is_null: prefixed('', ' IS NULL'),
  is_not_null: prefixed('', ' IS NOT NULL'),
  is_true: prefixed('', ' IS NOT DISTINCT FROM true'),
  is_not_true: prefixed('', ' IS DISTINCT FROM true'),
  is_false: prefixed('', ' IS NOT DISTINCT FROM false'),
  is_not_false: prefixed('', ' IS DISTINCT FROM false'),
  is_distinct_from: infix('IS DISTINCT FROM'),
  is_not_distinct_from: infix('IS NOT DISTINCT FROM'),
  eq: infix('='),
  ne: infix('<>'),
  lt: infix('<'),
  le: infix('<='),
  gt: infix('>'),
  ge: infix('>='),
  coalesce: named('coalesce'),
  nullif: named('nullif'),
  greatest: named('greatest'),
  least: named('least'),
  add: infix('+'),
  subtract: infix('-'),
  multiply: infix('*'),
  negate: prefixed('-'),
  abs: named('abs'),
  ceil: named('ceil'),
  floor: named('floor'),
  round: ([a]) => `round_even(${a?.sql}, 0)`,
  trunc: named('trunc'),
  sign: named('sign'),
  sqrt: named('hr_sqrt'),
  concat: infix('||'),
  length: whole('length'),
  octet_length: ([a]) => `CAST(strlen(${a?.sql}) AS INTEGER)`,
  lower: named('lower'),
  upper: named('upper'),
  reverse: named('reverse'),
  repeat: named('hr_repeat'),
  substring: (args) =>
    args.length === 3
      ? `hr_substring(${args.map((a) => a.sql).join(', ')})`
      : `substring(${args[0]?.sql}, CASE WHEN ${args[1]?.sql} < 1 THEN 1 ELSE ${args[1]?.sql} END)`,
  position: whole('strpos'),
  starts_with: named('starts_with'),
  split_part: named('hr_split_part'),
  replace: named('replace'),
  left: named('left'),
  right: named('right'),
  btrim: named('trim'),
  ltrim: named('ltrim'),
  rtrim: named('rtrim'),
  lpad: (args) => pad('lpad', args),
  rpad: (args) => pad('rpad', args),
  like: ([a, b]) => `(${a?.sql} LIKE ${b?.sql} ESCAPE '\\')`,
  ilike: ([a, b]) => `(${a?.sql} ILIKE ${b?.sql} ESCAPE '\\')`,
  matches: ([a, b]) => `regexp_matches(${a?.sql}, ${b?.sql}, 's')`,
  imatches: ([a, b]) => `regexp_matches(${a?.sql}, ${b?.sql}, 'is')`,
  now: (_args, scope) => `make_timestamp(CAST(${scope.nowUs} AS BIGINT))`,
  date_trunc: ([field, a]) => `CAST(date_trunc(${field?.sql}, ${a?.sql}) AS ${duckdbType(a!.type, 0)})`,
  to_timestamp: ([a]) => `make_timestamp(CAST(round_even(${a?.sql} * 1000000, 0) AS BIGINT))`,
  json_get: jsonAt('->'),
  json_get_text: jsonAt('->>'),
  json_path: jsonPath('->'),
  json_path_text: jsonPath('->>'),
};

/** A missing member, a JSON null and NULL are one value (plan/function/json.ts). */
function jsonAt(operator: string): Writer {
  return ([json, at]) => {
    const found = `(${json?.sql} ${operator} ${at?.sql})`;
    return operator === '->' ? `nullif(${found}, 'null')` : found;
  };
}

/** A step of digits may be the member of an object or the element of an array; DuckDB has an operator for each. */
const INDEX_STEP = /^'(-?\d{1,9})'$/;

function jsonPath(last: string): Writer {
  return ([json, ...path]) =>
    path.reduce((text, step, index) => {
      const operator = index === path.length - 1 ? last : '->';
      const at = INDEX_STEP.exec(step.sql)?.[1];
      const member = `(${text} ${operator} ${step.sql})`;
      const found = at === undefined ? member : `coalesce(${member}, (${text} ${operator} ${at}))`;
      return operator === '->' ? `nullif(${found}, 'null')` : found;
    }, json!.sql);
}

/** With a null argument nothing is asked about the length. */
function pad(name: string, args: Args): string {
  const [text, length, fill] = args;
  const size = `hr_size(${length?.sql})`;
  const isNull = args.map((arg) => `${arg.sql} IS NULL`).join(' OR ');
  const cut = fill === undefined ? '' : `WHEN ${fill.sql} = '' THEN left(${text?.sql}, ${size}) `;
  return `CASE WHEN ${isNull} THEN NULL ${cut}ELSE ${name}(${text?.sql}, ${size}, ${fill?.sql ?? "' '"}) END`;
}

const NULL_TESTS: ReadonlySet<string> = new Set(['is_null', 'is_not_null', 'coalesce']);
const JSON_NAMES: ReadonlySet<string> = new Set(['json_get', 'json_get_text', 'json_path', 'json_path_text']);
const INTERVAL_NAMES: ReadonlySet<string> = new Set([
  ...['add', 'subtract', 'negate', 'greatest', 'least', 'nullif', 'is_distinct_from', 'is_not_distinct_from'],
  ...['eq', 'ne', 'lt', 'le', 'gt', 'ge'],
]);
/** What works on text only, and on nothing else of the same name. */
const TEXT_NAMES: ReadonlySet<string> = new Set(
  'concat length octet_length lower upper reverse repeat substring position starts_with split_part replace left right btrim ltrim rtrim lpad rpad like ilike matches imatches'.split(
    ' ',
  ),
);

/** Patterns that DuckDB reads as PostgreSQL does: no class escapes or constraints, no flags, no ranges but the usual. */
const PLAIN_PATTERN = (() => {
  const set = String.raw`\[\^?(?:a-z|A-Z|0-9|[A-Za-z0-9_ ])+\]`;
  const atom = String.raw`(?:[A-Za-z0-9 _@#%&=:;,<>"'!~/.-]|\\[.*+?|()^$\\[\]]|${set})[*+?]?`;
  const choice = String.raw`(?:${atom})+(?:\|(?:${atom})+)*`;
  return new RegExp(String.raw`^\^?(?:${atom}|\(${choice}\)[*+?]?)*\$?$`);
})();

/** Parts of a date at whose begin DuckDB sees the same moment; it begins a century in its year 0, PostgreSQL in its year 1. */
const TRUNCATED_FIELDS: ReadonlySet<string> = new Set(
  'microseconds milliseconds second minute hour day week month quarter year'.split(' '),
);

function literalTextOf(argument: Expression | undefined): string {
  return argument?.kind === 'literal' && typeof argument.value === 'string' ? argument.value : '';
}

/** Whether DuckDB's SQL has this function for these types with PostgreSQL's meaning. */
export function isNative({ function: name, args }: CallExpression): boolean {
  if (NULL_TESTS.has(name)) return true;
  const kinds = args.map((arg) => arg.type.kind);
  if (JSON_NAMES.has(name)) return !kinds.includes('array') && !(name === 'json_path_text' && args.length === 1);
  if (kinds.includes('jsonb') || kinds.includes('array')) return false;
  if (kinds.includes('interval')) return INTERVAL_NAMES.has(name) && !kinds.includes('time');
  if (TEXT_NAMES.has(name)) {
    if (name === 'matches' || name === 'imatches') return PLAIN_PATTERN.test(literalTextOf(args[1]));
    const isPattern = name === 'substring' && kinds[1] === 'text';
    return !isPattern && kinds.every((kind) => kind === 'text' || kind === 'int4') && !hasEscape(name, args.length);
  }
  if (name === 'power' || (name === 'sqrt' && kinds[0] === 'numeric') || (name === 'sign' && kinds[0] !== 'numeric'))
    return false;
  if (kinds.includes('time')) return !/^(?:add|subtract|extract|date_part)$/.test(name);
  if (name === 'date_trunc') return kinds.length === 2 && TRUNCATED_FIELDS.has(literalTextOf(args[0]).toLowerCase());
  if (name === 'to_timestamp') return kinds.length === 1;
  return true;
}

const hasEscape = (name: string, count: number): boolean => (name === 'like' || name === 'ilike') && count > 2;

/** @throws HeadraceError `SERVING_QUERY_UNSUPPORTED` */
export function compileFunction(expression: CallExpression, args: Args, scope: ExpressionScope): CompiledExpression {
  const { function: name, type } = expression;
  if (type.kind === 'numeric') return compileNumeric(expression, args, scope);
  if (name === 'divide' || name === 'modulo') return { sql: division(name, args), type, scale: 0 };
  if (name === 'date_part') {
    return { sql: `CAST(${extract(expression, args).sql} AS DOUBLE)`, type, scale: 0 };
  }
  const sql = writerOf(name)(alignScales(args), scope);
  return {
    sql: type.kind === 'date' && (name === 'add' || name === 'subtract') ? `hr_date(${sql})` : sql,
    type,
    scale: 0,
  };
}

function writerOf(name: string): Writer {
  const writer = Object.hasOwn(WRITERS, name) ? WRITERS[name] : undefined;
  if (writer === undefined) throw unsupported(`the function ${name}`);
  return writer;
}

/** Comparisons of numerics of different scales: DuckDB would align them, but only as far as 38 digits go. */
function alignScales(args: Args): Args {
  if (!args.every((a) => a.type.kind === 'numeric')) return args;
  const scale = Math.max(0, ...args.map((a) => a.scale));
  return args.map((a) => rescaled(a, scale));
}

function division(name: 'divide' | 'modulo', [a, b]: Args): string {
  const isFloat = a?.type.kind === 'float4' || a?.type.kind === 'float8';
  if (a?.type.kind === 'interval') throw unsupported('a division of an interval');
  const macro = name === 'modulo' ? 'hr_modulo' : isFloat ? 'hr_divide' : 'hr_divide_whole';
  return `${macro}(${a?.sql}, ${b?.sql})`;
}

function compileNumeric(expression: CallExpression, args: Args, scope: ExpressionScope): CompiledExpression {
  const { function: name, type } = expression;
  const [a, b] = args;
  switch (name) {
    case 'extract':
      return extract(expression, args);
    case 'multiply':
      return product(a!, b!, expression);
    case 'divide':
      return quotient(a!, b!, expression);
    case 'ceil':
    case 'floor':
    case 'sign':
      return { sql: `CAST(${name}(${a?.sql}) AS ${duckdbType(type, 0)})`, type, scale: 0 };
    case 'round':
    case 'trunc':
      return toDigits(expression, args);
    case 'sqrt': {
      const sql = `CAST(hr_sqrt(CAST(${a?.sql} AS DOUBLE)) AS ${duckdbType(type, QUOTIENT_SCALE)})`;
      return { sql, type, scale: QUOTIENT_SCALE };
    }
    default: {
      const aligned = alignScales(args);
      const scale = aligned[0]?.scale ?? 0;
      const sql = name === 'modulo' ? division('modulo', aligned) : writerOf(name)(aligned, scope);
      return { sql: `CAST(${sql} AS ${duckdbType(type, scale)})`, type, scale };
    }
  }
}

function product(a: CompiledExpression, b: CompiledExpression, { type }: CallExpression): CompiledExpression {
  const scale = a.scale + b.scale;
  if (scale <= DECIMAL_DIGITS_MAX - 6) return { sql: `(${a.sql} * ${b.sql})`, type, scale };
  const [left, right] = [
    rescaled(a, Math.min(a.scale, QUOTIENT_SCALE)),
    rescaled(b, Math.min(b.scale, QUOTIENT_SCALE)),
  ];
  return { sql: `(${left.sql} * ${right.sql})`, type, scale: left.scale + right.scale };
}

function quotient(a: CompiledExpression, b: CompiledExpression, { type }: CallExpression): CompiledExpression {
  return { sql: decimalRatio(unscaled(a), unscaled(b), a.scale, b.scale), type, scale: QUOTIENT_SCALE };
}

/** A quotient of two HUGEINTs that stand for decimals of the given scales, as DECIMAL(38, QUOTIENT_SCALE). */
export function decimalRatio(dividend: string, divisor: string, dividendScale: number, divisorScale: number): string {
  const power = QUOTIENT_SCALE + divisorScale - dividendScale;
  const factor = `CAST('1${'0'.repeat(Math.max(0, power))}' AS HUGEINT)`;
  const ratio =
    power >= 0
      ? `hr_ratio(${dividend}, ${divisor}, ${factor})`
      : `hr_ratio(${dividend}, ${divisor} * CAST('1${'0'.repeat(-power)}' AS HUGEINT), CAST(1 AS HUGEINT))`;
  const unit = `CAST('0.${'0'.repeat(QUOTIENT_SCALE - 1)}1' AS DECIMAL(${QUOTIENT_SCALE + 1},${QUOTIENT_SCALE}))`;
  return `CAST(CAST(${ratio} AS DECIMAL(38,0)) * ${unit} AS DECIMAL(38,${QUOTIENT_SCALE}))`;
}

/** The digits of a DECIMAL without its point; by way of text, since scaling up could overflow. */
function unscaled({ sql, scale }: CompiledExpression): string {
  if (scale === 0) return `CAST(${sql} AS HUGEINT)`;
  return `CAST(replace(CAST(${sql} AS VARCHAR), '.', '') AS HUGEINT)`;
}

function toDigits(expression: CallExpression, [a, digits]: Args): CompiledExpression {
  const { function: name, type, args } = expression;
  const argument = args[1];
  const constant = argument === undefined ? 0 : argument.kind === 'literal' ? Number(argument.value) : undefined;
  if (constant === undefined || constant < 0) throw unsupported(`${name} to a computed or negative number of digits`);
  const scale = Math.min(constant, a!.scale);
  const rounded = digits === undefined || scale === 0 ? `${name}(${a?.sql})` : `${name}(${a?.sql}, ${scale})`;
  return { sql: `CAST(${scale === a!.scale ? a!.sql : rounded} AS ${duckdbType(type, scale)})`, type, scale };
}

/** Fields whose value PostgreSQL gives with a fraction, as microseconds and the digits of the fraction. */
const FRACTIONAL: Readonly<Record<string, readonly [micros: string, scale: number]>> = {
  epoch: ['epoch_us', 6],
  second: ['microsecond', 6],
  seconds: ['microsecond', 6],
  milliseconds: ['microsecond', 3],
};
const WHOLE_FIELDS: ReadonlySet<string> = new Set(
  'century day decade dow doy hour isodow isoyear microseconds millennium minute month quarter week year'.split(' '),
);

const FIELDS_OF_DAY: ReadonlySet<string> = new Set(
  'hour minute second seconds milliseconds microseconds epoch'.split(' '),
);

/** A date has no parts of its day, and a time no others: the evaluator says so. */
function isFieldOf(kind: DataType['kind'], name: string): boolean {
  if (kind === 'date') return !FIELDS_OF_DAY.has(name);
  return kind !== 'time' || FIELDS_OF_DAY.has(name);
}

function extract({ args: [field], type }: CallExpression, [, a]: Args): CompiledExpression {
  const name = field?.kind === 'literal' ? String(field.value).toLowerCase() : undefined;
  if (name === undefined) throw unsupported('extract of a computed field');
  if (a !== undefined && !isFieldOf(a.type.kind, name)) throw unsupported(`extract of ${name} of ${a.type.kind}`);
  const numeric = { kind: 'numeric' } as const;
  const fractional = Object.hasOwn(FRACTIONAL, name) ? FRACTIONAL[name] : undefined;
  if (fractional !== undefined) {
    const [micros, scale] = fractional;
    const unit = `CAST('0.${'0'.repeat(scale - 1)}1' AS DECIMAL(${scale + 1},${scale}))`;
    const sql = `CAST(CAST(${micros}(${a?.sql}) AS DECIMAL(20,0)) * ${unit} AS ${duckdbType(numeric, scale)})`;
    return { sql, type, scale };
  }
  if (!WHOLE_FIELDS.has(name)) throw unsupported(`extract of ${name}`);
  return { sql: `CAST(date_part('${name}', ${a?.sql}) AS ${duckdbType(numeric, 0)})`, type, scale: 0 };
}
