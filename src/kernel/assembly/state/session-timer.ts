// When sessions end. A session is put where its end was when it began, and is looked at again when that time comes: rows that make it
// longer cost nothing here. Ends lie in buckets, chains of records that cover 2^shift µs each; the entries of the earliest bucket are in
// a heap, in the order of their ends and, so that the order does not depend on how they came there, of the hashes of their keys.

import { alloc, allocZeroed, free } from "../memory";
import { listAddress, listCount, listDrop, listFind, listFree, listInsert, listNumber } from "./list";
import { hashOfRecord, release } from "./session-table";
import * as L from "./group-layout";
import * as S from "./session-layout";

const ENTRY_BYTES: usize = 24;
const ENTRY_HASH: usize = 8;
const ENTRY_RECORD: usize = 16;
const HEAP_CAPACITY_MIN: u32 = 64;
/** With more, buckets become twice as wide. */
const BUCKETS_MAX: u32 = 1024;
/** About so many buckets in the length of a gap. */
const BUCKETS_PER_GAP: i64 = 32;
const BUCKET_BYTES: usize = 16;
const BLOCK_HEADER: i64 = 16;

export function timerCreate(table: usize): void {
  const width = max<i64>(load<i64>(table, S.TABLE_GAP) / BUCKETS_PER_GAP, 1);
  store<u32>(table, <u32>(63 - clz(width)), S.TABLE_SHIFT);
  store<i64>(table, i64.MIN_VALUE, S.TABLE_HEAP_TO);
}

@inline
function sized(table: usize, bytes: i64): void {
  store<u64>(table, load<u64>(table, S.TABLE_SIZE) + <u64>bytes, S.TABLE_SIZE);
}

@inline
function isBefore(a: usize, b: usize): bool {
  const first = load<i64>(a);
  const second = load<i64>(b);
  return first == second ? load<u64>(a, ENTRY_HASH) < load<u64>(b, ENTRY_HASH) : first < second;
}

function growHeap(table: usize): void {
  const count = load<u32>(table, S.TABLE_HEAP_COUNT);
  const before = load<u32>(table, S.TABLE_HEAP_CAPACITY);
  const capacity = max(HEAP_CAPACITY_MIN, before << 1);
  const heap = alloc(<usize>capacity * ENTRY_BYTES);
  memory.copy(heap, <usize>load<u32>(table, S.TABLE_HEAP), <usize>count * ENTRY_BYTES);
  free(<usize>load<u32>(table, S.TABLE_HEAP));
  store<u32>(table, <u32>heap, S.TABLE_HEAP);
  store<u32>(table, capacity, S.TABLE_HEAP_CAPACITY);
  sized(table, <i64>(capacity - before) * <i64>ENTRY_BYTES + (before == 0 ? BLOCK_HEADER : 0));
}

function push(table: usize, record: usize, end: i64): void {
  let at = load<u32>(table, S.TABLE_HEAP_COUNT);
  if (at == load<u32>(table, S.TABLE_HEAP_CAPACITY)) growHeap(table);
  store<u32>(table, at + 1, S.TABLE_HEAP_COUNT);
  const heap = <usize>load<u32>(table, S.TABLE_HEAP);
  const hash = hashOfRecord(<usize>load<u32>(table), record);
  while (at > 0) {
    const parent = heap + <usize>((at - 1) >> 1) * ENTRY_BYTES;
    const above = load<i64>(parent);
    if (above < end || (above == end && load<u64>(parent, ENTRY_HASH) <= hash)) break;
    memory.copy(heap + <usize>at * ENTRY_BYTES, parent, ENTRY_BYTES);
    at = (at - 1) >> 1;
  }
  const place = heap + <usize>at * ENTRY_BYTES;
  store<i64>(place, end);
  store<u64>(place, hash, ENTRY_HASH);
  store<u32>(place, <u32>record, ENTRY_RECORD);
}

/** Takes out the first entry. */
function pop(table: usize): void {
  const heap = <usize>load<u32>(table, S.TABLE_HEAP);
  const count = load<u32>(table, S.TABLE_HEAP_COUNT) - 1;
  store<u32>(table, count, S.TABLE_HEAP_COUNT);
  const moved = heap + <usize>count * ENTRY_BYTES;
  let at: u32 = 0;
  while (true) {
    let child = (at << 1) + 1;
    if (child >= count) break;
    if (child + 1 < count && isBefore(heap + <usize>(child + 1) * ENTRY_BYTES, heap + <usize>child * ENTRY_BYTES)) child++;
    const below = heap + <usize>child * ENTRY_BYTES;
    if (!isBefore(below, moved)) break;
    memory.copy(heap + <usize>at * ENTRY_BYTES, below, ENTRY_BYTES);
    at = child;
  }
  if (at != count) memory.copy(heap + <usize>at * ENTRY_BYTES, moved, ENTRY_BYTES);
}

function chain(table: usize, record: usize, end: i64): void {
  const list = table + S.TABLE_BUCKETS;
  const number = end >> <i64>load<u32>(table, S.TABLE_SHIFT);
  let bucket = listFind(list, number);
  if (bucket == 0) {
    bucket = allocZeroed(BUCKET_BYTES);
    listInsert(list, number, bucket);
  }
  store<u32>(record, load<u32>(bucket), S.SESSION_LINK);
  store<u32>(bucket, <u32>record);
}

/** Makes buckets twice as wide, until there are few. */
function widen(table: usize): void {
  const list = table + S.TABLE_BUCKETS;
  const count = listCount(list);
  const heads = alloc(<usize>count << 2);
  for (let at: u32 = 0; at < count; at++) {
    const bucket = listAddress(list, at);
    store<u32>(heads + (<usize>at << 2), load<u32>(bucket));
    free(bucket);
  }
  listDrop(list, count);
  store<u32>(table, load<u32>(table, S.TABLE_SHIFT) + 1, S.TABLE_SHIFT);
  for (let at: u32 = 0; at < count; at++) {
    for (let record = <usize>load<u32>(heads + (<usize>at << 2)); record != 0; ) {
      const next = <usize>load<u32>(record, S.SESSION_LINK);
      chain(table, record, max(endOf(table, record), load<i64>(table, S.TABLE_HEAP_TO)));
      record = next;
    }
  }
  free(heads);
}

const endOf = S.endOf;

/** Has the session looked at when it ends as it is now. */
export function timerAdd(table: usize, record: usize): void {
  const end = endOf(table, record);
  store<u32>(record, load<u32>(record, S.RECORD_FLAGS) | S.SESSION_TIMED, S.RECORD_FLAGS);
  const heapTo = load<i64>(table, S.TABLE_HEAP_TO);
  if (end < heapTo || heapTo == i64.MAX_VALUE) {
    push(table, record, end);
    return;
  }
  chain(table, record, end);
  if (listCount(table + S.TABLE_BUCKETS) > BUCKETS_MAX) widen(table);
}

/** One that was merged need not be looked at any more. */
function forget(table: usize, record: usize): void {
  const flags = load<u32>(record, S.RECORD_FLAGS) & ~S.SESSION_TIMED;
  store<u32>(record, flags, S.RECORD_FLAGS);
  if ((flags & L.RECORD_CHANGED) == 0) release(table, record);
}

/** Moves the earliest bucket to the heap. */
function loadBucket(table: usize): void {
  const list = table + S.TABLE_BUCKETS;
  const bucket = listAddress(list, 0);
  const shift = <i64>load<u32>(table, S.TABLE_SHIFT);
  const next = listNumber(list, 0) + 1;
  const to = next << shift;
  store<i64>(table, to >> shift == next ? to : i64.MAX_VALUE, S.TABLE_HEAP_TO);
  listDrop(list, 1);
  for (let record = <usize>load<u32>(bucket); record != 0; ) {
    const following = <usize>load<u32>(record, S.SESSION_LINK);
    if (load<u32>(record, S.RECORD_FLAGS) & S.SESSION_MERGED) forget(table, record);
    else timerAdd(table, record);
    record = following;
  }
  free(bucket);
}

/** The open session that ends first, with its end at the top of the heap; 0 when none is open. */
export function timerFirst(table: usize): usize {
  while (true) {
    if (load<u32>(table, S.TABLE_HEAP_COUNT) == 0) {
      if (listCount(table + S.TABLE_BUCKETS) == 0) return 0;
      loadBucket(table);
      continue;
    }
    const top = <usize>load<u32>(table, S.TABLE_HEAP);
    const record = <usize>load<u32>(top, ENTRY_RECORD);
    if (load<u32>(record, S.RECORD_FLAGS) & S.SESSION_MERGED) {
      pop(table);
      forget(table, record);
    } else if (endOf(table, record) > load<i64>(top)) {
      pop(table);
      timerAdd(table, record);
    } else return record;
  }
  return 0;
}

/** Takes out what {@link timerFirst} found. */
export function timerTake(table: usize, record: usize): void {
  pop(table);
  store<u32>(record, load<u32>(record, S.RECORD_FLAGS) & ~S.SESSION_TIMED, S.RECORD_FLAGS);
}

export function timerFree(table: usize): void {
  const list = table + S.TABLE_BUCKETS;
  for (let at: u32 = 0; at < listCount(list); at++) free(listAddress(list, at));
  listFree(list);
  free(<usize>load<u32>(table, S.TABLE_HEAP));
}
