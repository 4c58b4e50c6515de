import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EngineWorld, sqlPipeline } from '../engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('events', { retentionMs: 1_000, segmentBytesMax: 1_024 });
});

afterEach(() => world.stop());

const SOURCE = `
CREATE SOURCE events (id text, type text, time timestamptz, n int8,
  WATERMARK FOR time AS time - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
CREATE VIEW once WITH (ttl = '1 day') AS SELECT DISTINCT ON (id) * FROM events;
`;
const COUNTS = 'CREATE MATERIALIZED VIEW counts AS SELECT type, count(*) AS rows FROM once GROUP BY type;\n';
const SUMS = 'CREATE MATERIALIZED VIEW sums AS SELECT type, sum(n) AS total FROM once GROUP BY type;\n';
const ROWS = 'CREATE MATERIALIZED VIEW rows AS SELECT id, n FROM once WHERE n > 0;\n';

const event = (id: number): object => ({ id: `e${id}`, type: 'ab'[id % 2], time: at(id), n: id, pad: 'x'.repeat(200) });
const events = (from: number, to: number): object[] => Array.from({ length: to - from }, (_, i) => event(from + i));
const present = () => world.engine.pipelines()[0]!;

/** Ten events are read, and then retention takes them: nothing could be built from them again. */
async function startAndForget(sql: string): Promise<void> {
  // Inputs are kept from the snapshot before the last one on.
  for (const [from, to] of [
    [0, 9],
    [9, 10],
  ] as const) {
    const running = await world.startSql(SOURCE + sql);
    for (const one of events(from, to)) await world.write('events', [one]);
    await running.idle();
    await running.stop();
  }
  await world.startSql(SOURCE + sql);
  world.clock.advance(60_000);
  await world.log.applyRetention();
  expect(world.log.bounds('events', 0).logStart).toBeGreaterThan(0);
}

async function change(sql: string, name = 'p') {
  const build = await world.engine.build(await sqlPipeline(SOURCE + sql, name));
  return build.done;
}

const byType = (topic: string) => world.table(topic).sort((a, b) => (String(a.type) < String(b.type) ? -1 : 1));

describe('a view that is added beside others', () => {
  it('leaves them their state, and is built from what is left of the inputs', async () => {
    await startAndForget(COUNTS);
    const left = 10 - world.log.bounds('events', 0).logStart;
    await change(COUNTS + SUMS);
    await world.write('events', events(10, 12));
    await present().idle();
    expect(byType('counts')).toEqual([
      { type: 'a', rows: 6 },
      { type: 'b', rows: 6 },
    ]);
    const totals = byType('sums').reduce((sum, { total }) => sum + Number(total), 0);
    expect(totals).toBe(events(10 - left, 12).length * 11 - ((left + 2) * (left + 1)) / 2);
    expect(world.records('counts').filter(({ value }) => value === null)).toEqual([]);
  });

  it('is refused with what to do when the disk does not take the snapshot of both, and the view goes on', async () => {
    await world.startSql(SOURCE + COUNTS);
    await world.write('events', events(0, 4));
    await present().idle();
    world.fault = (kind, path) => (kind === 'sync-directory' && path.endsWith('%402') ? 'EIO' : undefined);
    await expect(change(COUNTS + SUMS)).rejects.toMatchObject({ code: 'ENGINE_STATE_NOT_CARRIED' });
    world.fault = undefined;
    await world.write('events', events(4, 6));
    await present().idle();
    expect(byType('counts')).toMatchObject([{ rows: 3 }, { rows: 3 }]);
  });

  it('may be added before anything has come', async () => {
    await world.startSql(SOURCE + COUNTS);
    await change(COUNTS + SUMS);
    await world.write('events', events(0, 4));
    await present().idle();
    expect(byType('counts')).toMatchObject([{ rows: 2 }, { rows: 2 }]);
    expect(byType('sums')).toMatchObject([{ total: 2 }, { total: 4 }]);
  });

  it('goes on with all of them after a crash', async () => {
    await startAndForget(COUNTS);
    await change(COUNTS + SUMS);
    await world.write('events', events(10, 12));
    await present().idle();
    await world.crash(true);
    await world.start();
    await world.startSql(SOURCE + COUNTS + SUMS);
    await world.write('events', [...events(10, 12), ...events(12, 14)]);
    await present().idle();
    expect(byType('counts')).toMatchObject([{ rows: 7 }, { rows: 7 }]);
    expect(world.engine.stored()).toMatchObject([{ version: 2 }]);
  });
});

describe('a view that is taken away', () => {
  it('leaves the others their state', async () => {
    await startAndForget(COUNTS + SUMS);
    await change(COUNTS);
    await world.write('events', events(9, 12));
    await present().idle();
    expect(byType('counts')).toMatchObject([{ rows: 6 }, { rows: 6 }]);
    expect(world.table('sums')).toHaveLength(2);
  });
});

describe('a view of an append topic', () => {
  it('goes on with the state below it: its rows are others from then on', async () => {
    await startAndForget(ROWS);
    await change(ROWS.replace('n > 0', 'n > 10').replace('id, n', 'id, n * 2 AS n'));
    await world.write('events', events(9, 13));
    await present().idle();
    expect(
      world
        .values('rows')
        .slice(-3)
        .map(({ n }) => n),
    ).toEqual([9, 22, 24]);
  });
});

describe('a view that is written less often', () => {
  it('goes on with its state', async () => {
    await startAndForget(COUNTS);
    const cutOver = await change(COUNTS.replace(';', " EMIT EVERY INTERVAL '1 minute';"));
    expect(cutOver.outputs).toEqual([]);
    await world.write('events', events(10, 12));
    await present().idle();
    world.clock.advance(120_000);
    await present().idle({ closeWindows: true });
    expect(byType('counts')).toMatchObject([{ rows: 6 }, { rows: 6 }]);
  });
});
