import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from '../engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('events', { retentionMs: 1_000, segmentBytesMax: 1_024 });
});

afterEach(() => world.stop());

const SQL = `CREATE SOURCE events (id text, time timestamptz) WITH (topic = 'events', format = 'json');
CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS rows FROM events;`;

async function write(from: number, to: number): Promise<void> {
  for (let id = from; id < to; id++)
    await world.write('events', [{ id: `e${id}`, time: at(id), pad: 'x'.repeat(300) }]);
}

async function startAndPause(): Promise<void> {
  const running = await world.startSql(SQL);
  await write(0, 4);
  await running.idle();
  await world.engine.pause('p');
  await write(4, 12);
  world.clock.advance(60_000);
}

describe('the inputs of a paused pipeline', () => {
  it('are kept for it, over restarts too', async () => {
    await startAndPause();
    await world.crash(true);
    await world.start();
    await world.startSql(SQL);
    await world.log.applyRetention();
    expect(world.log.bounds('events', 0).logStart).toBeLessThanOrEqual(4);
    await world.engine.resume('p');
    await world.engine.pipelines()[0]!.idle();
    expect(world.table('counts')).toEqual([{ rows: 12 }]);
  });

  it('are let go beyond a limit, which is said; it is then built anew from what is left', async () => {
    await startAndPause();
    expect(await world.engine.releaseInputs(1_000_000)).toEqual([]);
    expect(await world.engine.releaseInputs(1_000)).toEqual(['p']);
    await world.crash(false);
    await world.start();
    await world.startSql(SQL);
    await world.log.applyRetention();
    const { logStart } = world.log.bounds('events', 0);
    expect(logStart).toBeGreaterThan(4);
    expect(world.engine.stored()[0]!.paused?.mustRebuild).toContain('bytes of input had come');
    await expect(world.engine.resume('p')).rejects.toThrow('headrace replay p --from earliest');
    const [pipeline] = world.engine.stored();
    await (await world.engine.build(pipeline!.pipeline(), { anew: true })).done;
    await write(12, 14);
    const running = world.engine.pipelines()[0]!;
    await running.idle();
    expect(running.status().state).toBe('running');
    expect(world.table('counts')).toEqual([{ rows: 14 - logStart }]);
  });
});

describe('the inputs of a pipeline that is not declared any more', () => {
  it.each([1, 2])(
    'are kept up to a limit, over restarts too; then it must be built anew (%i workers)',
    async (workers) => {
      world.workers = workers;
      const running = await world.startSql(SQL);
      await write(0, 4);
      await running.idle();
      await running.stop();
      await write(4, 12);
      world.clock.advance(60_000);
      expect(await world.engine.releaseInputs(1_000_000)).toEqual([]);
      await world.crash(false);
      await world.start();
      await world.log.applyRetention();
      expect(world.log.bounds('events', 0).logStart).toBe(0);
      expect(await world.engine.releaseInputs(1_000)).toEqual(['p']);
      expect(await world.engine.releaseInputs(1_000)).toEqual([]);
      await world.log.applyRetention();
      expect(world.log.bounds('events', 0).logStart).toBeGreaterThan(4);
      await expect(world.startSql(SQL)).rejects.toMatchObject({ code: 'ENGINE_INPUT_GONE' });
    },
  );
});
