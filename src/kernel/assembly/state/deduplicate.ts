// Sets of keys for deduplication, exact. One bucket per span of event time as wide as the time-to-live, so a bucket holds a key
// once at most, and a row looks into its own bucket and the two beside it. A bucket is dropped whole.
//
// A bucket has a shard per key group, each with its own open-addressing index over entries that never move: growing pauses
// for one shard only, and a snapshot reads shard by shard.
//
// Set: u64 time-to-live, buckets by number, and counters.
// Shard: a table of groups of 16 slots, a byte of the hash each (0: free), and beside them the addresses of the entries; a look-up
// compares the 16 bytes of a group at once and ends at a group with a free slot (after "Swiss tables", M. Kulukundis, CppCon
// 2017). So a key that is new, as most are, touches nothing but those bytes, one a key, which stay in the second-level cache.
// Entries { u64 low, u64 high, u64 time in the bucket << 8 | form } lie in chunks in the order they came; the bytes of long keys
// in the shard's arena.

import { alloc, allocZeroed, free } from "../memory";
import {
  FORM_LONG, isKey, KEY_BYTES, KEY_FORM, KEY_HASH, KEY_HIGH, keyOfBytes, keysOfRows,
} from "./key";
import { hash64 } from "../hash";
import { listAddress, listCount, listDrop, listFind, listFree, listInsert, listNumber, listRemove } from "./list";

const KEY_GROUPS: usize = 128;
const KEY_GROUP_SHIFT: u64 = 57;

const SET_BYTES: usize = 64;
const SET_TTL: usize = 0; // i64
const SET_LIST: usize = 8; // buckets by number: a list of list.ts
const SET_LATE: usize = 24; // u32 late rows of the last call
const SET_DUPLICATES: usize = 28; // u32 duplicates of the last call
const SET_KEYS: usize = 32; // u64
const SET_SIZE: usize = 40; // u64 bytes of all buckets

const BUCKET_NUMBER: usize = 0; // i64
const BUCKET_KEYS: usize = 8; // u32
const BUCKET_SIZE: usize = 16; // u64
const BUCKET_SHARDS: usize = 32;
const SHARD_BYTES: usize = 48;
const BUCKET_BYTES: usize = BUCKET_SHARDS + KEY_GROUPS * SHARD_BYTES;

const SHARD_TABLE: usize = 0; // u32 bytes of the hashes, then the addresses; 0 before the first key
const SHARD_GROUPS: usize = 4; // u32 number of groups: a power of two, or one and a half times that
const SHARD_COUNT: usize = 8; // u32
const SHARD_NEXT: usize = 12; // u32 where the next entry goes
const SHARD_END: usize = 16; // u32 end of the last chunk
const SHARD_CHUNK: usize = 20; // u32 last chunk: { u32 previous, u32 end of its entries, u64 }, then entries
const SHARD_ARENA: usize = 24; // u32 last chunk of long keys: { u32 previous, u32, u64 }, then bytes
const SHARD_ARENA_NEXT: usize = 28; // u32
const SHARD_ARENA_END: usize = 32; // u32
const SHARD_LIMIT: usize = 36; // u32 keys with which the table is full

const ENTRY_BYTES: usize = 24;
const ENTRY_HIGH: usize = 8;
const ENTRY_WORD: usize = 16;
const CHUNK_HEADER: usize = 16;
/** Bytes of a chunk with its block header; the allocator's classes hold powers of two without waste. */
const CHUNK_BYTES_MIN: usize = 256;
const CHUNK_BYTES_MAX: usize = 16384;
const BLOCK_HEADER: usize = 16;
const GROUP_SLOTS: u32 = 16;
/** Long keys may be read up to 16 bytes past their end. */
const PADDING: usize = 16;

/** Rows that are hashed ahead of the look-ups: their keys stay in the first-level cache. */
const BLOCK_ROWS: u32 = 128;
const block: usize = memory.data(<i32>(BLOCK_ROWS * 32), 16);

export function deduplicateCreate(ttl: i64): usize {
  const set = allocZeroed(SET_BYTES);
  store<i64>(set, ttl);
  return set;
}

@inline
function floorDivide(a: i64, b: i64): i64 {
  const q = a / b;
  return q * b > a ? q - 1 : q;
}

function makeBucket(set: usize, number: i64): usize {
  const known = listFind(set + SET_LIST, number);
  if (known != 0) return known;
  const bucket = allocZeroed(BUCKET_BYTES);
  store<i64>(bucket, number);
  store<u64>(bucket, BUCKET_BYTES, BUCKET_SIZE);
  store<u64>(set, load<u64>(set, SET_SIZE) + BUCKET_BYTES, SET_SIZE);
  listInsert(set + SET_LIST, number, bucket);
  return bucket;
}

@inline
function grown(set: usize, bucket: usize, bytes: i64): void {
  store<u64>(bucket, load<u64>(bucket, BUCKET_SIZE) + <u64>bytes, BUCKET_SIZE);
  store<u64>(set, load<u64>(set, SET_SIZE) + <u64>bytes, SET_SIZE);
}

@inline
function shardOf(bucket: usize, hash: u64): usize {
  return bucket + BUCKET_SHARDS + <usize>(hash >> KEY_GROUP_SHIFT) * SHARD_BYTES;
}

@inline
function tagOf(hash: u64): u8 {
  return max<u8>(<u8>hash, 1);
}

/** Where the way of a hash begins: its middle bits, scaled to the number of groups (D. Lemire, ACM TOMACS 29 (1), 2019). */
@inline
function groupOf(hash: u64, groups: u32): u32 {
  return <u32>((<u64>(<u32>(hash >> 8)) * <u64>groups) >> 32);
}

@inline
function groupAfter(group: u32, groups: u32): u32 {
  const next = group + 1;
  return next == groups ? 0 : next;
}

/** The entry of the key, 0 when it is not there. */
@inline
function find(shard: usize, key: usize): usize {
  const tags = <usize>load<u32>(shard);
  if (tags == 0) return 0;
  const groups = load<u32>(shard, SHARD_GROUPS);
  const hash = load<u64>(key, KEY_HASH);
  const wanted = i8x16.splat(tagOf(hash));
  let group = groupOf(hash, groups);
  while (true) {
    const found = v128.load(tags + (<usize>group << 4));
    let matches = i8x16.bitmask(i8x16.eq(found, wanted));
    while (matches != 0) {
      const slot = (group << 4) + ctz(matches);
      const entry = <usize>load<u32>(tags + (<usize>groups << 4) + (<usize>slot << 2));
      if (isKey(load<u64>(entry), load<u64>(entry, ENTRY_HIGH), <u32>load<u8>(entry, ENTRY_WORD), key)) return entry;
      matches &= matches - 1;
    }
    if (!i8x16.all_true(found)) return 0;
    group = groupAfter(group, groups);
  }
  return 0;
}

/** Puts an entry into the first free slot on the way of its hash. */
@inline
function place(tags: usize, groups: u32, hash: u64, entry: usize): void {
  let group = groupOf(hash, groups);
  while (true) {
    const free = ~i8x16.bitmask(i8x16.ne(v128.load(tags + (<usize>group << 4)), i64x2.splat(0))) & 0xffff;
    if (free != 0) {
      const slot = <usize>((group << 4) + ctz(free));
      store<u8>(tags + slot, tagOf(hash));
      store<u32>(tags + (<usize>groups << 4) + (slot << 2), <u32>entry);
      return;
    }
    group = groupAfter(group, groups);
  }
}

@inline
function hashOfEntry(entry: usize): u64 {
  const low = load<u64>(entry);
  const form = <u32>load<u8>(entry, ENTRY_WORD);
  return form == FORM_LONG ? low : hash64(load<u64>(entry, ENTRY_HIGH), hash64(low, form));
}

/**
 * Keys that fill so many groups: a look-up that finds nothing ends at a free slot. Shards get equally many keys, and would all grow
 * within the same moment, some 100 ms of work with millions of keys: so each is full a little earlier than the next.
 */
@inline
function limitOf(bucket: usize, shard: usize, groups: u32): u32 {
  const number = <u32>((shard - bucket - BUCKET_SHARDS) / SHARD_BYTES);
  return groups * (GROUP_SLOTS - 2) - <u32>((<u64>groups * 2 * number) / KEY_GROUPS);
}

/** Gives the shard a table of another size. */
function resize(set: usize, bucket: usize, shard: usize, groups: u32, wanted: u32): void {
  const slots = <usize>wanted * GROUP_SLOTS;
  const tags = alloc(slots * 5);
  memory.fill(tags, 0, slots);
  let end = <usize>load<u32>(shard, SHARD_NEXT);
  for (let chunk = <usize>load<u32>(shard, SHARD_CHUNK); chunk != 0;) {
    for (let entry = chunk + CHUNK_HEADER; entry < end; entry += ENTRY_BYTES) {
      place(tags, wanted, hashOfEntry(entry), entry);
    }
    chunk = <usize>load<u32>(chunk);
    if (chunk != 0) end = <usize>load<u32>(chunk, 4);
  }
  free(<usize>load<u32>(shard));
  store<u32>(shard, <u32>tags);
  store<u32>(shard, wanted, SHARD_GROUPS);
  store<u32>(shard, limitOf(bucket, shard, wanted), SHARD_LIMIT);
  grown(set, bucket, <i64>((wanted - groups) * GROUP_SLOTS) * 5);
}

/** The next larger number of groups. */
@inline
function groupsAfter(groups: u32): u32 {
  if (groups < 2) return 2;
  return (groups & (groups - 1)) == 0 ? groups + (groups >> 1) : groups / 3 << 2;
}

/** Makes the table large enough for so many keys at once: they would be placed anew every time that it doubles. */
function reserve(set: usize, bucket: usize, shard: usize, count: u32): void {
  let groups: u32 = 1;
  while (count > limitOf(bucket, shard, groups)) groups = groupsAfter(groups);
  resize(set, bucket, shard, 0, groups);
}

/** Keys of the same key group in the bucket before: about as many as there will be in this one. */
function countBefore(set: usize, bucket: usize, shard: usize): u32 {
  const before = listFind(set + SET_LIST, load<i64>(bucket) - 1);
  return before == 0 ? 0 : load<u32>(before + (shard - bucket), SHARD_COUNT);
}

function addChunk(set: usize, bucket: usize, shard: usize): void {
  // As large as all before it: half of it is unused on average at first, little later.
  const used = <usize>load<u32>(shard, SHARD_COUNT) * ENTRY_BYTES;
  let bytes = CHUNK_BYTES_MIN;
  while (bytes < used && bytes < CHUNK_BYTES_MAX) bytes <<= 1;
  bytes -= BLOCK_HEADER;
  const chunk = alloc(bytes);
  const previous = <usize>load<u32>(shard, SHARD_CHUNK);
  store<u32>(chunk, <u32>previous);
  if (previous != 0) store<u32>(previous, load<u32>(shard, SHARD_NEXT), 4);
  const entries = (bytes - CHUNK_HEADER) / ENTRY_BYTES;
  store<u32>(shard, <u32>chunk, SHARD_CHUNK);
  store<u32>(shard, <u32>(chunk + CHUNK_HEADER), SHARD_NEXT);
  store<u32>(shard, <u32>(chunk + CHUNK_HEADER + entries * ENTRY_BYTES), SHARD_END);
  grown(set, bucket, <i64>(bytes + BLOCK_HEADER));
}

/** A copy of a long key's bytes in the shard's arena. */
function keepBytes(set: usize, bucket: usize, shard: usize, from: usize, length: u32): usize {
  const room = <usize>length + PADDING;
  let at = <usize>load<u32>(shard, SHARD_ARENA_NEXT);
  if (at == 0 || room > <usize>load<u32>(shard, SHARD_ARENA_END) - at) {
    const used = <usize>load<u32>(shard, SHARD_COUNT) << 5;
    const bytes = max(room + CHUNK_HEADER, min(max(used, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX) - BLOCK_HEADER);
    const chunk = alloc(bytes);
    store<u32>(chunk, load<u32>(shard, SHARD_ARENA));
    store<u32>(shard, <u32>chunk, SHARD_ARENA);
    store<u32>(shard, <u32>(chunk + bytes), SHARD_ARENA_END);
    at = chunk + CHUNK_HEADER;
    grown(set, bucket, <i64>(bytes + BLOCK_HEADER));
  }
  memory.copy(at, from, length);
  // The next key overwrites the padding.
  store<u32>(shard, <u32>(at + length), SHARD_ARENA_NEXT);
  return at;
}

function insert(set: usize, bucket: usize, shard: usize, key: usize, time: i64): void {
  const count = load<u32>(shard, SHARD_COUNT) + 1;
  const groups = load<u32>(shard, SHARD_GROUPS);
  if (groups == 0) reserve(set, bucket, shard, countBefore(set, bucket, shard));
  else if (count > load<u32>(shard, SHARD_LIMIT)) resize(set, bucket, shard, groups, groupsAfter(groups));
  if (load<u32>(shard, SHARD_NEXT) == load<u32>(shard, SHARD_END)) addChunk(set, bucket, shard);
  const entry = <usize>load<u32>(shard, SHARD_NEXT);
  const form = load<u32>(key, KEY_FORM);
  let high = load<u64>(key, KEY_HIGH);
  if (form == FORM_LONG) {
    const length = <u32>(high >> 32);
    high = (<u64>length << 32) | <u64>keepBytes(set, bucket, shard, <usize>(<u32>high), length);
  }
  store<u64>(entry, load<u64>(key));
  store<u64>(entry, high, ENTRY_HIGH);
  store<u64>(entry, (<u64>(time - load<i64>(bucket) * load<i64>(set)) << 8) | <u64>form, ENTRY_WORD);
  store<u32>(shard, <u32>(entry + ENTRY_BYTES), SHARD_NEXT);
  store<u32>(shard, count, SHARD_COUNT);
  store<u32>(bucket, load<u32>(bucket, BUCKET_KEYS) + 1, BUCKET_KEYS);
  store<u64>(set, load<u64>(set, SET_KEYS) + 1, SET_KEYS);
  place(<usize>load<u32>(shard), load<u32>(shard, SHARD_GROUPS), load<u64>(key, KEY_HASH), entry);
}

let fetched: u64 = 0;

/**
 * Reads what the look-ups of a block of keys will read first, so that the misses of the cache overlap: a look-up waits for its own.
 */
function fetch(bucket: usize, count: u32): void {
  if (bucket == 0) return;
  let sum: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const hash = load<u64>(block + <usize>i * KEY_BYTES, KEY_HASH);
    const shard = shardOf(bucket, hash);
    sum ^= load<u64>(<usize>load<u32>(shard) + (<usize>groupOf(hash, load<u32>(shard, SHARD_GROUPS)) << 4));
  }
  fetched = sum;
}

/** Whether the bucket beside has the key less than a time-to-live away. */
@inline
function isNear(set: usize, bucket: usize, key: usize, time: i64): bool {
  if (bucket == 0) return false;
  const entry = find(shardOf(bucket, load<u64>(key, KEY_HASH)), key);
  if (entry == 0) return false;
  const ttl = load<i64>(set);
  const seen = load<i64>(bucket) * ttl + <i64>(load<u64>(entry, ENTRY_WORD) >> 8);
  return (time > seen ? time - seen : seen - time) < ttl;
}

/**
 * Keeps the rows whose key was not seen within the time-to-live: their numbers go to `kept`, those of rows that are late to
 * `late`. `judge`: a row is late when its time is a time-to-live behind the watermark, its own partition's or the operator's.
 * Returns the number of kept rows; late rows and duplicates are counted in the set.
 */
export function deduplicate(
  set: usize, columns: usize, columnCount: u32, times: usize, watermarks: usize, watermark: i64, judge: bool,
  selection: usize, count: u32, kept: usize, late: usize,
): u32 {
  const ttl = load<i64>(set);
  let keptCount: u32 = 0;
  let lateCount: u32 = 0;
  // The buckets of the row before: most rows are in the same.
  let number: i64 = i64.MIN_VALUE;
  let begin: i64 = 0;
  let own: usize = 0;
  let before: usize = 0;
  let after: usize = 0;
  for (let from: u32 = 0; from < count; from += BLOCK_ROWS) {
    const rows = min(BLOCK_ROWS, count - from);
    keysOfRows(columns, columnCount, selection, from, rows, block);
    fetch(own, rows);
    fetch(before, rows);
    for (let i: u32 = 0; i < rows; i++) {
      const at = from + i;
      const row = <usize>(selection != 0 ? load<u32>(selection + (<usize>at << 2)) : at);
      const time = load<i64>(times + (row << 3));
      if (judge) {
        const passed = watermarks == 0 ? watermark : max(watermark, load<i64>(watermarks + (row << 3)));
        if (passed != i64.MIN_VALUE && time <= passed - ttl) {
          store<u32>(late + (<usize>lateCount << 2), <u32>row);
          lateCount++;
          continue;
        }
      }
      if (own == 0 || time < begin || time - begin >= ttl) {
        number = floorDivide(time, ttl);
        begin = number * ttl;
        own = makeBucket(set, number);
        before = listFind(set + SET_LIST, number - 1);
        after = listFind(set + SET_LIST, number + 1);
      }
      const key = block + <usize>i * KEY_BYTES;
      const shard = shardOf(own, load<u64>(key, KEY_HASH));
      if (find(shard, key) != 0 || isNear(set, before, key, time) || isNear(set, after, key, time)) continue;
      insert(set, own, shard, key, time);
      store<u32>(kept + (<usize>keptCount << 2), <u32>row);
      keptCount++;
    }
  }
  store<u32>(set, lateCount, SET_LATE);
  store<u32>(set, count - keptCount - lateCount, SET_DUPLICATES);
  return keptCount;
}

function freeChain(chunk: usize): void {
  while (chunk != 0) {
    const previous = <usize>load<u32>(chunk);
    free(chunk);
    chunk = previous;
  }
}

function freeBucket(set: usize, bucket: usize): void {
  for (let shard = bucket + BUCKET_SHARDS; shard < bucket + BUCKET_BYTES; shard += SHARD_BYTES) {
    free(<usize>load<u32>(shard));
    freeChain(<usize>load<u32>(shard, SHARD_CHUNK));
    freeChain(<usize>load<u32>(shard, SHARD_ARENA));
  }
  store<u64>(set, load<u64>(set, SET_KEYS) - <u64>load<u32>(bucket, BUCKET_KEYS), SET_KEYS);
  store<u64>(set, load<u64>(set, SET_SIZE) - load<u64>(bucket, BUCKET_SIZE), SET_SIZE);
  free(bucket);
}

/** Drops the buckets into which no row in time can look any more. */
export function deduplicateExpire(set: usize, watermark: i64): void {
  const ttl = load<i64>(set);
  // The youngest entry of a bucket is just below (number + 1) * ttl; rows in time are above watermark - ttl.
  const passed = floorDivide(watermark, ttl) - 3;
  const list = set + SET_LIST;
  const count = listCount(list);
  let gone: u32 = 0;
  while (gone < count && listNumber(list, gone) <= passed) freeBucket(set, listAddress(list, gone++));
  if (gone > 0) listDrop(list, gone);
}

/** Drops the bucket of that number, wherever it stands. */
export function deduplicateDrop(set: usize, number: i64): void {
  const bucket = listFind(set + SET_LIST, number);
  if (bucket == 0) return;
  listRemove(set + SET_LIST, number);
  freeBucket(set, bucket);
}

export function deduplicateFree(set: usize): void {
  const list = set + SET_LIST;
  for (let at: u32 = 0; at < listCount(list); at++) freeBucket(set, listAddress(list, at));
  listFree(list);
  free(set);
}

const MARK_BYTES: usize = 16;
const MARK_END: usize = 4;
const MARK_COUNT: usize = 8;

/**
 * Notes where the entries of each shard of a bucket end now, { u32 last chunk, u32 end of its entries, u32 count, u32 } for each key
 * group. Entries never move or change, so what the marks bound can be exported while more are added; only
 * {@link deduplicateExpire} must wait.
 */
export function deduplicateMark(set: usize, at: u32, target: usize): void {
  const bucket = listAddress(set + SET_LIST, at);
  for (let shard = bucket + BUCKET_SHARDS; shard < bucket + BUCKET_BYTES; shard += SHARD_BYTES) {
    store<u32>(target, load<u32>(shard, SHARD_CHUNK));
    store<u32>(target, load<u32>(shard, SHARD_NEXT), MARK_END);
    store<u32>(target, load<u32>(shard, SHARD_COUNT), MARK_COUNT);
    target += MARK_BYTES;
  }
}

/** Where the entries of a chunk begin that an earlier mark (0: none) does not bound. */
@inline
function beginOf(chunk: usize, since: usize): usize {
  return since != 0 && chunk == <usize>load<u32>(since) ? <usize>load<u32>(since, MARK_END) : chunk + CHUNK_HEADER;
}

/** The chunk before this one; 0 after the last, or when an earlier mark bounds all that is before. */
@inline
function chunkBefore(chunk: usize, since: usize): usize {
  return since != 0 && chunk == <usize>load<u32>(since) ? 0 : <usize>load<u32>(chunk);
}

/**
 * Bytes that {@link deduplicateExport} writes for the shard of a mark, without what an earlier mark of the shard (0: none) bounds; 0
 * when that is nothing.
 */
export function deduplicateExportBytes(mark: usize, since: usize): usize {
  const before: u32 = since == 0 ? 0 : load<u32>(since, MARK_COUNT);
  let bytes = <usize>(load<u32>(mark, MARK_COUNT) - before) * ENTRY_BYTES;
  if (bytes == 0) return 0;
  let end = <usize>load<u32>(mark, MARK_END);
  for (let chunk = <usize>load<u32>(mark); chunk != 0;) {
    for (let entry = beginOf(chunk, since); entry < end; entry += ENTRY_BYTES) {
      if (load<u8>(entry, ENTRY_WORD) == FORM_LONG) bytes += <usize>(load<u64>(entry, ENTRY_HIGH) >> 32);
    }
    chunk = chunkBefore(chunk, since);
    if (chunk != 0) end = <usize>load<u32>(chunk, 4);
  }
  return bytes;
}

/** Writes these entries: each as it is, but a long key with length and bytes for its two words. */
export function deduplicateExport(mark: usize, since: usize, target: usize): void {
  let end = <usize>load<u32>(mark, MARK_END);
  for (let chunk = <usize>load<u32>(mark); chunk != 0;) {
    for (let entry = beginOf(chunk, since); entry < end; entry += ENTRY_BYTES) {
      const word = load<u64>(entry, ENTRY_WORD);
      const high = load<u64>(entry, ENTRY_HIGH);
      store<u64>(target, word, ENTRY_WORD);
      if ((word & 0xff) == FORM_LONG) {
        const length = <usize>(high >> 32);
        store<u64>(target, <u64>length);
        store<u64>(target, 0, ENTRY_HIGH);
        memory.copy(target + ENTRY_BYTES, <usize>(<u32>high), length);
        target += ENTRY_BYTES + length;
      } else {
        store<u64>(target, load<u64>(entry));
        store<u64>(target, high, ENTRY_HIGH);
        target += ENTRY_BYTES;
      }
    }
    chunk = chunkBefore(chunk, since);
    if (chunk != 0) end = <usize>load<u32>(chunk, 4);
  }
}

/**
 * Takes in what {@link deduplicateExport} wrote of a key group; PADDING bytes more must be readable. After the last,
 * {@link deduplicateIndex} is due: tables are made once all entries are there, each at once and of the right size.
 */
export function deduplicateImport(set: usize, number: i64, group: u32, from: usize, bytes: usize): void {
  const bucket = makeBucket(set, number);
  const shard = bucket + BUCKET_SHARDS + <usize>group * SHARD_BYTES;
  free(<usize>load<u32>(shard));
  grown(set, bucket, -<i64>(load<u32>(shard, SHARD_GROUPS) * GROUP_SLOTS) * 5);
  store<u32>(shard, 0);
  store<u32>(shard, 0, SHARD_GROUPS);
  const end = from + bytes;
  while (from < end) {
    from = load<u8>(from, ENTRY_WORD) == FORM_LONG
      ? importLong(set, bucket, shard, from)
      : importEntries(set, bucket, shard, from, end);
  }
}

/** Entries came to the shard, up to `next`. */
@inline
function imported(set: usize, bucket: usize, shard: usize, next: usize, added: u32): void {
  store<u32>(shard, <u32>next, SHARD_NEXT);
  store<u32>(shard, load<u32>(shard, SHARD_COUNT) + added, SHARD_COUNT);
  store<u32>(bucket, load<u32>(bucket, BUCKET_KEYS) + added, BUCKET_KEYS);
  store<u64>(set, load<u64>(set, SET_KEYS) + <u64>added, SET_KEYS);
}

function importLong(set: usize, bucket: usize, shard: usize, from: usize): usize {
  if (load<u32>(shard, SHARD_NEXT) == load<u32>(shard, SHARD_END)) addChunk(set, bucket, shard);
  const entry = <usize>load<u32>(shard, SHARD_NEXT);
  const length = load<u32>(from);
  keyOfBytes(block, from + ENTRY_BYTES, length);
  store<u64>(entry, load<u64>(block));
  const kept = <u64>keepBytes(set, bucket, shard, from + ENTRY_BYTES, length);
  store<u64>(entry, (<u64>length << 32) | kept, ENTRY_HIGH);
  store<u64>(entry, load<u64>(from, ENTRY_WORD), ENTRY_WORD);
  imported(set, bucket, shard, entry + ENTRY_BYTES, 1);
  return from + ENTRY_BYTES + <usize>length;
}

/** Takes in entries that are what they were, as many as the chunk has room for, up to the next long key; returns where it ended. */
function importEntries(set: usize, bucket: usize, shard: usize, from: usize, end: usize): usize {
  if (load<u32>(shard, SHARD_NEXT) == load<u32>(shard, SHARD_END)) addChunk(set, bucket, shard);
  const first = <usize>load<u32>(shard, SHARD_NEXT);
  const room = min(<usize>load<u32>(shard, SHARD_END) - first, end - from);
  let bytes: usize = 0;
  while (bytes < room && load<u8>(from + bytes, ENTRY_WORD) != FORM_LONG) bytes += ENTRY_BYTES;
  memory.copy(first, from, bytes);
  imported(set, bucket, shard, first + bytes, <u32>(bytes / ENTRY_BYTES));
  return from + bytes;
}

/** Makes the tables of shards that have none. */
export function deduplicateIndex(set: usize): void {
  const list = set + SET_LIST;
  for (let at: u32 = 0; at < listCount(list); at++) {
    const bucket = listAddress(list, at);
    for (let shard = bucket + BUCKET_SHARDS; shard < bucket + BUCKET_BYTES; shard += SHARD_BYTES) {
      const count = load<u32>(shard, SHARD_COUNT);
      if (count != 0 && load<u32>(shard) == 0) reserve(set, bucket, shard, count);
    }
  }
}
