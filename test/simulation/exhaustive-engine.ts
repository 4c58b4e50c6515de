import { HeadraceError } from '../../src/base/error.ts';
import { simulate } from '../../src/engine/crash-simulation.fixture.ts';
import { at, EngineWorld, seededRandom, sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import type { VirtualDisk } from '../../src/log/virtual-disk.ts';
import { type DamageTally, isTold } from './exhaustive-log.ts';
import { causesOf } from './tally.ts';

/** Everything that can happen to a short run of a pipeline, one thing at a time. `stride`: every so many-th of them. */

const SQL = `
CREATE SOURCE events (id text, type text, time timestamptz, amount int8,
  WATERMARK FOR time AS time - INTERVAL '5 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 day', future_limit = '1 day');
CREATE VIEW once WITH (ttl = '1 day') AS SELECT DISTINCT ON (id) * FROM events;
CREATE MATERIALIZED VIEW rows AS SELECT id, amount FROM once;
CREATE MATERIALIZED VIEW totals AS SELECT type, count(*) AS n, sum(amount) AS total FROM once GROUP BY type;
CREATE MATERIALIZED VIEW closed AS SELECT window_start, window_end, count(*) AS n
FROM TUMBLE(once, time, INTERVAL '10 seconds') GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;
`;
const EVENTS = 24;
const BATCH = 4;

/** Crashes of the process, then of the machine, in the middle of every operation. @returns crashes */
export async function crashEngineEverywhere(seed: number, stride: number): Promise<number> {
  let crashes = 0;
  for (const power of [false, true]) {
    const { operations } = await simulate({ seed, crashes: [], power });
    for (let crash = 0; crash < operations; crash += stride) {
      const { actual, expected } = await simulate({ seed, crashes: [crash], power });
      const [is, must] = [actual, expected].map((rows) => JSON.stringify(rows));
      if (is !== must) throw new Error(`crash at operation ${crash} (power loss: ${power}): ${is}, not ${must}`);
      crashes++;
    }
  }
  return crashes;
}

/** A pipeline with a snapshot and epochs after it, and a log that was closed as it should be. */
async function closedWorld(): Promise<VirtualDisk> {
  const world = await EngineWorld.open();
  await world.createTopic('events', { segmentBytesMax: 1_500 });
  const plan = await sqlPipeline(SQL);
  for (const part of [0, 1]) {
    const running = await world.startPipeline(plan);
    for (let n = (part * EVENTS) / 2; n < ((part + 1) * EVENTS) / 2; n += BATCH) {
      const events = Array.from({ length: BATCH }, (_, i) => event(n + i));
      await world.write('events', events);
      await running.idle();
    }
    await running.stop({ snapshot: part === 0 });
  }
  await world.log.close();
  world.disk.restart();
  return world.disk;
}

/** Every fifth is there twice. */
const event = (n: number): object => ({
  id: `e${n - (n % 5 === 4 ? 1 : 0)}`,
  type: 'ab'[n % 2],
  time: at(n),
  amount: n,
});

/** Goes on with what a disk holds, and gives what the outputs hold at the end. */
async function resumed(disk: VirtualDisk): Promise<string> {
  const world = new EngineWorld({ disk, random: seededRandom(2) });
  await world.start();
  try {
    const rows = await rowsOf(world);
    if (world.warnings.length === 0) return rows;
    throw damaged(world.warnings);
  } catch (error) {
    if (world.warnings.length === 0 || !(error instanceof HeadraceError)) throw error;
    throw damaged(world.warnings);
  } finally {
    await Promise.allSettled(world.engine.pipelines().map((pipeline) => pipeline.stop({ snapshot: false })));
    await world.log.close().catch(() => {});
  }
}

/** A log that is damaged is read up to there, and said to be. */
function damaged(warnings: readonly string[]): HeadraceError {
  return new HeadraceError(warnings.join(), { code: 'LOG_CORRUPT', domain: 'log' });
}

async function rowsOf(world: EngineWorld): Promise<string> {
  const running = await world.startPipeline(await sqlPipeline(SQL));
  await running.idle({ closeWindows: true });
  const texts = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
  return JSON.stringify([texts(world.values('rows')), texts(world.table('totals')), texts(world.values('closed'))]);
}

/** Files of the data directory that a name holds. */
type Damage = (bytes: Uint8Array, at: number) => Uint8Array;

const flipped: Damage = (bytes, at) => {
  const changed = bytes.slice();
  changed[at]! ^= 1 << (at % 8);
  return changed;
};
const torn: Damage = (bytes, at) => bytes.slice(0, at);

/** A bit of every byte of the snapshot flips, and it ends at every byte: the pipeline says so, or is right. */
export async function damageSnapshotEverywhere(stride: number, tally: DamageTally): Promise<void> {
  for (const damage of [flipped, torn]) await damageEverywhere('.snapshot', damage, stride, tally);
}

/** A bit of every byte of the log flips, below a pipeline: an error, or the right rows; never other rows. */
export async function flipBelowEngine(stride: number, tally: DamageTally): Promise<void> {
  for (const part of ['/topics/', '/commit/']) await damageEverywhere(part, flipped, stride, tally);
}

async function damageEverywhere(part: string, damage: Damage, stride: number, tally: DamageTally): Promise<void> {
  const disk = await closedWorld();
  const expected = await resumed(disk.copy({ random: seededRandom(1) }));
  for (const path of disk.paths().filter((name) => name.includes(part))) {
    const bytes = disk.content(path).slice();
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    for (let place = 0; place < end; place += stride) {
      const copy = disk.copy({ random: seededRandom(1) });
      copy.setContent(path, damage(bytes, place));
      await judge(`${path} damaged at byte ${place}`, copy, expected, tally);
    }
  }
}

async function judge(what: string, disk: VirtualDisk, expected: string, tally: DamageTally): Promise<void> {
  tally.places++;
  let rows: string;
  try {
    rows = await resumed(disk);
  } catch (error) {
    if (!isTold(error)) throw new Error(`${what}: ${causesOf(error)}`, { cause: error });
    tally.told++;
    return;
  }
  if (rows !== expected) throw new Error(`${what}: the outputs are ${rows}, not ${expected}`);
  tally.harmless++;
}
