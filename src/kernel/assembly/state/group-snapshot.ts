// Group tables in snapshots: record by record, by window and in the order of first rows, so that a restored table emits in the
// same order. A snapshot is written in parts, while rows go on being added: a record that changes before its turn keeps an image
// of what it was, and windows that are dropped stay until the end.
//
// Record: u32 bytes, u32 0, i64 end, i64 rows, u32 flags, u32 nulls, u64 hash; keys (8 bytes, or u32 length and bytes); states;
// results that stand, if they are kept. The seven high bits of the hash are the key group.

import { TYPE_STR } from "./key";
import { distinctExport, distinctExportBytes, distinctImport } from "./distinct";
import { sumExport, sumExportBytes, sumImport } from "./exact-sum";
import { alloc, allocZeroed, free } from "../memory";
import { addRecord, freeWindow, groupWindows, keepTexts, windowOf } from "./group-table";
import { listAddress } from "./list";
import { keepText } from "./aggregate";
import * as L from "./group-layout";

const HEADER_BYTES: usize = 40;

// A snapshot under way: its windows, and where it is.
const SNAPSHOT_WINDOWS: usize = 0; // u32 list of addresses
const SNAPSHOT_COUNT: usize = 4; // u32
const SNAPSHOT_AT: usize = 8; // u32 position of the window
const SNAPSHOT_CHUNK: usize = 12; // u32 0 before the first of the window
const SNAPSHOT_RECORD: usize = 16; // u32
const SNAPSHOT_NEEDED: usize = 20; // u32 bytes of the record for which there was no room
const SNAPSHOT_BYTES: usize = 24;

const reference: usize = memory.data(16, 16);

@inline
function isText(part: usize): bool {
  const kind = load<u32>(part);
  return kind >= L.FUNCTION_MIN && load<u32>(part, L.AGGREGATE_TYPE) == TYPE_STR;
}

function recordExportBytes(layout: usize, record: usize): usize {
  return HEADER_BYTES + bodyExportBytes(layout, record);
}

/** Bytes of what {@link exportKeys} and {@link exportStates} write. */
export function bodyExportBytes(layout: usize, record: usize): usize {
  let bytes: usize = 0;
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

export function exportKeys(layout: usize, record: usize, target: usize): usize {
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

export function exportStates(layout: usize, record: usize, target: usize): usize {
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

function exportRecord(layout: usize, record: usize, target: usize): void {
  store<u32>(target, 0, 4);
  store<i64>(target, load<i64>(<usize>load<u32>(record, L.RECORD_WINDOW)), 8);
  store<i64>(target, load<i64>(record, L.RECORD_ROWS), 16);
  store<u32>(target, load<u32>(record, L.RECORD_FLAGS) & L.RECORD_EMITTED, 24);
  store<u32>(target, load<u32>(record, L.RECORD_NULLS), 28);
  store<u64>(target, load<u64>(record), 32);
  const end = exportStates(layout, record, exportKeys(layout, record, target + HEADER_BYTES));
  store<u32>(target, <u32>(end - target));
}

/** Keeps what the record is, if it changes for the first time since the snapshot began and has not been written yet. */
export function beforeChange(table: usize, record: usize): void {
  if ((load<u32>(record, L.RECORD_FLAGS) & L.RECORD_SEEN) == load<u32>(table, L.TABLE_SEEN)) return;
  const layout = <usize>load<u32>(table);
  const image = alloc(recordExportBytes(layout, record));
  exportRecord(layout, record, image);
  store<u32>(record, <u32>image, L.RECORD_IMAGE);
  store<u32>(record, load<u32>(record, L.RECORD_FLAGS) ^ L.RECORD_SEEN, L.RECORD_FLAGS);
}

/** Begins a snapshot of the groups as they are now; one at a time. */
export function groupSnapshotBegin(table: usize): void {
  const snapshot = allocZeroed(SNAPSHOT_BYTES);
  const count = groupWindows(table);
  const windows = alloc(<usize>max(count, 1) << 2);
  for (let at: u32 = 0; at < count; at++) {
    store<u32>(windows + (<usize>at << 2), <u32>listAddress(table + L.TABLE_WINDOWS, at));
  }
  store<u32>(snapshot, <u32>windows, SNAPSHOT_WINDOWS);
  store<u32>(snapshot, count, SNAPSHOT_COUNT);
  store<u32>(table, <u32>snapshot, L.TABLE_SNAPSHOT);
  store<u32>(table, load<u32>(table, L.TABLE_SEEN) ^ L.RECORD_SEEN, L.TABLE_SEEN);
}

/** Moves to the next record of the snapshot, dead and new ones included; 0 after the last. */
function nextRecord(table: usize, snapshot: usize): usize {
  const recordBytes = <usize>load<u32>(<usize>load<u32>(table));
  let chunk = <usize>load<u32>(snapshot, SNAPSHOT_CHUNK);
  let record = <usize>load<u32>(snapshot, SNAPSHOT_RECORD);
  if (chunk != 0) record += recordBytes;
  while (chunk == 0 || record >= <usize>load<u32>(chunk, 4)) {
    if (chunk != 0) chunk = <usize>load<u32>(chunk);
    if (chunk == 0) {
      const at = load<u32>(snapshot, SNAPSHOT_AT);
      if (at == load<u32>(snapshot, SNAPSHOT_COUNT)) return 0;
      const window = <usize>load<u32>(<usize>load<u32>(snapshot, SNAPSHOT_WINDOWS) + (<usize>at << 2));
      store<u32>(snapshot, at + 1, SNAPSHOT_AT);
      chunk = <usize>load<u32>(window, L.WINDOW_FIRST);
    }
    record = chunk + L.CHUNK_HEADER;
  }
  store<u32>(snapshot, <u32>chunk, SNAPSHOT_CHUNK);
  store<u32>(snapshot, <u32>record, SNAPSHOT_RECORD);
  return record;
}

/** Forgets what was kept of the record, and marks it as seen. */
function seen(table: usize, record: usize): void {
  free(<usize>load<u32>(record, L.RECORD_IMAGE));
  store<u32>(record, 0, L.RECORD_IMAGE);
  const flags = load<u32>(record, L.RECORD_FLAGS);
  store<u32>(record, (flags & ~L.RECORD_SEEN) | load<u32>(table, L.TABLE_SEEN), L.RECORD_FLAGS);
}

/**
 * Writes the next records of the snapshot, as many as have room; returns the bytes. When the first has no room,
 * {@link groupSnapshotNeeded} says how much it needs; 0 there means that there are no more.
 */
export function groupSnapshotNext(table: usize, target: usize, room: usize): usize {
  const snapshot = <usize>load<u32>(table, L.TABLE_SNAPSHOT);
  const layout = <usize>load<u32>(table);
  const current = load<u32>(table, L.TABLE_SEEN);
  let written: usize = 0;
  let record = load<u32>(snapshot, SNAPSHOT_NEEDED) != 0
    ? <usize>load<u32>(snapshot, SNAPSHOT_RECORD) : nextRecord(table, snapshot);
  store<u32>(snapshot, 0, SNAPSHOT_NEEDED);
  for (; record != 0; record = nextRecord(table, snapshot)) {
    const image = <usize>load<u32>(record, L.RECORD_IMAGE);
    const flags = load<u32>(record, L.RECORD_FLAGS);
    const isLive = (flags & L.RECORD_DEAD) == 0 && (flags & L.RECORD_SEEN) != current;
    if (image == 0 && !isLive) continue;
    const bytes = image != 0 ? <usize>load<u32>(image) : recordExportBytes(layout, record);
    if (bytes > room - written) {
      store<u32>(snapshot, <u32>bytes, SNAPSHOT_NEEDED);
      break;
    }
    if (image != 0) memory.copy(target + written, image, bytes);
    else exportRecord(layout, record, target + written);
    seen(table, record);
    written += bytes;
  }
  return written;
}

export function groupSnapshotNeeded(table: usize): u32 {
  return load<u32>(<usize>load<u32>(table, L.TABLE_SNAPSHOT), SNAPSHOT_NEEDED);
}

/** Ends the snapshot, complete or not: windows that were dropped meanwhile are freed. */
export function groupSnapshotEnd(table: usize): void {
  const snapshot = <usize>load<u32>(table, L.TABLE_SNAPSHOT);
  if (snapshot == 0) return;
  if (load<u32>(snapshot, SNAPSHOT_NEEDED) != 0) seen(table, <usize>load<u32>(snapshot, SNAPSHOT_RECORD));
  for (let record = nextRecord(table, snapshot); record != 0; record = nextRecord(table, snapshot)) {
    seen(table, record);
  }
  store<u32>(table, 0, L.TABLE_SNAPSHOT);
  free(<usize>load<u32>(snapshot, SNAPSHOT_WINDOWS));
  free(snapshot);
  let window = <usize>load<u32>(table, L.TABLE_DROPPED);
  store<u32>(table, 0, L.TABLE_DROPPED);
  while (window != 0) {
    const next = <usize>load<u32>(window, L.WINDOW_DROPPED);
    freeWindow(table, window);
    window = next;
  }
}

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

/** Takes in the exported records in [from, from + bytes), in their order. */
export function groupImport(table: usize, from: usize, bytes: usize): void {
  const end = from + bytes;
  while (from < end) {
    const window = windowOf(table, load<i64>(from, 8));
    const record = addRecord(table, window, load<u64>(from, 32));
    store<i64>(record, load<i64>(from, 16), L.RECORD_ROWS);
    store<u32>(record, load<u32>(record, L.RECORD_FLAGS) | load<u32>(from, 24), L.RECORD_FLAGS);
    store<u32>(record, load<u32>(from, 28), L.RECORD_NULLS);
    importStates(table, record, importKeys(table, record, from + HEADER_BYTES));
    from += <usize>load<u32>(from);
  }
}
