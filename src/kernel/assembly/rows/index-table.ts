// The index of a store: the first row of each key, by hash. A shard per seven bits of the hash, so that one that grows is small.

import { allocZeroed, free } from "../memory";
import * as L from "./layout";

const SLOTS_MIN: u32 = 8;

@inline
export function shardOf(rows: usize, hash: u32): usize {
  return rows + L.STORE_SHARDS + <usize>(hash >> L.SHARD_SHIFT) * L.SHARD_BYTES;
}

@inline
function place(table: usize, mask: u32, slot: u64): void {
  let at = <u32>slot & mask;
  while (load<u64>(table + (<usize>at << 3)) != 0) at = (at + 1) & mask;
  store<u64>(table + (<usize>at << 3), slot);
}

function growShard(rows: usize, shard: usize): void {
  const old = <usize>load<u32>(shard);
  const slots: u32 = old == 0 ? 0 : load<u32>(shard, L.SHARD_MASK) + 1;
  const wanted = max(SLOTS_MIN, slots << 1);
  const table = allocZeroed(<usize>wanted << 3);
  for (let at: u32 = 0; at < slots; at++) {
    const slot = load<u64>(old + (<usize>at << 3));
    if (slot != 0) place(table, wanted - 1, slot);
  }
  free(old);
  store<u32>(shard, <u32>table);
  store<u32>(shard, wanted - 1, L.SHARD_MASK);
  L.grown(rows, <i64>(wanted - slots) << 3);
}

export function indexInsert(rows: usize, hash: u32, reference: u32): void {
  const shard = shardOf(rows, hash);
  const count = load<u32>(shard, L.SHARD_COUNT) + 1;
  const mask = load<u32>(shard, L.SHARD_MASK);
  if (load<u32>(shard) == 0 || count > mask - (mask >> 2)) growShard(rows, shard);
  store<u32>(shard, count, L.SHARD_COUNT);
  place(<usize>load<u32>(shard), load<u32>(shard, L.SHARD_MASK), (<u64>reference << 32) | <u64>hash);
  store<u64>(rows, load<u64>(rows, L.STORE_KEYS) + 1, L.STORE_KEYS);
}

/** The slot that holds this first row. */
@inline
function slotOf(shard: usize, hash: u32, reference: u32): u32 {
  const table = <usize>load<u32>(shard);
  const mask = load<u32>(shard, L.SHARD_MASK);
  const wanted = (<u64>reference << 32) | <u64>hash;
  let at = hash & mask;
  while (load<u64>(table + (<usize>at << 3)) != wanted) at = (at + 1) & mask;
  return at;
}

/** Another row of the key is now the first. */
export function indexReplace(rows: usize, hash: u32, reference: u32, by: u32): void {
  const shard = shardOf(rows, hash);
  const at = slotOf(shard, hash, reference);
  store<u64>(<usize>load<u32>(shard) + (<usize>at << 3), (<u64>by << 32) | <u64>hash);
}

/** Takes a key out; those behind it that would not be found any more move up. */
export function indexDelete(rows: usize, hash: u32, reference: u32): void {
  const shard = shardOf(rows, hash);
  const table = <usize>load<u32>(shard);
  const mask = load<u32>(shard, L.SHARD_MASK);
  let hole = slotOf(shard, hash, reference);
  let at = hole;
  while (true) {
    at = (at + 1) & mask;
    const slot = load<u64>(table + (<usize>at << 3));
    if (slot == 0) break;
    // The slot may move to the hole when its home does not lie between the two.
    if (((at - (<u32>slot & mask)) & mask) >= ((at - hole) & mask)) {
      store<u64>(table + (<usize>hole << 3), slot);
      hole = at;
    }
  }
  store<u64>(table + (<usize>hole << 3), 0);
  store<u32>(shard, load<u32>(shard, L.SHARD_COUNT) - 1, L.SHARD_COUNT);
  store<u64>(rows, load<u64>(rows, L.STORE_KEYS) - 1, L.STORE_KEYS);
}

export function indexFree(rows: usize): void {
  for (let shard = rows + L.STORE_SHARDS; shard < rows + L.STORE_BYTES; shard += L.SHARD_BYTES) free(<usize>load<u32>(shard));
}
