import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { accumulatorInputs } from '../engine/operator/aggregate/accumulator.ts';
import { accumulatorFactory } from '../engine/operator/aggregate/accumulator-factory.ts';
import { AGGREGATE_CASES } from '../engine/operator/aggregate/aggregate-case.fixture.ts';
import type { DataType } from '../plan/data-type.ts';
import { evaluate } from '../plan/evaluate.ts';
import { literal } from '../plan/expression-factory.ts';
import { aggregateNode, valuesNode } from '../plan/factory.ts';
import type { AggregateCall } from '../plan/node.ts';
import { TYPE } from '../plan/type-name.ts';
import { Decimal } from '../plan/value/decimal.ts';
import { groupingKey } from '../plan/value/value-order.ts';
import { DuckdbDatabase } from './duckdb-database.ts';
import { planToDuckdb } from './plan-to-duckdb.ts';

let database: DuckdbDatabase;
beforeAll(async () => {
  database = await DuckdbDatabase.open();
});
afterAll(() => database.close());

type Row = readonly unknown[];

async function asked(call: AggregateCall, type: DataType, rows: readonly Row[]): Promise<unknown> {
  const types = [type, type, TYPE.int4];
  const cells = rows.map((row) => row.map((value, at) => literal(value, types[at]!)));
  const values = valuesNode(['value', 'other', 'key'], cells);
  const plan = aggregateNode(values, [], [{ name: 'result', call }]);
  const { sql } = planToDuckdb(plan, {
    relation: () => {
      throw new Error('there are none');
    },
    nowUs: 0n,
    evaluation: database.evaluation,
  });
  const limits = { clock: new ManualClock(), timeoutMs: 60_000, signal: undefined };
  const [[result] = []] = await database.run(sql, [call.type], limits);
  database.evaluation.clear();
  return result;
}

function streamed(call: AggregateCall, rows: readonly Row[]): unknown {
  const accumulator = accumulatorFactory(call, true)();
  for (const row of rows) {
    const [first, ...more] = accumulatorInputs(call).map((input) => evaluate(input, row));
    accumulator.add(first, 1, more);
  }
  return accumulator.value();
}

/** Doubles to twelve digits: DuckDB's own sums depend on the order. */
function shown(value: unknown, type: DataType): unknown {
  if (value === null) return null;
  if (type.kind === 'array') return (value as readonly unknown[]).map((item) => shown(item, type.element));
  if (type.kind === 'float4') return (value as number).toPrecision(6);
  if (type.kind === 'float8') return (value as number).toPrecision(12);
  return groupingKey(value instanceof Decimal ? value.round(18) : value, type);
}

/** What DuckDB and JavaScript tell apart otherwise, and sums that DuckDB has no room for. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) && Math.abs(value) < 1e15;
  return typeof value !== 'bigint' || (value < 10n ** 12n && value > -(10n ** 12n));
}

describe.each(AGGREGATE_CASES)('$name', ({ call, type, values }) => {
  it('is in a query what it is in a view', async () => {
    const cell = fc.option(values.filter(isPlain), { nil: null, freq: 6 });
    const key = call.function === 'jsonb_object_agg' ? values : cell;
    // Rows with the same key come in no order of the query.
    const rows = fc
      .array(fc.tuple(key, cell), { minLength: 1, maxLength: 12 })
      .map((all) => all.map((row, at): Row => [...row, at]));
    await fc.assert(
      fc.asyncProperty(rows, async (all) => {
        expect(shown(await asked(call, type, all), call.type)).toEqual(shown(streamed(call, all), call.type));
      }),
      { numRuns: 4 },
    );
  });
});
