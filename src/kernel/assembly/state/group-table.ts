// Groups of an aggregate: a table per window, dropped whole when the window closes. A record never moves while its group lives;
// it holds the key, the state of the aggregates and, where rows can be taken back, what was emitted last.

import { alloc, allocZeroed, free } from "../memory";
import { equalStr, hash64, hashStr } from "../hash";
import { COLUMN_BYTES, COLUMN_DATA, COLUMN_NULLS, groupingBits, TYPE_F64, TYPE_I32, TYPE_STR } from "./key";
import { listAddress, listCount, listDrop, listFind, listFree, listInsert, listNumber } from "./list";
import { distinctFree } from "./distinct";
import { sumBlocks, sumFree } from "./exact-sum";
import { beforeChange, groupSnapshotEnd } from "./group-snapshot";
import { freeChanges, noteChange, noteRemoval } from "./group-change";
import * as L from "./group-layout";

const BLOCK_HEADER: usize = 16;
const CHUNK_BYTES_MIN: usize = 1024;
const CHUNK_BYTES_MAX: usize = 65536;
const INDEX_SLOTS_MIN: u32 = 16;
const CHANGED_CAPACITY_MIN: u32 = 64;
/** Strings may be read up to 16 bytes past their end. */
const PADDING: usize = 16;
const NULL_BITS: u64 = 0x6e756c6c6e756c6c;

export function groupCreate(layout: usize): usize {
  const table = allocZeroed(L.TABLE_BYTES);
  store<u32>(table, <u32>layout);
  store<i64>(table, i64.MIN_VALUE, L.TABLE_PASSED);
  return table;
}

@inline
export function grown(table: usize, window: usize, bytes: i64): void {
  store<u64>(window, load<u64>(window, L.WINDOW_SIZE) + <u64>bytes, L.WINDOW_SIZE);
  store<u64>(table, load<u64>(table, L.TABLE_SIZE) + <u64>bytes, L.TABLE_SIZE);
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

@inline
function isNull(column: usize, row: usize): bool {
  const nulls = <usize>load<u32>(column, COLUMN_NULLS);
  return nulls != 0 && load<u8>(nulls + row) != 0;
}

/** Hash of the row's key, without the bounds of its window. */
export function hashOfRow(layout: usize, columns: usize, row: usize): u64 {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  let hash: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    if (load<u32>(part, L.KEY_HASHED) == 0) continue;
    const column = columns + <usize>i * COLUMN_BYTES;
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const type = load<u32>(part);
    if (isNull(column, row)) hash = hash64(NULL_BITS, hash);
    else if (type == TYPE_STR) hash = hashStr(data + (row << 4), hash);
    else if (type == TYPE_F64) hash = hash64(groupingBits(load<f64>(data + (row << 3))), hash);
    else if (type == TYPE_I32) hash = hash64(<u64>load<u32>(data + (row << 2)), hash);
    else hash = hash64(load<u64>(data + (row << 3)), hash);
  }
  return hash;
}

export function isGroupOf(layout: usize, record: usize, columns: usize, row: usize): bool {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  const nulls = load<u32>(record, L.RECORD_NULLS);
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    if (load<u32>(part, L.KEY_HASHED) == 0) continue;
    const column = columns + <usize>i * COLUMN_BYTES;
    const missing = isNull(column, row);
    if (missing != (((nulls >> i) & 1) != 0)) return false;
    if (missing) continue;
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    const type = load<u32>(part);
    if (type == TYPE_STR) {
      if (!equalStr(kept, data + (row << 4))) return false;
    } else if (type == TYPE_I32) {
      if (load<u32>(kept) != load<u32>(data + (row << 2))) return false;
    } else if (type == TYPE_F64) {
      if (groupingBits(load<f64>(kept)) != groupingBits(load<f64>(data + (row << 3)))) return false;
    } else if (load<u64>(kept) != load<u64>(data + (row << 3))) return false;
  }
  return true;
}

@inline
export function place(index: usize, mask: u32, slot: u64): void {
  let at = <u32>slot & mask;
  while (load<u64>(index + (<usize>at << 3)) != 0) at = (at + 1) & mask;
  store<u64>(index + (<usize>at << 3), slot);
}

function growIndex(table: usize, window: usize): void {
  const old = <usize>load<u32>(window, L.WINDOW_INDEX);
  const slots: u32 = old == 0 ? 0 : load<u32>(window, L.WINDOW_MASK) + 1;
  const wanted = max(INDEX_SLOTS_MIN, slots << 1);
  const index = allocZeroed(<usize>wanted << 3);
  for (let at: u32 = 0; at < slots; at++) {
    const slot = load<u64>(old + (<usize>at << 3));
    if (slot != 0) place(index, wanted - 1, slot);
  }
  free(old);
  store<u32>(window, <u32>index, L.WINDOW_INDEX);
  store<u32>(window, wanted - 1, L.WINDOW_MASK);
  grown(table, window, <i64>(wanted - slots) << 3);
}

function addChunk(table: usize, window: usize, recordBytes: usize): void {
  let bytes = CHUNK_BYTES_MIN;
  const used = <usize>load<u32>(window, L.WINDOW_GROUPS) * recordBytes;
  while ((bytes < used || bytes < recordBytes + CHUNK_BYTES_MIN) && bytes < CHUNK_BYTES_MAX) bytes <<= 1;
  bytes = max(bytes - BLOCK_HEADER, recordBytes + L.CHUNK_HEADER);
  const chunk = alloc(bytes);
  const records = (bytes - L.CHUNK_HEADER) / recordBytes;
  store<u32>(chunk, 0);
  store<u32>(chunk, <u32>(chunk + L.CHUNK_HEADER), 4);
  const last = <usize>load<u32>(window, L.WINDOW_LAST);
  if (last == 0) store<u32>(window, <u32>chunk, L.WINDOW_FIRST);
  else store<u32>(last, <u32>chunk);
  store<u32>(window, <u32>chunk, L.WINDOW_LAST);
  store<u32>(window, <u32>(chunk + L.CHUNK_HEADER), L.WINDOW_NEXT);
  store<u32>(window, <u32>(chunk + L.CHUNK_HEADER + records * recordBytes), L.WINDOW_CHUNK_END);
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

/** An empty record in the table, ready for its key. */
export function addRecord(table: usize, window: usize, hash: u64): usize {
  const layout = <usize>load<u32>(table);
  const recordBytes = <usize>load<u32>(layout);
  const groups = load<u32>(window, L.WINDOW_GROUPS) + 1;
  const mask = load<u32>(window, L.WINDOW_MASK);
  if (load<u32>(window, L.WINDOW_INDEX) == 0 || groups > mask - (mask >> 2)) growIndex(table, window);
  let record = <usize>load<u32>(window, L.WINDOW_FREE);
  let image: u32 = 0;
  if (record != 0) {
    store<u32>(window, load<u32>(record), L.WINDOW_FREE);
    image = load<u32>(record, L.RECORD_IMAGE);
  }
  else {
    if (load<u32>(window, L.WINDOW_NEXT) == load<u32>(window, L.WINDOW_CHUNK_END)) addChunk(table, window, recordBytes);
    record = <usize>load<u32>(window, L.WINDOW_NEXT);
    store<u32>(window, <u32>(record + recordBytes), L.WINDOW_NEXT);
    store<u32>(<usize>load<u32>(window, L.WINDOW_LAST), <u32>(record + recordBytes), 4);
  }
  memory.fill(record, 0, recordBytes);
  store<u64>(record, hash);
  store<u32>(record, load<u32>(table, L.TABLE_SEEN), L.RECORD_FLAGS);
  if (load<u32>(table, L.TABLE_TRACK) != 0) noteChange(table, window, record);
  store<u32>(record, image, L.RECORD_IMAGE);
  store<u32>(record, <u32>window, L.RECORD_WINDOW);
  store<u32>(window, groups, L.WINDOW_GROUPS);
  store<u64>(table, load<u64>(table, L.TABLE_GROUPS) + 1, L.TABLE_GROUPS);
  place(<usize>load<u32>(window, L.WINDOW_INDEX), load<u32>(window, L.WINDOW_MASK), (<u64>record << 32) | <u64>(<u32>hash));
  return record;
}

/** Room for the strings of a key: freed with the group where groups can be removed one by one. */
export function keepTexts(table: usize, window: usize, record: usize, bytes: usize): usize {
  const layout = <usize>load<u32>(table);
  if (load<u32>(layout, L.LAYOUT_EMITTED) == 0) return keepInWindow(table, window, bytes);
  const texts = alloc(bytes + PADDING);
  store<u32>(record, <u32>texts, L.RECORD_TEXTS);
  return texts;
}

/** Copies the key of a row; returns how many bytes {@link placeTexts} needs for its strings. */
export function keepKey(layout: usize, record: usize, columns: usize, row: usize): usize {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  let bytes: usize = 0;
  let nulls: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    const column = columns + <usize>i * COLUMN_BYTES;
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const type = load<u32>(part);
    if (isNull(column, row)) nulls |= 1 << i;
    else if (type == TYPE_STR) {
      v128.store(kept, v128.load(data + (row << 4)));
      bytes += <usize>load<u32>(kept);
    } else if (type == TYPE_I32) store<u32>(kept, load<u32>(data + (row << 2)));
    else store<u64>(kept, load<u64>(data + (row << 3)));
  }
  store<u32>(record, nulls, L.RECORD_NULLS);
  return bytes;
}

/** Copies the strings of a key to where they stay. */
export function placeTexts(layout: usize, record: usize, at: usize): void {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    if (load<u32>(part) != TYPE_STR) continue;
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    const length = <usize>load<u32>(kept);
    memory.copy(at, <usize>load<u32>(kept, 8), length);
    store<u32>(kept, <u32>at, 8);
    at += length;
  }
}

/** The group of a row in a window, made when it is new; the caller may change it. */
@inline
export function groupOfRow(table: usize, window: usize, columns: usize, row: usize): usize {
  const layout = <usize>load<u32>(table);
  const hash = hashOfRow(layout, columns, row);
  const index = <usize>load<u32>(window, L.WINDOW_INDEX);
  if (index != 0) {
    const mask = load<u32>(window, L.WINDOW_MASK);
    const tag = <u32>hash;
    let at = tag & mask;
    while (true) {
      const slot = load<u64>(index + (<usize>at << 3));
      if (slot == 0) break;
      if (<u32>slot == tag && isGroupOf(layout, <usize>(slot >> 32), columns, row)) {
        const known = <usize>(slot >> 32);
        const track = load<u32>(table, L.TABLE_TRACK);
        if (track != 0 && (load<u32>(known, L.RECORD_FLAGS) & track) == 0) beforeChange(table, known);
        return known;
      }
      at = (at + 1) & mask;
    }
  }
  const record = addRecord(table, window, hash);
  const bytes = keepKey(layout, record, columns, row);
  if (bytes != 0) placeTexts(layout, record, keepTexts(table, window, record, bytes));
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
    const record = groupOfRow(table, window, columns, row);
    const weight: i64 = weights == 0 ? 1 : <i64>load<i32>(weights + (row << 2));
    store<i64>(record, load<i64>(record, L.RECORD_ROWS) + weight, L.RECORD_ROWS);
    if (lists) {
      const flags = load<u32>(record, L.RECORD_FLAGS);
      if ((flags & L.RECORD_CHANGED) == 0) {
        store<u32>(record, flags | L.RECORD_CHANGED, L.RECORD_FLAGS);
        listChange(table, record);
      }
    }
    store<u32>(records + (found << 2), <u32>record);
    store<u32>(rows + (found << 2), <u32>row);
    found++;
  }
  store<u32>(table, <u32>lateCount, L.TABLE_LATE);
  return <u32>found;
}

/** Takes a group out of its window; its key stays readable until {@link groupForget}. */
export function removeGroup(table: usize, record: usize): void {
  if (load<u32>(table, L.TABLE_TRACK) != 0) noteRemoval(table, record);
  const window = <usize>load<u32>(record, L.RECORD_WINDOW);
  const index = <usize>load<u32>(window, L.WINDOW_INDEX);
  const mask = load<u32>(window, L.WINDOW_MASK);
  let hole = <u32>load<u64>(record) & mask;
  while (<usize>(load<u64>(index + (<usize>hole << 3)) >> 32) != record) hole = (hole + 1) & mask;
  closeHole(index, mask, hole);
  store<u32>(window, load<u32>(window, L.WINDOW_GROUPS) - 1, L.WINDOW_GROUPS);
  store<u64>(table, load<u64>(table, L.TABLE_GROUPS) - 1, L.TABLE_GROUPS);
  store<u32>(record, L.RECORD_DEAD, L.RECORD_FLAGS);
  store<u64>(record, <u64>load<u32>(table, L.TABLE_REMOVED));
  store<u32>(table, <u32>record, L.TABLE_REMOVED);
}

/** Empties a slot of an index. */
export function closeHole(index: usize, mask: u32, hole: u32): void {
  // Moves back what would not be found across the hole (D. Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
  let at = hole;
  while (true) {
    at = (at + 1) & mask;
    const slot = load<u64>(index + (<usize>at << 3));
    if (slot == 0) break;
    const home = <u32>slot & mask;
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      store<u64>(index + (<usize>hole << 3), slot);
      hole = at;
    }
  }
  store<u64>(index + (<usize>hole << 3), 0);
}

/** Frees what the states of a record own; returns the bytes of it that were counted. */
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

/** Ends the emission of changes: the list is empty, and the memory of removed groups is free for others. */
export function groupForget(table: usize): void {
  const layout = <usize>load<u32>(table);
  store<u32>(table, 0, L.TABLE_CHANGED_COUNT);
  let record = <usize>load<u32>(table, L.TABLE_REMOVED);
  store<u32>(table, 0, L.TABLE_REMOVED);
  while (record != 0) {
    const next = <usize>load<u32>(record);
    const window = <usize>load<u32>(record, L.RECORD_WINDOW);
    grown(table, window, -freeStates(layout, record));
    free(<usize>load<u32>(record, L.RECORD_TEXTS));
    store<u32>(record, load<u32>(window, L.WINDOW_FREE));
    store<u32>(window, <u32>record, L.WINDOW_FREE);
    record = next;
  }
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
  return sumBlocks != 0 || load<u32>(layout, L.LAYOUT_EMITTED) != 0 ||
    (load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_DISTINCT) != 0;
}

export function freeWindow(table: usize, window: usize): void {
  const layout = <usize>load<u32>(table);
  if (ownsMemory(layout)) {
    const recordBytes = <usize>load<u32>(layout);
    for (let chunk = <usize>load<u32>(window, L.WINDOW_FIRST); chunk != 0; chunk = <usize>load<u32>(chunk)) {
      const end = <usize>load<u32>(chunk, 4);
      for (let record = chunk + L.CHUNK_HEADER; record < end; record += recordBytes) {
        if (load<u32>(record, L.RECORD_FLAGS) & L.RECORD_DEAD) continue;
        freeStates(layout, record);
        free(<usize>load<u32>(record, L.RECORD_TEXTS));
      }
    }
  }
  store<u64>(table, load<u64>(table, L.TABLE_GROUPS) - <u64>load<u32>(window, L.WINDOW_GROUPS), L.TABLE_GROUPS);
  store<u64>(table, load<u64>(table, L.TABLE_SIZE) - load<u64>(window, L.WINDOW_SIZE), L.TABLE_SIZE);
  freeChanges(table, window);
  freeChain(<usize>load<u32>(window, L.WINDOW_FIRST));
  freeChain(<usize>load<u32>(window, L.WINDOW_ARENA));
  free(<usize>load<u32>(window, L.WINDOW_INDEX));
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
  const recordBytes = <usize>load<u32>(<usize>load<u32>(table));
  let count: u32 = 0;
  for (let chunk = <usize>load<u32>(window, L.WINDOW_FIRST); chunk != 0; chunk = <usize>load<u32>(chunk)) {
    const end = <usize>load<u32>(chunk, 4);
    for (let record = chunk + L.CHUNK_HEADER; record < end; record += recordBytes) {
      if (load<u32>(record, L.RECORD_FLAGS) & L.RECORD_DEAD) continue;
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
