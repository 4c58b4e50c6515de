// Aggregates over a batch: each adds its argument to the records of the rows' groups. Rows whose argument is null add nothing.

import { COLUMN_DATA, COLUMN_NULLS, TYPE_F64, TYPE_I32, TYPE_STR } from "./key";
import { sumAdd } from "./exact-sum";
import { keepInWindow, windowOfRecord } from "./group-table";
import { settleBlocks } from "./group-size";
import { addToCount, addToSum, addWide, SUM_BYTES } from "./packed-value";
import * as L from "./group-layout";

/** Keeps the entries whose filter (a boolean column) is true; in place, returns how many. */
export function groupFilter(column: usize, records: usize, rows: usize, count: u32, keptRecords: usize, keptRows: usize): u32 {
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const nulls = <usize>load<u32>(column, COLUMN_NULLS);
  let kept: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = <usize>load<u32>(rows + (i << 2));
    if ((nulls != 0 && load<u8>(nulls + row) != 0) || load<u32>(data + (row << 2)) == 0) continue;
    store<u32>(keptRecords + (kept << 2), load<u32>(records + (i << 2)));
    store<u32>(keptRows + (kept << 2), <u32>row);
    kept++;
  }
  return <u32>kept;
}

/** `column` is 0 for count(*); `weights` are by row, 0 for all +1. */
export function groupAdd(
  table: usize, aggregate: u32, column: usize, weights: usize, records: usize, rows: usize, count: u32,
): void {
  const part = L.aggregatePart(<usize>load<u32>(table), aggregate);
  const offset = <usize>load<u32>(part, L.AGGREGATE_OFFSET);
  const type = load<u32>(part, L.AGGREGATE_TYPE);
  const data = column == 0 ? <usize>0 : <usize>load<u32>(column, COLUMN_DATA);
  const nulls = column == 0 ? <usize>0 : <usize>load<u32>(column, COLUMN_NULLS);
  const kind = load<u32>(part);
  if (L.isPacked(part)) {
    if (kind == L.FUNCTION_SUM_INTEGER) addPackedIntegers(part, data, nulls, weights, records, rows, count);
    else if (!L.isOfRows(part)) addPackedCounts(offset, nulls, weights, records, rows, count);
    settleBlocks(table);
  } else if (kind == L.FUNCTION_COUNT) addCounts(offset, nulls, weights, records, rows, count);
  else if (kind == L.FUNCTION_SUM_INTEGER) addIntegers(offset, type, data, nulls, weights, records, rows, count);
  else if (kind == L.FUNCTION_SUM_FLOAT) addFloats(offset, data, nulls, weights, records, rows, count);
  else if (kind >= L.FUNCTION_FIRST) addEnds(table, offset, type, kind == L.FUNCTION_LAST, data, nulls, records, rows, count);
  else if (type == TYPE_STR) addTexts(table, offset, kind == L.FUNCTION_MAX, data, nulls, records, rows, count);
  else addExtremes(offset, type, kind == L.FUNCTION_MAX, data, nulls, records, rows, count);
}

@inline
function weightOf(weights: usize, row: usize): i32 {
  return weights == 0 ? 1 : load<i32>(weights + (row << 2));
}

function addCounts(offset: usize, nulls: usize, weights: usize, records: usize, rows: usize, count: u32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = <usize>load<u32>(rows + (i << 2));
    if (nulls != 0 && load<u8>(nulls + row) != 0) continue;
    const state = <usize>load<u32>(records + (i << 2)) + offset;
    store<i64>(state, load<i64>(state) + <i64>weightOf(weights, row));
  }
}

function addIntegers(
  offset: usize, type: u32, data: usize, nulls: usize, weights: usize, records: usize, rows: usize, count: u32,
): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = <usize>load<u32>(rows + (i << 2));
    if (nulls != 0 && load<u8>(nulls + row) != 0) continue;
    const state = <usize>load<u32>(records + (i << 2)) + offset;
    const value = type == TYPE_I32 ? <i64>load<i32>(data + (row << 2)) : load<i64>(data + (row << 3));
    const weight = weightOf(weights, row);
    // Two's complement: the high word takes the sign, and what is carried or borrowed.
    const low = load<u64>(state);
    if (weight > 0) {
      const sum = low + <u64>value;
      store<i64>(state, load<i64>(state, 8) + (value >> 63) + <i64>(sum < low), 8);
      store<u64>(state, sum);
    } else {
      const difference = low - <u64>value;
      store<i64>(state, load<i64>(state, 8) - (value >> 63) - <i64>(low < <u64>value), 8);
      store<u64>(state, difference);
    }
    store<i64>(state, load<i64>(state, 16) + <i64>weight, 16);
  }
}

function addPackedCounts(offset: usize, nulls: usize, weights: usize, records: usize, rows: usize, count: u32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = <usize>load<u32>(rows + (i << 2));
    if (nulls != 0 && load<u8>(nulls + row) != 0) continue;
    const record = <usize>load<u32>(records + (i << 2));
    addToCount(record, record + offset, <i64>weightOf(weights, row));
  }
}

/** A sum that takes all rows of its group notes those that it does not. */
function addPackedIntegers(
  part: usize, data: usize, nulls: usize, weights: usize, records: usize, rows: usize, count: u32,
): void {
  const offset = <usize>load<u32>(part, L.AGGREGATE_OFFSET);
  const isShort = load<u32>(part, L.AGGREGATE_TYPE) == TYPE_I32;
  const isOfRows = L.isOfRows(part);
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = <usize>load<u32>(rows + (i << 2));
    const record = <usize>load<u32>(records + (i << 2));
    const weight = weightOf(weights, row);
    if (nulls != 0 && load<u8>(nulls + row) != 0) {
      if (isOfRows) addWide(record, record + offset, 0, 0, <i64>weight);
      continue;
    }
    const value = isShort ? <i64>load<i32>(data + (row << 2)) : load<i64>(data + (row << 3));
    addToSum(record, record + offset, value, weight > 0);
    if (!isOfRows) addToCount(record, record + offset + SUM_BYTES, <i64>weight);
  }
}

function addFloats(offset: usize, data: usize, nulls: usize, weights: usize, records: usize, rows: usize, count: u32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = <usize>load<u32>(rows + (i << 2));
    if (nulls != 0 && load<u8>(nulls + row) != 0) continue;
    sumAdd(<usize>load<u32>(records + (i << 2)) + offset, load<f64>(data + (row << 3)), weightOf(weights, row));
  }
}

/** NaN is above all numbers; -0 is below 0. */
@inline
export function isBetterFloat(value: f64, best: f64, most: bool): bool {
  if (value == best) {
    const difference = <i32>(reinterpret<i64>(best) < 0) - <i32>(reinterpret<i64>(value) < 0);
    return most ? difference > 0 : difference < 0;
  }
  if (most) return value > best || (value != value && best == best);
  return value < best || (value == value && best != best);
}

function addExtremes(
  offset: usize, type: u32, most: bool, data: usize, nulls: usize, records: usize, rows: usize, count: u32,
): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = <usize>load<u32>(rows + (i << 2));
    if (nulls != 0 && load<u8>(nulls + row) != 0) continue;
    const state = <usize>load<u32>(records + (i << 2)) + offset;
    const isFirst = load<u32>(state, 8) == 0;
    if (type == TYPE_F64) {
      const value = load<f64>(data + (row << 3));
      if (!isFirst && !isBetterFloat(value, load<f64>(state), most)) continue;
      store<f64>(state, value);
    } else {
      const value = type == TYPE_I32 ? <i64>load<i32>(data + (row << 2)) : load<i64>(data + (row << 3));
      const best = load<i64>(state);
      if (!isFirst && (most ? value <= best : value >= best)) continue;
      store<i64>(state, value);
    }
    store<u32>(state, 1, 8);
  }
}

const IS_VALUE: u32 = 1;
const IS_NULL: u32 = 2;

/** The first or the last row of each group, in the order in which they come; nulls count like others. */
function addEnds(
  table: usize, offset: usize, type: u32, isLast: bool, data: usize, nulls: usize, records: usize, rows: usize, count: u32,
): void {
  const flag: usize = type == TYPE_STR ? 16 : 8;
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = <usize>load<u32>(rows + (i << 2));
    const record = <usize>load<u32>(records + (i << 2));
    const state = record + offset;
    if (!isLast && load<u32>(state + flag) != 0) continue;
    if (nulls != 0 && load<u8>(nulls + row) != 0) store<u32>(state + flag, IS_NULL);
    else if (type == TYPE_STR) keepText(table, windowOfRecord(table, record), state, data + (row << 4));
    else {
      if (type == TYPE_I32) store<i64>(state, <i64>load<i32>(data + (row << 2)));
      else store<u64>(state, load<u64>(data + (row << 3)));
      store<u32>(state, IS_VALUE, 8);
    }
  }
}

/** Order of two strings by their bytes: for UTF-8 that of the code points. */
export function compareStr(a: usize, b: usize): i32 {
  const lengthA = load<u32>(a);
  const lengthB = load<u32>(b);
  const length = min(lengthA, lengthB);
  const bytesA = <usize>load<u32>(a, 8);
  const bytesB = <usize>load<u32>(b, 8);
  for (let i: u32 = 0; i < length; i++) {
    const difference = <i32>load<u8>(bytesA + i) - <i32>load<u8>(bytesB + i);
    if (difference != 0) return difference;
  }
  return <i32>lengthA - <i32>lengthB;
}

/** State: a string reference whose fourth word is the room at its address, then u32 whether there is one. */
function addTexts(
  table: usize, offset: usize, most: bool, data: usize, nulls: usize, records: usize, rows: usize, count: u32,
): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = <usize>load<u32>(rows + (i << 2));
    if (nulls != 0 && load<u8>(nulls + row) != 0) continue;
    const record = <usize>load<u32>(records + (i << 2));
    const state = record + offset;
    const value = data + (row << 4);
    if (load<u32>(state, 16) != 0) {
      const order = compareStr(value, state);
      if (most ? order <= 0 : order >= 0) continue;
    }
    keepText(table, windowOfRecord(table, record), state, value);
  }
}

/** Copies the string into the state; one that needs more room gets twice as much as it needs. */
export function keepText(table: usize, window: usize, state: usize, value: usize): void {
  const length = load<u32>(value);
  if (load<u32>(state, 8) == 0 || length > load<u32>(state, 12)) {
    const room = length << 1;
    store<u32>(state, <u32>keepInWindow(table, window, room), 8);
    store<u32>(state, room, 12);
  }
  memory.copy(<usize>load<u32>(state, 8), <usize>load<u32>(value, 8), length);
  store<u64>(state, load<u64>(value));
  store<u32>(state, 1, 16);
}
