// A batch aggregated by key alone, without regard to windows: where all of it falls into one window, that is merged into the window's
// groups, a few dozen instead of thousands. Several windows over the same rows share one partial.
//
// A partial is a list of records laid out as the table's: only their row counts and states are used. They live in the arena.

import { arenaAlloc } from "../memory";
import { equalStr } from "../hash";
import { COLUMN_BYTES, COLUMN_DATA, groupingBits, TYPE_F64, TYPE_I32, TYPE_STR } from "./key";
import { sumFree, sumHasBlock, sumMergeAll } from "./exact-sum";
import { hashOfRow, isNull } from "./group-key";
import { groupOfRow, markChanged, windowOf } from "./group-table";
import { settleBlocks } from "./group-size";
import { freeBlocks } from "./group-state-bytes";
import { addToCount, addWide, countAt, sumAt, sumHigh, sumMissing, SUM_BYTES } from "./packed-value";
import { isBetterFloat } from "./aggregate";
import * as L from "./group-layout";

/** Whether two rows of the batch have the same key. */
function isSameKey(layout: usize, columns: usize, a: usize, b: usize): bool {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    if (load<u32>(part, L.KEY_HASHED) == 0) continue;
    const column = columns + <usize>i * COLUMN_BYTES;
    const missing = isNull(column, a);
    if (missing != isNull(column, b)) return false;
    if (missing) continue;
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const type = load<u32>(part);
    if (type == TYPE_STR) {
      if (!equalStr(data + (a << 4), data + (b << 4))) return false;
    } else if (type == TYPE_I32) {
      if (load<u32>(data + (a << 2)) != load<u32>(data + (b << 2))) return false;
    } else if (type == TYPE_F64) {
      if (groupingBits(load<f64>(data + (a << 3))) != groupingBits(load<f64>(data + (b << 3)))) return false;
    } else if (load<u64>(data + (a << 3)) != load<u64>(data + (b << 3))) return false;
  }
  return true;
}

/**
 * Makes a partial of at most `limit` keys: `first` gets the first row of each key; for each row of the selection, its number
 * goes to `rows` and its record to `records`. Returns the number of keys, or 0 when there are more; `base` (u32) gets the address
 * of the records.
 */
export function groupPartial(
  table: usize, columns: usize, selection: usize, count: u32, weights: usize, limit: u32,
  first: usize, records: usize, rows: usize, base: usize,
): u32 {
  const layout = <usize>load<u32>(table);
  const stride = <usize>load<u32>(layout);
  let slots: u32 = 64;
  while (slots < limit << 1) slots <<= 1;
  // Slots of { u32 tag, u32 key + 1 }.
  const index = arenaAlloc(<usize>slots << 3);
  memory.fill(index, 0, <usize>slots << 3);
  const partial = arenaAlloc(<usize>limit * stride);
  store<u32>(base, <u32>partial);
  const mask = slots - 1;
  let keys: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = <usize>(selection != 0 ? load<u32>(selection + (<usize>i << 2)) : i);
    const tag = <u32>hashOfRow(layout, columns, row);
    let at = tag & mask;
    let key: u32 = 0;
    while (true) {
      const slot = load<u64>(index + (<usize>at << 3));
      if (slot == 0) {
        if (keys == limit) return 0;
        store<u32>(first + (<usize>keys << 2), <u32>row);
        memory.fill(partial + <usize>keys * stride, 0, stride);
        keys++;
        key = keys;
        store<u64>(index + (<usize>at << 3), (<u64>key << 32) | <u64>tag);
        break;
      }
      if (<u32>slot == tag) {
        key = <u32>(slot >> 32);
        if (isSameKey(layout, columns, <usize>load<u32>(first + (<usize>(key - 1) << 2)), row)) break;
      }
      at = (at + 1) & mask;
    }
    const record = partial + <usize>(key - 1) * stride;
    const weight: i64 = weights == 0 ? 1 : <i64>load<i32>(weights + (row << 2));
    addToCount(record, record + L.RECORD_ROWS, weight);
    store<u32>(records + (<usize>i << 2), <u32>record);
    store<u32>(rows + (<usize>i << 2), <u32>row);
  }
  return keys;
}

/** Whether all states of a partial lie within their records; frees what does not, and then it must not be used. */
export function groupPartialIsPlain(table: usize, partial: usize, keys: u32): bool {
  const layout = <usize>load<u32>(table);
  const stride = <usize>load<u32>(layout);
  let plain = true;
  for (let key: u32 = 0; key < keys; key++) {
    const record = partial + <usize>key * stride;
    if ((L.flagsOf(record) & L.RECORD_WIDE) == 0) continue;
    freeBlocks(layout, record);
    plain = false;
  }
  settleBlocks(table);
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_AGGREGATES); i++) {
    const part = L.aggregatePart(layout, i);
    if (load<u32>(part) != L.FUNCTION_SUM_FLOAT) continue;
    for (let key: u32 = 0; key < keys; key++) {
      const state = partial + <usize>key * stride + <usize>load<u32>(part, L.AGGREGATE_OFFSET);
      if (!sumHasBlock(state)) continue;
      sumFree(state);
      plain = false;
    }
  }
  return plain;
}

/** Whether all rows fall into one window, and none is late. */
export function groupIsOneWindow(
  ends: usize, endAdd: i64, watermarks: usize, watermark: i64, selection: usize, count: u32,
): bool {
  let passed = watermark;
  const end = load<i64>(ends + (<usize>(selection != 0 ? load<u32>(selection) : <u32>0) << 3));
  for (let i: u32 = 0; i < count; i++) {
    const at = <usize>(selection != 0 ? load<u32>(selection + (<usize>i << 2)) : i) << 3;
    if (load<i64>(ends + at) != end) return false;
    if (watermarks != 0) passed = max(passed, load<i64>(watermarks + at));
  }
  return end + endAdd > passed;
}

function mergeExtreme(state: usize, other: usize, type: u32, most: bool): void {
  if (load<u32>(other, 8) == 0) return;
  if (load<u32>(state, 8) != 0) {
    if (type == TYPE_F64) {
      if (!isBetterFloat(load<f64>(other), load<f64>(state), most)) return;
    } else if (most ? load<i64>(other) <= load<i64>(state) : load<i64>(other) >= load<i64>(state)) return;
  }
  memory.copy(state, other, 16);
}

function mergePacked(part: usize, record: usize, other: usize): void {
  const offset = <usize>load<u32>(part, L.AGGREGATE_OFFSET);
  if (load<u32>(part) == L.FUNCTION_COUNT) {
    if (!L.isOfRows(part)) addToCount(record, record + offset, countAt(other + offset));
    return;
  }
  const low = <u64>sumAt(other + offset);
  addWide(record, record + offset, low, sumHigh, sumMissing);
  if (!L.isOfRows(part)) addToCount(record, record + offset + SUM_BYTES, countAt(other + offset + SUM_BYTES));
}

/** Puts two states of an aggregate together that are not packed. */
@inline
export function mergeState(part: usize, state: usize, other: usize): void {
  const kind = load<u32>(part);
  if (kind == L.FUNCTION_COUNT) store<i64>(state, load<i64>(state) + load<i64>(other));
  else if (kind == L.FUNCTION_SUM_FLOAT) sumMergeAll(state, other);
  else if (kind == L.FUNCTION_SUM_INTEGER) {
    const low = load<u64>(state) + load<u64>(other);
    store<i64>(state, load<i64>(state, 8) + load<i64>(other, 8) + <i64>(low < load<u64>(other)), 8);
    store<u64>(state, low);
    store<i64>(state, load<i64>(state, 16) + load<i64>(other, 16), 16);
  } else mergeExtreme(state, other, load<u32>(part, L.AGGREGATE_TYPE), kind == L.FUNCTION_MAX);
}

/** Adds a partial to the groups of the window that its rows fall into (`ends` 0: one window for all). */
export function groupMerge(table: usize, columns: usize, ends: usize, endAdd: i64, partial: usize, first: usize, keys: u32): void {
  const layout = <usize>load<u32>(table);
  const stride = <usize>load<u32>(layout);
  const aggregates = load<u32>(layout, L.LAYOUT_AGGREGATES);
  const lists = (load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_CHANGES) != 0;
  const window = windowOf(table, ends == 0 ? 0 : load<i64>(ends + (<usize>load<u32>(first) << 3)) + endAdd);
  for (let key: u32 = 0; key < keys; key++) {
    const other = partial + <usize>key * stride;
    const record = groupOfRow(table, window, columns, <usize>load<u32>(first + (<usize>key << 2)));
    addToCount(record, record + L.RECORD_ROWS, countAt(other + L.RECORD_ROWS));
    if (lists) markChanged(table, record);
    for (let i: u32 = 0; i < aggregates; i++) {
      const part = L.aggregatePart(layout, i);
      const offset = <usize>load<u32>(part, L.AGGREGATE_OFFSET);
      if (L.isPacked(part)) mergePacked(part, record, other);
      else mergeState(part, record + offset, other + offset);
    }
  }
  settleBlocks(table);
}
