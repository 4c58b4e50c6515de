import { LogSimulation } from '../../src/log/log-simulation.fixture.ts';
import { FAULT_KINDS, type FaultKind } from './fault-plan.ts';
import { Simulation } from './simulation.ts';

/** Deeds of the log alone in one seed. */
const LOG_STEPS = 60;
/** Every so many seeds one is run twice: both must make the same decisions. */
const TWICE_EVERY = 50;

/** What a number of seeds came to. */
export interface Tally {
  seeds: number;
  lives: number;
  turns: number;
  /** Seeds that were run twice, and made the same decisions. */
  replayed: number;
  readonly faults: Record<FaultKind, number>;
  readonly failures: { readonly seed: number; readonly message: string }[];
}

export function emptyTally(): Tally {
  const faults = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  return { seeds: 0, lives: 0, turns: 0, replayed: 0, faults, failures: [] };
}

export function addTally(into: Tally, more: Tally): void {
  into.seeds += more.seeds;
  into.lives += more.lives;
  into.turns += more.turns;
  into.replayed += more.replayed;
  for (const kind of FAULT_KINDS) into.faults[kind] += more.faults[kind];
  into.failures.push(...more.failures);
}

/** One seed: the whole core, and the log alone, which goes through more there. @throws Error what does not hold */
export async function runSeed(seed: number, tally: Tally): Promise<void> {
  const report = await new Simulation(seed).run();
  tally.lives += report.lives;
  tally.turns += report.turns;
  for (const [kind, count] of report.faults) tally.faults[kind as FaultKind] += count;
  await new LogSimulation(seed).run(LOG_STEPS);
  tally.seeds++;
  if (seed % TWICE_EVERY !== 0) return;
  const again = await new Simulation(seed).run();
  if (again.trace !== report.trace)
    throw new Error(`a second run decides otherwise: ${again.trace}, not ${report.trace}`);
  tally.replayed++;
}

export function causesOf(error: unknown): string {
  const lines: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) lines.push(cause.message);
  return lines.join(' <- ');
}
