// Group tables in snapshots: entry by entry (group-entry.ts), by window and in the order of first rows, so that a restored table emits in
// the same order. A snapshot is written in parts, while rows go on being added: a record that changes before its turn keeps an image
// of what it was, and windows that are dropped stay until the end.
//
// A snapshot of what has changed holds, by window, the keys that went, and then the records that changed.

import { alloc, allocZeroed, free } from "../memory";
import { forgetFrozen, freezeChanges, frozenBit, GONE_HEADER, noteChange } from "./group-change";
import { ENTRY_WINDOW, exportRecord, recordExportBytes, WINDOW_ENTRY_BYTES } from "./group-entry";
import { recordBytes } from "./group-key";
import { freeWindow, groupWindows } from "./group-table";
import { listAddress } from "./list";
import * as L from "./group-layout";

// A snapshot under way: its windows, and where it is.
const SNAPSHOT_WINDOWS: usize = 0; // u32 list of { u32 address, u32 groups at the beginning }
const SNAPSHOT_COUNT: usize = 4; // u32
const SNAPSHOT_AT: usize = 8; // u32 position of the window
const SNAPSHOT_CHUNK: usize = 12; // u32 0 before the first of the window
const SNAPSHOT_RECORD: usize = 16; // u32
const SNAPSHOT_NEEDED: usize = 20; // u32 bytes of the record for which there was no room
const SNAPSHOT_DELTA: usize = 24; // u32 it holds what has changed; SNAPSHOT_CHUNK is then the position in the list of the window
const SNAPSHOT_IMAGES: usize = 28; // u32 lists of images by the address of their record, 0 before the first
const SNAPSHOT_PASSED: usize = 32; // i64 the latest end of a window that was dropped before it
const SNAPSHOT_BYTES: usize = 40;

// An image of what a record was: { u32 next, u32 record, u32 bytes, u32 }, then its entry.
const IMAGE_HEADER: usize = 16;
const IMAGE_LISTS: usize = 65536;

@inline
function imageList(snapshot: usize, record: usize): usize {
  const at = <usize>((<u32>record * 0x9e3779b1) >> 16);
  return <usize>load<u32>(snapshot, SNAPSHOT_IMAGES) + (at << 2);
}

function keepImage(table: usize, snapshot: usize, record: usize): void {
  const layout = <usize>load<u32>(table);
  const bytes = recordExportBytes(layout, record);
  const image = alloc(IMAGE_HEADER + bytes);
  exportRecord(layout, record, image + IMAGE_HEADER);
  if (load<u32>(snapshot, SNAPSHOT_IMAGES) == 0) store<u32>(snapshot, <u32>allocZeroed(IMAGE_LISTS << 2), SNAPSHOT_IMAGES);
  const list = imageList(snapshot, record);
  store<u32>(image, load<u32>(list));
  store<u32>(image, <u32>record, 4);
  store<u32>(image, <u32>bytes, 8);
  store<u32>(list, <u32>image);
}

/** Where the link to the image of a record is. */
function imageLink(snapshot: usize, record: usize): usize {
  let link = imageList(snapshot, record);
  while (<usize>load<u32>(<usize>load<u32>(link), 4) != record) link = <usize>load<u32>(link);
  return link;
}

/** Whether the snapshot under way has yet to write the record, which it has no image of. */
@inline
function isDue(table: usize, snapshot: usize, flags: u32): bool {
  if (load<u32>(snapshot, SNAPSHOT_DELTA) != 0) return (flags & frozenBit(table)) != 0;
  return (flags & L.RECORD_SEEN) != load<u32>(table, L.TABLE_SEEN);
}

/** To be called before a record changes for the first time since a snapshot began: what the snapshot has yet to write is kept. */
export function beforeChange(table: usize, window: usize, record: usize): void {
  const snapshot = <usize>load<u32>(table, L.TABLE_SNAPSHOT);
  if (snapshot != 0) {
    const flags = L.flagsOf(record);
    if (isDue(table, snapshot, flags)) {
      keepImage(table, snapshot, record);
      const seen = (flags & ~(L.RECORD_SEEN | frozenBit(table))) | load<u32>(table, L.TABLE_SEEN);
      L.setFlags(record, seen | L.RECORD_IMAGE);
    }
  }
  noteChange(table, window, record);
}

/** Begins a snapshot of the groups as they are now, or of what has changed since the last one began; one at a time. */
export function groupSnapshotBegin(table: usize, delta: bool): void {
  const snapshot = allocZeroed(SNAPSHOT_BYTES);
  const count = groupWindows(table);
  const windows = alloc(<usize>max(count, 1) << 3);
  for (let at: u32 = 0; at < count; at++) {
    const window = listAddress(table + L.TABLE_WINDOWS, at);
    store<u32>(windows + (<usize>at << 3), <u32>window);
    store<u32>(windows + (<usize>at << 3), load<u32>(window, L.WINDOW_GROUPS), 4);
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

/** Moves to the next record of the snapshot, dead and new ones included; 0 after the last. SNAPSHOT_AT is one more than its window's. */
function nextRecord(table: usize, snapshot: usize): usize {
  const layout = <usize>load<u32>(table);
  let chunk = <usize>load<u32>(snapshot, SNAPSHOT_CHUNK);
  let record = <usize>load<u32>(snapshot, SNAPSHOT_RECORD);
  if (chunk != 0) record += recordBytes(layout, record);
  while (chunk == 0 || record >= <usize>load<u32>(chunk, 4)) {
    if (chunk != 0) chunk = <usize>load<u32>(chunk);
    if (chunk == 0) {
      const at = load<u32>(snapshot, SNAPSHOT_AT);
      if (at == load<u32>(snapshot, SNAPSHOT_COUNT)) return 0;
      store<u32>(snapshot, at + 1, SNAPSHOT_AT);
      chunk = <usize>load<u32>(windowAt(snapshot, at), L.WINDOW_FIRST);
    }
    record = chunk + L.CHUNK_HEADER;
  }
  store<u32>(snapshot, <u32>chunk, SNAPSHOT_CHUNK);
  store<u32>(snapshot, <u32>record, SNAPSHOT_RECORD);
  return record;
}

@inline
function windowAt(snapshot: usize, at: u32): usize {
  return <usize>load<u32>(<usize>load<u32>(snapshot, SNAPSHOT_WINDOWS) + (<usize>at << 3));
}

/** Forgets what was kept of the record, and marks it as seen. */
function seen(table: usize, snapshot: usize, record: usize): void {
  const flags = L.flagsOf(record);
  if ((flags & L.RECORD_IMAGE) != 0) {
    const link = imageLink(snapshot, record);
    const image = <usize>load<u32>(link);
    store<u32>(link, load<u32>(image));
    free(image);
  }
  const left = flags & ~(L.RECORD_SEEN | L.RECORD_IMAGE | frozenBit(table));
  L.setFlags(record, left | load<u32>(table, L.TABLE_SEEN));
}

/** The position (plus one) of the window whose entries are being written; of those of a call the first says its window. */
let entriesOf: u32 = 0;

/** Writes which window the next entries are of, if that is not known; returns the bytes. There must be room for it. */
@inline
function writeWindow(snapshot: usize, at: u32, target: usize): usize {
  if (entriesOf == at + 1) return 0;
  entriesOf = at + 1;
  store<u8>(target, <u8>ENTRY_WINDOW);
  store<i64>(target, load<i64>(windowAt(snapshot, at)), 1);
  store<u32>(target, load<u32>(<usize>load<u32>(snapshot, SNAPSHOT_WINDOWS) + (<usize>at << 3), 4), 9);
  return WINDOW_ENTRY_BYTES;
}

/** Writes a record, or what was kept of it, of a window; returns the bytes. When there is no room, nothing, and says what it needs. */
function writeRecord(table: usize, snapshot: usize, at: u32, record: usize, target: usize, room: usize): usize {
  const layout = <usize>load<u32>(table);
  const hasImage = (L.flagsOf(record) & L.RECORD_IMAGE) != 0;
  const image: usize = hasImage ? <usize>load<u32>(imageLink(snapshot, record)) : 0;
  const bytes = hasImage ? <usize>load<u32>(image, 8) : recordExportBytes(layout, record);
  if (bytes + WINDOW_ENTRY_BYTES > room) {
    store<u32>(snapshot, <u32>(bytes + WINDOW_ENTRY_BYTES), SNAPSHOT_NEEDED);
    return 0;
  }
  const header = writeWindow(snapshot, at, target);
  if (hasImage) memory.copy(target + header, image + IMAGE_HEADER, bytes);
  else exportRecord(layout, record, target + header);
  seen(table, snapshot, record);
  return header + bytes;
}

/** Whether the record has something for the snapshot under way; if not, it is seen. */
@inline
function hasPart(table: usize, snapshot: usize, record: usize): bool {
  const flags = L.flagsOf(record);
  if ((flags & L.RECORD_IMAGE) != 0) return true;
  if ((flags & L.RECORD_DEAD) == 0 && isDue(table, snapshot, flags)) return true;
  L.setFlags(record, flags & ~frozenBit(table));
  return false;
}

/**
 * Writes the next entries of the snapshot, as many as have room; returns the bytes. When the first has no room,
 * {@link groupSnapshotNeeded} says how much it needs; 0 there means that there are no more.
 */
export function groupSnapshotNext(table: usize, target: usize, room: usize): usize {
  const snapshot = <usize>load<u32>(table, L.TABLE_SNAPSHOT);
  entriesOf = 0;
  if (load<u32>(snapshot, SNAPSHOT_DELTA) != 0) return nextChanges(table, snapshot, target, room);
  let written: usize = 0;
  let record = load<u32>(snapshot, SNAPSHOT_NEEDED) != 0
    ? <usize>load<u32>(snapshot, SNAPSHOT_RECORD) : nextRecord(table, snapshot);
  store<u32>(snapshot, 0, SNAPSHOT_NEEDED);
  for (; record != 0; record = nextRecord(table, snapshot)) {
    if (!hasPart(table, snapshot, record)) continue;
    const at = load<u32>(snapshot, SNAPSHOT_AT) - 1;
    const bytes = writeRecord(table, snapshot, at, record, target + written, room - written);
    if (bytes == 0) break;
    written += bytes;
  }
  return written;
}

/** As groupSnapshotNext, of what has changed: window by window, the keys that went and then the records. */
function nextChanges(table: usize, snapshot: usize, target: usize, room: usize): usize {
  let written: usize = 0;
  store<u32>(snapshot, 0, SNAPSHOT_NEEDED);
  while (load<u32>(snapshot, SNAPSHOT_AT) < load<u32>(snapshot, SNAPSHOT_COUNT)) {
    const windowNumber = load<u32>(snapshot, SNAPSHOT_AT);
    const window = windowAt(snapshot, windowNumber);
    for (let gone = <usize>load<u32>(window, L.WINDOW_FROZEN_GONE); gone != 0;) {
      const bytes = <usize>load<u32>(gone, 4);
      if (bytes + WINDOW_ENTRY_BYTES > room - written) {
        store<u32>(snapshot, <u32>(bytes + WINDOW_ENTRY_BYTES), SNAPSHOT_NEEDED);
        return written;
      }
      written += writeWindow(snapshot, windowNumber, target + written);
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
      const bytes = writeRecord(table, snapshot, windowNumber, record, target + written, room - written);
      if (bytes == 0) return written;
      written += bytes;
    }
    store<u32>(snapshot, 0, SNAPSHOT_CHUNK);
    store<u32>(snapshot, windowNumber + 1, SNAPSHOT_AT);
  }
  return written;
}

/** Passes over what was not written of a snapshot of changes. */
function skipChanges(table: usize, snapshot: usize): void {
  for (let at = load<u32>(snapshot, SNAPSHOT_AT); at < load<u32>(snapshot, SNAPSHOT_COUNT); at++) {
    store<u32>(snapshot, at, SNAPSHOT_AT);
    const window = windowAt(snapshot, at);
    const list = <usize>load<u32>(window, L.WINDOW_FROZEN);
    for (let i: u32 = 0; i < load<u32>(window, L.WINDOW_FROZEN_COUNT); i++) {
      const record = <usize>load<u32>(list + (<usize>i << 2));
      if ((L.flagsOf(record) & L.RECORD_IMAGE) != 0) seen(table, snapshot, record);
      else L.setFlags(record, L.flagsOf(record) & ~frozenBit(table));
    }
  }
}

/** Passes over what was not written of a snapshot of all. */
function skipRecords(table: usize, snapshot: usize): void {
  if (load<u32>(snapshot, SNAPSHOT_NEEDED) != 0) seen(table, snapshot, <usize>load<u32>(snapshot, SNAPSHOT_RECORD));
  for (let record = nextRecord(table, snapshot); record != 0; record = nextRecord(table, snapshot)) {
    seen(table, snapshot, record);
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
    forgetFrozen(windowAt(snapshot, at));
  }
  store<u32>(table, 0, L.TABLE_SNAPSHOT);
  free(<usize>load<u32>(snapshot, SNAPSHOT_WINDOWS));
  free(<usize>load<u32>(snapshot, SNAPSHOT_IMAGES));
  free(snapshot);
  let window = <usize>load<u32>(table, L.TABLE_DROPPED);
  store<u32>(table, 0, L.TABLE_DROPPED);
  while (window != 0) {
    const next = <usize>load<u32>(window, L.WINDOW_DROPPED);
    freeWindow(table, window);
    window = next;
  }
}
