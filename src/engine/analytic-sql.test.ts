import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from './engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open({ snapshotIntervalMs: 0 });
  await world.createTopic('bids');
});

afterEach(() => world.stop());

const SOURCE = `
CREATE SOURCE bids (item text, who text, price int8, time timestamptz,
  WATERMARK FOR time AS time - INTERVAL '2 seconds'
) WITH (topic = 'bids', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
`;

const bid = (item: string, price: number, seconds: number, who = 'w'): object => ({
  item,
  who,
  price,
  time: at(seconds),
});

/** Runs the view over the rows, one epoch for each list, with a crash in between. */
async function run(sql: string, ...epochs: readonly (readonly object[])[]): Promise<void> {
  const view = `${SOURCE}CREATE MATERIALIZED VIEW v AS ${sql}`;
  let running = await world.startSql(view);
  for (const [index, rows] of epochs.entries()) {
    if (index === 1) {
      await world.crash(true);
      await world.start();
      running = await world.startSql(view);
    }
    await world.write('bids', rows);
    await running.idle();
  }
}

const picked = (...names: readonly string[]) => world.values('v').map((row) => names.map((name) => row[name]));
const tabled = (...names: readonly string[]) => world.table('v').map((row) => names.map((name) => row[name]));
const seconds = (time: unknown): number => (Date.parse(String(time)) - Date.parse(at(0))) / 1000;

describe('windows in SQL', () => {
  it('HOP counts a row in every window that holds it', async () => {
    await run(
      `SELECT window_start, count(*) AS n FROM HOP(bids, time, INTERVAL '5 seconds', INTERVAL '10 seconds')
       GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;`,
      [bid('a', 1, 1), bid('a', 1, 6)],
      [bid('a', 1, 9), bid('a', 1, 30)],
    );
    expect(picked('window_start', 'n').map(([start, n]) => [seconds(start), n])).toEqual([
      [-5, 1],
      [0, 3],
      [5, 2],
    ]);
  });

  it('SESSION merges what a late row joins, and comes once when it closes', async () => {
    await run(
      `SELECT item, count(*) AS n, sum(price) AS total, window_start, window_end
       FROM SESSION(bids, time, INTERVAL '5 seconds') GROUP BY item, window_start, window_end EMIT ON WINDOW CLOSE;`,
      [bid('a', 1, 10), bid('a', 2, 16), bid('b', 5, 14)],
      [bid('a', 4, 15), bid('b', 9, 40), bid('b', 3, 20)],
    );
    const rows = picked('item', 'n', 'total', 'window_start', 'window_end');
    expect(rows.map(([item, n, total, start, end]) => [item, n, total, seconds(start), seconds(end)])).toEqual([
      ['b', 1, 5, 14, 19],
      ['a', 3, 7, 10, 21],
    ]);
    expect(world.letters()).toMatchObject([{ reason: 'late', value: JSON.stringify(bid('b', 3, 20)) }]);
  });

  it('SESSION takes back what has grown when each change is emitted', async () => {
    await run(
      `SELECT item, count(*) AS n, window_end FROM SESSION(bids, time, INTERVAL '5 seconds') GROUP BY item, window_start, window_end;`,
      [bid('a', 1, 10), bid('a', 2, 16)],
      [bid('a', 4, 14)],
    );
    expect(tabled('item', 'n', 'window_end').map(([item, n, end]) => [item, n, seconds(end)])).toEqual([['a', 3, 21]]);
  });

  it('an aggregate by less than the keys of a session stands on its rows', async () => {
    await run(
      `SELECT window_start, window_end, max(n) AS most FROM (
         SELECT item, window_start, window_end, count(*) AS n
         FROM SESSION(bids, time, INTERVAL '5 seconds') GROUP BY item, window_start, window_end
       ) s GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;`,
      [bid('a', 1, 10), bid('b', 1, 10), bid('b', 2, 12)],
      [bid('b', 1, 10), bid('a', 2, 12), bid('c', 1, 60)],
    );
    expect(picked('most')).toEqual([[3]]);
  });
});

describe('rows in order in SQL', () => {
  it('the best of each window come when it closes', async () => {
    await run(
      `SELECT * FROM (
         SELECT item, price, window_end, row_number() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS place
         FROM TUMBLE(bids, time, INTERVAL '10 seconds')
       ) q WHERE place <= 2 EMIT ON WINDOW CLOSE;`,
      [bid('a', 1, 1), bid('b', 7, 2), bid('c', 5, 3)],
      [bid('d', 6, 9), bid('e', 9, 12)],
    );
    expect(picked('item', 'place')).toEqual([
      ['b', 1],
      ['d', 2],
    ]);
  });

  it('OVER event time comes once, in the order of time', async () => {
    await run(
      `SELECT item, price, sum(price) OVER (PARTITION BY item ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS two,
         row_number() OVER (PARTITION BY item ORDER BY time) AS number
       FROM bids EMIT ON WINDOW CLOSE;`,
      [bid('a', 1, 1), bid('a', 4, 3), bid('a', 2, 2)],
      [bid('a', 8, 6), bid('a', 16, 9), bid('a', 99, 1)],
    );
    expect(picked('price', 'two', 'number')).toEqual([
      [1, 1, 1],
      [2, 3, 2],
      [4, 6, 3],
      [8, 12, 4],
    ]);
    expect(world.letters().map(({ reason }) => reason)).toEqual(['late']);
  });

  it('OVER an order of values follows every change', async () => {
    await run(
      `SELECT item, n, rank() OVER (ORDER BY n DESC) AS place FROM (SELECT item, count(*) AS n FROM bids GROUP BY item) c;`,
      [bid('a', 1, 1), bid('b', 1, 1), bid('b', 1, 2)],
      [bid('a', 1, 3), bid('a', 1, 3), bid('c', 1, 3)],
    );
    expect(tabled('item', 'n', 'place').sort()).toEqual([
      ['a', 3, 1],
      ['b', 2, 2],
      ['c', 1, 3],
    ]);
  });

  it('the last row of each key replaces the one before', async () => {
    await run(
      `SELECT item, price FROM (
         SELECT *, row_number() OVER (PARTITION BY item ORDER BY time DESC) AS n FROM bids
       ) q WHERE n = 1;`,
      [bid('a', 1, 1), bid('a', 2, 3), bid('b', 5, 1)],
      [bid('a', 9, 2), bid('b', 6, 4)],
    );
    expect(tabled('item', 'price').sort()).toEqual([
      ['a', 2],
      ['b', 6],
    ]);
  });

  it('rows of an array are rows of the view, with their numbers', async () => {
    await run(
      `SELECT item, part, number FROM bids CROSS JOIN LATERAL unnest(string_to_array(who, ',')) WITH ORDINALITY AS t(part, number);`,
      [{ ...bid('a', 1, 1), who: 'x,y' }],
      [{ ...bid('b', 1, 1), who: 'z' }],
    );
    expect(picked('item', 'part', 'number')).toEqual([
      ['a', 'x', 1],
      ['a', 'y', 2],
      ['b', 'z', 1],
    ]);
  });
});
