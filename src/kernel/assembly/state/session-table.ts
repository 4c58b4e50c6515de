// Sessions of an aggregate, by key: rows of one key of which each is no more than a gap after the one before. Rows come in any order, and
// none is ever taken back; one between two sessions makes one of them. A session is closed when the watermark has passed its last time
// plus the gap, and stays for one more gap as a mark by which a row that would have belonged to it is known to be late: from then on
// every such row is late by itself.
//
// A key has one slot of the index, with its latest session; the others follow in a chain, latest first.

import { alloc, allocZeroed, free } from "../memory";
import { equalStr, hash64, hashStr } from "../hash";
import { groupingBits, TYPE_F64, TYPE_I32, TYPE_STR } from "./key";
import { hashOfRow } from "./group-key";
import { freeStates } from "./group-state-bytes";
import { listChange } from "./group-table";
import { closeHole, isSessionOf, keepKey, place, placeTexts } from "./session-key";
import { mergeState } from "./group-partial";
import { sumFree } from "./exact-sum";
import { sessionBeforeChange, sessionSnapshotEnd } from "./session-snapshot";
import { timerAdd, timerCreate, timerFirst, timerFree, timerTake } from "./session-timer";
import * as L from "./group-layout";
import * as S from "./session-layout";

const CHUNK_BYTES_MIN: usize = 1024;
const CHUNK_BYTES_MAX: usize = 65536;
const INDEX_SLOTS_MIN: u32 = 16;
const BLOCK_HEADER: usize = 16;
/** Strings may be read up to 16 bytes past their end. */
const PADDING: usize = 16;
const NULL_BITS: u64 = 0x6e756c6c6e756c6c;

const endOf = S.endOf;

export function sessionCreate(layout: usize, gap: i64): usize {
  const table = allocZeroed(S.TABLE_BYTES);
  store<u32>(table, <u32>layout);
  store<i64>(table, gap, S.TABLE_GAP);
  timerCreate(table);
  return table;
}

@inline
function sized(table: usize, bytes: i64): void {
  store<u64>(table, load<u64>(table, S.TABLE_SIZE) + <u64>bytes, S.TABLE_SIZE);
}

@inline
function flagsOf(record: usize): u32 {
  return load<u32>(record, S.RECORD_FLAGS);
}

@inline
function nextOf(record: usize): usize {
  return <usize>load<u32>(record, S.SESSION_NEXT);
}

/** As {@link hashOfRow}, of the key in a record. */
export function hashOfRecord(layout: usize, record: usize): u64 {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  const nulls = load<u32>(record, S.RECORD_NULLS);
  let hash: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    const type = load<u32>(part);
    if ((nulls >> i) & 1) hash = hash64(NULL_BITS, hash);
    else if (type == TYPE_STR) hash = hashStr(kept, hash);
    else if (type == TYPE_F64) hash = hash64(groupingBits(load<f64>(kept)), hash);
    else if (type == TYPE_I32) hash = hash64(<u64>load<u32>(kept), hash);
    else hash = hash64(load<u64>(kept), hash);
  }
  return hash;
}

function isSameKey(layout: usize, a: usize, b: usize): bool {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  const nulls = load<u32>(a, S.RECORD_NULLS);
  if (nulls != load<u32>(b, S.RECORD_NULLS)) return false;
  for (let i: u32 = 0; i < count; i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    const offset = <usize>load<u32>(part, L.KEY_OFFSET);
    const type = load<u32>(part);
    if (type == TYPE_STR) {
      if (!equalStr(a + offset, b + offset)) return false;
    } else if (type == TYPE_F64) {
      if (groupingBits(load<f64>(a + offset)) != groupingBits(load<f64>(b + offset))) return false;
    } else if (load<u64>(a + offset) != load<u64>(b + offset)) return false;
  }
  return true;
}

function growIndex(table: usize): void {
  const old = <usize>load<u32>(table, S.TABLE_INDEX);
  const slots: u32 = old == 0 ? 0 : load<u32>(table, S.TABLE_MASK) + 1;
  const wanted = max(INDEX_SLOTS_MIN, slots << 1);
  const index = allocZeroed(<usize>wanted << 3);
  for (let at: u32 = 0; at < slots; at++) {
    const slot = load<u64>(old + (<usize>at << 3));
    if (slot != 0) place(index, wanted - 1, slot);
  }
  free(old);
  store<u32>(table, <u32>index, S.TABLE_INDEX);
  store<u32>(table, wanted - 1, S.TABLE_MASK);
  sized(table, (<i64>(wanted - slots) << 3) + (old == 0 ? <i64>BLOCK_HEADER : 0));
}

function addChunk(table: usize, recordBytes: usize): void {
  let bytes = CHUNK_BYTES_MIN;
  const used = <usize>load<u32>(table, S.TABLE_KEYS) * recordBytes;
  while ((bytes < used || bytes < recordBytes + CHUNK_BYTES_MIN) && bytes < CHUNK_BYTES_MAX) bytes <<= 1;
  bytes = max(bytes - BLOCK_HEADER, recordBytes + L.CHUNK_HEADER);
  const chunk = alloc(bytes);
  const records = (bytes - L.CHUNK_HEADER) / recordBytes;
  store<u32>(chunk, 0);
  store<u32>(chunk, <u32>(chunk + L.CHUNK_HEADER), 4);
  const last = <usize>load<u32>(table, S.TABLE_LAST);
  if (last == 0) store<u32>(table, <u32>chunk, S.TABLE_FIRST);
  else store<u32>(last, <u32>chunk);
  store<u32>(table, <u32>chunk, S.TABLE_LAST);
  store<u32>(table, <u32>(chunk + L.CHUNK_HEADER), S.TABLE_NEXT);
  store<u32>(table, <u32>(chunk + L.CHUNK_HEADER + records * recordBytes), S.TABLE_CHUNK_END);
  sized(table, <i64>(bytes + BLOCK_HEADER));
}

/** An empty record, in no list; what a snapshot still wants of its memory stays. */
export function newRecord(table: usize): usize {
  const recordBytes = <usize>load<u32>(<usize>load<u32>(table));
  let record = <usize>load<u32>(table, S.TABLE_FREE);
  let image: u32 = 0;
  if (record != 0) {
    store<u32>(table, load<u32>(record, S.SESSION_LINK), S.TABLE_FREE);
    image = load<u32>(record, S.RECORD_IMAGE);
  } else {
    if (load<u32>(table, S.TABLE_NEXT) == load<u32>(table, S.TABLE_CHUNK_END)) addChunk(table, recordBytes);
    record = <usize>load<u32>(table, S.TABLE_NEXT);
    store<u32>(table, <u32>(record + recordBytes), S.TABLE_NEXT);
    store<u32>(<usize>load<u32>(table, S.TABLE_LAST), <u32>(record + recordBytes), 4);
  }
  memory.fill(record, 0, recordBytes);
  store<u32>(record, load<u32>(table, L.TABLE_SEEN), S.RECORD_FLAGS);
  store<u32>(record, image, S.RECORD_IMAGE);
  return record;
}

export function keepTexts(table: usize, record: usize, bytes: usize): usize {
  const texts = alloc(bytes + PADDING);
  store<u32>(record, <u32>texts, S.RECORD_TEXTS);
  sized(table, <i64>(bytes + PADDING + BLOCK_HEADER));
  return texts;
}

/** Bytes of the strings of a key. */
function textBytes(layout: usize, record: usize): usize {
  let bytes: usize = 0;
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_KEYS); i++) {
    const part = L.keyPart(layout, i);
    if (load<u32>(part) == TYPE_STR) bytes += <usize>load<u32>(record + <usize>load<u32>(part, L.KEY_OFFSET));
  }
  return bytes;
}

/** Gives the memory of a record back. */
export function release(table: usize, record: usize): void {
  const layout = <usize>load<u32>(table);
  if (load<u32>(record, S.RECORD_TEXTS) != 0) {
    sized(table, -(<i64>(textBytes(layout, record) + PADDING + BLOCK_HEADER)));
    free(<usize>load<u32>(record, S.RECORD_TEXTS));
  }
  freeStates(layout, record);
  store<u32>(record, L.RECORD_DEAD, S.RECORD_FLAGS);
  store<u32>(record, load<u32>(table, S.TABLE_FREE), S.SESSION_LINK);
  store<u32>(table, <u32>record, S.TABLE_FREE);
}

/** The slot of the row's key; 0 when there is none. */
@inline
function slotOfRow(table: usize, columns: usize, row: usize, hash: u64): usize {
  const index = <usize>load<u32>(table, S.TABLE_INDEX);
  if (index == 0) return 0;
  const layout = <usize>load<u32>(table);
  const mask = load<u32>(table, S.TABLE_MASK);
  const tag = <u32>hash;
  let at = tag & mask;
  while (true) {
    const slotAt = index + (<usize>at << 3);
    const slot = load<u64>(slotAt);
    if (slot == 0) return 0;
    if (<u32>slot == tag && isSessionOf(layout, <usize>(slot >> 32), columns, row)) return slotAt;
    at = (at + 1) & mask;
  }
  return 0;
}

function slotOfRecord(table: usize, record: usize, hash: u64): usize {
  const index = <usize>load<u32>(table, S.TABLE_INDEX);
  if (index == 0) return 0;
  const layout = <usize>load<u32>(table);
  const mask = load<u32>(table, S.TABLE_MASK);
  const tag = <u32>hash;
  let at = tag & mask;
  while (true) {
    const slotAt = index + (<usize>at << 3);
    const slot = load<u64>(slotAt);
    if (slot == 0) return 0;
    if (<u32>slot == tag && isSameKey(layout, <usize>(slot >> 32), record)) return slotAt;
    at = (at + 1) & mask;
  }
  return 0;
}

/** Gives a key, of which there is no session, a slot with its first. */
function addSlot(table: usize, record: usize, hash: u64): void {
  const keys = load<u32>(table, S.TABLE_KEYS) + 1;
  const mask = load<u32>(table, S.TABLE_MASK);
  if (load<u32>(table, S.TABLE_INDEX) == 0 || keys > mask - (mask >> 2)) growIndex(table);
  store<u32>(table, keys, S.TABLE_KEYS);
  place(
    <usize>load<u32>(table, S.TABLE_INDEX), load<u32>(table, S.TABLE_MASK), (<u64>record << 32) | <u64>(<u32>hash),
  );
}

@inline
function setHead(slotAt: usize, record: usize): void {
  store<u32>(slotAt, <u32>record, 4);
}

/** A change is to follow. */
@inline
function touch(table: usize, record: usize): void {
  if (load<u32>(table, L.TABLE_SNAPSHOT) != 0) sessionBeforeChange(table, record);
}

function opened(table: usize, record: usize): void {
  store<u64>(table, load<u64>(table, S.TABLE_OPEN) + 1, S.TABLE_OPEN);
  timerAdd(table, record);
}

@inline
function isPassed(table: usize, record: usize, passed: i64): bool {
  return (flagsOf(record) & S.SESSION_CLOSED) != 0 || endOf(table, record) < passed;
}

/** The session of a row: a new one, one that it makes longer, or what it makes of two; 0 when its session was closed. */
function sessionOf(table: usize, columns: usize, row: usize, time: i64, passed: i64): usize {
  const hash = hashOfRow(<usize>load<u32>(table), columns, row);
  const slotAt = slotOfRow(table, columns, row, hash);
  if (slotAt == 0) return addSession(table, columns, row, time, hash);
  const gap = load<i64>(table, S.TABLE_GAP);
  // Most rows come about in order: their session is among the latest.
  let beyond: usize = 0;
  let after: usize = 0;
  let before = <usize>load<u32>(slotAt, 4);
  while (before != 0 && load<i64>(before) > time) {
    beyond = after;
    after = before;
    before = nextOf(before);
  }
  const joinsBefore = before != 0 && time <= endOf(table, before);
  const joinsAfter = after != 0 && S.minus(load<i64>(after), gap) <= time;
  if (joinsBefore && isPassed(table, before, passed)) return 0;
  if (after != 0 && (flagsOf(after) & S.SESSION_CLOSED) != 0) return 0;
  if (joinsAfter && isPassed(table, after, passed)) return 0;
  if (joinsBefore) {
    touch(table, before);
    if (joinsAfter) absorb(table, before, after, beyond, slotAt);
    else if (time > load<i64>(before, S.SESSION_LAST)) store<i64>(before, time, S.SESSION_LAST);
    return before;
  }
  if (joinsAfter) {
    touch(table, after);
    store<i64>(after, time);
    return after;
  }
  const record = makeSession(table, columns, row, time);
  store<u32>(record, <u32>before, S.SESSION_NEXT);
  if (after == 0) setHead(slotAt, record);
  else store<u32>(after, <u32>record, S.SESSION_NEXT);
  opened(table, record);
  return record;
}

function addSession(table: usize, columns: usize, row: usize, time: i64, hash: u64): usize {
  const record = makeSession(table, columns, row, time);
  addSlot(table, record, hash);
  opened(table, record);
  return record;
}

function makeSession(table: usize, columns: usize, row: usize, time: i64): usize {
  const layout = <usize>load<u32>(table);
  const record = newRecord(table);
  const bytes = keepKey(layout, record, columns, row);
  if (bytes != 0) placeTexts(layout, record, keepTexts(table, record, bytes));
  store<i64>(record, time);
  store<i64>(record, time, S.SESSION_LAST);
  return record;
}

/** Puts a session and the one that follows it together; `beyond` is the one after that, 0 when there is none. */
function absorb(table: usize, into: usize, from: usize, beyond: usize, slotAt: usize): void {
  const layout = <usize>load<u32>(table);
  touch(table, from);
  store<i64>(into, load<i64>(from, S.SESSION_LAST), S.SESSION_LAST);
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_AGGREGATES); i++) {
    const part = L.aggregatePart(layout, i);
    const offset = <usize>load<u32>(part, L.AGGREGATE_OFFSET);
    mergeState(part, into + offset, from + offset);
    if (load<u32>(part) == L.FUNCTION_SUM_FLOAT) sumFree(from + offset);
  }
  if (beyond == 0) setHead(slotAt, into);
  else store<u32>(beyond, <u32>into, S.SESSION_NEXT);
  store<u32>(from, <u32>into, S.SESSION_NEXT);
  store<u64>(table, load<u64>(table, S.TABLE_OPEN) - 1, S.TABLE_OPEN);
  store<u32>(table, 1, S.TABLE_MERGED);
  const flags = flagsOf(from);
  store<u32>(from, flags | S.SESSION_MERGED, S.RECORD_FLAGS);
  // What it said must be taken back.
  if ((flags & L.RECORD_EMITTED) != 0) mark(table, from);
}

@inline
function mark(table: usize, record: usize): void {
  const flags = flagsOf(record);
  if ((flags & L.RECORD_CHANGED) != 0) return;
  store<u32>(record, flags | L.RECORD_CHANGED, S.RECORD_FLAGS);
  listChange(table, record);
}

/**
 * The session of each row, made, made longer or merged: its record goes to `records`, the row's number to `rows`, and the numbers of
 * rows whose session was closed to `late`. Returns how many rows were not late.
 */
export function sessionRows(
  table: usize, columns: usize, times: usize, watermarks: usize, watermark: i64,
  selection: usize, count: u32, records: usize, rows: usize, late: usize,
): u32 {
  const gap = load<i64>(table, S.TABLE_GAP);
  const lists = (load<u32>(<usize>load<u32>(table), L.LAYOUT_FLAGS) & L.LAYOUT_CHANGES) != 0;
  store<u32>(table, 0, S.TABLE_MERGED);
  let found: usize = 0;
  let lateCount: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = <usize>(selection != 0 ? load<u32>(selection + (<usize>i << 2)) : i);
    const time = load<i64>(times + (row << 3));
    const passed = watermarks == 0 ? watermark : max(watermark, load<i64>(watermarks + (row << 3)));
    const record = S.plus(time, gap) < passed ? <usize>0 : sessionOf(table, columns, row, time, passed);
    if (record == 0) {
      store<u32>(late + (lateCount << 2), <u32>row);
      lateCount++;
      continue;
    }
    if (lists) mark(table, record);
    store<u32>(records + (found << 2), <u32>record);
    store<u32>(rows + (found << 2), <u32>row);
    found++;
  }
  if (load<u32>(table, S.TABLE_MERGED) != 0) follow(records, <u32>found);
  store<u32>(table, <u32>lateCount, L.TABLE_LATE);
  return <u32>found;
}

/** Rows of sessions that were merged since belong to what they went into. */
function follow(records: usize, count: u32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    let record = <usize>load<u32>(records + (i << 2));
    while ((flagsOf(record) & S.SESSION_MERGED) != 0) record = nextOf(record);
    store<u32>(records + (i << 2), <u32>record);
  }
}

/** Whether a session is open; its end is then {@link sessionFirstEnd}. */
export function sessionIsOpen(table: usize): bool {
  return timerFirst(table) != 0;
}

/** The earliest end of an open session. */
export function sessionFirstEnd(table: usize): i64 {
  return endOf(table, timerFirst(table));
}

/** Closes the next sessions that end before the watermark, `room` at most: writes their records to `target`; returns how many. */
export function sessionClose(table: usize, watermark: i64, target: usize, room: u32): u32 {
  let count: u32 = 0;
  while (count < room) {
    const record = timerFirst(table);
    if (record == 0 || endOf(table, record) >= watermark) break;
    timerTake(table, record);
    touch(table, record);
    store<u32>(record, flagsOf(record) | S.SESSION_CLOSED, S.RECORD_FLAGS);
    store<u64>(table, load<u64>(table, S.TABLE_OPEN) - 1, S.TABLE_OPEN);
    appendClosed(table, record);
    store<u32>(target + (<usize>count << 2), <u32>record);
    count++;
  }
  return count;
}

function appendClosed(table: usize, record: usize): void {
  store<u32>(record, 0, S.SESSION_LINK);
  const last = <usize>load<u32>(table, S.TABLE_CLOSED_LAST);
  if (last == 0) store<u32>(table, <u32>record, S.TABLE_CLOSED_FIRST);
  else store<u32>(last, <u32>record, S.SESSION_LINK);
  store<u32>(table, <u32>record, S.TABLE_CLOSED_LAST);
}

/** Forgets closed sessions when every row that would belong to them is late by itself. */
export function sessionForget(table: usize, watermark: i64): void {
  const gap = load<i64>(table, S.TABLE_GAP);
  let record = <usize>load<u32>(table, S.TABLE_CLOSED_FIRST);
  while (record != 0 && S.plus(endOf(table, record), gap) < watermark) {
    const next = <usize>load<u32>(record, S.SESSION_LINK);
    touch(table, record);
    unlink(table, record);
    release(table, record);
    record = next;
  }
  store<u32>(table, <u32>record, S.TABLE_CLOSED_FIRST);
  if (record == 0) store<u32>(table, 0, S.TABLE_CLOSED_LAST);
}

/** Takes a session out of the chain of its key, and the key out of the index when it was its last. */
function unlink(table: usize, record: usize): void {
  const slotAt = slotOfRecord(table, record, hashOfRecord(<usize>load<u32>(table), record));
  const head = <usize>load<u32>(slotAt, 4);
  if (head != record) {
    let before = head;
    while (nextOf(before) != record) before = nextOf(before);
    store<u32>(before, load<u32>(record, S.SESSION_NEXT), S.SESSION_NEXT);
    return;
  }
  if (nextOf(record) != 0) {
    setHead(slotAt, nextOf(record));
    return;
  }
  const index = <usize>load<u32>(table, S.TABLE_INDEX);
  closeHole(index, load<u32>(table, S.TABLE_MASK), <u32>((slotAt - index) >> 3));
  store<u32>(table, load<u32>(table, S.TABLE_KEYS) - 1, S.TABLE_KEYS);
}

/** Puts a session that was taken in, with its key, bounds and flags, to where it belongs. Closed ones come in no order: some are forgotten later than they could be. */
export function adopt(table: usize, record: usize, hash: u64): void {
  const slotAt = slotOfRecord(table, record, hash);
  if (slotAt == 0) addSlot(table, record, hash);
  else {
    let after: usize = 0;
    let before = <usize>load<u32>(slotAt, 4);
    while (before != 0 && load<i64>(before) > load<i64>(record)) {
      after = before;
      before = nextOf(before);
    }
    store<u32>(record, <u32>before, S.SESSION_NEXT);
    if (after == 0) setHead(slotAt, record);
    else store<u32>(after, <u32>record, S.SESSION_NEXT);
  }
  if ((flagsOf(record) & S.SESSION_CLOSED) != 0) appendClosed(table, record);
  else opened(table, record);
}

export function sessionFree(table: usize): void {
  sessionSnapshotEnd(table);
  const recordBytes = <usize>load<u32>(<usize>load<u32>(table));
  let chunk = <usize>load<u32>(table, S.TABLE_FIRST);
  while (chunk != 0) {
    const end = <usize>load<u32>(chunk, 4);
    for (let record = chunk + L.CHUNK_HEADER; record < end; record += recordBytes) {
      if ((flagsOf(record) & L.RECORD_DEAD) == 0) release(table, record);
    }
    const next = <usize>load<u32>(chunk);
    free(chunk);
    chunk = next;
  }
  timerFree(table);
  free(<usize>load<u32>(table, S.TABLE_INDEX));
  free(<usize>load<u32>(table, L.TABLE_CHANGED));
  free(table);
}
