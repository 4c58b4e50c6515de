import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { type Alerts, createAlerts } from '../alert/alerts.ts';
import { systemClock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { SourceConnector } from '../connector/connector.ts';
import type { Engine, RunningPipeline } from '../engine/engine.ts';
import { createEngine } from '../engine/host.ts';
import { createIngest } from '../ingest/create-ingest.ts';
import type { Log } from '../log/log.ts';
import { openLog } from '../log/open.ts';
import type { AlertRuleNode, Pipeline } from '../plan/node.ts';
import { inDataflowOrder } from '../plan/pipeline-order.ts';
import { dataflowHash, stateHash } from '../plan/pipeline-text.ts';
import { planWarnings, warningText } from '../plan/plan-warning.ts';
import { createHttpDoor, type HttpDoor } from '../protocol/http/door.ts';
import { createAudit, ensureAuditTopic } from '../security/audit.ts';
import { createAuthenticator } from '../security/authentication.ts';
import { createAuthorizer } from '../security/authorization.ts';
import { readTlsOptions } from '../security/tls-options.ts';
import { parseTokens } from '../security/token.ts';
import { fileCheckpoints } from '../serving/checkpoint-store.ts';
import { createLiveStreams } from '../serving/live.ts';
import { createQueryService } from '../serving/query.ts';
import { createTables } from '../serving/tables.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { collectProcessMetrics } from '../telemetry/process-metrics.ts';
import { createMetrics } from '../telemetry/registry.ts';
import { openConnectors } from './connectors.ts';
import { tuneHeap } from './heap.ts';
import { Housekeeping } from './housekeeping.ts';
import { httpServices, type Parts } from './http-services.ts';
import { collectLogMetrics, fsyncMeter } from './log-metrics.ts';
import { lookupsOf } from './lookups.ts';
import { loadProject, type Project } from './project.ts';
import { RunningSinks } from './sinks.ts';
import { TopicCatalogue, topicsOfProject } from './topic-setup.ts';
import { packageVersion } from './version.ts';

export interface RuntimeOptions {
  /** Folder with `headrace.yaml`, or one pipeline file. */
  readonly projectDir: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `idle`: bounded input is read to its end, no door is opened. */
  readonly until: 'stopped' | 'idle';
  /** Builds a pipeline anew that was changed since it last ran; without it that is refused. */
  readonly rebuild?: boolean;
}

/** A project that runs in this process. */
export interface RunningApp {
  /** Undefined when no door is open. */
  readonly url: string | undefined;
  readonly project: Project;
  readonly parts: Parts;
  pipelines(): readonly RunningPipeline[];
  /** Resolves when all bounded input has been read to its end, and tables and alerts show all that follows from it. */
  idle(): Promise<void>;
  /** Reads the project's files again and runs what they say now; what ran goes on when they are wrong. */
  apply(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a project: recovers the log, makes its topics, starts its pipelines, tables and alerts, opens the door, and
 * then its connectors.
 *
 * @throws HeadraceError of any domain; nothing is left running
 */
export async function startRuntime(options: RuntimeOptions): Promise<RunningApp> {
  tuneHeap();
  const project = await loadProject(options.projectDir, options);
  const dataDir = resolve(project.dir, project.options.dataDir);
  const logger = createLogger({
    level: project.options.logLevel,
    format: project.options.logFormat,
    write: (line) => process.stderr.write(line),
    clock: systemClock,
  });
  const metrics = createMetrics();
  const log = await openLog({
    dataDir,
    clock: systemClock,
    onWarning: (message) => logger.warn(message),
    onFsync: fsyncMeter(metrics),
  });
  const runtime = new Runtime(options, { project, log, logger, metrics });
  try {
    await runtime.start();
    return runtime;
  } catch (error) {
    await runtime.stop().catch(() => undefined);
    throw error;
  }
}

/** What is there before anything runs. */
interface Opened {
  readonly project: Project;
  readonly log: Log;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

class Runtime implements RunningApp {
  readonly #options: RuntimeOptions;
  readonly #log: Log;
  readonly #logger: Logger;
  readonly #metrics: MetricRegistry;
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #connectors = new Map<string, SourceConnector>();
  #project: Project;
  #parts: Parts | undefined;
  #alerts: Alerts | undefined;
  #sinks: RunningSinks | undefined;
  #url: string | undefined;
  #ready = false;
  #stopped: Promise<void> | undefined;

  constructor(options: RuntimeOptions, { project, log, logger, metrics }: Opened) {
    this.#options = options;
    this.#project = project;
    this.#log = log;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#closers.push(() => log.close());
  }

  get url(): string | undefined {
    return this.#url;
  }

  get project(): Project {
    return this.#project;
  }

  get parts(): Parts {
    if (this.#parts === undefined) throw new Error('the runtime has not been started');
    return this.#parts;
  }

  pipelines(): readonly RunningPipeline[] {
    return this.parts.engine.pipelines();
  }

  async start(): Promise<void> {
    const parts = await this.#build();
    this.#parts = parts;
    await this.#declareTopics(this.#project);
    for (const pipeline of this.#project.pipelines) await this.#startPipeline(parts.engine, pipeline);
    this.#alerts = await createAlerts({
      log: this.#log,
      tables: parts.tables,
      clock: systemClock,
      metrics: parts.metrics,
      rules: this.#project.pipelines.flatMap((pipeline) => pipeline.alerts),
      report: (error, about) => this.#logger.error('alert', { about, error }),
    });
    const { close } = this.#alerts;
    this.#closers.push(() => close.call(this.#alerts));
    if (this.#options.until === 'stopped') await this.#openDoor(parts);
    const sinks = new RunningSinks(parts);
    this.#sinks = sinks;
    this.#closers.push(() => sinks.stop());
    await sinks.apply(this.#project);
    await this.#startConnectors();
    this.#ready = true;
  }

  async #build(): Promise<Parts> {
    const { options } = this.#project;
    const metrics = this.#metrics;
    collectLogMetrics(metrics, this.#log);
    this.#closers.push(collectProcessMetrics(metrics, this.#log.dataDir));
    await ensureAuditTopic(this.#log);
    const audit = createAudit({ log: this.#log, clock: systemClock, metrics });
    this.#closers.push(() => audit.close());
    const topics = new TopicCatalogue(this.#log, {
      retentionMs: options.logRetention,
      retentionBytes: options.logRetentionBytes,
      segmentBytesMax: options.logSegmentBytes,
    });
    const ingest = await createIngest({
      log: this.#log,
      clock: systemClock,
      metrics,
      limits: {
        lineBytesMax: options.ingestLineBytesMax,
        depthMax: options.ingestDepthMax,
        pendingBytesMax: options.ingestPendingBytesMax,
      },
      schemas: (topic) => topics.schemaOf(topic),
    });
    const engine = createEngine({
      log: this.#log,
      clock: systemClock,
      metrics,
      logger: this.#logger,
      options: {
        workers: options.engineWorkers,
        snapshotIntervalMs: options.engineSnapshotInterval,
        workerMemoryBytesMax: options.engineMemory,
        functionThreads: options.engineFunctionThreads,
      },
      lookups: lookupsOf(this.#project.dir),
    });
    const tables = createTables({
      log: this.#log,
      clock: systemClock,
      metrics,
      checkpoints: fileCheckpoints(this.#log.dataDir),
      report: (error, about) => this.#logger.warn('table', { about, error }),
      progress: (pipeline) => {
        const status = engine
          .pipelines()
          .find((running) => running.pipeline.name === pipeline)
          ?.status();
        return status === undefined ? undefined : { watermark: status.watermark, lagRecords: status.lagRecords };
      },
    });
    const live = createLiveStreams({
      log: this.#log,
      clock: systemClock,
      tables,
      bufferFramesMax: options.liveBufferFramesMax,
    });
    const query = createQueryService({
      log: this.#log,
      clock: systemClock,
      tables,
      sources: () => engine.pipelines().flatMap((running) => running.pipeline.sources),
      memoryBytesMax: options.queryMemory,
    });
    const housekeeping = new Housekeeping({ log: this.#log, ingest, clock: systemClock, logger: this.#logger });
    housekeeping.start();
    this.#closers.push(
      () => housekeeping.stop(),
      () => engine.close(),
      async () => {
        await tables.checkpoint();
        tables.close();
      },
      () => live.close(),
      () => query.close(),
    );
    return {
      clock: systemClock,
      log: this.#log,
      logger: this.#logger,
      metrics,
      authenticator: createAuthenticator({
        tokens: this.#readTokens(),
        localAllowed: options.authTokensFile === undefined,
        clock: systemClock,
      }),
      authorizer: createAuthorizer({
        onDecision: (principal, action, resource, allowed) => {
          if (!allowed || action === 'create' || action === 'delete' || action === 'administer') {
            audit.record(principal, action, resource, allowed ? 'allowed' : 'denied');
          }
        },
      }),
      topics,
      ingest,
      engine,
      tables,
      live,
      query,
      alerts: () => this.#alerts,
      info: {
        version: packageVersion(),
        project: this.#project.name,
        startedAt: systemClock.now(),
        dataDir: this.#log.dataDir,
      },
      queryLimits: { rowsMax: options.queryRowsMax, timeoutMs: options.queryTimeout },
      notReady: () => (this.#ready ? [] : ['the project is starting']),
      defaultTopic: () => this.#onlyInputTopic(),
    };
  }

  #readTokens() {
    const { authTokensFile } = this.#project.options;
    if (authTokensFile === undefined) return [];
    const path = resolve(this.#project.dir, authTokensFile);
    return parseTokens(readFileSync(path, 'utf8'), path);
  }

  #onlyInputTopic(): string | undefined {
    const sources = new Set(this.#project.pipelines.flatMap((p) => p.sources.map((source) => source.topic)));
    return sources.size === 1 ? [...sources][0] : undefined;
  }

  async #declareTopics(project: Project): Promise<void> {
    for (const topic of topicsOfProject(project.topics, project.pipelines)) await this.parts.topics.ensure(topic);
  }

  async #startPipeline(engine: Engine, pipeline: Project['pipelines'][number]): Promise<void> {
    const bounded = this.#options.until === 'idle';
    for (const warning of planWarnings(pipeline)) {
      this.#logger.warn(warningText(warning), { pipeline: pipeline.name });
    }
    try {
      await engine.start(pipeline, { bounded });
    } catch (error) {
      const rebuild = error instanceof HeadraceError && error.code === 'ENGINE_MUST_REBUILD' && this.#options.rebuild;
      if (!rebuild) throw error;
      this.#logger.warn('pipeline has changed: it is built anew from its inputs', { pipeline: pipeline.name });
      await engine.start(pipeline, { bounded, rebuild });
    }
    for (const output of pipeline.outputs) this.parts.tables.add(pipeline.name, output);
  }

  async #openDoor(parts: Parts): Promise<void> {
    const { options, dir } = this.#project;
    const tls =
      options.httpTlsCert === undefined || options.httpTlsKey === undefined
        ? undefined
        : readTlsOptions(
            { certFile: resolve(dir, options.httpTlsCert), keyFile: resolve(dir, options.httpTlsKey) },
            (path) => readFileSync(path, 'utf8'),
            systemClock,
          );
    const consoleDir = consoleFolder();
    const door: HttpDoor = createHttpDoor(httpServices(parts), {
      host: options.httpHost,
      port: options.httpPort,
      allowedHosts: options.httpAllowedHosts,
      allowedOrigins: options.httpAllowedOrigins,
      authConfigured: options.authTokensFile !== undefined,
      limits: { bodyBytesMax: options.httpBodyBytesMax, inFlightBytesMax: options.httpInFlightBytesMax },
      ...(tls === undefined ? {} : { tls }),
      ...(consoleDir === undefined ? {} : { consoleDir }),
    });
    this.#url = (await door.listen()).url;
    this.#closers.push(() => door.close());
  }

  async #startConnectors(): Promise<void> {
    const opened = openConnectors(this.#project, this.parts);
    for (const [name, connector] of opened) this.#connectors.set(name, connector);
    for (const connector of opened.values()) connector.start();
    this.#closers.push(async () => {
      await Promise.all([...this.#connectors.values()].map((connector) => connector.stop()));
    });
  }

  async idle(): Promise<void> {
    await Promise.all([...this.#connectors.values()].map((connector) => connector.done));
    const order = inDataflowOrder(this.pipelines(), ({ pipeline }) => pipeline);
    for (const running of order) await running.idle({ closeWindows: true });
    await this.parts.tables.caughtUp();
    await this.#alerts?.caughtUp();
    await this.#sinks?.drained();
  }

  async apply(): Promise<void> {
    const next = await loadProject(this.#options.projectDir, this.#options);
    const before = new Map(this.#project.pipelines.map((pipeline) => [pipeline.name, pipeline]));
    await this.#declareTopics(next);
    const { engine, tables } = this.parts;
    for (const [name, pipeline] of before) {
      const after = next.pipelines.find((candidate) => candidate.name === name);
      for (const rule of rulesBeyond(pipeline, after)) this.#alerts?.remove(rule.name);
      if (sameDataflow(pipeline, after)) continue;
      await engine
        .pipelines()
        .find((running) => running.pipeline.name === name)
        ?.stop({ snapshot: true });
      for (const output of pipeline.outputs) tables.remove(output.name);
    }
    for (const pipeline of next.pipelines) {
      const known = before.get(pipeline.name);
      if (!sameDataflow(pipeline, known)) {
        const rebuild = known !== undefined && stateHash(known) !== stateHash(pipeline);
        await engine.start(pipeline, { rebuild, bounded: this.#options.until === 'idle' });
        for (const output of pipeline.outputs) tables.add(pipeline.name, output);
      }
      for (const rule of rulesBeyond(pipeline, known)) this.#alerts?.add(rule);
    }
    await this.#sinks?.apply(next);
    this.#project = next;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#close();
    return this.#stopped;
  }

  /** In the reverse order of the start; every part gets its turn, the first error is thrown at the end. */
  async #close(): Promise<void> {
    this.#ready = false;
    const errors: unknown[] = [];
    for (const close of this.#closers.reverse()) {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

function sameDataflow(a: Pipeline, b: Pipeline | undefined): boolean {
  return b !== undefined && dataflowHash(a) === dataflowHash(b);
}

/** The rules that the other one does not have just so over the same views. */
function rulesBeyond(pipeline: Pipeline, other: Pipeline | undefined): readonly AlertRuleNode[] {
  if (!sameDataflow(pipeline, other)) return pipeline.alerts;
  return pipeline.alerts.filter((rule) => !other?.alerts.some((candidate) => isDeepStrictEqual(candidate, rule)));
}

/** The console's files, also when this runs from source. */
function consoleFolder(): string | undefined {
  return ['../console', '../../dist/console']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(join(path, 'index.html')));
}
