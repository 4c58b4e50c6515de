import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { toJsonValue } from '../../src/plan/json-value.ts';
import { DuckdbDatabase } from '../../src/serving/duckdb-database.ts';
import { planToDuckdb } from '../../src/serving/plan-to-duckdb.ts';
import { compileQuery } from '../../src/sql/query.ts';
import { QUERIES, sortedRows, TABLES, withTables } from './subquery-queries.ts';

let database: DuckdbDatabase;
const catalog = new Map(Object.entries(TABLES).map(([name, { columns }]) => [name, columns]));
const limits = { clock: new ManualClock(), timeoutMs: 60_000, signal: undefined };

beforeAll(async () => {
  database = await DuckdbDatabase.open();
});
afterAll(() => database.close());

describe('the plan of a query with sub-queries gives the rows that DuckDB gives for its text', () => {
  it.each(QUERIES)('%s', async (sql, oracle) => {
    const plan = await compileQuery(sql, catalog);
    const types = plan.columns.map(({ type }) => type);
    const relation = (name: string) => ({ table: name, scales: TABLES[name]!.columns.map(() => 0) });
    const made = planToDuckdb(plan, { relation, nowUs: 0n, evaluation: database.evaluation });
    const run = async (text: string): Promise<readonly string[]> => {
      const rows = await database.run(text, types, limits);
      return sortedRows(rows.map((row) => row.map((value, at) => toJsonValue(value, types[at]!))));
    };
    const positions = (table: string) => TABLES[table]!.columns.map((_, at) => `c${at}`);
    const names = (table: string) => TABLES[table]!.columns.map(({ name }) => name);

    expect(await run(withTables(made.sql, positions))).toEqual(await run(withTables(oracle, names)));
  });
});
