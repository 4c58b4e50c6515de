// Rows by all that they hold, for keys that have many: so that taking one of them out does not look at all the others. A key is listed
// when a search has gone through many of its rows; from then on its rows come and go here too. Made anew after a restart, as needed.

import { allocZeroed, free } from "../memory";
import { hash64, hashBytes, hashStr } from "../hash";
import { COLUMN_BYTES, COLUMN_DATA, TYPE_I32, TYPE_STR } from "../state/key";
import { indexDelete, indexFree, indexInsert, shardOf } from "./index-table";
import * as L from "./layout";
import { isNull, isRow, nullBit } from "./row-copy";

const NULL_BITS: u64 = 0x6e756c6c6e756c6c;

/** Of a row of a batch. */
function hashOfColumns(layout: usize, columns: usize, row: usize): u32 {
  const count = load<u32>(layout);
  let hash: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const column = columns + <usize>i * COLUMN_BYTES;
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const type = load<u32>(L.itemOf(layout, i));
    if (isNull(column, row)) hash = hash64(NULL_BITS, hash);
    else if (type == TYPE_STR) hash = hashStr(data + (row << 4), hash);
    else if (type == TYPE_I32) hash = hash64(<u64>load<u32>(data + (row << 2)), hash);
    else hash = hash64(load<u64>(data + (row << 3)), hash);
  }
  return <u32>(hash >> 32);
}

/** The same of a kept row. */
function hashOfKept(layout: usize, kept: usize): u32 {
  const count = load<u32>(layout);
  let hash: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const item = L.itemOf(layout, i);
    const place = kept + <usize>load<u32>(item, L.ITEM_OFFSET);
    const type = load<u32>(item);
    if (nullBit(kept, layout, i)) hash = hash64(NULL_BITS, hash);
    else if (type == TYPE_STR) hash = hashBytes(kept + <usize>load<u32>(place, 4), load<u32>(place), hash);
    else if (type == TYPE_I32) hash = hash64(<u64>load<u32>(place), hash);
    else hash = hash64(load<u64>(place), hash);
  }
  return <u32>(hash >> 32);
}

@inline
export function isListed(at: usize): bool {
  return (load<u32>(at, L.ROW_WORD) & L.ROW_LISTED) != 0;
}

export function listRow(rows: usize, reference: u32, at: usize): void {
  const index = <usize>load<u32>(rows, L.STORE_CONTENT);
  const before = load<u64>(index, L.STORE_SIZE);
  indexInsert(index, hashOfKept(<usize>load<u32>(rows), at), reference);
  L.grown(rows, <i64>(load<u64>(index, L.STORE_SIZE) - before));
  store<u32>(at, load<u32>(at, L.ROW_WORD) | L.ROW_LISTED, L.ROW_WORD);
}

export function unlistRow(rows: usize, reference: u32, at: usize): void {
  indexDelete(<usize>load<u32>(rows, L.STORE_CONTENT), hashOfKept(<usize>load<u32>(rows), at), reference);
  store<u32>(at, load<u32>(at, L.ROW_WORD) & ~L.ROW_LISTED, L.ROW_WORD);
}

/** Lists the rows of a key. */
export function listKey(rows: usize, first: u32): void {
  if (load<u32>(rows, L.STORE_CONTENT) == 0) {
    store<u32>(rows, <u32>allocZeroed(L.STORE_BYTES), L.STORE_CONTENT);
    L.grown(rows, <i64>L.STORE_BYTES);
  }
  for (let reference = first; reference != 0; ) {
    const at = L.addressOf(rows, reference);
    listRow(rows, reference, at);
    reference = load<u32>(at, L.ROW_NEXT);
  }
}

/** The only listed row that is equal to a row of a batch: 0 when there is none, the largest u32 when there are several. */
export function listedRow(rows: usize, columns: usize, row: usize): u32 {
  const layout = <usize>load<u32>(rows);
  const hash = hashOfColumns(layout, columns, row);
  const shard = shardOf(<usize>load<u32>(rows, L.STORE_CONTENT), hash);
  const table = <usize>load<u32>(shard);
  if (table == 0) return 0;
  const mask = load<u32>(shard, L.SHARD_MASK);
  let found: u32 = 0;
  for (let at = hash & mask; load<u64>(table + (<usize>at << 3)) != 0; at = (at + 1) & mask) {
    const slot = load<u64>(table + (<usize>at << 3));
    const reference = <u32>(slot >> 32);
    if (<u32>slot != hash || !isRow(layout, L.addressOf(rows, reference), columns, row)) continue;
    if (found != 0) return u32.MAX_VALUE;
    found = reference;
  }
  return found;
}

export function contentFree(rows: usize): void {
  const index = <usize>load<u32>(rows, L.STORE_CONTENT);
  if (index == 0) return;
  indexFree(index);
  free(index);
}
