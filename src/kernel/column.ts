import type { DataType } from '../plan/data-type.ts';

/**
 * The layout of a column batch in WebAssembly memory; the one thing that decoders, operators and compiled expressions
 * all know. All addresses are byte addresses in the worker's one memory, 16-byte aligned.
 *
 * - `i32`: boolean (0 or 1), int2, int4, date
 * - `i64`: int8, timestamp(tz) in µs since the Unix epoch, time, numeric with precision <= 18 (scaled by 10^scale)
 * - `f64`: float4, float8
 * - `str`: text, uuid, bytea, jsonb (its JSON text), other numerics (canonical text): 16-byte references
 *   `{ u32 length, u32 prefix (first 4 bytes, zero padded), u32 address of the bytes, u32 reserved }`. The bytes live in
 *   the batch's input or arena and die with it; state copies what it keeps.
 *
 * Nulls: one byte a row, 1 for null, the value then being zero; address 0 means that no row is null.
 * Rows of a batch that are alive are listed in a selection vector (u32 row numbers, ascending); a filter shortens it.
 * A row's weight is +1 or -1 (i32); address 0 means +1 for all.
 */
export type PhysicalType = 'i32' | 'i64' | 'f64' | 'str';

export const PHYSICAL_CODE = { i32: 0, i64: 1, f64: 2, str: 3 } as const satisfies Record<PhysicalType, number>;
export const PHYSICAL_WIDTH = { i32: 4, i64: 8, f64: 8, str: 16 } as const satisfies Record<PhysicalType, number>;

/** Digits of a numeric that fits an i64 for certain. */
const NUMERIC_I64_PRECISION_MAX = 18;

/** How a type lies in a column; a numeric without a precision that fits is text. */
export function physicalOf(type: {
  readonly kind: DataType['kind'];
  readonly precision?: number | undefined;
}): PhysicalType {
  switch (type.kind) {
    case 'boolean':
    case 'int2':
    case 'int4':
    case 'date':
      return 'i32';
    case 'int8':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return 'i64';
    case 'float4':
    case 'float8':
      return 'f64';
    case 'numeric':
      return type.precision !== undefined && type.precision <= NUMERIC_I64_PRECISION_MAX ? 'i64' : 'str';
    default:
      return 'str';
  }
}

/** Rows in a batch at most: bounds every per-batch buffer. */
export const BATCH_ROWS_MAX = 65_536;

export interface ColumnVector {
  readonly physical: PhysicalType;
  readonly data: number;
  readonly nulls: number;
}

export interface ColumnBatch {
  /** Rows physically present. */
  readonly rows: number;
  readonly columns: readonly ColumnVector[];
  /** Address of the selection vector (u32 each), or 0: all rows are alive. */
  readonly selection: number;
  /** Rows alive. */
  readonly selected: number;
  /** Address of the weights (i32 each), or 0: all +1. */
  readonly weights: number;
}
