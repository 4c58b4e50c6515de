import type { Epoch, TimestampUs } from '../base/brand.ts';
import type { HeadraceError } from '../base/error.ts';
import type { Pipeline } from '../plan/node.ts';
import type { TopicOffset } from './version/pipeline-record.ts';

export interface EngineOptions {
  /** Tasks of each stage of a pipeline, each in a thread of its own; one with state goes on with the number that it has until `build`. */
  readonly workers: number;
  /** Of pipelines that are to have another number. */
  readonly pipelineWorkers?: ReadonlyMap<string, number>;
  /** The longest time between two snapshots of a pipeline that has something new; there are more when recovery would take long. */
  readonly snapshotIntervalMs: number;
  /** WebAssembly memory of one worker, at most. */
  readonly workerMemoryBytesMax: number;
  /** Threads that user functions on the pool share, over all pipelines; {@link FUNCTION_THREADS} without it. */
  readonly functionThreads?: number;
}

/** Runs pipelines in worker threads over one log. Made by `createEngine` (engine/host.ts). */
export interface Engine {
  /** Recovers the pipeline from its last snapshot and journal, or starts it at the beginning of its inputs. Output topics exist when it resolves. */
  start(pipeline: Pipeline, options?: StartOptions): Promise<RunningPipeline>;
  pipelines(): readonly RunningPipeline[];
  /** How many workers a version of the pipeline that begins now has. */
  workersOf(name: string): number;
  /** What the log keeps of pipelines, by name: the version whose results are seen, and one that is built beside it. */
  stored(): readonly StoredPipeline[];
  /**
   * Makes another version take the place of the one that was started. Where that one's state does not serve, it is built beside, or
   * building it is gone on with; its results take the place of the present ones, in one commit, when it has caught up.
   *
   * @throws HeadraceError `ENGINE_PIPELINE_BUSY`, `ENGINE_OUTPUT_KIND`, what starting throws
   */
  build(pipeline: Pipeline, options?: BuildStart): Promise<PipelineBuild>;
  /** What is being built. */
  builds(): readonly PipelineBuild[];
  /** Discards what is being built beside the present version. */
  abandon(name: string): Promise<void>;
  /** Stops a pipeline until it is resumed, over restarts too. What it has not read yet is kept for it. */
  pause(name: string): Promise<void>;
  /** @throws HeadraceError `ENGINE_MUST_REBUILD` when its inputs were let go */
  resume(name: string): Promise<void>;
  /** Lets go the inputs of pipelines that are paused, or stopped, for which more than so many bytes are kept; returns their names. */
  releaseInputs(bytesMax?: number): Promise<readonly string[]>;
  /** Forgets a pipeline with its state; with `topics`, what it has written too. */
  drop(name: string, options: { readonly topics: boolean }): Promise<void>;
  close(): Promise<void>;
}

/** What the log keeps of one pipeline. */
export interface StoredPipeline {
  readonly name: string;
  readonly version: number;
  /** In how many workers its state is. */
  readonly workers: number;
  /** The plan of the version, its user functions by hash alone. */
  readonly plan: Pipeline;
  /** The same with its user functions. @throws HeadraceError `ENGINE_MODULE_MISSING` */
  readonly pipeline: () => Pipeline;
  readonly paused: { readonly atMs: number; readonly mustRebuild?: string } | undefined;
  readonly building: { readonly version: number; readonly plan: Pipeline; readonly begunAtMs: number } | undefined;
}

export interface BuildStart {
  /** Builds it even if the state of the present version serves. */
  readonly anew?: boolean;
  /** Where reading begins; what is not named is read from its start. */
  readonly from?: readonly TopicOffset[];
}

/** A version that is built beside the present one. */
export interface PipelineBuild {
  readonly pipeline: Pipeline;
  readonly version: number;
  /** Of what is built beside; undefined when the state serves. */
  status(): PipelineStatus | undefined;
  /** Resolves when its results have taken the place of the former; rejected when it failed, or was given up. */
  readonly done: Promise<CutOver>;
}

/** What a cut-over did to the outputs of a pipeline. */
export interface CutOver {
  readonly version: number;
  readonly outputs: readonly { readonly topic: string; readonly written: number; readonly deleted: number }[];
}

export interface StartOptions {
  /** Where a pipeline that was never started begins to read; what is not named is read from its start. */
  readonly from?: readonly TopicOffset[];
  /**
   * Discards the state and journal and reads the inputs from their start, when the state was made by another version of the
   * pipeline (`ENGINE_MUST_REBUILD`). Rows are written again: an upsert topic ends with the same rows, and keys that are no
   * longer made are deleted; an append topic gets them a second time.
   */
  readonly rebuild?: boolean;
  /**
   * The inputs are bounded and read once to their end, as by `run --until-idle`: rows may be any time ahead of the clock, and
   * no partition falls idle, so that the result does not depend on how fast it is read.
   */
  readonly bounded?: boolean;
}

/** `retrying`: a commit was refused, and the pipeline is recovered in a moment; `paused`: by a user. */
export type PipelineState = 'recovering' | 'running' | 'retrying' | 'paused' | 'failed' | 'stopped';

export interface RunningPipeline {
  readonly pipeline: Pipeline;
  status(): PipelineStatus;
  /** Resolves when every input has been read to its end and all that follows is committed; `closeWindows` ends bounded input: every window that is open is closed. */
  idle(options?: { readonly closeWindows: boolean }): Promise<void>;
  /** Takes a snapshot first unless told not to. */
  stop(options?: { readonly snapshot: boolean }): Promise<void>;
}

export interface PipelineStatus {
  readonly name: string;
  readonly state: PipelineState;
  readonly epoch: Epoch;
  readonly error: HeadraceError | undefined;
  /** Records not yet processed, over all inputs. */
  readonly lagRecords: number;
  readonly watermark: TimestampUs | undefined;
  readonly operators: readonly OperatorStatus[];
  readonly inputs: readonly InputStatus[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly rows: number }[];
  readonly lateRows: number;
  readonly duplicateRows: number;
  /** Rows that joins forgot by their time-to-live: what they were part of stands. */
  readonly forgottenRows: number;
  /** Milliseconds; recent. */
  readonly epochMs: { readonly p50: number; readonly p99: number };
  readonly stateBytes: number;
  readonly stateKeys: number;
  readonly snapshotEpoch: Epoch | undefined;
  /** The snapshot that a recovery would begin with. */
  readonly snapshot: SnapshotStatus | undefined;
  /** Memory of the workers in use, state and batches together, and what they may have. */
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
}

/** What a recovery would read before it replays. */
export interface SnapshotStatus {
  readonly epoch: Epoch;
  readonly takenAtMs: number | undefined;
  /** All files that it needs. */
  readonly files: number;
  readonly bytes: number;
  /** What taking it wrote: less than all when the rest was written before. */
  readonly writtenBytes: number;
}

export interface OperatorStatus {
  /** Stable within a version of the pipeline: `source:requests`, `filter:2`, `aggregate:requests_1m`, `output:requests_1m`. */
  readonly id: string;
  readonly kind: string;
  /** For people: the expression, the keys, the window. */
  readonly label: string;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly watermark: TimestampUs | undefined;
  /** The next event time at which it closes a window or drops state; undefined when it waits for none. */
  readonly waitsFor: TimestampUs | undefined;
  /** Rows that wait for the results of calls or look-ups; undefined for an operator that makes none. */
  readonly waitingRows?: number;
  readonly stateKeys: number;
  readonly stateBytes: number;
  /** Milliseconds of work since the pipeline started, without that of the operators that it hands rows to. */
  readonly busyMs: number;
  /** The expressions that it computes, as SQL, and who runs each: compiled code, the interpreter, or both by turns. */
  readonly expressions?: readonly { readonly text: string; readonly compiledBy: 'wasm' | 'mixed' | 'interpreter' }[];
}

/** One partition that a pipeline reads. */
export interface InputStatus {
  /** Id of the operator that reads it. */
  readonly operator: string;
  readonly topic: string;
  readonly partition: number;
  /** Next offset to be read, and the first that is not there yet. */
  readonly position: number;
  readonly end: number;
  /** Event time up to which its rows are taken to be complete. */
  readonly watermark: TimestampUs | undefined;
  /** Silent for its idle time: it holds nothing back. */
  readonly idle: boolean;
  /** Milliseconds until it is idle if nothing comes; undefined when that is not in sight. */
  readonly idleInMs: number | undefined;
}
