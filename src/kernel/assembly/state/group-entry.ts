// A group in a snapshot: an entry, in which the key stands where a record has it, so that it can be read as one.
//
// Entry: u8 what it is (ENTRY_*); then
// - plain: the rest of the record, its window 0;
// - else its key, as in a record, and, if it did not go: i64 rows, and the canonical form of its states (group-state-bytes.ts).
// Instead of an entry a window: u8 ENTRY_WINDOW, i64 its end, u32 its groups when the snapshot began; what follows is its.

import { recordBytes } from "./group-key";
import { exportStates, importStates, statesExportBytes } from "./group-state-bytes";
import { addToCount, countAt } from "./packed-value";
import * as L from "./group-layout";

export const ENTRY_GONE: u32 = 1;
/** What was emitted of it stands. */
export const ENTRY_EMITTED: u32 = 2;
export const ENTRY_PLAIN: u32 = 4;
export const ENTRY_WINDOW: u32 = 128;
export const WINDOW_ENTRY_BYTES: usize = 13;

@inline
function isPlain(layout: usize, record: usize): bool {
  return (load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_PLAIN) != 0 && (L.flagsOf(record) & L.RECORD_WIDE) == 0;
}

@inline
function keyBytes(layout: usize, record: usize): usize {
  return recordBytes(layout, record) - <usize>load<u32>(layout, L.LAYOUT_NULLS);
}

export function goneExportBytes(layout: usize, record: usize): usize {
  return 1 + keyBytes(layout, record);
}

function exportKey(layout: usize, record: usize, target: usize): usize {
  const bytes = keyBytes(layout, record);
  memory.copy(target, record + <usize>load<u32>(layout, L.LAYOUT_NULLS), bytes);
  return target + bytes;
}

/** The key of a group that goes. */
export function exportGone(layout: usize, record: usize, target: usize): void {
  store<u8>(target, ENTRY_GONE);
  exportKey(layout, record, target + 1);
}

/** Bytes that {@link exportRecord} writes. */
@inline
export function recordExportBytes(layout: usize, record: usize): usize {
  if (isPlain(layout, record)) return recordBytes(layout, record);
  return 9 + statesExportBytes(layout, record) + keyBytes(layout, record);
}

export function exportRecord(layout: usize, record: usize, target: usize): void {
  const emitted: u32 = (L.flagsOf(record) & L.RECORD_EMITTED) != 0 ? ENTRY_EMITTED : 0;
  if (isPlain(layout, record)) {
    memory.copy(target, record, recordBytes(layout, record));
    store<u8>(target, <u8>(ENTRY_PLAIN | emitted));
    if ((load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_WINDOWED) != 0) store<u32>(target, 0, L.RECORD_WINDOW);
    return;
  }
  store<u8>(target, <u8>emitted);
  const rows = exportKey(layout, record, target + 1);
  store<i64>(rows, countAt(record + L.RECORD_ROWS));
  exportStates(layout, record, rows + 8);
}

/** What stands for a record with an entry's key: only that may be read of it. */
@inline
export function keyOfEntry(layout: usize, entry: usize): usize {
  if ((<u32>load<u8>(entry) & ENTRY_PLAIN) != 0) return entry;
  return entry + 1 - <usize>load<u32>(layout, L.LAYOUT_NULLS);
}

/** Where the entry of a group that went ends. */
export function goneEnd(layout: usize, entry: usize): usize {
  const key = keyOfEntry(layout, entry);
  return key + recordBytes(layout, key);
}

/** Takes an entry into a record that is zero but for flags, window and maybe its key; returns where the entry ends. */
export function importEntry(table: usize, window: usize, record: usize, entry: usize): usize {
  const layout = <usize>load<u32>(table);
  const kind = <u32>load<u8>(entry);
  if ((kind & ENTRY_EMITTED) != 0) L.setFlags(record, L.flagsOf(record) | L.RECORD_EMITTED);
  const key = keyOfEntry(layout, entry);
  const bytes = recordBytes(layout, key);
  if ((kind & ENTRY_PLAIN) != 0) {
    memory.copy(record + 1, entry + 1, bytes - 1);
    if ((load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_WINDOWED) != 0) store<u32>(record, <u32>window, L.RECORD_WINDOW);
    return entry + bytes;
  }
  const from = <usize>load<u32>(layout, L.LAYOUT_NULLS);
  memory.copy(record + from, key + from, bytes - from);
  addToCount(record, record + L.RECORD_ROWS, load<i64>(key + bytes));
  return importStates(table, window, record, key + bytes + 8);
}
