import fc from 'fast-check';
import type { Column, DataType } from '../../plan/data-type.ts';
import { numericType, TYPE } from '../../plan/type-name.ts';
import { Decimal } from '../../plan/value/decimal.ts';
import { makeInterval } from '../../plan/value/interval.ts';

/** Random rows of a fixed set of columns: what the property tests of expressions run on. */
export const AMOUNT = numericType(12, 2);

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
export function randomValue(type: DataType): fc.Arbitrary<unknown> {
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
