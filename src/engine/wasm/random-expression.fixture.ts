import fc from 'fast-check';
import type { DataType } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import { call, caseExpression, columnReference, literal, nullLiteral } from '../../plan/expression-factory.ts';
import { numericType, TYPE, typeName } from '../../plan/type-name.ts';
import { AMOUNT, RANDOM_COLUMNS, randomValue } from './random-row.fixture.ts';

/** Random typed expressions over the columns of random rows. */
const TYPES: readonly DataType[] = [
  TYPE.boolean,
  TYPE.int2,
  TYPE.int4,
  TYPE.int8,
  TYPE.float4,
  TYPE.float8,
  TYPE.text,
  AMOUNT,
  TYPE.numeric,
  TYPE.date,
  TYPE.timestamp,
  TYPE.timestamptz,
  TYPE.jsonb,
];

/** An expression of any type. */
export function randomExpression(): fc.Arbitrary<Expression> {
  return fc.constantFrom(...TYPES).chain((type) => expressionOf(type, 3));
}

export function randomPredicate(): fc.Arbitrary<Expression> {
  return expressionOf(TYPE.boolean, 3);
}

const constant = (value: unknown, type: DataType): fc.Arbitrary<Expression> => fc.constant(literal(value, type));
const words = (...values: string[]): fc.Arbitrary<Expression> =>
  fc.constantFrom(...values.map((value) => literal(value, TYPE.text)));

function leaf(type: DataType): fc.Arbitrary<Expression> {
  const columns = RANDOM_COLUMNS.flatMap((column, index) =>
    column.type.kind === type.kind && (type.kind !== 'numeric' || type.precision === undefined || column.type === type)
      ? [columnReference(RANDOM_COLUMNS, index)]
      : [],
  );
  const constants = randomValue(type).map(
    (value): Expression => literal(value, type.kind === 'numeric' ? TYPE.numeric : type),
  );
  const known: fc.Arbitrary<Expression> = columns.length === 0 ? constants : fc.constantFrom(...columns);
  const typed = type.kind === 'numeric' && type.precision !== undefined;
  return fc.oneof(
    { weight: 6, arbitrary: known },
    { weight: typed ? 0 : 2, arbitrary: constants },
    { weight: 1, arbitrary: constant(null, type).map(() => nullLiteral(type)) },
  );
}

const made = new Map<string, fc.Arbitrary<Expression>>();

/** An expression of a type, at most so deep. */
function expressionOf(type: DataType, depth: number): fc.Arbitrary<Expression> {
  const key = `${typeName(type)} ${depth}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const arbitrary = depth === 0 ? leaf(type) : choiceOf(type, depth);
  made.set(key, arbitrary);
  return arbitrary;
}

function choiceOf(type: DataType, depth: number): fc.Arbitrary<Expression> {
  const choices = [leaf(type), leaf(type), ...forms(type, depth - 1), ...functionsOf(type, depth - 1)];
  return fc.oneof(...choices);
}

/** Arguments of the given types, put together. */
function apply(name: string, depth: number, ...types: readonly (DataType | fc.Arbitrary<Expression>)[]) {
  const args = types.map((type) => ('kind' in type ? expressionOf(type, depth) : type));
  return fc.tuple(...args).map((values) => call(name, values));
}

function cast(from: DataType, to: DataType, depth: number): fc.Arbitrary<Expression> {
  // Not castTo, which computes the cast of a constant.
  return expressionOf(from, depth).map((input) => Object.freeze({ kind: 'cast', type: to, input }));
}

function forms(type: DataType, depth: number): fc.Arbitrary<Expression>[] {
  const branch = fc.record({ when: expressionOf(TYPE.boolean, depth), result: expressionOf(type, depth) });
  return [
    fc.tuple(fc.array(branch, { minLength: 1, maxLength: 2 }), expressionOf(type, depth)).map(([branches, otherwise]) =>
      caseExpression(
        // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`
        branches.map(({ when, result }) => ({ when, then: result })),
        otherwise,
      ),
    ),
    apply('coalesce', depth, type, type),
    apply('nullif', depth, type, type),
    apply('greatest', depth, type, type),
    apply('least', depth, type, type, type),
  ];
}

function functionsOf(type: DataType, depth: number): fc.Arbitrary<Expression>[] {
  switch (type.kind) {
    case 'boolean':
      return booleans(depth);
    case 'int2':
    case 'int4':
    case 'int8':
      return integers(type, depth);
    case 'float4':
    case 'float8':
      return floats(type, depth);
    case 'numeric':
      return numerics(type, depth);
    case 'text':
      return texts(depth);
    case 'jsonb':
      return documents(depth);
    default:
      return times(type, depth);
  }
}

function booleans(depth: number): fc.Arbitrary<Expression>[] {
  const compared = [...TYPES, TYPE.interval];
  const comparison = fc
    .tuple(
      fc.constantFrom('eq', 'ne', 'lt', 'le', 'gt', 'ge', 'is_distinct_from', 'is_not_distinct_from'),
      fc.constantFrom(...compared),
    )
    .chain(([name, type]) => apply(name, depth, type, type));
  const test = fc
    .constantFrom('not', 'is_true', 'is_not_true', 'is_false', 'is_not_false')
    .chain((name) => apply(name, depth, TYPE.boolean));
  const isNull = fc
    .tuple(fc.constantFrom('is_null', 'is_not_null'), fc.constantFrom(...TYPES))
    .chain(([name, type]) => apply(name, depth, type));
  const like = fc
    .tuple(
      fc.constantFrom('like', 'ilike'),
      words(
        '%',
        'a%',
        '%c',
        '%b%',
        'abc',
        '_b%',
        '%_',
        'a%c',
        '%é_',
        '日%',
        'A\\_%',
        'a\\',
        '%\\%',
        '',
        '%o%o%',
        '___',
      ),
    )
    .chain(([name, pattern]) => expressionOf(TYPE.text, depth).map((value) => call(name, [value, pattern])));
  return [
    comparison,
    comparison,
    test,
    isNull,
    like,
    apply('and', depth, TYPE.boolean, TYPE.boolean),
    apply('or', depth, TYPE.boolean, TYPE.boolean, TYPE.boolean),
    apply('starts_with', depth, TYPE.text, TYPE.text),
    apply('matches', depth, TYPE.text, words('^a', 'b+', '[0-9]+$', '^(/api|a)', 'é', '(', '^$')),
    apply('imatches', depth, TYPE.text, words('ABC', '^[a-f]*$')),
    cast(TYPE.text, TYPE.boolean, depth),
    cast(TYPE.int4, TYPE.boolean, depth),
    cast(TYPE.jsonb, TYPE.boolean, depth),
  ];
}

function arithmetic(type: DataType, depth: number, ...names: string[]): fc.Arbitrary<Expression> {
  return fc.constantFrom(...names).chain((name) => apply(name, depth, type, type));
}

function integers(type: DataType, depth: number): fc.Arbitrary<Expression>[] {
  const common = [
    arithmetic(type, depth, 'add', 'subtract', 'multiply', 'divide', 'modulo'),
    fc.constantFrom('negate', 'abs').chain((name) => apply(name, depth, type)),
    cast(TYPE.float8, type, depth),
    cast(AMOUNT, type, depth),
    cast(TYPE.text, type, depth),
    cast(TYPE.int4, type, depth),
    cast(TYPE.int8, type, depth),
    cast(TYPE.jsonb, type, depth),
  ];
  if (type.kind !== 'int4') return common;
  return [
    ...common,
    cast(TYPE.boolean, type, depth),
    apply('length', depth, TYPE.text),
    apply('octet_length', depth, TYPE.text),
    apply('position', depth, TYPE.text, TYPE.text),
    apply('subtract', depth, TYPE.date, TYPE.date),
  ];
}

const FIELDS = ['epoch', 'hours', 'minute', 'second', 'millisecond', 'microsecond', 'day', 'month', 'year', 'quarter'];
const DATE_FIELDS = ['dow', 'isodow', 'doy', 'week', 'isoyear', 'decade', 'century', 'millennium', 'nonsense'];

function floats(type: DataType, depth: number): fc.Arbitrary<Expression>[] {
  const common = [
    arithmetic(type, depth, 'add', 'subtract', 'multiply', 'divide'),
    fc.constantFrom('negate', 'abs').chain((name) => apply(name, depth, type)),
    cast(TYPE.int8, type, depth),
    cast(AMOUNT, type, depth),
    cast(TYPE.float8, type, depth),
    cast(TYPE.float4, type, depth),
  ];
  if (type.kind === 'float4') return common;
  return [
    ...common,
    fc.constantFrom('ceil', 'floor', 'round', 'trunc', 'sign', 'sqrt').chain((name) => apply(name, depth, type)),
    apply('power', depth, type, type),
    cast(TYPE.text, type, depth),
    cast(TYPE.jsonb, type, depth),
    apply('date_part', depth, words(...FIELDS, ...DATE_FIELDS), TYPE.timestamp),
  ];
}

function numerics(type: DataType & { kind: 'numeric' }, depth: number): fc.Arbitrary<Expression>[] {
  if (type.precision !== undefined) {
    return [TYPE.int4, TYPE.int8, TYPE.numeric, numericType(6, 3), TYPE.text, TYPE.jsonb].map((from) =>
      cast(from, type, depth),
    );
  }
  const digits = fc.integer({ min: -2, max: 5 }).map((value): Expression => literal(value, TYPE.int4));
  const amounts = (name: string) => apply(name, depth, AMOUNT, AMOUNT);
  return [
    arithmetic(TYPE.numeric, depth, 'add', 'subtract', 'multiply', 'divide', 'modulo'),
    ...['add', 'subtract', 'multiply', 'modulo'].map(amounts),
    fc
      .constantFrom('negate', 'abs', 'ceil', 'floor', 'round', 'trunc', 'sign')
      .chain((name) => apply(name, depth, AMOUNT)),
    fc.constantFrom('round', 'trunc').chain((name) => apply(name, depth, AMOUNT, digits)),
    cast(TYPE.int8, TYPE.numeric, depth),
    cast(TYPE.float8, TYPE.numeric, depth),
    apply('extract', depth, words(...FIELDS, ...DATE_FIELDS), TYPE.timestamptz),
    apply('extract', depth, words(...DATE_FIELDS, 'epoch'), TYPE.date),
    apply('extract', depth, words('epoch', 'day'), TYPE.interval),
  ];
}

function texts(depth: number): fc.Arbitrary<Expression>[] {
  const count = fc.integer({ min: -4, max: 8 }).map((value): Expression => literal(value, TYPE.int4));
  const sources = [
    TYPE.boolean,
    TYPE.int2,
    TYPE.int4,
    TYPE.int8,
    TYPE.float8,
    TYPE.float4,
    AMOUNT,
    TYPE.date,
    TYPE.timestamp,
    TYPE.timestamptz,
  ];
  return [
    apply('concat', depth, TYPE.text, TYPE.text),
    fc
      .constantFrom('lower', 'upper', 'btrim', 'ltrim', 'rtrim', 'reverse')
      .chain((name) => apply(name, depth, TYPE.text)),
    fc
      .constantFrom('btrim', 'ltrim', 'rtrim')
      .chain((name) => apply(name, depth, TYPE.text, words('a', ' a', 'é', '', 'xyz'))),
    apply('substring', depth, TYPE.text, count),
    apply('substring', depth, TYPE.text, fc.oneof(count, leaf(TYPE.int4)), fc.oneof(count, leaf(TYPE.int4))),
    fc.constantFrom('left', 'right').chain((name) => apply(name, depth, TYPE.text, fc.oneof(count, leaf(TYPE.int4)))),
    apply('split_part', depth, TYPE.text, words('/', 'b', '', '/a', '日'), count),
    apply('replace', depth, TYPE.text, words('a', '', 'bc', '/'), TYPE.text),
    fc.constantFrom(...sources).chain((from) => cast(from, TYPE.text, depth)),
    apply(
      'to_char',
      depth,
      TYPE.timestamptz,
      words('YYYY-MM-DD HH24:MI:SS.US', 'yy/q "Tag" DDD d', 'HH12:MI HH MS', 'Mon DD', 'x'),
    ),
    apply('json_get_text', depth, TYPE.jsonb, fc.oneof(keys, index)),
    apply('json_path_text', depth, TYPE.jsonb, keys, keys),
  ];
}

const keys = words('a', 'b', 'ab', 'é', '1', 'a"b');
const index = fc.integer({ min: -3, max: 3 }).map((value): Expression => literal(value, TYPE.int4));

function documents(depth: number): fc.Arbitrary<Expression>[] {
  return [
    apply('json_get', depth, TYPE.jsonb, fc.oneof(keys, index)),
    apply('json_path', depth, TYPE.jsonb, keys, words('-1', '0', 'b', 'é')),
  ];
}

function times(type: DataType, depth: number): fc.Arbitrary<Expression>[] {
  if (type.kind === 'interval') return [apply('subtract', depth, TYPE.timestamp, TYPE.timestamp)];
  if (type.kind === 'date') {
    return [
      fc.constantFrom('add', 'subtract').chain((name) => apply(name, depth, TYPE.date, TYPE.int4)),
      cast(TYPE.timestamp, TYPE.date, depth),
      cast(TYPE.text, TYPE.date, depth),
    ];
  }
  const units = words('second', 'minutes', 'hour', 'day', 'week', 'month', 'quarter', 'year', 'decade', 'century', 'x');
  const common = [
    fc.constantFrom('add', 'subtract').chain((name) => apply(name, depth, type, TYPE.interval)),
    apply('date_trunc', depth, units, type),
    cast(TYPE.text, type, depth),
    cast(TYPE.date, type, depth),
    cast(type.kind === 'timestamp' ? TYPE.timestamptz : TYPE.timestamp, type, depth),
  ];
  if (type.kind === 'timestamp') return [...common, apply('add', depth, TYPE.date, TYPE.interval)];
  return [...common, constant(null, type).map(() => call('now', [])), apply('to_timestamp', depth, TYPE.float8)];
}
