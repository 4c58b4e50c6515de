import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { Log } from '../log/log.ts';
import type { Pipeline } from '../plan/node.ts';
import { dataflowHash, stateHash } from '../plan/pipeline-text.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { answeringExecutor } from './effect/answering-executor.ts';
import { FunctionPool } from './effect/function-pool.ts';
import type { LookupFactory } from './effect/lookup.ts';
import type {
  BuildStart,
  CutOver,
  Engine,
  EngineOptions,
  PipelineBuild,
  RunningPipeline,
  StartOptions,
  StoredPipeline,
} from './engine.ts';
import { withExchanges } from './exchange/exchange-placement.ts';
import { exchangePrefix } from './exchange/exchange-topics.ts';
import { PipelineGroup } from './exchange/pipeline-group.ts';
import { planStages } from './exchange/stage-plan.ts';
import { FUNCTION_THREADS, WAITING_INPUT_BYTES_MAX } from './limits.ts';
import { createPipelineMeter, type PipelineMeter } from './pipeline-metrics.ts';
import { PipelineRunner } from './pipeline-runner.ts';
import type { PipelineRunnerOptions } from './runner-options.ts';
import { type ExecutorFactory, threadExecutor } from './task/executor.ts';
import type { SnapshotPointer } from './task/journal.ts';
import type { Follow } from './task/message.ts';
import { pinOwner, pinRecoveryPoints, recoveryPointOf, unpinState } from './task/recovery-pins.ts';
import { fileSnapshots, type SnapshotStore } from './task/snapshot-store.ts';
import { Build } from './version/build.ts';
import { mergeSnapshots } from './version/merged-snapshot.ts';
import { createOutputTopics, requireSources } from './version/output-topics.ts';
import { planOf, type StoredVersion, type TopicOffset } from './version/pipeline-record.ts';
import { onlyViews, PipelineVersions } from './version/pipeline-versions.ts';
import { compareVersions, keptViews } from './version/version-change.ts';
import type { VersionRunner } from './version-runner.ts';

export interface EngineDependencies {
  readonly log: Log;
  readonly clock: Clock;
  readonly options: EngineOptions;
  readonly metrics?: MetricRegistry;
  readonly logger?: Logger;
  /** Where tasks run: worker threads by default. */
  readonly executor?: ExecutorFactory;
  /** Opens the sources of look-ups; without it, a pipeline that has one fails. */
  readonly lookups?: LookupFactory;
  /** Uniform in [0, 1): spreads what is tried again. */
  readonly random?: () => number;
  /** Calls back soon, after what is ready has run: `setImmediate` by default. */
  readonly soon?: (callback: () => void) => void;
  /** Files in the data directory by default. */
  readonly snapshots?: SnapshotStore;
}

/**
 * Makes the engine of one log.
 *
 * @example
 * ```ts
 * const engine = createEngine({ log, clock: systemClock, options: ENGINE_DEFAULTS });
 * const running = await engine.start(pipeline);
 * await running.idle();
 * ```
 */
export function createEngine(dependencies: EngineDependencies): Engine {
  return new HostEngine(dependencies);
}

class HostEngine implements Engine {
  readonly #dependencies: EngineDependencies;
  readonly #executor: ExecutorFactory;
  readonly #snapshots: SnapshotStore;
  readonly #pool: FunctionPool;
  readonly #running = new Map<string, VersionRunner>();
  readonly #builds = new Map<string, Build>();
  readonly #handles = new Map<string, PipelineBuild>();
  /** How the last build of each pipeline ends. */
  readonly #done = new Map<string, Promise<CutOver>>();
  /** Pipelines that are being started, stopped or changed. */
  readonly #changing = new Set<string>();
  readonly #versions: PipelineVersions;
  #bounded = false;
  #closed = false;
  readonly #meter: PipelineMeter;

  constructor(dependencies: EngineDependencies) {
    this.#dependencies = dependencies;
    pinRecoveryPoints(dependencies.log);
    this.#executor = dependencies.executor ?? threadExecutor(dependencies.log);
    this.#pool = new FunctionPool(dependencies.options.functionThreads ?? FUNCTION_THREADS, dependencies.clock);
    this.#snapshots = dependencies.snapshots ?? fileSnapshots(dependencies.log.dataDir);
    this.#versions = new PipelineVersions(dependencies.log, dependencies.clock, this.#snapshots);
    this.#meter = createPipelineMeter(dependencies.metrics, dependencies.clock, () =>
      [...this.#running.values()].map((runner) => runner.status()),
    );
  }

  start(pipeline: Pipeline, options: StartOptions = {}): Promise<RunningPipeline> {
    const known = this.#running.get(pipeline.name);
    const begins = this.#changing.has(pipeline.name) && known === undefined;
    if (begins || (known !== undefined && !isOver(known))) return Promise.reject(running(pipeline.name));
    // One that has ended is still followed, or is about to be replaced.
    if (this.#builds.has(pipeline.name)) return Promise.reject(busy(pipeline.name));
    return this.#alone(pipeline.name, async () => {
      await known?.settled();
      requireSources(this.#dependencies.log, pipeline);
      await createOutputTopics(this.#dependencies.log, pipeline);
      const workers = this.workersOf(pipeline.name);
      if (options.rebuild === true) await this.#versions.discard(pipeline, workers);
      const { current, paused } = await this.#versions.settle(pipeline, workers, options.from);
      this.#bounded = options.bounded ?? false;
      this.#warnOfWorkers(pipeline.name, current);
      const runner = this.#versionRunner(pipeline, current);
      this.#running.set(pipeline.name, runner);
      if (paused === undefined) await runner.start();
      else this.#hold(runner, current, paused);
      return runner;
    });
  }

  /** One change of a pipeline at a time. */
  async #alone<Result>(name: string, change: () => Promise<Result>): Promise<Result> {
    if (this.#changing.has(name)) throw busy(name);
    this.#changing.add(name);
    try {
      return await change();
    } finally {
      this.#changing.delete(name);
    }
  }

  workersOf(name: string): number {
    const { workers, pipelineWorkers } = this.#dependencies.options;
    return pipelineWorkers?.get(name) ?? workers;
  }

  #warnOfWorkers(name: string, { workers = 1 }: StoredVersion): void {
    const wanted = this.workersOf(name);
    if (workers === wanted) return;
    const message = `its state is made for ${workers} workers, and it is to have ${wanted}: it goes on as it is until the project is applied, and is built anew beside then`;
    this.#dependencies.logger?.warn(message, { pipeline: name });
  }

  /** In as many workers as its state is made for. */
  #versionRunner(pipeline: Pipeline, version: StoredVersion, beside?: PipelineRunnerOptions['beside']): VersionRunner {
    const { log } = this.#dependencies;
    const { name } = pipeline;
    const workers = version.workers ?? 1;
    const task = this.#taskOptions(pipeline, version, beside);
    if (workers === 1) return new PipelineRunner({ ...task, pipeline });
    const prefix = exchangePrefix(name, version.version);
    const partitions = (topic: string): number => log.topic(topic)?.partitions ?? 1;
    const exchanged = withExchanges(pipeline);
    const plan = planStages(exchanged, { workers, prefix, partitions });
    return new PipelineGroup({ pipeline, exchanged, plan, workers, prefix, log, task });
  }

  #taskOptions(
    pipeline: Pipeline,
    version: StoredVersion,
    beside?: PipelineRunnerOptions['beside'],
  ): Omit<PipelineRunnerOptions, 'pipeline'> {
    const { log, clock, options: engine, logger } = this.#dependencies;
    const { name } = pipeline;
    return {
      log,
      clock,
      engine,
      key: version.key,
      ...(version.from && { from: version.from }),
      ...(beside && { beside }),
      bounded: this.#bounded,
      executor: this.#answering(pipeline),
      snapshots: this.#snapshots,
      onEpoch: (rows, elapsedMs) => this.#sees(name, version) && this.#meter.epoch(name, rows, elapsedMs),
      onVisible: (receipts, letters, commitMs) =>
        this.#sees(name, version) && this.#meter.visible(name, receipts, letters, commitMs),
      onFailure: (error) => logger?.error('pipeline failed', { pipeline: name, error }),
      onWarning: (message) => logger?.warn(message, { pipeline: name }),
      onDamaged: (message) => {
        this.#meter.damaged(name);
        logger?.warn(message, { pipeline: name });
      },
    };
  }

  /** Whether the results of a version are seen: of another, nothing is counted. */
  #sees(name: string, version: StoredVersion): boolean {
    return this.#builds.get(name)?.building.key !== version.key;
  }

  stored(): readonly StoredPipeline[] {
    return this.#versions.all();
  }

  build(pipeline: Pipeline, options: BuildStart = {}): Promise<PipelineBuild> {
    const { name } = pipeline;
    const before = this.#running.get(name);
    if (before === undefined) return Promise.reject(notStarted(name));
    if (this.#builds.has(name)) return Promise.reject(busy(name));
    return this.#alone(name, async () => {
      const { log, clock, soon = setImmediate } = this.#dependencies;
      requireSources(log, pipeline);
      const { current } = this.#versions.record(name)!;
      const stored = planOf(current);
      const workers = this.workersOf(name);
      const dealt = { before: current.workers ?? 1, after: workers };
      const asked = options.anew === true || options.from !== undefined;
      const serves = workers === (current.workers ?? 1) && stateHash(stored) === stateHash(pipeline);
      if (!asked && serves) return this.#goOn(before, pipeline);
      if (this.#versions.record(name)!.paused?.mustRebuild === undefined && before.status().state === 'paused') {
        throw isPaused(name);
      }
      const kept = asked ? [] : keptViews(compareVersions(stored, pipeline, dealt));
      if (kept.length === pipeline.outputs.length) return this.#carry(before, pipeline, stored);
      const views =
        kept.length === 0 ? undefined : pipeline.outputs.map((o) => o.name).filter((o) => !kept.includes(o));
      const { record, building } = await this.#versions.begin(pipeline, { workers, from: options.from, views });
      await createOutputTopics(log, pipeline, building.made);
      const redirect = new Map(building.redirect);
      const built = onlyViews(pipeline, views);
      const key = building.part?.key ?? building.key;
      const runner = (beside: { readonly follow: () => Follow }): VersionRunner =>
        this.#versionRunner(built, { ...building, key }, { ...beside, redirect });
      const parts = [
        { ...record.current, pipeline: stored, views: kept },
        { pipeline: built, key, views: views ?? [] },
      ];
      const merge = (): Promise<SnapshotPointer> =>
        mergeSnapshots({ log, clock, snapshots: this.#snapshots, pipeline, key: building.key, parts });
      const build = new Build({ log, clock, soon, record, building, pipeline, before, runner, merge });
      this.#builds.set(name, build);
      try {
        await build.start();
      } catch (error) {
        this.#builds.delete(name);
        await build.stop().catch(() => {});
        throw error;
      }
      const done = this.#finish(build, pipeline);
      done.catch(() => {});
      this.#done.set(name, done);
      const handle = { pipeline, version: building.version, status: () => build.status(), done };
      this.#handles.set(name, handle);
      return handle;
    });
  }

  /** State serves: only what does not touch it has changed. */
  async #goOn(before: VersionRunner, pipeline: Pipeline): Promise<PipelineBuild> {
    const { name } = pipeline;
    await this.#versions.abandon(name);
    const same = dataflowHash(before.pipeline) === dataflowHash(pipeline);
    if (!same) await before.stop({ snapshot: true });
    const { current, paused } = await this.#versions.settle(pipeline, this.workersOf(name));
    if (same) before.redefine(pipeline);
    else {
      const runner = this.#versionRunner(pipeline, current);
      this.#running.set(name, runner);
      if (paused === undefined) await runner.start();
      else runner.hold();
    }
    const { version } = current;
    return { pipeline, version, status: () => undefined, done: Promise.resolve({ version, outputs: [] }) };
  }

  /** The version that is built takes the place of the present one, when it has caught up. */
  async #finish(build: Build, pipeline: Pipeline): Promise<CutOver> {
    const { name } = pipeline;
    const before = this.#running.get(name)!;
    const replaced = this.#versions.record(name)!.current.key;
    let cutOver: CutOver;
    try {
      cutOver = await build.cutOver();
    } catch (error) {
      this.#builds.delete(name);
      await build.stop().catch(() => {});
      if (!this.#closed && before.status().state === 'stopped') await before.start();
      throw error;
    }
    this.#builds.delete(name);
    // What is left over is swept before anybody changes it again.
    this.#changing.add(name);
    try {
      await this.#tookOver(build, pipeline, replaced);
    } finally {
      this.#changing.delete(name);
    }
    return cutOver;
  }

  async #tookOver(build: Build, pipeline: Pipeline, replaced: string): Promise<void> {
    const { log } = this.#dependencies;
    const { name } = pipeline;
    unpinState(log, replaced);
    if (build.building.part === undefined) this.#running.set(name, build.runner);
    else {
      unpinState(log, build.building.part.key);
      const runner = this.#versionRunner(pipeline, build.building);
      this.#running.set(name, runner);
      await runner.start();
    }
    await createOutputTopics(log, pipeline);
    await this.#versions.sweep(name);
  }

  /** Every view goes on with its state: that of the version before, operator by operator. */
  async #carry(before: VersionRunner, pipeline: Pipeline, stored: Pipeline): Promise<PipelineBuild> {
    const { log, clock } = this.#dependencies;
    const { name } = pipeline;
    await this.#versions.abandon(name);
    const { current: former } = this.#versions.record(name)!;
    const { key: replaced } = former;
    await before.stop({ snapshot: true });
    try {
      const views = pipeline.outputs.map((output) => output.name);
      const parts = [{ ...former, pipeline: stored, views }];
      const { current } = await this.#versions.carry(pipeline, (key) =>
        mergeSnapshots({ log, clock, snapshots: this.#snapshots, pipeline, key, parts }),
      );
      unpinState(log, replaced);
      await createOutputTopics(log, pipeline);
      const runner = this.#versionRunner(pipeline, current);
      this.#running.set(name, runner);
      await runner.start();
      await this.#versions.sweep(name);
      const { version } = current;
      return { pipeline, version, status: () => undefined, done: Promise.resolve({ version, outputs: [] }) };
    } catch (error) {
      if (this.#running.get(name) === before) await before.start();
      throw error;
    }
  }

  builds(): readonly PipelineBuild[] {
    return [...this.#builds.keys()].flatMap((name) => this.#handles.get(name) ?? []);
  }

  async abandon(name: string): Promise<void> {
    const build = this.#builds.get(name);
    await build?.stop();
    await this.#done.get(name)?.catch(() => {});
    await this.#alone(name, () => this.#versions.abandon(name));
  }

  pause(name: string): Promise<void> {
    return this.#alone(name, async () => {
      const runner = this.#known(name);
      if (this.#builds.has(name)) throw busy(name);
      await this.#versions.setPaused(name, { atMs: this.#dependencies.clock.now() });
      await runner.stop({ snapshot: true });
      const { current } = this.#versions.record(name)!;
      const held = this.#versionRunner(runner.pipeline, current);
      this.#running.set(name, held);
      held.hold();
    });
  }

  resume(name: string): Promise<void> {
    return this.#alone(name, async () => {
      const runner = this.#known(name);
      const { paused } = this.#versions.record(name)!;
      if (paused === undefined) return;
      if (paused.mustRebuild !== undefined) throw letGo(name, paused.mustRebuild);
      await this.#versions.setPaused(name, undefined);
      await runner.start();
    });
  }

  /** A paused pipeline keeps its inputs, unless that was given up. */
  #hold(runner: VersionRunner, { key }: StoredVersion, { mustRebuild }: { readonly mustRebuild?: string }): void {
    runner.hold();
    if (mustRebuild !== undefined) unpinState(this.#dependencies.log, key);
  }

  async releaseInputs(bytesMax = WAITING_INPUT_BYTES_MAX): Promise<readonly string[]> {
    return [...(await this.#releasePaused(bytesMax)), ...this.#releaseStopped(bytesMax)];
  }

  /** Those that the project does not declare any more. */
  #releaseStopped(bytesMax: number): readonly string[] {
    const { log, logger } = this.#dependencies;
    const released: string[] = [];
    for (const { name } of this.#versions.all()) {
      const runner = this.#running.get(name);
      if (this.#changing.has(name) || (runner !== undefined && runner.status().state !== 'stopped')) continue;
      const { key } = this.#versions.record(name)!.current;
      const kept = keptBytes(log, recoveryPointOf(log, key));
      if (kept <= bytesMax || !log.unpin(pinOwner(key))) continue;
      const message = `it does not run, and its inputs are kept no longer: ${kept} bytes of them had come, and ${bytesMax} are kept; when it is declared again it is to be built anew`;
      logger?.warn(message, { pipeline: name });
      released.push(name);
    }
    return released;
  }

  async #releasePaused(bytesMax: number): Promise<readonly string[]> {
    const { log, logger } = this.#dependencies;
    const released: string[] = [];
    for (const [name, runner] of this.#running) {
      const { current, paused } = this.#versions.record(name) ?? {};
      if (current === undefined || paused === undefined || paused.mustRebuild !== undefined) continue;
      const kept = keptBytes(log, runner.positions());
      if (kept <= bytesMax || this.#changing.has(name)) continue;
      const mustRebuild = `${kept} bytes of input had come since it was paused, and ${bytesMax} are kept`;
      await this.#alone(name, () => this.#versions.setPaused(name, { ...paused, mustRebuild }));
      unpinState(log, current.key);
      logger?.warn('the inputs of a paused pipeline are kept no longer: it must be built anew', {
        pipeline: name,
        mustRebuild,
      });
      released.push(name);
    }
    return released;
  }

  async drop(name: string, { topics }: { readonly topics: boolean }): Promise<void> {
    if (this.#builds.has(name)) await this.abandon(name);
    await this.#alone(name, async () => {
      const runner = this.#running.get(name);
      await runner?.stop({ snapshot: false }).catch(() => {});
      this.#running.delete(name);
      await this.#versions.drop(name, topics);
    });
  }

  #known(name: string): VersionRunner {
    const runner = this.#running.get(name);
    if (runner === undefined) throw notStarted(name);
    return runner;
  }

  /** The tasks of a pipeline, with somebody who answers what they ask. */
  #answering({ modules }: Pipeline): ExecutorFactory {
    const { clock, lookups, random = Math.random, soon = setImmediate } = this.#dependencies;
    return answeringExecutor(this.#executor, { clock, random, soon, modules, pool: this.#pool, lookups });
  }

  pipelines(): readonly RunningPipeline[] {
    return [...this.#running.values()];
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#builds.values()].map((build) => build.stop()));
    await Promise.allSettled(this.#done.values());
    await Promise.allSettled([...this.#running.values()].map((runner) => runner.stop()));
    this.#running.clear();
    await this.#pool.close();
  }
}

/** Bytes of input behind some offsets, about. */
function keptBytes(log: Log, positions: readonly TopicOffset[]): number {
  return positions.reduce((sum, { topic, partition, offset }) => {
    const { logStart, highWatermark, bytes } = log.bounds(topic, partition);
    const records = Math.max(1, highWatermark - logStart);
    return sum + Math.round((bytes * Math.max(0, highWatermark - offset)) / records);
  }, 0);
}

function letGo(name: string, why: string): HeadraceError {
  return new HeadraceError(`resuming pipeline "${name}": ${why}`, {
    code: 'ENGINE_MUST_REBUILD',
    domain: 'engine',
    next: `build it anew from what is left with "headrace replay ${name} --from earliest"`,
  });
}

function isPaused(name: string): HeadraceError {
  return new HeadraceError(`changing pipeline "${name}": it is paused`, {
    code: 'ENGINE_PIPELINE_BUSY',
    domain: 'engine',
    next: `"headrace pipelines resume ${name}" lets it go on; then apply again`,
  });
}

/** Whether it may be started anew. */
function isOver(runner: VersionRunner): boolean {
  return ['stopped', 'failed'].includes(runner.status().state);
}

function busy(name: string): HeadraceError {
  return new HeadraceError(`changing pipeline "${name}": another change of it is under way`, {
    code: 'ENGINE_PIPELINE_BUSY',
    domain: 'engine',
    retryable: true,
    next: `wait until it has ended, or give up what is built with "headrace pipelines abandon ${name}"`,
  });
}

function notStarted(name: string): HeadraceError {
  return new HeadraceError(`changing pipeline "${name}": it does not run here`, {
    code: 'ENGINE_PIPELINE_UNKNOWN',
    domain: 'engine',
    next: 'see "headrace pipelines" for those that do',
  });
}

function running(name: string): HeadraceError {
  return new HeadraceError(`starting pipeline "${name}": it runs already`, {
    code: 'ENGINE_PIPELINE_RUNNING',
    domain: 'engine',
    next: 'stop it first',
  });
}
