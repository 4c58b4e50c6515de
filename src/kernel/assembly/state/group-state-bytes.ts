// States of aggregates as bytes in canonical form, as snapshots have them, and their end.

import { keepText } from "./aggregate";
import { distinctExport, distinctExportBytes, distinctFree, distinctImport } from "./distinct";
import { sumExport, sumExportBytes, sumFree, sumImport } from "./exact-sum";
import { addToCount, addWide, countAt, freeCount, freeSum, SUM_BYTES, sumAt, sumHigh, sumMissing } from "./packed-value";
import * as L from "./group-layout";
import { TYPE_STR } from "./key";

const reference: usize = memory.data(16, 16);

@inline
function isText(part: usize): bool {
  const kind = load<u32>(part);
  return kind >= L.FUNCTION_MIN && load<u32>(part, L.AGGREGATE_TYPE) == TYPE_STR;
}

/** A count in the state of an aggregate that counts. */
@inline
export function countOf(part: usize, record: usize): i64 {
  if (!L.isPacked(part)) return load<i64>(record + <usize>load<u32>(part, L.AGGREGATE_OFFSET));
  return countAt(record + (L.isOfRows(part) ? L.RECORD_ROWS : <usize>load<u32>(part, L.AGGREGATE_OFFSET)));
}

/** What the sum that {@link integersOf} gave last is made of, beside its low word. */
export let integersHigh: i64 = 0;
export let integersCount: i64 = 0;

/** The low word of a sum of integers. */
@inline
export function integersOf(part: usize, record: usize): i64 {
  const state = record + <usize>load<u32>(part, L.AGGREGATE_OFFSET);
  if (!L.isPacked(part)) {
    integersHigh = load<i64>(state, 8);
    integersCount = load<i64>(state, 16);
    return load<i64>(state);
  }
  const low = sumAt(state);
  integersHigh = sumHigh;
  integersCount = L.isOfRows(part) ? countAt(record + L.RECORD_ROWS) - sumMissing : countAt(state + SUM_BYTES);
  return low;
}

/** Bytes that {@link exportStates} writes. */
export function statesExportBytes(layout: usize, record: usize): usize {
  let bytes: usize = 0;
  const aggregates = load<u32>(layout, L.LAYOUT_AGGREGATES);
  for (let i: u32 = 0; i < aggregates; i++) {
    const part = L.aggregatePart(layout, i);
    const state = record + <usize>load<u32>(part, L.AGGREGATE_OFFSET);
    if (load<u32>(part) == L.FUNCTION_SUM_FLOAT) bytes += sumExportBytes(state);
    else if (isText(part)) bytes += 8 + <usize>load<u32>(state);
    else bytes += L.canonicalBytes(part);
    if (L.isDistinct(part)) bytes += distinctExportBytes(record + L.distinctOffset(part));
  }
  return load<u32>(layout, L.LAYOUT_EMITTED) == 0 ? bytes : bytes + <usize>aggregates * L.RESULT_BYTES;
}

export function exportStates(layout: usize, record: usize, target: usize): usize {
  const aggregates = load<u32>(layout, L.LAYOUT_AGGREGATES);
  for (let i: u32 = 0; i < aggregates; i++) {
    const part = L.aggregatePart(layout, i);
    const kind = load<u32>(part);
    const state = record + <usize>load<u32>(part, L.AGGREGATE_OFFSET);
    if (kind == L.FUNCTION_SUM_FLOAT) {
      sumExport(state, target);
      target += sumExportBytes(state);
    } else if (kind == L.FUNCTION_COUNT) {
      store<i64>(target, countOf(part, record));
      target += 8;
    } else if (kind == L.FUNCTION_SUM_INTEGER) {
      store<i64>(target, integersOf(part, record));
      store<i64>(target, integersHigh, 8);
      store<i64>(target, integersCount, 16);
      target += 24;
    } else if (isText(part)) {
      const length = load<u32>(state);
      store<u32>(target, load<u32>(state, 16));
      store<u32>(target, length, 4);
      memory.copy(target + 8, <usize>load<u32>(state, 8), length);
      target += 8 + <usize>length;
    } else {
      memory.copy(target, state, L.stateBytes(part));
      target += L.stateBytes(part);
    }
    if (L.isDistinct(part)) target = distinctExport(record + L.distinctOffset(part), target);
  }
  const emitted = <usize>load<u32>(layout, L.LAYOUT_EMITTED);
  if (emitted == 0) return target;
  memory.copy(target, record + emitted, <usize>aggregates * L.RESULT_BYTES);
  return target + <usize>aggregates * L.RESULT_BYTES;
}

/** A sum of integers into a state that is zero; the rows of its record are known. */
function importIntegers(part: usize, record: usize, state: usize, from: usize): void {
  if (!L.isPacked(part)) {
    memory.copy(state, from, 24);
    return;
  }
  const count = load<i64>(from, 16);
  const missing = L.isOfRows(part) ? countAt(record + L.RECORD_ROWS) - count : 0;
  addWide(record, state, load<u64>(from), load<i64>(from, 8), missing);
  if (!L.isOfRows(part)) addToCount(record, state + SUM_BYTES, count);
}

/** Takes in what {@link exportStates} wrote, into states that are zero; returns where it ends. */
export function importStates(table: usize, window: usize, record: usize, from: usize): usize {
  const layout = <usize>load<u32>(table);
  const aggregates = load<u32>(layout, L.LAYOUT_AGGREGATES);
  for (let i: u32 = 0; i < aggregates; i++) {
    const part = L.aggregatePart(layout, i);
    const kind = load<u32>(part);
    const state = record + <usize>load<u32>(part, L.AGGREGATE_OFFSET);
    if (kind == L.FUNCTION_SUM_FLOAT) from += sumImport(state, from);
    else if (isText(part)) {
      const length = load<u32>(from, 4);
      if (length != 0 || load<u32>(from) == 1) {
        putReference(reference, from + 8, length);
        keepText(table, window, state, reference);
      }
      store<u32>(state, load<u32>(from), 16);
      from += 8 + <usize>length;
    } else {
      if (kind == L.FUNCTION_SUM_INTEGER) importIntegers(part, record, state, from);
      else if (!L.isPacked(part)) memory.copy(state, from, L.canonicalBytes(part));
      else if (!L.isOfRows(part)) addToCount(record, state, load<i64>(from));
      from += L.canonicalBytes(part);
    }
    if (L.isDistinct(part)) from = distinctImport(table, window, record + L.distinctOffset(part), from);
  }
  const emitted = <usize>load<u32>(layout, L.LAYOUT_EMITTED);
  if (emitted == 0) return from;
  memory.copy(record + emitted, from, <usize>aggregates * L.RESULT_BYTES);
  return from + <usize>aggregates * L.RESULT_BYTES;
}

/** A reference to a string that stays where it is. */
export function putReference(target: usize, at: usize, length: u32): void {
  let prefix = load<u32>(at);
  if (length < 4) prefix &= (1 << (length << 3)) - 1;
  store<u32>(target, length);
  store<u32>(target, prefix, 4);
  store<u32>(target, <u32>at, 8);
  store<u32>(target, 0, 12);
}

/** Frees what the states of a record own but for blocks of packed values; returns the bytes of it that were counted. */
export function freeStates(layout: usize, record: usize): i64 {
  let bytes: i64 = 0;
  const count = load<u32>(layout, L.LAYOUT_AGGREGATES);
  for (let i: u32 = 0; i < count; i++) {
    const part = L.aggregatePart(layout, i);
    if (load<u32>(part) == L.FUNCTION_SUM_FLOAT) sumFree(record + <usize>load<u32>(part, L.AGGREGATE_OFFSET));
    if (L.isDistinct(part)) bytes += distinctFree(record + L.distinctOffset(part));
  }
  return bytes;
}

/** Frees the blocks of packed values. */
export function freeBlocks(layout: usize, record: usize): void {
  if ((L.flagsOf(record) & L.RECORD_WIDE) == 0) return;
  L.setFlags(record, L.flagsOf(record) & ~L.RECORD_WIDE);
  freeCount(record + L.RECORD_ROWS);
  const count = load<u32>(layout, L.LAYOUT_AGGREGATES);
  for (let i: u32 = 0; i < count; i++) {
    const part = L.aggregatePart(layout, i);
    if (!L.isPacked(part)) continue;
    const state = record + <usize>load<u32>(part, L.AGGREGATE_OFFSET);
    if (load<u32>(part) == L.FUNCTION_COUNT) {
      if (!L.isOfRows(part)) freeCount(state);
      continue;
    }
    freeSum(state);
    if (!L.isOfRows(part)) freeCount(state + SUM_BYTES);
  }
}
