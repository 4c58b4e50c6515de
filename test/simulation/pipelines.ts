import { sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import type { Pipeline } from '../../src/plan/node.ts';
import { stateHash } from '../../src/plan/pipeline-text.ts';
import { ALTERED_TABLE_VIEWS, TABLE_VIEWS } from './table-views.ts';
import { type SimulatedPipeline, type SimulatedView, sqlOf } from './view.ts';
import { ALTERED_WINDOW_VIEWS, WINDOW_VIEWS } from './window-views.ts';

const { kept, totals, closed, hops, sessions, finished } = WINDOW_VIEWS;
const { pairs, outer, alone, near, top, last, running, counted, seldom, quotients, looked, perType, ofKept } =
  TABLE_VIEWS;

/** Sets of views that make up a pipeline. */
const CHOICES: readonly (readonly SimulatedView[])[] = [
  [closed, hops],
  [sessions],
  [finished, counted],
  [pairs, quotients],
  [outer, top],
  [alone],
  [near, last],
  [running, seldom],
  [looked],
];

/** Some pipelines; views on views among them now and then. */
export function choosePipelines(below: (count: number) => number): readonly SimulatedPipeline[] {
  const chosen: SimulatedPipeline[] = [];
  const count = 1 + below(2);
  for (let i = 0; i < count; i++) {
    const at = below(CHOICES.length);
    const name = `p${at}`;
    if (!chosen.some((other) => other.name === name)) chosen.push(pipelineOf(name, CHOICES[at]!));
  }
  if (below(3) > 0) return chosen;
  chosen.push(pipelineOf('first', [kept, totals]));
  if (below(2) === 0) chosen.push(pipelineOf('second', [perType, ofKept], ['first']));
  return chosen;
}

const ALTERED = [...ALTERED_TABLE_VIEWS, ...ALTERED_WINDOW_VIEWS];

function pipelineOf(name: string, views: readonly SimulatedView[], after: readonly string[] = []): SimulatedPipeline {
  const altered = views.map((view) => ALTERED.find((other) => other.name === view.name) ?? view);
  return { name, views, altered, after };
}

/** One of the definitions that a pipeline can have. */
export interface PipelineVersion {
  readonly views: readonly SimulatedView[];
  readonly plan: Pipeline;
  readonly hash: string;
}

const compiled = new Map<string, Promise<readonly PipelineVersion[]>>();

/** The definition that a pipeline begins with, and that which it may be given; made once. */
export function versionsOf({ name, views, altered }: SimulatedPipeline): Promise<readonly PipelineVersion[]> {
  let versions = compiled.get(name);
  if (versions === undefined) {
    versions = Promise.all(
      [views, altered].map(async (chosen) => {
        const plan = await sqlPipeline(sqlOf(chosen), name);
        return { views: chosen, plan, hash: stateHash(plan) };
      }),
    );
    compiled.set(name, versions);
  }
  return versions;
}
