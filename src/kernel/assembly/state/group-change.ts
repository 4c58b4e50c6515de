// What changes in a group table between snapshots, so that the next one need hold nothing else: per window the records that changed
// and the keys that went. It is kept from the first snapshot on, and given up when half of the groups have changed: then the next
// snapshot is of all.

import { alloc, free } from "../memory";
import { listAddress, listCount } from "./list";
import { exportGone, goneExportBytes } from "./group-entry";
import * as L from "./group-layout";

const DIRTY_MIN: u32 = 64;
/** Changes that are worth to be told apart in a small table. */
const FEW_CHANGES: u32 = 4096;
export const GONE_HEADER: usize = 16;

/** One more; false when there are too many to be listed. */
function counted(table: usize): bool {
  const changes = load<u32>(table, L.TABLE_DIRTY);
  if (changes == u32.MAX_VALUE) return false;
  if (changes > FEW_CHANGES && <u64>changes > load<u64>(table, L.TABLE_GROUPS)) {
    forgetChanges(table);
    return false;
  }
  store<u32>(table, changes + 1, L.TABLE_DIRTY);
  return true;
}

/** The next snapshot is of all groups. */
function forgetChanges(table: usize): void {
  store<u32>(table, u32.MAX_VALUE, L.TABLE_DIRTY);
  const windows = table + L.TABLE_WINDOWS;
  for (let at: u32 = 0; at < listCount(windows); at++) {
    const window = listAddress(windows, at);
    free(<usize>load<u32>(window, L.WINDOW_DIRTY));
    freeGone(<usize>load<u32>(window, L.WINDOW_GONE));
    clearChanges(window);
  }
}

function clearChanges(window: usize): void {
  store<u32>(window, 0, L.WINDOW_DIRTY);
  store<u32>(window, 0, L.WINDOW_DIRTY_COUNT);
  store<u32>(window, 0, L.WINDOW_DIRTY_CAPACITY);
  store<u32>(window, 0, L.WINDOW_GONE);
}

/** The record is marked and listed; it was not yet. */
export function noteChange(table: usize, window: usize, record: usize): void {
  L.setFlags(record, L.flagsOf(record) | load<u32>(table, L.TABLE_TRACK));
  if (!counted(table)) return;
  const count = load<u32>(window, L.WINDOW_DIRTY_COUNT);
  if (count == load<u32>(window, L.WINDOW_DIRTY_CAPACITY)) {
    const capacity = max(DIRTY_MIN, count << 1);
    const list = alloc(<usize>capacity << 2);
    memory.copy(list, <usize>load<u32>(window, L.WINDOW_DIRTY), <usize>count << 2);
    free(<usize>load<u32>(window, L.WINDOW_DIRTY));
    store<u32>(window, <u32>list, L.WINDOW_DIRTY);
    store<u32>(window, capacity, L.WINDOW_DIRTY_CAPACITY);
  }
  store<u32>(<usize>load<u32>(window, L.WINDOW_DIRTY) + (<usize>count << 2), <u32>record);
  store<u32>(window, count + 1, L.WINDOW_DIRTY_COUNT);
}

/** Keeps the key of a group that goes. */
export function noteRemoval(table: usize, window: usize, record: usize): void {
  if (!counted(table)) return;
  const layout = <usize>load<u32>(table);
  const bytes = goneExportBytes(layout, record);
  const gone = alloc(GONE_HEADER + bytes);
  store<u32>(gone, load<u32>(window, L.WINDOW_GONE));
  store<u32>(gone, <u32>bytes, 4);
  exportGone(layout, record, gone + GONE_HEADER);
  store<u32>(window, <u32>gone, L.WINDOW_GONE);
}

export function freeGone(gone: usize): void {
  while (gone != 0) {
    const next = <usize>load<u32>(gone);
    free(gone);
    gone = next;
  }
}

/** What is listed of a window goes with it. */
export function freeChanges(table: usize, window: usize): void {
  free(<usize>load<u32>(window, L.WINDOW_DIRTY));
  free(<usize>load<u32>(window, L.WINDOW_FROZEN));
  freeGone(<usize>load<u32>(window, L.WINDOW_GONE));
  freeGone(<usize>load<u32>(window, L.WINDOW_FROZEN_GONE));
}

/** From here on changes are those after this moment; those before are the snapshot's that begins. */
export function freezeChanges(window: usize): void {
  store<u32>(window, load<u32>(window, L.WINDOW_DIRTY), L.WINDOW_FROZEN);
  store<u32>(window, load<u32>(window, L.WINDOW_DIRTY_COUNT), L.WINDOW_FROZEN_COUNT);
  store<u32>(window, load<u32>(window, L.WINDOW_GONE), L.WINDOW_FROZEN_GONE);
  clearChanges(window);
}

/** The snapshot that held them is over. */
export function forgetFrozen(window: usize): void {
  free(<usize>load<u32>(window, L.WINDOW_FROZEN));
  freeGone(<usize>load<u32>(window, L.WINDOW_FROZEN_GONE));
  store<u32>(window, 0, L.WINDOW_FROZEN);
  store<u32>(window, 0, L.WINDOW_FROZEN_COUNT);
  store<u32>(window, 0, L.WINDOW_FROZEN_GONE);
}

/** Whether what has changed is so little that a snapshot of it alone is worth while. */
export function groupHasFewChanges(table: usize): bool {
  const changes = load<u32>(table, L.TABLE_DIRTY);
  return load<u32>(table, L.TABLE_TRACK) != 0 && (changes <= FEW_CHANGES || <u64>changes <= load<u64>(table, L.TABLE_GROUPS) >> 1);
}

/** The bit of what had changed before the snapshot under way began. */
@inline
export function frozenBit(table: usize): u32 {
  return load<u32>(table, L.TABLE_TRACK) ^ (L.RECORD_DIRTY_A | L.RECORD_DIRTY_B);
}

/** Changes are told apart from here on, or not: while a snapshot is read back, they are not. */
export function groupTrack(table: usize, tracks: bool): void {
  store<u32>(table, tracks ? L.RECORD_DIRTY_A : 0, L.TABLE_TRACK);
}
