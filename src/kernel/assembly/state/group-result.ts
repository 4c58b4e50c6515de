// What an aggregate says: the changes of an epoch or the groups of a closed window, as lists of records with weights and results,
// and then as columns.

import { TYPE_STR } from "./key";
import { sumValue, SUM_COUNT } from "./exact-sum";
import { countOf, integersCount, integersHigh, integersOf } from "./group-state-bytes";
import { removeGroup } from "./group-table";
import { countAt } from "./packed-value";
import * as L from "./group-layout";

/** The result of one aggregate of a group; false when it does not fit its type. */
@inline
function resultOf(part: usize, record: usize, target: usize): bool {
  const state = record + <usize>load<u32>(part, L.AGGREGATE_OFFSET);
  const kind = load<u32>(part);
  const flags = load<u32>(part, L.AGGREGATE_FLAGS);
  if (kind == L.FUNCTION_COUNT) {
    store<i64>(target, countOf(part, record));
    store<i64>(target, 1, L.RESULT_COUNT);
  } else if (kind == L.FUNCTION_SUM_INTEGER) {
    const low = integersOf(part, record);
    const high = integersHigh;
    const count = integersCount;
    store<i64>(target, low);
    store<i64>(target, high, L.RESULT_HIGH);
    store<i64>(target, count, L.RESULT_COUNT);
    return (flags & L.AGGREGATE_FITS_I64) == 0 || count == 0 || high == low >> 63;
  } else if (kind == L.FUNCTION_SUM_FLOAT) {
    const count = load<i64>(state, SUM_COUNT);
    const sum = sumValue(state);
    store<f64>(target, flags & L.AGGREGATE_AVERAGE ? sum / <f64>count : sum);
    store<i64>(target, count, L.RESULT_COUNT);
  } else if (load<u32>(part, L.AGGREGATE_TYPE) == TYPE_STR) {
    v128.store(target, v128.load(state));
    store<i64>(target, <i64>(load<u32>(state, 16) & 1), L.RESULT_COUNT);
  } else {
    store<u64>(target, load<u64>(state));
    store<i64>(target, <i64>(load<u32>(state, 8) & 1), L.RESULT_COUNT);
  }
  return true;
}

/** The results of a record; false when one does not fit its type. */
export function resultsOf(layout: usize, record: usize, target: usize): bool {
  const count = load<u32>(layout, L.LAYOUT_AGGREGATES);
  let fits = true;
  for (let i: u32 = 0; i < count; i++) {
    if (!resultOf(L.aggregatePart(layout, i), record, target + <usize>i * L.RESULT_BYTES)) fits = false;
  }
  return fits;
}

/**
 * Of `count` changed groups from position `from` of the list: one net change each. Records, weights (i32) and results of the rows
 * to be emitted, two a group at most; groups whose result does not fit go to `failed`. Returns the number of rows.
 */
export function groupChanges(
  table: usize, from: u32, count: u32, records: usize, weights: usize, results: usize, failed: usize,
): u32 {
  const layout = <usize>load<u32>(table);
  const resultBytes = <usize>load<u32>(layout, L.LAYOUT_AGGREGATES) * L.RESULT_BYTES;
  const emitted = <usize>load<u32>(layout, L.LAYOUT_EMITTED);
  const retracts = (load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_RETRACTS) != 0;
  const list = <usize>load<u32>(table, L.TABLE_CHANGED) + (<usize>from << 2);
  let rows: usize = 0;
  let failures: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = <usize>load<u32>(list + (i << 2));
    const stands = (L.flagsOf(record) & L.RECORD_EMITTED) != 0;
    L.setFlags(record, L.flagsOf(record) & ~L.RECORD_CHANGED);
    const isGone = countAt(record + L.RECORD_ROWS) <= 0;
    const target = results + rows * resultBytes;
    if (stands && (isGone || retracts)) {
      memory.copy(target, record + emitted, resultBytes);
      store<u32>(records + (rows << 2), <u32>record);
      store<i32>(weights + (rows << 2), -1);
      rows++;
    }
    if (isGone) {
      removeGroup(table, record);
      continue;
    }
    const next = results + rows * resultBytes;
    if (!resultsOf(layout, record, next)) {
      if (stands && retracts) rows--;
      store<u32>(failed + (failures << 2), <u32>record);
      failures++;
      continue;
    }
    store<u32>(records + (rows << 2), <u32>record);
    store<i32>(weights + (rows << 2), 1);
    rows++;
    if (emitted == 0) continue;
    memory.copy(record + emitted, next, resultBytes);
    L.setFlags(record, L.flagsOf(record) | L.RECORD_EMITTED);
  }
  store<u32>(table, <u32>failures, L.TABLE_FAILED);
  return <u32>rows;
}

/** Of `count` records in `from`: those that have rows go to `records` with their results; returns how many. */
export function groupResults(table: usize, from: usize, count: u32, records: usize, results: usize, failed: usize): u32 {
  const layout = <usize>load<u32>(table);
  const resultBytes = <usize>load<u32>(layout, L.LAYOUT_AGGREGATES) * L.RESULT_BYTES;
  let rows: usize = 0;
  let failures: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = <usize>load<u32>(from + (i << 2));
    if (countAt(record + L.RECORD_ROWS) <= 0) continue;
    if (!resultsOf(layout, record, results + rows * resultBytes)) {
      store<u32>(failed + (failures << 2), <u32>record);
      failures++;
      continue;
    }
    store<u32>(records + (rows << 2), <u32>record);
    rows++;
  }
  store<u32>(table, <u32>failures, L.TABLE_FAILED);
  return <u32>rows;
}

export const SHAPE_I32: u32 = 0;
export const SHAPE_I64: u32 = 1;
export const SHAPE_F64: u32 = 2;
export const SHAPE_STR: u32 = 3;
export const SHAPE_F32: u32 = 4; // a double that is rounded to single precision

/** The results of one aggregate as a column; returns whether any is null. */
export function groupResultColumn(
  table: usize, aggregate: u32, shape: u32, results: usize, count: u32, data: usize, nulls: usize,
): bool {
  const stride = <usize>load<u32>(<usize>load<u32>(table), L.LAYOUT_AGGREGATES) * L.RESULT_BYTES;
  let result = results + <usize>aggregate * L.RESULT_BYTES;
  let any = false;
  for (let i: usize = 0; i < <usize>count; i++) {
    const missing = load<i64>(result, L.RESULT_COUNT) == 0;
    if (missing) any = true;
    store<u8>(nulls + i, missing ? 1 : 0);
    if (shape == SHAPE_STR) v128.store(data + (i << 4), missing ? i64x2.splat(0) : v128.load(result));
    else if (shape == SHAPE_I32) store<i32>(data + (i << 2), missing ? 0 : load<i32>(result));
    else if (shape == SHAPE_F32) store<f64>(data + (i << 3), missing ? 0 : <f64>(<f32>load<f64>(result)));
    else store<u64>(data + (i << 3), missing ? 0 : load<u64>(result));
    result += stride;
  }
  return any;
}
