import { HeadraceError } from '../../base/error.ts';
import type { Log } from '../../log/log.ts';
import type { Pipeline } from '../../plan/node.ts';
import type { PipelineStatus } from '../engine.ts';
import { PipelineRunner } from '../pipeline-runner.ts';
import type { PipelineRunnerOptions, TaskRole } from '../runner-options.ts';
import { sourcesOfPipeline } from '../task/compile.ts';
import type { Follow } from '../task/message.ts';
import { visibleEnds, waitsByNature } from '../version/input-end.ts';
import type { TopicOffset } from '../version/pipeline-record.ts';
import type { VersionRunner } from '../version-runner.ts';
import { ExchangeFlow } from './exchange-flow.ts';
import { createExchangeTopics } from './exchange-topics.ts';
import { groupStatus } from './group-status.ts';
import { groupWatermarks } from './group-watermarks.ts';
import { type ExchangeEdge, exchangePartition, readsPartition, type StagePlan } from './stage-plan.ts';

export interface PipelineGroupOptions {
  /** As it was declared. */
  readonly pipeline: Pipeline;
  /** With exchanges. */
  readonly exchanged: Pipeline;
  readonly plan: StagePlan;
  readonly workers: number;
  /** What the topics of its exchanges begin with. */
  readonly prefix: string;
  readonly log: Log;
  /** What the runner of a pipeline in one task would be made of. */
  readonly task: Omit<PipelineRunnerOptions, 'pipeline' | 'role'>;
}

/** A pipeline in several tasks, stage by stage, each with its own journal, snapshots and recovery. */
export class PipelineGroup implements VersionRunner {
  #pipeline: Pipeline;
  readonly #options: PipelineGroupOptions;
  readonly #stages: readonly (readonly PipelineRunner[])[];
  readonly #flow: ExchangeFlow;
  /** Tasks that still process what was there when they began. */
  #catchingUp = new Set<PipelineRunner>();
  #begun = false;
  #failure: HeadraceError | undefined;
  /** The other tasks of one that failed are stopped. */
  #ending: Promise<unknown> = Promise.resolve();

  constructor(options: PipelineGroupOptions) {
    this.#options = options;
    this.#pipeline = options.pipeline;
    this.#flow = new ExchangeFlow(options.plan.edges);
    this.#stages = options.plan.stages.map(({ index, tasks }) =>
      Array.from({ length: tasks }, (_, task) => this.#runnerOf(index, task)),
    );
  }

  #runnerOf(stage: number, task: number): PipelineRunner {
    const { exchanged, plan, workers, prefix, task: options } = this.#options;
    const incoming = plan.edges.filter((edge) => edge.to === stage);
    const role: TaskRole = {
      part: { stage, task, workers, prefix },
      exchanges: incoming.filter((edge) => task < edge.downstream).map(({ topic }) => topic),
      reads: (topic, partition) => this.#reads(stage, task, topic, partition),
      onCommitted: (appends, ranges) => {
        this.#flow.written(appends);
        this.#flow.processed(ranges);
        this.#throttle();
      },
      onCaughtUp: () => {
        this.#catchingUp.delete(runner);
        if (this.#catchingUp.size === 0) for (const other of this.#all()) other.serve();
      },
      onRecovered: () => {
        if (this.#flow.isFull(stage, task)) runner.throttle(true);
        if (this.#catchingUp.size === 0) runner.serve();
      },
    };
    const sends = plan.edges.some((edge) => edge.from === stage && edge.upstream.includes(task));
    const runner: PipelineRunner = new PipelineRunner({
      ...options,
      key: `${options.key}/${stage}.${task}`,
      pipeline: exchanged,
      role,
      onEpoch: (rows, elapsedMs) => options.onEpoch(stage === 0 ? rows : 0, elapsedMs),
      // What goes to the next stage is not seen yet.
      onVisible: (receipts, letters, commitMs) => options.onVisible(sends ? [] : receipts, letters, commitMs),
      onFailure: (error) => this.#fail(runner, error),
    });
    return runner;
  }

  #reads(stage: number, task: number, topic: string, partition: number): boolean {
    const { plan, exchanged } = this.#options;
    const edge = plan.edges.find((one) => one.topic === topic);
    if (edge !== undefined) {
      return edge.to === stage && edge.upstream.some((from) => exchangePartition(edge, from, task) === partition);
    }
    const { tasks } = plan.stages[stage]!;
    const sources = sourcesOfPipeline(exchanged).filter((source) => source.topic === topic);
    return stage === 0 && sources.some((source) => readsPartition(source, partition, task, tasks));
  }

  #all(): readonly PipelineRunner[] {
    return this.#stages.flat();
  }

  #throttle(): void {
    for (const { stage, task, full } of this.#flow.changed()) this.#stages[stage]![task]!.throttle(full);
  }

  /** A task that can be recovered is, alone. One that cannot ends them all. */
  #fail(failed: PipelineRunner, error: HeadraceError): void {
    const isOver = failed.status().state === 'failed' || !error.retryable;
    if (isOver && this.#failure !== undefined) return;
    this.#options.task.onFailure(error);
    if (!isOver) return;
    this.#failure = error;
    // While they are started, whoever starts them sees to it.
    if (!this.#begun) return;
    const others = this.#all().filter((runner) => runner !== failed);
    this.#ending = Promise.allSettled(others.map((runner) => runner.stop({ snapshot: false })));
  }

  /** One that could not be started can be started again. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      if (error instanceof HeadraceError) this.#failure = error;
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { log, plan } = this.#options;
    this.#failure = undefined;
    this.#begun = false;
    await createExchangeTopics(log, plan);
    const all = this.#all();
    this.#catchingUp = new Set(all);
    for (const runner of all) runner.hold();
    this.#flow.begin(log, (edge, partition) =>
      this.#readerOf(edge, partition).committedPosition(edge.topic, partition),
    );
    const started = await Promise.allSettled(all.map((runner) => runner.start()));
    const failed = started.find((result) => result.status === 'rejected');
    // One may also have begun, and failed before the others had.
    const failure: unknown = failed?.reason ?? this.#failure;
    if (failure !== undefined) {
      await Promise.allSettled(all.map((runner) => runner.stop({ snapshot: false })));
      throw failure;
    }
    this.#begun = true;
    this.#throttle();
  }

  #readerOf(edge: ExchangeEdge, partition: number): PipelineRunner {
    return this.#stages[edge.to]![partition % edge.downstream]!;
  }

  hold(): void {
    for (const runner of this.#all()) runner.hold();
  }

  async settled(): Promise<void> {
    await this.#ending;
    await Promise.all(this.#all().map((runner) => runner.settled()));
  }

  get pipeline(): Pipeline {
    return this.#pipeline;
  }

  redefine(pipeline: Pipeline): void {
    this.#pipeline = pipeline;
  }

  /** Stage by stage: what one has processed, the next one can see. */
  async idle(options?: { readonly closeWindows: boolean }): Promise<void> {
    for (const stage of this.#stages) {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        await Promise.all(stage.map((runner) => runner.idle(options)));
      } catch (error) {
        throw this.#failure ?? error;
      }
    }
  }

  /** What has not come over yet is kept. */
  async stop(options?: { readonly snapshot: boolean }): Promise<void> {
    const failures: unknown[] = [];
    for (const stage of this.#stages) {
      const stopped = await Promise.allSettled(stage.map((runner) => runner.stop(options)));
      for (const result of stopped) if (result.status === 'rejected') failures.push(result.reason);
    }
    if (failures.length > 0 && this.#failure === undefined) throw failures[0];
  }

  positions(): readonly TopicOffset[] {
    const furthest = new Map<string, TopicOffset>();
    for (const runner of this.#stages[0]!) {
      for (const position of runner.positions()) {
        const key = `${position.topic}/${position.partition}`;
        const known = furthest.get(key);
        if (known === undefined || position.offset > known.offset) furthest.set(key, position);
      }
    }
    return [...furthest.values()];
  }

  watermarks(): Readonly<Record<string, string>> {
    return groupWatermarks(
      this.#stages.map((tasks) => tasks.map((runner) => runner.report)),
      this.#options.plan,
    );
  }

  /** What later stages read is not named: they read all of it. */
  follow(follow: Follow): void {
    for (const runner of this.#all()) runner.follow(follow);
  }

  async reach(follow: Follow): Promise<void> {
    const { last: _, ...unfinished } = follow;
    this.follow(unfinished);
    // What event time closes is not to be closed before all that was read has come over.
    for (const stage of this.#stages) await Promise.all(stage.map((runner) => runner.reach(follow)));
  }

  async halt(): Promise<void> {
    const { log } = this.#options;
    const follow = { ends: visibleEnds(log, this.pipeline), halted: true };
    this.follow(follow);
    await this.idle();
    // While a stream is quiet, each task goes by its own clock: they end at one event time.
    await this.reach({ ...follow, last: this.watermarks() });
  }

  holdsRows(): boolean {
    return waitsByNature(this.pipeline) || this.#options.plan.edges.some((edge) => this.#hasOnTheWay(edge));
  }

  #hasOnTheWay(edge: ExchangeEdge): boolean {
    const { log } = this.#options;
    return Array.from({ length: log.topic(edge.topic)?.partitions ?? 0 }, (_, partition) => partition).some(
      (partition) =>
        this.#readerOf(edge, partition).committedPosition(edge.topic, partition) <
        log.bounds(edge.topic, partition).highWatermark,
    );
  }

  async freeze(): Promise<void> {
    await Promise.all(this.#all().map((runner) => runner.freeze()));
  }

  thaw(options: { readonly live: boolean }): void {
    for (const runner of this.#all()) runner.thaw(options);
  }

  status(): PipelineStatus {
    const stages = this.#stages.map((tasks) => tasks.map((runner) => runner.status()));
    const status = groupStatus(this.pipeline.name, stages, this.#options.plan);
    const failure = this.#failure;
    return failure === undefined ? status : { ...status, state: 'failed', error: failure };
  }
}
