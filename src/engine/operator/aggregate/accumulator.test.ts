import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { evaluate } from '../../../plan/evaluate.ts';
import type { Expression } from '../../../plan/expression.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { Decimal } from '../../../plan/value/decimal.ts';
import { valueToText } from '../../../plan/value/value-text.ts';
import { type Accumulator, accumulatorInputs } from './accumulator.ts';
import { accumulatorFactory } from './accumulator-factory.ts';
import { AGGREGATE_CASES } from './aggregate-case.fixture.ts';

type Row = readonly unknown[];

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

describe.each(AGGREGATE_CASES)('$name', ({ call, values }) => {
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
