import { expect, test } from 'vitest';
import { simulate } from '../crash-simulation.fixture.ts';
import { seededRandom } from '../engine-world.fixture.ts';

async function check(simulation: Parameters<typeof simulate>[0]): Promise<number> {
  const name = JSON.stringify(simulation);
  const { actual, expected, operations } = await simulate(simulation).catch((error: unknown) => {
    throw new Error(`simulation ${name}`, { cause: error });
  });
  expect(actual, name).toEqual(expected);
  return operations;
}

test.each([2, 3])(
  'on %i workers the outputs are those of the definition',
  async (workers) => {
    for (let seed = 1; seed <= 4; seed++) await check({ seed, crashes: [], power: false, workers });
  },
  120_000,
);

test.each([false, true])(
  'after a crash in the midst of several tasks every row counts once (power loss: %s)',
  async (power) => {
    const seed = power ? 7 : 8;
    const operations = await check({ seed, crashes: [], power, workers: 2 });
    for (let crash = 5; crash < operations; crash += 109) await check({ seed, crashes: [crash], power, workers: 2 });
  },
  240_000,
);

test('after crashes again and again, in recovery too, every row counts once', async () => {
  for (let seed = 100; seed < 106; seed++) {
    const random = seededRandom(seed);
    const crashes = Array.from({ length: 4 }, () => Math.floor(random() * 150));
    await check({ seed, crashes, power: random() < 0.5, workers: 2 });
  }
}, 240_000);
