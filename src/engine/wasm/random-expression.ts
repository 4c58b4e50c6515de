import fc from 'fast-check';
import type { Column, DataType } from '../../plan/data-type.ts';
import { Decimal } from '../../plan/decimal.ts';
import type { Expression } from '../../plan/expression.ts';
import { call, caseExpression, columnReference, literal, nullLiteral } from '../../plan/expression-factory.ts';
import { makeInterval } from '../../plan/interval.ts';
import { numericType, TYPE, typeName } from '../../plan/type-name.ts';

/** Random typed expressions over a fixed set of columns, and random rows for them: what the property tests run on. */
const AMOUNT = numericType(12, 2);

export const RANDOM_COLUMNS: readonly Column[] = [
  ['b', TYPE.boolean],
  ['c', TYPE.boolean],
  ['i2', TYPE.int2],
  ['i4', TYPE.int4],
  ['j4', TYPE.int4],
  ['i8', TYPE.int8],
  ['j8', TYPE.int8],
  ['f4', TYPE.float4],
  ['f8', TYPE.float8],
  ['g8', TYPE.float8],
  ['t', TYPE.text],
  ['u', TYPE.text],
  ['n', TYPE.numeric],
  ['m', AMOUNT],
  ['d', TYPE.date],
  ['ts', TYPE.timestamp],
  ['tz', TYPE.timestamptz],
  ['uz', TYPE.timestamptz],
  ['doc', TYPE.jsonb],
].map(([name, type]) => ({ name: name as string, type: type as DataType, nullable: true }));

const edges = <Value>(all: fc.Arbitrary<Value>, ...known: Value[]): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: all });

const INT4_MAX = 2 ** 31 - 1;
const INT8_MAX = 2n ** 63n - 1n;
const small = fc.integer({ min: -100, max: 100 });
const int4 = edges(fc.integer(), 0, 1, -1, 2, 10, INT4_MAX, -INT4_MAX - 1);
const int8 = edges(
  fc.bigInt({ min: -INT8_MAX - 1n, max: INT8_MAX }),
  0n,
  1n,
  -1n,
  10n,
  3_000_000_000n,
  -3_000_000_000n,
  INT8_MAX,
  -INT8_MAX - 1n,
);
const float8 = edges(
  fc.double(),
  0,
  -0,
  1,
  0.5,
  1.5,
  2.5,
  -0.5,
  -2.5,
  0.1,
  12.34,
  1e300,
  1e-300,
  5e-324,
  2 ** 53,
  2 ** 63,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
);
const TEXTS = [
  '',
  'a',
  'ab',
  'abc',
  'abcd',
  'abcde',
  'ABC',
  ' abc ',
  'a/b/c',
  '/api/v2/ingest',
  'abcdefghijklmnopqrstuvwxyz',
  'The quick brown fox jumps over the lazy dog',
  'naïve',
  'ÄÖÜ straße',
  'ÉCOLE ŸſÿµİıǅΣΑΣ ЖЩ',
  '日本 ABC 한국',
  'Ⱥⱥ Ḁ',
  '日本語',
  '\u{1f600}x\u{1f680}',
  '\uffff\u{10000}',
  '42',
  '-7',
  '+7',
  ' 42 ',
  '0',
  '-0',
  '1.5',
  '.5',
  '1e3',
  '99999999999999999999',
  'true',
  'false',
  'f',
  '2024-02-29',
  '2024-02-29T12:34:56.789Z',
  '2024-02-30',
  '100%',
  'a_b',
  'a\\b',
];
const text = edges(fc.string({ unit: 'grapheme', maxLength: 40 }), ...TEXTS);
const amount = fc
  .oneof(fc.bigInt({ min: -999_999_999_999n, max: 999_999_999_999n }), fc.constantFrom(0n, 5n, -5n, 50n, 150n, -150n))
  .map((unscaled) => new Decimal(unscaled, 2));
const decimal = fc.oneof(
  amount,
  fc.constantFrom('0', '1', '-1', '0.5', '2.500', '-0.005', '123456789012345678901234567890.12').map(Decimal.parse),
);
const date = edges(fc.integer({ min: -719_468, max: 2_000_000 }), 0, 1, -1, 19_782, 365, 59, -2_440_588);
const stamp = edges(
  fc.bigInt({ min: -62_000_000_000_000_000n, max: 253_000_000_000_000_000n }),
  0n,
  -1n,
  1_709_210_096_789_000n,
  1_709_164_800_000_000n,
  951_782_400_000_000n,
  -62_135_596_800_000_000n,
);
const interval = fc
  .tuple(
    fc.integer({ min: -30, max: 30 }),
    fc.integer({ min: -400, max: 400 }),
    fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }),
  )
  .chain(([months, days, micros]) =>
    fc.constantFrom(makeInterval(0, days, micros), makeInterval(months, days, micros), makeInterval(0, 0, 1_000_000n)),
  );

const name = fc.constantFrom('a', 'b', 'ab', 'é', '0', '1', 'a"b');
const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    0.1,
    1e21,
    1e-7,
    12.25,
    '',
    'x',
    '7',
    '-2.5',
    'true',
    'a"b\\c',
    'z\n',
    '\u0001',
    '日本',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const document = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3, depthIdentifier: 'json' }, scalar, tie('list'), tie('object')),
  list: fc.array(tie('value'), { maxLength: 3 }),
  object: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));
/** SQL has no jsonb null of its own here: a document that is null is NULL. */
const json = fc.oneof(document.object, document.object, document.list, document.value).map((value) => value ?? {});

/** A value of a type that is not null. */
function randomValue(type: DataType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'boolean':
      return fc.boolean();
    case 'int2':
      return edges(fc.integer({ min: -32768, max: 32767 }), 0, 1, -1, 32767, -32768);
    case 'int4':
      return fc.oneof(int4, small);
    case 'int8':
      return fc.oneof(int8, small.map(BigInt));
    case 'float4':
      return fc.oneof(float8, small).map(Math.fround);
    case 'float8':
      return fc.oneof(float8, small);
    case 'numeric':
      return type.precision === undefined ? decimal : amount;
    case 'date':
      return date;
    case 'timestamp':
    case 'timestamptz':
      return stamp;
    case 'interval':
      return interval;
    case 'jsonb':
      return json;
    default:
      return text;
  }
}

/** Rows for {@link RANDOM_COLUMNS}: with nulls or without any. */
export function randomRows(): fc.Arbitrary<readonly (readonly unknown[])[]> {
  const present = fc.tuple(...RANDOM_COLUMNS.map(({ type }) => randomValue(type)));
  const nullable = fc.tuple(...RANDOM_COLUMNS.map(({ type }) => fc.option(randomValue(type), { freq: 3 })));
  return fc.oneof(
    fc.array(present, { minLength: 1, maxLength: 12 }),
    fc.array(nullable, { minLength: 1, maxLength: 12 }),
  );
}

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
