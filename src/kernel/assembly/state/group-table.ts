// Groups of an aggregate: a table per window, dropped whole when the window closes. A record never moves while its group lives;
// it holds the state of the aggregates, what was emitted last where rows can be taken back, and the key.

import { alloc, allocZeroed, free } from "../memory";
import { hashOfRow, keepKey, recordBytes, recordBytesOfRow } from "./group-key";
import { indexAdd, indexFind, indexFree, indexRemove, indexRoom, indexTouch } from "./group-index";
import { grown, settleBlocks } from "./group-size";
import { freeBlocks, freeStates } from "./group-state-bytes";
import { addToCount, blocks } from "./packed-value";
import { listAddress, listCount, listDrop, listFind, listFree, listInsert, listNumber } from "./list";
import { sumBlocks } from "./exact-sum";
import { beforeChange, groupSnapshotEnd } from "./group-snapshot";
import { freeChanges, noteChange, noteRemoval } from "./group-change";
import * as L from "./group-layout";

const BLOCK_HEADER: usize = 16;
const CHUNK_BYTES_MIN: usize = 1024;
const CHUNK_BYTES_MAX: usize = 65536;
const CHANGED_CAPACITY_MIN: u32 = 64;
/** Strings may be read up to 16 bytes past their end. */
const PADDING: usize = 16;
/** The index of a new window is made for no more groups than this: the window before may have been another kind of hour. */
const EXPECTED_MAX: u64 = 8192;
/** Lists of dead records by their length. */
const FREE_LISTS: usize = 64;
/** Records of a list that are looked at for one of the wanted length. */
const FREE_TRIES: u32 = 8;

/** Rows that are hashed ahead of the look-ups. */
const BLOCK_ROWS: u32 = 64;
const hashes: usize = memory.data(64 * 8, 16);

export function groupCreate(layout: usize): usize {
  const table = allocZeroed(L.TABLE_BYTES);
  store<u32>(table, <u32>layout);
  store<i64>(table, i64.MIN_VALUE, L.TABLE_PASSED);
  return table;
}

export function windowOf(table: usize, end: i64): usize {
  const list = table + L.TABLE_WINDOWS;
  const known = listFind(list, end);
  if (known != 0) return known;
  const window = allocZeroed(L.WINDOW_BYTES);
  store<i64>(window, end);
  grown(table, window, <i64>(L.WINDOW_BYTES + BLOCK_HEADER));
  listInsert(list, end, window);
  return window;
}

/** The window of a record. */
@inline
export function windowOfRecord(table: usize, record: usize): usize {
  if ((load<u32>(<usize>load<u32>(table), L.LAYOUT_FLAGS) & L.LAYOUT_WINDOWED) != 0) return <usize>load<u32>(record, L.RECORD_WINDOW);
  return listAddress(table + L.TABLE_WINDOWS, 0);
}

function addChunk(table: usize, window: usize, recordBytes: usize): void {
  let bytes = CHUNK_BYTES_MIN;
  const used = <usize>load<u32>(window, L.WINDOW_GROUPS) * recordBytes;
  while ((bytes < used || bytes < recordBytes + CHUNK_BYTES_MIN) && bytes < CHUNK_BYTES_MAX) bytes <<= 1;
  bytes = max(bytes - BLOCK_HEADER, recordBytes + L.CHUNK_HEADER + PADDING);
  const chunk = alloc(bytes);
  store<u32>(chunk, 0);
  store<u32>(chunk, <u32>(chunk + L.CHUNK_HEADER), 4);
  const last = <usize>load<u32>(window, L.WINDOW_LAST);
  if (last == 0) store<u32>(window, <u32>chunk, L.WINDOW_FIRST);
  else store<u32>(last, <u32>chunk);
  store<u32>(window, <u32>chunk, L.WINDOW_LAST);
  store<u32>(window, <u32>(chunk + L.CHUNK_HEADER), L.WINDOW_NEXT);
  store<u32>(window, <u32>(chunk + bytes - PADDING), L.WINDOW_CHUNK_END);
  grown(table, window, <i64>(bytes + BLOCK_HEADER));
}

/** Memory that lives as long as the window. */
export function keepInWindow(table: usize, window: usize, bytes: usize): usize {
  const at = <usize>load<u32>(window, L.WINDOW_ARENA_NEXT);
  const room = bytes + PADDING;
  if (at != 0 && room <= <usize>load<u32>(window, L.WINDOW_ARENA_END) - at) {
    store<u32>(window, <u32>(at + bytes), L.WINDOW_ARENA_NEXT);
    return at;
  }
  let total = CHUNK_BYTES_MIN;
  const used = <usize>load<u32>(window, L.WINDOW_GROUPS) << 5;
  while (total < used && total < CHUNK_BYTES_MAX) total <<= 1;
  total = max(total - BLOCK_HEADER, room + L.CHUNK_HEADER);
  const chunk = alloc(total);
  store<u32>(chunk, load<u32>(window, L.WINDOW_ARENA));
  store<u32>(window, <u32>chunk, L.WINDOW_ARENA);
  store<u32>(window, <u32>(chunk + L.CHUNK_HEADER + bytes), L.WINDOW_ARENA_NEXT);
  store<u32>(window, <u32>(chunk + total), L.WINDOW_ARENA_END);
  grown(table, window, <i64>(total + BLOCK_HEADER));
  return chunk + L.CHUNK_HEADER;
}

@inline
function freeList(window: usize, bytes: usize): usize {
  return <usize>load<u32>(window, L.WINDOW_FREE) + ((bytes & (FREE_LISTS - 1)) << 2);
}

/** A dead record of that length, taken out of its list; 0 when none is found. */
function takeDead(layout: usize, window: usize, bytes: usize): usize {
  let at = freeList(window, bytes);
  for (let left = FREE_TRIES; left > 0; left--) {
    const record = <usize>load<u32>(at);
    if (record == 0) return 0;
    if (recordBytes(layout, record) == bytes) {
      store<u32>(at, load<u32>(record, L.RECORD_ROWS));
      return record;
    }
    at = record + L.RECORD_ROWS;
  }
  return 0;
}

function keepDead(table: usize, window: usize, record: usize): void {
  if (load<u32>(window, L.WINDOW_FREE) == 0) {
    store<u32>(window, <u32>allocZeroed(FREE_LISTS << 2), L.WINDOW_FREE);
    grown(table, window, <i64>((FREE_LISTS << 2) + BLOCK_HEADER));
  }
  const list = freeList(window, recordBytes(<usize>load<u32>(table), record));
  store<u32>(record, load<u32>(list), L.RECORD_ROWS);
  store<u32>(list, <u32>record);
}

/** A record in the table that is zero but for its flags and window: of so many bytes, with its key to be written at once. */
export function addRecord(table: usize, window: usize, hash: u64, bytes: usize): usize {
  const layout = <usize>load<u32>(table);
  indexRoom(table, window, hash);
  let record: usize = load<u32>(window, L.WINDOW_FREE) == 0 ? 0 : takeDead(layout, window, bytes);
  let kept: u32 = 0;
  if (record != 0) kept = L.flagsOf(record) & L.RECORD_IMAGE;
  else {
    if (<usize>load<u32>(window, L.WINDOW_NEXT) + bytes > <usize>load<u32>(window, L.WINDOW_CHUNK_END)) {
      addChunk(table, window, bytes);
    }
    record = <usize>load<u32>(window, L.WINDOW_NEXT);
    store<u32>(window, <u32>(record + bytes), L.WINDOW_NEXT);
    store<u32>(<usize>load<u32>(window, L.WINDOW_LAST), <u32>(record + bytes), 4);
  }
  memory.fill(record, 0, <usize>load<u32>(layout));
  L.setFlags(record, kept | load<u32>(table, L.TABLE_SEEN));
  if ((load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_WINDOWED) != 0) store<u32>(record, <u32>window, L.RECORD_WINDOW);
  if (load<u32>(table, L.TABLE_TRACK) != 0) noteChange(table, window, record);
  store<u32>(window, load<u32>(window, L.WINDOW_GROUPS) + 1, L.WINDOW_GROUPS);
  store<u64>(table, load<u64>(table, L.TABLE_GROUPS) + 1, L.TABLE_GROUPS);
  indexAdd(window, hash, record);
  return record;
}

/** The group of a row in a window, made when it is new; the caller may change it. */
@inline
export function groupOfRow(table: usize, window: usize, columns: usize, row: usize): usize {
  return groupOfHash(table, window, columns, row, hashOfRow(<usize>load<u32>(table), columns, row));
}

@inline
function groupOfHash(table: usize, window: usize, columns: usize, row: usize, hash: u64): usize {
  const layout = <usize>load<u32>(table);
  const known = indexFind(layout, window, hash, columns, row);
  if (known != 0) {
    const track = load<u32>(table, L.TABLE_TRACK);
    if (track != 0 && (L.flagsOf(known) & track) == 0) beforeChange(table, window, known);
    return known;
  }
  const record = addRecord(table, window, hash, recordBytesOfRow(layout, columns, row));
  keepKey(layout, record, columns, row);
  return record;
}

export function listChange(table: usize, record: usize): void {
  const count = load<u32>(table, L.TABLE_CHANGED_COUNT);
  if (count == load<u32>(table, L.TABLE_CHANGED_CAPACITY)) {
    const capacity = max(CHANGED_CAPACITY_MIN, count << 1);
    const list = alloc(<usize>capacity << 2);
    memory.copy(list, <usize>load<u32>(table, L.TABLE_CHANGED), <usize>count << 2);
    free(<usize>load<u32>(table, L.TABLE_CHANGED));
    store<u32>(table, <u32>list, L.TABLE_CHANGED);
    store<u32>(table, capacity, L.TABLE_CHANGED_CAPACITY);
  }
  store<u32>(<usize>load<u32>(table, L.TABLE_CHANGED) + (<usize>count << 2), <u32>record);
  store<u32>(table, count + 1, L.TABLE_CHANGED_COUNT);
}

/** Lists a record whose group has changed, once. */
@inline
export function markChanged(table: usize, record: usize): void {
  const flags = L.flagsOf(record);
  if ((flags & L.RECORD_CHANGED) != 0) return;
  L.setFlags(record, flags | L.RECORD_CHANGED);
  listChange(table, record);
}

let touched: u64 = 0;

/** Hashes some rows, and reads what their look-ups in the window will read, so that the misses of the cache overlap. */
function hashAhead(table: usize, window: usize, columns: usize, selection: usize, from: u32, to: u32): void {
  const layout = <usize>load<u32>(table);
  for (let i = from; i < to; i++) {
    const row = <usize>(selection != 0 ? load<u32>(selection + (<usize>i << 2)) : i);
    store<u64>(hashes + (<usize>(i - from) << 3), hashOfRow(layout, columns, row));
  }
  if (window == 0 || load<u32>(window, L.WINDOW_DEPTH) == 0) return;
  for (let i = from; i < to; i++) {
    const record = indexTouch(window, load<u64>(hashes + (<usize>(i - from) << 3)));
    if (record != 0) touched ^= load<u64>(record);
  }
}

/**
 * The group of each row, made when it is new: its record goes to `records`, the row's number to `rows`, and the numbers of
 * rows whose window was closed to `late`. A row's window ends at `ends[row] + endAdd` (`ends` 0: one window for all).
 * Returns how many rows were not late.
 */
export function groupRows(
  table: usize, columns: usize, ends: usize, endAdd: i64, watermarks: usize, watermark: i64,
  selection: usize, count: u32, weights: usize, records: usize, rows: usize, late: usize,
): u32 {
  const layout = <usize>load<u32>(table);
  const lists = (load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_CHANGES) != 0;
  let window: usize = ends == 0 ? windowOf(table, 0) : 0;
  let windowEnd: i64 = 0;
  let found: usize = 0;
  let lateCount: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (i % BLOCK_ROWS == 0) hashAhead(table, window, columns, selection, i, min(count, i + BLOCK_ROWS));
    const row = <usize>(selection != 0 ? load<u32>(selection + (<usize>i << 2)) : i);
    if (ends != 0) {
      const end = load<i64>(ends + (row << 3)) + endAdd;
      const passed = watermarks == 0 ? watermark : max(watermark, load<i64>(watermarks + (row << 3)));
      if (end <= passed) {
        store<u32>(late + (lateCount << 2), <u32>row);
        lateCount++;
        continue;
      }
      if (end != windowEnd || window == 0) {
        window = windowOf(table, end);
        windowEnd = end;
      }
    }
    const record = groupOfHash(table, window, columns, row, load<u64>(hashes + (<usize>(i % BLOCK_ROWS) << 3)));
    const weight: i64 = weights == 0 ? 1 : <i64>load<i32>(weights + (row << 2));
    addToCount(record, record + L.RECORD_ROWS, weight);
    if (lists) markChanged(table, record);
    store<u32>(records + (found << 2), <u32>record);
    store<u32>(rows + (found << 2), <u32>row);
    found++;
  }
  store<u32>(table, <u32>lateCount, L.TABLE_LATE);
  settleBlocks(table);
  return <u32>found;
}

/** Takes a group out of its window; its key stays readable until {@link groupForget}. */
export function removeGroup(table: usize, record: usize): void {
  const layout = <usize>load<u32>(table);
  const window = windowOfRecord(table, record);
  if (load<u32>(table, L.TABLE_TRACK) != 0) noteRemoval(table, window, record);
  indexRemove(layout, window, record);
  store<u32>(window, load<u32>(window, L.WINDOW_GROUPS) - 1, L.WINDOW_GROUPS);
  store<u64>(table, load<u64>(table, L.TABLE_GROUPS) - 1, L.TABLE_GROUPS);
  freeBlocks(layout, record);
  L.setFlags(record, L.RECORD_DEAD | (L.flagsOf(record) & L.RECORD_IMAGE));
  store<u32>(record, load<u32>(table, L.TABLE_REMOVED), L.RECORD_ROWS);
  store<u32>(table, <u32>record, L.TABLE_REMOVED);
}

/** Ends the emission of changes: the list is empty, and the memory of removed groups is free for others. */
export function groupForget(table: usize): void {
  const layout = <usize>load<u32>(table);
  store<u32>(table, 0, L.TABLE_CHANGED_COUNT);
  let record = <usize>load<u32>(table, L.TABLE_REMOVED);
  store<u32>(table, 0, L.TABLE_REMOVED);
  while (record != 0) {
    const next = <usize>load<u32>(record, L.RECORD_ROWS);
    const window = windowOfRecord(table, record);
    grown(table, window, -freeStates(layout, record));
    keepDead(table, window, record);
    record = next;
  }
  settleBlocks(table);
}

function freeChain(chunk: usize): void {
  while (chunk != 0) {
    const next = <usize>load<u32>(chunk);
    free(chunk);
    chunk = next;
  }
}

/** Whether records own memory besides their window's. */
@inline
function ownsMemory(layout: usize): bool {
  return sumBlocks != 0 || blocks != 0 || (load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_DISTINCT) != 0;
}

function freeRecords(table: usize, window: usize): void {
  const layout = <usize>load<u32>(table);
  for (let chunk = <usize>load<u32>(window, L.WINDOW_FIRST); chunk != 0; chunk = <usize>load<u32>(chunk)) {
    const end = <usize>load<u32>(chunk, 4);
    for (let record = chunk + L.CHUNK_HEADER; record < end; record += recordBytes(layout, record)) {
      if (L.flagsOf(record) & L.RECORD_DEAD) continue;
      freeStates(layout, record);
      freeBlocks(layout, record);
    }
  }
  settleBlocks(table);
}

export function freeWindow(table: usize, window: usize): void {
  if (ownsMemory(<usize>load<u32>(table))) freeRecords(table, window);
  store<u64>(table, load<u64>(table, L.TABLE_GROUPS) - <u64>load<u32>(window, L.WINDOW_GROUPS), L.TABLE_GROUPS);
  store<u64>(table, load<u64>(table, L.TABLE_SIZE) - load<u64>(window, L.WINDOW_SIZE), L.TABLE_SIZE);
  freeChanges(table, window);
  freeChain(<usize>load<u32>(window, L.WINDOW_FIRST));
  freeChain(<usize>load<u32>(window, L.WINDOW_ARENA));
  indexFree(window);
  free(<usize>load<u32>(window, L.WINDOW_FREE));
  free(window);
}

export function groupWindows(table: usize): u32 {
  return listCount(table + L.TABLE_WINDOWS);
}

/** End of the window at a position; windows are in the order of their ends. */
export function groupWindowEnd(table: usize, at: u32): i64 {
  return listNumber(table + L.TABLE_WINDOWS, at);
}

/** Groups of the window at a position. */
export function groupWindowGroups(table: usize, at: u32): u32 {
  return load<u32>(listAddress(table + L.TABLE_WINDOWS, at), L.WINDOW_GROUPS);
}

/** Writes the records of the window at a position to `target`, in the order of their first row; returns the number of groups. */
export function groupWindowRecords(table: usize, at: u32, target: usize): u32 {
  const window = listAddress(table + L.TABLE_WINDOWS, at);
  const layout = <usize>load<u32>(table);
  let count: u32 = 0;
  for (let chunk = <usize>load<u32>(window, L.WINDOW_FIRST); chunk != 0; chunk = <usize>load<u32>(chunk)) {
    const end = <usize>load<u32>(chunk, 4);
    for (let record = chunk + L.CHUNK_HEADER; record < end; record += recordBytes(layout, record)) {
      if (L.flagsOf(record) & L.RECORD_DEAD) continue;
      store<u32>(target + (<usize>count << 2), <u32>record);
      count++;
    }
  }
  return count;
}

/** Drops the first `count` windows. */
export function groupDropWindows(table: usize, count: u32): void {
  const list = table + L.TABLE_WINDOWS;
  if (count > 0) store<i64>(table, max(load<i64>(table, L.TABLE_PASSED), listNumber(list, count - 1)), L.TABLE_PASSED);
  for (let at: u32 = 0; at < count; at++) {
    const window = listAddress(list, at);
    const expected = min(EXPECTED_MAX, <u64>load<u32>(window, L.WINDOW_GROUPS));
    store<u32>(table, <u32>expected, L.TABLE_EXPECTED);
    if (load<u32>(table, L.TABLE_SNAPSHOT) == 0) {
      freeWindow(table, window);
      continue;
    }
    store<u64>(table, load<u64>(table, L.TABLE_GROUPS) - <u64>load<u32>(window, L.WINDOW_GROUPS), L.TABLE_GROUPS);
    store<u32>(window, 0, L.WINDOW_GROUPS);
    store<u32>(window, load<u32>(table, L.TABLE_DROPPED), L.WINDOW_DROPPED);
    store<u32>(table, <u32>window, L.TABLE_DROPPED);
  }
  if (count > 0) listDrop(list, count);
}

export function groupFree(table: usize): void {
  groupSnapshotEnd(table);
  groupForget(table);
  groupDropWindows(table, groupWindows(table));
  listFree(table + L.TABLE_WINDOWS);
  free(<usize>load<u32>(table, L.TABLE_CHANGED));
  free(table);
}
