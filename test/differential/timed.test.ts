import { expect, test } from 'vitest';
import { Oracle } from './comparison.ts';
import { runTimedRound } from './timed-round.ts';

const ROUNDS = 15;
const VIEWS = 8;

test('joins in time, frames and patterns over generated events give at every commit what the oracle gives', async () => {
  const oracle = await Oracle.open();
  let compared = 0;
  for (let seed = 1; seed <= ROUNDS; seed++) compared += (await runTimedRound(seed, VIEWS, oracle)).length;
  oracle.close();
  expect(compared).toBe(ROUNDS * VIEWS);
}, 120_000);
