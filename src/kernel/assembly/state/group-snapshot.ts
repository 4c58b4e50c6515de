// Group tables in snapshots: record by record, by window and in the order of first rows, so that a restored table emits in the
// same order. A snapshot is written in parts, while rows go on being added: a record that changes before its turn keeps an image
// of what it was, and windows that are dropped stay until the end.
//
// A snapshot of what has changed holds the records that did, after the keys that went: u32 1 instead of the 0, and no states.
//
// Record: u32 bytes, u32 0, i64 end, i64 rows, u32 flags, u32 nulls, u64 hash; keys (8 bytes, or u32 length and bytes); states;
// results that stand, if they are kept. The seven high bits of the hash are the key group.

import { TYPE_STR } from "./key";
import { distinctExport, distinctExportBytes } from "./distinct";
import { sumExport, sumExportBytes } from "./exact-sum";
import { alloc, allocZeroed, free } from "../memory";
import { forgetFrozen, freezeChanges, frozenBit, GONE_HEADER, noteChange } from "./group-change";
import { freeWindow, groupWindows } from "./group-table";
import { listAddress } from "./list";
import * as L from "./group-layout";

export const HEADER_BYTES: usize = 40;

// A snapshot under way: its windows, and where it is.
const SNAPSHOT_WINDOWS: usize = 0; // u32 list of addresses
const SNAPSHOT_COUNT: usize = 4; // u32
const SNAPSHOT_AT: usize = 8; // u32 position of the window
const SNAPSHOT_CHUNK: usize = 12; // u32 0 before the first of the window
const SNAPSHOT_RECORD: usize = 16; // u32
const SNAPSHOT_NEEDED: usize = 20; // u32 bytes of the record for which there was no room
const SNAPSHOT_DELTA: usize = 24; // u32 it holds what has changed; SNAPSHOT_CHUNK is then the position in the list of the window
const SNAPSHOT_PASSED: usize = 32; // i64 the latest end of a window that was dropped before it
const SNAPSHOT_BYTES: usize = 40;

@inline
export function isText(part: usize): bool {
  const kind = load<u32>(part);
  return kind >= L.FUNCTION_MIN && load<u32>(part, L.AGGREGATE_TYPE) == TYPE_STR;
}

export function goneExportBytes(layout: usize, record: usize): usize {
  return HEADER_BYTES + keysExportBytes(layout, record);
}

function recordExportBytes(layout: usize, record: usize): usize {
  return HEADER_BYTES + bodyExportBytes(layout, record);
}

function keysExportBytes(layout: usize, record: usize): usize {
  let bytes: usize = 0;
  const nulls = load<u32>(record, L.RECORD_NULLS);
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_KEYS); i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    bytes += load<u32>(part) == TYPE_STR ? 4 + <usize>load<u32>(kept) : 8;
  }
  return bytes;
}

/** Bytes of what {@link exportKeys} and {@link exportStates} write. */
export function bodyExportBytes(layout: usize, record: usize): usize {
  let bytes = keysExportBytes(layout, record);
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

function exportHeader(record: usize, target: usize, gone: u32): void {
  store<u32>(target, gone, 4);
  store<i64>(target, load<i64>(<usize>load<u32>(record, L.RECORD_WINDOW)), 8);
  store<i64>(target, load<i64>(record, L.RECORD_ROWS), 16);
  store<u32>(target, load<u32>(record, L.RECORD_FLAGS) & L.RECORD_EMITTED, 24);
  store<u32>(target, load<u32>(record, L.RECORD_NULLS), 28);
  store<u64>(target, load<u64>(record), 32);
}

/** The key of a group that goes. */
export function exportGone(layout: usize, record: usize, target: usize, bytes: u32): void {
  exportHeader(record, target, 1);
  exportKeys(layout, record, target + HEADER_BYTES);
  store<u32>(target, bytes);
}

function exportRecord(layout: usize, record: usize, target: usize): void {
  exportHeader(record, target, 0);
  const end = exportStates(layout, record, exportKeys(layout, record, target + HEADER_BYTES));
  store<u32>(target, <u32>(end - target));
}

/** Whether the snapshot under way has yet to write the record, which it has no image of. */
@inline
function isDue(table: usize, snapshot: usize, flags: u32): bool {
  if (load<u32>(snapshot, SNAPSHOT_DELTA) != 0) return (flags & frozenBit(table)) != 0;
  return (flags & L.RECORD_SEEN) != load<u32>(table, L.TABLE_SEEN);
}

/** To be called before a record changes for the first time since a snapshot began: what the snapshot has yet to write is kept. */
export function beforeChange(table: usize, record: usize): void {
  const snapshot = <usize>load<u32>(table, L.TABLE_SNAPSHOT);
  if (snapshot != 0) {
    const flags = load<u32>(record, L.RECORD_FLAGS);
    if (isDue(table, snapshot, flags)) {
      const layout = <usize>load<u32>(table);
      const image = alloc(recordExportBytes(layout, record));
      exportRecord(layout, record, image);
      store<u32>(record, <u32>image, L.RECORD_IMAGE);
      const seen = (flags & ~L.RECORD_SEEN) | load<u32>(table, L.TABLE_SEEN);
      store<u32>(record, seen & ~frozenBit(table), L.RECORD_FLAGS);
    }
  }
  noteChange(table, <usize>load<u32>(record, L.RECORD_WINDOW), record);
}

/** Begins a snapshot of the groups as they are now, or of what has changed since the last one began; one at a time. */
export function groupSnapshotBegin(table: usize, delta: bool): void {
  const snapshot = allocZeroed(SNAPSHOT_BYTES);
  const count = groupWindows(table);
  const windows = alloc(<usize>max(count, 1) << 2);
  for (let at: u32 = 0; at < count; at++) {
    const window = listAddress(table + L.TABLE_WINDOWS, at);
    store<u32>(windows + (<usize>at << 2), <u32>window);
    freezeChanges(window);
  }
  store<u32>(snapshot, <u32>windows, SNAPSHOT_WINDOWS);
  store<u32>(snapshot, count, SNAPSHOT_COUNT);
  store<u32>(snapshot, delta ? 1 : 0, SNAPSHOT_DELTA);
  store<i64>(snapshot, load<i64>(table, L.TABLE_PASSED), SNAPSHOT_PASSED);
  store<u32>(table, <u32>snapshot, L.TABLE_SNAPSHOT);
  store<i64>(table, i64.MIN_VALUE, L.TABLE_PASSED);
  store<u32>(table, 0, L.TABLE_DIRTY);
  const track = load<u32>(table, L.TABLE_TRACK) == L.RECORD_DIRTY_A ? L.RECORD_DIRTY_B : L.RECORD_DIRTY_A;
  store<u32>(table, track, L.TABLE_TRACK);
  if (!delta) store<u32>(table, load<u32>(table, L.TABLE_SEEN) ^ L.RECORD_SEEN, L.TABLE_SEEN);
}

/** The latest end of a window that was dropped between the snapshot under way and the one before; the least i64 when none was. */
export function groupSnapshotPassed(table: usize): i64 {
  return load<i64>(<usize>load<u32>(table, L.TABLE_SNAPSHOT), SNAPSHOT_PASSED);
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
  const flags = load<u32>(record, L.RECORD_FLAGS) & ~(L.RECORD_SEEN | frozenBit(table));
  store<u32>(record, flags | load<u32>(table, L.TABLE_SEEN), L.RECORD_FLAGS);
}

/** Writes a record, or what was kept of it, and returns the bytes; when there is no room, nothing, and says what it needs. */
function writeRecord(table: usize, snapshot: usize, record: usize, target: usize, room: usize): usize {
  const layout = <usize>load<u32>(table);
  const image = <usize>load<u32>(record, L.RECORD_IMAGE);
  const bytes = image != 0 ? <usize>load<u32>(image) : recordExportBytes(layout, record);
  if (bytes > room) {
    store<u32>(snapshot, <u32>bytes, SNAPSHOT_NEEDED);
    return 0;
  }
  if (image != 0) memory.copy(target, image, bytes);
  else exportRecord(layout, record, target);
  seen(table, record);
  return bytes;
}

/** Whether the record has something for the snapshot under way; if not, it is seen. */
@inline
function hasPart(table: usize, snapshot: usize, record: usize): bool {
  if (load<u32>(record, L.RECORD_IMAGE) != 0) return true;
  const flags = load<u32>(record, L.RECORD_FLAGS);
  if ((flags & L.RECORD_DEAD) == 0 && isDue(table, snapshot, flags)) return true;
  store<u32>(record, flags & ~frozenBit(table), L.RECORD_FLAGS);
  return false;
}

/**
 * Writes the next records of the snapshot, as many as have room; returns the bytes. When the first has no room,
 * {@link groupSnapshotNeeded} says how much it needs; 0 there means that there are no more.
 */
export function groupSnapshotNext(table: usize, target: usize, room: usize): usize {
  const snapshot = <usize>load<u32>(table, L.TABLE_SNAPSHOT);
  if (load<u32>(snapshot, SNAPSHOT_DELTA) != 0) return nextChanges(table, snapshot, target, room);
  let written: usize = 0;
  let record = load<u32>(snapshot, SNAPSHOT_NEEDED) != 0
    ? <usize>load<u32>(snapshot, SNAPSHOT_RECORD) : nextRecord(table, snapshot);
  store<u32>(snapshot, 0, SNAPSHOT_NEEDED);
  for (; record != 0; record = nextRecord(table, snapshot)) {
    if (!hasPart(table, snapshot, record)) continue;
    const bytes = writeRecord(table, snapshot, record, target + written, room - written);
    if (bytes == 0) break;
    written += bytes;
  }
  return written;
}

function windowAt(snapshot: usize): usize {
  const at = <usize>load<u32>(snapshot, SNAPSHOT_AT);
  return <usize>load<u32>(<usize>load<u32>(snapshot, SNAPSHOT_WINDOWS) + (at << 2));
}

/** As groupSnapshotNext, of what has changed: window by window, the keys that went and then the records. */
function nextChanges(table: usize, snapshot: usize, target: usize, room: usize): usize {
  let written: usize = 0;
  store<u32>(snapshot, 0, SNAPSHOT_NEEDED);
  while (load<u32>(snapshot, SNAPSHOT_AT) < load<u32>(snapshot, SNAPSHOT_COUNT)) {
    const window = windowAt(snapshot);
    for (let gone = <usize>load<u32>(window, L.WINDOW_FROZEN_GONE); gone != 0;) {
      const bytes = <usize>load<u32>(gone, 4);
      if (bytes > room - written) {
        store<u32>(snapshot, <u32>bytes, SNAPSHOT_NEEDED);
        return written;
      }
      memory.copy(target + written, gone + GONE_HEADER, bytes);
      written += bytes;
      store<u32>(window, load<u32>(gone), L.WINDOW_FROZEN_GONE);
      free(gone);
      gone = <usize>load<u32>(window, L.WINDOW_FROZEN_GONE);
    }
    const list = <usize>load<u32>(window, L.WINDOW_FROZEN);
    const count = load<u32>(window, L.WINDOW_FROZEN_COUNT);
    for (let at = load<u32>(snapshot, SNAPSHOT_CHUNK); at < count; at++) {
      store<u32>(snapshot, at, SNAPSHOT_CHUNK);
      const record = <usize>load<u32>(list + (<usize>at << 2));
      if (!hasPart(table, snapshot, record)) continue;
      const bytes = writeRecord(table, snapshot, record, target + written, room - written);
      if (bytes == 0) return written;
      written += bytes;
    }
    store<u32>(snapshot, 0, SNAPSHOT_CHUNK);
    store<u32>(snapshot, load<u32>(snapshot, SNAPSHOT_AT) + 1, SNAPSHOT_AT);
  }
  return written;
}

/** Passes over what was not written of a snapshot of changes. */
function skipChanges(table: usize, snapshot: usize): void {
  for (let at = load<u32>(snapshot, SNAPSHOT_AT); at < load<u32>(snapshot, SNAPSHOT_COUNT); at++) {
    store<u32>(snapshot, at, SNAPSHOT_AT);
    const window = windowAt(snapshot);
    const list = <usize>load<u32>(window, L.WINDOW_FROZEN);
    for (let i: u32 = 0; i < load<u32>(window, L.WINDOW_FROZEN_COUNT); i++) {
      const record = <usize>load<u32>(list + (<usize>i << 2));
      if (load<u32>(record, L.RECORD_IMAGE) != 0) seen(table, record);
      else store<u32>(record, load<u32>(record, L.RECORD_FLAGS) & ~frozenBit(table), L.RECORD_FLAGS);
    }
  }
}

/** Passes over what was not written of a snapshot of all. */
function skipRecords(table: usize, snapshot: usize): void {
  if (load<u32>(snapshot, SNAPSHOT_NEEDED) != 0) seen(table, <usize>load<u32>(snapshot, SNAPSHOT_RECORD));
  for (let record = nextRecord(table, snapshot); record != 0; record = nextRecord(table, snapshot)) {
    seen(table, record);
  }
}

export function groupSnapshotNeeded(table: usize): u32 {
  return load<u32>(<usize>load<u32>(table, L.TABLE_SNAPSHOT), SNAPSHOT_NEEDED);
}

/** Ends the snapshot, complete or not: windows that were dropped meanwhile are freed. */
export function groupSnapshotEnd(table: usize): void {
  const snapshot = <usize>load<u32>(table, L.TABLE_SNAPSHOT);
  if (snapshot == 0) return;
  if (load<u32>(snapshot, SNAPSHOT_DELTA) != 0) skipChanges(table, snapshot);
  else skipRecords(table, snapshot);
  for (let at: u32 = 0; at < load<u32>(snapshot, SNAPSHOT_COUNT); at++) {
    forgetFrozen(<usize>load<u32>(<usize>load<u32>(snapshot, SNAPSHOT_WINDOWS) + (<usize>at << 2)));
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
