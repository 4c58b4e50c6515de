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

/** The rows of a query that reads no tables. */
async function rows(sql: string): Promise<unknown[][]> {
  const plan = await compileQuery(sql, new Map());
  const relation = (): never => {
    throw new Error('no relations here');
  };
  const types = plan.columns.map((column) => column.type);
  const query = planToDuckdb(plan, { relation, nowUs: 0n });
  const found = await database.run(query.sql, types, {
    clock: new ManualClock(),
    timeoutMs: 60_000,
    signal: undefined,
  });
  return found.map((row) => row.map((value, index) => toJsonValue(value, types[index]!)));
}

/** One text per row: quicker to read in a table. */
const shown = async (sql: string): Promise<string[]> =>
  (await rows(sql)).map((row) => row.map((value) => (value === null ? '-' : String(value))).join(' '));

const T = `(VALUES (1, 'a', 10), (2, 'a', 20), (3, 'a', 20), (4, 'b', 5), (5, 'b', NULL)) AS t(id, k, x)`;

describe('window functions mean what they mean in PostgreSQL', () => {
  it.each([
    ['row_number() OVER (ORDER BY id DESC)', ['5', '4', '3', '2', '1']],
    ['rank() OVER (PARTITION BY k ORDER BY x)', ['1', '2', '2', '1', '2']],
    ['dense_rank() OVER (ORDER BY x NULLS FIRST)', ['3', '4', '4', '2', '1']],
    ['percent_rank() OVER (PARTITION BY k ORDER BY id)', ['0', '0.5', '1', '0', '1']],
    [
      'cume_dist() OVER (PARTITION BY k ORDER BY id DESC)',
      ['1', '0.6666666666666666', '0.3333333333333333', '1', '0.5'],
    ],
    ['ntile(2) OVER (ORDER BY id)', ['1', '1', '1', '2', '2']],
    ['lag(x) OVER (ORDER BY id)', ['-', '10', '20', '20', '5']],
    ['lag(x, 2, 0) OVER (ORDER BY id)', ['0', '0', '10', '20', '20']],
    ['lead(x, 1, 0.5) OVER (PARTITION BY k ORDER BY id)', ['20', '20', '0.5', '-', '0.5']],
    ['first_value(id) OVER (PARTITION BY k ORDER BY x DESC NULLS LAST, id)', ['2', '2', '2', '4', '4']],
    ['last_value(id) OVER (PARTITION BY k ORDER BY x)', ['1', '3', '3', '4', '5']],
    ['nth_value(id, 2) OVER (PARTITION BY k ORDER BY id)', ['-', '2', '2', '-', '5']],
    ['sum(x) OVER (PARTITION BY k)', ['50', '50', '50', '5', '5']],
    ['sum(x) OVER (PARTITION BY k ORDER BY x)', ['10', '50', '50', '5', '5']],
    ['sum(x) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)', ['30', '50', '45', '25', '5']],
    ['sum(id) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW)', ['1', '3', '5', '7', '9']],
    ['count(*) OVER (ORDER BY x GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)', ['2', '3', '3', '1', '3']],
    ['count(*) FILTER (WHERE x > 5) OVER (ORDER BY id)', ['1', '2', '3', '3', '3']],
    ['avg(x) OVER (ORDER BY id)', ['10', '15', '16.666666666666668', '13.75', '13.75']],
    ['max(x) OVER w - min(x) OVER w', ['10', '10', '10', '0', '0']],
  ])('%s', async (call, expected) => {
    const found = await shown(`SELECT ${call} AS r FROM ${T} WINDOW w AS (PARTITION BY k) ORDER BY id`);
    const close = (text: string): string => (text.includes('.') ? Number(text).toFixed(9) : text);
    expect(found.map(close)).toEqual(expected.map(close));
  });

  it('come after GROUP BY', async () => {
    const sql = `SELECT k, sum(x), rank() OVER (ORDER BY sum(x) DESC) FROM ${T} GROUP BY k ORDER BY k`;
    expect(await shown(sql)).toEqual(['a 50 1', 'b 5 2']);
  });
});

describe('DISTINCT', () => {
  it('ON keeps the first of each key in order, and the result is in order', async () => {
    expect(await shown(`SELECT DISTINCT ON (k) k, id FROM ${T} ORDER BY k DESC, id DESC`)).toEqual(['b 5', 'a 3']);
  });

  it('ON is cut after it', async () => {
    expect(await shown(`SELECT DISTINCT ON (x) x FROM ${T} ORDER BY x LIMIT 2 OFFSET 1`)).toEqual(['10', '20']);
  });

  it('takes nulls as equal', async () => {
    expect(await shown('SELECT DISTINCT x FROM (VALUES (NULL), (1), (NULL)) AS t(x) ORDER BY x')).toEqual(['1', '-']);
  });
});

describe('LIMIT', () => {
  it('WITH TIES keeps the equals of the last row', async () => {
    expect(await shown(`SELECT x FROM ${T} ORDER BY x DESC NULLS LAST FETCH FIRST 1 ROW WITH TIES`)).toEqual([
      '20',
      '20',
    ]);
  });

  it('WITH TIES counts what is left after the offset', async () => {
    const sql = 'SELECT x FROM (VALUES (1), (1), (3), (4)) AS t(x) ORDER BY x OFFSET 1 FETCH FIRST 1 ROW WITH TIES';
    expect(await shown(sql)).toEqual(['1']);
  });
});

describe('set operations', () => {
  const A = 'SELECT x FROM (VALUES (1), (1), (2), (NULL)) AS a(x)';
  const B = 'SELECT x FROM (VALUES (1), (3), (NULL), (NULL)) AS b(x)';
  it.each([
    ['UNION', ['1', '2', '3', '-']],
    ['UNION ALL', ['1', '1', '1', '2', '3', '-', '-', '-']],
    ['EXCEPT', ['2']],
    ['EXCEPT ALL', ['1', '2']],
    ['INTERSECT', ['1', '-']],
    ['INTERSECT ALL', ['1', '-']],
  ])('%s', async (operation, expected) => {
    expect(await shown(`${A} ${operation} ${B} ORDER BY x`)).toEqual(expected);
  });

  it('INTERSECT binds tighter than UNION', async () => {
    expect(await shown('SELECT 1 AS n UNION SELECT 2 INTERSECT SELECT 3 ORDER BY n')).toEqual(['1']);
  });
});

describe('grouping sets', () => {
  it('ROLLUP', async () => {
    expect(
      await shown(
        `SELECT k, id > 2 AS late, grouping(k, id > 2) AS g, count(*) FROM ${T} GROUP BY ROLLUP (k, id > 2) ORDER BY g, k, late`,
      ),
    ).toEqual(['a false 0 2', 'a true 0 1', 'b true 0 2', 'a - 1 3', 'b - 1 2', '- - 3 5']);
  });

  it('the empty set has its row also without input, and no other has', async () => {
    const sql = 'SELECT k, count(*) FROM (SELECT 1 AS k WHERE false) AS t GROUP BY GROUPING SETS ((k), ())';
    expect(await shown(sql)).toEqual(['- 0']);
  });

  it('HAVING and window functions see all sets', async () => {
    const sql = `SELECT k, sum(x) AS s, rank() OVER (PARTITION BY grouping(k) ORDER BY sum(x) DESC) AS r
      FROM ${T} GROUP BY CUBE (k) HAVING sum(x) > 5 ORDER BY s`;
    expect(await shown(sql)).toEqual(['a 50 1', '- 55 1']);
  });
});
