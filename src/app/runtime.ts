import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Alerts, createAlerts } from '../alert/alerts.ts';
import { systemClock } from '../base/clock.ts';
import type { HeadraceError } from '../base/error.ts';
import type { SourceConnector } from '../connector/connector.ts';
import { pinKnownSinks } from '../connector/sink-position.ts';
import type { RunningPipeline } from '../engine/engine.ts';
import { createEngine } from '../engine/host.ts';
import { createIngest } from '../ingest/create-ingest.ts';
import type { Log } from '../log/log.ts';
import { openLog } from '../log/open.ts';
import type { ProjectPlan } from '../plan/comparison/project-plan.ts';
import { inDataflowOrder } from '../plan/pipeline-order.ts';
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
import { fileShares, openFilesMax } from './open-files.ts';
import { PipelineControl } from './pipeline-control.ts';
import { pipelineWorkers } from './pipeline-workers.ts';
import { presentProblems } from './present-problems.ts';
import { loadProject, type Project } from './project.ts';
import { type PipelineCutOver, ProjectRun } from './project-run.ts';
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
  /** Builds a pipeline anew at once, instead of beside, that was changed since it last ran. */
  readonly rebuild?: boolean;
}

/** A project that runs in this process. */
export interface RunningApp {
  /** Undefined when no door is open. */
  readonly url: string | undefined;
  readonly project: Project;
  readonly parts: Parts;
  pipelines(): readonly RunningPipeline[];
  /** Resolves when it can do nothing more but be stopped: what the disk holds is no longer known. */
  readonly failed: Promise<HeadraceError>;
  /** Resolves when all bounded input has been read to its end, and tables and alerts show all that follows from it. */
  idle(): Promise<void>;
  /** Reads the project's files again, and says what running what they say would change. */
  plan(): Promise<ProjectPlan>;
  /** Reads the project's files again and runs what they say now; what ran goes on when they are wrong. Resolves when all of it is seen. */
  apply(): Promise<readonly PipelineCutOver[]>;
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
  let fail: (error: HeadraceError) => void = () => {};
  const failed = new Promise<HeadraceError>((resolve) => {
    fail = resolve;
  });
  const log = await openLog({
    dataDir,
    clock: systemClock,
    limits: {
      openFilesMax: fileShares(openFilesMax()).logFilesMax,
      compactionLagMs: project.options.logCompactionLag,
      deleteRetentionMs: project.options.logDeleteRetention,
    },
    onWarning: (message) => logger.warn(message),
    onFsync: fsyncMeter(metrics),
    onWriteFailure: (error) => fail(error),
  });
  const runtime = new Runtime(options, { project, log, logger, metrics, failed });
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
  readonly failed: Promise<HeadraceError>;
}

class Runtime implements RunningApp {
  readonly failed: Promise<HeadraceError>;
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
  #run: ProjectRun | undefined;
  #url: string | undefined;
  #ready = false;
  #stopped: Promise<void> | undefined;

  constructor(options: RuntimeOptions, { project, log, logger, metrics, failed }: Opened) {
    this.failed = failed;
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
    const run = this.#projectRun(parts);
    this.#run = run;
    await run.start(this.#project, this.#project.options.apply);
    this.#alerts = await createAlerts({
      log: this.#log,
      tables: parts.tables,
      clock: systemClock,
      metrics: parts.metrics,
      rules: run.pipelines.flatMap((pipeline) => pipeline.alerts),
      report: (error, about) => this.#logger.error('alert', { about, error }),
    });
    run.alerts = this.#alerts;
    const { close } = this.#alerts;
    this.#closers.push(() => close.call(this.#alerts));
    if (this.#options.until === 'stopped') await this.#openDoor(parts);
    const sinks = new RunningSinks(parts);
    this.#sinks = sinks;
    this.#closers.push(() => sinks.stop());
    await sinks.apply({ dir: this.#project.dir, pipelines: run.pipelines });
    await this.#startConnectors();
    this.#ready = true;
    if (this.#project.options.apply === 'auto') this.#applyBehind(run);
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
        waitTargetMs: options.ingestWaitTarget,
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
        pipelineWorkers: pipelineWorkers(options.enginePipelineWorkers),
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
    pinKnownSinks(this.#log);
    const housekeeping = new Housekeeping({
      log: this.#log,
      ingest,
      clock: systemClock,
      logger: this.#logger,
      release: () => engine.releaseInputs(),
    });
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
      control: () => this.#pipelineControl(),
      info: {
        version: packageVersion(),
        project: this.#project.name,
        startedAt: systemClock.now(),
        dataDir: this.#log.dataDir,
      },
      queryLimits: { rowsMax: options.queryRowsMax, timeoutMs: options.queryTimeout },
      notReady: () => (this.#ready ? [] : ['the project is starting']),
      problems: () => presentProblems(this.#log, engine),
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
    const sources = new Set((this.#run?.pipelines ?? []).flatMap((p) => p.sources.map((source) => source.topic)));
    return sources.size === 1 ? [...sources][0] : undefined;
  }

  async #declareTopics(project: Project): Promise<void> {
    for (const topic of topicsOfProject(project.topics, project.pipelines)) await this.parts.topics.ensure(topic);
  }

  #projectRun({ engine, tables }: Parts): ProjectRun {
    const run = new ProjectRun({
      log: this.#log,
      engine,
      tables,
      logger: this.#logger,
      bounded: this.#options.until === 'idle',
      rebuild: this.#options.rebuild === true,
      changed: async (pipelines) => this.#sinks?.apply({ dir: this.#project.dir, pipelines }),
    });
    this.#closers.push(() => run.close());
    return run;
  }

  #pipelineControl(): PipelineControl {
    return new PipelineControl({
      log: this.#log,
      engine: this.parts.engine,
      run: this.#run!,
      logger: this.#logger,
      load: () => loadProject(this.#options.projectDir, this.#options),
      declare: (project) => this.#declareTopics(project),
      applied: (project) => {
        this.#project = project;
      },
    });
  }

  /** What has changed since the last run, while the process serves what ran before. */
  #applyBehind(run: ProjectRun): void {
    const changed = run.plan(this.#project).changes.filter(({ fate }) => fate === 'rebuilt' || fate === 'survives');
    for (const { pipeline, fate, views } of changed) {
      const what = fate === 'rebuilt' ? 'it is built anew beside the rows that there are' : 'its state is gone on with';
      const changes = views.flatMap((view) => view.changes.map((change) => `${view.view}: ${change}`));
      this.#logger.info(`pipeline has changed: ${what}`, { pipeline, changes: changes.join('; ') });
    }
    run.apply(this.#project).then(
      (cutOvers) => {
        for (const { pipeline, version } of cutOvers) {
          this.#logger.info('the changed pipeline has taken the place of the former', { pipeline, version });
        }
      },
      (error: unknown) => {
        if (this.#ready) this.#logger.error('applying what has changed; what ran before goes on', { error });
      },
    );
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
      limits: {
        bodyBytesMax: options.httpBodyBytesMax,
        inFlightBytesMax: options.httpInFlightBytesMax,
        connectionsMax: fileShares(openFilesMax()).connectionsMax,
      },
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
    await this.#run?.settled();
    const order = inDataflowOrder(this.pipelines(), ({ pipeline }) => pipeline);
    for (const running of order) await running.idle({ closeWindows: true });
    await this.parts.tables.caughtUp();
    await this.#alerts?.caughtUp();
    await this.#sinks?.drained();
  }

  async plan(): Promise<ProjectPlan> {
    return this.#run!.plan(await loadProject(this.#options.projectDir, this.#options));
  }

  async apply(): Promise<readonly PipelineCutOver[]> {
    const next = await loadProject(this.#options.projectDir, this.#options);
    await this.#declareTopics(next);
    const cutOvers = await this.#run!.apply(next);
    this.#project = next;
    return cutOvers;
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
    if (errors.length === 0) return;
    if (this.#log.stats().failure?.code !== 'LOG_WRITE_FAILED') throw errors[0];
    // What cannot be written now is recovered; the first failure is what is to be told.
    for (const error of errors) this.#logger.warn('stopping after the disk failed', { error });
  }
}

/** The console's files, also when this runs from source. */
function consoleFolder(): string | undefined {
  return ['../console', '../../dist/console']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(join(path, 'index.html')));
}
