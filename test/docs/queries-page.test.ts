import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { at, EngineWorld, sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import { encodeRecordBatch } from '../../src/log/record-batch.ts';
import type { Pipeline } from '../../src/plan/node.ts';
import { standingRows } from '../standing-rows.ts';
import { blocksOf } from './page.ts';

/** The statements of docs/sql/queries.md, run over a handful of events. */
const PAGE = new URL('../../docs/sql/queries.md', import.meta.url);

let world: EngineWorld;
let pipeline: Pipeline;

async function keep(topic: string, key: string, row: object | null): Promise<void> {
  const value = row === null ? null : utf8(JSON.stringify(row));
  const records = [{ key: utf8(key), value, timestamp: world.clock.now(), headers: [] }];
  await world.log.commit({ appends: [{ topic, partition: 0, ...encodeRecordBatch(records) }], puts: [] });
}

const order = (id: string, seconds: number, shop: string, amount: number, ...skus: readonly string[]): object => ({
  id,
  time: at(seconds),
  shop,
  currency: 'USD',
  amount,
  items: skus.map((sku) => ({ sku })),
});

beforeAll(async () => {
  world = await EngineWorld.open();
  for (const topic of ['orders', 'payments']) await world.createTopic(topic);
  for (const topic of ['shops', 'rates']) await world.createTopic(topic, { kind: 'upsert' });
  const blocks = blocksOf(readFileSync(PAGE, 'utf8')).filter(({ language }) => language === 'sql');
  pipeline = await sqlPipeline(blocks.map(({ text }) => text).join('\n'));
  const running = await world.startPipeline(pipeline, { bounded: true });
  await keep('shops', 'a', { shop: 'a', city: 'Bern', owner: 'them' });
  await keep('shops', 'b', { shop: 'b', city: 'Genf', owner: 'us' });
  await keep('rates', 'USD', { currency: 'USD', rate: 2, since: at(0) });
  await world.write('orders', [
    order('1', 10, 'a', 10, 'x', 'y'),
    order('2', 20, 'a', 30),
    order('3', 30, 'b', 5, 'x'),
  ]);
  await world.write('payments', [{ order_id: '1', time: at(15), amount: 10 }]);
  await running.idle();
  await keep('rates', 'USD', { currency: 'USD', rate: 3, since: at(60) });
  await keep('shops', 'b', { shop: 'b', city: 'Bern', owner: 'us' });
  await world.write('orders', [order('4', 700, 'a', 20)]);
  await world.write('payments', [{ order_id: '4', time: at(690), amount: 20 }]);
  await running.idle();
  await running.idle({ closeWindows: true });
});

afterAll(() => world.stop());

const rows = (view: string): readonly string[] =>
  standingRows(world, pipeline.outputs.find(({ name }) => name === view)!)
    .map((text) =>
      Object.values(JSON.parse(text) as Record<string, unknown>)
        .map(String)
        .join(' '),
    )
    .sort();

const time = (seconds: number): string => at(seconds);

describe('the views of the page on FROM and sub-queries', () => {
  it.each([
    ['per_city', ['Bern 4 65']],
    ['paid_in_time', ['1 a 10']],
    ['open_orders', ['2 30', '3 5']],
    ['sprees', [`a ${time(10)} ${time(620)} 2`, `a ${time(700)} ${time(1300)} 1`, `b ${time(30)} ${time(630)} 1`]],
    ['sold', ['1 1 x', '1 2 y', '2 null null', '3 1 x', '4 null null']],
    ['per_sku', ['x 2', 'y 1']],
    ['shop_overview', ['a Bern 3 2', 'b Bern 1 3']],
    ['above_average', ['2 a 30']],
    ['never_paid', ['2']],
    ['best_of_shop', ['a 1 10', 'a 2 30', 'a 4 20', 'b 3 5']],
    ['in_euro', ['1 20', '2 60', '3 10', '4 60']],
    ['with_city', ['1 Bern', '2 Bern', '3 Genf', '4 Bern']],
    ['last_payment', ['1 null', '2 null', '3 null', '4 20']],
  ])('%s', (view, expected) => {
    expect(rows(view)).toEqual(expected);
  });

  it('moving has every order in each of fifteen windows', () => {
    expect(rows('moving').filter((row) => row.startsWith('b '))).toHaveLength(15);
  });

  it('and no row is a dead letter', () => {
    expect(world.letters()).toEqual([]);
  });
});
