import { describe, expect, it } from 'vitest';
import { explainPlan } from '../../plan/explain.ts';
import type { SourceNode } from '../../plan/node.ts';
import { serializePlan } from '../../plan/pipeline-text.ts';
import { compilePipeline } from '../statement/pipeline-compiler.ts';

const BEFORE = `CREATE SOURCE orders (id int8 NOT NULL, shop text, currency text, amount int8, tags jsonb, time timestamptz,
  WATERMARK FOR time AS time - INTERVAL '5 seconds');
CREATE TABLE rates (currency text PRIMARY KEY, rate int8, since timestamptz, WATERMARK FOR since AS since);
CREATE TABLE shops (shop text, city text, PRIMARY KEY (shop));
CREATE SOURCE clicks (id int8, shop text, at timestamptz, WATERMARK FOR at AS at - INTERVAL '5 seconds');
CREATE MATERIALIZED VIEW totals AS SELECT shop, sum(amount) AS total FROM orders GROUP BY shop;
`;

const compile = (statements: string) => compilePipeline(BEFORE + statements, { name: 'p', file: 'p.sql' });
/** The plan of a view, without its sources' details. */
async function view(sql: string, options = ''): Promise<string> {
  const { outputs } = await compile(`CREATE MATERIALIZED VIEW v ${options} AS ${sql};`);
  return explainPlan(outputs[1]!.input)
    .replaceAll(/source (\w+) .*/g, '$1')
    .replaceAll(/\n *project [\w, ]+(?=\n)/g, '');
}

describe('joins of views', () => {
  it('USING and NATURAL merge columns, which come first', async () => {
    const { outputs } = await compile('CREATE MATERIALIZED VIEW v AS SELECT * FROM clicks NATURAL JOIN shops;');
    expect(outputs[1]!.input.columns.map(({ name }) => name)).toEqual(['shop', 'id', 'at', 'city']);
  });

  it('of a comma get their condition from WHERE', async () => {
    expect(await view('SELECT o.id FROM orders o, shops s WHERE o.shop = s.shop AND s.city = $$x$$')).toContain(
      'inner join on shop = shop\n',
    );
  });

  it('take the time-to-live of the view', async () => {
    const { outputs } = await compile(
      "CREATE MATERIALIZED VIEW v WITH (ttl = '1 hour') AS SELECT o.id, c.at FROM orders o JOIN clicks c USING (shop);",
    );
    expect(serializePlan(outputs[1]!.input)).toContain('"ttlMs":3600000');
  });

  it('have names of their own', async () => {
    const { outputs } = await compile(
      'CREATE MATERIALIZED VIEW v AS SELECT j.* FROM (clicks JOIN shops USING (shop)) AS j(a, b, c, d);',
    );
    expect(outputs[1]!.input.columns.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('windows', () => {
  it('HOP takes the slide, then the size', async () => {
    expect(
      await view(
        "SELECT count(*) FROM HOP(orders, time, INTERVAL '1 minute', INTERVAL '5 minutes') GROUP BY window_start",
      ),
    ).toContain('window hopping 5 min every 1 min on time');
  });

  it('SESSION tells sessions apart by the keys after the gap', async () => {
    expect(
      await view("SELECT count(*) FROM SESSION(orders, time, INTERVAL '5 minutes', shop, id) GROUP BY window_start"),
    ).toContain('window session gap 5 min on time by shop, id');
  });

  it.each(['shop, window_start', 'o.shop, window_start', '1, window_start', 'place, window_start'])(
    'SESSION without keys takes them from GROUP BY %s',
    async (groups) => {
      expect(
        await view(
          `SELECT shop AS place, count(*) FROM SESSION(orders, time, INTERVAL '5 minutes') o GROUP BY ${groups}`,
        ),
      ).toContain('window session gap 5 min on time by shop\n');
    },
  );

  it("may be written in Flink's words", async () => {
    const words = "TABLE(HOP(TABLE orders, DESCRIPTOR(time), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)) AS o";
    expect(await view(`SELECT o.shop, count(*) FROM ${words} GROUP BY o.shop, window_start`)).toContain(
      'window hopping 5 min every 1 min on time',
    );
    const session = "TABLE(SESSION(TABLE orders PARTITION BY shop, id, DESCRIPTOR(time), INTERVAL '5' MINUTE))";
    expect(await view(`SELECT count(*) FROM ${session} GROUP BY window_start`)).toContain('on time by shop, id\n');
  });

  it('cut a query or a CTE', async () => {
    const query = "TUMBLE((SELECT time FROM orders WHERE amount > 5), time, INTERVAL '1 minute') AS w";
    expect(await view(`SELECT count(*) FROM ${query} GROUP BY w.window_start`)).toContain('window tumbling 1 min');
    const cte =
      "WITH big AS (SELECT * FROM orders WHERE amount > 5) SELECT count(*) FROM TUMBLE(big, time, INTERVAL '1 minute')";
    expect(await view(`${cte} GROUP BY window_start`)).toContain('window tumbling 1 min');
  });
});

describe('set-returning functions', () => {
  it.each([
    [
      'SELECT id, tag FROM orders, jsonb_array_elements_text(tags) AS tag',
      'table function jsonb_array_elements_text(tags)',
    ],
    [
      'SELECT id, e.tag, e.n FROM orders LEFT JOIN LATERAL jsonb_array_elements(tags) WITH ORDINALITY AS e(tag, n) ON true',
      'outer table function jsonb_array_elements(tags)',
    ],
    ['SELECT id, jsonb_array_elements_text(tags) FROM orders', 'table function jsonb_array_elements_text(tags)'],
    [
      'SELECT o.id, g FROM orders o JOIN LATERAL generate_series(1, o.amount) AS g ON g > 5',
      'table function generate_series(1, amount)',
    ],
  ])('%s', async (sql, node) => {
    expect(await view(sql)).toContain(node);
  });
});

describe('temporal joins', () => {
  it.each([
    [
      'SELECT o.id, r.rate FROM orders o LEFT JOIN rates FOR SYSTEM_TIME AS OF o.time AS r ON r.currency = o.currency',
      'left temporal join on currency = currency as of time',
    ],
    [
      'SELECT o.id, r.rate FROM orders o JOIN rates AS r FOR SYSTEM_TIME AS OF PROCTIME() ON r.currency = o.currency',
      'inner temporal join on currency = currency\n',
    ],
    [
      'SELECT o.id, rate FROM orders o JOIN rates FOR SYSTEM_TIME AS OF o.time USING (currency)',
      'inner temporal join on currency = currency as of time',
    ],
    [
      'SELECT o.id, r.rate FROM orders o ASOF LEFT JOIN rates r ON o.currency = r.currency AND r.since <= o.time',
      'left temporal join on currency = currency as of time',
    ],
    [
      "SELECT 'é', o.id FROM orders o ASOF JOIN rates r ON upper(o.currency) = r.currency AND o.time >= r.since",
      'inner temporal join on key1 = currency as of time',
    ],
  ])('%s', async (sql, node) => {
    expect(await view(sql)).toContain(node);
  });
});

describe('relations', () => {
  it('CREATE TABLE is a source of the changes of its topic, by key', async () => {
    const { sources } = await compile("CREATE TABLE t (a int4, b text, PRIMARY KEY (b, a)) WITH (topic = 'x');");
    const table = sources.at(-1) as SourceNode;
    expect(table).toMatchObject({ name: 't', topic: 'x', changes: { mode: 'upsert', keys: [1, 0] } });
    expect(table.columns.map(({ nullable }) => nullable)).toEqual([false, false]);
  });

  it('a view of the file is one node, however many read it', async () => {
    const { outputs } = await compile(
      'CREATE MATERIALIZED VIEW v AS SELECT max(total) AS most FROM totals; CREATE MATERIALIZED VIEW w AS SELECT shop FROM totals WHERE total > 5;',
    );
    const [, most, rich] = outputs.map(({ input }) => explainPlan(input));
    expect(most).toContain('aggregate sum(amount)');
    expect(rich).toContain('aggregate sum(amount)');
  });

  it('a view that passes on the rows of one that emits at the end does so too, unless it says otherwise', async () => {
    const { outputs } = await compile(`
      CREATE MATERIALIZED VIEW per_minute AS SELECT shop, window_start, count(*) AS n
        FROM TUMBLE(orders, time, INTERVAL '1 minute') GROUP BY shop, window_start EMIT ON WINDOW CLOSE;
      CREATE MATERIALIZED VIEW busy AS SELECT shop, n FROM per_minute WHERE n > 5;
      CREATE MATERIALIZED VIEW live AS SELECT shop, n FROM per_minute WHERE n > 5 EMIT CHANGES;
      CREATE MATERIALIZED VIEW most AS SELECT max(n) AS n FROM per_minute;`);
    expect(outputs.slice(1).map(({ emit }) => emit.kind)).toEqual(['final', 'final', 'updates', 'updates']);
    expect(outputs[2]).toMatchObject({ name: 'busy', mode: 'append' });
  });

  it('a CTE that is read twice is one node', async () => {
    const sql =
      'WITH n AS (SELECT shop, count(*) AS n FROM orders GROUP BY shop) SELECT a.shop FROM n a JOIN n b ON a.n < b.n';
    expect(await view(sql)).toMatch(/#1 aggregate[\s\S]*#1 \(above\)/);
  });
});

const MISTAKES: readonly (readonly [sql: string, message: string])[] = [
  ['SELECT o.id FROM orders o JOIN ▲shosp s ON true', 'did you mean "shops"?'],
  ['SELECT o.id FROM orders o JOIN ▲shops s USING (shpo)', 'column "shpo" does not exist; did you mean "shop"?'],
  ['SELECT ▲shop FROM orders o JOIN shops s ON o.shop = s.shop', 'is ambiguous'],
  ['SELECT o.id FROM orders o JOIN shops s ON ▲o.shpo = s.shop', 'did you mean "shop"?'],
  ['SELECT 1 FROM shops RIGHT JOIN LATERAL (SELECT ▲shops.city) x ON true', 'LATERAL cannot stand on the right'],
  ['SELECT (SELECT ▲o.shpo FROM clicks c LIMIT 1) FROM orders o', 'did you mean "shop"?'],
  ['SELECT ▲(SELECT shop, city FROM shops LIMIT 1) FROM orders', 'sub-query has too many columns'],
  ['SELECT id FROM orders WHERE id ▲IN (SELECT shop, city FROM shops)', 'sub-query has too many columns'],
  ['SELECT id FROM orders WHERE ▲id IN (SELECT city FROM shops)', 'cannot be matched'],
  ['SELECT id FROM orders WHERE ▲unnest(ARRAY[1]) = 1', 'set-returning functions are not allowed in WHERE'],
  ['SELECT unnest(ARRAY[1]), ▲generate_series(1, 2) FROM orders', 'one set-returning function'],
  ['SELECT * FROM orders, ▲unest(ARRAY[1])', 'did you mean "unnest"?'],
  ['SELECT * FROM orders, ▲generate_series(1, shop)', 'there is generate_series(integer, integer)'],
  ['SELECT * FROM ▲generate_series(1, 2) AS g(a, b)', 'table "g" has 1 columns available but 2 columns specified'],
  ["SELECT 1 FROM ▲HOP(orders, time, INTERVAL '1 minute')", 'HOP needs a relation'],
  ["SELECT 1 FROM HOP(orders, ▲time, INTERVAL '0 seconds', INTERVAL '1 minute')", 'longer than zero'],
  ["SELECT 1 FROM HOP(orders, time, INTERVAL ▲'1 month', INTERVAL '1 year')", 'no fixed length'],
  [
    "SELECT count(*) FROM SESSION(orders, time, INTERVAL '1 minute') GROUP BY ▲upper(shop)",
    'write the keys after the gap',
  ],
  [
    "SELECT count(*) FROM SESSION(orders, time, INTERVAL '1 minute', ▲shpo) GROUP BY window_start",
    'did you mean "shop"?',
  ],
  ['SELECT 1 FROM orders ▲FOR SYSTEM_TIME AS OF time', 'is for the right side of a join'],
  ['SELECT 1 FROM orders o JOIN rates FOR SYSTEM_TIME ▲o.time ON true', 'expected AS OF'],
  [
    'SELECT 1 FROM orders o JOIN rates r FOR SYSTEM_TIME AS OF ▲o.tiem ON r.currency = o.currency',
    'did you mean "time"?',
  ],
  ['SELECT 1 FROM orders o JOIN rates r FOR SYSTEM_TIME AS OF ▲o.shop ON r.currency = o.currency', 'is not a time'],
  ['SELECT 1 FROM orders o JOIN shops s ▲FOR SYSTEM_TIME AS OF o.time ON s.shop = o.shop', 'has no event time'],
  ['SELECT 1 FROM orders o JOIN ▲rates r FOR SYSTEM_TIME AS OF o.time ON r.rate > 1', 'needs an equality'],
  ['SELECT 1 FROM orders o RIGHT JOIN ▲rates r FOR SYSTEM_TIME AS OF o.time ON true', 'is a JOIN or LEFT JOIN'],
  ['SELECT 1 FROM orders o ASOF JOIN ▲rates r ON o.currency = r.currency', 'compares a time of each side'],
  [
    'SELECT 1 FROM orders o ASOF JOIN ▲rates r ON o.currency = r.currency AND o.time < r.since',
    'write left.time >= right.time',
  ],
  ['SELECT 1 FROM orders o ASOF ▲FULL JOIN rates r ON true', 'expected JOIN or LEFT JOIN'],
  ['SELECT 1 FROM orders JOIN ▲orders ON true', 'table name "orders" specified more than once; give each an alias'],
  ['SELECT 1 FROM orders o, ▲shops o', 'table name "o" specified more than once'],
  ['SELECT 1 FROM orders JOIN (SELECT ▲1) orders ON true', 'table name "orders" specified more than once'],
  ['SELECT 1 FROM orders JOIN ▲orders USING (id)', 'table name "orders" specified more than once'],
  ['WITH t AS (SELECT 1), ▲t AS (SELECT 2) SELECT * FROM t', 'WITH query name "t" specified more than once'],
  ['WITH ▲t(a, b) AS (SELECT 1) SELECT * FROM t', 'WITH query "t" has 1 columns available but 2 columns specified'],
  ['SELECT 1 FROM (VALUES (▲1)) AS t(a, b)', 'table "t" has 1 columns available but 2 columns specified'],
];

describe('a mistake in FROM or in a sub-query is shown where it is', () => {
  it.each(MISTAKES)('%s', async (marked, message) => {
    const [before, after] = marked.split('▲') as [string, string];
    const start = 'CREATE MATERIALIZED VIEW v AS ';
    await expect(compile(start + before + after)).rejects.toMatchObject({
      message: expect.stringContaining(message) as string,
      position: { file: 'p.sql', line: BEFORE.split('\n').length, column: start.length + before.length + 1 },
    });
  });

  it.each([
    ['CREATE TABLE ▲t (a int4)', 'has no PRIMARY KEY'],
    ['CREATE TABLE t (a int4, PRIMARY KEY (▲b))', 'column "b" does not exist'],
    ['CREATE TABLE t (a int4 PRIMARY KEY, b int4 ▲PRIMARY KEY)', 'declared already'],
    ['CREATE SOURCE t (a int4 ▲PRIMARY KEY)', 'write CREATE TABLE'],
  ])('%s', async (marked, message) => {
    const [before, after] = marked.split('▲') as [string, string];
    await expect(compile(before + after)).rejects.toMatchObject({
      message: expect.stringContaining(message) as string,
      position: { line: BEFORE.split('\n').length, column: before.length + 1 },
    });
  });
});
