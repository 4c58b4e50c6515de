import fc from 'fast-check';
import { type AggregateOptions, aggregateCall } from '../../../plan/aggregate/aggregate-call.ts';
import { AGGREGATE_NAMES, aggregateSpec } from '../../../plan/aggregate/aggregate-catalog.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { Expression } from '../../../plan/expression.ts';
import { literal } from '../../../plan/expression-factory.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { arrayType, TYPE, typeName } from '../../../plan/type-name.ts';
import { Decimal } from '../../../plan/value/decimal.ts';
import { makeInterval } from '../../../plan/value/interval.ts';

export interface AggregateCase {
  readonly name: string;
  readonly call: AggregateCall;
  readonly type: DataType;
  /** Values of the type, none null. */
  readonly values: fc.Arbitrary<unknown>;
}

/** The columns of the test's rows: two of each type, and a key to order by. */
const VALUES: readonly { readonly type: DataType; readonly values: fc.Arbitrary<unknown> }[] = [
  { type: TYPE.boolean, values: fc.boolean() },
  { type: TYPE.int2, values: fc.integer({ min: -3, max: 3 }) },
  { type: TYPE.int4, values: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer()) },
  { type: TYPE.int8, values: fc.oneof(fc.bigInt(-3n, 3n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)) },
  {
    type: TYPE.numeric,
    values: fc
      .record({ unscaled: fc.bigInt(-999n, 999n), scale: fc.integer({ min: 0, max: 3 }) })
      .map(({ unscaled, scale }) => new Decimal(unscaled, scale)),
  },
  { type: TYPE.float4, values: fc.integer({ min: -300, max: 300 }).map((value) => Math.fround(value / 100)) },
  {
    type: TYPE.float8,
    values: fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: -300, max: 300 }).map((value) => value / 100) },
      { weight: 2, arbitrary: fc.double({ min: -1e150, max: 1e150, noNaN: true }) },
      { weight: 1, arbitrary: fc.constantFrom(0, -0, 5e-324, Number.NaN, Number.POSITIVE_INFINITY) },
    ),
  },
  { type: TYPE.text, values: fc.constantFrom('', 'a', 'b', 'ä', '\u{10000}', 'a,b') },
  { type: TYPE.bytea, values: fc.constantFrom(new Uint8Array([1]), new Uint8Array([1, 2]), new Uint8Array()) },
  { type: TYPE.date, values: fc.integer({ min: 0, max: 5 }) },
  { type: TYPE.timestamptz, values: fc.bigInt(0n, 5n).map((value) => value * 1_500_000n) },
  {
    type: TYPE.interval,
    values: fc
      .record({ months: fc.integer({ min: -2, max: 2 }), days: fc.integer({ min: -31, max: 31 }) })
      .map(({ months, days }) => makeInterval(months, days, BigInt(days) * 7n)),
  },
  { type: TYPE.jsonb, values: fc.constantFrom({ a: 1 }, [1, 'x'], 'text', 1.5, true) },
  {
    type: TYPE.uuid,
    values: fc.constantFrom('7b5ed6b7-8d1e-4f1e-9c3a-000000000001', '7b5ed6b7-8d1e-4f1e-9c3a-0000000000ff'),
  },
];

const column = (index: number, type: DataType): Expression =>
  Object.freeze({ kind: 'column', type, index, name: `c${index}` });
const half = literal(0.5, TYPE.float8);
const thirds = literal([0, 0.3, 1], arrayType(TYPE.float8));

/** All calls over a type: plain, distinct, and ordered where the order shows. Columns: the value, another, the order. */
function callsOf(type: DataType): AggregateCall[] {
  const [value, other, key] = [column(0, type), column(1, type), column(2, TYPE.int4)];
  const calls: AggregateCall[] = [];
  const add = (name: (typeof AGGREGATE_NAMES)[number], options: AggregateOptions): void => {
    try {
      calls.push(aggregateCall(name, value, options));
    } catch (error) {
      if ((error as { code?: string }).code !== 'PLAN_UNKNOWN_FUNCTION') throw error;
    }
  };
  for (const name of AGGREGATE_NAMES) {
    const { shape, ordered } = aggregateSpec(name)!;
    const orderBy = [{ expression: key, descending: true, nullsFirst: false }];
    if (name === 'jsonb_object_agg') {
      if (type.kind === 'text') add(name, { extra: [other], orderBy });
    } else if (shape === 'fraction') {
      const descending = [{ expression: value, descending: true, nullsFirst: true }];
      add(name, { extra: [half] });
      add(name, { extra: [half], orderBy: descending });
      if (name !== 'approx_percentile') add(name, { extra: [thirds] });
    } else {
      const extra = shape === 'two' ? [other] : [];
      add(name, { extra });
      if (shape !== 'ordered') add(name, { extra, distinct: true });
      if (ordered) add(name, { extra, orderBy });
    }
  }
  return calls;
}

/** Every aggregate of every type that it takes, over rows of a value, another of its type, and an int4 to order by. */
export const AGGREGATE_CASES: readonly AggregateCase[] = VALUES.flatMap(({ type, values }) =>
  callsOf(type).map((call) => {
    const traits = `${call.distinct ? ' distinct' : ''}${call.orderBy === undefined ? '' : ' ordered'}`;
    const several = call.extra?.[0]?.type.kind === 'array' ? ' several' : '';
    return { name: `${call.function}(${typeName(type)})${traits}${several}`, call, type, values };
  }),
);
