import { offset } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { Log, TopicConfig } from '../log/log.ts';
import type { OutputNode } from '../plan/node.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { CheckpointLoad } from './checkpoint-load.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import type { Defer } from './feed-scheduler.ts';
import {
  FEED_TURN_MS_MAX,
  TABLE_CHECKPOINT_LOOK_MS,
  TABLE_CHECKPOINT_RECORDS_MIN,
  TABLE_CHECKPOINT_STOP_RECORDS_MIN,
  TABLE_ROWS_MAX,
  TABLE_TAIL_ROWS_MAX,
} from './limits.ts';
import type { BatchDecoder } from './partition-tail.ts';
import { decodeRecords } from './record-decoder.ts';
import { TailRows, UpsertRows } from './row-store.ts';
import { type ViewProgress, ViewTable } from './table.ts';
import { encodeTableCheckpoint } from './table-checkpoint.ts';
import { highWatermarks, logStarts, topicNamed } from './topic-feed.ts';
import { TopicHub } from './topic-hub.ts';
import type { TopicPosition } from './topic-position.ts';

export interface TablesOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics?: MetricRegistry;
  /** How far the pipeline of a view has come; asked for with every answer. */
  readonly progress?: (pipeline: string, view: string) => ViewProgress | undefined;
  readonly rowsMax?: number;
  readonly tailRowsMax?: number;
  readonly defer?: Defer;
  readonly decode?: BatchDecoder;
  /** Where rows are kept from one start to the next; without it, output topics are read from their beginning. */
  readonly checkpoints?: CheckpointStore;
  /** What went wrong without anybody asking: for the process log. */
  readonly report?: (error: unknown, about: string) => void;
}

/** The tables of all views of a process. */
export interface Tables {
  /** Where the topics are followed; live streams and alerts share it. */
  readonly hub: TopicHub;
  /**
   * Keeps the rows of an output. A view of the same name is replaced.
   *
   * @throws HeadraceError `SERVING_UNKNOWN_TOPIC` when the output topic does not exist yet
   */
  add(pipeline: string, output: OutputNode): ViewTable;
  remove(name: string): void;
  get(name: string): ViewTable | undefined;
  list(): readonly ViewTable[];
  /** Resolves when every table reflects all that is visible now. @throws HeadraceError why a table cannot be read any further */
  caughtUp(): Promise<void>;
  /** Writes checkpoints of the tables that have changed enough since their last; before a clean stop. */
  checkpoint(): Promise<void>;
  close(): void;
}

/**
 * Keeps the outputs of pipelines as tables.
 *
 * @example
 * ```ts
 * const tables = createTables({ log, clock: systemClock });
 * const table = tables.add('traffic', output);
 * table.get('["/home"]');
 * ```
 */
export function createTables(options: TablesOptions): Tables {
  return new ViewTables(options);
}

class ViewTables implements Tables {
  readonly hub: TopicHub;
  readonly #options: TablesOptions;
  readonly #tables = new Map<string, ViewTable>();
  #instances = 0;
  #writing: Promise<void> = Promise.resolve();
  #cancelLook: () => void = () => {};
  #closed = false;
  readonly #countEvicted: (table: string, rows: number) => void;

  constructor(options: TablesOptions) {
    this.#options = options;
    this.hub = new TopicHub(options);
    this.#countEvicted = this.#register(options.metrics);
    if (options.checkpoints !== undefined) this.#lookLater(options.checkpoints);
  }

  add(pipeline: string, output: OutputNode): ViewTable {
    this.remove(output.name);
    const { log, rowsMax = TABLE_ROWS_MAX, tailRowsMax = TABLE_TAIL_ROWS_MAX, progress } = this.#options;
    const upsert = output.mode === 'upsert';
    const topic = topicNamed(log, output.topic);
    const table = new ViewTable({
      hub: this.hub,
      instance: this.#instances++,
      pipeline,
      output,
      store: () => (upsert ? new UpsertRows(rowsMax) : new TailRows(tailRowsMax)),
      from: upsert ? logStarts(log, topic) : newestOf(log, topic, tailRowsMax),
      checkpoint: upsert ? this.#openCheckpoint(output.name, topic) : undefined,
      progress: progress === undefined ? undefined : () => progress(pipeline, output.name),
      evicted: (rows) => upsert && this.#countEvicted(output.name, rows),
    });
    this.#tables.set(output.name, table);
    return table;
  }

  remove(name: string): void {
    this.#tables.get(name)?.close();
    this.#tables.delete(name);
  }

  get(name: string): ViewTable | undefined {
    return this.#tables.get(name);
  }

  list(): readonly ViewTable[] {
    return [...this.#tables.values()];
  }

  async caughtUp(): Promise<void> {
    const { log, clock, defer = setImmediate } = this.#options;
    for (const table of this.list()) {
      const topic = log.topic(table.topic);
      if (topic === undefined) continue;
      const until = highWatermarks(log, topic);
      for (;;) {
        if (table.failure !== undefined) throw table.failure;
        const turnEnd = clock.monotonicMs() + FEED_TURN_MS_MAX;
        if (table.advanceTo(until, () => clock.monotonicMs() >= turnEnd)) break;
        if (this.#tables.get(table.name) !== table) break;
        await new Promise<void>((resolve) => defer(resolve));
      }
    }
  }

  checkpoint(): Promise<void> {
    const { checkpoints } = this.#options;
    if (checkpoints !== undefined) this.#writeAll(checkpoints, () => TABLE_CHECKPOINT_STOP_RECORDS_MIN);
    return this.#writing;
  }

  #openCheckpoint(table: string, topic: TopicConfig): CheckpointLoad | undefined {
    const { log, checkpoints, decode = decodeRecords, report = () => {} } = this.#options;
    if (checkpoints === undefined) return undefined;
    return CheckpointLoad.open({ log, decode, checkpoints, table, topic, report });
  }

  #lookLater(checkpoints: CheckpointStore): void {
    this.#cancelLook = this.#options.clock.after(TABLE_CHECKPOINT_LOOK_MS, () => {
      this.#writeAll(checkpoints, (table) => Math.max(TABLE_CHECKPOINT_RECORDS_MIN, table.size));
      void this.#writing.then(() => {
        if (!this.#closed) this.#lookLater(checkpoints);
      });
    });
  }

  /** One after the other; those that have applied fewer records than `least` wait for the next time. */
  #writeAll(checkpoints: CheckpointStore, least: (table: ViewTable) => number): void {
    this.#writing = this.#writing.then(async () => {
      for (const table of this.list()) {
        if (table.output.mode !== 'upsert' || table.recordsSinceCheckpoint < least(table)) continue;
        const state = table.state();
        if (state === undefined) continue;
        try {
          await checkpoints.write(table.name, encodeTableCheckpoint(state.header, state.records));
        } catch (error) {
          this.#options.report?.(error, `writing the checkpoint of table ${table.name}`);
        }
      }
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancelLook();
    for (const table of this.#tables.values()) table.close();
    this.hub.close(
      new HeadraceError('following a topic: the process is shutting down', {
        code: 'SERVING_CLOSED',
        domain: 'serving',
        retryable: true,
        next: 'connect again and resume from the last offset',
      }),
    );
    this.#tables.clear();
  }

  #register(metrics: MetricRegistry | undefined): (table: string, rows: number) => void {
    if (metrics === undefined) return () => undefined;
    const evicted = metrics.counter('headrace_table_rows_evicted_total', 'Rows that the row limit pushed out', [
      'table',
    ]);
    const rows = metrics.gauge('headrace_table_rows', 'Rows kept', ['table']);
    const lag = metrics.gauge('headrace_table_lag_records', 'Records of the output topic not yet in the table', [
      'table',
    ]);
    const lost = metrics.gauge(
      'headrace_table_lost_records',
      'Records that retention took before the table read them',
      ['table'],
    );
    metrics.onCollect(() => {
      for (const table of this.#tables.values()) {
        rows.set(table.size, { table: table.name });
        lag.set(table.failure === undefined ? table.lag() : Number.NaN, { table: table.name });
        lost.set(table.lostRecords, { table: table.name });
      }
    });
    return (table, count) => evicted.add(count, { table });
  }
}

/** Where to begin so that the newest `rows` of each partition are read. */
function newestOf(log: Log, topic: TopicConfig, rows: number): TopicPosition {
  const starts = logStarts(log, topic);
  return highWatermarks(log, topic).map((end, partition) => offset(Math.max(starts[partition]!, end - rows)));
}
