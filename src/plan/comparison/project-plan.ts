import type { PipelineChange } from './pipeline-change.ts';

/** Input that a pipeline which is made anew cannot read any more: its results will be without it. */
export interface LostInput {
  readonly topic: string;
  readonly partition: number;
  /** The first offset that is left. */
  readonly from: number;
}

export interface PlannedChange extends PipelineChange {
  /** The version that runs, or ran; undefined for a pipeline that is new. */
  readonly version: number | undefined;
  /** Version that is being built beside it. */
  readonly building: number | undefined;
  readonly lostInputs: readonly LostInput[];
}

/** What the files of a project ask of the pipelines that there are. */
export interface ProjectPlan {
  readonly changes: readonly PlannedChange[];
  /** Changes are being applied. */
  readonly applying?: boolean;
}

/** A plan as the API and the command line show it. */
export type ShownPlan = ReturnType<typeof shownPlan>;

export function shownPlan(plan: ProjectPlan) {
  return {
    changes: hasChanges(plan),
    applying: plan.applying ?? false,
    pipelines: plan.changes.map((change) => ({
      ...change,
      version: change.version ?? null,
      building: change.building ?? null,
      views: change.views.map((view) => ({ ...view, consequence: view.consequence ?? null })),
    })),
  };
}

/** Whether anything is to be done. */
function hasChanges({ changes }: ProjectPlan): boolean {
  return changes.some(({ fate }) => fate !== 'unchanged');
}
