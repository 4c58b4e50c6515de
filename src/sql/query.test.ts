import { describe, expect, it } from 'vitest';
import type { Column } from '../plan/data-type.ts';
import { explainPlan } from '../plan/explain.ts';
import { TYPE, typeName } from '../plan/type-name.ts';
import { compileQuery } from './query.ts';
import { compilePipeline } from './statement/pipeline-compiler.ts';

const column = (name: string, type: Column['type'], nullable = true): Column => ({ name, type, nullable });
const catalog = new Map<string, readonly Column[]>([
  [
    'hits',
    [
      column('section', TYPE.text, false),
      column('n', TYPE.int8),
      column('at', TYPE.timestamptz),
      column('data', TYPE.jsonb),
    ],
  ],
  ['names', [column('section', TYPE.text, false), column('title', TYPE.text)]],
]);
const types = async (sql: string): Promise<string[]> =>
  (await compileQuery(sql, catalog)).columns.map((c) => `${c.name}: ${typeName(c.type)}`);
const plan = async (sql: string): Promise<string> => explainPlan(await compileQuery(sql, catalog));

describe('queries', () => {
  it.each([
    ['SELECT * FROM hits LIMIT 3'],
    ['SELECT h.section, title FROM hits h LEFT JOIN names USING (section) WHERE n > 5 ORDER BY at DESC'],
    ['SELECT section, sum(n) / count(*) AS mean FROM hits GROUP BY 1 HAVING count(*) > 1 ORDER BY mean DESC, section'],
    ['WITH big AS (SELECT * FROM hits WHERE n BETWEEN 10 AND 20) SELECT count(*) FROM big'],
    ['SELECT section FROM hits UNION ALL SELECT title FROM names ORDER BY 1'],
    ["SELECT DISTINCT data ->> 'a' AS a FROM hits WHERE section IN ('a', 'b') AND data IS NOT NULL"],
    ["VALUES (1, 'x'), (2.5, NULL)"],
    ['SELECT x.total FROM (SELECT section, sum(n) AS total FROM hits GROUP BY section) AS x'],
    ["SELECT date_trunc('hour', at) AS hour, count(DISTINCT section) FILTER (WHERE n > 1) FROM hits GROUP BY hour"],
  ])('%s', async (sql) => {
    expect(await plan(sql)).toMatchSnapshot();
  });

  it('types results as PostgreSQL does', async () => {
    expect(
      await types(
        "SELECT 1 + 1 AS a, 1 + 2.5 AS b, n / 2 AS c, n * 1.5 AS d, 7::float4 + 1 AS e, at - INTERVAL '1 day' AS f, at - at AS g, extract(hour FROM at) AS h, round(2.5) AS i, '/' || section AS j FROM hits",
      ),
    ).toEqual([
      'a: integer',
      'b: numeric',
      'c: bigint',
      'd: numeric',
      'e: double precision',
      'f: timestamp with time zone',
      'g: interval',
      'h: numeric',
      'i: numeric',
      'j: text',
    ]);
  });

  it('lets constants take the type of what they stand beside', async () => {
    expect(await plan("SELECT 1 FROM hits WHERE at >= '2026-01-01' AND n = '5'")).toContain(
      "at >= TIMESTAMP WITH TIME ZONE '2026-01-01 00:00:00+00' AND n = 5",
    );
  });
});

describe('mistakes', () => {
  it.each([
    ['SELECT sectoin FROM hits', 'SQL_UNKNOWN_COLUMN', 1, 8, 'did you mean "section"?'],
    ['SELECT 1\nFROM hitz', 'SQL_UNKNOWN_RELATION', 2, 6, 'did you mean "hits"?'],
    ["SELECT 'é', uper(section) FROM hits", 'PLAN_UNKNOWN_FUNCTION', 1, 13, 'did you mean "upper"?'],
    ['SELECT section = n FROM hits', 'PLAN_TYPE_MISMATCH', 1, 16, 'cannot be matched'],
    ['SELECT section, n FROM hits GROUP BY section', 'SQL_GROUPING', 1, 17, 'must appear in the GROUP BY'],
    ['DELETE FROM hits', 'SQL_READ_ONLY', 1, 1, 'read-only'],
    ['INSERT INTO hits VALUES (1)', 'SQL_READ_ONLY', 1, 1, 'read-only'],
    ['SELECT 1 FROM hits; SELECT 2', 'SQL_SYNTAX', 1, 21, 'one query at a time'],
    ["SELECT 'é', FROM hits", 'SQL_SYNTAX', 1, 13, 'syntax error'],
    ['SELECT n FROM hits WHERE rank() OVER () = 1', 'SQL_INVALID_CLAUSE', 1, 26, 'not allowed here; compute it in'],
    ['SELECT rank() FROM hits', 'SQL_INVALID_CLAUSE', 1, 8, 'requires an OVER clause'],
    ["SELECT n + 'x' FROM hits", 'PLAN_INVALID_TEXT', 1, 12, 'invalid input syntax for type bigint'],
    ["SELECT pg_read_file('/etc/passwd')", 'PLAN_UNKNOWN_FUNCTION', 1, 8, 'does not exist'],
    ['SELECT coutn(*) FROM hits', 'PLAN_UNKNOWN_FUNCTION', 1, 8, 'did you mean "count"?'],
    ["SELECT 'open", 'SQL_SYNTAX', 1, 8, 'no closing'],
    ['', 'SQL_SYNTAX', 1, 1, 'there is no query'],
  ])('%s', async (sql, code, line, at, message) => {
    await expect(compileQuery(sql, catalog)).rejects.toMatchObject({
      code,
      position: { line, column: at },
      message: expect.stringContaining(message) as string,
    });
  });

  const pipelineMistake = (sql: string): Promise<unknown> => compilePipeline(sql, { name: 'p', file: 'p.sql' });
  const source = "CREATE SOURCE s (id text, ts timestamptz, WATERMARK FOR ts AS ts - INTERVAL '5 seconds');\n";
  it.each([
    ['CREATE SORCE s (id text)', 'did you mean CREATE SOURCE?', 1, 8],
    ['CREATE SOURCE s (id txt)', 'type "txt" is not known; did you mean "text"?', 1, 21],
    [`${source}CREATE ALERT a ON w WHEN n > 1`, 'materialized view "w" does not exist', 2, 19],
    ["CREATE SOURCE s (id text) WITH (topc = 's')", 'did you mean "topic"?', 1, 33],
    ['CREATE SOURCE s (id text, ts text, WATERMARK FOR tz AS tz)', 'did you mean "ts"?', 1, 50],
    [`${source}SELECT * FROM s`, 'a pipeline file holds CREATE statements', 2, 1],
  ])('%s', async (sql, message, line, at) => {
    await expect(pipelineMistake(sql)).rejects.toMatchObject({
      position: { file: 'p.sql', line, column: at },
      message: expect.stringContaining(message) as string,
    });
  });
});
