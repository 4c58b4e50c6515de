import { offset } from '../base/brand.ts';
import { textOf, utf8 } from '../base/bytes.ts';
import { ManualClock } from '../base/clock.ts';
import { DEAD_LETTER_TOPIC, type DeadLetter } from '../log/dead-letter.ts';
import type { LogLimits } from '../log/limits.ts';
import type { Log, TopicConfig } from '../log/log.ts';
import { openLog } from '../log/open.ts';
import { decodeRecordBatches, encodeRecordBatch } from '../log/record-batch.ts';
import { type DiskFault, VirtualDisk } from '../log/virtual-disk.ts';
import type { Pipeline, UserModule } from '../plan/node.ts';
import { compilePipeline } from '../sql/statement/pipeline-compiler.ts';
import type { LookupFactory } from './effect/lookup.ts';
import type { Engine, RunningPipeline, StartOptions } from './engine.ts';
import { createEngine } from './host.ts';
import { inlineExecutor } from './task/executor.ts';
import type { SnapshotDisk } from './task/snapshot-disk.ts';
import { diskSnapshots } from './task/snapshot-store.ts';

const DIR = '/data';
export const WORLD_START = Date.UTC(2024, 0, 1);
/** Small, so that a short run rolls segments, goes both ways (inline or not) and replaces its commit log. */
const LIMITS: Partial<LogLimits> = {
  inlineBytesMax: 2_000,
  extendBytes: 4_096,
  commitLogBytesMax: 200_000,
  indexIntervalBytes: 1_024,
  partitionsMax: 1_024,
};

export interface WorldOptions {
  /** Seeds what the disk loses and tears. */
  readonly random?: () => number;
  readonly snapshotIntervalMs?: number;
  /** Turns of the event loop that a change of the disk for a snapshot takes: epochs run meanwhile. */
  readonly snapshotTurns?: number;
  readonly lookups?: LookupFactory;
  /** Of each pipeline; 1 without it. */
  readonly workers?: number;
  readonly memoryBytesMax?: number;
  /** What an earlier world left. */
  readonly disk?: VirtualDisk;
}

export interface StoredRecord {
  readonly partition: number;
  readonly key: string | null;
  readonly value: Record<string, unknown> | null;
}

/** mulberry32: small, seeded, good enough for choosing. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole engine in one thread, on a virtual disk and a clock that moves when told: what tests of semantics and recovery run. */
export class EngineWorld {
  readonly disk: VirtualDisk;
  readonly clock = new ManualClock(WORLD_START);
  readonly warnings: string[] = [];
  /** What the disk is to do next; asked before every operation. */
  fault: ((kind: string, path: string) => DiskFault | undefined) | undefined;
  readonly #snapshotIntervalMs: number;
  readonly #snapshotTurns: number;
  readonly #lookups: LookupFactory | undefined;
  /** Of versions that begin from now on. */
  workers: number;
  /** Of a worker, from the next start on. */
  memoryBytesMax: number;
  #log: Log | undefined;
  #engine: Engine | undefined;

  constructor(options: WorldOptions = {}) {
    this.disk =
      options.disk ??
      new VirtualDisk({
        random: options.random ?? seededRandom(1),
        fault: (operation) => this.fault?.(operation.kind, 'path' in operation ? operation.path : operation.to),
      });
    this.#lookups = options.lookups;
    this.workers = options.workers ?? 1;
    this.memoryBytesMax = options.memoryBytesMax ?? 2 ** 28;
    this.#snapshotTurns = options.snapshotTurns ?? 0;
    this.#snapshotIntervalMs = options.snapshotIntervalMs ?? Number.MAX_SAFE_INTEGER;
  }

  static async open(options: WorldOptions = {}): Promise<EngineWorld> {
    const world = new EngineWorld(options);
    await world.start();
    return world;
  }

  get log(): Log {
    return this.#log!;
  }

  get engine(): Engine {
    return this.#engine!;
  }

  /** The process starts. */
  async start(): Promise<void> {
    const { clock, disk } = this;
    this.#log = await openLog({
      dataDir: DIR,
      clock,
      disk,
      limits: LIMITS,
      random: () => 12345,
      onWarning: (warning) => this.warnings.push(warning),
    });
    const slow: SnapshotDisk = {
      reader: disk.reader,
      run: async (operations) => {
        for (let turn = 0; turn < this.#snapshotTurns; turn++) await new Promise((resolve) => setImmediate(resolve));
        return disk.run(operations);
      },
    };
    const snapshots = diskSnapshots(slow, DIR);
    const workersOf = (): number => this.workers;
    this.#engine = createEngine({
      log: this.#log,
      clock,
      options: {
        get workers() {
          return workersOf();
        },
        snapshotIntervalMs: this.#snapshotIntervalMs,
        workerMemoryBytesMax: this.memoryBytesMax,
      },
      snapshots,
      random: () => 0.5,
      ...(this.#lookups !== undefined && { lookups: this.#lookups }),
      executor: inlineExecutor(this.#log, clock, snapshots),
    });
  }

  /** The process ends as it should. */
  async stop(): Promise<void> {
    await this.engine.close();
    await this.log.close();
  }

  /** The process dies: no snapshot, no goodbye. With `power`, what was not synced may be lost too. */
  async crash(power: boolean): Promise<void> {
    const running = this.#engine?.pipelines() ?? [];
    await Promise.allSettled(running.map((pipeline) => pipeline.stop({ snapshot: false })));
    await this.#log?.close().catch(() => {});
    if (power) this.disk.powerLoss();
    else this.disk.restart();
  }

  createTopic(name: string, options: Partial<TopicConfig> = {}): Promise<void> {
    return this.log.createTopic({
      name,
      partitions: 1,
      kind: 'append',
      retentionMs: undefined,
      retentionBytes: undefined,
      segmentBytesMax: 16 * 1024,
      keyPath: undefined,
      properties: {},
      ...options,
    });
  }

  /** One batch; durable when it resolves. */
  async write(topic: string, values: readonly unknown[], partition = 0): Promise<void> {
    const timestamp = this.clock.now();
    const records = values.map((value) => ({
      key: null,
      value: utf8(typeof value === 'string' ? value : JSON.stringify(value)),
      timestamp,
    }));
    await this.log.commit({ appends: [{ topic, partition, ...encodeRecordBatch(records) }], puts: [] });
  }

  async startSql(sql: string, options: StartOptions & { name?: string; modules?: readonly UserModule[] } = {}) {
    return this.startPipeline(await sqlPipeline(sql, options.name ?? 'p', options.modules), options);
  }

  startPipeline(pipeline: Pipeline, options: StartOptions = {}): Promise<RunningPipeline> {
    return this.engine.start(pipeline, options);
  }

  records(topic: string): StoredRecord[] {
    const found: StoredRecord[] = [];
    const partitions = this.log.topic(topic)?.partitions ?? 0;
    for (let partition = 0; partition < partitions; partition++) {
      const reader = this.log.reader(topic, partition, this.log.bounds(topic, partition).logStart);
      const buffer = new Uint8Array(2 ** 20);
      for (let length = reader.readInto(buffer); length > 0; length = reader.readInto(buffer)) {
        for (const batch of decodeRecordBatches(buffer.subarray(0, length))) {
          for (const { key, value } of batch.entries()) {
            found.push({ partition, key: key && textOf(key), value: value && JSON.parse(textOf(value)) });
          }
        }
      }
      reader.close();
    }
    return found;
  }

  values(topic: string): Record<string, unknown>[] {
    return this.records(topic).flatMap(({ value }) => (value === null ? [] : [value]));
  }

  /** An upsert topic as the table that it makes, in the order of the first appearance of each key. */
  table(topic: string): Record<string, unknown>[] {
    const rows = new Map<string | null, Record<string, unknown>>();
    for (const { key, value } of this.records(topic)) {
      if (value === null) rows.delete(key);
      else rows.set(key, value);
    }
    return [...rows.values()];
  }

  letters(): DeadLetter[] {
    return this.values(DEAD_LETTER_TOPIC) as unknown as DeadLetter[];
  }

  endOf(topic: string, partition = 0): number {
    return this.log.bounds(topic, partition).highWatermark - offset(0);
  }
}

export function sqlPipeline(sql: string, name = 'p', modules: readonly UserModule[] = []): Promise<Pipeline> {
  return compilePipeline(sql, {
    name,
    loadModule: (path) => {
      const module = modules.find((candidate) => candidate.hash === path) ?? modules[0];
      if (module === undefined) throw new Error(`no module for ${path}`);
      return module;
    },
  });
}

export const at = (seconds: number): string => new Date(WORLD_START + seconds * 1000).toISOString();
