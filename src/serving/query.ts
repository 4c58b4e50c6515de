import { type CommitNumber, type TimestampMs, type TimestampUs, timestampMs } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import { topicForUsers } from '../log/internal-topic.ts';
import type { Log } from '../log/log.ts';
import type { Column, DataType } from '../plan/data-type.ts';
import type { PlanNode, SourceNode } from '../plan/node.ts';
import { typeName } from '../plan/type-name.ts';
import { toJsonValue } from '../plan/value/json-value.ts';
import type { Principal } from '../security/principal.ts';
import { compileQuery, type QueryCatalog } from '../sql/query.ts';
import { DuckdbDatabase } from './duckdb-database.ts';
import {
  FEED_TURN_MS_MAX,
  QUERY_QUEUE_MAX,
  QUERY_ROWS_DEFAULT,
  QUERY_ROWS_MAX,
  QUERY_TEXT_MAX,
  QUERY_TIMEOUT_MS_DEFAULT,
  QUERY_TIMEOUT_MS_MAX,
  QUERY_TURNS_TO_CATCH_UP_MAX,
  SCAN_RECORDS_MIN,
} from './limits.ts';
import { type DuckdbRelation, planToDuckdb } from './plan-to-duckdb.ts';
import { type PinnedRelation, PSEUDO_COLUMNS, pinTopic, pinView } from './query-relation.ts';
import { type LoadLimits, RelationCache } from './relation-cache.ts';
import { QueryScans, type ScannedQuery } from './scan/query-scans.ts';
import type { ScanRunner } from './scan/scan.ts';
import { SCAN_RELATION_PREFIX } from './scan/scan-plan.ts';
import { threadScans } from './scan/scan-threads.ts';
import type { Freshness, QueryResult } from './serving.ts';
import { SYSTEM_SOURCES } from './system-source.ts';
import type { Tables } from './tables.ts';
import { highWatermarks } from './topic-feed.ts';

/** SQL text to a plan whose leaves are scans of the catalog's names: `compileQuery`, or a test's own. */
export type QueryCompiler = (sql: string, catalog: QueryCatalog) => PlanNode | Promise<PlanNode>;

export interface QueryOptions {
  readonly principal?: Principal | undefined;
  readonly rowsMax?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the name of every view and topic that the query reads, before it is read; throws to refuse. */
  readonly authorize?: ((relation: string) => void) | undefined;
}

export interface QueryServiceOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly tables: Tables;
  /** Default {@link compileQuery}. */
  readonly compile?: QueryCompiler;
  /** The declared sources: they give the columns of their topics. */
  readonly sources: () => readonly SourceNode[];
  /** Memory of the query database; default `QUERY_MEMORY_MB`. */
  readonly memoryBytesMax?: number;
  /** How aggregates over topics are computed; in threads by default. */
  readonly scans?: ScanRunner;
  /** Records from which on a topic is scanned; {@link SCAN_RECORDS_MIN} by default. */
  readonly scanRecordsMin?: number;
}

export interface QueryService {
  /** The views and topics that a query may name now, with their columns. */
  catalog(): QueryCatalog;
  /**
   * Answers a question at one commit, within limits of rows, time and memory.
   *
   * @throws HeadraceError of domain `sql`; `SERVING_QUERY_TIMEOUT`, `SERVING_QUERY_MEMORY`, `SERVING_QUERY_FAILED`,
   * `SERVING_QUERY_UNSUPPORTED`, `SERVING_QUERY_TOO_LARGE`, `SERVING_QUERY_OVERLOADED` (retryable)
   */
  query(sql: string, options?: QueryOptions): Promise<QueryResult>;
  close(): void;
}

export function createQueryService(options: QueryServiceOptions): QueryService {
  return new DuckdbQueryService(options);
}

class DuckdbQueryService implements QueryService {
  readonly #options: QueryServiceOptions;
  #cache: Promise<RelationCache> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  readonly #scans: QueryScans;

  constructor(options: QueryServiceOptions) {
    this.#options = options;
    const { scans = threadScans(options.log, options.clock), scanRecordsMin = SCAN_RECORDS_MIN } = options;
    this.#scans = new QueryScans(scans, scanRecordsMin);
  }

  catalog(): QueryCatalog {
    return new Map(
      this.#names().flatMap((name) => {
        const columns = this.#columns(name);
        return columns === undefined ? [] : [[name, columns] as const];
      }),
    );
  }

  async query(sql: string, options: QueryOptions = {}): Promise<QueryResult> {
    const started = this.#options.clock.monotonicMs();
    if (sql.length > QUERY_TEXT_MAX) throw tooLong(sql.length);
    const { compile = compileQuery } = this.#options;
    const plan = await compile(sql, this.catalog());
    for (const name of relationsOf(plan)) options.authorize?.(name);
    return this.#inTurn(() => this.#run(plan, options, started));
  }

  close(): void {
    const cache = this.#cache;
    this.#cache = undefined;
    cache?.then((open) => open.close()).catch(() => undefined);
    this.#scans.close();
  }

  /** One query at a time: DuckDB itself uses all the threads it may. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= QUERY_QUEUE_MAX) throw overloaded();
    this.#waiting++;
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }

  async #run(plan: PlanNode, options: QueryOptions, started: number): Promise<QueryResult> {
    const { clock } = this.#options;
    const rowsMax = Math.min(options.rowsMax ?? QUERY_ROWS_DEFAULT, QUERY_ROWS_MAX);
    const timeoutMs = Math.min(options.timeoutMs ?? QUERY_TIMEOUT_MS_DEFAULT, QUERY_TIMEOUT_MS_MAX);
    const deadline = started + timeoutMs;
    const nowMs = clock.now();
    const nowUs = BigInt(nowMs) * 1000n;
    const limits = { clock, deadline, signal: options.signal, nowMs };
    const { relations, fresh } = await this.#pin(relationsOf(plan));
    const scanned = await this.#scans.prepare(plan, relations, limits, rowsMax + 1);
    this.#cache ??= DuckdbDatabase.open(this.#options.memoryBytesMax).then((database) => new RelationCache(database));
    const cache = await this.#cache;
    const types = plan.columns.map((column) => column.type);
    const { rows, newest } = await this.#ask(cache, scanned, relations, { limits, types, nowUs, rowsMax });
    return {
      columns: plan.columns.map(({ name, type }) => ({ name, type: typeName(type) })),
      rows: rows.slice(0, rowsMax).map((row) => row.map((value, index) => toJsonValue(value, types[index]!))),
      freshness: { ...fresh, asOf: newest },
      elapsedMs: clock.monotonicMs() - started,
      truncated: rows.length > rowsMax,
    };
  }

  /** Loads what the query database must have, and runs what remains of the query there. */
  async #ask(
    cache: RelationCache,
    query: ScannedQuery,
    relations: ReadonlyMap<string, PinnedRelation>,
    question: {
      readonly limits: LoadLimits;
      readonly types: readonly DataType[];
      readonly nowUs: bigint;
      readonly rowsMax: number;
    },
  ): Promise<{ readonly rows: readonly (readonly unknown[])[]; readonly newest: TimestampMs }> {
    const { limits, types, nowUs, rowsMax } = question;
    const { clock, deadline, signal } = limits;
    const read = new Set(relationsOf(query.plan));
    try {
      const loaded = await cache.load(new Map([...relations].filter(([name]) => read.has(name))), limits);
      const relation = (name: string): DuckdbRelation => query.relation(name, loaded.get(name)!);
      const { sql } = planToDuckdb(query.plan, { relation, nowUs, evaluation: cache.database.evaluation });
      const runLimits = { clock, timeoutMs: Math.max(1, deadline - clock.monotonicMs()), signal };
      const rows = await cache.database.run(`SELECT * FROM (${sql}) q LIMIT ${rowsMax + 1}`, types, runLimits);
      return { rows, newest: timestampMs(Math.max(0, ...[...loaded.values()].map(({ newest }) => newest))) };
    } finally {
      cache.database.evaluation.clear();
      await cache.forget((name) => name.startsWith(SCAN_RELATION_PREFIX));
    }
  }

  /**
   * Takes all relations at one commit: tables are first brought up to what is visible, and when that is done in one go
   * their rows and the ends of topics are taken, with nothing in between. Under a backlog it waits its turn.
   */
  async #pin(
    names: readonly string[],
  ): Promise<{ relations: Map<string, PinnedRelation>; fresh: Omit<Freshness, 'asOf'> }> {
    const { tables, log, clock } = this.#options;
    const views = names.flatMap((name) => tables.get(name) ?? []);
    for (let turn = 0; ; turn++) {
      for (const view of views) if (view.failure !== undefined) throw view.failure;
      const turnEnd = clock.monotonicMs() + FEED_TURN_MS_MAX;
      const overtime = (): boolean => clock.monotonicMs() >= turnEnd;
      const caughtUp = views.every((view) => {
        const topic = log.topic(view.topic);
        return topic === undefined || view.advanceTo(highWatermarks(log, topic), overtime);
      });
      if (caughtUp || turn >= QUERY_TURNS_TO_CATCH_UP_MAX) break;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    const { commit } = tables.hub;
    const relations = new Map(names.map((name) => [name, this.#pinned(name)] as const));
    const fresh = freshnessOf(
      commit,
      views.map((view) => view.freshness()),
    );
    return { relations, fresh };
  }

  #pinned(name: string): PinnedRelation {
    const { tables, log } = this.#options;
    const table = tables.get(name);
    if (table !== undefined) return pinView(table);
    const source = this.#source(name);
    const topic = topicForUsers(log, source?.topic ?? name);
    if (topic === undefined) throw unknownRelation(name, this.#names());
    return pinTopic(tables.hub.context, topic, source?.columns ?? []);
  }

  #source(name: string): Pick<SourceNode, 'name' | 'topic' | 'columns'> | undefined {
    const declared = this.#options.sources();
    return (
      declared.find((source) => source.name === name) ??
      declared.find((source) => source.topic === name) ??
      SYSTEM_SOURCES.find((source) => source.name === name)
    );
  }

  #columns(name: string): readonly Column[] | undefined {
    const table = this.#options.tables.get(name);
    if (table !== undefined) return table.columns;
    const source = this.#source(name);
    if (topicForUsers(this.#options.log, source?.topic ?? name) === undefined) return undefined;
    return [
      ...(source?.columns ?? []).map(({ name: n, type, nullable }) => ({ name: n, type, nullable })),
      ...PSEUDO_COLUMNS,
    ];
  }

  #names(): readonly string[] {
    const { tables, log, sources } = this.#options;
    const all = [
      ...tables.list().map((table) => table.name),
      ...sources().map((source) => source.name),
      ...log.topics().map((topic) => topic.name),
    ];
    return [...new Set(all)];
  }
}

/** Names of the relations that a plan reads. */
function relationsOf(node: PlanNode, found: Set<string> = new Set()): readonly string[] {
  if (node.kind === 'table-scan' || node.kind === 'source') found.add(node.name);
  if (node.kind === 'join') {
    relationsOf(node.left, found);
    relationsOf(node.right, found);
  } else if (node.kind === 'set-operation') for (const input of node.inputs) relationsOf(input, found);
  else if ('input' in node) relationsOf(node.input, found);
  return [...found];
}

function freshnessOf(commit: CommitNumber, views: readonly Freshness[]): Omit<Freshness, 'asOf'> {
  const watermarks = views.flatMap((view) => (view.watermark === undefined ? [] : [view.watermark]));
  const least = watermarks.reduce<TimestampUs | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined);
  return {
    commit,
    watermark: least,
    lagRecords: views.reduce((sum, view) => sum + view.lagRecords, 0),
  };
}

function unknownRelation(name: string, names: readonly string[]): HeadraceError {
  const near = nearestName(name, names);
  return new HeadraceError(`running the query: there is no view and no topic "${name}"`, {
    code: 'SERVING_UNKNOWN_RELATION',
    domain: 'serving',
    next: near === undefined ? 'see "headrace topics" for those that exist' : `did you mean "${near}"?`,
  });
}

function tooLong(length: number): HeadraceError {
  return new HeadraceError(`running the query: its text has ${length} characters, and ${QUERY_TEXT_MAX} is the limit`, {
    code: 'SERVING_QUERY_TOO_LARGE',
    domain: 'serving',
    next: 'write a shorter query',
  });
}

function overloaded(): HeadraceError {
  return new HeadraceError(`running the query: ${QUERY_QUEUE_MAX} queries are waiting already`, {
    code: 'SERVING_QUERY_OVERLOADED',
    domain: 'serving',
    retryable: true,
    next: 'ask again in a moment',
  });
}
