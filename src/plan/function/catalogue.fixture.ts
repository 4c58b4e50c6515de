import type { DataType } from '../data-type.ts';
import { findOverload, functionNames, functionOverloads, genericFunctions, isForm } from '../function.ts';
import { arrayType, TYPE } from '../type-name.ts';
import { Decimal } from '../value/decimal.ts';
import { makeInterval } from '../value/interval.ts';
import { COMPARISON_NAMES } from './comparison.ts';

/** A function for certain types, and rows of arguments to call it with: for tests that run the whole catalogue somewhere. */
export interface CatalogueCall {
  readonly label: string;
  readonly name: string;
  readonly types: readonly DataType[];
  readonly result: DataType;
  readonly rows: readonly (readonly unknown[])[];
}

const ROWS = 24;

const TEXTS = [
  'hour',
  '',
  'abc',
  'Äb c',
  'UTC',
  'hex',
  '1',
  'a.c',
  '(b)',
  'YYYY-MM-DD',
  '2026-01-31',
  '9.9',
  '$.a',
  'month',
  '10.0.0.1/8',
  'a',
  'b*',
  'https://u@a.b:80/c?d=e#f',
  'QUERY',
  'Europe/Berlin',
  'x%',
  '_b_',
  '#',
  'md5',
  'NFD',
  '😀',
  '1.5',
  'i',
];

const SAMPLES: Readonly<Partial<Record<DataType['kind'], readonly unknown[]>>> = {
  boolean: [true, false],
  int2: [0, 1, -1, 7, -300, 32_767, -32_768],
  int4: [1, 0, 2, -1, 3, 10, 2026, -2_147_483_648, 2_147_483_647],
  int8: [1n, 0n, -1n, 12n, 63n, 9_223_372_036_854_775_807n, -9_223_372_036_854_775_808n],
  float4: [0, 1.5, -2.5, 0.5, 3, Math.fround(0.1)],
  float8: [0, 1, -1, 0.5, 2.5, -2.5, 45, 1e10, -0.1, Number.NaN, Number.POSITIVE_INFINITY],
  numeric: ['1', '0', '-1', '2.50', '0.1', '-12.345', '1000', '3'].map((text) => Decimal.parse(text)),
  text: TEXTS,
  bytea: ['', 'abc', 'b'].map((text) => new Uint8Array(Buffer.from(text))),
  uuid: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  date: [0, 20_484, -1, 19_782],
  time: [0n, 45_296_789_000n, 86_399_999_999n],
  timestamp: [0n, 1_774_751_400_000_000n, 1_709_210_096_789_000n, -1n],
  timestamptz: [0n, 1_774_751_400_000_000n, 1_709_210_096_789_000n, -1n],
  interval: [
    makeInterval(0, 0, 0n),
    makeInterval(1, 0, 0n),
    makeInterval(0, 1, 3_600_000_000n),
    makeInterval(-14, 3, -1n),
  ],
  jsonb: [{ a: 1, b: [1, 'x', null] }, [1, 2, { a: 'b' }], 'abc', 12.5, true, {}, [], { hour: { a: null } }],
};

function samplesOf(type: DataType): readonly unknown[] {
  if (type.kind !== 'array') return SAMPLES[type.kind] ?? [];
  const items = samplesOf(type.element);
  return [[], items.slice(0, 2), [items[1], null, items[0]], [items[0]]];
}

/** The same numbers every time. */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function rowsOf(types: readonly DataType[], label: string): readonly (readonly unknown[])[] {
  const next = pseudoRandom(Array.from(label).reduce((sum, point) => sum * 31 + point.codePointAt(0)!, 7) >>> 0);
  return Array.from({ length: ROWS }, () =>
    types.map((type) => {
      const samples = samplesOf(type);
      return next() < 0.08 ? null : samples[Math.floor(next() * samples.length)];
    }),
  );
}

function callOf(name: string, types: readonly DataType[]): CatalogueCall[] {
  const found = findOverload(name, types);
  if (found === undefined) return [];
  const label = `${name}(${types.map((type) => (type.kind === 'array' ? `${type.element.kind}[]` : type.kind)).join(', ')})`;
  return [{ label, name, types, result: found.result, rows: rowsOf(types, label) }];
}

/** Every overload but `now`, generic functions for some types, and the comparisons. */
export function catalogueCalls(): readonly CatalogueCall[] {
  const named = functionNames().filter((name) => !isForm(name) && name !== 'now');
  return [
    ...named.flatMap((name) => functionOverloads(name).flatMap(({ args }) => callOf(name, args))),
    ...named.flatMap((name) =>
      genericFunctions(name).flatMap(({ args }) =>
        [TYPE.int4, TYPE.text, TYPE.boolean].flatMap((element) =>
          callOf(
            name,
            args.map((place) => (typeof place === 'object' ? place : place === 'array' ? arrayType(element) : element)),
          ),
        ),
      ),
    ),
    ...COMPARISON_NAMES.flatMap((name) =>
      [...Object.values(TYPE), arrayType(TYPE.int4)].flatMap((type) => callOf(name, [type, type])),
    ),
  ];
}
