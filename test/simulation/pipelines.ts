import { sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import type { Pipeline } from '../../src/plan/node.ts';
import { TABLE_VIEWS } from './table-views.ts';
import { type SimulatedPipeline, type SimulatedView, sqlOf } from './view.ts';
import { WINDOW_VIEWS } from './window-views.ts';

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
    if (!chosen.some((other) => other.name === name)) chosen.push({ name, views: CHOICES[at]!, after: [] });
  }
  if (below(3) > 0) return chosen;
  chosen.push({ name: 'first', views: [kept, totals], after: [] });
  if (below(2) === 0) chosen.push({ name: 'second', views: [perType, ofKept], after: ['first'] });
  return chosen;
}

const compiled = new Map<string, Promise<Pipeline>>();

/** The plan of a pipeline; made once. */
export function planOf({ name, views }: SimulatedPipeline): Promise<Pipeline> {
  let plan = compiled.get(name);
  if (plan === undefined) {
    plan = sqlPipeline(sqlOf(views), name);
    compiled.set(name, plan);
  }
  return plan;
}
