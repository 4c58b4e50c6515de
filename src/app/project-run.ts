import { isDeepStrictEqual } from 'node:util';
import type { Alerts } from '../alert/alerts.ts';
import { HeadraceError } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import type { CutOver, Engine, PipelineBuild, StoredPipeline } from '../engine/engine.ts';
import type { TopicOffset } from '../engine/version/pipeline-record.ts';
import type { Log } from '../log/log.ts';
import type { PlannedChange, ProjectPlan } from '../plan/comparison/project-plan.ts';
import type { AlertRuleNode, Pipeline } from '../plan/node.ts';
import { dataflowHash, serializePipeline, stateHash } from '../plan/pipeline-text.ts';
import { planWarnings, warningText } from '../plan/plan-warning.ts';
import type { Tables } from '../serving/tables.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Project } from './project.ts';
import { planProject } from './project-plan.ts';

export interface ProjectRunOptions {
  readonly log: Log;
  readonly engine: Engine;
  readonly tables: Tables;
  readonly logger: Logger;
  /** The inputs are bounded: `run --until-idle`. */
  readonly bounded: boolean;
  /** Builds a pipeline anew at once, with its results gone until then, when its state does not serve. */
  readonly rebuild: boolean;
  /** The pipelines that run are others now, or run as others. */
  readonly changed: (pipelines: readonly Pipeline[]) => Promise<void>;
}

/** The pipelines of a project, as they run, and the change from what runs to what its files say. */
export class ProjectRun {
  readonly #options: ProjectRunOptions;
  /** What runs, by name: the version whose results are seen. */
  readonly #running = new Map<string, Pipeline>();
  /** Pipelines whose state cannot be gone on with. */
  readonly #broken = new Set<string>();
  #alerts: Alerts | undefined;
  #changing: Promise<unknown> = Promise.resolve();
  #closed = false;
  #applying = 0;

  constructor(options: ProjectRunOptions) {
    this.#options = options;
  }

  /** The versions whose results are seen. */
  get pipelines(): readonly Pipeline[] {
    return [...this.#running.values()];
  }

  /** From here on the rules of pipelines that change are changed with them. */
  set alerts(alerts: Alerts) {
    this.#alerts = alerts;
  }

  plan(project: Project): ProjectPlan {
    const { log, engine } = this.#options;
    return {
      ...planProject(log, engine.stored(), project.pipelines, (name) => engine.workersOf(name)),
      applying: this.#applying > 0,
    };
  }

  /**
   * Starts what ran before, and what is new. A pipeline whose files say something else now runs as it did: {@link apply} changes it.
   * With `manual`, nothing is new once anything has run.
   */
  async start(project: Project, policy: 'auto' | 'manual'): Promise<void> {
    const stored = this.#options.engine.stored();
    const declared = new Set(project.pipelines.map(({ name }) => name));
    for (const pipeline of project.pipelines) {
      const before = stored.find(({ name }) => name === pipeline.name);
      if (before === undefined && policy === 'manual' && stored.length > 0) continue;
      await this.#startOne(pipeline, before, policy);
    }
    for (const left of stored) {
      if (declared.has(left.name)) continue;
      if (policy === 'manual') await this.#startOne(left.pipeline(), left, policy);
      else
        this.#warn(
          left.name,
          'the project does not declare this pipeline any more: it does not run; its state and topics are kept, and up to 16 GiB of its inputs, until "headrace pipelines drop"',
        );
    }
  }

  async #startOne(pipeline: Pipeline, before: StoredPipeline | undefined, policy: 'auto' | 'manual'): Promise<void> {
    const { engine, bounded, rebuild } = this.#options;
    for (const warning of planWarnings(pipeline)) this.#warn(pipeline.name, warningText(warning));
    const serves = before === undefined || stateHash(before.plan) === stateHash(pipeline);
    if (!serves && rebuild) {
      this.#warn(pipeline.name, 'pipeline has changed: it is built anew from its inputs');
      await this.#rebuild(pipeline, before);
      this.#runs(pipeline);
      return;
    }
    const first = before !== undefined && (policy === 'manual' || !serves) ? before.pipeline() : pipeline;
    try {
      await engine.start(first, { bounded });
    } catch (error) {
      await this.#startAnyway(first, error, policy);
    }
    this.#runs(first);
  }

  /** In one go, with its results gone until then; beside where rows of append topics would be written a second time. */
  async #rebuild(pipeline: Pipeline, before: StoredPipeline | undefined): Promise<void> {
    const { engine, bounded } = this.#options;
    const isKnown = (): boolean => engine.pipelines().some((running) => running.pipeline.name === pipeline.name);
    if (this.#hasAppended(pipeline)) {
      // Where it has come to is known then, even if it cannot go on.
      if (before !== undefined) await engine.start(before.pipeline(), { bounded }).catch(() => {});
      if (isKnown()) {
        await (await engine.build(pipeline, { anew: true })).done;
        return;
      }
    }
    await engine.start(pipeline, { bounded, rebuild: true });
  }

  #hasAppended({ outputs }: Pipeline): boolean {
    const { log } = this.#options;
    return outputs.some(
      ({ topic, mode }) =>
        mode === 'append' &&
        Array.from({ length: log.topic(topic)?.partitions ?? 0 }, (_, p) => log.bounds(topic, p)).some(
          ({ logStart, highWatermark }) => highWatermark > logStart,
        ),
    );
  }

  /** Of state that cannot be gone on with: built anew in one go, if that was asked for, or beside the rows that there are. */
  async #startAnyway(pipeline: Pipeline, error: unknown, policy: 'auto' | 'manual'): Promise<void> {
    const { engine, rebuild } = this.#options;
    const { name } = pipeline;
    if (!(error instanceof HeadraceError && REBUILDABLE.has(error.code))) throw error;
    if (rebuild) {
      this.#warn(name, `its state cannot be gone on with, it is built anew from its inputs: ${error.message}`);
      await this.#rebuild(pipeline, undefined);
      return;
    }
    const isKnown = engine.pipelines().some((running) => running.pipeline.name === name);
    if (!isKnown || policy === 'manual' || this.#lostInputs(pipeline)) throw error;
    this.#broken.add(name);
    this.#warn(
      name,
      `its state cannot be gone on with, it is built anew beside the rows that there are: ${error.message}`,
    );
  }

  /** Whether what is built anew would know less than what there is. */
  #lostInputs({ sources }: Pipeline): boolean {
    const { log } = this.#options;
    return sources.some(({ topic }) =>
      Array.from({ length: log.topic(topic)?.partitions ?? 0 }, (_, p) => log.bounds(topic, p).logStart).some(
        (from) => from > 0,
      ),
    );
  }

  #runs(pipeline: Pipeline): void {
    const before = this.#running.get(pipeline.name);
    this.#running.set(pipeline.name, pipeline);
    for (const output of before?.outputs ?? []) {
      if (!pipeline.outputs.some(({ name }) => name === output.name)) this.#options.tables.remove(output.name);
    }
    for (const output of pipeline.outputs) this.#options.tables.add(pipeline.name, output);
  }

  /**
   * Makes what runs what the files say, pipeline by pipeline in the order of the files; resolves when all of it is seen. What the
   * files do not name any more is stopped, and kept.
   */
  apply(project: Project, options: ApplyOptions = {}): Promise<readonly PipelineCutOver[]> {
    const given = this.#giveUp(project);
    // It is thrown below, when the changes before this one have ended; until then nobody would have caught it.
    given.catch(() => {});
    const applied = this.#changing.then(async () => {
      await given;
      return this.#apply(project, options);
    });
    this.#applying++;
    this.#changing = applied
      .catch(() => {})
      .finally(() => {
        this.#applying--;
      });
    return applied;
  }

  /** What is being built and is not wanted any more. What is just being changed is not waited for here: {@link apply} does that. */
  async #giveUp({ pipelines }: Project): Promise<void> {
    const { engine } = this.#options;
    for (const { pipeline } of engine.builds()) {
      const wanted = pipelines.find(({ name }) => name === pipeline.name);
      if (wanted !== undefined && isSame(wanted, pipeline)) continue;
      await engine.abandon(pipeline.name).catch((error: unknown) => {
        if (!(error instanceof HeadraceError && error.code === 'ENGINE_PIPELINE_BUSY')) throw error;
      });
    }
  }

  async #apply(project: Project, options: ApplyOptions): Promise<readonly PipelineCutOver[]> {
    const cutOvers: PipelineCutOver[] = [];
    const errors: unknown[] = [];
    const lossy =
      options.acceptLoss === true ? [] : this.plan(project).changes.filter(({ lostInputs }) => lostInputs.length > 0);
    for (const name of [...this.#running.keys()]) {
      if (!project.pipelines.some((pipeline) => pipeline.name === name)) await this.#stopOne(name);
    }
    for (const pipeline of project.pipelines) {
      const before = this.#running.get(pipeline.name);
      const isBroken = this.#broken.has(pipeline.name);
      if (before !== undefined && !isBroken && isSame(before, pipeline) && this.#hasItsWorkers(pipeline)) continue;
      if (lossy.some((change) => change.pipeline === pipeline.name)) continue;
      try {
        const change = before === undefined ? this.#create(pipeline) : this.#change(before, pipeline);
        const cutOver = await change;
        if (cutOver !== undefined) cutOvers.push({ pipeline: pipeline.name, ...cutOver });
      } catch (error) {
        // The others are changed all the same.
        errors.push(error);
      }
    }
    await this.#options.changed(this.pipelines);
    const [loss] = lossy;
    if (errors.length > 0) throw errors[0];
    if (loss !== undefined) throw inputLost(loss);
    return cutOvers;
  }

  #hasItsWorkers({ name }: Pipeline): boolean {
    const { engine } = this.#options;
    return engine.stored().find((stored) => stored.name === name)?.workers === engine.workersOf(name);
  }

  async #stopOne(name: string): Promise<void> {
    const { engine, tables } = this.#options;
    const pipeline = this.#running.get(name)!;
    for (const rule of pipeline.alerts) this.#alerts?.remove(rule.name);
    await engine
      .pipelines()
      .find((running) => running.pipeline.name === name)
      ?.stop({ snapshot: true });
    for (const output of pipeline.outputs) tables.remove(output.name);
    this.#running.delete(name);
  }

  async #create(pipeline: Pipeline): Promise<CutOver | undefined> {
    const before = this.#options.engine.stored().find(({ name }) => name === pipeline.name);
    await this.#startOne(pipeline, before, 'auto');
    const first = this.#running.get(pipeline.name)!;
    for (const rule of first.alerts) this.#alerts?.add(rule);
    return isSame(first, pipeline) ? undefined : this.#change(first, pipeline);
  }

  async #change(before: Pipeline, after: Pipeline): Promise<CutOver> {
    const build = await this.#build(after);
    const cutOver = await build.done;
    this.#broken.delete(after.name);
    if (this.#closed) return cutOver;
    const same = dataflowHash(before) === dataflowHash(after);
    for (const rule of rulesBeyond(before, after)) this.#alerts?.remove(rule.name);
    if (!same) this.#runs(after);
    this.#running.set(after.name, after);
    for (const rule of rulesBeyond(after, before)) this.#alerts?.add(rule);
    return cutOver;
  }

  #build(pipeline: Pipeline): Promise<PipelineBuild> {
    const anew = this.#broken.has(pipeline.name);
    return this.#options.engine.build(pipeline, { anew });
  }

  /** The pipeline whose results are seen. @throws HeadraceError `ENGINE_PIPELINE_UNKNOWN` with the nearest name */
  named(name: string): Pipeline {
    const found = this.#running.get(name);
    if (found !== undefined) return found;
    const near = nearestName(name, this.#running.keys());
    throw new HeadraceError(`looking for pipeline "${name}": it does not run here`, {
      code: 'ENGINE_PIPELINE_UNKNOWN',
      domain: 'engine',
      next: near === undefined ? 'see "headrace pipelines" for those that do' : `did you mean "${near}"?`,
    });
  }

  /** Runs one change after those that are under way. */
  alone<Result>(change: () => Promise<Result>): Promise<Result> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => {});
    return changed;
  }

  /** Builds a pipeline as it is anew, from where it is told. */
  async replay(pipeline: Pipeline, from: readonly TopicOffset[]): Promise<void> {
    const build = await this.#options.engine.build(pipeline, { anew: true, from });
    build.done.then(
      ({ version }) => this.#options.logger.info('pipeline was replayed', { pipeline: pipeline.name, version }),
      (error: unknown) =>
        !this.#closed && this.#options.logger.error('replaying a pipeline', { pipeline: pipeline.name, error }),
    );
  }

  /** Forgets a pipeline with what it has written. */
  async drop(name: string): Promise<void> {
    const { engine, tables } = this.#options;
    const pipeline = this.#running.get(name);
    for (const rule of pipeline?.alerts ?? []) this.#alerts?.remove(rule.name);
    for (const output of pipeline?.outputs ?? []) tables.remove(output.name);
    this.#running.delete(name);
    await this.#options.changed(this.pipelines);
    await engine.drop(name, { topics: true });
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    await this.#changing;
  }

  /** What is built is gone on with by the next start. */
  close(): void {
    this.#closed = true;
  }

  #warn(pipeline: string, message: string): void {
    this.#options.logger.warn(message, { pipeline });
  }
}

export interface ApplyOptions {
  /** Builds anew also what then knows less than now, since the beginning of its inputs is gone. */
  readonly acceptLoss?: boolean;
}

/** What applying a change did to one pipeline. */
export interface PipelineCutOver extends CutOver {
  readonly pipeline: string;
}

/** What a state that cannot be gone on with is refused with. */
const REBUILDABLE: ReadonlySet<string> = new Set([
  'ENGINE_MUST_REBUILD',
  'ENGINE_SNAPSHOT_INVALID',
  'ENGINE_JOURNAL_INVALID',
  'ENGINE_REPLAY_MISMATCH',
  'ENGINE_INPUT_GONE',
  'ENGINE_MODULE_MISSING',
]);

function inputLost({ pipeline, lostInputs }: PlannedChange): HeadraceError {
  const [first] = lostInputs;
  return new HeadraceError(
    `applying the change of pipeline "${pipeline}": it would be built anew from inputs whose beginning is gone (${first!.topic}/${first!.partition} begins at ${first!.from})`,
    {
      code: 'ENGINE_INPUT_LOST',
      domain: 'engine',
      next: 'apply it with --accept-loss: its results are then of what is left',
    },
  );
}

const isSame = (a: Pipeline, b: Pipeline): boolean => serializePipeline(a) === serializePipeline(b);

/** The rules that the other one does not have just so over the same views. */
function rulesBeyond(pipeline: Pipeline, other: Pipeline): readonly AlertRuleNode[] {
  if (dataflowHash(pipeline) !== dataflowHash(other)) return pipeline.alerts;
  return pipeline.alerts.filter((rule) => !other.alerts.some((candidate) => isDeepStrictEqual(candidate, rule)));
}
