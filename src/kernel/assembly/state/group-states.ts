// States of aggregates as columns: what an aggregate over a part of the rows knows of a group, for one that merges it with other parts.

import { arenaAlloc } from "../memory";
import { COLUMN_BYTES, COLUMN_DATA, TYPE_I32, TYPE_STR } from "./key";
import { SUM_BYTES, sumExport, sumExportBytes, sumMergeExported } from "./exact-sum";
import { countOf, integersCount, integersHigh, integersOf } from "./group-state-bytes";
import { settleBlocks } from "./group-size";
import { addToCount, addWide, SUM_BYTES as PACKED_SUM_BYTES } from "./packed-value";
import * as L from "./group-layout";

/** Bytes that may be read beyond the last string. */
const PADDING: usize = 16;

@inline
function offsetOf(table: usize, aggregate: u32): usize {
  return <usize>load<u32>(L.aggregatePart(<usize>load<u32>(table), aggregate), L.AGGREGATE_OFFSET);
}

/** A 64-bit word of the states of one aggregate. */
export function groupStateWord(table: usize, aggregate: u32, word: u32, records: usize, count: u32, data: usize): void {
  const part = L.aggregatePart(<usize>load<u32>(table), aggregate);
  const isCount = load<u32>(part) == L.FUNCTION_COUNT;
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = <usize>load<u32>(records + (i << 2));
    let value = isCount ? countOf(part, record) : integersOf(part, record);
    if (word != 0) value = word == 1 ? integersHigh : integersCount;
    store<i64>(data + (i << 3), value);
  }
}

/** The exact sums of one aggregate, as strings of bytes in the arena. */
export function groupExactSums(table: usize, aggregate: u32, records: usize, count: u32, data: usize): void {
  const offset = offsetOf(table, aggregate);
  let room: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) room += sumExportBytes(<usize>load<u32>(records + (i << 2)) + offset);
  let at = arenaAlloc(room + PADDING);
  for (let i: usize = 0; i < <usize>count; i++) {
    const state = <usize>load<u32>(records + (i << 2)) + offset;
    const bytes = sumExportBytes(state);
    sumExport(state, at);
    const reference = data + (i << 4);
    store<u32>(reference, <u32>bytes);
    store<u32>(reference, load<u32>(at), 4);
    store<u32>(reference, <u32>at, 8);
    store<u32>(reference, 0, 12);
    at += bytes;
  }
}

/** The least or greatest values of one aggregate; returns whether some group has none. */
export function groupExtremes(table: usize, aggregate: u32, records: usize, count: u32, data: usize, nulls: usize): bool {
  const offset = offsetOf(table, aggregate);
  const type = load<u32>(L.aggregatePart(<usize>load<u32>(table), aggregate), L.AGGREGATE_TYPE);
  const flag: usize = type == TYPE_STR ? 16 : 8;
  let any = false;
  for (let i: usize = 0; i < <usize>count; i++) {
    const state = <usize>load<u32>(records + (i << 2)) + offset;
    const missing = load<u32>(state + flag) == 0;
    if (missing) any = true;
    store<u8>(nulls + i, missing ? 1 : 0);
    if (type == TYPE_STR) v128.store(data + (i << 4), v128.load(state));
    else if (type == TYPE_I32) store<i32>(data + (i << 2), load<i32>(state));
    else store<u64>(data + (i << 3), load<u64>(state));
  }
  return any;
}

/** Merges the columns of {@link groupStateWord} and {@link groupExactSums} into the states of the rows' groups. */
export function groupAddStates(
  table: usize, aggregate: u32, columns: usize, columnCount: u32, records: usize, rows: usize, count: u32,
): void {
  const offset = offsetOf(table, aggregate);
  const kind = load<u32>(L.aggregatePart(<usize>load<u32>(table), aggregate));
  const first = <usize>load<u32>(columns, COLUMN_DATA);
  const second = columnCount < 2 ? <usize>0 : <usize>load<u32>(columns + COLUMN_BYTES, COLUMN_DATA);
  const third = columnCount < 3 ? <usize>0 : <usize>load<u32>(columns + 2 * COLUMN_BYTES, COLUMN_DATA);
  if (kind == L.FUNCTION_COUNT) addCounts(offset, first, records, rows, count);
  else if (kind == L.FUNCTION_SUM_FLOAT) addSums(offset, first, records, rows, count);
  else addIntegers(offset, first, third == 0 ? 0 : second, third == 0 ? second : third, records, rows, count);
  settleBlocks(table);
}

function addCounts(offset: usize, data: usize, records: usize, rows: usize, count: u32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = <usize>load<u32>(records + (i << 2));
    const row = <usize>load<u32>(rows + (i << 2));
    addToCount(record, record + offset, load<i64>(data + (row << 3)));
  }
}

/** Without a high word the sum is one of 64 bits. */
function addIntegers(offset: usize, sums: usize, highs: usize, counts: usize, records: usize, rows: usize, count: u32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = <usize>load<u32>(records + (i << 2));
    const at = <usize>load<u32>(rows + (i << 2)) << 3;
    const value = load<u64>(sums + at);
    addWide(record, record + offset, value, highs == 0 ? <i64>value >> 63 : load<i64>(highs + at), 0);
    addToCount(record, record + offset + PACKED_SUM_BYTES, load<i64>(counts + at));
  }
}

function addSums(offset: usize, data: usize, records: usize, rows: usize, count: u32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const reference = data + (<usize>load<u32>(rows + (i << 2)) << 4);
    if (<usize>load<u32>(reference) < SUM_BYTES) continue;
    sumMergeExported(<usize>load<u32>(records + (i << 2)) + offset, <usize>load<u32>(reference, 8));
  }
}
