import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { DEAD_LETTER_TOPIC } from '../log/dead-letter.ts';
import type { LedgerPut, Log, TopicConfig } from '../log/log.ts';
import type { OutputNode, Pipeline } from '../plan/node.ts';
import { typeName } from '../plan/type-name.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { answeringExecutor } from './effect/answering-executor.ts';
import { FunctionPool } from './effect/function-pool.ts';
import type { LookupFactory } from './effect/lookup.ts';
import type { Engine, EngineOptions, RunningPipeline, StartOptions } from './engine.ts';
import { FUNCTION_THREADS, OUTPUT_SEGMENT_BYTES } from './limits.ts';
import { createPipelineMeter, type PipelineMeter } from './pipeline-metrics.ts';
import { PipelineRunner } from './pipeline-runner.ts';
import { type ExecutorFactory, threadExecutor } from './task/executor.ts';
import { JOURNAL_SPACE, SNAPSHOT_SPACE } from './task/journal.ts';
import { deletionsOf } from './task/output-rebuild.ts';
import { fileSnapshots, type SnapshotStore } from './task/snapshot-store.ts';

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
  readonly #running = new Map<string, PipelineRunner>();
  /** Pipelines whose start has not come to its runner yet. */
  readonly #starting = new Set<string>();
  readonly #meter: PipelineMeter;

  constructor(dependencies: EngineDependencies) {
    if (dependencies.options.workers !== 1) throw oneWorkerOnly(dependencies.options.workers);
    this.#dependencies = dependencies;
    this.#executor = dependencies.executor ?? threadExecutor(dependencies.log);
    this.#pool = new FunctionPool(dependencies.options.functionThreads ?? FUNCTION_THREADS, dependencies.clock);
    this.#snapshots = dependencies.snapshots ?? fileSnapshots(dependencies.log.dataDir);
    this.#meter = createPipelineMeter(dependencies.metrics, dependencies.clock, () =>
      [...this.#running.values()].map((runner) => runner.status()),
    );
  }

  async start(pipeline: Pipeline, options: StartOptions = {}): Promise<RunningPipeline> {
    const known = this.#running.get(pipeline.name);
    const isRunning = known !== undefined && !['stopped', 'failed'].includes(known.status().state);
    if (isRunning || this.#starting.has(pipeline.name)) throw running(pipeline.name);
    this.#starting.add(pipeline.name);
    try {
      const runner = await this.#prepared(pipeline, options);
      this.#running.set(pipeline.name, runner);
      await runner.start();
      return runner;
    } finally {
      this.#starting.delete(pipeline.name);
    }
  }

  async #prepared(pipeline: Pipeline, options: StartOptions): Promise<PipelineRunner> {
    this.#requireSources(pipeline);
    await this.#createTopics(pipeline);
    if (options.rebuild === true) await this.#discard(pipeline);
    const { log, clock, options: engine, logger } = this.#dependencies;
    return new PipelineRunner({
      pipeline,
      log,
      clock,
      engine,
      bounded: options.bounded ?? false,
      executor: this.#answering(pipeline),
      snapshots: this.#snapshots,
      onEpoch: (rows, elapsedMs) => this.#meter.epoch(pipeline.name, rows, elapsedMs),
      onVisible: (receipts, deadLetters) => this.#meter.visible(pipeline.name, receipts, deadLetters),
      onFailure: (error) => logger?.error('pipeline failed', { pipeline: pipeline.name, error }),
      onWarning: (message) => logger?.warn(message, { pipeline: pipeline.name }),
    });
  }

  /** The tasks of a pipeline, with somebody who answers what they ask. */
  #answering({ modules }: Pipeline): ExecutorFactory {
    const { clock, lookups, random = Math.random, soon = setImmediate } = this.#dependencies;
    return answeringExecutor(this.#executor, { clock, random, soon, modules, pool: this.#pool, lookups });
  }

  #requireSources(pipeline: Pipeline): void {
    for (const source of pipeline.sources) {
      if (this.#dependencies.log.topic(source.topic) !== undefined) continue;
      throw new HeadraceError(
        `starting pipeline "${pipeline.name}": its input topic "${source.topic}" does not exist`,
        {
          code: 'ENGINE_UNKNOWN_TOPIC',
          domain: 'engine',
          next: `create it with "headrace topics create ${source.topic}"`,
        },
      );
    }
  }

  async #createTopics(pipeline: Pipeline): Promise<void> {
    for (const output of pipeline.outputs) {
      const wanted = outputTopic(output, pipeline.name);
      const existing = await this.#existingOrCreated(wanted);
      if (existing !== undefined) await this.#describeTopic(output, existing, wanted);
    }
    await this.#existingOrCreated(plainTopic(DEAD_LETTER_TOPIC));
  }

  /** The topic that is there; undefined when this has made it. Others may make the same one at the same time. */
  async #existingOrCreated(wanted: TopicConfig): Promise<TopicConfig | undefined> {
    const { log } = this.#dependencies;
    const existing = log.topic(wanted.name);
    if (existing !== undefined) return existing;
    try {
      await log.createTopic(wanted);
      return undefined;
    } catch (error) {
      const made = log.topic(wanted.name);
      if (made === undefined || !(error instanceof HeadraceError) || error.code !== 'LOG_TOPIC_EXISTS') throw error;
      return made;
    }
  }

  /** A topic that somebody else made, or an earlier version of the view, says what it holds now. */
  async #describeTopic(output: OutputNode, existing: TopicConfig, { properties }: TopicConfig): Promise<void> {
    if (existing.kind !== output.mode) throw otherKind(output, existing);
    if (Object.entries(properties).every(([name, value]) => existing.properties[name] === value)) return;
    await this.#dependencies.log.setTopicProperties(output.topic, { ...existing.properties, ...properties });
  }

  /** Forgets the state, and takes back what the former version left in upsert topics, in one commit. */
  async #discard(pipeline: Pipeline): Promise<void> {
    const { log, clock } = this.#dependencies;
    const prefix = `${pipeline.name}/`;
    const puts: LedgerPut[] = [{ space: SNAPSHOT_SPACE, key: pipeline.name, value: undefined }];
    for (const key of log.ledgerEntries(JOURNAL_SPACE).keys()) {
      if (key.startsWith(prefix)) puts.push({ space: JOURNAL_SPACE, key, value: undefined });
    }
    const upserts = pipeline.outputs.filter((output) => output.mode === 'upsert');
    await log.commit({ appends: upserts.flatMap((output) => deletionsOf(log, output.topic, clock.now())), puts });
    await this.#snapshots.keepOnly(pipeline.name, undefined);
  }

  pipelines(): readonly RunningPipeline[] {
    return [...this.#running.values()];
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map((runner) => runner.stop()));
    this.#running.clear();
    await this.#pool.close();
  }
}

function plainTopic(name: string): TopicConfig {
  return {
    name,
    partitions: 1,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: OUTPUT_SEGMENT_BYTES,
    keyPath: undefined,
    properties: {},
  };
}

function outputTopic(output: OutputNode, pipeline: string): TopicConfig {
  const columns = output.input.columns.map(({ name, type, nullable }) => ({ name, type: typeName(type), nullable }));
  const key = output.keys.map((at) => output.input.columns[at]!.name);
  const properties = { pipeline, view: output.name, columns: JSON.stringify(columns), key: JSON.stringify(key) };
  return { ...plainTopic(output.topic), kind: output.mode, properties };
}

function oneWorkerOnly(workers: number): HeadraceError {
  return new HeadraceError(`creating the engine with ${workers} workers for each pipeline: only one is supported`, {
    code: 'ENGINE_WORKERS_UNSUPPORTED',
    domain: 'engine',
    next: 'set engine.workers to 1; every pipeline runs in a thread of its own, so split the work into several pipelines',
  });
}

function otherKind({ name, topic, mode }: OutputNode, existing: TopicConfig): HeadraceError {
  return new HeadraceError(
    `starting the view "${name}": its topic "${topic}" holds ${existing.kind} records, and the view makes ${mode} records`,
    {
      code: 'ENGINE_OUTPUT_KIND',
      domain: 'engine',
      next: "give the view another topic (WITH (topic = '...')), or delete the topic",
    },
  );
}

function running(name: string): HeadraceError {
  return new HeadraceError(`starting pipeline "${name}": it runs already`, {
    code: 'ENGINE_PIPELINE_RUNNING',
    domain: 'engine',
    next: 'stop it first',
  });
}
