import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadProject } from '../app/project.ts';
import { TopicCatalogue, type TopicDeclaration, topicsOfProject } from '../app/topic-setup.ts';
import { offset } from '../base/brand.ts';
import { parseDurationMs } from '../base/duration.ts';
import { HeadraceError } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import type { LookupFactory } from '../engine/effect/lookup.ts';
import type { Engine, RunningPipeline } from '../engine/engine.ts';
import { createEngine } from '../engine/host.ts';
import { inlineExecutor } from '../engine/task/executor.ts';
import { fileSnapshots } from '../engine/task/snapshot-store.ts';
import { createIngest } from '../ingest/create-ingest.ts';
import { DEAD_LETTER_TOPIC, type DeadLetter, type Ingest, type IngestResult } from '../ingest/ingest.ts';
import type { Log } from '../log/log.ts';
import { openLog } from '../log/open.ts';
import type { OutputNode, Pipeline } from '../plan/node.ts';
import { inDataflowOrder } from '../plan/pipeline-order.ts';
import { recordsFrom } from '../protocol/http/record-page.ts';
import { createMetrics } from '../telemetry/registry.ts';
import { type LookupRows, scriptedLookups } from './scripted-lookup.ts';
import { VirtualClock } from './virtual-clock.ts';

export type TestRow = Readonly<Record<string, unknown>>;

export interface PipelineTestOptions {
  /** A project folder or pipeline file, or pipelines made with the builder. */
  readonly project: string | readonly Pipeline[];
  /** What the clock reads; ISO 8601. Default: noon of 2100-01-01, later than any event, so that none is in the future. */
  readonly now?: string;
  /** What look-ups find, by their names: rows as JSON. Without rows they find nothing; no other system is asked. */
  readonly lookups?: LookupRows;
}

const NOW_DEFAULT = '2100-01-01T12:00:00Z';
const SEGMENT_BYTES = 64 * 1024 * 1024;
const ROWS_MAX = 1_000_000;
const WORKER_MEMORY_BYTES = 512 * 1024 * 1024;

/**
 * Runs pipelines over rows of a test, on the real log, ingest and engine, in a folder that is removed afterwards.
 *
 * @example
 * ```ts
 * const test = await openPipelineTest({ project: 'pipelines/orders.sql' });
 * await test.send('orders', [{ id: 'o1', time: '2026-01-31T12:00:05Z', shop: 'a' }]);
 * await test.finish();
 * expect(test.rows('orders_1m')).toEqual([{ window_start: '2026-01-31T12:00:00.000Z', shop: 'a', orders: 1 }]);
 * await test.close();
 * ```
 */
export async function openPipelineTest(options: PipelineTestOptions): Promise<PipelineTest> {
  const { pipelines, topics } = await declarations(options.project);
  const clock = new VirtualClock(Date.parse(options.now ?? NOW_DEFAULT));
  const dataDir = await mkdtemp(join(tmpdir(), 'headrace-test-'));
  const lookups = scriptedLookups(options.lookups ?? {});
  const start = (): Promise<TestProcess> => startProcess(dataDir, clock, { pipelines, topics, lookups });
  try {
    return new PipelineTest(await start(), start, clock, () => rm(dataDir, { recursive: true, force: true }));
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/** What of a process a test needs: log, ingest and engine on a folder. */
interface TestProcess {
  readonly log: Log;
  readonly ingest: Ingest;
  readonly engine: Engine;
  readonly running: readonly RunningPipeline[];
}

async function startProcess(
  dataDir: string,
  clock: VirtualClock,
  { pipelines, topics, lookups }: Declared & { readonly lookups: LookupFactory },
): Promise<TestProcess> {
  const log = await openLog({ dataDir, clock });
  let engine: Engine | undefined;
  try {
    const catalogue = new TopicCatalogue(log, {
      retentionMs: undefined,
      retentionBytes: undefined,
      segmentBytesMax: SEGMENT_BYTES,
    });
    for (const topic of topicsOfProject(topics, pipelines)) await catalogue.ensure(topic);
    const metrics = createMetrics();
    const ingest = await createIngest({ log, clock, metrics, schemas: (topic) => catalogue.schemaOf(topic) });
    const limits = {
      workers: 1,
      snapshotIntervalMs: Number.MAX_SAFE_INTEGER,
      workerMemoryBytesMax: WORKER_MEMORY_BYTES,
    };
    const snapshots = fileSnapshots(dataDir);
    const executor = inlineExecutor(log, clock, snapshots);
    engine = createEngine({ log, clock, metrics, options: limits, snapshots, executor, lookups });
    const running: RunningPipeline[] = [];
    for (const pipeline of pipelines) running.push(await engine.start(pipeline));
    return { log, ingest, engine, running };
  } catch (error) {
    await engine?.close();
    await log.close();
    throw error;
  }
}

interface Declared {
  readonly pipelines: readonly Pipeline[];
  readonly topics: readonly TopicDeclaration[];
}

async function declarations(project: string | readonly Pipeline[]): Promise<Declared> {
  if (typeof project !== 'string') return { pipelines: project, topics: [] };
  return loadProject(project, { flags: {}, env: {} });
}

/** Made by {@link openPipelineTest}. */
export class PipelineTest {
  readonly clock: VirtualClock;
  readonly #start: () => Promise<TestProcess>;
  readonly #remove: () => Promise<void>;
  #process: TestProcess | undefined;

  constructor(
    process: TestProcess,
    start: () => Promise<TestProcess>,
    clock: VirtualClock,
    remove: () => Promise<void>,
  ) {
    this.#process = process;
    this.#start = start;
    this.clock = clock;
    this.#remove = remove;
  }

  get #running(): TestProcess {
    if (this.#process !== undefined) return this.#process;
    throw new HeadraceError('using a pipeline test: it was closed', { code: 'CONFIG_TEST_INVALID', domain: 'config' });
  }

  /** Moves the clock: `advance('10 s')`. What is due by then happens; `settle` waits for it. */
  advance(duration: string): void {
    this.clock.set(this.clock.now() + parseDurationMs(duration));
  }

  /** The process ends as it should, and starts again from its snapshots. */
  async restart(): Promise<void> {
    const { engine, log } = this.#running;
    this.#process = undefined;
    await engine.close();
    await log.close();
    this.#process = await this.#start();
  }

  /** The process dies, and starts again from what was committed: no snapshot is taken, the journal is replayed. */
  async crash(): Promise<void> {
    const { running, engine, log } = this.#running;
    this.#process = undefined;
    await Promise.allSettled(running.map((pipeline) => pipeline.stop({ snapshot: false })));
    await engine.close();
    await log.close();
    this.#process = await this.#start();
  }

  /** Sends rows to a topic as one batch; they are durable when it resolves. Refused rows are in the result. */
  async send(topic: string, rows: readonly unknown[]): Promise<IngestResult> {
    const body = new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join('\n'));
    const principal = { id: 'test', scopes: ['admin'] } as const;
    return this.#running.ingest.accept({ topic, principal, body, format: 'ndjson', idempotencyKey: undefined });
  }

  /** Resolves when everything sent so far has been processed; windows that the watermark has not passed stay open. */
  async settle(): Promise<void> {
    await this.#idle(false);
  }

  /** The end of the input: everything is processed, and every window closed. */
  async finish(): Promise<void> {
    await this.#idle(true);
  }

  /** Present rows of a view: the last of every key for an upsert view, every row of an append view, in order of arrival. */
  rows(view: string): readonly TestRow[] {
    const { log } = this.#running;
    const output = this.#output(view);
    const rows = new Map<string, TestRow>();
    let count = 0;
    for (let partition = 0; partition < log.topic(output.topic)!.partitions; partition++) {
      for (const { key, value } of recordsFrom(log, output.topic, partition, offset(0), ROWS_MAX)) {
        const id = output.mode === 'upsert' ? (key ?? '') : String(count++);
        if (value === null) rows.delete(id);
        else rows.set(id, JSON.parse(value) as TestRow);
      }
    }
    return [...rows.values()];
  }

  /** What was refused, by ingest or by a pipeline. */
  deadLetters(): readonly DeadLetter[] {
    const records = recordsFrom(this.#running.log, DEAD_LETTER_TOPIC, 0, offset(0), ROWS_MAX);
    return records.map(({ value }) => JSON.parse(value ?? '{}') as DeadLetter);
  }

  async close(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    await process?.engine.close();
    await process?.log.close();
    await this.#remove();
  }

  async #idle(closeWindows: boolean): Promise<void> {
    for (const running of inDataflowOrder(this.#running.running, ({ pipeline }) => pipeline)) {
      await running.idle({ closeWindows });
      const { error } = running.status();
      if (error !== undefined) throw error;
    }
  }

  #output(view: string): OutputNode {
    const outputs = this.#running.running.flatMap(({ pipeline }) => pipeline.outputs);
    const output = outputs.find(({ name }) => name === view);
    if (output !== undefined) return output;
    const near = nearestName(
      view,
      outputs.map(({ name }) => name),
    );
    throw new HeadraceError(`reading view "${view}": no pipeline of this test makes it`, {
      code: 'SERVING_UNKNOWN_TABLE',
      domain: 'serving',
      next: near === undefined ? `there are ${outputs.map(({ name }) => name).join(', ')}` : `did you mean "${near}"?`,
    });
  }
}
