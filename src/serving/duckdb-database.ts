import type { DuckDBAppender, DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Clock } from '../base/clock.ts';
import { HeadraceError, messageOf } from '../base/error.ts';
import type { Column, DataType } from '../plan/data-type.ts';
import { DuckdbEvaluation } from './duckdb-evaluation.ts';
import { DUCKDB_MACROS } from './duckdb-function.ts';
import type { DuckdbModule } from './duckdb-type.ts';
import { duckdbLogicalType, duckdbType } from './duckdb-type.ts';
import { fromDuckdbValue, toDuckdbValue } from './duckdb-value.ts';
import { QUERY_MEMORY_MB, QUERY_THREADS } from './limits.ts';
import type { ColumnBlock } from './query-relation.ts';

/** Rows of one DuckDB vector. */
const CHUNK_ROWS = 2_048;

const INTERRUPT_REPEAT_MS = 10;

/**
 * Settings of the database, before it is locked: no files, no network, no extensions, so that even a query that was
 * not made by us could reach nothing. See "Securing DuckDB" in its documentation.
 */
const SETTINGS: readonly string[] = [
  `SET threads = ${QUERY_THREADS}`,
  "SET temp_directory = ''",
  "SET TimeZone = 'UTC'",
  'SET autoinstall_known_extensions = false',
  'SET autoload_known_extensions = false',
  'SET enable_external_access = false',
  'SET lock_configuration = true',
];

export interface RunLimits {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Our own DuckDB in memory. One statement at a time. */
export class DuckdbDatabase {
  readonly #duckdb: DuckdbModule;
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  /** What the evaluator of the plan computes for DuckDB's rows. */
  readonly evaluation: DuckdbEvaluation;

  private constructor(duckdb: DuckdbModule, instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#duckdb = duckdb;
    this.#instance = instance;
    this.#connection = connection;
    this.evaluation = new DuckdbEvaluation(duckdb, connection);
  }

  static async open(memoryBytesMax = QUERY_MEMORY_MB * 1e6): Promise<DuckdbDatabase> {
    const duckdb = await import('@duckdb/node-api');
    const instance = await duckdb.DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const memory = `SET memory_limit = '${Math.floor(memoryBytesMax / 1024)}KiB'`;
    for (const statement of [...DUCKDB_MACROS, memory, ...SETTINGS]) await connection.run(statement);
    return new DuckdbDatabase(duckdb, instance, connection);
  }

  async createTable(table: string, columns: readonly Column[], scales: readonly number[]): Promise<void> {
    const list = columns.map((column, index) => `c${index} ${duckdbType(column.type, scales[index] ?? 0)}`);
    await this.#connection.run(`CREATE TABLE ${table} (${list.join(', ') || 'c0 INTEGER'})`);
  }

  async dropTable(table: string): Promise<void> {
    await this.#connection.run(`DROP TABLE IF EXISTS ${table}`);
  }

  /** Appends rows of values (plan/data-type.ts). Gives the event loop back between chunks. */
  async append(
    table: string,
    columns: readonly Column[],
    scales: readonly number[],
    rows: Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>,
  ): Promise<void> {
    const appender = await this.#connection.createAppender(table);
    const types = columns.map((column, index) => duckdbLogicalType(this.#duckdb, column.type, scales[index] ?? 0));
    let pending: (readonly unknown[])[] = [];
    const flush = (): void => {
      const chunk = this.#duckdb.DuckDBDataChunk.create(types, pending.length);
      chunk.setColumns(
        columns.map(({ type }, at) =>
          pending.map((row) => toDuckdbValue(this.#duckdb, row[at], type, scales[at] ?? 0)),
        ),
      );
      appender.appendDataChunk(chunk);
      pending = [];
    };
    try {
      for await (const row of rows) {
        pending.push(row);
        if (pending.length < CHUNK_ROWS) continue;
        flush();
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      if (pending.length > 0) flush();
      appender.closeSync();
    } catch (error) {
      abandon(appender);
      throw queryError(error, undefined, 0);
    }
  }

  /** Appends rows that come column by column. @throws HeadraceError `SERVING_QUERY_MEMORY` */
  async appendBlocks(
    table: string,
    columns: readonly Column[],
    scales: readonly number[],
    blocks: AsyncIterable<ColumnBlock>,
  ): Promise<void> {
    const appender = await this.#connection.createAppender(table);
    const types = columns.map((column, index) => duckdbLogicalType(this.#duckdb, column.type, scales[index] ?? 0));
    try {
      for await (const block of blocks) {
        for (let from = 0; from < block.rows; from += CHUNK_ROWS) {
          const rows = Math.min(CHUNK_ROWS, block.rows - from);
          const chunk = this.#duckdb.DuckDBDataChunk.create(types, rows);
          chunk.setColumns(
            columns.map(({ type }, at) =>
              block.columns[at]!.slice(from, from + rows).map((value) =>
                toDuckdbValue(this.#duckdb, value, type, scales[at] ?? 0),
              ),
            ),
          );
          appender.appendDataChunk(chunk);
        }
      }
      appender.closeSync();
    } catch (error) {
      abandon(appender);
      throw queryError(error, undefined, 0);
    }
  }

  /**
   * Runs one query of ours; rows of values (plan/data-type.ts).
   *
   * @throws HeadraceError `SERVING_QUERY_TIMEOUT`, `SERVING_QUERY_CANCELLED`, `SERVING_QUERY_MEMORY`, `SERVING_QUERY_FAILED`
   */
  async run(sql: string, types: readonly DataType[], limits: RunLimits): Promise<readonly (readonly unknown[])[]> {
    let stopped: 'timeout' | 'cancelled' | undefined;
    let cancelRepeat = (): void => {};
    const stop = (why: 'timeout' | 'cancelled'): void => {
      stopped ??= why;
      this.#connection.interrupt();
      // An interrupt before the query's thread has begun is lost, so it is said again until the query has ended.
      cancelRepeat = limits.clock.after(INTERRUPT_REPEAT_MS, () => stop(why));
    };
    const abort = (): void => stop('cancelled');
    const cancelTimer = limits.clock.after(limits.timeoutMs, () => stop('timeout'));
    limits.signal?.addEventListener('abort', abort, { once: true });
    try {
      if (limits.signal?.aborted) throw new Error('aborted before it began');
      const result = await this.#connection.run(sql);
      const rows = await result.getRows();
      return rows.map((row) => types.map((type, index) => fromDuckdbValue(row[index] ?? null, type)));
    } catch (error) {
      if (limits.signal?.aborted) stopped ??= 'cancelled';
      throw queryError(error, stopped, limits.timeoutMs);
    } finally {
      cancelTimer();
      cancelRepeat();
      limits.signal?.removeEventListener('abort', abort);
    }
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

/** Closing writes what is left, which fails when the database has no room for it. */
function abandon(appender: DuckDBAppender): void {
  try {
    appender.closeSync();
  } catch {
    // The error that made us give up says what is to be said.
  }
}

function queryError(error: unknown, stopped: 'timeout' | 'cancelled' | undefined, timeoutMs: number): HeadraceError {
  if (error instanceof HeadraceError) return error;
  const about = { domain: 'serving', cause: error } as const;
  if (stopped === 'timeout') {
    return new HeadraceError(`running the query: it took longer than ${timeoutMs} ms`, {
      ...about,
      code: 'SERVING_QUERY_TIMEOUT',
      next: 'ask for less, make it a materialized view, or allow it more time',
    });
  }
  if (stopped === 'cancelled') {
    return new HeadraceError('running the query: whoever asked has gone', {
      ...about,
      code: 'SERVING_QUERY_CANCELLED',
      next: 'ask again',
    });
  }
  const [line = ''] = messageOf(error).split('\n');
  if (/out of memory|could not allocate/i.test(line)) {
    return new HeadraceError('running the query: it needs more memory than it may have (query.memory_max)', {
      ...about,
      code: 'SERVING_QUERY_MEMORY',
      next: 'ask for fewer rows or groups, or make it a materialized view',
    });
  }
  return new HeadraceError(`running the query: ${line.replace(/^[\w ]+ Error: /, '')}`, {
    ...about,
    code: 'SERVING_QUERY_FAILED',
    next: 'correct the expression, or leave out the rows that it cannot be computed for',
  });
}
