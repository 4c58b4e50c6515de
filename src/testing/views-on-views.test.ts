import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { openPipelineTest, type PipelineTest } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'views-on-views-'));
mkdirSync(join(folder, 'pipelines'));
const file = (name: string, text: string): void => writeFileSync(join(folder, 'pipelines', name), text);
// By name the reader comes first.
file(
  'busy.sql',
  `CREATE MATERIALIZED VIEW busy AS SELECT orders, count(*) AS shops FROM orders_by_shop GROUP BY orders;
   CREATE MATERIALIZED VIEW large_1m AS SELECT window_start, count(*) AS n
   FROM TUMBLE(large, time, INTERVAL '1 minute') GROUP BY window_start EMIT ON WINDOW CLOSE;`,
);
file(
  'orders.sql',
  `CREATE SOURCE orders (id text, time timestamptz NOT NULL, shop text, amount float8,
     WATERMARK FOR time AS time - INTERVAL '5 seconds') WITH (topic = 'orders');
   CREATE MATERIALIZED VIEW orders_by_shop AS SELECT shop, count(*) AS orders FROM orders GROUP BY shop;
   CREATE MATERIALIZED VIEW large AS SELECT id, time FROM orders WHERE amount > 10;`,
);
afterAll(() => rmSync(folder, { recursive: true }));

describe('a view over views of another pipeline', () => {
  let test: PipelineTest;
  afterEach(() => test.close());

  it('follows their changes', async () => {
    test = await openPipelineTest({ project: folder });
    const order = (id: string, shop: string) => ({ id, time: '2026-01-31T12:00:05Z', shop, amount: 1 });
    await test.send('orders', [order('a', 'x'), order('b', 'y'), order('c', 'y')]);
    await test.settle();
    expect(test.rows('busy')).toEqual([
      { orders: 1, shops: 1 },
      { orders: 2, shops: 1 },
    ]);
    await test.send('orders', [order('d', 'x')]);
    await test.settle();
    expect(test.rows('busy')).toEqual([{ orders: 2, shops: 2 }]);
  });

  it('has the event time of the source that the view passes on', async () => {
    test = await openPipelineTest({ project: folder });
    await test.send('orders', [
      { id: 'a', time: '2026-01-31T12:00:05Z', shop: 'x', amount: 20 },
      { id: 'b', time: '2026-01-31T12:00:06Z', shop: 'x', amount: 1 },
      { id: 'c', time: '2026-01-31T12:02:00Z', shop: 'x', amount: 20 },
    ]);
    await test.settle();
    expect(test.rows('large_1m')).toEqual([{ window_start: '2026-01-31T12:00:00.000Z', n: 1 }]);
  });
});
