// Group tables in snapshots: by key group, each record with its rank, the place of its group in the order of first rows, so that
// a restored table emits in the same order.
//
// Record: u32 bytes, u32 rank, i64 end, i64 rows, u32 flags, u32 nulls, u64 hash; keys (8 bytes, or u32 length and bytes); states;
// results that stand, if they are kept.

import { TYPE_STR } from "./key";
import { distinctExport, distinctExportBytes, distinctImport } from "./distinct";
import { sumExport, sumExportBytes, sumImport } from "./exact-sum";
import { addRecord, groupWindowRecords, groupWindows, groupWindowGroups, keepTexts, windowOf } from "./group-table";
import { keepText } from "./aggregate";
import * as L from "./group-layout";

const HEADER_BYTES: usize = 40;
const KEY_GROUPS: usize = 128;
const KEY_GROUP_SHIFT: u64 = 57;

const reference: usize = memory.data(16, 16);
const starts: usize = memory.data(129 * 4, 16);

/**
 * Sorts the table's records by key group: `ordered` gets them, `ranks` the rank of each. Both have room for all groups; `scratch`
 * too. Returns the address of 129 positions (u32): where each key group begins.
 */
export function groupOrder(table: usize, scratch: usize, ordered: usize, ranks: usize): usize {
  let count: u32 = 0;
  for (let at: u32 = 0; at < groupWindows(table); at++) {
    groupWindowRecords(table, at, scratch + (<usize>count << 2));
    count += groupWindowGroups(table, at);
  }
  memory.fill(starts, 0, (KEY_GROUPS + 1) << 2);
  for (let i: usize = 0; i < <usize>count; i++) {
    const slot = starts + ((<usize>(load<u64>(<usize>load<u32>(scratch + (i << 2))) >> KEY_GROUP_SHIFT) + 1) << 2);
    store<u32>(slot, load<u32>(slot) + 1);
  }
  for (let g: usize = 1; g <= KEY_GROUPS; g++) {
    store<u32>(starts + (g << 2), load<u32>(starts + (g << 2)) + load<u32>(starts + ((g - 1) << 2)));
  }
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = load<u32>(scratch + (i << 2));
    const slot = starts + (<usize>(load<u64>(<usize>record) >> KEY_GROUP_SHIFT) << 2);
    const at = <usize>load<u32>(slot);
    store<u32>(slot, <u32>at + 1);
    store<u32>(ordered + (at << 2), record);
    store<u32>(ranks + (at << 2), <u32>i);
  }
  // Each position has moved to the end of its group, which is the beginning of the next.
  memory.copy(starts + 4, starts, KEY_GROUPS << 2);
  store<u32>(starts, 0);
  return starts;
}

@inline
function isText(part: usize): bool {
  const kind = load<u32>(part);
  return (kind == L.FUNCTION_MIN || kind == L.FUNCTION_MAX) && load<u32>(part, L.AGGREGATE_TYPE) == TYPE_STR;
}

function recordExportBytes(layout: usize, record: usize): usize {
  let bytes = HEADER_BYTES;
  const nulls = load<u32>(record, L.RECORD_NULLS);
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_KEYS); i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    bytes += load<u32>(part) == TYPE_STR ? 4 + <usize>load<u32>(kept) : 8;
  }
  const aggregates = load<u32>(layout, L.LAYOUT_AGGREGATES);
  for (let i: u32 = 0; i < aggregates; i++) {
    const part = L.aggregatePart(layout, i);
    const state = record + <usize>load<u32>(part, L.AGGREGATE_OFFSET);
    if (load<u32>(part) == L.FUNCTION_SUM_FLOAT) bytes += sumExportBytes(state);
    else if (isText(part)) bytes += 8 + <usize>load<u32>(state);
    else bytes += L.stateBytes(part);
    if (L.isDistinct(part)) bytes += distinctExportBytes(record + L.distinctOffset(part));
  }
  return load<u32>(layout, L.LAYOUT_EMITTED) == 0 ? bytes : bytes + <usize>aggregates * L.RESULT_BYTES;
}

/** Bytes that {@link groupExport} writes for `count` records. */
export function groupExportBytes(table: usize, records: usize, count: u32): usize {
  const layout = <usize>load<u32>(table);
  let bytes: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) bytes += recordExportBytes(layout, <usize>load<u32>(records + (i << 2)));
  return bytes;
}

function exportKeys(layout: usize, record: usize, target: usize): usize {
  const nulls = load<u32>(record, L.RECORD_NULLS);
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_KEYS); i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    if (load<u32>(part) == TYPE_STR) {
      const length = load<u32>(kept);
      store<u32>(target, length);
      memory.copy(target + 4, <usize>load<u32>(kept, 8), length);
      target += 4 + <usize>length;
    } else {
      store<u64>(target, load<u64>(kept));
      target += 8;
    }
  }
  return target;
}

function exportStates(layout: usize, record: usize, target: usize): usize {
  const aggregates = load<u32>(layout, L.LAYOUT_AGGREGATES);
  for (let i: u32 = 0; i < aggregates; i++) {
    const part = L.aggregatePart(layout, i);
    const state = record + <usize>load<u32>(part, L.AGGREGATE_OFFSET);
    if (load<u32>(part) == L.FUNCTION_SUM_FLOAT) {
      sumExport(state, target);
      target += sumExportBytes(state);
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

/** Writes records with their ranks, one after another. */
export function groupExport(table: usize, records: usize, ranks: usize, count: u32, target: usize): void {
  const layout = <usize>load<u32>(table);
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = <usize>load<u32>(records + (i << 2));
    store<u32>(target, load<u32>(ranks + (i << 2)), 4);
    store<i64>(target, load<i64>(<usize>load<u32>(record, L.RECORD_WINDOW)), 8);
    store<i64>(target, load<i64>(record, L.RECORD_ROWS), 16);
    store<u32>(target, load<u32>(record, L.RECORD_FLAGS), 24);
    store<u32>(target, load<u32>(record, L.RECORD_NULLS), 28);
    store<u64>(target, load<u64>(record), 32);
    const end = exportStates(layout, record, exportKeys(layout, record, target + HEADER_BYTES));
    store<u32>(target, <u32>(end - target));
    target = end;
  }
}

/** Notes where each exported record in [from, from + bytes) is: `places[rank]` is its address. */
export function groupImportPlaces(from: usize, bytes: usize, places: usize): void {
  const end = from + bytes;
  while (from < end) {
    store<u32>(places + (<usize>load<u32>(from, 4) << 2), <u32>from);
    from += <usize>load<u32>(from);
  }
}

function importKeys(table: usize, record: usize, from: usize): usize {
  const layout = <usize>load<u32>(table);
  const nulls = load<u32>(record, L.RECORD_NULLS);
  const keys = load<u32>(layout, L.LAYOUT_KEYS);
  const begin = from;
  let bytes: usize = 0;
  for (let i: u32 = 0; i < keys; i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    const isString = load<u32>(part) == TYPE_STR;
    if (isString) bytes += <usize>load<u32>(from);
    else store<u64>(record + <usize>load<u32>(part, L.KEY_OFFSET), load<u64>(from));
    from += isString ? 4 + <usize>load<u32>(from) : 8;
  }
  if (bytes == 0) {
    emptyTexts(layout, record, nulls);
    return from;
  }
  let at = keepTexts(table, <usize>load<u32>(record, L.RECORD_WINDOW), record, bytes);
  from = begin;
  for (let i: u32 = 0; i < keys; i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    if (load<u32>(part) != TYPE_STR) {
      from += 8;
      continue;
    }
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    const length = load<u32>(from);
    memory.copy(at, from + 4, length);
    putReference(kept, at, length);
    at += <usize>length;
    from += 4 + <usize>length;
  }
  return from;
}

/** Strings without bytes point to something that may be read. */
function emptyTexts(layout: usize, record: usize, nulls: u32): void {
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_KEYS); i++) {
    const part = L.keyPart(layout, i);
    if (load<u32>(part) == TYPE_STR && ((nulls >> i) & 1) == 0) putReference(record + <usize>load<u32>(part, L.KEY_OFFSET), record, 0);
  }
}

function putReference(target: usize, at: usize, length: u32): void {
  let prefix = load<u32>(at);
  if (length < 4) prefix &= (1 << (length << 3)) - 1;
  store<u32>(target, length);
  store<u32>(target, prefix, 4);
  store<u32>(target, <u32>at, 8);
  store<u32>(target, 0, 12);
}

function importStates(table: usize, record: usize, from: usize): void {
  const layout = <usize>load<u32>(table);
  const aggregates = load<u32>(layout, L.LAYOUT_AGGREGATES);
  for (let i: u32 = 0; i < aggregates; i++) {
    const part = L.aggregatePart(layout, i);
    const state = record + <usize>load<u32>(part, L.AGGREGATE_OFFSET);
    if (load<u32>(part) == L.FUNCTION_SUM_FLOAT) from += sumImport(state, from);
    else if (isText(part)) {
      const length = load<u32>(from, 4);
      if (load<u32>(from) != 0) {
        putReference(reference, from + 8, length);
        keepText(table, record, state, reference);
      }
      from += 8 + <usize>length;
    } else {
      memory.copy(state, from, L.stateBytes(part));
      from += L.stateBytes(part);
    }
    if (L.isDistinct(part)) {
      const window = <usize>load<u32>(record, L.RECORD_WINDOW);
      from = distinctImport(table, window, record + L.distinctOffset(part), from);
    }
  }
  const emitted = <usize>load<u32>(layout, L.LAYOUT_EMITTED);
  if (emitted != 0) memory.copy(record + emitted, from, <usize>aggregates * L.RESULT_BYTES);
}

/** Takes in exported records in the order of their ranks. */
export function groupImport(table: usize, places: usize, count: u32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const from = <usize>load<u32>(places + (i << 2));
    const window = windowOf(table, load<i64>(from, 8));
    const record = addRecord(table, window, load<u64>(from, 32));
    store<i64>(record, load<i64>(from, 16), L.RECORD_ROWS);
    store<u32>(record, load<u32>(from, 24), L.RECORD_FLAGS);
    store<u32>(record, load<u32>(from, 28), L.RECORD_NULLS);
    importStates(table, record, importKeys(table, record, from + HEADER_BYTES));
  }
}
