import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { compareRows, openPipelineTest, type PipelineTest } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'pipeline-test-'));
const file = join(folder, 'orders.sql');
writeFileSync(
  file,
  `CREATE SOURCE orders (
  id text NOT NULL,
  time timestamptz NOT NULL,
  shop text NOT NULL,
  WATERMARK FOR time AS time - INTERVAL '5 seconds'
) WITH (topic = 'orders', format = 'json');

CREATE MATERIALIZED VIEW orders_1m AS
SELECT window_start, shop, count(*) AS orders
FROM TUMBLE(orders, time, INTERVAL '1 minute')
GROUP BY window_start, shop;`,
);
afterAll(() => rmSync(folder, { recursive: true }));

describe('a pipeline under test', () => {
  let test: PipelineTest;
  afterEach(() => test.close());

  it('gives the rows of a view, its last per key', async () => {
    test = await openPipelineTest({ project: file });
    await test.send('orders', [
      { id: 'a', time: '2026-01-31T12:00:05Z', shop: 'x' },
      { id: 'b', time: '2026-01-31T12:00:06Z', shop: 'x' },
    ]);
    await test.settle();
    expect(test.rows('orders_1m')).toMatchObject([{ shop: 'x', orders: 2 }]);
    await test.send('orders', [{ id: 'c', time: '2026-01-31T12:00:07Z', shop: 'x' }]);
    await test.finish();
    expect(test.rows('orders_1m')).toMatchObject([{ window_start: '2026-01-31T12:00:00.000Z', orders: 3 }]);
  });

  it('shows what was refused', async () => {
    test = await openPipelineTest({ project: file });
    const result = await test.send('orders', [{ id: 1 }]);
    expect(result).toMatchObject({ accepted: 0, refused: 1 });
    expect(test.deadLetters()).toMatchObject([{ topic: 'orders', reason: 'schema' }]);
  });

  it('refuses an event ahead of the test’s clock as one of the future', async () => {
    test = await openPipelineTest({ project: file, now: '2026-01-31T12:00:00Z' });
    await test.send('orders', [{ id: 'a', time: '2026-01-31T13:00:00Z', shop: 'x' }]);
    await test.settle();
    expect(test.deadLetters()).toMatchObject([{ reason: 'future' }]);
  });

  it('names the view that was meant', async () => {
    test = await openPipelineTest({ project: file });
    expect(() => test.rows('order_1m')).toThrow('did you mean "orders_1m"?');
  });
});

describe('comparing rows', () => {
  it('names what is missing and what nobody expected', () => {
    const difference = compareRows(
      'v',
      [{ a: 1 }, { a: 2 }],
      [
        { a: 1, b: 5 },
        { a: 3, b: 5 },
      ],
    );
    expect(difference).toEqual({ view: 'v', missing: [{ a: 2 }], unexpected: [{ a: 3, b: 5 }] });
  });
});
