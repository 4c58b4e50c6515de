import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Kernel } from '../../kernel/kernel.ts';
import type { DataType } from '../../plan/data-type.ts';
import { TYPE } from '../../plan/type-name.ts';
import { Decimal } from '../../plan/value/decimal.ts';
import { toJsonText } from '../../plan/value/json-value.ts';
import { columnOfValues } from './column-access.ts';
import { jsonReader } from './json-column.ts';

const long = fc.oneof(
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  fc.bigInt(-(2n ** 33n), 2n ** 33n),
  fc.constantFrom(0n, -1n, 2n ** 31n - 1n, 2n ** 31n, -(2n ** 31n), -(2n ** 31n) - 1n, 2n ** 32n - 1n, 2n ** 32n),
);
const instant = fc.bigInt(0n, 10n).map((minutes) => 1_704_067_200_000_000n + minutes * 60_000_000n);
const cases: readonly { type: DataType; values: fc.Arbitrary<unknown> }[] = [
  { type: TYPE.boolean, values: fc.boolean() },
  { type: TYPE.int2, values: fc.integer({ min: -32_768, max: 32_767 }) },
  { type: TYPE.int4, values: fc.integer() },
  { type: TYPE.int8, values: long },
  { type: TYPE.float8, values: fc.double() },
  { type: TYPE.float4, values: fc.float() },
  { type: TYPE.text, values: fc.string({ unit: 'grapheme' }) },
  { type: TYPE.timestamptz, values: instant },
  { type: TYPE.timestamp, values: instant },
  { type: TYPE.date, values: fc.integer({ min: -10_000, max: 40_000 }) },
  { type: TYPE.numeric, values: fc.integer().map((cents) => new Decimal(BigInt(cents), 2)) },
  {
    type: { kind: 'numeric', precision: 12, scale: 2 },
    values: fc.integer().map((cents) => new Decimal(BigInt(cents), 2)),
  },
  { type: TYPE.jsonb, values: fc.jsonValue() },
  { type: { kind: 'array', element: TYPE.int8 }, values: fc.array(long) },
  {
    type: { kind: 'array', element: { kind: 'array', element: TYPE.numeric } },
    values: fc.array(fc.array(fc.option(fc.integer().map((cents) => new Decimal(BigInt(cents), 2))))),
  },
  { type: { kind: 'array', element: TYPE.text }, values: fc.array(fc.string({ unit: 'grapheme' })) },
];

describe('the JSON text of a column', () => {
  const kernel = Kernel.create();

  it.each(cases.map(({ type, values }) => [type.kind, type, values] as const))(
    'of %s is that of its values',
    (_, type, values) => {
      const read = jsonReader(kernel, type);
      fc.assert(
        fc.property(fc.array(fc.option(values, { nil: null, freq: 4 }), { minLength: 1, maxLength: 20 }), (rows) => {
          kernel.arenaReset();
          const column = columnOfValues(kernel, type, rows, rows.length);
          rows.forEach((value, row) => {
            expect(read(column, row)).toBe(toJsonText(value, type));
          });
        }),
        { numRuns: 50 },
      );
    },
  );

  it('gives the zero of a double its sign, and that of jsonb none', () => {
    const textOf = (type: DataType): string => {
      kernel.arenaReset();
      return jsonReader(kernel, type)(columnOfValues(kernel, type, [-0], 1), 0);
    };
    expect(textOf(TYPE.float8)).toBe('-0');
    expect(textOf(TYPE.jsonb)).toBe('0');
    expect(toJsonText(-0, TYPE.jsonb)).toBe('0');
  });
});
