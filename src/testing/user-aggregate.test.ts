import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { openPipelineTest, type PipelineTest } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'user-aggregate-'));
mkdirSync(join(folder, 'pipelines'));
const file = (name: string, text: string): void => writeFileSync(join(folder, name), text);
file(
  'aggregates.ts',
  `interface Mean { sum: number; weight: number }
   export const weighted = {
     init: (): Mean => ({ sum: 0, weight: 0 }),
     accumulate: (state: Mean, value: number | null, weight: number | null): Mean => {
       if (weight !== null && weight < 0) throw new RangeError('a weight is not negative');
       if (value === null || weight === null) return state;
       return { sum: state.sum + value * weight, weight: state.weight + weight };
     },
     finish: (state: Mean): number | null => (state.weight === 0 ? null : state.sum / state.weight),
   };`,
);
file(
  'pipelines/orders.sql',
  `CREATE SOURCE orders (id text, shop text, price float8, pieces int4) WITH (topic = 'orders');
   CREATE AGGREGATE weighted(value float8, weight float8) RETURNS float8 LANGUAGE typescript AS '../aggregates.ts';
   CREATE MATERIALIZED VIEW prices AS SELECT shop, weighted(price, pieces) AS price, count(*) AS orders FROM orders GROUP BY shop;`,
);
afterAll(() => rmSync(folder, { recursive: true }));

describe('CREATE AGGREGATE', () => {
  let test: PipelineTest;
  afterEach(() => test.close());

  it('aggregates with the parts that a file exports; a row that it refuses is a dead letter, and counts for nobody', async () => {
    test = await openPipelineTest({ project: folder });
    await test.send('orders', [
      { id: 'a', shop: 'x', price: 10, pieces: 1 },
      { id: 'b', shop: 'x', price: 40, pieces: 2 },
      { id: 'c', shop: 'x', price: 7, pieces: -1 },
      { id: 'd', shop: 'y', price: null, pieces: 1 },
    ]);
    await test.settle();
    expect(test.rows('prices')).toEqual([
      { shop: 'x', price: 30, orders: 2 },
      { shop: 'y', price: null, orders: 1 },
    ]);
    const letters = test.deadLetters();
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({ reason: 'user-function' });
    expect(JSON.stringify(letters[0])).toMatch(/a weight is not negative.*aggregates\.ts/);
  });
});
