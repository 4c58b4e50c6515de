import { comparePipelines, type PipelineChange, type ViewChange } from '../../plan/comparison/pipeline-change.ts';
import type { Pipeline } from '../../plan/node.ts';
import { stateHash } from '../../plan/pipeline-text.ts';
import { servesState } from './merged-snapshot.ts';

/** In how many workers state is, and is to be. */
export interface WorkersChange {
  readonly before: number;
  readonly after: number;
}

/** As {@link comparePipelines}, with what the engine knows of state: views go on with theirs together, or not at all. */
export function compareVersions(
  before: Pipeline | undefined,
  after: Pipeline | undefined,
  workers: WorkersChange,
): PipelineChange {
  const change = comparePipelines(before, after);
  if (before === undefined || after === undefined) return change;
  const kept = keptViews(change);
  if (workers.before !== workers.after) return onOtherWorkers(change, workers);
  if (workers.after > 1 && change.fate !== 'unchanged' && stateHash(before) !== stateHash(after))
    return builtAnew(
      change,
      'its state is in several workers, and is not gone on with: it is made anew; its rows stay the same',
    );
  if (kept.length === 0 || servesState(before, after, kept)) return change;
  return builtAnew(
    change,
    'what it keeps depends on the views beside it: it is made anew with them; its rows stay the same',
  );
}

/** Key groups are dealt out anew by reading the inputs again. */
function onOtherWorkers(change: PipelineChange, { before, after }: WorkersChange): PipelineChange {
  const rebuilt = builtAnew(
    change,
    `its state is dealt out to ${after} workers by making it anew; its rows stay the same`,
  );
  return { ...rebuilt, besides: [`runs on ${after} workers, was ${before}`, ...change.besides] };
}

/** No view goes on with its state. */
function builtAnew(change: PipelineChange, consequence: string): PipelineChange {
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
