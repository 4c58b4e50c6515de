import type { CommitNumber, TimestampMs, TimestampUs } from '../base/brand.ts';
import type { Column } from '../plan/data-type.ts';

/** A row of a result, column name -> JSON value (int8 and numeric beyond 2^53 as strings in JavaScript objects). */
export type JsonRow = Readonly<Record<string, unknown>>;

/** How fresh an answer is. */
export interface Freshness {
  readonly commit: CommitNumber;
  /** Receipt of the newest record that the answer reflects. */
  readonly asOf: TimestampMs;
  readonly watermark: TimestampUs | undefined;
  /** Input records not yet reflected. */
  readonly lagRecords: number;
}

/** A materialized view kept by key, following its output topic. */
export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly keyColumns: readonly string[];
  readonly size: number;
  get(key: string): JsonRow | undefined;
  rows(): Iterable<JsonRow>;
  freshness(): Freshness;
}

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly freshness: Freshness;
  readonly elapsedMs: number;
  readonly truncated: boolean;
}

/** One frame of a live stream: `snapshot` rows first, then changes. Resume with the offset of the last frame seen. */
export interface LiveFrame {
  readonly op: 'snapshot' | 'upsert' | 'delete' | 'append' | 'caught-up';
  readonly key: string | null;
  readonly row: JsonRow | null;
  /** Opaque position to resume from (`Last-Event-ID`): one `partition:offset` per partition, comma separated. */
  readonly offset: string;
}
