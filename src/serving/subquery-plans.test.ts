import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import type { Column } from '../plan/data-type.ts';
import { toJsonValue } from '../plan/json-value.ts';
import { TYPE } from '../plan/type-name.ts';
import { compileQuery } from '../sql/query.ts';
import { DuckdbDatabase } from './duckdb-database.ts';
import { planToDuckdb } from './plan-to-duckdb.ts';

const column = (name: string, type: Column['type'], nullable = true): Column => ({ name, type, nullable });

/** Nulls, duplicates, keys that the other side lacks, and an empty table. */
const TABLES: Readonly<Record<string, { columns: readonly Column[]; rows: readonly string[] }>> = {
  o: {
    columns: [column('id', TYPE.int4, false), column('k', TYPE.int4), column('x', TYPE.int4), column('s', TYPE.text)],
    rows: ["1, 1, 10, 'a'", "2, 1, 20, 'b'", "3, 2, NULL, 'a'", '4, NULL, 5, NULL', "5, 9, 7, 'c'", "6, 2, 20, 'b'"],
  },
  i: {
    columns: [column('k', TYPE.int4), column('y', TYPE.int4), column('t', TYPE.text, false)],
    rows: ["1, 10, 'a'", "1, 15, 'b'", "2, 20, 'a'", "2, NULL, 'c'", "3, 7, 'b'", "NULL, 5, 'a'", "1, 15, 'b'"],
  },
  e: { columns: [column('k', TYPE.int4), column('y', TYPE.int4)], rows: [] },
};

let database: DuckdbDatabase;
const catalog = new Map(Object.entries(TABLES).map(([name, { columns }]) => [name, columns]));
const limits = { clock: new ManualClock(), timeoutMs: 60_000, signal: undefined };

beforeAll(async () => {
  database = await DuckdbDatabase.open();
});
afterAll(() => database.close());

/** The tables as DuckDB's own text sees them: `columns` names them. */
function withTables(sql: string, columns: (table: string) => readonly string[]): string {
  const ctes = Object.entries(TABLES).map(([name, table]) => {
    const types = table.columns.map(({ type }) => (type.kind === 'text' ? 'VARCHAR' : 'INTEGER'));
    const list = columns(name).map((column, at) => `CAST(v${at} AS ${types[at]}) AS "${column}"`);
    const rows = table.rows.length === 0 ? [table.columns.map(() => 'NULL').join()] : table.rows;
    const values = `(VALUES ${rows.map((row) => `(${row})`).join(', ')}) v(${table.columns.map((_, at) => `v${at}`)})`;
    return `${name} AS (SELECT ${list.join(', ')} FROM ${values}${table.rows.length === 0 ? ' WHERE false' : ''})`;
  });
  return `WITH ${ctes.join(', ')} SELECT * FROM (${sql})`;
}

const sorted = (rows: readonly (readonly unknown[])[]): string[] =>
  rows.map((row) => JSON.stringify(row, (_, v: unknown) => (typeof v === 'bigint' ? Number(v) : v))).sort();

async function compare(sql: string, oracle: string): Promise<void> {
  const plan = await compileQuery(sql, catalog);
  const types = plan.columns.map(({ type }) => type);
  const relation = (name: string): { table: string; scales: number[] } => ({
    table: name,
    scales: TABLES[name]!.columns.map(() => 0),
  });
  const made = planToDuckdb(plan, { relation, nowUs: 0n, evaluation: database.evaluation });
  const positions = (table: string): string[] => TABLES[table]!.columns.map((_, at) => `c${at}`);
  const own = (table: string): string[] => TABLES[table]!.columns.map(({ name }) => name);
  const run = async (text: string): Promise<string[]> => {
    const rows = await database.run(text, types, limits);
    return sorted(rows.map((row) => row.map((value, at) => toJsonValue(value, types[at]!))));
  };
  expect(await run(withTables(made.sql, positions))).toEqual(await run(withTables(oracle, own)));
}

describe('the plan of a query with sub-queries gives the rows that DuckDB gives for its text', () => {
  it.each([
    // Values
    'SELECT id, (SELECT max(y) FROM i) AS m FROM o',
    'SELECT id, (SELECT max(y) FROM i WHERE i.k = o.k) AS m FROM o',
    'SELECT id, (SELECT count(*) FROM i WHERE i.k = o.k) AS n FROM o',
    'SELECT id, (SELECT count(*) FROM e WHERE e.k = o.k) AS n FROM o',
    'SELECT id, (SELECT count(*) + 1 FROM i WHERE i.k = o.k AND i.y > o.x) AS n FROM o',
    'SELECT id, (SELECT coalesce(sum(y), -1) FROM i WHERE i.y > o.x) AS n FROM o',
    'SELECT id, (SELECT count(*) FROM i WHERE i.k = o.k HAVING count(*) > 1) AS n FROM o',
    'SELECT id, (SELECT o.x + count(*) FROM i WHERE i.k = o.k) AS n FROM o',
    'SELECT id, (SELECT y FROM i WHERE i.k = o.k ORDER BY y DESC NULLS LAST, t LIMIT 1) AS y FROM o',
    'SELECT id, (SELECT y FROM i WHERE i.y > o.x ORDER BY y, t LIMIT 1) AS y FROM o',
    'SELECT id FROM o WHERE x > (SELECT avg(y) FROM i WHERE i.k = o.k)',
    'SELECT id FROM o WHERE x = (SELECT min(y) FROM i) OR k = 9',
    'SELECT k, (SELECT count(*) FROM i WHERE i.k = o.k) AS n, sum(x) AS s FROM o GROUP BY k',
    'SELECT k, sum(x) AS s FROM o GROUP BY k HAVING sum(x) > (SELECT max(y) FROM i WHERE i.k = o.k)',
    'SELECT sum((SELECT count(*) FROM i WHERE i.k = o.k)) AS s FROM o',
    'SELECT (SELECT count(*) FROM i WHERE i.k = o.k) AS n, count(*) AS c FROM o GROUP BY (SELECT count(*) FROM i WHERE i.k = o.k)',
    'SELECT id FROM o ORDER BY (SELECT count(*) FROM i WHERE i.k = o.k), id',
    'SELECT id, CASE WHEN x > 8 THEN (SELECT max(y) FROM i WHERE i.k = o.k) ELSE 0 END AS c FROM o',
    'SELECT (SELECT (SELECT max(y) FROM i WHERE i.k = o.k)) AS m FROM o',
    'SELECT id, (SELECT max(y) FROM i WHERE i.k = (SELECT min(k) FROM e) OR i.k = o.k) AS m FROM o',
    'SELECT id, (SELECT max(a.y + b.y) FROM i a, i b WHERE a.k = o.k AND b.k = o.k) AS m FROM o',
    'SELECT id, (SELECT max(a.y) FROM i a WHERE a.k = o.k AND a.y > (SELECT min(b.y) FROM i b WHERE b.k = o.k)) AS m FROM o',
    'SELECT id, (SELECT count(*) FROM (SELECT DISTINCT y FROM i WHERE i.k = o.k) d) AS n FROM o',
    'SELECT id, (SELECT count(*) FROM (SELECT y FROM i WHERE i.k = o.k UNION SELECT o.x) d) AS n FROM o',
    'SELECT id, (SELECT count(*) FROM (SELECT y FROM i WHERE i.k = o.k EXCEPT SELECT o.x) d) AS n FROM o',
    'SELECT id, (SELECT max(n) FROM (SELECT t, count(*) AS n FROM i WHERE i.k = o.k GROUP BY t) d) AS n FROM o',
    'SELECT id, (SELECT max(y * o.x) FROM i) AS m FROM o',
    // EXISTS
    'SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.k = o.k)',
    'SELECT id FROM o WHERE NOT EXISTS (SELECT 1 FROM i WHERE i.k = o.k AND i.y > o.x)',
    'SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.y < o.x LIMIT 1)',
    'SELECT id FROM o WHERE EXISTS (SELECT count(*) FROM e WHERE e.k = o.k)',
    'SELECT id FROM o WHERE EXISTS (SELECT t FROM i WHERE i.k = o.k GROUP BY t HAVING count(*) > 1)',
    'SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.k = o.k) OR x = 7',
    'SELECT id, EXISTS (SELECT 1 FROM i WHERE i.k = o.k) AS h, EXISTS (SELECT 1 FROM e) AS n FROM o',
    'SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i a, i b WHERE a.k = o.k AND b.y = o.x AND a.t = b.t)',
    'SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.k = o.k AND NOT EXISTS (SELECT 1 FROM e WHERE e.y = o.x))',
    'SELECT id FROM o WHERE EXISTS (SELECT 1 FROM (SELECT * FROM i ORDER BY y NULLS LAST LIMIT 3) d WHERE d.k = o.k)',
    // IN
    'SELECT id FROM o WHERE x IN (SELECT y FROM i)',
    'SELECT id FROM o WHERE x NOT IN (SELECT y FROM i)',
    'SELECT id FROM o WHERE x NOT IN (SELECT y FROM i WHERE y IS NOT NULL)',
    'SELECT id FROM o WHERE x NOT IN (SELECT y FROM e)',
    'SELECT id FROM o WHERE NOT (k IN (SELECT k FROM i))',
    'SELECT id FROM o WHERE x NOT IN (SELECT y FROM i WHERE i.k = o.k)',
    'SELECT id FROM o WHERE s IN (SELECT t FROM i WHERE i.k = o.k)',
    'SELECT id, x IN (SELECT y FROM i) AS a, x NOT IN (SELECT y FROM i WHERE i.k = o.k) AS b FROM o',
    'SELECT id, x IN (SELECT y FROM e) AS a, id IN (SELECT k FROM i) AS b, s IN (SELECT t FROM i) AS c FROM o',
    'SELECT id FROM o WHERE (k, x) IN (SELECT k, y FROM i)',
    'SELECT id FROM o WHERE id IN (SELECT id FROM o) AND x + 1 IN (SELECT y + 1 FROM i)',
    'SELECT id FROM o WHERE (SELECT max(y) FROM i WHERE i.k = o.k) IN (SELECT y FROM i)',
    // ANY, ALL
    'SELECT id FROM o WHERE x > ANY (SELECT y FROM i WHERE i.k = o.k)',
    'SELECT id FROM o WHERE x >= ALL (SELECT y FROM i WHERE i.k = o.k)',
    'SELECT id FROM o WHERE NOT x > ANY (SELECT y FROM i)',
    'SELECT id FROM o WHERE NOT x >= ALL (SELECT y FROM i)',
    'SELECT id, x > ANY (SELECT y FROM i) AS a, x >= ALL (SELECT y FROM i) AS b, x <> ALL (SELECT y FROM e) AS c FROM o',
    // LATERAL
    'SELECT o.id, l.m FROM o, LATERAL (SELECT max(y) AS m FROM i WHERE i.k = o.k) l',
    'SELECT o.id, l.y FROM o CROSS JOIN LATERAL (SELECT y FROM i WHERE i.k = o.k) l',
    'SELECT o.id, l.z FROM o LEFT JOIN LATERAL (SELECT y + 1 AS z FROM i WHERE i.y > o.x) l ON true',
    'SELECT o.id, l.z FROM o LEFT JOIN LATERAL (SELECT y + o.x AS z FROM i WHERE i.y > o.x) l ON true',
    'SELECT o.id, l.y FROM o LEFT JOIN LATERAL (SELECT y, t FROM i WHERE i.k = o.k ORDER BY y, t LIMIT 2) l ON true',
    'SELECT o.id, l.z, m.n FROM o, LATERAL (SELECT y AS z FROM i WHERE i.k = o.k) l, LATERAL (SELECT count(*) AS n FROM i WHERE i.y > l.z) m',
    'SELECT a.id, b.y, c.n FROM o a, i b JOIN LATERAL (SELECT count(*) AS n FROM e WHERE e.k = b.k) c ON true WHERE a.k = b.k',
    'SELECT o.id, l.y FROM o LEFT JOIN LATERAL (SELECT y, t FROM i WHERE i.k = o.k) l ON l.t = o.s',
    // Joins
    'SELECT k, count(*) FROM o FULL JOIN i USING (k) GROUP BY k',
    'SELECT * FROM o NATURAL JOIN e',
    'SELECT * FROM i NATURAL LEFT JOIN e',
    'SELECT a.id, b.id FROM o a JOIN o b ON a.x < b.x AND a.k = b.k',
    'SELECT * FROM o JOIN i USING (k) JOIN e USING (k)',
    'SELECT count(*) FROM o, i, e',
    'SELECT o.id FROM o JOIN i ON i.k = o.k AND o.x IN (SELECT y FROM i)',
    'WITH b AS (SELECT k, sum(y) AS y FROM i GROUP BY k) SELECT o.id, b.y, c.y FROM o JOIN b ON b.k = o.k JOIN b c ON c.y >= b.y',
  ])('%s', async (sql) => {
    await compare(sql, sql);
  });

  // Where DuckDB cannot, or orders columns otherwise than PostgreSQL (those of USING come first), in other words.
  it.each([
    ['SELECT * FROM o JOIN i USING (k)', 'SELECT k, id, x, s, y, t FROM o JOIN i USING (k)'],
    ['SELECT * FROM o LEFT JOIN i USING (k)', 'SELECT k, id, x, s, y, t FROM o LEFT JOIN i USING (k)'],
    ['SELECT * FROM o RIGHT JOIN i USING (k)', 'SELECT k, id, x, s, y, t FROM o RIGHT JOIN i USING (k)'],
    ['SELECT * FROM o FULL JOIN i USING (k)', 'SELECT k, id, x, s, y, t FROM o FULL JOIN i USING (k)'],
    [
      'SELECT * FROM (o FULL JOIN i USING (k)) FULL JOIN e USING (k)',
      'SELECT k, id, x, s, i.y, t, e.y FROM (o FULL JOIN i USING (k)) FULL JOIN e USING (k)',
    ],
    [
      'SELECT id, (SELECT count(*) FROM i LEFT JOIN e ON e.k = o.k WHERE i.k = o.k) AS n FROM o',
      'SELECT id, (SELECT count(*) FROM i WHERE i.k = o.k) AS n FROM o',
    ],
    [
      'SELECT id, (SELECT sum(j.y) FROM i LEFT JOIN i j ON j.k = o.k AND j.y = i.y) AS n FROM o',
      'SELECT id, (SELECT sum(j.y) FROM i JOIN i j ON j.y = i.y WHERE j.k = o.k) AS n FROM o',
    ],
    [
      'SELECT id, (SELECT count(*) FROM i LEFT JOIN i j ON j.k = o.k AND j.y = i.y) AS n FROM o',
      'SELECT id, (SELECT sum(greatest((SELECT count(*) FROM i j WHERE j.k = o.k AND j.y = i.y), 1)) FROM i) AS n FROM o',
    ],
  ])('%s', async (sql, oracle) => {
    await compare(sql, oracle);
  });
});
