import { expect, test } from 'vitest';
import { LogSimulation } from './log-simulation.fixture.ts';

/** More of them: `npm run test:simulate -- --seeds 1..10000`; a failure prints the seed that replays it. */
const SEEDS = 250;
const STEPS = 60;

test('through crashes, full disks, failed writes and flipped bits: nothing acknowledged is lost, nothing is there twice or in part', async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    try {
      await new LogSimulation(seed).run(STEPS);
    } catch (error) {
      expect.fail(
        `seed ${seed}: ${error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error)}`,
      );
    }
  }
}, 120_000);
