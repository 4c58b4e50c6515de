/**
 * What the records of an exchange's topic hold. The first byte says what it is.
 *
 * Rows ({@link ROWS_RECORD}): flags (u8, {@link BLOCK_FLAG}), number of rows (varint); with an origin: source (varint, its place among the
 * sources of the pipeline), partition (varint) and the offset of each row (f64); then, each if its flag is set, event times (i64), one byte
 * for each time that is null, the watermarks of the rows' own partitions (i64) and weights (i32). Then the columns that are read: a byte that
 * says whether any is null, and one for each row if so; then the values as kernel/column.ts has them; of texts their lengths (u32), the sum
 * of these (u32) and the bytes.
 *
 * A mark ({@link MARK_RECORD}): what the task says of event time when its epoch has ended, see mark.ts.
 *
 * All numbers are little-endian, none aligned. The format is the engine's own: only records that the same version of a pipeline wrote
 * are read.
 */
export const ROWS_RECORD = 1;
export const MARK_RECORD = 2;

export const BLOCK_FLAG = { origin: 1, times: 2, timeNulls: 4, watermarks: 8, weights: 16 } as const;

/** Where the rows of a block come from. */
export interface BlockOrigin {
  /** Place among the sources of the pipeline. */
  readonly source: number;
  readonly partition: number;
}
