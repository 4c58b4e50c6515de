import { expect, test } from 'vitest';
import { randomOf } from '../log-simulation.fixture.ts';
import type { DiskFault } from '../virtual-disk.ts';
import { CompactionWorld, DELETE_RETENTION_MS, standing } from './compaction.fixture.ts';

/** Two passes over some keys that change and go; the same every time. */
async function run(world: CompactionWorld): Promise<void> {
  await world.create();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 30; i++) {
      await world.write({ key: `k${i % 4}`, value: i % 7 === 3 ? null : `${round}.${i}`.padEnd(90) });
    }
    world.clock.advance(DELETE_RETENTION_MS);
    await world.log.compact();
  }
}

/** Whatever happened: what stands is what was acknowledged, and what is left is what was written, where it was. */
async function expectWhole(world: CompactionWorld): Promise<void> {
  await world.open();
  const found = world.read();
  const acknowledged = world.history.length;
  const { highWatermark } = world.log.bounds('t', 0);
  expect(highWatermark === acknowledged || highWatermark === acknowledged + 1).toBe(true);
  for (const one of found) if (one.offset < acknowledged) expect(one).toEqual(world.history[one.offset]);
  const unanswered = found.filter(({ offset }) => offset >= acknowledged);
  expect(standing(found)).toEqual(standing([...world.history, ...unanswered]));
  const files = world.disk.paths().filter((path) => path.startsWith('/data/topics/'));
  expect(files.filter((path) => path.includes('unfinished'))).toEqual([]);
  for (const one of unanswered) world.history[one.offset] = one;
  await world.log.compact();
  await world.write({ key: 'last', value: '1' });
  expect(standing(world.read())).toEqual(standing(world.history));
}

/** Every place takes half a minute: `HEADRACE_EVERY_CRASH=1`. */
const STRIDE = process.env.HEADRACE_EVERY_CRASH === undefined ? 7 : 1;

async function operationsOf(): Promise<number> {
  const world = new CompactionWorld();
  await run(world);
  return world.disk.operations;
}

test('a crash at any operation of the disk leaves all that was acknowledged, and the log compacts on', async () => {
  const operations = await operationsOf();
  expect(operations).toBeGreaterThan(300);
  for (let at = 20; at <= operations; at += STRIDE) {
    const random = randomOf(at);
    let armed = true;
    const fault = (_: unknown, number: number): DiskFault | undefined => (armed && number === at ? 'crash' : undefined);
    const world = new CompactionWorld({}, { random, fault });
    await run(world).catch(() => undefined);
    armed = false;
    if (world.log === undefined) continue;
    if (at % 3 === 0) world.disk.restart();
    else world.disk.powerLoss();
    try {
      if ((await world.open()).log.topic('t') !== undefined) await expectWholeAfter(world);
    } catch (error) {
      throw new Error(`crash at operation ${at}`, { cause: error });
    }
  }
}, 120_000);

async function expectWholeAfter(world: CompactionWorld): Promise<void> {
  await world.log.close();
  await expectWhole(world);
}

test.each(['EIO', 'ENOSPC'] as const)(
  '%s at any operation of the disk loses nothing',
  async (kind) => {
    const operations = await operationsOf();
    for (let at = 30; at <= operations; at += 3 * STRIDE) {
      let armed = true;
      const fault = (_: unknown, number: number): DiskFault | undefined => (armed && number === at ? kind : undefined);
      const world = new CompactionWorld({}, { random: randomOf(at), fault });
      await run(world).catch(() => undefined);
      armed = false;
      if (at % 2 === 0) world.disk.restart();
      else world.disk.powerLoss();
      await expectWhole(world).catch((error: unknown) => {
        throw new Error(`${kind} at operation ${at}`, { cause: error });
      });
    }
  },
  120_000,
);
