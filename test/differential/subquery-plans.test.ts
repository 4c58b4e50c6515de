import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.ts';
import { HeadraceError } from '../../src/base/error.ts';
import { seededRandom } from '../../src/engine/engine-world.fixture.ts';
import { toJsonValue } from '../../src/plan/value/json-value.ts';
import { DuckdbDatabase } from '../../src/serving/duckdb-database.ts';
import { planToDuckdb } from '../../src/serving/plan-to-duckdb.ts';
import { compileQuery } from '../../src/sql/query.ts';
import { RandomSubquery } from './random-subquery.ts';
import { QUERIES, sortedRows, TABLES, withTables } from './subquery-queries.ts';

let database: DuckdbDatabase;
const catalog = new Map(Object.entries(TABLES).map(([name, { columns }]) => [name, columns]));
const limits = { clock: new ManualClock(), timeoutMs: 60_000, signal: undefined };

beforeAll(async () => {
  database = await DuckdbDatabase.open();
});
afterAll(() => database.close());

/** Thousands were run when this was written. */
const RANDOM_QUERIES = 150;

describe('the plan of a query with sub-queries gives the rows that DuckDB gives for its text', () => {
  const compare = async (sql: string, oracle: string): Promise<void> => {
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

    expect(await run(withTables(made.sql, positions)), sql).toEqual(await run(withTables(oracle, names)));
  };

  it.each(QUERIES)('%s', compare);

  it('random ones too, but for those that DuckDB refuses', async () => {
    let refused = 0;
    for (let seed = 1; seed <= RANDOM_QUERIES; seed++) {
      const sql = new RandomSubquery(seededRandom(seed)).query();
      await compare(sql, sql).catch((error: unknown) => {
        if (!(error instanceof HeadraceError) || error.code !== 'SERVING_QUERY_FAILED') throw error;
        refused++;
      });
    }
    expect(refused).toBeLessThan(RANDOM_QUERIES / 10);
  });
});
