import type { SinkLoop } from '../../src/connector/sink-loop.ts';
import { pinKnownSinks } from '../../src/connector/sink-position.ts';
import type { Engine, RunningPipeline, StartOptions } from '../../src/engine/engine.ts';
import { createEngine } from '../../src/engine/host.ts';
import { type ExecutorFactory, inlineExecutor } from '../../src/engine/task/executor.ts';
import { diskSnapshots } from '../../src/engine/task/snapshot-store.ts';
import { Acceptor, ensureDeadLetterTopic } from '../../src/ingest/acceptor.ts';
import type { Framer } from '../../src/ingest/framer.ts';
import type { Ingest } from '../../src/ingest/ingest.ts';
import type { LogLimits } from '../../src/log/limits.ts';
import type { Log } from '../../src/log/log.ts';
import { openLog } from '../../src/log/open.ts';
import type { VirtualDisk } from '../../src/log/virtual-disk.ts';
import type { Pipeline } from '../../src/plan/node.ts';
import { createMetrics } from '../../src/telemetry/registry.ts';
import type { Outside } from './outside.ts';
import type { Schedule } from './schedule.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import { nameOf } from './table-views.ts';

export const DATA_DIR = '/data';
const MEMORY_BYTES_MAX = 2 ** 26;

export interface LifeOptions {
  /** How many processes there were before. */
  readonly number: number;
  readonly disk: VirtualDisk;
  readonly clock: SimulatedClock;
  readonly schedule: Schedule;
  readonly random: () => number;
  readonly limits: Partial<LogLimits>;
  readonly snapshotIntervalMs: number;
  readonly workers: number;
  /** Checks what comes through the door. */
  readonly framer: Framer;
}

/** One process from its start until it stops or dies: a log and an engine whose every turn the schedule decides. */
export class Life {
  readonly log: Log;
  readonly engine: Engine;
  readonly ingest: Ingest;
  readonly #sinks = new Map<Outside, SinkLoop<null>>();
  /** What the log and its start had to say. */
  readonly warnings: readonly string[];

  readonly #schedule: Schedule;
  readonly #clock: SimulatedClock;
  readonly #lane: string;

  private constructor(options: LifeOptions, log: Log, engine: Engine, ingest: Ingest, warnings: readonly string[]) {
    this.#schedule = options.schedule;
    this.#clock = options.clock;
    this.#lane = Life.laneOf(options.number);
    this.log = log;
    this.engine = engine;
    this.ingest = ingest;
    this.warnings = warnings;
  }

  static laneOf(number: number): string {
    return `life ${number} `;
  }

  static async open(options: LifeOptions): Promise<Life> {
    const { clock, schedule, disk, random, limits } = options;
    const lane = Life.laneOf(options.number);
    const warnings: string[] = [];
    const log = await openLog({
      dataDir: DATA_DIR,
      clock,
      disk: disk.session(),
      limits,
      random: () => Math.floor(random() * 2 ** 32),
      soon: schedule.soonOn(`${lane}log`),
      onWarning: (warning) => warnings.push(warning),
    });
    pinKnownSinks(log);
    await ensureDeadLetterTopic(log);
    const soon = schedule.soonOn(`${lane}main`);
    const ingest = new Acceptor({
      log,
      framer: options.framer,
      clock,
      metrics: createMetrics(),
      schemas: () => undefined,
      soon,
    });
    const engine = createEngine({
      log,
      clock,
      options: {
        workers: options.workers,
        snapshotIntervalMs: options.snapshotIntervalMs,
        workerMemoryBytesMax: MEMORY_BYTES_MAX,
      },
      snapshots: diskSnapshots(disk.snapshotSession(), DATA_DIR),
      random,
      soon,
      lookups: () => ({
        async find([id]) {
          await schedule.turnOf(`${lane}look-up of ${id}`);
          const name = nameOf(id!);
          // Another one each time it is asked: what was journaled counts.
          return name === null ? null : [id!, `${name}, asked ${Math.floor(random() * 1e9)}`];
        },
        close: async () => {},
      }),
      executor: scheduledExecutor(log, options, lane),
    });
    return new Life(options, log, engine, ingest, warnings);
  }

  start(pipeline: Pipeline, options: StartOptions): Promise<RunningPipeline> {
    return this.engine.start(pipeline, options);
  }

  /** Begins to write to another system, anew if it does already. */
  connect(outside: Outside, random: () => number): void {
    const turn = (): Promise<void> => this.#schedule.turnOf(`${this.#lane}${outside.name}`);
    this.#sinks.set(outside, outside.connect({ log: this.log, clock: this.#clock, random, turn }));
  }

  sink(outside: Outside): SinkLoop<null> | undefined {
    return this.#sinks.get(outside);
  }

  /** The process ends as it should. */
  async stop(): Promise<void> {
    await Promise.all([...this.#sinks.values()].map((sink) => sink.stop()));
    await this.engine.close();
    await this.log.close();
  }
}

/** Tasks that run when the schedule says so, and whose messages take their time, as between threads. */
function scheduledExecutor(log: Log, { clock, schedule, disk }: LifeOptions, lane: string): ExecutorFactory {
  let tasks = 0;
  return (start, receive) => {
    const number = tasks++;
    const task = `${lane}task ${number} `;
    const session = disk.snapshotSession(` ${number}`);
    const snapshots = diskSnapshots(session, DATA_DIR);
    let ended = false;
    const inner = inlineExecutor(
      log,
      clock,
      snapshots,
      schedule.soonOn(`${task}turn`),
    )(start, (message) => {
      schedule.post(`${task}out`, () => {
        if (!ended) receive(message);
      });
    });
    return {
      post: (message) => schedule.post(`${task}in`, () => inner.post(message)),
      terminate: async () => {
        ended = true;
        // A thread that is ended goes on for a moment.
        await schedule.turnOf(`${task}end`);
        session.end();
        await inner.terminate();
      },
    };
  };
}
