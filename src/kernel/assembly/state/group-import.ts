// Reads back what group-snapshot.ts wrote: all groups, or what had changed since the snapshot before.

import { equalBytes } from "../hash";
import { keepText } from "./aggregate";
import { distinctImport } from "./distinct";
import { sumImport } from "./exact-sum";
import { goneExportBytes, HEADER_BYTES, isText } from "./group-snapshot";
import {
  addRecord, freeStates, groupDropWindows, groupForget, groupWindowEnd, groupWindows, grown, keepTexts, removeGroup, windowOf,
} from "./group-table";
import * as L from "./group-layout";
import { TYPE_STR } from "./key";

const reference: usize = memory.data(16, 16);

/** Bytes of the strings of an exported key; its other values are taken in. */
export function importFixedKeys(layout: usize, record: usize, from: usize): usize {
  const nulls = load<u32>(record, L.RECORD_NULLS);
  const keys = load<u32>(layout, L.LAYOUT_KEYS);
  let bytes: usize = 0;
  for (let i: u32 = 0; i < keys; i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    const isString = load<u32>(part) == TYPE_STR;
    if (isString) bytes += <usize>load<u32>(from);
    else store<u64>(record + <usize>load<u32>(part, L.KEY_OFFSET), load<u64>(from));
    from += isString ? 4 + <usize>load<u32>(from) : 8;
  }
  return bytes;
}

/** Takes in the strings of an exported key, to `at` (0 when they have no bytes); returns where the key ends. */
export function importTextKeys(layout: usize, record: usize, from: usize, at: usize): usize {
  const nulls = load<u32>(record, L.RECORD_NULLS);
  const keys = load<u32>(layout, L.LAYOUT_KEYS);
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
    // Strings without bytes point to something that may be read.
    putReference(kept, length == 0 ? record : at, length);
    at += <usize>length;
    from += 4 + <usize>length;
  }
  return from;
}

function importKeys(table: usize, record: usize, from: usize): usize {
  const layout = <usize>load<u32>(table);
  const bytes = importFixedKeys(layout, record, from);
  const at = bytes == 0 ? <usize>0 : keepTexts(table, <usize>load<u32>(record, L.RECORD_WINDOW), record, bytes);
  return importTextKeys(layout, record, from, at);
}

function putReference(target: usize, at: usize, length: u32): void {
  let prefix = load<u32>(at);
  if (length < 4) prefix &= (1 << (length << 3)) - 1;
  store<u32>(target, length);
  store<u32>(target, prefix, 4);
  store<u32>(target, <u32>at, 8);
  store<u32>(target, 0, 12);
}

export function importStates(table: usize, record: usize, from: usize): void {
  const layout = <usize>load<u32>(table);
  const aggregates = load<u32>(layout, L.LAYOUT_AGGREGATES);
  for (let i: u32 = 0; i < aggregates; i++) {
    const part = L.aggregatePart(layout, i);
    const state = record + <usize>load<u32>(part, L.AGGREGATE_OFFSET);
    if (load<u32>(part) == L.FUNCTION_SUM_FLOAT) from += sumImport(state, from);
    else if (isText(part)) {
      const length = load<u32>(from, 4);
      if (length != 0 || load<u32>(from) == 1) {
        putReference(reference, from + 8, length);
        keepText(table, record, state, reference);
      }
      store<u32>(state, load<u32>(from), 16);
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

/** Whether the record has the key of an exported one. */
function hasKey(layout: usize, record: usize, from: usize): bool {
  const nulls = load<u32>(record, L.RECORD_NULLS);
  if (nulls != load<u32>(from, 28)) return false;
  from += HEADER_BYTES;
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_KEYS); i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    if (load<u32>(part) != TYPE_STR) {
      if (load<u64>(kept) != load<u64>(from)) return false;
      from += 8;
      continue;
    }
    const length = load<u32>(kept);
    if (length != load<u32>(from) || !equalBytes(<usize>load<u32>(kept, 8), from + 4, length)) return false;
    from += 4 + <usize>length;
  }
  return true;
}

/** The record that has the key of an exported one; 0 when there is none. */
function recordOf(layout: usize, window: usize, from: usize): usize {
  const index = <usize>load<u32>(window, L.WINDOW_INDEX);
  if (index == 0) return 0;
  const mask = load<u32>(window, L.WINDOW_MASK);
  const tag = load<u32>(from, 32);
  let at = tag & mask;
  while (true) {
    const slot = load<u64>(index + (<usize>at << 3));
    if (slot == 0) return 0;
    if (<u32>slot == tag && hasKey(layout, <usize>(slot >> 32), from)) return <usize>(slot >> 32);
    at = (at + 1) & mask;
  }
  return 0;
}

function importRecord(table: usize, window: usize, from: usize): void {
  const record = addRecord(table, window, load<u64>(from, 32));
  store<i64>(record, load<i64>(from, 16), L.RECORD_ROWS);
  store<u32>(record, load<u32>(record, L.RECORD_FLAGS) | load<u32>(from, 24), L.RECORD_FLAGS);
  store<u32>(record, load<u32>(from, 28), L.RECORD_NULLS);
  importStates(table, record, importKeys(table, record, from + HEADER_BYTES));
}

/** The key is there: only what the record says beside it is new. */
function importOver(table: usize, window: usize, record: usize, from: usize): void {
  const layout = <usize>load<u32>(table);
  grown(table, window, -freeStates(layout, record));
  const first = <usize>load<u32>(L.aggregatePart(layout, 0), L.AGGREGATE_OFFSET);
  if (load<u32>(layout, L.LAYOUT_AGGREGATES) != 0) memory.fill(record + first, 0, <usize>load<u32>(layout) - first);
  store<i64>(record, load<i64>(from, 16), L.RECORD_ROWS);
  const flags = load<u32>(record, L.RECORD_FLAGS) & ~L.RECORD_EMITTED;
  store<u32>(record, flags | load<u32>(from, 24), L.RECORD_FLAGS);
  importStates(table, record, from + goneExportBytes(layout, record));
}

/** Takes in the exported records in [from, from + bytes), in their order. `delta`: over those that are there. */
export function groupImport(table: usize, from: usize, bytes: usize, delta: bool): void {
  const layout = <usize>load<u32>(table);
  const end = from + bytes;
  while (from < end) {
    const window = windowOf(table, load<i64>(from, 8));
    const record = delta ? recordOf(layout, window, from) : 0;
    if (load<u32>(from, 4) != 0) {
      if (record != 0) removeGroup(table, record);
    } else if (record != 0) importOver(table, window, record, from);
    else importRecord(table, window, from);
    from += <usize>load<u32>(from);
  }
  if (delta) groupForget(table);
}

/** Drops the windows that end at `passed` or before. */
export function groupImportPassed(table: usize, passed: i64): void {
  let count: u32 = 0;
  while (count < groupWindows(table) && groupWindowEnd(table, count) <= passed) count++;
  groupDropWindows(table, count);
}
