import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { type AggregateOptions, aggregateCall } from '../../../plan/aggregate-call.ts';
import { AGGREGATE_NAMES, aggregateSpec } from '../../../plan/aggregate-catalog.ts';
import type { DataType } from '../../../plan/data-type.ts';
import { Decimal } from '../../../plan/decimal.ts';
import { evaluate } from '../../../plan/evaluate.ts';
import type { Expression } from '../../../plan/expression.ts';
import { literal } from '../../../plan/expression-factory.ts';
import { makeInterval } from '../../../plan/interval.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { arrayType, TYPE, typeName } from '../../../plan/type-name.ts';
import { valueToText } from '../../../plan/value-text.ts';
import { type Accumulator, accumulatorInputs } from './accumulator.ts';
import { accumulatorFactory } from './accumulator-factory.ts';

type Row = readonly unknown[];

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
      expect(error).toMatchObject({ code: 'PLAN_UNKNOWN_FUNCTION' });
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

const nullable = (values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.option(values, { nil: null, freq: 5 });

interface Change {
  readonly row: Row;
  /** Which of the rows that stand is taken back, as a share; undefined: the row comes. */
  readonly taken: number | undefined;
  readonly restart: boolean;
}

function changesOf(values: fc.Arbitrary<unknown>, nulls = true): fc.Arbitrary<Change[]> {
  const cell = nulls ? nullable(values) : values;
  const key = nullable(fc.integer({ min: 0, max: 2 }));
  return fc.array(
    fc.record({
      row: fc.tuple(cell, cell, key),
      taken: fc.option(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { nil: undefined, freq: 2 }),
      restart: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
    { maxLength: 60 },
  );
}

class Feed {
  readonly #make: () => Accumulator;
  readonly #inputs: readonly Expression[];
  accumulator: Accumulator;

  constructor(call: AggregateCall, make: () => Accumulator) {
    this.#make = make;
    this.#inputs = accumulatorInputs(call);
    this.accumulator = this.#make();
  }

  add(row: Row, weight: number): void {
    const [first, ...more] = this.#inputs.map((input) => evaluate(input, row));
    this.accumulator.add(first, weight, more);
  }

  merge(other: Feed): void {
    this.accumulator.merge!(other.accumulator);
  }

  restart(): void {
    const writer = new ByteWriter();
    this.accumulator.snapshot(writer);
    this.accumulator = this.#make();
    const reader = new ByteReader(writer.written().slice());
    this.accumulator.restore(reader);
    expect(reader.remaining).toBe(0);
  }
}

/** The result in digits; or the error. */
function said({ accumulator }: Feed, { type, distinct }: AggregateCall): string {
  try {
    const value = accumulator.value();
    // Which of values that are equal stands for all with DISTINCT, is not said.
    const text = value === null ? 'null' : valueToText(value, type);
    return distinct ? text.replace(/(?<=\.\d*?)0+(?=\D|$)|-(?=0\D|0$)/g, '').replace(/\.(?=\D|$)/g, '') : text;
  } catch (error) {
    return String(error);
  }
}

/** The first row that gives the aggregate the same as one, all digits compared. */
function sameRow(call: AggregateCall, rows: readonly Row[], row: Row): number {
  const text = (of: Row): string => {
    const inputs = accumulatorInputs(call).map((input) => evaluate(input, of));
    return inputs
      .map((value) =>
        value instanceof Decimal ? value.toString() : Object.is(value, -0) ? '-0' : JSON.stringify(value, bigints),
      )
      .join();
  };
  return rows.findIndex((other) => text(other) === text(row));
}

function bigints(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

const cases = VALUES.flatMap(({ type, values }) =>
  callsOf(type).map((call) => {
    const traits = `${call.distinct ? ' distinct' : ''}${call.orderBy === undefined ? '' : ' ordered'}`;
    const several = call.extra?.[0]?.type.kind === 'array' ? ' several' : '';
    return { name: `${call.function}(${typeName(type)})${traits}${several}`, call, values };
  }),
);

describe.each(cases)('$name', ({ call, values }) => {
  const changes = changesOf(values, call.function !== 'jsonb_object_agg');

  it('is, after rows were taken back, what the rows that are left give', () => {
    fc.assert(
      fc.property(changes, (all) => {
        const feed = new Feed(call, accumulatorFactory(call, false));
        const rows: Row[] = [];
        for (const { row, taken, restart } of all) {
          if (taken === undefined || rows.length === 0) {
            feed.add(row, 1);
            rows.push(row);
          } else {
            const gone = rows[Math.floor(taken * rows.length)]!;
            feed.add(gone, -1);
            rows.splice(sameRow(call, rows, gone), 1);
          }
          if (restart) feed.restart();
        }
        const again = new Feed(call, accumulatorFactory(call, false));
        for (const row of rows) again.add(row, 1);
        expect(said(feed, call)).toBe(said(again, call));
        const added = new Feed(call, accumulatorFactory(call, true));
        for (const row of rows) added.add(row, 1);
        expect(said(added, call)).toBe(said(again, call));
      }),
      { numRuns: 25 },
    );
  });

  it('is the same when it was merged from parts', () => {
    fc.assert(
      fc.property(changes, fc.boolean(), (all, appendOnly) => {
        const make = accumulatorFactory(call, appendOnly);
        const [whole, left, other] = [
          new Feed(call, accumulatorFactory(call, appendOnly)),
          new Feed(call, make),
          new Feed(call, make),
        ];
        for (const { row } of all) whole.add(row, 1);
        all.forEach(({ row }, i) => {
          (i % 3 === 0 ? other : left).add(row, 1);
        });
        left.merge(other);
        expect(said(left, call)).toBe(said(whole, call));
      }),
      { numRuns: 15 },
    );
  });
});
