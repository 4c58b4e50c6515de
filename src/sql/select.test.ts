import { describe, expect, it } from 'vitest';
import { explain, explainPlan } from '../plan/explain.ts';
import type { PlanNode } from '../plan/node.ts';
import { deserializePipeline, serializePipeline } from '../plan/pipeline-text.ts';
import { TYPE } from '../plan/type-name.ts';
import { compileQuery } from './query.ts';
import { compilePipeline } from './statement/pipeline-compiler.ts';

const SOURCE = `CREATE SOURCE hits (
  id text NOT NULL, time timestamptz NOT NULL, page text NOT NULL, country text, ms int4, score numeric,
  WATERMARK FOR time AS time - INTERVAL '5 seconds'
);
`;

const compile = (sql: string, emit = '') =>
  compilePipeline(`${SOURCE}CREATE MATERIALIZED VIEW v AS ${sql}${emit}`, { name: 'p' });
const output = async (sql: string, emit = '') => (await compile(sql, emit)).outputs[0]!;
/** The plan of a view, without the source. */
const view = async (sql: string): Promise<string> =>
  explainPlan((await output(sql)).input)
    .split('\n')
    .filter((line) => !/source hits|#1/.test(line))
    .join('\n');

const column = (name: string, type: (typeof TYPE)[keyof typeof TYPE]) => ({ name, type, nullable: true });
const catalog = new Map([['t', [column('a', TYPE.int4), column('b', TYPE.text), column('c', TYPE.timestamptz)]]]);
const query = async (sql: string): Promise<string> => explainPlan(await compileQuery(sql, catalog));

describe('ORDER BY and LIMIT', () => {
  it('in a view, ORDER BY alone means nothing', async () => {
    expect(await view('SELECT id, page FROM hits ORDER BY time')).not.toContain('sort');
  });

  it('in a view, LIMIT keeps the first rows in order', async () => {
    expect(await view('SELECT * FROM hits ORDER BY ms DESC, time LIMIT 3 OFFSET 1')).toBe(
      'top 3 offset 1 (row_number) order by ms desc, time',
    );
  });

  it('in a view, LIMIT without an order keeps the first to come', async () => {
    expect(await view('SELECT * FROM hits LIMIT 3')).toBe('top 3 (row_number)');
  });

  it('what only ORDER BY reads is left out at the end', async () => {
    expect((await output('SELECT id FROM hits ORDER BY ms LIMIT 3')).input.columns.map((c) => c.name)).toEqual(['id']);
  });

  it('WITH TIES counts after the offset', async () => {
    expect(await view('SELECT * FROM hits ORDER BY ms OFFSET 2 FETCH FIRST 3 ROWS WITH TIES')).toBe(
      'top 3 (rank) order by ms\n  top all offset 2 (row_number) order by ms',
    );
  });

  it('a query keeps its order', async () => {
    expect(await query('SELECT a FROM t ORDER BY a FETCH FIRST 2 ROWS WITH TIES')).toBe(
      'sort by a\n  top 2 (rank) order by a\n    project a\n      table t',
    );
    expect(await query('SELECT a FROM t ORDER BY a LIMIT 2')).toContain('limit 2\n  sort by a');
  });

  it.each(['LIMIT NULL', 'LIMIT ALL', 'OFFSET 0'])('%s is no limit', async (clause) => {
    expect(await view(`SELECT id FROM hits ${clause}`)).not.toContain('top');
  });
});

describe('DISTINCT', () => {
  it('of rows', async () => {
    const { input, mode } = await output('SELECT DISTINCT page, country FROM hits');
    expect(explainPlan(input)).toMatch(/^distinct\n {2}project page, country/);
    expect(mode).toBe('append');
  });

  it('ON keeps the row of each key that is first in order', async () => {
    const { input, keys } = await output('SELECT DISTINCT ON (page) * FROM hits ORDER BY page, time DESC');
    expect(explainPlan(input)).toMatch(/^top 1 \(row_number\) by page order by time desc\n {2}source/);
    expect(keys).toEqual([2]);
  });

  it('ON without ORDER BY keeps the first to come', async () => {
    expect(await view('SELECT DISTINCT ON (country, page) * FROM hits')).toBe('top 1 (row_number) by country, page');
  });

  it('ON takes expressions, positions and names of the select list', async () => {
    const sql = 'SELECT DISTINCT ON (1, upper(country)) page AS p, id FROM hits ORDER BY p, upper(country) DESC, ms';
    expect(await view(sql)).toBe(
      'project p, id\n  top 1 (row_number) by p, sort1 order by sort2\n    project page AS p, id, upper(country) AS sort1, ms AS sort2',
    );
  });

  it('ON with a time-to-live forgets keys', async () => {
    const text = `${SOURCE}CREATE VIEW v WITH (ttl = '1 hour') AS SELECT DISTINCT ON (id) * FROM hits;
      CREATE MATERIALIZED VIEW w AS SELECT * FROM v`;
    expect(explain(await compilePipeline(text, { name: 'p' }))).toContain('deduplicate by id within 1 h');
  });

  it.each([
    ['SELECT DISTINCT ON (lower(id), page) * FROM hits', 'deduplicate by key_1, page within 1 h'],
    ['SELECT DISTINCT page, ms + 1 AS m FROM hits', 'deduplicate by page, key_2 within 1 h'],
  ])('%s forgets what has expired', async (sql, expected) => {
    const text = `${SOURCE}CREATE MATERIALIZED VIEW v WITH (ttl = '1 hour') AS ${sql}`;
    expect(explain(await compilePipeline(text, { name: 'p' }))).toContain(expected);
  });

  it('ON comes after GROUP BY', async () => {
    expect(
      await view(
        'SELECT DISTINCT ON (page) page, country, count(*) AS n FROM hits GROUP BY 1, 2 ORDER BY page, n DESC',
      ),
    ).toBe('top 1 (row_number) by page order by n desc\n  aggregate count(*) AS n (bigint) by page, country');
  });
});

describe('set operations', () => {
  it.each(['UNION', 'UNION ALL', 'EXCEPT', 'EXCEPT ALL', 'INTERSECT', 'INTERSECT ALL'])('%s', async (operation) => {
    expect(await view(`SELECT page FROM hits ${operation} SELECT country FROM hits`)).toBe(
      `${operation.toLowerCase()}\n  project page\n  project country`,
    );
  });

  it('several UNIONs are one', async () => {
    const { input } = await output(
      'SELECT page FROM hits UNION ALL SELECT id FROM hits UNION ALL SELECT country FROM hits',
    );
    expect(input).toMatchObject({ kind: 'set-operation', inputs: { length: 3 } });
  });

  it('columns take their common type, and constants whatever the other side wants', async () => {
    const { columns } = await compileQuery("SELECT a, '1', NULL FROM t UNION SELECT 2.5, 3, c FROM t", catalog);
    expect(columns.map((c) => c.type.kind)).toEqual(['numeric', 'int4', 'timestamptz']);
  });

  it('are ordered and limited as a whole', async () => {
    expect(await view('SELECT page FROM hits UNION SELECT country FROM hits ORDER BY page LIMIT 2')).toMatch(
      /^top 2 \(row_number\) order by page\n {2}union\n/,
    );
  });

  it('take VALUES', async () => {
    expect(await view("SELECT page, ms FROM hits UNION ALL VALUES ('x', 1)")).toContain('values 1 row');
  });
});

describe('GROUPING SETS', () => {
  /** The groups of each set. */
  const sets = async (groupBy: string): Promise<string[]> => {
    const plan = await query(`SELECT count(*) AS n FROM t GROUP BY ${groupBy}`);
    return [...plan.matchAll(/aggregate count\(\*\) AS n \(bigint\)(?: by (.*))?/g)].map((match) => match[1] ?? '');
  };

  it.each([
    ['ROLLUP (a, b)', ['a, b', 'a', '']],
    ['ROLLUP (a, (b, c))', ['a, b, c', 'a', '']],
    ['CUBE (a, b)', ['a, b', 'a', 'b', '']],
    ['GROUPING SETS ((a, b), c, ())', ['a, b', 'c', '']],
    ['GROUPING SETS (ROLLUP (a), CUBE (b))', ['a', '', 'b', '']],
    ['a, ROLLUP (b)', ['a, b', 'a']],
    ['ROLLUP (a), ROLLUP (b)', ['a, b', 'a', 'b', '']],
    ['DISTINCT ROLLUP (a), ROLLUP (a)', ['a', '']],
    ['ROLLUP (a), ROLLUP (a)', ['a', 'a', 'a', '']],
    ['()', ['']],
  ])('GROUP BY %s', async (groupBy, expected) => {
    expect(await sets(groupBy)).toEqual(expected);
  });

  it('columns that a set leaves out are null, and GROUPING tells which', async () => {
    expect(
      await query('SELECT a, b, grouping(a, b) AS g, sum(a) FROM t GROUP BY ROLLUP (a, b) HAVING sum(a) > 1'),
    ).toMatchInlineSnapshot(`
      "project a, b, grouping_1 AS g, sum
        filter sum > 1
          union all
            project a, b, sum, 0 AS grouping_1
              aggregate sum(a) AS sum (bigint) by a, b
                #1 table t
            project a, NULL AS b, sum, 1 AS grouping_1
              aggregate sum(a) AS sum (bigint) by a
                #1 (above)
            project NULL AS a, NULL AS b, sum, 3 AS grouping_1
              aggregate sum(a) AS sum (bigint)
                #1 (above)"
    `);
  });

  it('GROUPING of a plain GROUP BY is zero', async () => {
    expect(await query('SELECT a, grouping(a) AS g FROM t GROUP BY a')).toContain('0 AS g');
  });

  it('windows close in each set', async () => {
    const sql =
      "SELECT window_start, page, count(*) AS n FROM TUMBLE(hits, time, INTERVAL '1 minute') GROUP BY window_start, ROLLUP (page)";
    expect((await output(sql, ' EMIT ON WINDOW CLOSE')).mode).toBe('append');
  });
});

describe('window functions', () => {
  const over = async (call: string): Promise<PlanNode & { kind: 'over' }> => {
    let { input } = await output(`SELECT ${call} AS x FROM hits`);
    while (input.kind === 'project') input = input.input;
    if (input.kind !== 'over') throw new Error(`a ${input.kind}, not OVER`);
    return input;
  };

  it.each([
    ['row_number() OVER (ORDER BY ms)', 'int8'],
    ['rank() OVER (ORDER BY ms)', 'int8'],
    ['dense_rank() OVER (ORDER BY ms)', 'int8'],
    ['percent_rank() OVER (ORDER BY ms)', 'float8'],
    ['cume_dist() OVER (ORDER BY ms)', 'float8'],
    ['ntile(4) OVER (ORDER BY ms)', 'int4'],
    ['lag(page) OVER (ORDER BY ms)', 'text'],
    ['lead(ms, 2, 2.5) OVER (ORDER BY ms)', 'numeric'],
    ['first_value(score) OVER (ORDER BY ms)', 'numeric'],
    ['last_value(time) OVER (ORDER BY ms)', 'timestamptz'],
    ['nth_value(id, 2) OVER (ORDER BY ms)', 'text'],
    ['sum(ms) OVER (PARTITION BY page)', 'int8'],
    ['count(*) FILTER (WHERE ms > 1) OVER ()', 'int8'],
  ])('%s is of type %s', async (call, type) => {
    expect((await over(call)).calls[0]?.type.kind).toBe(type);
  });

  it.each([
    ['', { unit: 'range', start: { kind: 'unbounded' }, end: { kind: 'current-row' } }],
    ['ROWS 2 PRECEDING', { unit: 'rows', start: { kind: 'preceding', distance: 2 }, end: { kind: 'current-row' } }],
    [
      'ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING',
      { unit: 'rows', start: { kind: 'preceding', distance: 3 }, end: { kind: 'following', distance: 1 } },
    ],
    [
      'ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING',
      { unit: 'rows', start: { kind: 'unbounded' }, end: { kind: 'unbounded' } },
    ],
    [
      'GROUPS BETWEEN CURRENT ROW AND 1 FOLLOWING',
      { unit: 'groups', start: { kind: 'current-row' }, end: { kind: 'following', distance: 1 } },
    ],
    [
      'ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING',
      { unit: 'rows', start: { kind: 'preceding', distance: 3 }, end: { kind: 'preceding', distance: 1 } },
    ],
    [
      'ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING',
      { unit: 'rows', start: { kind: 'following', distance: 1 }, end: { kind: 'following', distance: 2 } },
    ],
    [
      "RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND CURRENT ROW",
      {
        unit: 'range',
        start: { kind: 'preceding', distance: { months: 0, days: 0, micros: 3_600_000_000n } },
        end: { kind: 'current-row' },
      },
    ],
  ])('frame %s', async (frame, expected) => {
    expect((await over(`sum(ms) OVER (ORDER BY time ${frame})`)).calls[0]?.frame).toEqual(expected);
  });

  it('a distance has the type of the order key', async () => {
    const { start } = (await over('sum(ms) OVER (ORDER BY ms RANGE 5 PRECEDING)')).calls[0]!.frame;
    expect(start).toEqual({ kind: 'preceding', distance: 5 });
  });

  it('calls over one window are one node, and equal calls one column', async () => {
    expect(
      await view(
        'SELECT id, sum(ms) OVER w AS s, 1 + sum(ms) OVER w AS t, rank() OVER (w ORDER BY time) AS r FROM hits WINDOW w AS (PARTITION BY page)',
      ),
    ).toBe(
      [
        'project id, s, 1 + s AS t, r',
        '  over rank() partition by page order by time',
        '    project id, time, page, s',
        '      over sum(ms) partition by page',
        '        project id, time, page, ms',
      ].join('\n'),
    );
  });

  it('a named window may build on another, and add its frame', async () => {
    const made = await output(
      'SELECT sum(ms) OVER (b ROWS 1 PRECEDING) AS x FROM hits WINDOW a AS (PARTITION BY page), b AS (a ORDER BY time)',
    );
    expect(explainPlan(made.input)).toContain('over sum(ms) partition by page order by time');
  });

  it('come after GROUP BY, over aggregates', async () => {
    expect(
      await view(
        'SELECT page, sum(ms) AS total, rank() OVER (ORDER BY sum(ms) DESC) AS r, sum(sum(ms)) OVER () AS whole FROM hits GROUP BY page',
      ),
    ).toBe(
      ['over sum(total)', '  over rank() order by total desc', '    aggregate sum(ms) AS total (bigint) by page'].join(
        '\n',
      ),
    );
  });

  it('may be ordered by', async () => {
    expect(await query('SELECT a FROM t ORDER BY row_number() OVER (ORDER BY b)')).toContain('sort by sort1');
  });

  it('their ranks are never null', async () => {
    const { columns } = (
      await output('SELECT rank() OVER (ORDER BY ms) AS r, lag(ms) OVER (ORDER BY ms) AS l FROM hits')
    ).input;
    expect(columns.map((c) => c.nullable)).toEqual([false, true]);
  });
});

describe('EMIT', () => {
  it.each([
    ['', { kind: 'updates' }],
    [' EMIT CHANGES', { kind: 'updates' }],
    [" EMIT EVERY INTERVAL '5 seconds'", { kind: 'every', intervalMs: 5000 }],
    [" EMIT EVERY '1 minute'", { kind: 'every', intervalMs: 60_000 }],
  ])('%s', async (emit, expected) => {
    expect((await output('SELECT page, count(*) AS n FROM hits GROUP BY page', emit)).emit).toEqual(expected);
  });

  it('is shown', async () => {
    expect(explain(await compile('SELECT count(*) AS n FROM hits', " EMIT EVERY '5 s'"))).toContain('emit every 5 s');
  });
});

it('a pipeline of all of it comes back from its text as it was', async () => {
  const text = serializePipeline(
    await compile(
      `SELECT page, sum(sum(ms)) OVER (ORDER BY page ROWS 1 PRECEDING) AS s, grouping(page) AS g FROM hits
       GROUP BY CUBE (page, country) UNION ALL (SELECT id, ms, 1 FROM hits ORDER BY time LIMIT 3)`,
    ),
  );
  expect(serializePipeline(deserializePipeline(text))).toBe(text);
});
