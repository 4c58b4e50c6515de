import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from '../engine-world.fixture.ts';
import type { Answer, AskTarget } from './effect.ts';

const SOURCE = `
CREATE SOURCE orders (id text, customer text, amount int8, time timestamptz, WATERMARK FOR time AS time)
  WITH (topic = 'orders', idle_timeout = '1 hour', future_limit = '1 day');
CREATE LOOKUP customers (id text PRIMARY KEY, name text, level int4 FROM '$.account.level')
  WITH (connector = 'scripted', region = 'eu');
`;

interface Asked {
  readonly key: readonly (string | null)[];
  answer(answer: Answer): void;
}

let world: EngineWorld;
let asked: Asked[];
let target: AskTarget | undefined;
let closed: number;

beforeEach(async () => {
  asked = [];
  closed = 0;
  world = await EngineWorld.open({
    lookups: (opened) => {
      target = opened;
      return {
        find: (key) => new Promise((resolve) => asked.push({ key, answer: resolve })),
        close: async () => {
          closed++;
        },
      };
    },
  });
  await world.createTopic('orders');
});

afterEach(() => world.stop());

const order = (id: string, customer: string | null, amount = 1): object => ({ id, customer, amount, time: at(0) });
const start = (query: string) => world.startSql(`${SOURCE}CREATE MATERIALIZED VIEW v AS ${query};`);

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function answer(key: string, found: Answer): Promise<void> {
  await settle();
  const index = asked.findIndex((candidate) => candidate.key[0] === key);
  if (index < 0) throw new Error(`nobody asked for ${key}`);
  asked.splice(index, 1)[0]!.answer(found);
}

describe('a join with a look-up', () => {
  it('gives each row what was found for it, and leaves out rows without', async () => {
    const running = await start('SELECT o.id, c.name, c.level FROM orders o JOIN customers c ON c.id = o.customer');
    await world.write('orders', [order('1', 'a'), order('2', 'b'), order('3', null)]);
    await answer('b', null);
    await answer('a', ['a', 'Ada', '3']);
    await running.idle();
    expect(world.values('v')).toEqual([{ id: '1', name: 'Ada', level: 3 }]);
    expect(target).toMatchObject({ connector: 'scripted', options: { region: 'eu' }, keyNames: ['id'] });
    expect(world.letters()).toEqual([]);
  });

  it('keeps rows without a match when it is a LEFT JOIN, with nulls', async () => {
    const running = await start(
      'SELECT o.id, c.id AS found, c.name FROM orders o LEFT JOIN customers c ON o.customer = c.id',
    );
    await world.write('orders', [order('1', 'a'), order('2', 'b'), order('3', null)]);
    await answer('a', ['a', 'Ada', '3']);
    await answer('b', null);
    await running.idle();
    expect(world.values('v')).toEqual([
      { id: '1', found: 'a', name: 'Ada' },
      { id: '2', found: null, name: null },
      { id: '3', found: null, name: null },
    ]);
  });

  it('takes further conditions as a join does', async () => {
    const running = await start(
      'SELECT o.id, c.name FROM orders o LEFT JOIN customers c ON o.customer = c.id AND c.level > o.amount',
    );
    await world.write('orders', [order('1', 'a', 2), order('2', 'a', 5)]);
    await answer('a', ['a', 'Ada', '3']);
    await answer('a', ['a', 'Ada', '3']);
    await running.idle();
    expect(world.values('v')).toEqual([
      { id: '1', name: 'Ada' },
      { id: '2', name: null },
    ]);
  });

  it('puts a row whose look-up failed, or found what is no value, into dead letters', async () => {
    const running = await start('SELECT o.id, c.level FROM orders o JOIN customers c ON c.id = o.customer');
    await world.write('orders', [order('1', 'a'), order('2', 'b')]);
    await answer('a', 'asking customers: it answered 500');
    await answer('b', ['b', 'Bo', 'much']);
    await running.idle();
    expect(world.letters()).toMatchObject([
      { reason: 'lookup', offset: 0, message: 'asking customers: it answered 500' },
      { reason: 'lookup', offset: 1 },
    ]);
    expect(world.letters()[1]!.message).toContain('invalid input syntax for type integer: "much"');
  });

  it('takes back what it gave when its row changes, whatever it would find now', async () => {
    const running = await world.startSql(`${SOURCE}
      CREATE MATERIALIZED VIEW v AS SELECT t.customer, t.total, c.name
        FROM (SELECT customer, sum(amount) AS total FROM orders GROUP BY customer) t JOIN customers c ON c.id = t.customer;`);
    await world.write('orders', [order('1', 'a', 2)]);
    await answer('a', ['a', 'Ada', '3']);
    await running.idle();
    await world.write('orders', [order('2', 'a', 3)]);
    await answer('a', ['a', 'Ada Lovelace', '4']);
    await running.idle();
    expect(world.table('v')).toEqual([{ customer: 'a', total: 5, name: 'Ada Lovelace' }]);
    expect(asked).toEqual([]);
  });

  it('asks again after a crash for what was not journaled, and not for what was', async () => {
    const query = 'SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer';
    await start(query);
    await world.write('orders', [order('1', 'a'), order('2', 'b')]);
    await answer('b', ['b', 'Bo', null]);
    await settle();
    await world.crash(false);
    expect(closed).toBe(1);
    asked = [];
    await world.start();
    const running = await start(query);
    await answer('a', ['a', 'Ada', null]);
    await running.idle();
    expect(asked).toEqual([]);
    expect(world.values('v')).toEqual([
      { id: '1', name: 'Ada' },
      { id: '2', name: 'Bo' },
    ]);
  });
});
