import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { compareRows, openPipelineTest, type PipelineTest, parseTestFile, runTestFile } from './index.ts';

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

describe('a process that ends', () => {
  let test: PipelineTest;
  afterEach(() => test.close());
  const order = (id: string, second: number) => ({ id, time: `2026-01-31T12:00:${second}Z`, shop: 'x' });

  it.each(['crash', 'restart'] as const)('by %s goes on where it was: nothing lost, nothing twice', async (how) => {
    test = await openPipelineTest({ project: file });
    await test.send('orders', [order('a', 10), order('b', 11)]);
    await test.settle();
    await test[how]();
    await test.send('orders', [order('c', 12)]);
    await test.settle();
    expect(test.rows('orders_1m')).toMatchObject([{ orders: 3 }]);
    expect(test.deadLetters()).toEqual([]);
  });
});

describe('a test file of steps', () => {
  const run = (text: string) => runTestFile(file, parseTestFile(text, 'orders.test.yaml'));

  it('sends, moves the clock, dies and compares on the way', async () => {
    const differences = await run(`
now: 2026-01-31T12:00:00Z
steps:
  - send: { orders: [{ id: a, time: 2026-01-31T12:00:05Z, shop: x }] }
  - expect: { orders_1m: [{ shop: x, orders: 1 }] }
  - crash: true
  - send: { orders: [{ id: b, time: 2026-01-31T12:01:30Z, shop: x }] }
  - dead_letters: [{ reason: future }]
  - advance: 2 minutes
  - send: { orders: [{ id: b, time: 2026-01-31T12:01:30Z, shop: x }, { id: c, time: 2026-01-31T12:00:06Z, shop: x }] }
  - dead_letters: [{ reason: future }, { reason: late }]
  - restart: true
  - finish: true
  - expect: { orders_1m: [{ orders: 1 }, { orders: 2 }] }
`);
    expect(differences).toEqual([
      { view: 'orders_1m', step: 11, missing: [{ orders: 2 }], unexpected: [expect.objectContaining({ orders: 1 })] },
    ]);
  });

  it.each([
    ['steps: [{ send: { orders: [] }, finish: true }]', 'step 1 is not one of send, advance'],
    ['steps: [{ wait: 1 }]', 'step 1 is not one of'],
    ['steps: [{ finish: true }, { expect: [] }]', 'step 2 (expect) is not rows by name'],
    ['steps: [{ advance: 10 }]', 'step 1 (advance) is not a duration'],
    ['steps: []\ninput: {}', 'it has steps'],
    ['input: {}', '"expect" is not rows by view'],
  ])('refuses %s', (text, message) => {
    expect(() => parseTestFile(text, 't.yaml')).toThrow(message);
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
