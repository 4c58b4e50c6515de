import type { RunningPipeline } from '../../src/engine/engine.ts';
import type { EngineWorld } from '../../src/engine/engine-world.fixture.ts';
import type { Pipeline } from '../../src/plan/node.ts';
import type { RandomSource } from './random-source.ts';

/** More than any interval between snapshots that a round sets. */
const SNAPSHOT_TURN_MS = 1_000;

/** Dead letters that are no failure: the oracle's query leaves the same rows out. */
export const EXPECTED_REASONS: ReadonlySet<string> = new Set(['late', 'no-event-time']);

/** Rows that are written before the next comparison. */
export type WriteGroup = readonly {
  readonly topic: string;
  readonly partition: number;
  readonly rows: readonly unknown[];
}[];

export interface CrashingRunOptions {
  readonly pipelines: readonly Pipeline[];
  readonly groups: readonly WriteGroup[];
  /** Chance of a crash after a group. */
  readonly crashes: number;
  /** At a commit; with `ended` all windows are closed. */
  readonly compare: (ended: boolean) => Promise<void>;
}

/** Writes the groups one by one, lets the pipelines come to an end with each, compares, and crashes now and then. */
export async function crashingRun(
  world: EngineWorld,
  random: RandomSource,
  { pipelines, groups, crashes, compare }: CrashingRunOptions,
): Promise<void> {
  const start = async (): Promise<readonly RunningPipeline[]> => {
    const started: RunningPipeline[] = [];
    for (const pipeline of pipelines) started.push(await world.startPipeline(pipeline, { bounded: true }));
    return started;
  };
  let running = await start();
  for (const [at, group] of groups.entries()) {
    for (const { topic, rows, partition } of group) await world.write(topic, rows, partition);
    world.clock.advance(SNAPSHOT_TURN_MS);
    for (const pipeline of running) await pipeline.idle();
    if (at < groups.length - 1) await compare(false);
    if (!random.chance(crashes)) continue;
    await world.crash(random.chance(0.5));
    await world.start();
    running = await start();
  }
  for (const pipeline of running) await pipeline.idle({ closeWindows: true });
  await compare(true);
}
