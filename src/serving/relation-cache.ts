import { type TimestampMs, timestampMs } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { DataType } from '../plan/data-type.ts';
import type { DuckdbDatabase } from './duckdb-database.ts';
import { QUERY_RELATIONS_CACHED_MAX } from './limits.ts';
import type { DuckdbRelation } from './plan-to-duckdb.ts';
import { type ColumnBlock, type PinnedRelation, scaleOf } from './query-relation.ts';

/** Scale of a numeric without one in a topic: its rows are not known before they are loaded. */
const TOPIC_NUMERIC_SCALE = 18;

/** Rows parsed before the event loop gets its turn. */
const ROWS_PER_TURN = 2_048;

/** A relation as a table of the query database. */
export interface LoadedRelation extends DuckdbRelation {
  /** Receipt of its newest row. */
  readonly newest: TimestampMs;
}

interface CachedRelation extends LoadedRelation {
  readonly version: string;
  readonly shape: string;
}

export interface LoadLimits {
  readonly clock: Clock;
  /** On the monotonic clock. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/** Relations as tables of the query database: loaded when their version has changed, topics only by what was appended. */
export class RelationCache {
  readonly database: DuckdbDatabase;
  readonly #cached = new Map<string, CachedRelation>();
  #tables = 0;

  constructor(database: DuckdbDatabase) {
    this.database = database;
  }

  /** The table of every relation. @throws HeadraceError `SERVING_QUERY_TIMEOUT`, `SERVING_QUERY_CANCELLED` */
  async load(
    relations: ReadonlyMap<string, PinnedRelation>,
    limits: LoadLimits,
  ): Promise<ReadonlyMap<string, LoadedRelation>> {
    const loaded = new Map<string, LoadedRelation>();
    for (const [name, relation] of relations) loaded.set(name, await this.#one(name, relation, limits));
    for (const name of this.#cached.keys()) {
      if (this.#cached.size <= QUERY_RELATIONS_CACHED_MAX) break;
      if (!relations.has(name)) await this.#drop(name);
    }
    return loaded;
  }

  /** Drops relations that are of no use any more. */
  async forget(which: (name: string) => boolean): Promise<void> {
    for (const name of [...this.#cached.keys()]) if (which(name)) await this.#drop(name);
  }

  close(): void {
    this.database.close();
  }

  async #one(name: string, relation: PinnedRelation, limits: LoadLimits): Promise<LoadedRelation> {
    const shape = JSON.stringify(relation.columns);
    const known = this.#cached.get(name);
    if (known !== undefined) {
      this.#cached.delete(name);
      this.#cached.set(name, known);
      if (known.shape === shape && known.version === relation.version) return known;
      if (known.shape === shape && relation.appendOnlySince?.(known.version)) {
        return this.#append(name, known, relation, limits);
      }
      await this.#drop(name);
    }
    const table = `r${this.#tables++}`;
    if (relation.blocks !== undefined) return this.#take(name, table, relation, relation.blocks());
    if (relation.appendOnlySince !== undefined) {
      const scales = relation.columns.map(({ type }) => scaleInTopic(type));
      await this.database.createTable(table, relation.columns, scales);
      return this.#append(name, { table, scales, shape, version: '', newest: timestampMs(0) }, relation, limits);
    }
    const rows = await collected(guarded(relation.rows(undefined), limits));
    const scales = relation.columns.map(({ type }, index) => scaleOf(type, rows, index));
    await this.database.createTable(table, relation.columns, scales);
    await this.database.append(table, relation.columns, scales, rows);
    return this.#keep(name, { table, scales, shape, version: relation.version, newest: relation.newest() });
  }

  async #take(
    name: string,
    table: string,
    relation: PinnedRelation,
    blocks: AsyncIterable<ColumnBlock>,
  ): Promise<LoadedRelation> {
    const { columns, version } = relation;
    const scales = columns.map(({ type }) => scaleInTopic(type));
    await this.database.createTable(table, columns, scales);
    const shape = JSON.stringify(columns);
    // Known before it is filled, so that it goes also when filling fails.
    this.#keep(name, { table, scales, shape, version: '', newest: timestampMs(0) });
    await this.database.appendBlocks(table, columns, scales, blocks);
    return this.#keep(name, { table, scales, shape, version, newest: relation.newest() });
  }

  async #append(
    name: string,
    known: CachedRelation,
    relation: PinnedRelation,
    limits: LoadLimits,
  ): Promise<LoadedRelation> {
    this.#cached.delete(name);
    const rows = guarded(relation.rows(known.version === '' ? undefined : known.version), limits);
    try {
      await this.database.append(known.table, relation.columns, known.scales, rows);
    } catch (error) {
      await this.database.dropTable(known.table);
      throw error;
    }
    const newest = timestampMs(Math.max(known.newest, relation.newest()));
    return this.#keep(name, { ...known, version: relation.version, newest });
  }

  #keep(name: string, relation: CachedRelation): LoadedRelation {
    this.#cached.set(name, relation);
    return relation;
  }

  async #drop(name: string): Promise<void> {
    const known = this.#cached.get(name);
    this.#cached.delete(name);
    if (known !== undefined) await this.database.dropTable(known.table);
  }
}

function scaleInTopic(type: DataType): number {
  if (type.kind !== 'numeric') return 0;
  return type.precision === undefined ? TOPIC_NUMERIC_SCALE : (type.scale ?? 0);
}

/** Passes rows on until the time is over or nobody waits for them. */
function* guarded(rows: Iterable<readonly unknown[]>, limits: LoadLimits): Iterable<readonly unknown[]> {
  let count = 0;
  for (const row of rows) {
    if (++count % 1_024 === 0 && (limits.signal?.aborted || limits.clock.monotonicMs() > limits.deadline)) {
      throw new HeadraceError('running the query: reading what it asks for took longer than it may', {
        code: limits.signal?.aborted ? 'SERVING_QUERY_CANCELLED' : 'SERVING_QUERY_TIMEOUT',
        domain: 'serving',
        next: 'ask for less, make it a materialized view, or allow it more time',
      });
    }
    yield row;
  }
}

/** All rows; gives the event loop back while it reads them. */
async function collected(rows: Iterable<readonly unknown[]>): Promise<readonly (readonly unknown[])[]> {
  const all: (readonly unknown[])[] = [];
  for (const row of rows) {
    if (all.push(row) % ROWS_PER_TURN === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return all;
}
