// A store of rows: a map from keys to rows in the order they came. Every call works through the rows of a batch.

import { alloc, allocZeroed, free } from "../memory";
import { bucketAdd, bucketRemove, bucketsDrop, bucketsFree, rowsInBucket, rowsOfBucket } from "./bucket";
import { contentFree, isListed, listKey, listedRow, listRow, unlistRow } from "./content-index";
import { indexDelete, indexFree, indexInsert, indexReplace, shardOf } from "./index-table";
import * as L from "./layout";
import { hashOfKeys, hasKeys, isRow, writeRow } from "./row-copy";
import { freeChanges } from "./row-change";
import { beforeChange, freeSlot, takeImages } from "./slot";

/** Rows that are hashed ahead, so that the misses of the cache overlap. */
export const BLOCK_ROWS: u32 = 128;
/** A key in which a search goes further is listed by content. */
const UNLISTED_STEPS_MAX: u32 = 32;
const hashes: usize = memory.data(<i32>(BLOCK_ROWS * 4), 16);
const found: usize = memory.data(<i32>(BLOCK_ROWS * 4), 16);
let fetched: u64 = 0;

export function rowsCreate(layout: usize): usize {
  const rows = allocZeroed(L.STORE_BYTES);
  store<u32>(rows, <u32>layout);
  store<u64>(rows, L.STORE_BYTES, L.STORE_SIZE);
  return rows;
}

@inline
export function rowAt(selection: usize, at: u32): usize {
  return <usize>(selection != 0 ? load<u32>(selection + (<usize>at << 2)) : at);
}

/** Hashes of the keys of a block of rows; and a first look at their places in the index, then at the rows there. */
export function hashBlock(rows: usize, layout: usize, keys: usize, selection: usize, from: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(hashes + (<usize>i << 2), hashOfKeys(layout, keys, rowAt(selection, from + i)));
  }
  let sum: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const hash = load<u32>(hashes + (<usize>i << 2));
    const shard = shardOf(rows, hash);
    const slot = load<u64>(<usize>load<u32>(shard) + (<usize>(hash & load<u32>(shard, L.SHARD_MASK)) << 3));
    store<u32>(found + (<usize>i << 2), <u32>slot == hash ? <u32>(slot >> 32) : 0);
  }
  for (let i: u32 = 0; i < count; i++) {
    const reference = load<u32>(found + (<usize>i << 2));
    if (reference != 0) sum ^= load<u64>(L.addressOf(rows, reference), L.ROW_WORD);
  }
  fetched = sum;
}

/** The hash of a row of the block at hand. */
@inline
export function hashAt(at: u32): u32 {
  return load<u32>(hashes + (<usize>at << 2));
}

/** The first row of a key, 0 when there is none. */
@inline
export function firstOf(rows: usize, layout: usize, hash: u32, keys: usize, row: usize): u32 {
  const shard = shardOf(rows, hash);
  const table = <usize>load<u32>(shard);
  if (table == 0) return 0;
  const mask = load<u32>(shard, L.SHARD_MASK);
  let at = hash & mask;
  while (true) {
    const slot = load<u64>(table + (<usize>at << 3));
    if (slot == 0) return 0;
    const reference = <u32>(slot >> 32);
    if (<u32>slot == hash && hasKeys(layout, L.addressOf(rows, reference), keys, row)) return reference;
    at = (at + 1) & mask;
  }
  return 0;
}

/** Puts a row behind those of its key. */
@inline
export function link(rows: usize, reference: u32, at: usize, hash: u32, first: u32): void {
  store<u32>(at, hash);
  store<u32>(at, 0, L.ROW_NEXT);
  if (first == 0) {
    store<u32>(at, reference, L.ROW_PREVIOUS);
    store<u32>(at, load<u32>(at, L.ROW_WORD) | L.ROW_FIRST, L.ROW_WORD);
    indexInsert(rows, hash, reference);
    return;
  }
  const head = L.addressOf(rows, first);
  const last = load<u32>(head, L.ROW_PREVIOUS);
  const tail = L.addressOf(rows, last);
  beforeChange(rows, first, head);
  if (last != first) beforeChange(rows, last, tail);
  store<u32>(tail, reference, L.ROW_NEXT);
  store<u32>(at, last, L.ROW_PREVIOUS);
  store<u32>(head, reference, L.ROW_PREVIOUS);
  if (isListed(head)) listRow(rows, reference, at);
}

/** The first row of the key whose last is this one. */
function firstBefore(rows: usize, hash: u32, last: u32): u32 {
  const shard = shardOf(rows, hash);
  const table = <usize>load<u32>(shard);
  const mask = load<u32>(shard, L.SHARD_MASK);
  let at = hash & mask;
  while (true) {
    const slot = load<u64>(table + (<usize>at << 3));
    const reference = <u32>(slot >> 32);
    if (<u32>slot == hash && load<u32>(L.addressOf(rows, reference), L.ROW_PREVIOUS) == last) return reference;
    at = (at + 1) & mask;
  }
  return 0;
}

/** Takes a row out of its key and its bucket; its slot stays. */
export function unlink(rows: usize, reference: u32): void {
  const at = L.addressOf(rows, reference);
  beforeChange(rows, reference, at);
  if (isListed(at)) unlistRow(rows, reference, at);
  const hash = load<u32>(at);
  const next = load<u32>(at, L.ROW_NEXT);
  const previous = load<u32>(at, L.ROW_PREVIOUS);
  const after = next == 0 ? <usize>0 : L.addressOf(rows, next);
  if (next != 0) beforeChange(rows, next, after);
  if ((load<u32>(at, L.ROW_WORD) & L.ROW_FIRST) != 0) {
    if (next == 0) indexDelete(rows, hash, reference);
    else {
      indexReplace(rows, hash, reference, next);
      store<u32>(after, load<u32>(after, L.ROW_WORD) | L.ROW_FIRST, L.ROW_WORD);
      store<u32>(after, previous, L.ROW_PREVIOUS);
    }
    store<u32>(at, load<u32>(at, L.ROW_WORD) & ~L.ROW_FIRST, L.ROW_WORD);
  } else {
    const before = L.addressOf(rows, previous);
    beforeChange(rows, previous, before);
    store<u32>(before, next, L.ROW_NEXT);
    if (next != 0) store<u32>(after, previous, L.ROW_PREVIOUS);
    else {
      const first = firstBefore(rows, hash, reference);
      const head = L.addressOf(rows, first);
      beforeChange(rows, first, head);
      store<u32>(head, previous, L.ROW_PREVIOUS);
    }
  }
  if (L.isDated(rows) && (load<u32>(at, L.ROW_WORD) & L.ROW_LOOSE) == 0) bucketRemove(rows, at);
  store<u64>(rows, load<u64>(rows, L.STORE_ROWS) - 1, L.STORE_ROWS);
}

/**
 * Keeps rows of a batch, each behind those of its key, and writes their references to `references`. `times` (i64, by row) is read
 * when rows have times;
 * `counters` (u32, by row; 0: zeros) is what their counters begin with.
 */
export function rowsAppend(
  rows: usize, columns: usize, keys: usize, selection: usize, count: u32, times: usize, counters: usize, references: usize,
): void {
  const layout = <usize>load<u32>(rows);
  const dated = L.isDated(rows);
  for (let from: u32 = 0; from < count; from += BLOCK_ROWS) {
    const block = min(BLOCK_ROWS, count - from);
    hashBlock(rows, layout, keys, selection, from, block);
    for (let i: u32 = 0; i < block; i++) {
      const row = rowAt(selection, from + i);
      const hash = load<u32>(hashes + (<usize>i << 2));
      const first = firstOf(rows, layout, hash, keys, row);
      const reference = writeRow(rows, layout, columns, row);
      const at = L.addressOf(rows, reference);
      const position = <usize>(from + i) << 2;
      store<u32>(at, counters == 0 ? 0 : load<u32>(counters + (row << 2)), L.ROW_COUNTER);
      store<u32>(at, 1, L.ROW_WEIGHT);
      link(rows, reference, at, hash, first);
      if (dated) bucketAdd(rows, reference, at, load<i64>(times + (row << 3)));
      store<u32>(references + position, reference);
    }
  }
  store<u64>(rows, load<u64>(rows, L.STORE_ROWS) + <u64>count, L.STORE_ROWS);
}

/** The first row of a key that is equal to a row of a batch, 0 when there is none. */
function findRow(rows: usize, layout: usize, first: u32, columns: usize, row: usize): u32 {
  const listed = isListed(L.addressOf(rows, first));
  if (listed) {
    const only = listedRow(rows, columns, row);
    if (only != u32.MAX_VALUE) return only;
  }
  let steps: u32 = 0;
  let reference = first;
  for (; reference != 0; steps++) {
    const at = L.addressOf(rows, reference);
    if (isRow(layout, at, columns, row)) break;
    reference = load<u32>(at, L.ROW_NEXT);
  }
  if (!listed && steps > UNLISTED_STEPS_MAX) listKey(rows, first);
  return reference;
}

/**
 * Finds, for each row of a batch, the first kept row that is equal to it, and takes it out of its key; 0 where there is none. What
 * was found can be read until {@link rowsFree}. Returns how many were found.
 */
export function rowsTake(rows: usize, columns: usize, keys: usize, selection: usize, count: u32, references: usize): u32 {
  const layout = <usize>load<u32>(rows);
  let taken: u32 = 0;
  for (let from: u32 = 0; from < count; from += BLOCK_ROWS) {
    const block = min(BLOCK_ROWS, count - from);
    hashBlock(rows, layout, keys, selection, from, block);
    for (let i: u32 = 0; i < block; i++) {
      const row = rowAt(selection, from + i);
      const first = firstOf(rows, layout, load<u32>(hashes + (<usize>i << 2)), keys, row);
      const reference = first == 0 ? 0 : findRow(rows, layout, first, columns, row);
      if (reference != 0) {
        unlink(rows, reference);
        taken++;
      }
      store<u32>(references + (<usize>(from + i) << 2), reference);
    }
  }
  return taken;
}

/** Takes rows out of their keys; {@link rowsFree} ends them. */
export function rowsUnlink(rows: usize, references: usize, count: u32): void {
  for (let i: usize = 0; i < <usize>count; i++) unlink(rows, load<u32>(references + (i << 2)));
}

/** Gives the memory of rows that were taken out back; 0 is left out. */
export function rowsFree(rows: usize, references: usize, count: u32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const reference = load<u32>(references + (i << 2));
    if (reference != 0) freeSlot(rows, reference);
  }
}

// Where a probe goes on: { u32 position in the selection, u32 row of that key, 0 to look for the first }.
const CURSOR_ROW: usize = 4;

/**
 * The rows that have the keys of the rows of a batch: pairs, in the order of the batch and of each key, of the row's number and the
 * reference. Begins at the cursor, and leaves it behind the last pair when there is no room for more: its position is `count` when
 * all was found. Returns the number of pairs.
 */
export function rowsProbe(
  rows: usize, keys: usize, selection: usize, count: u32, cursor: usize, numbers: usize, references: usize, room: u32,
): u32 {
  const layout = <usize>load<u32>(rows);
  let pairs: u32 = 0;
  let position = load<u32>(cursor);
  let going = load<u32>(cursor, CURSOR_ROW);
  while (position < count) {
    const from = position;
    const block = min(BLOCK_ROWS, count - from);
    hashBlock(rows, layout, keys, selection, from, block);
    for (; position < from + block; position++) {
      const row = rowAt(selection, position);
      let reference = going != 0 ? going : firstOf(rows, layout, load<u32>(hashes + (<usize>(position - from) << 2)), keys, row);
      going = 0;
      while (reference != 0) {
        if (pairs == room) {
          store<u32>(cursor, position);
          store<u32>(cursor, reference, CURSOR_ROW);
          return pairs;
        }
        const at = <usize>pairs << 2;
        store<u32>(numbers + at, <u32>row);
        store<u32>(references + at, reference);
        pairs++;
        reference = load<u32>(L.addressOf(rows, reference), L.ROW_NEXT);
      }
    }
  }
  store<u32>(cursor, position);
  store<u32>(cursor, 0, CURSOR_ROW);
  return pairs;
}

/** Drops the first buckets with their rows; returns how many rows. */
export function rowsDropBuckets(rows: usize, count: u32): u32 {
  let gone: u32 = 0;
  for (let bucket: u32 = 0; bucket < count; bucket++) {
    const number = rowsOfBucket(rows, bucket);
    const references = alloc((<usize>number << 2) + 4);
    rowsInBucket(rows, bucket, references);
    rowsUnlink(rows, references, number);
    rowsFree(rows, references, number);
    free(references);
    gone += number;
  }
  bucketsDrop(rows, count);
  return gone;
}

/** Those of the references whose counter is zero, in their order. */
export function rowsUncounted(rows: usize, references: usize, count: u32, target: usize): u32 {
  let kept: u32 = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const reference = load<u32>(references + (i << 2));
    if (load<u32>(L.addressOf(rows, reference), L.ROW_COUNTER) != 0) continue;
    store<u32>(target + (<usize>kept << 2), reference);
    kept++;
  }
  return kept;
}

/** Times of rows (i64). */
export function rowsTimes(rows: usize, references: usize, count: u32, target: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    store<i64>(target + (i << 3), load<i64>(L.addressOf(rows, load<u32>(references + (i << 2))), L.ROW_TIME));
  }
}

export function rowsDestroy(rows: usize): void {
  for (let number: u32 = 0; number < load<u32>(rows, L.STORE_SLAB_COUNT); number++) {
    const slab = L.slabOf(rows, number);
    if (load<u32>(slab) == 0) continue;
    takeImages(rows, slab, 0);
    free(<usize>load<u32>(slab));
  }
  freeChanges(rows);
  free(<usize>load<u32>(rows, L.STORE_SLABS));
  free(<usize>load<u32>(rows, L.STORE_LIMBO));
  contentFree(rows);
  indexFree(rows);
  bucketsFree(rows);
  free(<usize>load<u32>(rows));
  free(rows);
}
