import { timestampMs } from '../../base/brand.ts';
import { HeadraceError } from '../../base/error.ts';
import type { AggregateNode, PlanNode } from '../../plan/node.ts';
import { duckdbType } from '../duckdb-type.ts';
import type { DuckdbRelation } from '../plan-to-duckdb.ts';
import { type ColumnBlock, type PinnedRelation, relationOfRows } from '../query-relation.ts';
import { receivedColumn } from './row-collector.ts';
import { type RowScan, takeRowScans } from './row-scan-plan.ts';
import type { ScanLimits, ScanRunner } from './scan.ts';
import { mergedRows } from './scan-merge.ts';
import { columnsAggregated, takeAggregateScans } from './scan-plan.ts';
import { isScannable } from './topic-columns.ts';

/** One query has one clock reading, wherever its parts run. */
export interface QueryLimits extends ScanLimits {
  readonly nowMs: number;
}

/** A query of which the parts that read large topics are relations. */
export interface ScannedQuery {
  readonly plan: PlanNode;
  /** As the query database sees a relation of the plan, given the table that holds what was read. */
  relation(name: string, table: DuckdbRelation): DuckdbRelation;
}

/** Answers the parts of queries that read large topics from their segments. */
export class QueryScans {
  readonly #runner: ScanRunner;
  readonly #recordsMin: number;
  #versions = 0;

  constructor(runner: ScanRunner, recordsMin: number) {
    this.#runner = runner;
    this.#recordsMin = recordsMin;
  }

  /** Adds what is read to `relations`; aggregates at once, rows when they are loaded. */
  async prepare(
    plan: PlanNode,
    relations: Map<string, PinnedRelation>,
    limits: QueryLimits,
    rowsMax: number,
  ): Promise<ScannedQuery> {
    const all = await this.#prepare(plan, relations, limits, rowsMax, () => true);
    if (all !== undefined) return all;
    const counted = (aggregate: AggregateNode): boolean => aggregate.aggregates.length > 0;
    return (await this.#prepare(plan, relations, limits, rowsMax, counted))!;
  }

  /** Undefined when the distinct values of a scan are too many for it: the query database may have room for them. */
  async #prepare(
    plan: PlanNode,
    relations: Map<string, PinnedRelation>,
    limits: QueryLimits,
    rowsMax: number,
    taken: (aggregate: AggregateNode) => boolean,
  ): Promise<ScannedQuery | undefined> {
    const scannable = (top: PlanNode, wanted: ReadonlySet<number>, name: string): boolean => {
      const records = relations.get(name)?.records;
      return records !== undefined && records.count >= this.#recordsMin && isScannable(top, wanted, records.fields);
    };
    const aggregates = takeAggregateScans(
      plan,
      (aggregate, name) => taken(aggregate) && scannable(aggregate.input, columnsAggregated(aggregate), name),
    );
    for (const scan of aggregates.scans) {
      try {
        await this.#aggregate(scan, relations, limits);
      } catch (error) {
        const tooMany = error instanceof HeadraceError && error.code === 'SERVING_QUERY_MEMORY';
        if (tooMany && scan.aggregate.aggregates.length === 0) return undefined;
        throw error;
      }
    }
    const rest = takeRowScans(aggregates.plan, scannable, rowsMax);
    for (const scan of rest.scans) relations.set(scan.name, this.#rows(scan, relations, limits));
    const scans = new Map(rest.scans.map((scan) => [scan.name, scan]));
    return {
      plan: rest.plan,
      relation(name, table) {
        const scan = scans.get(name);
        return scan === undefined ? table : widened(scan, table);
      },
    };
  }

  close(): void {
    this.#runner.close();
  }

  async #aggregate(
    scan: { readonly name: string; readonly relation: string; readonly aggregate: AggregateNode },
    relations: Map<string, PinnedRelation>,
    limits: QueryLimits,
  ): Promise<void> {
    const { name, relation, aggregate } = scan;
    const { topic, fields, from, until } = relations.get(relation)!.records!;
    const request = { topic, fields, aggregate, from, until, nowMs: limits.nowMs };
    const { partials, newestMs } = await this.#runner.run(request, limits);
    const rows = [...mergedRows(aggregate, partials)];
    relations.set(name, relationOfRows(aggregate.columns, rows, timestampMs(newestMs), `${this.#versions++}`));
  }

  #rows(scan: RowScan, relations: ReadonlyMap<string, PinnedRelation>, limits: QueryLimits): PinnedRelation {
    const { relation, top, wanted, limit, order } = scan;
    const { topic, fields, from, until } = relations.get(relation)!.records!;
    const request = { topic, fields, top, wanted, limit, order, from, until, nowMs: limits.nowMs };
    const columns = wanted.map((at) => top.columns[at]!);
    let newest = 0;
    const read = this.#runner.rows(request, limits, (newestMs) => {
      newest = newestMs;
    });
    return {
      columns,
      version: `${this.#versions++}`,
      appendOnlySince: undefined,
      rows: () => [],
      newest: () => timestampMs(newest),
      async *blocks(): AsyncIterable<ColumnBlock> {
        for await (const { rows, columns: values } of read) {
          yield { rows, columns: values.map((column, at) => receivedColumn(column, columns[at]!.type)) };
        }
      },
    };
  }
}

/** All columns of the scan by position: those that nobody wants are NULL. */
function widened({ top, wanted }: RowScan, { table, scales }: DuckdbRelation): DuckdbRelation {
  const places = new Map(wanted.map((at, place) => [at, place]));
  const list = top.columns.map(({ type }, at) => {
    const place = places.get(at);
    return place === undefined ? `CAST(NULL AS ${duckdbType(type, 0)}) AS c${at}` : `c${place} AS c${at}`;
  });
  const all = top.columns.map((_, at) => scales[places.get(at) ?? -1] ?? 0);
  return { table: `(SELECT ${list.join(', ')} FROM ${table})`, scales: all };
}
