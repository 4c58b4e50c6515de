// Sessions in snapshots, as groups are (group-snapshot.ts): record by record, in parts, while rows go on being added.
//
// Record: u32 bytes, u32 flags, u32 nulls, u32 0, i64 first, i64 last, u64 hash; keys; states; results and bounds that stand, if they
// are kept. The seven high bits of the hash are the key group.

import { alloc, allocZeroed, free } from "../memory";
import { exportStates, importStates, statesExportBytes } from "./group-state-bytes";
import { exportKeys, importFixedKeys, importTextKeys, keysExportBytes } from "./session-key";
import { adopt, hashOfRecord, keepTexts, newRecord } from "./session-table";
import * as L from "./group-layout";
import * as S from "./session-layout";

const HEADER_BYTES: usize = 40;
const KEPT_FLAGS: u32 = L.RECORD_EMITTED | S.SESSION_CLOSED;

// A snapshot under way: where it is.
const SNAPSHOT_CHUNK: usize = 0; // u32 0 before the first
const SNAPSHOT_RECORD: usize = 4; // u32
const SNAPSHOT_NEEDED: usize = 8; // u32 bytes of the record for which there was no room
const SNAPSHOT_BYTES: usize = 16;

function exportBytes(layout: usize, record: usize): usize {
  const bytes = HEADER_BYTES + keysExportBytes(layout, record) + statesExportBytes(layout, record);
  return load<u32>(layout, L.LAYOUT_EMITTED) == 0 ? bytes : bytes + S.BOUNDS_BYTES;
}

function exportSession(layout: usize, record: usize, target: usize): void {
  store<u32>(target, load<u32>(record, S.RECORD_FLAGS) & KEPT_FLAGS, 4);
  store<u32>(target, load<u32>(record, S.RECORD_NULLS), 8);
  store<u32>(target, 0, 12);
  store<i64>(target, load<i64>(record), 16);
  store<i64>(target, load<i64>(record, S.SESSION_LAST), 24);
  store<u64>(target, hashOfRecord(layout, record), 32);
  let end = exportStates(layout, record, exportKeys(layout, record, target + HEADER_BYTES));
  if (load<u32>(layout, L.LAYOUT_EMITTED) != 0) {
    memory.copy(end, S.boundsOf(layout, record), S.BOUNDS_BYTES);
    end += S.BOUNDS_BYTES;
  }
  store<u32>(target, <u32>(end - target));
}

/** Keeps what the session is, if it changes for the first time since the snapshot began and has not been written yet. */
export function sessionBeforeChange(table: usize, record: usize): void {
  const flags = load<u32>(record, S.RECORD_FLAGS);
  if ((flags & L.RECORD_SEEN) == load<u32>(table, L.TABLE_SEEN)) return;
  store<u32>(record, flags ^ L.RECORD_SEEN, S.RECORD_FLAGS);
  const layout = <usize>load<u32>(table);
  const image = alloc(exportBytes(layout, record));
  exportSession(layout, record, image);
  store<u32>(record, <u32>image, S.RECORD_IMAGE);
}

/** Begins a snapshot of the sessions as they are now; one at a time. */
export function sessionSnapshotBegin(table: usize): void {
  store<u32>(table, <u32>allocZeroed(SNAPSHOT_BYTES), L.TABLE_SNAPSHOT);
  store<u32>(table, load<u32>(table, L.TABLE_SEEN) ^ L.RECORD_SEEN, L.TABLE_SEEN);
}

/** Moves to the next record of the snapshot, free and new ones included; 0 after the last. */
function nextRecord(table: usize, snapshot: usize): usize {
  const recordBytes = <usize>load<u32>(<usize>load<u32>(table));
  let chunk = <usize>load<u32>(snapshot, SNAPSHOT_CHUNK);
  let record = <usize>load<u32>(snapshot, SNAPSHOT_RECORD);
  if (chunk == 0) {
    if (record != 0) return 0;
    chunk = <usize>load<u32>(table, S.TABLE_FIRST);
    record = chunk + L.CHUNK_HEADER;
  } else record += recordBytes;
  while (chunk != 0 && record >= <usize>load<u32>(chunk, 4)) {
    chunk = <usize>load<u32>(chunk);
    record = chunk + L.CHUNK_HEADER;
  }
  store<u32>(snapshot, <u32>chunk, SNAPSHOT_CHUNK);
  store<u32>(snapshot, <u32>record, SNAPSHOT_RECORD);
  return chunk == 0 ? 0 : record;
}

/** Forgets what was kept of the record, and marks it as seen. */
function seen(table: usize, record: usize): void {
  free(<usize>load<u32>(record, S.RECORD_IMAGE));
  store<u32>(record, 0, S.RECORD_IMAGE);
  const flags = load<u32>(record, S.RECORD_FLAGS);
  store<u32>(record, (flags & ~L.RECORD_SEEN) | load<u32>(table, L.TABLE_SEEN), S.RECORD_FLAGS);
}

/**
 * Writes the next sessions of the snapshot, as many as have room; returns the bytes. When the first has no room,
 * {@link sessionSnapshotNeeded} says how much it needs; 0 there means that there are no more.
 */
export function sessionSnapshotNext(table: usize, target: usize, room: usize): usize {
  const snapshot = <usize>load<u32>(table, L.TABLE_SNAPSHOT);
  const layout = <usize>load<u32>(table);
  const current = load<u32>(table, L.TABLE_SEEN);
  let written: usize = 0;
  let record = load<u32>(snapshot, SNAPSHOT_NEEDED) != 0
    ? <usize>load<u32>(snapshot, SNAPSHOT_RECORD) : nextRecord(table, snapshot);
  store<u32>(snapshot, 0, SNAPSHOT_NEEDED);
  for (; record != 0; record = nextRecord(table, snapshot)) {
    const image = <usize>load<u32>(record, S.RECORD_IMAGE);
    const flags = load<u32>(record, S.RECORD_FLAGS);
    const isLive = (flags & (L.RECORD_DEAD | S.SESSION_MERGED)) == 0 && (flags & L.RECORD_SEEN) != current;
    if (image == 0 && !isLive) {
      seen(table, record);
      continue;
    }
    const bytes = image != 0 ? <usize>load<u32>(image) : exportBytes(layout, record);
    if (bytes > room - written) {
      store<u32>(snapshot, <u32>bytes, SNAPSHOT_NEEDED);
      break;
    }
    if (image != 0) memory.copy(target + written, image, bytes);
    else exportSession(layout, record, target + written);
    seen(table, record);
    written += bytes;
  }
  return written;
}

export function sessionSnapshotNeeded(table: usize): u32 {
  return load<u32>(<usize>load<u32>(table, L.TABLE_SNAPSHOT), SNAPSHOT_NEEDED);
}

/** Ends the snapshot, complete or not. */
export function sessionSnapshotEnd(table: usize): void {
  const snapshot = <usize>load<u32>(table, L.TABLE_SNAPSHOT);
  if (snapshot == 0) return;
  if (load<u32>(snapshot, SNAPSHOT_NEEDED) != 0) seen(table, <usize>load<u32>(snapshot, SNAPSHOT_RECORD));
  for (let record = nextRecord(table, snapshot); record != 0; record = nextRecord(table, snapshot)) seen(table, record);
  store<u32>(table, 0, L.TABLE_SNAPSHOT);
  free(snapshot);
}

/** Takes in the exported sessions in [from, from + bytes). */
export function sessionImport(table: usize, from: usize, bytes: usize): void {
  const layout = <usize>load<u32>(table);
  const end = from + bytes;
  while (from < end) {
    const record = newRecord(table);
    store<u32>(record, load<u32>(record, S.RECORD_FLAGS) | load<u32>(from, 4), S.RECORD_FLAGS);
    store<u32>(record, load<u32>(from, 8), S.RECORD_NULLS);
    store<i64>(record, load<i64>(from, 16));
    store<i64>(record, load<i64>(from, 24), S.SESSION_LAST);
    const keys = from + HEADER_BYTES;
    const textBytes = importFixedKeys(layout, record, keys);
    const at = textBytes == 0 ? <usize>0 : keepTexts(table, record, textBytes);
    importStates(table, 0, record, importTextKeys(layout, record, keys, at));
    if (load<u32>(layout, L.LAYOUT_EMITTED) != 0) {
      memory.copy(S.boundsOf(layout, record), from + <usize>load<u32>(from) - S.BOUNDS_BYTES, S.BOUNDS_BYTES);
    }
    adopt(table, record, load<u64>(from, 32));
    from += <usize>load<u32>(from);
  }
}
