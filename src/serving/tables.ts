import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { Log } from '../log/log.ts';
import type { OutputNode } from '../plan/node.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { Defer } from './feed-scheduler.ts';
import { TABLE_ROWS_MAX, TABLE_TAIL_ROWS_MAX } from './limits.ts';
import type { BatchDecoder } from './partition-tail.ts';
import { TailRows, UpsertRows } from './row-store.ts';
import { type ViewProgress, ViewTable } from './table.ts';
import { logStarts, topicNamed } from './topic-feed.ts';
import { TopicHub } from './topic-hub.ts';

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
  readonly #countEvicted: (table: string, rows: number) => void;

  constructor(options: TablesOptions) {
    this.#options = options;
    this.hub = new TopicHub(options);
    this.#countEvicted = this.#register(options.metrics);
  }

  add(pipeline: string, output: OutputNode): ViewTable {
    this.remove(output.name);
    const { log, rowsMax = TABLE_ROWS_MAX, tailRowsMax = TABLE_TAIL_ROWS_MAX, progress } = this.#options;
    const topic = topicNamed(log, output.topic);
    const table = new ViewTable({
      hub: this.hub,
      instance: this.#instances++,
      pipeline,
      output,
      store: output.mode === 'upsert' ? new UpsertRows(rowsMax) : new TailRows(tailRowsMax),
      from: logStarts(log, topic),
      progress: progress === undefined ? undefined : () => progress(pipeline, output.name),
      evicted: (rows) => output.mode === 'upsert' && this.#countEvicted(output.name, rows),
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

  close(): void {
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
