// The distinct values of one aggregate of one group, each with its weight: so that an aggregate adds a value when it appears and
// takes it back when its weight falls to zero.
//
// State, 32 bytes: entries { u64 low, u64 high, i64 weight << 8 | form } in one block, in the order they came; from the ninth on an
// index of { u32 tag, u32 position } slots. Values that have no weight any more stay until the block is full.
//
// Several counts of distinct values of the same argument, each with a condition of its own, share one set when no row is ever taken
// back: the weight is then a bit for each count that has the value.

import { alloc, allocZeroed, free } from "../memory";
import {
  COLUMN_DATA, COLUMN_NULLS, FORM_LONG, isKey, KEY_BYTES, KEY_FORM, KEY_HASH, KEY_HIGH, keyOfBytes, keysOfRows,
} from "./key";
import { hash64 } from "../hash";
import { grown, settleBlocks } from "./group-size";
import { windowOfRecord } from "./group-table";
import { addToCount } from "./packed-value";
import * as L from "./group-layout";

const DISTINCT_ENTRIES: usize = 0; // u32
const DISTINCT_COUNT: usize = 4; // u32
const DISTINCT_CAPACITY: usize = 8; // u32
const DISTINCT_INDEX: usize = 12; // u32 0 for few entries
const DISTINCT_MASK: usize = 16; // u32
const DISTINCT_GONE: usize = 20; // u32 entries without weight
const DISTINCT_LONG: usize = 24; // u32 whether there may be long values, which own memory

const ENTRY_BYTES: usize = 24;
const ENTRY_HIGH: usize = 8;
const ENTRY_WORD: usize = 16;
const CAPACITY_MIN: u32 = 4;
/** So many are looked through one by one. */
const UNINDEXED_MAX: u32 = 8;
const PADDING: usize = 16;
const BLOCK_HEADER: i64 = 16;
const BLOCK_ROWS: u32 = 128;
const block: usize = memory.data(128 * 32, 16);

@inline
function entryAt(state: usize, at: u32): usize {
  return <usize>load<u32>(state) + <usize>at * ENTRY_BYTES;
}

@inline
function isEntry(entry: usize, key: usize): bool {
  return isKey(load<u64>(entry), load<u64>(entry, ENTRY_HIGH), <u32>load<u8>(entry, ENTRY_WORD), key);
}

function find(state: usize, key: usize): usize {
  const index = <usize>load<u32>(state, DISTINCT_INDEX);
  if (index == 0) {
    const end = entryAt(state, load<u32>(state, DISTINCT_COUNT));
    for (let entry = <usize>load<u32>(state); entry < end; entry += ENTRY_BYTES) if (isEntry(entry, key)) return entry;
    return 0;
  }
  const mask = load<u32>(state, DISTINCT_MASK);
  const tag = <u32>load<u64>(key, KEY_HASH);
  let at = tag & mask;
  while (true) {
    const slot = load<u64>(index + (<usize>at << 3));
    if (slot == 0) return 0;
    if (<u32>slot == tag) {
      const entry = entryAt(state, <u32>(slot >> 32) - 1);
      if (isEntry(entry, key)) return entry;
    }
    at = (at + 1) & mask;
  }
  return 0;
}

/** Positions in slots begin at 1, so that no slot in use is 0. */
@inline
function place(index: usize, mask: u32, hash: u64, position: u32): void {
  let at = <u32>hash & mask;
  while (load<u64>(index + (<usize>at << 3)) != 0) at = (at + 1) & mask;
  store<u64>(index + (<usize>at << 3), (<u64>(position + 1) << 32) | <u64>(<u32>hash));
}

@inline
function hashOfEntry(entry: usize): u64 {
  const low = load<u64>(entry);
  const form = <u32>load<u8>(entry, ENTRY_WORD);
  return form == FORM_LONG ? low : hash64(load<u64>(entry, ENTRY_HIGH), hash64(low, form));
}

/** Frees what an entry owns; returns its bytes. */
function forget(entry: usize): i64 {
  if (load<u8>(entry, ENTRY_WORD) != FORM_LONG) return 0;
  const high = load<u64>(entry, ENTRY_HIGH);
  free(<usize>(<u32>high));
  return <i64>(high >> 32) + <i64>PADDING + BLOCK_HEADER;
}

/** Room for more entries: drops those without weight, and doubles the block when most have some. */
function makeRoom(table: usize, window: usize, state: usize): void {
  const count = load<u32>(state, DISTINCT_COUNT);
  const before = load<u32>(state, DISTINCT_CAPACITY);
  const left = count - load<u32>(state, DISTINCT_GONE);
  const capacity = max(CAPACITY_MIN, left > before >> 1 ? before << 1 : before);
  const entries = alloc(<usize>capacity * ENTRY_BYTES);
  let to = entries;
  let freed: i64 = 0;
  for (let at: u32 = 0; at < count; at++) {
    const entry = entryAt(state, at);
    if (load<i64>(entry, ENTRY_WORD) >> 8 == 0) {
      freed += forget(entry);
      continue;
    }
    memory.copy(to, entry, ENTRY_BYTES);
    to += ENTRY_BYTES;
  }
  free(<usize>load<u32>(state));
  const indexBefore: u32 = load<u32>(state, DISTINCT_INDEX) == 0 ? 0 : load<u32>(state, DISTINCT_MASK) + 1;
  free(<usize>load<u32>(state, DISTINCT_INDEX));
  store<u32>(state, <u32>entries);
  store<u32>(state, left, DISTINCT_COUNT);
  store<u32>(state, capacity, DISTINCT_CAPACITY);
  store<u32>(state, 0, DISTINCT_GONE);
  const slots: u32 = capacity > UNINDEXED_MAX ? capacity << 1 : 0;
  let index: usize = 0;
  if (slots > 0) {
    index = allocZeroed(<usize>slots << 3);
    for (let at: u32 = 0; at < left; at++) place(index, slots - 1, hashOfEntry(entryAt(state, at)), at);
  }
  store<u32>(state, <u32>index, DISTINCT_INDEX);
  store<u32>(state, slots - 1, DISTINCT_MASK);
  const bytes = (<i64>capacity - <i64>before) * <i64>ENTRY_BYTES + ((<i64>slots - <i64>indexBefore) << 3);
  grown(table, window, bytes - freed);
}

function append(table: usize, window: usize, state: usize, key: usize, weight: i64): void {
  if (load<u32>(state, DISTINCT_COUNT) == load<u32>(state, DISTINCT_CAPACITY)) makeRoom(table, window, state);
  const at = load<u32>(state, DISTINCT_COUNT);
  const entry = entryAt(state, at);
  const form = load<u32>(key, KEY_FORM);
  let high = load<u64>(key, KEY_HIGH);
  if (form == FORM_LONG) {
    const length = <usize>(high >> 32);
    const kept = alloc(length + PADDING);
    memory.copy(kept, <usize>(<u32>high), length);
    high = (high & 0xffffffff00000000) | <u64>kept;
    store<u32>(state, 1, DISTINCT_LONG);
    grown(table, window, <i64>(length + PADDING) + BLOCK_HEADER);
  }
  store<u64>(entry, load<u64>(key));
  store<u64>(entry, high, ENTRY_HIGH);
  store<i64>(entry, (weight << 8) | <i64>form, ENTRY_WORD);
  store<u32>(state, at + 1, DISTINCT_COUNT);
  const index = <usize>load<u32>(state, DISTINCT_INDEX);
  if (index != 0) place(index, load<u32>(state, DISTINCT_MASK), load<u64>(key, KEY_HASH), at);
}

/** +1 when the value appears, -1 when it disappears, else 0. */
function add(table: usize, window: usize, state: usize, key: usize, weight: i64): i32 {
  const entry = find(state, key);
  if (entry == 0) {
    append(table, window, state, key, weight);
    return weight > 0 ? 1 : 0;
  }
  const word = load<i64>(entry, ENTRY_WORD);
  const before = word >> 8;
  const after = before + weight;
  store<i64>(entry, (after << 8) | (word & 0xff), ENTRY_WORD);
  if (after == 0) store<u32>(state, load<u32>(state, DISTINCT_GONE) + 1, DISTINCT_GONE);
  else if (before == 0) store<u32>(state, load<u32>(state, DISTINCT_GONE) - 1, DISTINCT_GONE);
  if (before > 0 && after <= 0) return -1;
  return before <= 0 && after > 0 ? 1 : 0;
}

/** Keeps the rows with which a value appears or disappears; `changes` (i32, by row) gets +1 or -1. */
export function groupDistinct(
  table: usize, aggregate: u32, column: usize, weights: usize, records: usize, rows: usize, count: u32,
  keptRecords: usize, keptRows: usize, changes: usize,
): u32 {
  const offset = L.distinctOffset(L.aggregatePart(<usize>load<u32>(table), aggregate));
  const nulls = <usize>load<u32>(column, COLUMN_NULLS);
  let kept: usize = 0;
  for (let from: u32 = 0; from < count; from += BLOCK_ROWS) {
    const size = min(BLOCK_ROWS, count - from);
    keysOfRows(column, 1, rows, from, size, block);
    for (let i: u32 = 0; i < size; i++) {
      const row = <usize>load<u32>(rows + (<usize>(from + i) << 2));
      if (nulls != 0 && load<u8>(nulls + row) != 0) continue;
      const record = <usize>load<u32>(records + (<usize>(from + i) << 2));
      const window = windowOfRecord(table, record);
      const weight: i64 = weights == 0 ? 1 : <i64>load<i32>(weights + (row << 2));
      const change = add(table, window, record + offset, block + <usize>i * KEY_BYTES, weight);
      if (change == 0) continue;
      store<i32>(changes + (row << 2), change);
      store<u32>(keptRecords + (kept << 2), <u32>record);
      store<u32>(keptRows + (kept << 2), <u32>row);
      kept++;
    }
  }
  return <u32>kept;
}

/** Sets a bit in the mask of each entry whose filter (a boolean column) is true. */
export function groupFilterBits(column: usize, rows: usize, count: u32, bit: u32, masks: usize): void {
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const nulls = <usize>load<u32>(column, COLUMN_NULLS);
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = <usize>load<u32>(rows + (i << 2));
    if (load<i32>(data + (row << 2)) == 0 || (nulls != 0 && load<u8>(nulls + row) != 0)) continue;
    const mask = masks + (i << 2);
    store<u32>(mask, load<u32>(mask) | bit);
  }
}

const COUNTS_MAX: usize = 32;
const offsets: usize = memory.data(32 * 4, 16);

/**
 * Counts the rows' values in the set of aggregate `owner`: bit b of a row's mask (by entry) is for the b-th of `members`, aggregates that
 * count. A value counts once for each.
 */
export function groupDistinctCounts(
  table: usize, owner: u32, column: usize, records: usize, rows: usize, count: u32, masks: usize, members: usize,
  memberCount: u32,
): void {
  const layout = <usize>load<u32>(table);
  const offset = L.distinctOffset(L.aggregatePart(layout, owner));
  for (let b: usize = 0; b < min(COUNTS_MAX, <usize>memberCount); b++) {
    const part = L.aggregatePart(layout, load<u32>(members + (b << 2)));
    store<u32>(offsets + (b << 2), load<u32>(part, L.AGGREGATE_OFFSET));
  }
  const nulls = <usize>load<u32>(column, COLUMN_NULLS);
  for (let from: u32 = 0; from < count; from += BLOCK_ROWS) {
    const size = min(BLOCK_ROWS, count - from);
    keysOfRows(column, 1, rows, from, size, block);
    for (let i: u32 = 0; i < size; i++) {
      const row = <usize>load<u32>(rows + (<usize>(from + i) << 2));
      const mask = load<u32>(masks + (<usize>(from + i) << 2));
      if (mask == 0 || (nulls != 0 && load<u8>(nulls + row) != 0)) continue;
      const record = <usize>load<u32>(records + (<usize>(from + i) << 2));
      let fresh = missing(table, record, record + offset, block + <usize>i * KEY_BYTES, mask);
      while (fresh != 0) {
        addToCount(record, record + <usize>load<u32>(offsets + (<usize>ctz(fresh) << 2)), 1);
        fresh &= fresh - 1;
      }
    }
  }
  settleBlocks(table);
}

/** The bits that the value of the key has not had so far; it has them now. */
@inline
function missing(table: usize, record: usize, state: usize, key: usize, mask: u32): u32 {
  const entry = find(state, key);
  if (entry == 0) {
    append(table, windowOfRecord(table, record), state, key, <i64>mask);
    return mask;
  }
  const word = load<i64>(entry, ENTRY_WORD);
  const fresh = mask & ~(<u32>(word >> 8));
  if (fresh != 0) store<i64>(entry, word | (<i64>fresh << 8), ENTRY_WORD);
  return fresh;
}

/** Frees the values; returns their bytes. */
export function distinctFree(state: usize): i64 {
  let bytes = <i64>load<u32>(state, DISTINCT_CAPACITY) * <i64>ENTRY_BYTES;
  if (load<u32>(state, DISTINCT_LONG) != 0) {
    const end = entryAt(state, load<u32>(state, DISTINCT_COUNT));
    for (let entry = <usize>load<u32>(state); entry < end; entry += ENTRY_BYTES) bytes += forget(entry);
  }
  if (load<u32>(state, DISTINCT_INDEX) != 0) bytes += <i64>(load<u32>(state, DISTINCT_MASK) + 1) << 3;
  free(<usize>load<u32>(state));
  free(<usize>load<u32>(state, DISTINCT_INDEX));
  return bytes;
}

/** Bytes that {@link distinctExport} writes. */
export function distinctExportBytes(state: usize): usize {
  const count = load<u32>(state, DISTINCT_COUNT);
  let bytes: usize = 8;
  for (let at: u32 = 0; at < count; at++) {
    const entry = entryAt(state, at);
    const word = load<i64>(entry, ENTRY_WORD);
    if (word >> 8 == 0) continue;
    bytes += ENTRY_BYTES;
    if (<u32>(word & 0xff) == FORM_LONG) bytes += <usize>(load<u64>(entry, ENTRY_HIGH) >> 32);
  }
  return bytes;
}

/** Writes how many values there are, and each as it is, but a long one with length and bytes. */
export function distinctExport(state: usize, target: usize): usize {
  const count = load<u32>(state, DISTINCT_COUNT);
  store<u64>(target, <u64>(count - load<u32>(state, DISTINCT_GONE)));
  target += 8;
  for (let at: u32 = 0; at < count; at++) {
    const entry = entryAt(state, at);
    const word = load<i64>(entry, ENTRY_WORD);
    if (word >> 8 == 0) continue;
    const high = load<u64>(entry, ENTRY_HIGH);
    const isLong = <u32>(word & 0xff) == FORM_LONG;
    const length = isLong ? <usize>(high >> 32) : 0;
    store<u64>(target, isLong ? <u64>length : load<u64>(entry));
    store<u64>(target, isLong ? 0 : high, ENTRY_HIGH);
    store<i64>(target, word, ENTRY_WORD);
    if (isLong) memory.copy(target + ENTRY_BYTES, <usize>(<u32>high), length);
    target += ENTRY_BYTES + length;
  }
  return target;
}

/** Takes in what {@link distinctExport} wrote; returns the address after it. */
export function distinctImport(table: usize, window: usize, state: usize, from: usize): usize {
  let left = load<u64>(from);
  from += 8;
  for (; left > 0; left--) {
    const word = load<i64>(from, ENTRY_WORD);
    const form = <u32>(word & 0xff);
    if (form == FORM_LONG) {
      const length = load<u32>(from);
      keyOfBytes(block, from + ENTRY_BYTES, length);
      from += ENTRY_BYTES + <usize>length;
    } else {
      store<u64>(block, load<u64>(from));
      store<u64>(block, load<u64>(from, ENTRY_HIGH), KEY_HIGH);
      store<u64>(block, hashOfEntry(from), KEY_HASH);
      store<u32>(block, form, KEY_FORM);
      from += ENTRY_BYTES;
    }
    append(table, window, state, block, word >> 8);
  }
  return from;
}
