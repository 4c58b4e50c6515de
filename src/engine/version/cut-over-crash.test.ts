import { describe, expect, it } from 'vitest';
import { at, EngineWorld, seededRandom, sqlPipeline } from '../engine-world.fixture.ts';

const SOURCE = `
CREATE SOURCE events (id text, type text, time timestamptz, n int8,
  WATERMARK FOR time AS time - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
`;
const OLD = `${SOURCE}
CREATE MATERIALIZED VIEW counts AS SELECT type, count(*) AS rows FROM events GROUP BY type;
CREATE MATERIALIZED VIEW rows AS SELECT id, n FROM events;
CREATE MATERIALIZED VIEW kept AS SELECT type, max(n) AS most FROM events GROUP BY type;`;
const NEW = `${SOURCE}
CREATE MATERIALIZED VIEW counts AS SELECT type, sum(n) AS total FROM events WHERE type <> 'c' GROUP BY type;
CREATE MATERIALIZED VIEW rows AS SELECT id, n * 10 AS n FROM events;
CREATE MATERIALIZED VIEW kept AS SELECT type, max(n) AS most FROM events GROUP BY type;`;
/** No view goes on with its state: all of it is built. */
const ALL_NEW = NEW.replace('max(n) AS most', 'max(n + 0) AS most').replace('n * 10', 'n * 5 * 2');
/** A crash at each operation takes a minute; a fourth of them is tried unless all are asked for. */
const STEP = process.env.HEADRACE_EVERY_CRASH === undefined ? 4 : 1;
const ONE: readonly [before: number, after: number] = [1, 1];
const BATCHES = [
  [1, 2, 3],
  [4, 5],
  [6, 7],
];

const event = (n: number): object => ({ id: `e${n}`, type: 'abc'[n % 3], time: at(n), n });

/** What each view holds when the first `count` batches have been read. */
function viewsOf(count: number) {
  const numbers = BATCHES.slice(0, count).flat();
  const by = (n: number): readonly number[] => numbers.filter((other) => other % 3 === n % 3);
  const types = [...new Set(numbers.map((n) => n % 3))].sort();
  return {
    old: types.map((t) => ({ type: 'abc'[t], rows: by(t).length })),
    next: types.flatMap((t) => (t === 2 ? [] : [{ type: 'abc'[t], total: by(t).reduce((a, b) => a + b, 0) }])),
    kept: types.map((t) => ({ type: 'abc'[t], most: Math.max(...by(t)) })),
  };
}

const sorted = (rows: readonly Record<string, unknown>[]) =>
  [...rows].sort((a, b) => (String(a.type) < String(b.type) ? -1 : 1));

/** Every table is that of one version at one commit, and all of the same version. */
function checkWhole(world: EngineWorld): 'old' | 'next' {
  const counts = sorted(world.table('counts'));
  const isNext = counts.some((row) => 'total' in row);
  const wanted = BATCHES.map((_, count) => viewsOf(count + 1)).concat(viewsOf(0));
  expect(wanted.map((views) => (isNext ? views.next : views.old))).toContainEqual(counts);
  expect(wanted.map(({ kept }) => kept)).toContainEqual(sorted(world.table('kept')));
  expect(world.engine.stored()[0]?.version ?? 1).toBe(isNext ? 2 : 1);
  return isNext ? 'next' : 'old';
}

/** One life: starts what is stored, builds the new version beside it unless that is done, and writes on. */
async function live(world: EngineWorld, next: string, workers: number, builds: () => void): Promise<void> {
  if (world.log.topic('events') === undefined) await world.createTopic('events', { partitions: 2 });
  const [stored] = world.engine.stored();
  if (stored !== undefined) checkWhole(world);
  const running = await world.startPipeline(stored?.pipeline() ?? (await sqlPipeline(OLD)));
  const write = async (step: number): Promise<void> => {
    if (!world.values('events').some(({ n }) => n === BATCHES[step]![0]))
      await world.write('events', BATCHES[step]!.map(event), step % 2);
  };
  await write(0);
  await running.idle();
  if (world.engine.stored()[0]!.version === 1) {
    builds();
    world.workers = workers;
    const build = await world.engine.build(await sqlPipeline(next));
    await write(1);
    await build.done;
  }
  await write(2);
  await world.engine.pipelines()[0]!.idle();
}

async function run(
  next: string,
  workers: readonly [before: number, after: number],
  crashes: readonly number[],
  power: boolean,
): Promise<{ operations: number; from: number }> {
  const world = new EngineWorld({ random: seededRandom(7), workers: workers[0] });
  let life = 0;
  let from = 0;
  for (;;) {
    let operations = 0;
    const crashAt = crashes[life++] ?? Number.POSITIVE_INFINITY;
    world.fault = () => (operations++ === crashAt ? 'crash' : undefined);
    try {
      await world.start();
      await live(world, next, workers[1], () => {
        from = operations;
      });
      checkEnd(world);
      await world.stop();
      return { operations, from };
    } catch (error) {
      if (!world.disk.crashed) throw error;
      world.fault = undefined;
      await world.crash(power);
    }
  }
}

function checkEnd(world: EngineWorld): void {
  const { next, kept } = viewsOf(3);
  expect(checkWhole(world)).toBe('next');
  expect(sorted(world.table('counts'))).toEqual(next);
  expect(sorted(world.table('kept'))).toEqual(kept);
  // An append topic goes on from the cut-over: each row once, as it was or as it is now.
  const rows = world.values('rows').map(({ id, n }) => [id, n]);
  expect(rows.map(([id]) => id).sort()).toEqual(BATCHES.flat().map((n) => `e${n}`));
  expect(rows.every(([id, n]) => n === Number(String(id).slice(1)) || n === 10 * Number(String(id).slice(1)))).toBe(
    true,
  );
  expect(rows.at(-1)).toEqual(['e7', 70]);
  expect(world.log.topics().filter(({ name }) => name.startsWith('_building'))).toEqual([]);
}

describe('a crash while a version is built and cut over to', () => {
  it.each([
    ['of which some views go on with their state', NEW, ONE, 0],
    ['of which all is built', ALL_NEW, ONE, 1],
    ['on several workers', NEW, [2, 2] as const, 2],
    ['on another number of workers', NEW, [2, 3] as const, 3],
  ])(
    'leaves the old one or the new one whole, at every operation of the disk: %s',
    async (_, next, workers, shift) => {
      const { operations, from } = await run(next, workers, [], false);
      expect(operations - from).toBeGreaterThan(40);
      // A run on several workers takes several times as long.
      const step = STEP === 1 || workers[0] === 1 ? STEP : 4 * STEP;
      for (let crashAt = from + shift; crashAt < operations; crashAt += step)
        await run(next, workers, [crashAt], (crashAt >> 2) % 2 === 0);
    },
    300_000,
  );
});
