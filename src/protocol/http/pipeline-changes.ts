import type { ProjectPlan } from '../../plan/comparison/project-plan.ts';

/** What the door may have done to the pipelines of the process. */
export interface PipelineChanges {
  /** Compares the files of the project with what runs. @throws HeadraceError of domain `config`, `sql`, `plan`: the files are wrong */
  plan(): Promise<ProjectPlan>;
  /** Begins to apply the files; the plan says what that is. @throws HeadraceError as `plan`, and `ENGINE_INPUT_LOST` */
  apply(options: { readonly acceptLoss: boolean }): Promise<ProjectPlan>;
  /** @throws HeadraceError `ENGINE_PIPELINE_UNKNOWN`, `ENGINE_PIPELINE_BUSY`; so do the following */
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  restart(name: string): Promise<void>;
  /** Gives up what is being built beside a pipeline. */
  abandon(name: string): Promise<void>;
  /** Returns the pipelines that are gone. @throws HeadraceError `ENGINE_PIPELINE_NEEDED` */
  drop(name: string, cascade: boolean): Promise<readonly string[]>;
  /** @throws HeadraceError `ENGINE_REPLAY_START`, `ENGINE_REPLAY_TARGET` */
  replay(name: string, request: ReplayRequest): Promise<void>;
}

export interface ReplayRequest {
  /** `earliest`, a time, or an offset. */
  readonly from: string;
  /** A new topic for the rows; without it they take the place of the present ones. */
  readonly into: string | undefined;
  /** Which view goes into the topic. */
  readonly view: string | undefined;
}

/** What is known of a pipeline beside its status. */
export interface PipelineVersionInfo {
  readonly version: number;
  readonly paused: { readonly atMs: number; readonly mustRebuild?: string } | undefined;
  /** Another version that is being built beside it. */
  readonly building:
    | { readonly version: number; readonly state: string; readonly lagRecords: number; readonly begunAtMs: number }
    | undefined;
}
