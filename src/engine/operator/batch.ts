import type { ColumnBatch } from '../../kernel/column.ts';
import type { SourceNode } from '../../plan/node.ts';

/** Where the rows of a batch come from; filters and projections keep row numbers, so it stays right behind them. */
export interface RowOrigin {
  readonly source: SourceNode;
  readonly partition: number;
  offset(row: number): number;
  /** Milliseconds. */
  timestamp(row: number): number;
  /** The record's value as it stands in the log; valid until the batch ends. */
  value(row: number): Uint8Array;
}

/** A column batch with what event time needs beside its columns. */
export interface Batch extends ColumnBatch {
  /** Undefined behind an aggregate. */
  readonly origin: RowOrigin | undefined;
  /** Address of event times (i64, µs), or of receipt times when the source declares none; 0 behind an aggregate. */
  readonly times: number;
  /** Rows whose event time is null: one byte a row, 1 for null; 0 or undefined when there is none. */
  readonly timeNulls?: number;
  /** Address of the watermark of the row's own source partition just before its offset (i64, µs); 0 behind an aggregate. */
  readonly watermarks: number;
}

/** Before any event time: every window is open. */
export const WATERMARK_MIN = -(2n ** 63n);
/** The later of two event times. */
export function later(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

/** Bounded input has ended: every window is closed. */
export const WATERMARK_MAX = 2n ** 63n - 1n;
