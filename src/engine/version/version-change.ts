import { comparePipelines, type PipelineChange, type ViewChange } from '../../plan/comparison/pipeline-change.ts';
import type { Pipeline } from '../../plan/node.ts';
import { servesState } from './merged-snapshot.ts';

/** As {@link comparePipelines}, with what the engine knows of state: views go on with theirs together, or not at all. */
export function compareVersions(before: Pipeline | undefined, after: Pipeline | undefined): PipelineChange {
  const change = comparePipelines(before, after);
  if (before === undefined || after === undefined) return change;
  const kept = keptViews(change);
  if (kept.length === 0 || servesState(before, after, kept)) return change;
  const consequence = 'what it keeps depends on the views beside it: it is made anew with them; its rows stay the same';
  const views = change.views.map(
    (view): ViewChange => (isKept(view) ? { ...view, fate: 'rebuilt', consequence } : view),
  );
  return { ...change, fate: 'rebuilt', views };
}

/** The views that go on with the state which they have. */
export function keptViews({ views }: PipelineChange): readonly string[] {
  return views.filter(isKept).map(({ view }) => view);
}

const isKept = ({ fate }: ViewChange): boolean => fate === 'unchanged' || fate === 'survives';
