import type { DataType } from '../data-type.ts';
import { evaluationError } from '../evaluation-error.ts';
import { TYPE } from '../type-name.ts';
import { formatDate, formatIsoTimestamp, formatTime } from '../value/calendar.ts';
import type { Decimal } from '../value/decimal.ts';
import { matchJsonPath, queryJsonPath } from '../value/json-path.ts';
import { parseJsonPath } from '../value/json-path-syntax.ts';
import { itemText, jsonbText, valueToText } from '../value/value-text.ts';
import { compiledOnce } from './compiled-cache.ts';
import { type GenericFunction, generic } from './generic.ts';
import { contains, deletePath, insertAt, setAt, without, withoutNulls } from './json-change.ts';
import { type FunctionOverload, NULLABLE, overload } from './overload.ts';

type JsonObject = Readonly<Record<string, unknown>>;

const invalid = (message: string): Error => evaluationError('PLAN_INVALID_ARGUMENT', message);

/** JSON null and SQL NULL are one value here: a member that is null in the document reads as NULL. */
function member(json: unknown, key: string): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || !Object.hasOwn(json, key)) return null;
  return (json as JsonObject)[key] ?? null;
}

function element(json: unknown, index: number): unknown {
  if (!Array.isArray(json)) return null;
  return (json as readonly unknown[])[index < 0 ? json.length + index : index] ?? null;
}

function follow(json: unknown, path: readonly unknown[]): unknown {
  let current = json;
  for (const step of path) {
    if (step === null || current === null) return null;
    const text = String(step);
    current = Array.isArray(current)
      ? /^-?\d+$/.test(text)
        ? element(current, Number(text))
        : null
      : member(current, text);
  }
  return current;
}

/** A string without quotes, anything else as JSON text. */
function asText(json: unknown): string | null {
  if (json === null || json === undefined) return null;
  return typeof json === 'string' ? json : jsonbText(json);
}

function jsonType(json: unknown): string {
  if (Array.isArray(json)) return 'array';
  return json === null ? 'null' : typeof json;
}

function arrayLength(json: unknown): number {
  if (Array.isArray(json)) return json.length;
  throw invalid(`cannot get array length of a ${typeof json === 'object' ? 'non-array' : 'scalar'}`);
}

/** A key of an object, or a text among the elements of an array. */
function exists(json: unknown, key: string): boolean {
  if (Array.isArray(json)) return json.includes(key);
  if (typeof json === 'object' && json !== null) return Object.hasOwn(json, key);
  return json === key;
}

const existing = (json: unknown, keys: readonly (string | null)[], all: boolean): boolean => {
  const wanted = keys.filter((key) => key !== null);
  return all ? wanted.every((key) => exists(json, key)) : wanted.some((key) => exists(json, key));
};

/** Two objects merge, anything else becomes one array. */
function joined(a: unknown, b: unknown): unknown {
  const [isList, isOtherList] = [Array.isArray(a), Array.isArray(b)];
  if (jsonType(a) === 'object' && jsonType(b) === 'object') return { ...(a as JsonObject), ...(b as JsonObject) };
  return [...(isList ? (a as unknown[]) : [a]), ...(isOtherList ? (b as unknown[]) : [b])];
}

/** PostgreSQL's to_jsonb: what has no form in JSON becomes its text. */
function toJson(value: unknown, type: DataType): unknown {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case 'boolean':
    case 'int2':
    case 'int4':
    case 'jsonb':
      return value;
    case 'int8':
      return Number(value as bigint);
    case 'numeric':
      return (value as Decimal).toNumber();
    case 'float4':
    case 'float8':
      return Number.isFinite(value)
        ? type.kind === 'float4'
          ? Number(valueToText(value, type))
          : value
        : String(value);
    case 'array':
      return (value as readonly unknown[]).map((item) => toJson(item, type.element));
    case 'date':
      return formatDate(value as number);
    case 'time':
      return formatTime(value as bigint);
    case 'timestamp':
    case 'timestamptz': {
      const text = formatIsoTimestamp(value as bigint, false).replace(/\.?0*$/, '');
      return type.kind === 'timestamp' ? text : `${text}+00:00`;
    }
    default:
      return valueToText(value, type);
  }
}

function builtObject(types: readonly DataType[], values: readonly unknown[]): JsonObject {
  if (values.length % 2 !== 0) throw invalid('argument list must have even number of elements');
  const entries: [string, unknown][] = [];
  for (let at = 0; at < values.length; at += 2) {
    if (values[at] === null) throw invalid(`argument ${at + 1}: key must not be null`);
    entries.push([itemText(values[at], types[at]!), toJson(values[at + 1], types[at + 1]!)]);
  }
  return Object.fromEntries(entries);
}

function objectOfPairs(pairs: readonly (string | null)[]): JsonObject {
  if (pairs.length % 2 !== 0) throw invalid('array must have even number of elements');
  const half = Array.from({ length: pairs.length / 2 }, (_, index) => index * 2);
  return objectOf(
    half.map((at) => pairs[at]!),
    half.map((at) => pairs[at + 1]!),
  );
}

function objectOf(keys: readonly (string | null)[], values: readonly (string | null)[]): JsonObject {
  if (keys.length !== values.length) throw invalid('mismatched array dimensions');
  if (keys.includes(null)) throw invalid('null value not allowed for object key');
  return Object.fromEntries(keys.map((key, index) => [key, values[index]]));
}

const INDENT = 4;

/** Four blanks a level, as PostgreSQL's. */
function pretty(json: unknown, depth = 0): string {
  const inner = ' '.repeat((depth + 1) * INDENT);
  const outer = ' '.repeat(depth * INDENT);
  const lines = (items: readonly string[], open: string, close: string): string =>
    items.length === 0
      ? `${open}\n${outer}${close}`
      : `${open}\n${items.map((item) => inner + item).join(',\n')}\n${outer}${close}`;
  if (Array.isArray(json))
    return lines(
      json.map((item) => pretty(item, depth + 1)),
      '[',
      ']',
    );
  if (typeof json !== 'object' || json === null) return jsonbText(json);
  const keys = Object.keys(JSON.parse(jsonbText(json)) as JsonObject);
  return lines(
    keys.map((key) => `${JSON.stringify(key)}: ${pretty((json as JsonObject)[key], depth + 1)}`),
    '{',
    '}',
  );
}

const path = compiledOnce(parseJsonPath);

const JSON_PATH_FUNCTIONS: readonly FunctionOverload[] = [
  overload(
    'jsonb_path_exists',
    ['jsonb', 'text'],
    'boolean',
    (json: unknown, text: string) => queryJsonPath(path(text), json).length > 0,
  ),
  overload(
    'jsonb_path_query_first',
    ['jsonb', 'text'],
    'jsonb',
    (json: unknown, text: string) => queryJsonPath(path(text), json)[0] ?? null,
    NULLABLE,
  ),
  overload('jsonb_path_query_array', ['jsonb', 'text'], 'jsonb', (json: unknown, text: string) =>
    queryJsonPath(path(text), json),
  ),
  overload(
    'jsonb_path_match',
    ['jsonb', 'text'],
    'boolean',
    (json: unknown, text: string) => matchJsonPath(path(text), json),
    NULLABLE,
  ),
];

type Steps = readonly string[];
const STEPS = { variadic: true, nullable: true } as const;
const followed = (json: unknown, ...steps: readonly unknown[]): unknown => follow(json, steps);
const followedText = (json: unknown, ...steps: readonly unknown[]): unknown => asText(follow(json, steps));

/** The jsonb operators: `json_get` is `->`, `json_get_text` is `->>`, `json_path` is `#>`, `json_path_text` is `#>>`. */
export const JSON_FUNCTIONS: readonly FunctionOverload[] = [
  overload('json_get', ['jsonb', 'text'], 'jsonb', member, NULLABLE),
  overload('json_get', ['jsonb', 'int4'], 'jsonb', element, NULLABLE),
  overload(
    'json_get_text',
    ['jsonb', 'text'],
    'text',
    (json: unknown, key: string) => asText(member(json, key)),
    NULLABLE,
  ),
  overload(
    'json_get_text',
    ['jsonb', 'int4'],
    'text',
    (json: unknown, at: number) => asText(element(json, at)),
    NULLABLE,
  ),
  overload('json_path', ['jsonb', 'text'], 'jsonb', followed, STEPS),
  overload('json_path', ['jsonb', 'text[]'], 'jsonb', follow, NULLABLE),
  overload('json_path_text', ['jsonb', 'text'], 'text', followedText, STEPS),
  overload(
    'json_path_text',
    ['jsonb', 'text[]'],
    'text',
    (json: unknown, steps: Steps) => asText(follow(json, steps)),
    NULLABLE,
  ),
  overload('jsonb_extract_path', ['jsonb', 'text'], 'jsonb', followed, STEPS),
  overload('jsonb_extract_path_text', ['jsonb', 'text'], 'text', followedText, STEPS),
  overload('jsonb_typeof', ['jsonb'], 'text', jsonType),
  overload('jsonb_array_length', ['jsonb'], 'int4', arrayLength),
  overload('contains', ['jsonb', 'jsonb'], 'boolean', (a: unknown, b: unknown) => contains(a, b)),
  overload('contained_by', ['jsonb', 'jsonb'], 'boolean', (a: unknown, b: unknown) => contains(b, a)),
  overload('jsonb_exists', ['jsonb', 'text'], 'boolean', exists),
  overload('jsonb_exists_any', ['jsonb', 'text[]'], 'boolean', (json: unknown, keys: Steps) =>
    existing(json, keys, false),
  ),
  overload('jsonb_exists_all', ['jsonb', 'text[]'], 'boolean', (json: unknown, keys: Steps) =>
    existing(json, keys, true),
  ),
  overload('concat', ['jsonb', 'jsonb'], 'jsonb', joined),
  overload('subtract', ['jsonb', 'text'], 'jsonb', (json: unknown, key: string) => without(json, [key])),
  overload('subtract', ['jsonb', 'text[]'], 'jsonb', without),
  overload('subtract', ['jsonb', 'int4'], 'jsonb', (json: unknown, at: number) => without(json, at)),
  overload('jsonb_delete_path', ['jsonb', 'text[]'], 'jsonb', deletePath),
  overload('jsonb_set', ['jsonb', 'text[]', 'jsonb'], 'jsonb', setAt),
  overload('jsonb_set', ['jsonb', 'text[]', 'jsonb', 'boolean'], 'jsonb', setAt),
  overload('jsonb_insert', ['jsonb', 'text[]', 'jsonb'], 'jsonb', insertAt),
  overload('jsonb_insert', ['jsonb', 'text[]', 'jsonb', 'boolean'], 'jsonb', insertAt),
  overload('jsonb_strip_nulls', ['jsonb'], 'jsonb', withoutNulls),
  overload('jsonb_object', ['text[]'], 'jsonb', objectOfPairs),
  overload('jsonb_object', ['text[]', 'text[]'], 'jsonb', objectOf),
  overload('jsonb_pretty', ['jsonb'], 'text', (json: unknown) => pretty(json)),
  ...JSON_PATH_FUNCTIONS,
];

const ANY = { strict: false, variadic: true } as const;

/** Functions that make jsonb of values of any type. */
export const JSON_GENERICS: readonly GenericFunction[] = [
  generic('to_jsonb', ['any'], TYPE.jsonb, (_, types) => (value: unknown) => toJson(value, types[0]!)),
  generic(
    'jsonb_build_array',
    ['any'],
    TYPE.jsonb,
    (_, types) =>
      (...values: unknown[]) =>
        values.map((value, index) => toJson(value, types[index]!)),
    ANY,
  ),
  generic('jsonb_build_array', [], TYPE.jsonb, () => () => []),
  generic(
    'jsonb_build_object',
    ['any'],
    TYPE.jsonb,
    (_, types) =>
      (...values: unknown[]) =>
        builtObject(types, values),
    ANY,
  ),
  generic('jsonb_build_object', [], TYPE.jsonb, () => () => ({})),
];
