// Counts in 4 bytes and sums in 6, as most groups need no more. A value that does not fit moves to a block of its own, whose address
// then stands in its place; the record of such a group is marked. Blocks go with their group.

import { alloc, free } from "../memory";
import * as L from "./group-layout";

export const COUNT_BYTES: usize = 4;
export const SUM_BYTES: usize = 6;

/** The other bits of a count are the address of its block, in units of 16 bytes. */
const COUNT_IS_BLOCK: u32 = 0x80000000;
/** Bits 46 and 47 of a sum differ only when the lower ones are such an address. */
const SUM_IS_BLOCK: i64 = 0x400000000000;
const SUM_LIMIT: i64 = 0x400000000000;
const ADDRESS_BITS: u32 = 0x0fffffff;

// Block of a sum: i128, and how many rows of the group it did not take (where it takes all but nulls).
const BLOCK_HIGH: usize = 8;
const BLOCK_MISSING: usize = 16;
/** With their headers. */
const COUNT_BLOCK_BYTES: i64 = 32;
const SUM_BLOCK_BYTES: i64 = 40;

/** Blocks that there are, of all tables. */
export let blocks: u32 = 0;
let allocated: i64 = 0;

/** Bytes of blocks that came and went since it was asked last. */
export function takeAllocated(): i64 {
  const bytes = allocated;
  allocated = 0;
  return bytes;
}

@inline
function countBlock(value: u32): usize {
  return <usize>(value & ADDRESS_BITS) << 4;
}

@inline
export function countAt(at: usize): i64 {
  const value = load<u32>(at);
  return value < COUNT_IS_BLOCK ? <i64>value : load<i64>(countBlock(value));
}

@inline
export function addToCount(record: usize, at: usize, more: i64): void {
  const value = load<u32>(at);
  const sum = <i64>value + more;
  if (value < COUNT_IS_BLOCK && <u64>sum < <u64>COUNT_IS_BLOCK) store<u32>(at, <u32>sum);
  else addToLargeCount(record, at, more);
}

function addToLargeCount(record: usize, at: usize, more: i64): void {
  const value = load<u32>(at);
  if (value >= COUNT_IS_BLOCK) {
    const block = countBlock(value);
    store<i64>(block, load<i64>(block) + more);
    return;
  }
  const block = newBlock(record, 8, COUNT_BLOCK_BYTES);
  store<i64>(block, <i64>value + more);
  store<u32>(at, COUNT_IS_BLOCK | <u32>(block >> 4));
}

function newBlock(record: usize, bytes: usize, counted: i64): usize {
  store<u8>(record, load<u8>(record) | <u8>L.RECORD_WIDE);
  blocks++;
  allocated += counted;
  return alloc(bytes);
}

export function freeCount(at: usize): void {
  const value = load<u32>(at);
  if (value < COUNT_IS_BLOCK) return;
  free(countBlock(value));
  store<u32>(at, 0);
  blocks--;
  allocated -= COUNT_BLOCK_BYTES;
}

@inline
function rawSum(at: usize): i64 {
  return (<i64>load<u64>(at) << 16) >> 16;
}

@inline
function isBlock(raw: i64): bool {
  return <u64>(raw + SUM_LIMIT) >= <u64>(SUM_LIMIT << 1);
}

@inline
function storeSum(at: usize, value: i64): void {
  store<u32>(at, <u32>value);
  store<u16>(at, <u16>(value >> 32), 4);
}

@inline
function sumBlock(raw: i64): usize {
  return <usize>(<u32>raw & ADDRESS_BITS) << 4;
}

/** The high word of the sum that {@link sumAt} gave last, and how many rows it did not take. */
export let sumHigh: i64 = 0;
export let sumMissing: i64 = 0;

/** The low word of a sum. */
@inline
export function sumAt(at: usize): i64 {
  const raw = rawSum(at);
  if (!isBlock(raw)) {
    sumHigh = raw >> 63;
    sumMissing = 0;
    return raw;
  }
  const block = sumBlock(raw);
  sumHigh = load<i64>(block, BLOCK_HIGH);
  sumMissing = load<i64>(block, BLOCK_MISSING);
  return load<i64>(block);
}

/** Adds a value, or takes it back. */
@inline
export function addToSum(record: usize, at: usize, value: i64, isTaken: bool): void {
  const raw = rawSum(at);
  const sum = isTaken ? raw + value : raw - value;
  // What overflows is far beyond the limit, too.
  if (!isBlock(raw) && !isBlock(sum)) storeSum(at, sum);
  else if (isTaken) addWide(record, at, <u64>value, value >> 63, 0);
  else addWide(record, at, -<u64>value, value == 0 ? 0 : ~(value >> 63), 0);
}

/** Adds 128 bits, and rows that are not in the sum. */
export function addWide(record: usize, at: usize, low: u64, high: i64, missing: i64): void {
  const raw = rawSum(at);
  let block: usize = 0;
  if (isBlock(raw)) block = sumBlock(raw);
  else {
    const sum = raw + <i64>low;
    if (missing == 0 && high == <i64>low >> 63 && !isBlock(<i64>low) && !isBlock(sum)) {
      storeSum(at, sum);
      return;
    }
    block = newBlock(record, 24, SUM_BLOCK_BYTES);
    store<i64>(block, raw);
    store<i64>(block, raw >> 63, BLOCK_HIGH);
    store<i64>(block, 0, BLOCK_MISSING);
    storeSum(at, SUM_IS_BLOCK | <i64>(<u32>(block >> 4)));
  }
  const sum = load<u64>(block) + low;
  store<i64>(block, load<i64>(block, BLOCK_HIGH) + high + <i64>(sum < low), BLOCK_HIGH);
  store<u64>(block, sum);
  store<i64>(block, load<i64>(block, BLOCK_MISSING) + missing, BLOCK_MISSING);
}

export function freeSum(at: usize): void {
  const raw = rawSum(at);
  if (!isBlock(raw)) return;
  free(sumBlock(raw));
  storeSum(at, 0);
  blocks--;
  allocated -= SUM_BLOCK_BYTES;
}
