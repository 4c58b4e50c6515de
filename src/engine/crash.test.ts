import { expect, test } from 'vitest';
import { simulate } from './crash-simulation.fixture.ts';
import { seededRandom } from './engine-world.fixture.ts';

async function check(simulation: Parameters<typeof simulate>[0]): Promise<number> {
  const name = JSON.stringify(simulation);
  const { actual, expected, operations } = await simulate(simulation).catch((error: unknown) => {
    throw new Error(`simulation ${name}`, { cause: error });
  });
  expect(actual, name).toEqual(expected);
  return operations;
}

test('without a crash the outputs are those of the definition', async () => {
  for (let seed = 1; seed <= 10; seed++) await check({ seed, crashes: [], power: false });
});

test.each([false, true])(
  'after a crash at any disk operation every row counts once (power loss: %s)',
  async (power) => {
    const seed = power ? 7 : 8;
    const operations = await check({ seed, crashes: [], power });
    for (let crash = 0; crash < operations; crash += 8) await check({ seed, crashes: [crash], power });
  },
  120_000,
);

test('after crashes again and again, in recovery too, every row counts once', async () => {
  for (let seed = 100; seed < 115; seed++) {
    const random = seededRandom(seed);
    const crashes = Array.from({ length: 4 }, () => Math.floor(random() * 60));
    await check({ seed, crashes, power: random() < 0.5 });
  }
}, 120_000);
