import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { toJsonValue } from '../plan/value/json-value.ts';
import { compileQuery } from '../sql/query.ts';
import { DuckdbDatabase } from './duckdb-database.ts';
import { planToDuckdb } from './plan-to-duckdb.ts';

let database: DuckdbDatabase;
beforeAll(async () => {
  database = await DuckdbDatabase.open();
});
afterAll(() => database.close());

async function rows(sql: string): Promise<unknown[][]> {
  const plan = await compileQuery(sql, new Map());
  const relation = (): never => {
    throw new Error('no relations here');
  };
  const types = plan.columns.map((column) => column.type);
  const query = planToDuckdb(plan, { relation, nowUs: 0n, evaluation: database.evaluation });
  const limits = { clock: new ManualClock(), timeoutMs: 60_000, signal: undefined };
  const found = await database.run(query.sql, types, limits);
  database.evaluation.clear();
  return found.map((row) => row.map((value, index) => toJsonValue(value, types[index]!)));
}

const TICKS = `(SELECT symbol, TIMESTAMP '2024-01-01' + second * INTERVAL '1 second' AS at, price, place FROM (VALUES
  ('x', 1, 3.50, 'Rome'), ('x', 2, 2.25, 'Rome'), ('x', 3, 4.00, 'Bonn'), ('x', 4, 1.00, NULL), ('x', 5, 6.75, 'Bonn'),
  ('y', 1, 1.00, 'Rome'), (NULL, 3, 9.00, 'Rome'), (NULL, 2, 10.00, 'Rome'), (NULL, 4, 11.00, 'Oslo')) AS v(symbol, second, price, place))`;

describe('MATCH_RECOGNIZE in a query', () => {
  it('finds the matches of each partition, in the order of the rows', async () => {
    const sql = `SELECT * FROM ${TICKS} MATCH_RECOGNIZE (PARTITION BY symbol ORDER BY at
      MEASURES LAST(down.price) AS lowest, LAST(up.place) AS place, count(*) AS ticks, MATCH_NUMBER() AS n
      PATTERN (start down+ up) DEFINE down AS down.price < PREV(down.price), up AS up.price > PREV(up.price)) AS m
      ORDER BY symbol NULLS FIRST, n`;
    expect(await rows(sql)).toEqual([
      [null, 9, 'Oslo', 3, 1],
      ['x', 2.25, 'Bonn', 3, 1],
    ]);
  });

  it('is a relation like any other', async () => {
    const sql = `SELECT count(*), max(at) FROM ${TICKS} MATCH_RECOGNIZE (ORDER BY at, price MEASURES LAST(a.at) AS at
      AFTER MATCH SKIP TO NEXT ROW PATTERN (a b) WITHIN INTERVAL '1 second' DEFINE b AS b.price > a.price) AS m WHERE at IS NOT NULL`;
    expect(await rows(sql)).toEqual([[4, '2024-01-01T00:00:04.000']]);
  });

  it('of no rows has none', async () => {
    const sql = `SELECT * FROM (SELECT * FROM ${TICKS} AS ticks WHERE false)
      MATCH_RECOGNIZE (ORDER BY at MEASURES a.price AS price PATTERN (a)) AS m`;
    expect(await rows(sql)).toEqual([]);
  });

  it('fails where a condition has no value', async () => {
    const sql = `SELECT * FROM ${TICKS} MATCH_RECOGNIZE (ORDER BY at MEASURES a.price AS price PATTERN (a)
      DEFINE a AS 1 / (a.price - 1) > 0) AS m`;
    await expect(rows(sql)).rejects.toThrow(/condition of a: .*division by zero/);
  });
});
