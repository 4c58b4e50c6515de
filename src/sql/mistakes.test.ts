import { describe, expect, it } from 'vitest';
import { HeadraceError } from '../base/error.ts';
import { compilePipeline } from './statement/pipeline-compiler.ts';

/** Before every statement; the mistake of each is where `▲` stands. */
const BEFORE = `CREATE SOURCE orders (
  id text NOT NULL,
  time timestamptz NOT NULL,
  shop text NOT NULL,
  amount numeric(12, 2),
  items int4,
  paid boolean,
  details jsonb,
  WATERMARK FOR time AS time - INTERVAL '5 seconds'
) WITH (topic = 'orders', format = 'json');
CREATE MATERIALIZED VIEW totals AS SELECT shop, sum(amount) AS total, count(*) AS orders FROM orders GROUP BY shop;
`;

const MISTAKES: readonly (readonly [sql: string, message: string])[] = [
  // Names
  ['CREATE VIEW v AS SELECT ▲amuont FROM orders', 'did you mean "amount"?'],
  ['CREATE VIEW v AS SELECT ▲o.shpo FROM orders o', 'did you mean "shop"?'],
  ['CREATE VIEW v AS SELECT ▲ordres.id FROM orders', 'did you mean "orders"?'],
  ['CREATE VIEW v AS SELECT * FROM ▲oders', 'did you mean "orders"?'],
  ['CREATE VIEW v AS SELECT ▲lowr(shop) FROM orders', 'did you mean "lower"?'],
  ['CREATE VIEW v AS SELECT id FROM orders WHERE ▲piad', 'did you mean "paid"?'],
  ['CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM orders GROUP BY ▲shopp', 'did you mean "shop"?'],
  [
    "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM TUMBLE(orders, ▲tiem, INTERVAL '1 minute') GROUP BY window_start",
    'did you mean "time"?',
  ],
  [
    "CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM TUMBLE(▲ordesr, time, INTERVAL '1 minute') GROUP BY window_start",
    'did you mean "orders"?',
  ],
  ['CREATE SOURCE s (id ▲txet)', 'did you mean "text"?'],
  ['CREATE SOURCE s (id text, t timestamptz, WATERMARK FOR ▲tt AS tt)', 'did you mean "t"?'],
  ["CREATE SOURCE s (id text) WITH (▲tpoic = 's')", 'did you mean "topic"?'],
  ["CREATE VIEW v WITH (▲tll = '1 hour') AS SELECT DISTINCT ON (id) * FROM orders", 'did you mean "ttl"?'],
  ['CREATE ALERT a ON ▲totls WHEN orders > 1', 'did you mean "totals"?'],
  ['CREATE ALERT a ON totals WHEN ▲oders > 1', 'did you mean "orders"?'],
  ['CREATE ALERT a ON totals WHEN orders > 1 KEYS (▲shp)', 'did you mean "shop"?'],
  ["CREATE ALERT a ON totals WHEN orders > 1 WITH (▲sevrity = 'info')", 'did you mean "severity"?'],
  ["CREATE SINK s FROM ▲total WITH (connector = 'file')", 'did you mean "totals"?'],
  ['CREATE ▲VEIW v AS SELECT 1', 'did you mean CREATE VIEW?'],
  ['▲CRAETE VIEW v AS SELECT 1', 'CREATE'],
  // Types
  ['CREATE VIEW v AS SELECT shop ▲+ 1 FROM orders', 'text'],
  ['CREATE VIEW v AS SELECT id FROM orders WHERE ▲items', 'boolean'],
  ['CREATE VIEW v AS SELECT shop ▲= items AS x FROM orders', 'cannot be matched'],
  ["CREATE VIEW v AS SELECT items = ▲'many' AS x FROM orders", 'invalid input syntax for type integer'],
  ["CREATE VIEW v AS SELECT time > ▲'yesterday-ish' AS x FROM orders", 'invalid input syntax'],
  ['CREATE MATERIALIZED VIEW v AS SELECT shop, ▲sum(paid) AS x FROM orders GROUP BY shop', 'sum'],
  ['CREATE VIEW v AS SELECT ▲substring(items) AS x FROM orders', 'substring'],
  ["CREATE VIEW v AS SELECT CASE WHEN paid THEN 1 ELSE ▲'no' END AS x FROM orders", 'invalid input syntax'],
  [
    "CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM TUMBLE(orders, ▲shop, INTERVAL '1 minute') GROUP BY window_start",
    'timestamp',
  ],
  ['CREATE SOURCE s (id text, n int4, WATERMARK FOR ▲n AS n)', 'timestamp'],
  ['CREATE SOURCE s (n ▲numeric(2000, 2))', '1000'],
  ['CREATE VIEW v AS SELECT 1::▲numeric(2000, 2) AS n', 'NUMERIC precision 2000 must be between 1 and 1000'],
  ['CREATE VIEW v AS SELECT ARRAY[1]::▲numeric(0)[] AS n', 'NUMERIC precision 0 must be between 1 and 1000'],
  ['CREATE VIEW v AS SELECT 1::▲numeric(5, 1001) AS n', 'NUMERIC scale 1001 must be between -1000 and 1000'],
  ['CREATE VIEW v AS SELECT 1::▲numeric(5, -2) AS n', 'write round(value, -2)'],
  ["CREATE VIEW v AS SELECT 'a'::▲varchar(0) AS n", 'length for type varchar must be at least 1'],
  ["CREATE VIEW v AS SELECT 'a'::▲varchar(10485761) AS n", 'length for type varchar cannot exceed 10485760'],
  // What has no meaning
  ['CREATE MATERIALIZED VIEW v AS SELECT ▲id, count(*) AS n FROM orders GROUP BY shop', 'must appear in the GROUP BY'],
  ['CREATE VIEW v AS SELECT id FROM orders WHERE ▲count(*) > 1', 'aggregate'],
  ['CREATE VIEW ▲orders AS SELECT 1 AS n', 'is declared twice'],
  ['CREATE SOURCE s (id text, ▲id text)', 'is declared twice'],
  ["CREATE SOURCE s (id text) WITH (topic = 'a', ▲topic = 'b')", 'is given twice'],
  ["CREATE SOURCE s (id text) WITH (format = ▲'avro')", "use 'json'"],
  ["CREATE SOURCE s (id text) WITH (idle_timeout = ▲'5')", 'is not a number with a unit'],
  ["CREATE SOURCE s (id text) WITH (idle_timeout = ▲'5 secnods')", 'did you mean "seconds"?'],
  ["CREATE SOURCE s (id text) WITH (▲idle_timeout = '5 seconds')", 'no effect without a watermark'],
  ['CREATE ALERT a ON totals WHEN ▲orders', 'boolean'],
  ["CREATE ALERT a ON totals WHEN orders > 1 WITH (severity = ▲'bad')", "use 'info', 'warning' or 'critical'"],
  ['CREATE SINK ▲s FROM totals', 'names no connector'],
  ["CREATE FUNCTION f(x text) RETURNS text LANGUAGE typescript AS ▲'./f.ts#'", 'does not name an export'],
  // SELECT
  ['CREATE VIEW v AS SELECT id FROM orders LIMIT ▲id', 'does not exist'],
  ['CREATE VIEW v AS SELECT id FROM orders LIMIT ▲-1', 'LIMIT must be a constant'],
  ['CREATE VIEW v AS SELECT DISTINCT shop FROM orders ORDER BY ▲time', 'must appear in the select list'],
  ['CREATE VIEW v AS SELECT DISTINCT ON (shop) * FROM orders ORDER BY ▲time', 'write ORDER BY shop and then'],
  ['CREATE VIEW v AS SELECT id FROM orders UNION SELECT ▲id, shop FROM orders', 'the first has 1, this one 2'],
  ['CREATE VIEW v AS SELECT id FROM orders EXCEPT SELECT ▲items FROM orders', 'EXCEPT column "id"'],
  ['CREATE VIEW v AS SELECT id FROM orders ORDER BY ▲3', 'position 3 is not in the select list'],
  ['CREATE MATERIALIZED VIEW v AS SELECT id FROM orders EMIT EVERY ▲5', "expected a duration such as '5 seconds'"],
  ["CREATE MATERIALIZED VIEW v AS SELECT id FROM orders EMIT EVERY INTERVAL ▲'0 s'", 'longer than zero'],
  ['CREATE MATERIALIZED VIEW v AS SELECT id FROM orders EMIT ON WINDOW ▲END', 'expected CLOSE'],
  [
    "CREATE VIEW v WITH (▲ttl = '1 hour') AS SELECT DISTINCT ON (id) * FROM orders ORDER BY id, time",
    'has no effect here',
  ],
  ["CREATE VIEW v WITH (▲ttl = '1 hour') AS SELECT shop FROM totals", 'has no effect here'],
  [
    'CREATE MATERIALIZED VIEW v AS SELECT shop, count(*) AS n FROM orders GROUP BY shop▲ EMIT ON WINDOW CLOSE',
    'nothing in this view closes',
  ],
  // Window functions
  ['CREATE VIEW v AS SELECT ▲row_number() FROM orders', 'requires an OVER clause'],
  ['CREATE VIEW v AS SELECT sum(items) OVER ▲w FROM orders', 'add WINDOW w AS (...)'],
  ['CREATE VIEW v AS SELECT sum(items) OVER ▲(x) FROM orders WINDOW w AS (ORDER BY id)', 'there is w'],
  [
    'CREATE VIEW v AS SELECT sum(items) OVER ▲(w ORDER BY id) FROM orders WINDOW w AS (ORDER BY id)',
    'override ORDER BY',
  ],
  ['CREATE VIEW v AS SELECT sum(items) OVER ▲(w PARTITION BY id) FROM orders WINDOW w AS ()', 'override PARTITION BY'],
  [
    'CREATE VIEW v AS SELECT sum(items) OVER ▲(w ORDER BY id) FROM orders WINDOW w AS (ROWS 1 PRECEDING)',
    'because it has a frame clause',
  ],
  ['CREATE VIEW v AS SELECT rank() OVER w FROM orders WINDOW w AS ▲(u), u AS (w)', 'window "u" does not exist'],
  ['CREATE VIEW v AS SELECT 1 AS a FROM orders WINDOW w AS (), w AS ▲()', 'is already defined'],
  ['CREATE VIEW v AS SELECT sum(▲rank() OVER ()) OVER () FROM orders', 'not allowed here'],
  ['CREATE VIEW v AS SELECT ▲count(DISTINCT id) OVER () FROM orders', 'DISTINCT is not supported with OVER'],
  ['CREATE VIEW v AS SELECT ▲rank(id) OVER () FROM orders', 'does not exist; rank takes 0 arguments'],
  ['CREATE VIEW v AS SELECT ▲lag(items, 1, 2, 3) OVER () FROM orders', 'does not exist; lag takes 1 to 3 arguments'],
  ["CREATE VIEW v AS SELECT ▲lag(items, 1, 'x') OVER () FROM orders", 'invalid input syntax for type integer'],
  ['CREATE VIEW v AS SELECT ▲upper(id) OVER () FROM orders', 'neither a window function nor an aggregate'],
  ['CREATE VIEW v AS SELECT ▲lag(id) FILTER (WHERE paid) OVER () FROM orders', 'FILTER is for aggregates'],
  [
    'CREATE VIEW v AS SELECT sum(items) OVER ▲(ORDER BY id ROWS CURRENT ROW EXCLUDE TIES) FROM orders',
    'EXCLUDE is not supported',
  ],
  ['CREATE VIEW v AS SELECT sum(items) OVER ▲(GROUPS CURRENT ROW) FROM orders', 'GROUPS requires an ORDER BY'],
  [
    'CREATE VIEW v AS SELECT sum(items) OVER ▲(ORDER BY id, shop RANGE 1 PRECEDING) FROM orders',
    'exactly one ORDER BY column',
  ],
  ['CREATE VIEW v AS SELECT sum(items) OVER (ORDER BY id RANGE ▲1 PRECEDING) FROM orders', 'not possible over text'],
  ['CREATE VIEW v AS SELECT sum(items) OVER (ROWS ▲-1 PRECEDING) FROM orders', 'must not be negative'],
  ['CREATE VIEW v AS SELECT sum(items) OVER (ROWS ▲items PRECEDING) FROM orders', 'does not exist'],
  // Groups
  ['CREATE VIEW v AS SELECT shop, ▲grouping(id) FROM orders GROUP BY ROLLUP (shop)', 'must be grouping expressions'],
  ['CREATE VIEW v AS SELECT ▲id FROM orders GROUP BY ROLLUP (shop)', 'must appear in the GROUP BY'],
  [
    'CREATE VIEW v AS SELECT 1 AS a FROM orders GROUP BY ▲CUBE (id, time, shop, amount, items, paid, details)',
    'more than 64 grouping sets',
  ],
  // Grammar
  ['CREATE VIEW v AS SELECT id, ▲FROM orders', 'syntax error'],
  ["CREATE VIEW v AS SELECT ▲'open FROM orders", 'no closing'],
  ['CREATE VIEW v AS SELECT (id ▲FROM orders', 'syntax error'],
  ['CREATE SOURCE s (id text▲', 'expected'],
  ['CREATE SOURCE s ▲id text', 'expected'],
  ['CREATE MATERIALIZED ▲SELECT 1', 'expected VIEW'],
  ['▲DROP VIEW totals', 'CREATE'],
];

describe('a mistake is shown where it is, with what was probably meant', () => {
  it.each(MISTAKES)('%s', async (marked, message) => {
    const [before, after] = marked.split('▲') as [string, string];
    const error: unknown = await compilePipeline(BEFORE + before + after, { name: 'p', file: 'p.sql' }).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(HeadraceError);
    const { position, message: said } = error as HeadraceError;
    expect(said).toContain(message);
    expect(position).toEqual({ file: 'p.sql', line: BEFORE.split('\n').length, column: before.length + 1 });
  });
});
