import { type Offset, type TimestampMs, timestampMs } from '../base/brand.ts';
import { HeadraceError } from '../base/error.ts';
import type { TopicConfig } from '../log/log.ts';
import type { Column, DataType } from '../plan/data-type.ts';
import type { SourceColumn } from '../plan/node.ts';
import { Decimal } from '../plan/value/decimal.ts';
import { fromJsonValue } from '../plan/value/json-value.ts';
import { parseJson } from './json-row.ts';
import { QUERY_TOPIC_RECORDS_MAX } from './limits.ts';
import type { ViewTable } from './table.ts';
import { type FeedContext, highWatermarks, logStarts, TopicCursor } from './topic-feed.ts';
import { formatPosition, type TopicPosition } from './topic-position.ts';
import type { TopicRecord } from './topic-record.ts';

/** The rows of a relation at the commit that a query reads. */
export interface PinnedRelation {
  readonly columns: readonly Column[];
  /** Equal versions have equal rows. */
  readonly version: string;
  /** What the relation had at an earlier version is still there, and `rows(earlier)` gives only what came after. */
  readonly appendOnlySince: ((version: string) => boolean) | undefined;
  /** Values as in plan/data-type.ts, in the order of `columns`. */
  rows(since: string | undefined): Iterable<readonly unknown[]>;
  /** Receipt of the newest row that was read. */
  newest(): TimestampMs;
  /** Of a topic: what can be read straight from its segments. */
  readonly records?: TopicRange;
  /** The rows instead, column by column: read once, kept for one query. */
  readonly blocks?: (() => AsyncIterable<ColumnBlock>) | undefined;
}

/** Rows column by column, in the order of the relation's columns. */
export interface ColumnBlock {
  readonly rows: number;
  readonly columns: readonly (readonly unknown[])[];
}

/** Records of a topic between two positions, and what is read of them. */
export interface TopicRange {
  readonly topic: string;
  readonly fields: readonly SourceColumn[];
  readonly from: TopicPosition;
  readonly until: TopicPosition;
  readonly count: number;
}

/** Where a column of a topic is found: in the JSON value, or in the record itself. */
export const PSEUDO_COLUMNS: readonly Column[] = [
  { name: '_partition', type: { kind: 'int4' }, nullable: false },
  { name: '_offset', type: { kind: 'int8' }, nullable: false },
  { name: '_timestamp', type: { kind: 'timestamptz' }, nullable: false },
  { name: '_key', type: { kind: 'text' }, nullable: true },
  { name: '_value', type: { kind: 'text' }, nullable: true },
];

/** The view's rows now. Rows are copied here; later changes do not touch them. */
export function pinView(table: ViewTable): PinnedRelation {
  const { columns } = table;
  const records = table.snapshot();
  const { asOf } = table.freshness();
  return {
    columns,
    version: `${table.instance}:${table.version}`,
    appendOnlySince: undefined,
    *rows() {
      for (const record of records) {
        const row = record.row() ?? {};
        yield columns.map(({ name, type }) => columnValue(Object.hasOwn(row, name) ? row[name] : null, type));
      }
    },
    newest: () => asOf,
  };
}

/** The topic's records up to now. Reading rows throws `SERVING_QUERY_TOO_LARGE` when there are too many. */
export function pinTopic(context: FeedContext, topic: TopicConfig, fields: readonly SourceColumn[]): PinnedRelation {
  const starts = logStarts(context.log, topic);
  const ends = highWatermarks(context.log, topic);
  const count = ends.reduce((sum, end, partition) => sum + (end - starts[partition]!), 0);
  const columns = [...fields.map(({ name, type, nullable }) => ({ name, type, nullable })), ...PSEUDO_COLUMNS];
  let newest = timestampMs(0);
  return {
    columns,
    version: versionOf(starts, ends),
    appendOnlySince: (version) => version.split('|')[0] === formatPosition(starts),
    records: { topic: topic.name, fields, from: starts, until: ends, count },
    *rows(since) {
      assertReadable(topic, count);
      const from = since === undefined ? starts : positionsOf(since);
      for (const record of recordsBetween(context, topic, from, ends)) {
        if (record.timestamp > newest) newest = record.timestamp;
        yield topicValues(record, fields);
      }
    },
    newest: () => newest,
  };
}

function versionOf(starts: TopicPosition, ends: TopicPosition): string {
  return `${formatPosition(starts)}|${formatPosition(ends)}`;
}

function positionsOf(version: string): TopicPosition {
  const [, ends = ''] = version.split('|');
  return ends.split(',').map((part) => Number(part.split(':')[1]) as Offset);
}

function assertReadable(topic: TopicConfig, records: number): void {
  if (records <= QUERY_TOPIC_RECORDS_MAX) return;
  throw new HeadraceError(
    `running the query: topic "${topic.name}" holds ${records} records, and a query reads at most ${QUERY_TOPIC_RECORDS_MAX}`,
    {
      code: 'SERVING_QUERY_TOO_LARGE',
      domain: 'serving',
      next: 'make what you ask a materialized view, and query that',
    },
  );
}

function* recordsBetween(
  context: FeedContext,
  topic: TopicConfig,
  from: TopicPosition,
  until: TopicPosition,
): Iterable<TopicRecord> {
  const cursor = new TopicCursor(context, topic, from);
  try {
    for (;;) {
      const records = cursor.take(until);
      if (records.length === 0) return;
      yield* records;
    }
  } finally {
    cursor.close();
  }
}

/** The values that a query sees of a record: its fields, then the columns that every topic has. */
export function topicValues(
  record: Pick<TopicRecord, 'partition' | 'key' | 'text'> & { readonly offset: number; readonly timestamp: number },
  fields: readonly SourceColumn[],
): readonly unknown[] {
  const json = fields.length === 0 ? null : jsonOf(record.text);
  const values: unknown[] = fields.map(({ path, type }) => columnValue(memberAt(json, path), type));
  values.push(record.partition, BigInt(record.offset), BigInt(record.timestamp) * 1000n, record.key, record.text);
  return values;
}

function jsonOf(text: string | null): unknown {
  if (text === null) return null;
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}

function memberAt(json: unknown, path: readonly string[]): unknown {
  let at = json;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return null;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return at;
}

/** What does not fit its declared type reads as NULL: it cannot have come through validation, so no row is lost over it. */
function columnValue(json: unknown, type: DataType): unknown {
  try {
    return fromJsonValue(json, type);
  } catch {
    return null;
  }
}

/** Digits after the point that a column needs: declared, or the most among the rows. */
export function scaleOf(type: DataType, rows: readonly (readonly unknown[])[], index: number): number {
  if (type.kind !== 'numeric') return 0;
  if (type.precision !== undefined) return type.scale ?? 0;
  let scale = 0;
  for (const row of rows) {
    const value = row[index];
    if (value instanceof Decimal && value.scale > scale) scale = value.scale;
  }
  return scale;
}

/** Rows that were made for one query. */
export function relationOfRows(
  columns: readonly Column[],
  rows: Iterable<readonly unknown[]>,
  newest: TimestampMs,
  version: string,
): PinnedRelation {
  return { columns, version, appendOnlySince: undefined, rows: () => rows, newest: () => newest };
}
