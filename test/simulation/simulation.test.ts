import { expect, test } from 'vitest';
import { FAULT_KINDS, type FaultKind } from './fault-plan.ts';
import { Simulation } from './simulation.ts';
import { causesOf, emptyTally, runSeed } from './tally.ts';

/** More of them: `npm run test:simulate -- --seeds 1..10000`; a failure prints the command that replays it. */
const SEEDS = 50;

test('through faults of every kind: nothing acknowledged is lost, nothing counts twice, every view holds what its definition says', async () => {
  const tally = emptyTally();
  for (let seed = 1; seed <= SEEDS; seed++) {
    await runSeed(seed, tally).catch((error: unknown) => expect.fail(`seed ${seed}: ${causesOf(error)}`));
  }
  const missing = FAULT_KINDS.filter((kind: FaultKind) => tally.faults[kind] === 0);
  expect(missing).toEqual([]);
  expect(tally.replayed).toBe(1);
}, 300_000);

test('one seed decides the same each time, and another one otherwise', async () => {
  const traces = [];
  for (const seed of [7, 7, 8]) traces.push((await new Simulation(seed).run()).trace);
  expect(traces[1]).toBe(traces[0]);
  expect(traces[2]).not.toBe(traces[0]);
}, 60_000);
