import type { Clock } from '../../base/clock.ts';
import type { AggregateNode, PlanNode, SortKey, SourceColumn } from '../../plan/node.ts';
import type { RowsBlock } from './row-collector.ts';
import type { ScanPartial } from './scan-partial.ts';

/** One aggregate over one topic, between two positions. */
export interface ScanRequest {
  readonly topic: string;
  /** Columns of the topic's JSON; those that every topic has follow them. */
  readonly fields: readonly SourceColumn[];
  readonly aggregate: AggregateNode;
  /** By partition. */
  readonly from: readonly number[];
  readonly until: readonly number[];
  readonly nowMs: number;
}

export interface ScanLimits {
  readonly clock: Clock;
  /** On the monotonic clock. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

export interface ScanOutcome {
  readonly partials: readonly ScanPartial[];
  /** Receipt of the newest record read, milliseconds. */
  readonly newestMs: number;
}

/** The rows that pass a chain of filters, projections and windows over a topic. */
export interface RowScanRequest extends Omit<ScanRequest, 'aggregate'> {
  readonly top: PlanNode;
  /** Columns of `top`, ascending. */
  readonly wanted: readonly number[];
  /** So many rows are enough, whichever, or the first in the order; a few more may come. */
  readonly limit: number | undefined;
  readonly order: readonly SortKey[] | undefined;
}

/** Reads topics straight from their segments. */
export interface ScanRunner {
  /** @throws HeadraceError `SERVING_QUERY_TIMEOUT`, `SERVING_QUERY_CANCELLED`, `SERVING_QUERY_MEMORY`, and what an expression throws */
  run(request: ScanRequest, limits: ScanLimits): Promise<ScanOutcome>;
  /**
   * Blocks of rows in no particular order; reading waits for whoever takes them.
   * @throws HeadraceError as {@link run}
   */
  rows(request: RowScanRequest, limits: ScanLimits, newest: (newestMs: number) => void): AsyncIterable<RowsBlock>;
  close(): void;
}
