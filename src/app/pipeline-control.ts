import { HeadraceError } from '../base/error.ts';
import type { Engine } from '../engine/engine.ts';
import type { Log } from '../log/log.ts';
import type { ProjectPlan } from '../plan/comparison/project-plan.ts';
import type { OutputNode, Pipeline } from '../plan/node.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Project } from './project.ts';
import type { ApplyOptions, ProjectRun } from './project-run.ts';
import { replayStart } from './replay-start.ts';

export interface PipelineControlOptions {
  readonly log: Log;
  readonly engine: Engine;
  readonly run: ProjectRun;
  readonly logger: Logger;
  /** Reads the files of the project. */
  readonly load: () => Promise<Project>;
  /** Makes the topics that they name. */
  readonly declare: (project: Project) => Promise<void>;
  /** The files that are applied from here on. */
  readonly applied: (project: Project) => void;
}

export interface ReplayRequest {
  readonly from: string;
  /** A new topic for the rows; without it they take the place of the present ones. */
  readonly into: string | undefined;
  /** Which view goes into the topic. */
  readonly view: string | undefined;
}

/** What can be done to the pipelines of a running process from outside. */
export class PipelineControl {
  readonly #options: PipelineControlOptions;

  constructor(options: PipelineControlOptions) {
    this.#options = options;
  }

  async plan(): Promise<ProjectPlan> {
    return this.#options.run.plan(await this.#options.load());
  }

  /** Begins to apply what the files say; the plan says what that is. What is built beside goes on after this has resolved. */
  async apply(options: ApplyOptions): Promise<ProjectPlan> {
    const { run, logger, load, declare, applied } = this.#options;
    const project = await load();
    const plan = run.plan(project);
    await declare(project);
    const [loss] = options.acceptLoss === true ? [] : plan.changes.filter(({ lostInputs }) => lostInputs.length > 0);
    if (loss === undefined) {
      run.apply(project, options).then(
        () => applied(project),
        (error: unknown) => logger.error('applying the project; what ran before goes on', { error }),
      );
      return plan;
    }
    await run.apply(project, options);
    return plan;
  }

  async pause(name: string): Promise<void> {
    this.#options.run.named(name);
    await this.#options.engine.pause(name);
  }

  async resume(name: string): Promise<void> {
    this.#options.run.named(name);
    await this.#options.engine.resume(name);
  }

  /** Stops a pipeline and starts it from what it has come to: also one that has failed. */
  async restart(name: string): Promise<void> {
    const { engine, run } = this.#options;
    const pipeline = run.named(name);
    const running = engine.pipelines().find((candidate) => candidate.pipeline.name === name);
    if (running?.status().state === 'paused') throw isPaused(name);
    await running?.stop({ snapshot: true }).catch(() => {});
    await engine.start(pipeline);
  }

  async abandon(name: string): Promise<void> {
    this.#options.run.named(name);
    await this.#options.engine.abandon(name);
  }

  /**
   * Drops a pipeline with its state and what it has written; with `cascade`, also the pipelines that read it.
   * @returns the pipelines that are gone
   */
  async drop(name: string, cascade: boolean): Promise<readonly string[]> {
    const { run, engine } = this.#options;
    if (!engine.stored().some((stored) => stored.name === name)) run.named(name);
    if (engine.builds().some(({ pipeline }) => pipeline.name === name)) await engine.abandon(name);
    const needing = this.#dependants(name);
    const others = needing.filter((needed) => needed.pipeline !== name);
    if (others.length > 0 && !cascade) throw isNeeded(name, others);
    const pipelines = [...new Set(others.map(({ pipeline }) => pipeline))];
    const gone: string[] = [];
    for (const other of pipelines) if (!gone.includes(other)) gone.push(...(await this.drop(other, true)));
    await run.alone(() => run.drop(name));
    return [...gone, name];
  }

  /** What reads the views of a pipeline. */
  #dependants(name: string): readonly { readonly pipeline: string; readonly what: string }[] {
    const { run, engine } = this.#options;
    const stored = engine.stored().find((candidate) => candidate.name === name);
    const outputs = (run.pipelines.find((pipeline) => pipeline.name === name) ?? stored?.plan)?.outputs ?? [];
    const topics = new Set(outputs.map(({ topic }) => topic));
    const views = new Set(outputs.map((output) => output.name));
    return run.pipelines.flatMap((pipeline) => [
      ...pipeline.sources
        .filter(({ topic }) => topics.has(topic))
        .map(({ topic }) => ({ pipeline: pipeline.name, what: `pipeline ${pipeline.name} reads ${topic}` })),
      ...pipeline.sinks
        .filter(({ from }) => views.has(from))
        .map((sink) => ({ pipeline: pipeline.name, what: `sink ${sink.name} of pipeline ${pipeline.name}` })),
      ...pipeline.alerts
        .filter(({ view }) => views.has(view))
        .map((alert) => ({ pipeline: pipeline.name, what: `alert ${alert.name} of pipeline ${pipeline.name}` })),
    ]);
  }

  /** Computes a pipeline once more from an earlier place: in place of its present results, or into a topic of its own. */
  async replay(name: string, { from, into, view }: ReplayRequest): Promise<void> {
    const { run, log } = this.#options;
    const pipeline = run.named(name);
    const starts = replayStart(log, [...new Set(pipeline.sources.map(({ topic }) => topic))], from);
    if (into === undefined) await run.alone(() => run.replay(pipeline, starts));
    else await this.#replayInto(pipeline, { output: this.#viewOf(pipeline, view), into, starts });
  }

  #viewOf({ name, outputs }: Pipeline, view: string | undefined): OutputNode {
    const found =
      view === undefined && outputs.length === 1 ? outputs[0] : outputs.find((output) => output.name === view);
    if (found !== undefined) return found;
    throw cannotReplayInto(
      view ?? name,
      view === undefined ? `the pipeline has ${outputs.length} views` : 'the pipeline has no such view',
      `name one of ${outputs.map((output) => output.name).join(', ')} with --view`,
    );
  }

  /** Runs a copy of the pipeline, of one view, until it has come to the present end; then only the topic is left of it. */
  async #replayInto(
    pipeline: Pipeline,
    {
      output,
      into,
      starts,
    }: { readonly output: OutputNode; readonly into: string; readonly starts: ReturnType<typeof replayStart> },
  ): Promise<void> {
    const { engine, log, logger } = this.#options;
    if (log.topic(into) !== undefined) throw cannotReplayInto(into, 'there is such a topic', 'name one that is new');
    const name = `${pipeline.name} into ${into}`;
    const copy: Pipeline = { ...pipeline, name, outputs: [{ ...output, topic: into }], alerts: [], sinks: [] };
    const running = await engine.start(copy, { from: starts });
    const finish = async (): Promise<void> => {
      await running.idle();
      await engine.drop(name, { topics: false });
      logger.info('pipeline was replayed into a topic', { pipeline: pipeline.name, topic: into });
    };
    finish().catch((error: unknown) =>
      logger.error('replaying a pipeline into a topic', { pipeline: pipeline.name, error }),
    );
  }
}

function isPaused(name: string): HeadraceError {
  return new HeadraceError(`restarting pipeline "${name}": it is paused`, {
    code: 'ENGINE_PIPELINE_BUSY',
    domain: 'engine',
    next: `"headrace pipelines resume ${name}" lets it go on`,
  });
}

function isNeeded(name: string, needing: readonly { readonly what: string }[]): HeadraceError {
  return new HeadraceError(`dropping pipeline "${name}": ${needing.map(({ what }) => what).join('; ')}`, {
    code: 'ENGINE_PIPELINE_NEEDED',
    domain: 'engine',
    next: 'drop these first, or all of them at once with --cascade',
  });
}

function cannotReplayInto(topic: string, why: string, next: string): HeadraceError {
  return new HeadraceError(`replaying into "${topic}": ${why}`, {
    code: 'ENGINE_REPLAY_TARGET',
    domain: 'engine',
    next,
  });
}
