import { describe, expect, it } from 'vitest';
import { HeadraceError } from '../base/error.ts';
import { compilePipeline } from './pipeline-compiler.ts';

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
  ['CREATE VIEW v AS SELECT ▲shop + 1 FROM orders', 'text'],
  ['CREATE VIEW v AS SELECT id FROM orders WHERE ▲items', 'boolean'],
  ['CREATE VIEW v AS SELECT ▲shop = items AS x FROM orders', 'cannot be matched'],
  ["CREATE VIEW v AS SELECT ▲items = 'many' AS x FROM orders", 'invalid input syntax for type integer'],
  ["CREATE VIEW v AS SELECT ▲time > 'yesterday-ish' AS x FROM orders", 'invalid input syntax'],
  ['CREATE MATERIALIZED VIEW v AS SELECT shop, ▲sum(paid) AS x FROM orders GROUP BY shop', 'sum'],
  ['CREATE VIEW v AS SELECT ▲substring(items) AS x FROM orders', 'substring'],
  ["CREATE VIEW v AS SELECT ▲CASE WHEN paid THEN 1 ELSE 'no' END AS x FROM orders", 'invalid input syntax'],
  [
    "CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM TUMBLE(orders, ▲shop, INTERVAL '1 minute') GROUP BY window_start",
    'timestamp',
  ],
  ['CREATE SOURCE s (id text, n int4, WATERMARK FOR ▲n AS n)', 'timestamp'],
  ['CREATE SOURCE s (n ▲numeric(2000, 2))', '1000'],
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
  ['CREATE MATERIALIZED VIEW v AS SELECT id FROM orders ORDER BY ▲id', 'ORDER BY is not supported in a view'],
  ['CREATE MATERIALIZED VIEW v AS SELECT id FROM orders LIMIT ▲10', 'LIMIT'],
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
