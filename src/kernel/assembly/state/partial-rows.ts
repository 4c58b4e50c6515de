// Partial rows of single rows: the states of aggregates (group-states.ts) that have taken one row each. Values are written at the
// numbers of the rows of the selection.

import { arenaAlloc } from "../memory";
import { COLUMN_DATA, COLUMN_NULLS, COLUMN_TYPE, TYPE_I32 } from "./key";
import { SUM_BYTES, sumAdd, sumExport, sumExportBytes, sumFree } from "./exact-sum";

/** A sum with a block is written with all of it. */
const PADDING: usize = 16;
const scratch: usize = memory.data(40, 16);

@inline
function rowAt(selection: usize, at: u32): usize {
  return <usize>(selection != 0 ? load<u32>(selection + (<usize>at << 2)) : at);
}

/** Whether an aggregate takes the row: its argument (0: none) is there, and its filter (0: none) true. */
@inline
function isTaken(column: usize, filter: usize, row: usize): bool {
  if (column != 0) {
    const nulls = <usize>load<u32>(column, COLUMN_NULLS);
    if (nulls != 0 && load<u8>(nulls + row) != 0) return false;
  }
  if (filter == 0) return true;
  const nulls = <usize>load<u32>(filter, COLUMN_NULLS);
  return (nulls == 0 || load<u8>(nulls + row) == 0) && load<u32>(<usize>load<u32>(filter, COLUMN_DATA) + (row << 2)) != 0;
}

/** Divides rows by whether their window, which ends at `ends[row] + endAdd`, is open: those to `kept`. Returns how many. */
export function partialInTime(
  ends: usize, endAdd: i64, watermarks: usize, watermark: i64, selection: usize, count: u32, kept: usize, late: usize,
): u32 {
  let inTime: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(selection, i);
    const passed = watermarks == 0 ? watermark : max(watermark, load<i64>(watermarks + (row << 3)));
    if (load<i64>(ends + (row << 3)) + endAdd <= passed) store<u32>(late + ((<usize>i - inTime) << 2), <u32>row);
    else store<u32>(kept + (inTime++ << 2), <u32>row);
  }
  return <u32>inTime;
}

export function partialCounts(column: usize, filter: usize, selection: usize, count: u32, target: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(selection, i);
    store<i64>(target + (row << 3), isTaken(column, filter, row) ? 1 : 0);
  }
}

/** Integers as sums of 64 bits, and their high words (`highs` 0: not wanted). */
export function partialIntegers(column: usize, filter: usize, selection: usize, count: u32, sums: usize, highs: usize): void {
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const isShort = load<u32>(column, COLUMN_TYPE) == TYPE_I32;
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(selection, i);
    let value: i64 = 0;
    if (isTaken(column, filter, row)) value = isShort ? <i64>load<i32>(data + (row << 2)) : load<i64>(data + (row << 3));
    store<i64>(sums + (row << 3), value);
    if (highs != 0) store<i64>(highs + (row << 3), value >> 63);
  }
}

/** Doubles as exact sums: strings of bytes in the arena. */
export function partialFloats(column: usize, filter: usize, selection: usize, count: u32, target: usize): void {
  const data = <usize>load<u32>(column, COLUMN_DATA);
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(selection, i);
    memory.fill(scratch, 0, SUM_BYTES);
    if (isTaken(column, filter, row)) sumAdd(scratch, load<f64>(data + (row << 3)), 1);
    const bytes = sumExportBytes(scratch);
    const at = arenaAlloc(bytes + PADDING);
    sumExport(scratch, at);
    sumFree(scratch);
    const reference = target + (row << 4);
    store<u32>(reference, <u32>bytes);
    store<u32>(reference, load<u32>(at), 4);
    store<u32>(reference, <u32>at, 8);
    store<u32>(reference, 0, 12);
  }
}

/** Where a column has nothing for its aggregate: one byte a row. */
export function partialNulls(column: usize, filter: usize, selection: usize, count: u32, target: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(selection, i);
    store<u8>(target + row, isTaken(column, filter, row) ? 0 : 1);
  }
}
