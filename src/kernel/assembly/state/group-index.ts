// The index of a window's groups: extendible hashing (Fagin et al., ACM TODS 4 (3), 1979). A directory by the first bits of the hash leads
// to shards; one that is full is divided in two, so growing pauses for some thousands of groups only, and no table of twice the size
// stands beside the old one.
//
// A shard is a table of cache lines: 12 bytes of tags (a byte of the hash each, 0: free), a count of the groups that had to go further
// from here, and the addresses of 12 records. A look-up compares the tags of a line at once (as "Swiss tables" do: M. Kulukundis, CppCon
// 2017) and goes on to the next line only past a count that is not 0 (as in Facebook's F14). No hash is kept: it is computed again from the
// key when a shard is divided.

import { alloc, allocZeroed, free } from "../memory";
import { grown } from "./group-size";
import { hashOfRecord, isGroupOf, isSameKey } from "./group-key";
import * as L from "./group-layout";

const LINE_BYTES: usize = 64;
const LINE_SLOTS: u32 = 12;
const LINE_TAGS: u32 = 0xfff;
const LINE_PASSED: usize = 12; // u8, stays at its greatest value
const LINE_RECORDS: usize = 16;
const PASSED_MAX: u32 = 255;

const SHARD_LINES: usize = 0; // u32 address, a multiple of LINE_BYTES
const SHARD_COUNT: usize = 4; // u32 lines
const SHARD_GROUPS: usize = 8; // u32
const SHARD_DEPTH: usize = 12; // u32 bits of the hash that its groups have in common
const SHARD_BLOCK: usize = 16; // u32 of the lines
const SHARD_LIMIT: usize = 20; // u32 groups with which it is full
const SHARD_BYTES: usize = 24;

const BLOCK_HEADER: usize = 16;
const ALIGNMENT: usize = 48;
/** A block of so many lines has 64 KiB. */
const LINES_MAX: u32 = 1023;
const DEPTH_MAX: u32 = 24;

@inline
function directoryEntry(window: usize, hash: u64): usize {
  const prefix = <u32>(hash >> 33) >> (31 - load<u32>(window, L.WINDOW_DEPTH));
  return <usize>load<u32>(window, L.WINDOW_INDEX) + (<usize>prefix << 2);
}

@inline
function tagOf(hash: u64): u8 {
  return max<u8>(<u8>hash, 1);
}

/** The line where the way of a hash begins: its middle bits, scaled (D. Lemire, ACM TOMACS 29 (1), 2019). */
@inline
function homeOf(hash: u64, lines: u32): u32 {
  return <u32>((<u64>(<u32>(hash >> 8)) * <u64>lines) >> 32);
}

@inline
function lineAt(shard: usize, line: u32): usize {
  return <usize>load<u32>(shard) + (<usize>line << 6);
}

/** Groups that a table of so many lines takes. */
@inline
function groupsMax(lines: u32): u32 {
  return lines * (LINE_SLOTS - 1);
}

/**
 * Groups with which a shard of so many lines is full. Shards get equally many, and would all be divided within the same moment, some 100 ms
 * of work with millions of groups: so some, by chance, are full up to an eighth earlier.
 */
function limitOf(shard: usize, lines: u32): u32 {
  const most = groupsMax(lines);
  return lines < LINES_MAX ? most : most - (((most >> 3) * ((<u32>shard * 0x9e3779b1) >> 24)) >> 8);
}

/** Reads what a look-up of the hash will read first, so that the misses of several look-ups overlap; the record that it will probably find, or 0. */
@inline
export function indexTouch(window: usize, hash: u64): usize {
  const shard = <usize>load<u32>(directoryEntry(window, hash));
  const line = lineAt(shard, homeOf(hash, load<u32>(shard, SHARD_COUNT)));
  const matches = i8x16.bitmask(i8x16.eq(v128.load(line), i8x16.splat(tagOf(hash)))) & LINE_TAGS;
  return matches == 0 ? 0 : <usize>load<u32>(line + LINE_RECORDS + (<usize>ctz(matches) << 2));
}

/** The record of the row's key; 0 when there is none. */
export function indexFind(layout: usize, window: usize, hash: u64, columns: usize, row: usize): usize {
  if (load<u32>(window, L.WINDOW_INDEX) == 0) return 0;
  const shard = <usize>load<u32>(directoryEntry(window, hash));
  const lines = load<u32>(shard, SHARD_COUNT);
  const wanted = i8x16.splat(tagOf(hash));
  let at = homeOf(hash, lines);
  for (let left = lines; left > 0; left--) {
    const line = lineAt(shard, at);
    let matches = i8x16.bitmask(i8x16.eq(v128.load(line), wanted)) & LINE_TAGS;
    while (matches != 0) {
      const record = <usize>load<u32>(line + LINE_RECORDS + (<usize>ctz(matches) << 2));
      if (isGroupOf(layout, record, columns, row)) return record;
      matches &= matches - 1;
    }
    if (load<u8>(line, LINE_PASSED) == 0) return 0;
    at = at + 1 == lines ? 0 : at + 1;
  }
  return 0;
}

/** As {@link indexFind}, of the key of a record, or of what stands for one in a snapshot. */
export function indexFindKey(layout: usize, window: usize, hash: u64, other: usize): usize {
  if (load<u32>(window, L.WINDOW_INDEX) == 0) return 0;
  const shard = <usize>load<u32>(directoryEntry(window, hash));
  const lines = load<u32>(shard, SHARD_COUNT);
  const wanted = i8x16.splat(tagOf(hash));
  let at = homeOf(hash, lines);
  for (let left = lines; left > 0; left--) {
    const line = lineAt(shard, at);
    let matches = i8x16.bitmask(i8x16.eq(v128.load(line), wanted)) & LINE_TAGS;
    while (matches != 0) {
      const record = <usize>load<u32>(line + LINE_RECORDS + (<usize>ctz(matches) << 2));
      if (isSameKey(layout, record, other)) return record;
      matches &= matches - 1;
    }
    if (load<u8>(line, LINE_PASSED) == 0) return 0;
    at = at + 1 == lines ? 0 : at + 1;
  }
  return 0;
}

/** Puts a record into the first free slot on the way of its hash. */
function place(shard: usize, hash: u64, record: usize): void {
  const lines = load<u32>(shard, SHARD_COUNT);
  let at = homeOf(hash, lines);
  while (true) {
    const line = lineAt(shard, at);
    const room = i8x16.bitmask(i8x16.eq(v128.load(line), i64x2.splat(0))) & LINE_TAGS;
    if (room != 0) {
      const slot = <usize>ctz(room);
      store<u8>(line + slot, tagOf(hash));
      store<u32>(line + LINE_RECORDS + (slot << 2), <u32>record);
      return;
    }
    const passed = <u32>load<u8>(line, LINE_PASSED);
    if (passed < PASSED_MAX) store<u8>(line, <u8>(passed + 1), LINE_PASSED);
    at = at + 1 == lines ? 0 : at + 1;
  }
}

/** Takes a record out. */
export function indexRemove(layout: usize, window: usize, record: usize): void {
  const hash = hashOfRecord(layout, record);
  const shard = <usize>load<u32>(directoryEntry(window, hash));
  const lines = load<u32>(shard, SHARD_COUNT);
  const wanted = i8x16.splat(tagOf(hash));
  let at = homeOf(hash, lines);
  for (let left = lines; left > 0; left--) {
    const line = lineAt(shard, at);
    let matches = i8x16.bitmask(i8x16.eq(v128.load(line), wanted)) & LINE_TAGS;
    while (matches != 0) {
      const slot = <usize>ctz(matches);
      if (<usize>load<u32>(line + LINE_RECORDS + (slot << 2)) == record) {
        store<u8>(line + slot, 0);
        store<u32>(shard, load<u32>(shard, SHARD_GROUPS) - 1, SHARD_GROUPS);
        return;
      }
      matches &= matches - 1;
    }
    const passed = <u32>load<u8>(line, LINE_PASSED);
    if (passed < PASSED_MAX) store<u8>(line, <u8>(passed - 1), LINE_PASSED);
    at = at + 1 == lines ? 0 : at + 1;
  }
}

function setLines(table: usize, window: usize, shard: usize, lines: u32): void {
  const bytes = <usize>lines * LINE_BYTES + ALIGNMENT;
  const block = allocZeroed(bytes);
  store<u32>(shard, <u32>((block + ALIGNMENT) & ~(LINE_BYTES - 1)));
  store<u32>(shard, lines, SHARD_COUNT);
  store<u32>(shard, limitOf(shard, lines), SHARD_LIMIT);
  store<u32>(shard, <u32>block, SHARD_BLOCK);
  grown(table, window, <i64>(bytes + BLOCK_HEADER));
}

function freeLines(table: usize, window: usize, block: usize, lines: u32): void {
  free(block);
  grown(table, window, -<i64>(<usize>lines * LINE_BYTES + ALIGNMENT + BLOCK_HEADER));
}

function newShard(table: usize, window: usize, depth: u32, lines: u32): usize {
  const shard = allocZeroed(SHARD_BYTES);
  store<u32>(shard, depth, SHARD_DEPTH);
  grown(table, window, <i64>(SHARD_BYTES + BLOCK_HEADER));
  setLines(table, window, shard, lines);
  return shard;
}

/** The bit of the hash that tells the halves of a shard of that depth apart. */
@inline
function halfOf(hash: u64, depth: u32): u32 {
  return <u32>(hash >> (63 - <u64>depth)) & 1;
}

let touched: u32 = 0;

/** Places the records of some lines anew: in `low`, or in `high` (0: there is none) those whose hash has the bit after `depth`. */
function moveAll(layout: usize, from: usize, lines: u32, depth: u32, low: usize, high: usize): void {
  const end = from + <usize>lines * LINE_BYTES;
  for (let line = from; line < end; line += LINE_BYTES) {
    const filled = i8x16.bitmask(i8x16.ne(v128.load(line), i64x2.splat(0))) & LINE_TAGS;
    // Their misses of the cache overlap.
    for (let left = filled; left != 0; left &= left - 1) {
      touched ^= load<u32>(<usize>load<u32>(line + LINE_RECORDS + (<usize>ctz(left) << 2)));
    }
    for (let left = filled; left != 0; left &= left - 1) {
      const record = <usize>load<u32>(line + LINE_RECORDS + (<usize>ctz(left) << 2));
      const hash = hashOfRecord(layout, record);
      const shard = high != 0 && halfOf(hash, depth) != 0 ? high : low;
      place(shard, hash, record);
      store<u32>(shard, load<u32>(shard, SHARD_GROUPS) + 1, SHARD_GROUPS);
    }
  }
}

function setDirectory(table: usize, window: usize, depth: u32): void {
  const old = <usize>load<u32>(window, L.WINDOW_INDEX);
  const entries = <usize>1 << depth;
  const directory = alloc(entries << 2);
  const before = old == 0 ? <usize>0 : <usize>1 << load<u32>(window, L.WINDOW_DEPTH);
  if (old != 0) {
    const times = depth - load<u32>(window, L.WINDOW_DEPTH);
    for (let i: usize = 0; i < entries; i++) {
      store<u32>(directory + (i << 2), load<u32>(old + ((i >> times) << 2)));
    }
    free(old);
  }
  store<u32>(window, <u32>directory, L.WINDOW_INDEX);
  store<u32>(window, depth, L.WINDOW_DEPTH);
  grown(table, window, ((<i64>entries - <i64>before) << 2) + (old == 0 ? <i64>BLOCK_HEADER : 0));
}

/** Divides the shard of a hash. */
function divide(table: usize, window: usize, shard: usize, hash: u64): void {
  const layout = <usize>load<u32>(table);
  const depth = load<u32>(shard, SHARD_DEPTH);
  if (depth == load<u32>(window, L.WINDOW_DEPTH)) setDirectory(table, window, depth + 1);
  const lines = load<u32>(shard, SHARD_COUNT);
  const from = <usize>load<u32>(shard);
  const block = <usize>load<u32>(shard, SHARD_BLOCK);
  store<u32>(shard, depth + 1, SHARD_DEPTH);
  store<u32>(shard, 0, SHARD_GROUPS);
  setLines(table, window, shard, lines);
  const high = newShard(table, window, depth + 1, lines);
  moveAll(layout, from, lines, depth, shard, high);
  freeLines(table, window, block, lines);
  // The entries of the shard are those of its bits; the second half of them is the new one's.
  const entries = <usize>1 << (load<u32>(window, L.WINDOW_DEPTH) - depth);
  const first = directoryEntry(window, hash) - <usize>load<u32>(window, L.WINDOW_INDEX);
  const begin = <usize>load<u32>(window, L.WINDOW_INDEX) + (first & ~((entries << 2) - 1));
  for (let i = entries >> 1; i < entries; i++) store<u32>(begin + (i << 2), <u32>high);
}

function enlarge(table: usize, window: usize, shard: usize): void {
  const lines = load<u32>(shard, SHARD_COUNT);
  const from = <usize>load<u32>(shard);
  const block = <usize>load<u32>(shard, SHARD_BLOCK);
  store<u32>(shard, 0, SHARD_GROUPS);
  setLines(table, window, shard, linesAfter(lines));
  moveAll(<usize>load<u32>(table), from, lines, 0, shard, 0);
  freeLines(table, window, block, lines);
}

/** Twice as many, with their block a power of two. */
@inline
function linesAfter(lines: u32): u32 {
  return (lines + 1 << 1) - 1;
}

/** Makes the index of a window that has none large enough for so many groups. */
export function indexReserve(table: usize, window: usize, groups: u32): void {
  if (load<u32>(window, L.WINDOW_INDEX) != 0) return;
  let depth: u32 = 0;
  // Not so many that shards are divided at once: they are of different sizes, by chance, by some hundredths.
  const fullest = groupsMax(LINES_MAX) - (groupsMax(LINES_MAX) >> 3) - (groupsMax(LINES_MAX) >> 5);
  while (depth < DEPTH_MAX && groups >> depth > fullest) depth++;
  let lines: u32 = depth == 0 ? 1 : LINES_MAX;
  while (groupsMax(lines) < groups >> depth && lines < LINES_MAX) lines = linesAfter(lines);
  setDirectory(table, window, depth);
  const directory = <usize>load<u32>(window, L.WINDOW_INDEX);
  for (let i: usize = 0; i < <usize>1 << depth; i++) {
    store<u32>(directory + (i << 2), <u32>newShard(table, window, depth, lines));
  }
}

/** Room for one more group with that hash; before its record is made. */
@inline
export function indexRoom(table: usize, window: usize, hash: u64): void {
  if (load<u32>(window, L.WINDOW_INDEX) == 0) indexReserve(table, window, load<u32>(table, L.TABLE_EXPECTED));
  while (true) {
    const shard = <usize>load<u32>(directoryEntry(window, hash));
    if (load<u32>(shard, SHARD_GROUPS) < load<u32>(shard, SHARD_LIMIT)) return;
    const lines = load<u32>(shard, SHARD_COUNT);
    if (lines < LINES_MAX || load<u32>(shard, SHARD_DEPTH) == DEPTH_MAX) enlarge(table, window, shard);
    else divide(table, window, shard, hash);
  }
}

/** Puts a record in, for which {@link indexRoom} has made room. */
@inline
export function indexAdd(window: usize, hash: u64, record: usize): void {
  const shard = <usize>load<u32>(directoryEntry(window, hash));
  place(shard, hash, record);
  store<u32>(shard, load<u32>(shard, SHARD_GROUPS) + 1, SHARD_GROUPS);
}

export function indexFree(window: usize): void {
  const directory = <usize>load<u32>(window, L.WINDOW_INDEX);
  if (directory == 0) return;
  const end = directory + (<usize>4 << load<u32>(window, L.WINDOW_DEPTH));
  for (let entry = directory; entry < end;) {
    const shard = <usize>load<u32>(entry);
    entry += <usize>4 << (load<u32>(window, L.WINDOW_DEPTH) - load<u32>(shard, SHARD_DEPTH));
    free(<usize>load<u32>(shard, SHARD_BLOCK));
    free(shard);
  }
  free(directory);
}
