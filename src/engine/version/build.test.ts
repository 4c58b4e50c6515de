import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EngineWorld, sqlPipeline } from '../engine-world.fixture.ts';

let world: EngineWorld;

afterEach(() => world.stop());

const SOURCE = `
CREATE SOURCE events (id text, type text, time timestamptz, n int8,
  WATERMARK FOR time AS time - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
`;
const COUNTS = `${SOURCE}CREATE MATERIALIZED VIEW counts AS SELECT type, count(*) AS rows FROM events GROUP BY type;`;
const SUMS = `${SOURCE}CREATE MATERIALIZED VIEW counts AS SELECT type, count(*) AS rows, sum(n) AS total FROM events WHERE type <> 'c' GROUP BY type;`;

const event = (id: number, type: string): object => ({ id: `e${id}`, type, time: at(id), n: id });

/** Builds a version beside the present one and waits for its cut-over. */
async function rebuild(sql: string) {
  const build = await world.engine.build(await sqlPipeline(sql));
  return build.done;
}

describe.each([1, 2])('a version that is built beside the present one, on %i workers', (workers) => {
  beforeEach(async () => {
    world = await EngineWorld.open({ workers });
    await world.createTopic('events', { partitions: workers });
  });

  it('is swept after before the pipeline can be changed again', async () => {
    await world.startSql(COUNTS);
    const pipeline = await sqlPipeline(COUNTS);
    await world.write('events', [event(1, 'a')]);
    const first = await world.engine.build(pipeline, { anew: true });
    let isOver = false;
    first.done.then(
      () => {
        isOver = true;
      },
      () => {},
    );
    for (let second: unknown; second === undefined; ) {
      second = await world.engine.build(pipeline).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(isOver).toBe(true);
    await first.done;
  });

  it('takes its place with the difference: rows that are the same are not touched', async () => {
    const running = await world.startSql(COUNTS);
    await world.write('events', [event(1, 'a'), event(2, 'b'), event(3, 'c')]);
    await running.idle();
    const same = COUNTS.replace('count(*) AS rows', "count(*) + CASE type WHEN 'b' THEN 1 ELSE 0 END AS rows").replace(
      'GROUP',
      "WHERE type <> 'c' GROUP",
    );
    const cutOver = await rebuild(same);
    expect(cutOver).toMatchObject({ version: 2, outputs: [{}, { topic: 'counts', written: 1, deleted: 1 }] });
    expect(world.records('counts').slice(3)).toEqual([
      { partition: 0, key: '["c"]', value: null },
      { partition: 0, key: '["b"]', value: { type: 'b', rows: 2 } },
    ]);
  });

  it('goes on from there, and after a crash', async () => {
    const running = await world.startSql(COUNTS);
    await world.write('events', [event(1, 'a'), event(3, 'c')]);
    await running.idle();
    await rebuild(SUMS);
    await world.write('events', [event(5, 'a')]);
    await world.engine.pipelines()[0]!.idle();
    expect(world.table('counts')).toEqual([{ type: 'a', rows: 2, total: 6 }]);
    await world.crash(true);
    await world.start();
    await world.startSql(SUMS);
    await world.write('events', [event(6, 'a')]);
    await world.engine.pipelines()[0]!.idle();
    expect(world.table('counts')).toEqual([{ type: 'a', rows: 3, total: 12 }]);
  });

  it('leaves nothing of the former version behind', async () => {
    const running = await world.startSql(COUNTS);
    await world.write('events', [event(1, 'a')]);
    await running.idle();
    await rebuild(SUMS);
    const topics = world.log.topics().map(({ name }) => name);
    expect(topics.filter((name) => !name.startsWith('__exchange.p.2.'))).toEqual(['events', 'counts', '_dead_letters']);
    const journal = [...world.log.ledgerEntries('journal').keys()];
    expect(journal.map((key) => key.slice(0, 4))).toEqual(journal.map(() => 'p@2/'));
    expect(world.log.ledgerGet('snapshot', 'p')).toBeUndefined();
    expect(world.engine.stored()).toMatchObject([{ name: 'p', version: 2, building: undefined }]);
  });

  it('is invisible until then, and the former one goes on', async () => {
    const running = await world.startSql(COUNTS);
    await world.write('events', [event(1, 'a')]);
    await running.idle();
    await world.stop();
    await world.start();
    await world.startSql(COUNTS);
    const build = await world.engine.build(await sqlPipeline(SUMS));
    expect(world.table('counts')).toEqual([{ type: 'a', rows: 1 }]);
    await world.write('events', [event(2, 'a')]);
    await build.done;
    expect(world.table('counts')).toEqual([{ type: 'a', rows: 2, total: 3 }]);
  });
});

const WITH_ROWS = `${COUNTS} CREATE MATERIALIZED VIEW rows AS SELECT id, n FROM events;
CREATE MATERIALIZED VIEW minutes AS SELECT window_start, type, count(*) AS rows
FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, window_end, type EMIT ON WINDOW CLOSE;`;

describe('another number of workers', () => {
  it.each([
    [1, 2],
    [2, 1],
    [2, 3],
  ])('is built beside, and no row of an append topic is lost or written twice: %i, then %i', async (before, after) => {
    world = await EngineWorld.open({ workers: before });
    await world.createTopic('events', { partitions: 3 });
    const write = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n++) await world.write('events', [event(n, 'abc'[n % 3]!)], n % 3);
    };
    await world.startSql(WITH_ROWS);
    await write(0, 100);
    await world.engine.pipelines()[0]!.idle();
    await world.stop();
    world.workers = after;
    await world.start();
    await world.startSql(WITH_ROWS);
    await write(100, 150);
    const build = await world.engine.build(await sqlPipeline(WITH_ROWS));
    await write(150, 200);
    const { outputs } = await build.done;
    expect(outputs.map(({ topic, written, deleted }) => [topic, written, deleted])).toEqual([
      ['_dead_letters', 0, 0],
      ['counts', 0, 0],
      ['minutes', 0, 0],
    ]);
    await write(200, 300);
    await world.engine.pipelines()[0]!.idle();
    const ids = Array.from({ length: 300 }, (_, n) => `e${n}`);
    expect(world.values('rows').map(({ id }) => id)).toHaveLength(300);
    expect(new Set(world.values('rows').map(({ id }) => id))).toEqual(new Set(ids));
    expect(world.table('counts').map(({ rows }) => rows)).toEqual([100, 100, 100]);
    // Each window once, whichever version closed it.
    expect(world.values('minutes')).toHaveLength(4 * 3);
    expect(world.table('minutes').map(({ rows }) => rows)).toEqual(Array.from({ length: 4 * 3 }, () => 20));
    expect(
      world.log.topics().filter(({ name }) => name.startsWith('_building') || name.startsWith('__exchange.p.1')),
    ).toEqual([]);
    expect(world.engine.stored()[0]!.version).toBe(2);
  });
});

const EVERY = `${SOURCE}CREATE MATERIALIZED VIEW rows AS SELECT id, n FROM events EMIT EVERY INTERVAL '1 hour';`;

describe('rows that wait for their interval', () => {
  it.each([1, 2])('come out before another version takes the place of theirs (%i workers)', async (workers) => {
    world = await EngineWorld.open({ workers });
    await world.createTopic('events', { partitions: 2 });
    const running = await world.startSql(EVERY);
    await world.write('events', [event(1, 'a')], 0);
    await running.idle();
    await world.write('events', [event(2, 'b'), event(3, 'c')], 0);
    await running.idle();
    expect(world.values('rows').length).toBeLessThan(3);
    const next = EVERY.replace('FROM events', "FROM events WHERE type <> 'b'").replace('n FROM', 'n * 10 AS n FROM');
    await (await world.engine.build(await sqlPipeline(next), { anew: true })).done;
    expect(world.values('rows').map(({ id, n }) => [id, n])).toEqual([
      ['e1', 1],
      ['e2', 2],
      ['e3', 3],
    ]);
    await world.write('events', [event(4, 'a'), event(5, 'b')], 0);
    world.clock.advance(3_600_000);
    await world.engine.pipelines()[0]!.idle();
    await world.stop();
    await world.start();
    expect(world.values('rows').map(({ id, n }) => [id, n])).toEqual([
      ['e1', 1],
      ['e2', 2],
      ['e3', 3],
      ['e4', 40],
    ]);
  });

  it('are not left out when theirs has ended before: the other version is refused, and says what to do', async () => {
    world = await EngineWorld.open();
    await world.createTopic('events');
    const running = await world.startSql(EVERY);
    await world.write('events', [event(1, 'a'), event(2, 'b')]);
    await running.idle();
    await running.stop();
    const build = world.engine.build(await sqlPipeline(EVERY.replace('n FROM', 'n * 10 AS n FROM')), { anew: true });
    await expect(build).rejects.toMatchObject({ code: 'ENGINE_ROWS_UNWRITTEN' });
    expect(world.engine.stored()[0]).toMatchObject({ version: 1 });
  });
});
