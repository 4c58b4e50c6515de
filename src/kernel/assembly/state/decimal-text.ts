// Sums and averages of integers and of scaled numbers as the text of a numeric: what plan/value/decimal.ts writes, digit by digit.

import { arenaAlloc, arenaTrim } from "../memory";
import * as L from "./group-layout";

/** The longest text: 39 digits of a sum, or those of an average with its scale. */
const TEXT_BYTES: usize = 160;
const BILLION: u64 = 1000000000;
/** PostgreSQL's NUMERIC_MIN_SIG_DIGITS, and the digits of its base, which shows in the scale of quotients. */
const SIGNIFICANT_DIGITS: i32 = 16;
const BASE_DIGITS: i32 = 4;

/** Digits (bytes 0 to 9), highest first, of the number at hand. */
const digits: usize = memory.data(192, 16);
let digitCount: i32 = 0;
const limbs: usize = memory.data(16, 16);

@inline
function digitAt(at: i32): u32 {
  return <u32>load<u8>(digits + <usize>at);
}

function putWord(value: u64): void {
  let at: i32 = 20;
  // Written backwards, then moved down.
  do {
    at--;
    store<u8>(digits + 128 + <usize>at, <u8>(value % 10));
    value /= 10;
  } while (value != 0);
  digitCount = 20 - at;
  memory.copy(digits, digits + 128 + <usize>at, <usize>digitCount);
}

/** Of a number of 128 bits: nine digits at a time. */
function putWide(low: u64, high: u64): void {
  store<u32>(limbs, <u32>low);
  store<u32>(limbs, <u32>(low >> 32), 4);
  store<u32>(limbs, <u32>high, 8);
  store<u32>(limbs, <u32>(high >> 32), 12);
  let at: i32 = 45;
  while (at > 0) {
    let rest: u64 = 0;
    for (let i: i32 = 3; i >= 0; i--) {
      const limb = limbs + (<usize>i << 2);
      const value = (rest << 32) | <u64>load<u32>(limb);
      store<u32>(limb, <u32>(value / BILLION));
      rest = value % BILLION;
    }
    for (let i: i32 = 0; i < 9; i++) {
      at--;
      store<u8>(digits + <usize>at, <u8>(rest % 10));
      rest /= 10;
    }
  }
  let first: i32 = 0;
  while (first < 44 && digitAt(first) == 0) first++;
  digitCount = 45 - first;
  memory.copy(digits, digits + <usize>first, <usize>digitCount);
}

/** Weight (power of 10^4) of the first non-zero digit in base 10^4, and its value, of the digits at hand with a scale. */
let leadingWeight: i32 = 0;
let leadingFirst: i32 = 0;

function lead(scale: i32): void {
  if (digitCount == 1 && digitAt(0) == 0) {
    leadingWeight = 0;
    leadingFirst = 0;
    return;
  }
  const top = digitCount - scale - 1;
  leadingWeight = top >= 0 ? top / BASE_DIGITS : -((3 - top) / BASE_DIGITS);
  const taken = top - leadingWeight * BASE_DIGITS + 1;
  let first: i32 = 0;
  for (let i: i32 = 0; i < taken; i++) first = first * 10 + (i < digitCount ? <i32>digitAt(i) : 0);
  leadingFirst = first;
}

/** The digits of `sum / 10^scale / count`; returns their scale (that of PostgreSQL's select_div_scale). Half goes away from zero. */
function putQuotient(sum: u64, count: u64, scale: i32): i32 {
  putWord(count);
  lead(0);
  const divisorWeight = leadingWeight;
  const divisorFirst = leadingFirst;
  putWord(sum);
  lead(scale);
  const weight = leadingWeight - divisorWeight - (leadingFirst <= divisorFirst ? 1 : 0);
  const wanted = max(max(SIGNIFICANT_DIGITS - weight * BASE_DIGITS, scale), 0);
  putWord(sum / count);
  let rest = sum % count;
  for (let more = wanted - scale; more > 0; more--) {
    rest *= 10;
    store<u8>(digits + <usize>digitCount, <u8>(rest / count));
    digitCount++;
    rest %= count;
  }
  if (rest << 1 >= count) roundUp();
  return wanted;
}

function roundUp(): void {
  let at = digitCount - 1;
  for (; at >= 0 && digitAt(at) == 9; at--) store<u8>(digits + <usize>at, 0);
  if (at >= 0) {
    store<u8>(digits + <usize>at, <u8>(digitAt(at) + 1));
    return;
  }
  memory.copy(digits + 1, digits, <usize>digitCount);
  store<u8>(digits, 1);
  digitCount++;
}

/** Writes the digits at hand with a point; returns the bytes. */
function write(target: usize, negative: bool, scale: i32): u32 {
  let at = target;
  if (negative) store<u8>(at++, 0x2d);
  const whole = digitCount - scale;
  if (whole <= 0) store<u8>(at++, 0x30);
  for (let i: i32 = 0; i < whole; i++) store<u8>(at++, <u8>(0x30 + digitAt(i)));
  if (scale > 0) {
    store<u8>(at++, 0x2e);
    for (let i = whole; i < 0; i++) store<u8>(at++, 0x30);
    for (let i = max(whole, 0); i < digitCount; i++) store<u8>(at++, <u8>(0x30 + digitAt(i)));
  }
  return <u32>(at - target);
}

/** The largest count and sum of which an average is written here. */
const PLAIN_MAX: u64 = 1 << 60;

/** All was written, none null; some is null; some is not for here. */
const WHOLE: u32 = 0;
const SOME_NULL: u32 = 1;
const REFUSED: u32 = 2;

/**
 * The results of one aggregate, which are sums of numbers with so many digits behind the point, as text of a numeric: the sums or their
 * averages. Returns whether any is null (1), or 2 when an average has too many digits: then nothing is to be read.
 */
export function groupDecimalColumn(
  table: usize, aggregate: u32, scale: i32, average: bool, results: usize, count: u32, data: usize, nulls: usize,
): u32 {
  const stride = <usize>load<u32>(<usize>load<u32>(table), L.LAYOUT_AGGREGATES) * L.RESULT_BYTES;
  const texts = arenaAlloc(<usize>count * TEXT_BYTES + 16);
  let at = texts;
  let any = WHOLE;
  let result = results + <usize>aggregate * L.RESULT_BYTES;
  for (let i: usize = 0; i < <usize>count; i++) {
    const rows = load<i64>(result, L.RESULT_COUNT);
    let length: u32 = 0;
    if (rows == 0) any = SOME_NULL;
    else {
      let low = load<u64>(result);
      let high = load<u64>(result, L.RESULT_HIGH);
      const negative = <i64>high < 0;
      if (negative) {
        low = ~low + 1;
        high = ~high + <u64>(low == 0);
      }
      let shown = scale;
      if (!average) {
        if (high == 0) putWord(low);
        else putWide(low, high);
      } else if (high != 0 || low > PLAIN_MAX || <u64>rows > PLAIN_MAX) return REFUSED;
      else shown = putQuotient(low, <u64>rows, scale);
      length = write(at, negative, shown);
    }
    store<u8>(nulls + i, rows == 0 ? 1 : 0);
    const reference = data + (i << 4);
    store<u32>(reference, length);
    store<u32>(reference, length >= 4 ? load<u32>(at) : load<u32>(at) & ((1 << (length << 3)) - 1), 4);
    store<u32>(reference, <u32>at, 8);
    store<u32>(reference, 0, 12);
    at += <usize>length;
    result += stride;
  }
  arenaTrim(texts, at - texts + 16);
  return any;
}
