import type { Column } from '../../src/plan/data-type.ts';
import { TYPE } from '../../src/plan/type-name.ts';

const column = (name: string, type: Column['type'], nullable = true): Column => ({ name, type, nullable });

export interface OracleTable {
  readonly columns: readonly Column[];
  /** As SQL constants. */
  readonly rows: readonly string[];
}

/** Nulls, duplicates, keys that the other side lacks, and an empty table. */
export const TABLES: Readonly<Record<string, OracleTable>> = {
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

/** The tables, and a query over them, as DuckDB's own text; `columns` names the columns of each table. */
export function withTables(
  sql: string,
  columns: (table: string) => readonly string[],
  tables: Readonly<Record<string, OracleTable>> = TABLES,
): string {
  const ctes = Object.entries(tables).map(([name, table]) => {
    const types = table.columns.map(({ type }) => (type.kind === 'text' ? 'VARCHAR' : 'INTEGER'));
    const list = columns(name).map((given, at) => `CAST(v${at} AS ${types[at]}) AS "${given}"`);
    const rows = table.rows.length === 0 ? [table.columns.map(() => 'NULL').join()] : table.rows;
    const values = `(VALUES ${rows.map((row) => `(${row})`).join(', ')}) v(${table.columns.map((_, at) => `v${at}`)})`;
    return `${name} AS (SELECT ${list.join(', ')} FROM ${values}${table.rows.length === 0 ? ' WHERE false' : ''})`;
  });
  return `WITH ${ctes.join(', ')} SELECT * FROM (${sql})`;
}

/** Rows that do not depend on an order. */
export function sortedRows(rows: readonly (readonly unknown[])[]): readonly string[] {
  return rows.map((row) => JSON.stringify(row, (_, v: unknown) => (typeof v === 'bigint' ? Number(v) : v))).sort();
}

/** Queries that mean the same in DuckDB. */
const SAME: readonly string[] = [
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
  // Deep, and in every clause
  'SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.k = o.k AND EXISTS (SELECT 1 FROM i j WHERE j.y = i.y AND j.k = o.k AND j.t <> i.t))',
  'SELECT id, (SELECT count(*) FROM i WHERE i.y IN (SELECT j.y FROM i j WHERE j.k = o.k)) AS n FROM o',
  'SELECT id, (SELECT count(*) FROM i WHERE i.y NOT IN (SELECT j.y FROM i j WHERE j.k = o.k)) AS n FROM o',
  'SELECT id FROM o WHERE x = ANY (SELECT y FROM i WHERE i.t = o.s) OR k IS NULL',
  'SELECT id, CASE WHEN x IN (SELECT y FROM i WHERE i.k = o.k) THEN 1 WHEN EXISTS (SELECT 1 FROM e) THEN 2 ELSE 3 END AS c FROM o',
  'SELECT count(*) FILTER (WHERE x IN (SELECT y FROM i)) AS n FROM o',
  'SELECT k, max((SELECT count(*) FROM i WHERE i.k = o.k)) AS n FROM o GROUP BY k HAVING EXISTS (SELECT 1 FROM i WHERE i.k = o.k)',
  'SELECT DISTINCT (SELECT max(y) FROM i WHERE i.k = o.k) AS m FROM o',
  'SELECT id FROM o WHERE x IN (SELECT y FROM i UNION SELECT y FROM e)',
  'SELECT id, (WITH c AS (SELECT y FROM i WHERE i.k = o.k) SELECT max(y) + count(*) FROM c) AS n FROM o',
  'SELECT id, (SELECT count(*) FROM i WHERE i.k + 1 = o.k + 1) AS n FROM o',
  'SELECT id, (SELECT count(*) FROM i WHERE CAST(i.k AS bigint) = o.k) AS n FROM o',
  'SELECT id, (SELECT count(*) FROM i WHERE i.k = o.k OR i.t = o.s) AS n FROM o',
  'SELECT id, (SELECT count(*) FROM i WHERE i.k = o.k AND i.k = o.id) AS n FROM o',
  'SELECT id, (SELECT count(*) FROM i WHERE i.k IS NOT DISTINCT FROM o.k) AS n FROM o',
  'SELECT a.n FROM (SELECT id, (SELECT count(*) FROM i WHERE i.k = o.k) AS n FROM o) a JOIN e ON e.k = a.n',
  'SELECT o.id, l.y FROM o, LATERAL (SELECT y FROM i WHERE i.k = o.k UNION ALL SELECT o.x) l',
  'SELECT o.id, l.v FROM o, LATERAL (VALUES (o.x), (o.k)) l(v)',
  'SELECT o.id, l.r, l.y FROM o, LATERAL (SELECT row_number() OVER (ORDER BY y, t) AS r, y FROM i WHERE i.k = o.k) l WHERE l.r > 1',
  'SELECT o.id, l.y FROM o, LATERAL (SELECT y FROM i WHERE i.k = o.k ORDER BY y NULLS LAST, t LIMIT 1 OFFSET 1) l',
  'SELECT o.id, l.y FROM o LEFT JOIN LATERAL (SELECT DISTINCT y FROM i WHERE i.k = o.k) l ON l.y > o.x',
  'SELECT o.id, l.t, l.m FROM o, LATERAL (SELECT t, max(y) AS m FROM i WHERE i.k = o.k GROUP BY t HAVING max(y) > o.x) l',
  'SELECT o.id, l.n, l.s FROM o LEFT JOIN LATERAL (SELECT count(*) AS n, sum(y) AS s FROM i WHERE i.y < o.x) l ON l.n > 1',
  'SELECT o.id, l.id FROM o, LATERAL (SELECT b.id FROM o b WHERE b.x > o.x AND NOT EXISTS (SELECT 1 FROM i WHERE i.y = b.x AND i.k = o.k)) l',
  'SELECT o.id FROM o WHERE NOT EXISTS (SELECT 1 FROM i a JOIN i b ON a.y = b.y WHERE a.k = o.k AND b.t = o.s)',
  'SELECT o.id FROM o WHERE (SELECT count(*) FROM i WHERE i.k = o.k) = (SELECT count(*) FROM i WHERE i.t = o.s)',
  'SELECT o.id FROM o WHERE x <> ALL (SELECT y FROM i WHERE y IS NOT NULL) AND k IN (SELECT k FROM i)',
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
  'SELECT * FROM i NATURAL LEFT JOIN e',
  'SELECT a.id, b.id FROM o a JOIN o b ON a.x < b.x AND a.k = b.k',
  'SELECT count(*) FROM o, i, e',
  'SELECT o.id FROM o JOIN i ON i.k = o.k AND o.x IN (SELECT y FROM i)',
  'WITH b AS (SELECT k, sum(y) AS y FROM i GROUP BY k) SELECT o.id, b.y, c.y FROM o JOIN b ON b.k = o.k JOIN b c ON c.y >= b.y',
];

/** Where DuckDB cannot, or orders columns otherwise than PostgreSQL (those of USING come first): the same in its words. */
const REWORDED: readonly (readonly [sql: string, oracle: string])[] = [
  ['SELECT * FROM o NATURAL JOIN e', 'SELECT k, id, x, s, y FROM o NATURAL JOIN e'],
  [
    'SELECT * FROM o JOIN i USING (k) JOIN e USING (k)',
    'SELECT k, id, x, s, i.y, t, e.y FROM o JOIN i USING (k) JOIN e USING (k)',
  ],
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
    'SELECT id, (SELECT coalesce(sum(greatest((SELECT count(*) FROM i j WHERE j.k = o.k AND j.y = i.y), 1)), 0) FROM i) AS n FROM o',
  ],
];

export const QUERIES: readonly (readonly [sql: string, oracle: string])[] = [
  ...SAME.map((sql): readonly [string, string] => [sql, sql]),
  ...REWORDED,
];
