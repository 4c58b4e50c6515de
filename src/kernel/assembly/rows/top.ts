// The first rows of each key in an order, kept in a store: the rows of a key are linked in that order, equal ones as they came.
// What changed is said once, by `topFlush`: rows that came into sight and rows that left it, with their numbers.
//
// Of each row, ROW_WEIGHT has ROW_STANDS (it was emitted) and ROW_WALKED, and before it was emitted its place among those that came;
// ROW_COUNTER has the number with which it was emitted and, of the first row of a key, above 16 bits how many rows the key has.

import { alloc, free } from "../memory";
import { COLUMN_BYTES, COLUMN_DATA, TYPE_F64, TYPE_I32, TYPE_STR } from "../state/key";
import { indexReplace } from "./index-table";
import * as L from "./layout";
import { isNull, nullBit, writeRow } from "./row-copy";
import { BLOCK_ROWS, firstOf, hashAt, hashBlock, link, rowAt, unlink } from "./row-map";
import { beforeChange, freeSlot } from "./slot";

// What is to be kept, written by JavaScript (top-rows.ts), then 8 bytes per sort key, and its lists.
const TOP_LIMIT: usize = 0; // u32
const TOP_NUMBERED: usize = 4; // u32 1: numbers are emitted
const TOP_KEYS: usize = 8; // u32 sort keys
const TOP_CAME: usize = 16; // list of references; 0: it went again
const TOP_GONE: usize = 32; // list of references: rows that stand, and are no more among the first
const TOP_CHANGES: usize = 48; // list of { u32 reference, i32 number: negative when it goes }
const TOP_ITEMS: usize = 64; // { u32 column, u32 SORT_* }
const SORT_DESCENDING: u32 = 1;
const SORT_NULLS_FIRST: u32 = 2;

const ROW_STANDS: u32 = 1;
const ROW_WALKED: u32 = 2;
const PLACE_SHIFT: u32 = 2;
const NUMBER_MASK: u32 = 0xffff;
const LENGTH_SHIFT: u32 = 16;

// A list of words.
const LIST_COUNT: usize = 4; // u32
const LIST_CAPACITY: usize = 8; // u32
const LIST_MIN: u32 = 256;

function push(list: usize, word: u32): void {
  const count = load<u32>(list, LIST_COUNT);
  if (count == load<u32>(list, LIST_CAPACITY)) {
    const capacity = max(LIST_MIN, count << 1);
    const words = alloc(<usize>capacity << 2);
    memory.copy(words, <usize>load<u32>(list), <usize>count << 2);
    free(<usize>load<u32>(list));
    store<u32>(list, <u32>words);
    store<u32>(list, capacity, LIST_CAPACITY);
  }
  store<u32>(<usize>load<u32>(list) + (<usize>count << 2), word);
  store<u32>(list, count + 1, LIST_COUNT);
}

@inline
function setWord(list: usize, at: u32, word: u32): void {
  store<u32>(<usize>load<u32>(list) + (<usize>at << 2), word);
}

@inline
function wordAt(list: usize, at: u32): u32 {
  return load<u32>(<usize>load<u32>(list) + (<usize>at << 2));
}

/** The sign of a - b, by their bytes. */
function compareBytes(a: usize, aLength: u32, b: usize, bLength: u32): i32 {
  const length = min(aLength, bLength);
  for (let i: usize = 0; i < <usize>length; i++) {
    const difference = <i32>load<u8>(a + i) - <i32>load<u8>(b + i);
    if (difference != 0) return difference;
  }
  return <i32>aLength - <i32>bLength;
}

/** Doubles in order: NaN above all, and equal to itself. */
@inline
function compareDoubles(a: f64, b: f64): i32 {
  if (a < b) return -1;
  if (a > b) return 1;
  return <i32>(a != a) - <i32>(b != b);
}

/** The order of a row of a batch and a kept one: negative when the row of the batch comes first. */
function compare(top: usize, layout: usize, columns: usize, row: usize, kept: usize): i32 {
  const count = load<u32>(top, TOP_KEYS);
  for (let key: usize = 0; key < <usize>count; key++) {
    const sort = top + TOP_ITEMS + (key << 3);
    const at = load<u32>(sort);
    const flags = load<u32>(sort, 4);
    const column = columns + <usize>at * COLUMN_BYTES;
    const missing = isNull(column, row);
    const keptMissing = nullBit(kept, layout, at);
    if (missing || keptMissing) {
      if (missing == keptMissing) continue;
      return missing == ((flags & SORT_NULLS_FIRST) != 0) ? -1 : 1;
    }
    const item = L.itemOf(layout, at);
    const type = load<u32>(item);
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const place = kept + <usize>load<u32>(item, L.ITEM_OFFSET);
    let order: i32 = 0;
    if (type == TYPE_I32) {
      const a = load<i32>(data + (row << 2));
      const b = load<i32>(place);
      order = a < b ? -1 : <i32>(a > b);
    } else if (type == TYPE_F64) order = compareDoubles(load<f64>(data + (row << 3)), load<f64>(place));
    else if (type == TYPE_STR) {
      const text = data + (row << 4);
      order = compareBytes(<usize>load<u32>(text, 8), load<u32>(text), kept + <usize>load<u32>(place, 4), load<u32>(place));
    } else {
      const a = load<i64>(data + (row << 3));
      const b = load<i64>(place);
      order = a < b ? -1 : <i32>(a > b);
    }
    if (order != 0) return (flags & SORT_DESCENDING) != 0 ? -order : order;
  }
  return 0;
}

@inline
function lengthOf(head: usize): u32 {
  return load<u32>(head, L.ROW_COUNTER) >> LENGTH_SHIFT;
}

@inline
function setLength(head: usize, length: u32): void {
  store<u32>(head, (load<u32>(head, L.ROW_COUNTER) & NUMBER_MASK) | (length << LENGTH_SHIFT), L.ROW_COUNTER);
}

/** Puts a row before another of its key. */
function linkBefore(rows: usize, reference: u32, at: usize, hash: u32, next: u32): void {
  const after = L.addressOf(rows, next);
  const previous = load<u32>(after, L.ROW_PREVIOUS);
  beforeChange(rows, next, after);
  store<u32>(at, hash);
  store<u32>(at, next, L.ROW_NEXT);
  store<u32>(at, previous, L.ROW_PREVIOUS);
  store<u32>(after, reference, L.ROW_PREVIOUS);
  const word = load<u32>(after, L.ROW_WORD);
  if ((word & L.ROW_FIRST) != 0) {
    store<u32>(after, word & ~L.ROW_FIRST, L.ROW_WORD);
    store<u32>(at, load<u32>(at, L.ROW_WORD) | L.ROW_FIRST, L.ROW_WORD);
    // Of the first row, the one before is the last.
    if (previous == next) store<u32>(at, next, L.ROW_PREVIOUS);
    indexReplace(rows, hash, next, reference);
    return;
  }
  const before = L.addressOf(rows, previous);
  beforeChange(rows, previous, before);
  store<u32>(before, reference, L.ROW_NEXT);
}

/** The row of a key before which a row of a batch comes; 0 when it comes last. */
function nextOf(rows: usize, top: usize, layout: usize, columns: usize, row: usize, first: u32): u32 {
  let next: u32 = 0;
  let reference = load<u32>(L.addressOf(rows, first), L.ROW_PREVIOUS);
  while (true) {
    const at = L.addressOf(rows, reference);
    if (compare(top, layout, columns, row, at) >= 0) return next;
    next = reference;
    if (reference == first) return next;
    reference = load<u32>(at, L.ROW_PREVIOUS);
  }
  return 0;
}

/** Takes rows of a batch in. */
export function topTake(rows: usize, top: usize, columns: usize, keys: usize, selection: usize, count: u32): void {
  const layout = <usize>load<u32>(rows);
  const limit = load<u32>(top);
  for (let from: u32 = 0; from < count; from += BLOCK_ROWS) {
    const block = min(BLOCK_ROWS, count - from);
    hashBlock(rows, layout, keys, selection, from, block);
    for (let i: u32 = 0; i < block; i++) {
      const row = rowAt(selection, from + i);
      const hash = hashAt(i);
      const first = firstOf(rows, layout, hash, keys, row);
      if (first == 0) {
        const reference = keep(rows, layout, top, columns, row);
        link(rows, reference, L.addressOf(rows, reference), hash, 0);
        setLength(L.addressOf(rows, reference), 1);
        continue;
      }
      takeBehind(rows, top, layout, columns, row, hash, first, limit);
    }
  }
}

/** Writes a row down; it is to be linked. */
function keep(rows: usize, layout: usize, top: usize, columns: usize, row: usize): u32 {
  const reference = writeRow(rows, layout, columns, row);
  const at = L.addressOf(rows, reference);
  store<u32>(at, 0, L.ROW_COUNTER);
  store<u32>(at, load<u32>(top + TOP_CAME, LIST_COUNT) << PLACE_SHIFT, L.ROW_WEIGHT);
  store<u64>(rows, load<u64>(rows, L.STORE_ROWS) + 1, L.STORE_ROWS);
  push(top + TOP_CAME, reference);
  return reference;
}

function takeBehind(
  rows: usize, top: usize, layout: usize, columns: usize, row: usize, hash: u32, first: u32, limit: u32,
): void {
  const head = L.addressOf(rows, first);
  const length = lengthOf(head);
  const last = load<u32>(head, L.ROW_PREVIOUS);
  const isFull = length == limit;
  if (isFull && compare(top, layout, columns, row, L.addressOf(rows, last)) >= 0) return;
  const next = nextOf(rows, top, layout, columns, row, first);
  const reference = keep(rows, layout, top, columns, row);
  const at = L.addressOf(rows, reference);
  if (next == 0) link(rows, reference, at, hash, first);
  else linkBefore(rows, reference, at, hash, next);
  if (isFull) {
    unlink(rows, last);
    const weight = load<u32>(L.addressOf(rows, last), L.ROW_WEIGHT);
    if ((weight & ROW_STANDS) != 0) push(top + TOP_GONE, last);
    else {
      setWord(top + TOP_CAME, weight >> PLACE_SHIFT, 0);
      freeSlot(rows, last);
    }
  }
  const now = next == first ? reference : first;
  const place = L.addressOf(rows, now);
  beforeChange(rows, now, place);
  setLength(place, isFull ? length : length + 1);
}

function change(top: usize, reference: u32, number: i32): void {
  push(top + TOP_CHANGES, reference);
  push(top + TOP_CHANGES, <u32>number);
}

/** Says that a row stands with a number, or no more: nothing when it is so already. */
function stand(rows: usize, top: usize, reference: u32, at: usize, number: u32): void {
  const weight = load<u32>(at, L.ROW_WEIGHT);
  const counter = load<u32>(at, L.ROW_COUNTER);
  const old = counter & NUMBER_MASK;
  if ((weight & ROW_STANDS) != 0) {
    if (old == number) return;
    change(top, reference, -<i32>old);
  }
  beforeChange(rows, reference, at);
  store<u32>(at, (weight & ROW_WALKED) | ROW_STANDS, L.ROW_WEIGHT);
  store<u32>(at, (counter & ~NUMBER_MASK) | number, L.ROW_COUNTER);
  change(top, reference, <i32>number);
}

function firstOfKey(rows: usize, reference: u32): u32 {
  let first = reference;
  while ((load<u32>(L.addressOf(rows, first), L.ROW_WORD) & L.ROW_FIRST) == 0) {
    first = load<u32>(L.addressOf(rows, first), L.ROW_PREVIOUS);
  }
  return first;
}

/** Numbers the rows of a key, unless it was done. */
function renumber(rows: usize, top: usize, row: u32): void {
  const first = firstOfKey(rows, row);
  const head = L.addressOf(rows, first);
  if ((load<u32>(head, L.ROW_WEIGHT) & ROW_WALKED) != 0) return;
  let number: u32 = 1;
  for (let reference = first; reference != 0; number++) {
    const at = L.addressOf(rows, reference);
    stand(rows, top, reference, at, number);
    reference = load<u32>(at, L.ROW_NEXT);
  }
  beforeChange(rows, first, head);
  store<u32>(head, load<u32>(head, L.ROW_WEIGHT) | ROW_WALKED, L.ROW_WEIGHT);
}

/**
 * Lists what has changed since the last time; returns how many changes there are: pairs of a reference and a number, at
 * {@link topChanges} until {@link topEnd}.
 */
export function topFlush(rows: usize, top: usize): u32 {
  const came = top + TOP_CAME;
  const gone = top + TOP_GONE;
  const numbered = load<u32>(top, TOP_NUMBERED) != 0;
  for (let i: u32 = 0; i < load<u32>(gone, LIST_COUNT); i++) {
    const reference = wordAt(gone, i);
    change(top, reference, -<i32>(load<u32>(L.addressOf(rows, reference), L.ROW_COUNTER) & NUMBER_MASK));
  }
  const count = load<u32>(came, LIST_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const reference = wordAt(came, i);
    if (reference == 0) continue;
    if (numbered) renumber(rows, top, reference);
    else stand(rows, top, reference, L.addressOf(rows, reference), 1);
  }
  for (let i: u32 = 0; numbered && i < count; i++) {
    const reference = wordAt(came, i);
    if (reference == 0) continue;
    const head = L.addressOf(rows, firstOfKey(rows, reference));
    store<u32>(head, load<u32>(head, L.ROW_WEIGHT) & ~ROW_WALKED, L.ROW_WEIGHT);
  }
  store<u32>(came, 0, LIST_COUNT);
  return load<u32>(top + TOP_CHANGES, LIST_COUNT) >> 1;
}

/** Address of the changes: { u32 reference, i32 number }. */
export function topChanges(top: usize): usize {
  return <usize>load<u32>(top + TOP_CHANGES);
}

/** The changes were read: rows that went are forgotten. */
export function topEnd(rows: usize, top: usize): void {
  const gone = top + TOP_GONE;
  for (let i: u32 = 0; i < load<u32>(gone, LIST_COUNT); i++) freeSlot(rows, wordAt(gone, i));
  store<u32>(gone, 0, LIST_COUNT);
  store<u32>(top + TOP_CHANGES, 0, LIST_COUNT);
}

export function topFree(top: usize): void {
  free(<usize>load<u32>(top + TOP_CAME));
  free(<usize>load<u32>(top + TOP_GONE));
  free(<usize>load<u32>(top + TOP_CHANGES));
  free(top);
}
