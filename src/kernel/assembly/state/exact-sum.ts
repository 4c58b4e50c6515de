// Sums of doubles without rounding until they are read: a fixed-point number with its unit at 2^-1074, the least double, in two's
// complement. Most sums stay within three neighbouring words of 64 bits (values that differ by a factor of up to about 10^38),
// which lie in the record; the others get all 34 words in a block of their own. Since nothing is ever rounded, the order of the
// additions does not show, and taking back leaves no trace. (The idea is U. Kulisch's long accumulator.)
//
// State, 40 bytes: three words, i64 count of what was added, i32 position of the lowest word plus 1 (0 while the sum is empty),
// u32 block or 0. Block: counts (i64) of NaN, +Infinity and -Infinity, then 34 words.

import { allocZeroed, free } from "../memory";

export const SUM_BYTES: usize = 40;
export const SUM_COUNT: usize = 24;
const SUM_BASE: usize = 32;
const SUM_BLOCK: usize = 36;

export const BLOCK_BYTES: usize = 24 + 34 * 8;
const BLOCK_WORDS: usize = 24;
const WORDS: i32 = 34;

const scratch: usize = memory.data(34 * 8, 16);

/** Blocks that are allocated: while there are none, nothing needs to be looked through to free them. */
export let sumBlocks: u32 = 0;

let carry: u64 = 0;

@inline
function addWord(at: usize, value: u64): void {
  const sum = load<u64>(at) + value;
  const over = <u64>(sum < value);
  const total = sum + carry;
  carry = over | <u64>(total < sum);
  store<u64>(at, total);
}

@inline
function subtractWord(at: usize, value: u64): void {
  const before = load<u64>(at);
  const difference = before - value;
  const under = <u64>(before < value);
  const total = difference - carry;
  carry = under | <u64>(difference < total);
  store<u64>(at, total);
}

/** The block with all words, made from the three when there is none. */
function blockOf(state: usize): usize {
  const known = <usize>load<u32>(state, SUM_BLOCK);
  if (known != 0) return known;
  const block = allocZeroed(BLOCK_BYTES);
  sumBlocks++;
  const base = load<i32>(state, SUM_BASE) - 1;
  if (base >= 0) {
    const words = block + BLOCK_WORDS;
    memory.copy(words + (<usize>base << 3), state, 24);
    if (load<i64>(state, 16) < 0) {
      const from = words + (<usize>(base + 3) << 3);
      memory.fill(from, 0xff, block + BLOCK_BYTES - from);
    }
  }
  store<u32>(state, <u32>block, SUM_BLOCK);
  return block;
}

function addToBlock(state: usize, word: i32, low: u64, high: u64, negative: bool): void {
  const words = blockOf(state) + BLOCK_WORDS;
  const end = words + (<usize>WORDS << 3);
  let at = words + (<usize>word << 3);
  carry = 0;
  if (negative) {
    subtractWord(at, low);
    subtractWord(at + 8, high);
    for (at += 16; carry != 0 && at < end; at += 8) subtractWord(at, 0);
  } else {
    addWord(at, low);
    addWord(at + 8, high);
    for (at += 16; carry != 0 && at < end; at += 8) addWord(at, 0);
  }
}

/** Moves the three words one place down in value; false when the highest is needed. */
function slideDown(state: usize): bool {
  if (load<i64>(state, 16) != load<i64>(state, 8) >> 63) return false;
  store<u64>(state, load<u64>(state, 8), 16);
  store<u64>(state, load<u64>(state), 8);
  store<u64>(state, 0);
  store<i32>(state, load<i32>(state, SUM_BASE) - 1, SUM_BASE);
  return true;
}

@inline
function isZero(state: usize): bool {
  return (load<u64>(state) | load<u64>(state, 8) | load<u64>(state, 16)) == 0;
}

/** Half of the range is left free above, so that one addition cannot leave it unseen. */
@inline
function isWide(state: usize): bool {
  const top = load<i64>(state, 16);
  return top >= i64.MAX_VALUE >> 1 || top <= i64.MIN_VALUE >> 1;
}

/** Moves the three words so that `word` and the one above it are among them; false when the sum does not fit. */
function reach(state: usize, word: i32): bool {
  let base = load<i32>(state, SUM_BASE) - 1;
  if (base < 0 || isZero(state)) {
    store<i32>(state, word + 1, SUM_BASE);
    return true;
  }
  while (word < base) {
    if (!slideDown(state)) return false;
    base--;
  }
  while (word > base + 1) {
    if (load<u64>(state) != 0) return false;
    store<u64>(state, load<u64>(state, 8));
    store<u64>(state, load<u64>(state, 16), 8);
    store<i64>(state, load<i64>(state, 16) >> 63, 16);
    base++;
    store<i32>(state, base + 1, SUM_BASE);
  }
  return true;
}

/** Adds `value` (weight > 0) or takes it back (weight < 0). */
export function sumAdd(state: usize, value: f64, weight: i32): void {
  store<i64>(state, load<i64>(state, SUM_COUNT) + <i64>weight, SUM_COUNT);
  const bits = reinterpret<u64>(value);
  let exponent = <i32>(bits >> 52) & 0x7ff;
  let mantissa = bits & 0x000fffffffffffff;
  if (exponent == 0x7ff) {
    const counter = blockOf(state) + <usize>(mantissa != 0 ? 0 : bits >> 63 == 0 ? 8 : 16);
    store<i64>(counter, load<i64>(counter) + <i64>weight);
    return;
  }
  if (exponent == 0) {
    if (mantissa == 0) return;
    exponent = 1;
  } else mantissa |= 0x0010000000000000;
  const place = exponent - 1;
  const word = place >> 6;
  const shift = <u64>(place & 63);
  const low = mantissa << shift;
  const high = shift > 11 ? mantissa >> (64 - shift) : 0;
  const negative = (bits >> 63 != 0) != (weight < 0);
  if (load<u32>(state, SUM_BLOCK) != 0) {
    addToBlock(state, word, low, high, negative);
    return;
  }
  const offset = word - (load<i32>(state, SUM_BASE) - 1);
  if (<u32>offset > 1 || load<i32>(state, SUM_BASE) == 0) {
    if (!reach(state, word)) {
      addToBlock(state, word, low, high, negative);
      return;
    }
  }
  const isLowest = word == load<i32>(state, SUM_BASE) - 1;
  const x0 = isLowest ? low : 0;
  const x1 = isLowest ? high : low;
  const x2 = isLowest ? 0 : high;
  if (isWide(state)) {
    addToBlock(state, word, low, high, negative);
    return;
  }
  carry = 0;
  if (negative) {
    subtractWord(state, x0);
    subtractWord(state + 8, x1);
    subtractWord(state + 16, x2);
  } else {
    addWord(state, x0);
    addWord(state + 8, x1);
    addWord(state + 16, x2);
  }
}

/** Words of the magnitude into the scratch; whether the number is negative. */
function magnitude(words: usize, count: i32): bool {
  const negative = load<i64>(words + (<usize>(count - 1) << 3)) < 0;
  let borrow: u64 = 1;
  for (let i: i32 = 0; i < count; i++) {
    let word = load<u64>(words + (<usize>i << 3));
    if (negative) {
      word = ~word + borrow;
      borrow = <u64>(borrow != 0 && word == 0);
    }
    store<u64>(scratch + (<usize>i << 3), word);
  }
  return negative;
}

@inline
function wordAt(at: i32): u64 {
  return load<u64>(scratch + (<usize>at << 3));
}

/** The double nearest to the number in `count` words, the lowest at word `base`; ties to even. */
function round(words: usize, count: i32, base: i32): f64 {
  const negative = magnitude(words, count);
  let top = count - 1;
  while (top >= 0 && wordAt(top) == 0) top--;
  if (top < 0) return 0;
  // Places count from 2^-1074, and `kept` is the place of the last bit that the double keeps.
  const highest = (top << 6) + 63 - <i32>clz(wordAt(top));
  const kept = max(highest + (base << 6) - 52, 0);
  const cut = kept - (base << 6);
  let bits: u64;
  if (cut <= 0) {
    // All of it fits; the number has at most 53 bits.
    bits = wordAt(0) << <u64>(-cut);
  } else {
    const at = cut >> 6;
    const shift = <u64>(cut & 63);
    bits = wordAt(at) >> shift;
    if (shift != 0 && at + 1 < count) bits |= wordAt(at + 1) << (64 - shift);
    const half = cut - 1;
    if ((wordAt(half >> 6) >> <u64>(half & 63)) & 1) {
      let below = wordAt(half >> 6) & (((<u64>1) << <u64>(half & 63)) - 1);
      for (let i: i32 = (half >> 6) - 1; i >= 0 && below == 0; i--) below |= wordAt(i);
      if (below != 0 || (bits & 1) != 0) bits++;
    }
  }
  // With the leading bit in it, the exponent of a normal number is one more than `kept`; below 2^52 it is a subnormal one.
  bits += <u64>kept << 52;
  if (bits >= 0x7ff0000000000000) bits = 0x7ff0000000000000;
  return reinterpret<f64>(negative ? bits | 0x8000000000000000 : bits);
}

/** The sum, rounded once; 0 when nothing was added. */
export function sumValue(state: usize): f64 {
  const block = <usize>load<u32>(state, SUM_BLOCK);
  if (block == 0) {
    const base = load<i32>(state, SUM_BASE) - 1;
    return base < 0 ? 0 : round(state, 3, base);
  }
  const positive = load<i64>(block, 8) > 0;
  const negative = load<i64>(block, 16) > 0;
  if (load<i64>(block) > 0 || (positive && negative)) return NaN;
  if (positive) return Infinity;
  if (negative) return -Infinity;
  return round(block + BLOCK_WORDS, WORDS, 0);
}

export function sumFree(state: usize): void {
  if (load<u32>(state, SUM_BLOCK) == 0) return;
  free(<usize>load<u32>(state, SUM_BLOCK));
  store<u32>(state, 0, SUM_BLOCK);
  sumBlocks--;
}

/** Adds all of another sum that has no block; its words may be moved. */
export function sumMerge(state: usize, other: usize): void {
  store<i64>(state, load<i64>(state, SUM_COUNT) + load<i64>(other, SUM_COUNT), SUM_COUNT);
  if (load<i32>(other, SUM_BASE) == 0 || isZero(other)) return;
  if (load<u32>(state, SUM_BLOCK) == 0) {
    if (load<i32>(state, SUM_BASE) == 0 || isZero(state)) {
      memory.copy(state, other, 24);
      store<i32>(state, load<i32>(other, SUM_BASE), SUM_BASE);
      return;
    }
    if (mergeWords(state, other)) return;
  }
  mergeBlock(state, other);
}

function mergeWords(state: usize, other: usize): bool {
  while (load<i32>(state, SUM_BASE) > load<i32>(other, SUM_BASE)) if (!slideDown(state)) return false;
  while (load<i32>(other, SUM_BASE) > load<i32>(state, SUM_BASE)) if (!slideDown(other)) return false;
  if (isWide(state) || isWide(other)) return false;
  carry = 0;
  addWord(state, load<u64>(other));
  addWord(state + 8, load<u64>(other, 8));
  addWord(state + 16, load<u64>(other, 16));
  return true;
}

function mergeBlock(state: usize, other: usize): void {
  const words = blockOf(state) + BLOCK_WORDS;
  const base = load<i32>(other, SUM_BASE) - 1;
  const extension = <u64>(load<i64>(other, 16) >> 63);
  carry = 0;
  for (let i: i32 = base; i < WORDS; i++) {
    addWord(words + (<usize>i << 3), i < base + 3 ? load<u64>(other + (<usize>(i - base) << 3)) : extension);
  }
}

@inline
export function sumHasBlock(state: usize): bool {
  return load<u32>(state, SUM_BLOCK) != 0;
}

/** Bytes that {@link sumExport} writes. */
export function sumExportBytes(state: usize): usize {
  return SUM_BYTES + (load<u32>(state, SUM_BLOCK) != 0 ? BLOCK_BYTES : 0);
}

/** The state and, if it has one, its block. */
export function sumExport(state: usize, target: usize): void {
  const block = <usize>load<u32>(state, SUM_BLOCK);
  memory.copy(target, state, SUM_BYTES);
  store<u32>(target, block != 0 ? 1 : 0, SUM_BLOCK);
  if (block != 0) memory.copy(target + SUM_BYTES, block, BLOCK_BYTES);
}

const incoming: usize = memory.data(40, 16);

/** Adds all of a sum that {@link sumExport} wrote. */
export function sumMergeExported(state: usize, from: usize): void {
  memory.copy(incoming, from, SUM_BYTES);
  if (load<u32>(incoming, SUM_BLOCK) == 0) sumMerge(state, incoming);
  else addBlock(state, load<i64>(incoming, SUM_COUNT), from + SUM_BYTES);
}

/** Adds all of another sum; its words may be moved. */
export function sumMergeAll(state: usize, other: usize): void {
  const block = <usize>load<u32>(other, SUM_BLOCK);
  if (block == 0) sumMerge(state, other);
  else addBlock(state, load<i64>(other, SUM_COUNT), block);
}

function addBlock(state: usize, count: i64, other: usize): void {
  const block = blockOf(state);
  store<i64>(state, load<i64>(state, SUM_COUNT) + count, SUM_COUNT);
  for (let at: usize = 0; at < BLOCK_WORDS; at += 8) {
    store<i64>(block + at, load<i64>(block + at) + load<i64>(other + at));
  }
  carry = 0;
  for (let at = BLOCK_WORDS; at < BLOCK_BYTES; at += 8) addWord(block + at, load<u64>(other + at));
}

/** Takes in what {@link sumExport} wrote; returns the bytes read. */
export function sumImport(state: usize, from: usize): usize {
  memory.copy(state, from, SUM_BYTES);
  if (load<u32>(from, SUM_BLOCK) == 0) return SUM_BYTES;
  const block = allocZeroed(BLOCK_BYTES);
  sumBlocks++;
  memory.copy(block, from + SUM_BYTES, BLOCK_BYTES);
  store<u32>(state, <u32>block, SUM_BLOCK);
  return SUM_BYTES + BLOCK_BYTES;
}
