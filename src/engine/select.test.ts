import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from './engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('events');
});

afterEach(() => world.stop());

const SOURCE = `
CREATE SOURCE events (k text, g text, time timestamptz, n int4,
  WATERMARK FOR time AS time - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
`;

const event = (seconds: number, k: string | null, n: number | null, g = 'x'): object => ({
  k,
  g,
  n,
  time: at(seconds),
});

/** The rows of the table as texts, in order of the text. */
async function view(query: string, batches: readonly (readonly object[])[]): Promise<string[]> {
  const running = await world.startSql(`${SOURCE}CREATE MATERIALIZED VIEW v AS ${query};`);
  for (const rows of batches) {
    await world.write('events', rows);
    await running.idle();
  }
  return world
    .table('v')
    .map((row) =>
      Object.values(row as object)
        .map((value) => (value === null ? '-' : String(value)))
        .join(' '),
    )
    .sort();
}

describe('SELECT as a stream', () => {
  it('ROW_NUMBER() <= n keeps the first rows of each key, whatever comes later', async () => {
    const query = `SELECT k, n, r FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY n DESC) AS r FROM events) AS t WHERE r <= 2`;
    const rows = [
      [event(1, 'a', 1), event(2, 'a', 3), event(3, 'b', 5)],
      [event(4, 'a', 2), event(5, 'b', 9)],
    ];
    expect(await view(query, rows)).toEqual(['a 2 2', 'a 3 1', 'b 5 2', 'b 9 1']);
  });

  it('DISTINCT ON with an order keeps the last', async () => {
    const query = 'SELECT DISTINCT ON (k) k, n FROM events ORDER BY k, time DESC';
    const rows = [
      [event(1, 'a', 1), event(5, 'b', 2)],
      [event(3, 'a', 3), event(2, 'a', 4)],
    ];
    expect(await view(query, rows)).toEqual(['a 3', 'b 2']);
  });

  it('ORDER BY and LIMIT say which rows stay', async () => {
    const rows = [
      [event(1, 'a', 1), event(2, 'b', 7)],
      [event(3, 'c', 3), event(4, 'd', 9)],
    ];
    expect(await view('SELECT k, n FROM events ORDER BY n DESC LIMIT 2', rows)).toEqual(['b 7', 'd 9']);
  });

  it('ROLLUP', async () => {
    const rows = [[event(1, 'a', 1), event(2, 'b', 7)], [event(3, 'a', 3, 'y')]];
    const query = 'SELECT k, g, grouping(k, g) AS level, sum(n) AS s FROM events GROUP BY ROLLUP (k, g)';
    expect(await view(query, rows)).toEqual(['- - 3 11', 'a - 1 4', 'a x 0 1', 'a y 0 3', 'b - 1 7', 'b x 0 7']);
  });

  it('CUBE of a window closes with it', async () => {
    const query = `SELECT window_start, k, count(*) AS c FROM TUMBLE(events, time, INTERVAL '10 seconds') GROUP BY window_start, CUBE (k)`;
    const running = await world.startSql(`${SOURCE}CREATE MATERIALIZED VIEW v AS ${query} EMIT ON WINDOW CLOSE;`);
    await world.write('events', [event(1, 'a', 1), event(2, 'b', 1), event(3, 'a', 1), event(30, 'a', 1)]);
    await running.idle();
    const rows = world.values('v').map((row) => `${row.k ?? '-'} ${row.c}`);
    expect(rows.sort()).toEqual(['- 3', 'a 2', 'b 1']);
  });

  it('set operations follow their inputs', async () => {
    const query = `SELECT k FROM events WHERE n > 1 EXCEPT SELECT k FROM events WHERE n > 5`;
    expect(await view(query, [[event(1, 'a', 2), event(2, 'b', 3)], [event(3, 'a', 9)]])).toEqual(['b']);
  });

  it('MATCH_RECOGNIZE finds a pattern in the order of time', async () => {
    const query = `SELECT k, low, high, c FROM events MATCH_RECOGNIZE (
        PARTITION BY k ORDER BY time
        MEASURES LAST(down.n) AS low, LAST(up.n) AS high, count(down.*) AS c
        PATTERN (start down+ up) WITHIN INTERVAL '1 minute'
        DEFINE down AS down.n < PREV(down.n), up AS up.n > PREV(up.n)
      ) AS dips`;
    const rows = [
      [event(1, 'a', 9), event(3, 'a', 4), event(2, 'a', 7), event(2, 'b', 1)],
      [event(4, 'a', 8), event(5, 'b', 2)],
      [event(300, 'z', 0)],
    ];
    await view(query, rows);
    expect(world.values('v')).toEqual([{ k: 'a', low: 4, high: 8, c: 2 }]);
  });

  it('filters pushed below a join leave its rows as they are', async () => {
    const query = `SELECT a.k, a.n, b.n AS m FROM events AS a, events AS b WHERE a.k = b.k AND a.n < b.n AND a.g = 'x' AND b.n > 2`;
    const rows = [[event(1, 'a', 1), event(2, 'a', 3)], [event(3, 'a', 2, 'y'), event(4, 'b', 8)], [event(5, 'a', 5)]];
    await view(query, rows);
    const found = world.values('v').map((row) => `${row.k} ${row.n} ${row.m}`);
    expect(found.sort()).toEqual(['a 1 3', 'a 1 5', 'a 3 5']);
  });
});
