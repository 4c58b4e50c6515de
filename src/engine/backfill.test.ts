import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compilePipeline } from '../sql/statement/pipeline-compiler.ts';
import { at, EngineWorld, seededRandom, sqlPipeline } from './engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('events', { partitions: 2 });
});

afterEach(() => world.stop());

const SOURCE = `
CREATE SOURCE events (id int8, k text, time timestamptz, WATERMARK FOR time AS time - INTERVAL '20 seconds')
  WITH (topic = 'events', idle_timeout = '1 hour', future_limit = '1 day');`;
const COUNT = `
CREATE MATERIALIZED VIEW per_minute AS SELECT window_start, k, count(*) AS n, sum(id) AS ids
  FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, k EMIT ON WINDOW CLOSE;`;

interface Event {
  readonly id: number;
  readonly k: string;
  readonly time: string;
}

/** Out of order by less than the watermark allows; what is written to one partition is read far ahead of the other. */
function events(seed: number, from: number, count: number): Event[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    const second = from + i - Math.floor(random() * 15);
    return { id: from + i, k: random() < 0.5 ? 'a' : 'b', time: at(Math.max(0, second)) };
  });
}

async function writeAll(rows: readonly Event[]): Promise<void> {
  for (const partition of [0, 1]) {
    const own = rows.filter(({ id }) => (id % 3 === 0) === (partition === 0));
    if (own.length > 0) await world.write('events', own, partition);
  }
}

function expected(rows: readonly Event[]): string[] {
  const groups = new Map<string, { n: number; ids: number }>();
  for (const { id, k, time } of rows) {
    const window_start = `${time.slice(0, 17)}00.000Z`;
    const group = groups.get(`${window_start} ${k}`) ?? { n: 0, ids: 0 };
    groups.set(`${window_start} ${k}`, { n: group.n + 1, ids: group.ids + id });
  }
  return [...groups].map(([key, { n, ids }]) => `${key} ${n} ${ids}`).sort();
}

function found(topic: string): string[] {
  const rows = world.values(topic) as { window_start: string; k: string; n: number; ids: number }[];
  return rows.map(({ window_start, k, n, ids }) => `${window_start} ${k} ${n} ${ids}`).sort();
}

describe('a view made over a topic with history', () => {
  it('has every event once, in windows that are final once, while new events come', async () => {
    const history = events(1, 0, 400);
    const live = events(2, 400, 200);
    await writeAll(history);
    const running = await world.startSql(SOURCE + COUNT);
    for (let from = 0; from < live.length; from += 10) {
      await writeAll(live.slice(from, from + 10));
      if (from % 40 === 0) await running.idle();
    }
    await running.idle({ closeWindows: true });
    expect(world.letters()).toEqual([]);
    expect(found('per_minute')).toEqual(expected([...history, ...live]));
  });

  it('goes on after a crash in the middle of the history', async () => {
    const history = events(3, 0, 400);
    await writeAll(history.slice(0, 250));
    await (await world.startSql(SOURCE + COUNT)).idle();
    await world.crash(true);
    await world.start();
    await writeAll(history.slice(250));
    const running = await world.startSql(SOURCE + COUNT);
    await running.idle({ closeWindows: true });
    expect(found('per_minute')).toEqual(expected(history));
  });
});

describe('a view made over a view of another pipeline that has history', () => {
  it('starts from all rows as they stand, and follows', async () => {
    const history = events(4, 0, 300);
    const first = await sqlPipeline(
      `${SOURCE} CREATE MATERIALIZED VIEW per_k AS SELECT k, count(*) AS n FROM events GROUP BY k;`,
      'first',
    );
    await writeAll(history);
    const upstream = await world.startPipeline(first);
    await upstream.idle();
    const views = new Map(first.outputs.map((output) => [output.name, output]));
    const second = await compilePipeline(
      'CREATE MATERIALIZED VIEW total AS SELECT sum(n) AS events, count(*) AS keys FROM per_k;',
      { name: 'second', views },
    );
    const downstream = await world.startPipeline(second);
    await downstream.idle();
    expect(world.table('total')).toEqual([{ events: 300, keys: 2 }]);
    await writeAll(events(5, 300, 50));
    await upstream.idle();
    await downstream.idle();
    expect(world.table('total')).toEqual([{ events: 350, keys: 2 }]);
  });
});
