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

const TABLES = `WITH
  hits(who, at, n) AS (VALUES
    ('a', '2026-01-01 00:00:30'::timestamp, 1), ('a', '2026-01-01 00:01:10'::timestamp, 2),
    ('b', '2026-01-01 00:02:00'::timestamp, 3), ('a', '2026-01-01 00:05:00'::timestamp, 4), ('b', NULL::timestamp, 5)),
  rates(who, since, rate) AS (VALUES
    ('a', '2026-01-01 00:00:00'::timestamp, 10), ('a', '2026-01-01 00:01:10'::timestamp, 20),
    ('b', '2026-01-01 00:03:00'::timestamp, 30)),
  docs(id, tags, list) AS (VALUES
    (1, '["x", "y"]'::jsonb, ARRAY[1, 2]), (2, '[]'::jsonb, NULL::int4[]), (3, '[{"k": 1}]'::jsonb, ARRAY[3]))
`;

async function rows(sql: string): Promise<readonly string[]> {
  const plan = await compileQuery(TABLES + sql, new Map());
  const relation = (): never => {
    throw new Error('no relations here');
  };
  const { sql: text } = planToDuckdb(plan, { relation, nowUs: 0n, evaluation: database.evaluation });
  const types = plan.columns.map((column) => column.type);
  const found = await database.run(text, types, { clock: new ManualClock(), timeoutMs: 60_000, signal: undefined });
  return found.map((row) => row.map((value, at) => JSON.stringify(toJsonValue(value, types[at]!))).join(' ')).sort();
}

const minutes = (text: string): string =>
  text.replaceAll(/"2026-01-01T00:(\d\d:\d\d)\.000"/g, '$1').replaceAll('"', '');

describe('windows of a query', () => {
  it.each([
    [
      "SELECT who, window_start, window_end, sum(n) FROM TUMBLE(hits, at, INTERVAL '1 minute', INTERVAL '10 seconds') WHERE who = 'a' GROUP BY 1, 2, 3",
      ['a 00:10 01:10 1', 'a 01:10 02:10 2', 'a 04:10 05:10 4'],
    ],
    [
      "SELECT window_start, window_end, sum(n) FROM HOP(hits, at, INTERVAL '1 minute', INTERVAL '2 minutes') GROUP BY 1, 2",
      [
        '00:00 02:00 3',
        '01:00 03:00 5',
        '02:00 04:00 3',
        '04:00 06:00 4',
        '05:00 07:00 4',
        '2025-12-31T23:59:00.000 01:00 1',
      ],
    ],
    [
      "SELECT window_start, sum(n) FROM HOP(hits, at, INTERVAL '2 minutes', INTERVAL '1 minute') GROUP BY 1",
      ['00:00 1', '02:00 3'],
    ],
    [
      "SELECT who, window_start, window_end, sum(n) FROM SESSION(hits, at, INTERVAL '1 minute') GROUP BY who, window_start, window_end",
      ['a 00:30 02:10 3', 'a 05:00 06:00 4', 'b 02:00 03:00 3'],
    ],
    [
      "SELECT window_start, window_end, sum(n) FROM SESSION(hits, at, INTERVAL '1 minute') GROUP BY window_start, window_end",
      ['00:30 03:00 6', '05:00 06:00 4'],
    ],
  ])('%s', async (sql, expected) => {
    expect((await rows(sql)).map(minutes).sort()).toEqual(expected);
  });
});

describe('set-returning functions of a query', () => {
  it.each([
    ['SELECT id, tag FROM docs, jsonb_array_elements_text(tags) AS tag', ['1 "x"', '1 "y"', '3 "{\\"k\\": 1}"']],
    [
      'SELECT id, t.tag, t.n FROM docs LEFT JOIN LATERAL jsonb_array_elements(tags) WITH ORDINALITY AS t(tag, n) ON true',
      ['1 "x" 1', '1 "y" 2', '2 null null', '3 {"k":1} 1'],
    ],
    ['SELECT id, unnest(list) AS x FROM docs', ['1 1', '1 2', '3 3']],
    ['SELECT id, a, b FROM docs, unnest(list, ARRAY[7]) AS t(a, b)', ['1 1 7', '1 2 null', '2 null 7', '3 3 7']],
    ['SELECT sum(x) FROM generate_series(1, 1000) AS x', ['500500']],
    ['SELECT x FROM generate_series(1.0, 2.0, 0.5) AS x', ['1', '1.5', '2']],
    [
      "SELECT d FROM generate_series('2026-01-31'::timestamp, '2026-03-31', INTERVAL '1 month') AS d",
      ['"2026-01-31T00:00:00.000"', '"2026-02-28T00:00:00.000"', '"2026-03-28T00:00:00.000"'],
    ],
    ['SELECT id, key, value FROM docs, jsonb_each(tags -> 0) WHERE id = 3', ['3 "k" 1']],
    ["SELECT item ->> 'k' FROM docs, jsonb_array_elements(tags) AS item WHERE id = 3", ['"1"']],
    ['SELECT jsonb_array_elements_text(tags) AS tag, count(*) FROM docs WHERE id = 1 GROUP BY tag', ['"x" 1', '"y" 1']],
    ["SELECT word FROM regexp_split_to_table('a  b c', ' +') AS word", ['"a"', '"b"', '"c"']],
    ["SELECT m[1] FROM regexp_matches('a1b2', '[a-z]', 'g') AS m", ['"a"', '"b"']],
  ])('%s', async (sql, expected) => {
    expect(await rows(sql)).toEqual(expected);
  });
});

describe('temporal joins of a query', () => {
  it.each([
    ['SELECT h.n, r.rate FROM hits h ASOF JOIN rates r ON h.who = r.who AND h.at >= r.since', ['1 10', '2 20', '4 20']],
    [
      'SELECT h.n, r.rate FROM hits h ASOF LEFT JOIN rates r ON r.who = h.who AND r.since <= h.at',
      ['1 10', '2 20', '3 null', '4 20', '5 null'],
    ],
    [
      "SELECT h.n, r.rate FROM hits h LEFT JOIN (SELECT * FROM rates) r ON r.who = h.who AND r.rate = 30 WHERE h.who = 'b'",
      ['3 30', '5 30'],
    ],
    [
      'SELECT h.n, r.rate FROM hits h JOIN rates FOR SYSTEM_TIME AS OF PROCTIME() AS r ON r.who = h.who AND r.rate > 10',
      ['1 20', '2 20', '3 30', '4 20', '5 30'],
    ],
  ])('%s', async (sql, expected) => {
    expect(await rows(sql)).toEqual(expected);
  });
});
