import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  anything,
  count,
  none,
  oneOrMore,
  pipeline,
  type Shape,
  type Stream,
  sequence,
  source,
  sum,
  t,
  times,
} from '../builder/index.ts';
import { at, EngineWorld } from './engine-world.fixture.ts';

const payments = source('payments', {
  columns: { card: t.text().notNull(), time: t.timestamptz().notNull(), amount: t.float8(), place: t.text() },
  watermark: { column: 'time', delay: '2 seconds', idleTimeout: '1 hour', futureLimit: '1 day' },
});

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('payments');
});

afterEach(() => world.stop());

type Payment = readonly [card: string, second: number, amount: number, place?: string];

async function found<Columns extends Shape>(stream: Stream<Columns>, rows: readonly Payment[], crashAfter?: number) {
  const built = pipeline('p', (p) => {
    p.view('alarms', stream);
  });
  let running = await world.startPipeline(built);
  for (const [index, [card, second, amount, place]] of rows.entries()) {
    await world.write('payments', [{ card, time: at(second), amount, place }]);
    await running.idle();
    if (index !== crashAfter) continue;
    await world.crash(false);
    await world.start();
    running = await world.startPipeline(built);
  }
  await running.idle({ closeWindows: true });
  return world.values('alarms');
}

/** Small payments that try a card, then a large one. */
const testing = payments.match({
  by: ['card'],
  orderBy: 'time',
  pattern: sequence(times('small', 2, undefined), 'large'),
  within: '10 minutes',
  define: { small: (m) => m.row.amount.lt(2), large: (m) => m.row.amount.gt(500) },
  measures: (m) => ({
    tried: m.aggregate(() => count(), 'small'),
    spent: m.last('large').amount,
    all: m.aggregate((r) => sum(r.amount)),
    began: m.first('small').time,
  }),
});

const STORY: readonly Payment[] = [
  ['a', 0, 1],
  ['b', 1, 1],
  ['a', 5, 1.5],
  ['a', 9, 900],
  ['b', 10, 900],
  ['b', 12, 1],
];

describe('fraud patterns of the builder', () => {
  it('are found per key, with what the measures say', async () => {
    expect(await found(testing, STORY)).toEqual([{ card: 'a', tried: 2, spent: 900, all: 902.5, began: at(0) }]);
  });

  it('are found whenever the process dies', async () => {
    for (let crash = 0; crash < STORY.length; crash++) {
      await world.stop();
      world = await EngineWorld.open();
      await world.createTopic('payments');
      expect(await found(testing, STORY, crash)).toHaveLength(1);
    }
  });

  it('end when their time is over', async () => {
    expect(
      await found(testing, [
        ['a', 0, 1],
        ['a', 1, 1],
        ['a', 601, 900],
        ['a', 1_300, 1],
      ]),
    ).toEqual([]);
  });

  it('without a row between: two places with no payment at home', async () => {
    const stream = payments.match({
      by: ['card'],
      orderBy: 'time',
      pattern: sequence('here', none('home'), 'there'),
      define: {
        here: (m) => m.row.place.eq('Rome'),
        there: (m) => m.row.place.eq('Oslo'),
        home: (m) => m.row.place.eq('Bonn'),
      },
      measures: (m) => ({ began: m.first('here').time }),
    });
    const rows: readonly Payment[] = [
      ['a', 0, 1, 'Rome'],
      ['a', 1, 1, 'Bonn'],
      ['a', 2, 1, 'Oslo'],
      ['a', 3, 1, 'Rome'],
      ['a', 4, 1],
      ['a', 5, 1, 'Oslo'],
    ];
    expect(await found(stream, rows)).toEqual([{ card: 'a', began: at(3) }]);
  });

  it('with anything between, and rows that rise', async () => {
    const stream = payments.match({
      orderBy: 'time',
      pattern: sequence('first', anything(), oneOrMore('up'), 'end'),
      define: {
        first: (m) => m.row.amount.eq(1),
        up: (m) => m.row.amount.gt(m.previous().amount),
        end: (m) => m.row.amount.lt(m.last('up').amount),
      },
      measures: (m) => ({ ups: m.aggregate(() => count(), 'up'), top: m.last('up').amount, last: m.name }),
    });
    const rows = [1, 0, 0, 3, 5, 8, 2].map((amount, i): Payment => ['a', i * 10, amount]);
    expect(await found(stream, rows)).toEqual([{ ups: 3, top: 8, last: 'end' }]);
  });

  it('a name that is not defined cannot be denied', () => {
    expect(() =>
      payments.match({ orderBy: 'time', pattern: none('home'), define: {}, measures: (m) => ({ at: m.row.time }) }),
    ).toThrow('define "home"');
  });
});

it('a pattern over a table follows the rows that change and go, also after a crash', async () => {
  const sql = `
CREATE TABLE payments (id int4 PRIMARY KEY, card text, time timestamptz, amount float8) WITH (topic = 'payments', format = 'json');
CREATE MATERIALIZED VIEW rises AS SELECT card, first_id, last_id FROM payments MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY time
  MEASURES FIRST(id) AS first_id, LAST(id) AS last_id
  PATTERN (low high+) DEFINE low AS low.amount < 5, high AS high.amount > PREV(high.amount));`;
  const paid = (id: number, second: number, amount: number): object => ({ id, card: 'c', time: at(second), amount });
  const first = await world.startSql(sql);
  await world.write('payments', [paid(1, 1, 1), paid(2, 2, 6), paid(3, 3, 7)]);
  await first.idle();
  expect(world.table('rises')).toMatchObject([{ card: 'c', first_id: 1, last_id: 3 }]);
  await first.stop();
  const second = await world.startSql(sql);
  await world.write('payments', [paid(2, 4, 8)]);
  await second.idle();
  expect(world.table('rises')).toMatchObject([{ first_id: 1, last_id: 2 }]);
  await world.crash(false);
  await world.start();
  const third = await world.startSql(sql);
  await world.write('payments', [paid(1, 1, 50), paid(4, 0, 2)]);
  await third.idle();
  expect(world.table('rises')).toMatchObject([{ first_id: 4, last_id: 1 }]);
  expect(world.letters()).toEqual([]);
});
