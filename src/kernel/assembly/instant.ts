// Dates and times: ISO 8601 as RFC 3339 profiles it, and what PostgreSQL reads besides (a space for the T, no seconds,
// no offset, `+02`). Proleptic Gregorian calendar; microseconds since the Unix epoch.

/** Result of the parsers below. */
export let instant: i64 = 0;
export let days: i32 = 0;

@inline
function pair(p: usize): u32 {
  // Two digits, or something above 99.
  const a = <u32>load<u8>(p) - 48;
  const b = <u32>load<u8>(p, 1) - 48;
  return a > 9 || b > 9 ? 255 : a * 10 + b;
}

/** Days from 1970-01-01 (after H. Hinnant, chrono-compatible low-level date algorithms). */
@inline
function daysFromCivil(year: i32, month: i32, day: i32): i32 {
  const y = month <= 2 ? year - 1 : year;
  const era = (y >= 0 ? y : y - 399) / 400;
  const yearOfEra = y - era * 400;
  const dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468;
}

@inline
function isDay(year: i32, month: u32, day: u32): bool {
  if (month - 1 > 11 || day - 1 > 30) return false;
  if (day <= 28) return true;
  if (month == 2) return day == 29 && (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0);
  return day <= 30 || ((month + (month >> 3)) & 1) == 1;
}

/** `2024-01-31`: sets `days`. */
export function parseDate(p: usize, length: u32): bool {
  if (length != 10 || load<u8>(p, 4) != 0x2d || load<u8>(p, 7) != 0x2d) return false;
  const century = pair(p);
  const year = pair(p + 2);
  const month = pair(p + 5);
  const day = pair(p + 8);
  if (century > 99 || year > 99 || !isDay(century * 100 + year, month, day)) return false;
  days = daysFromCivil(century * 100 + year, month, day);
  return true;
}

// `YYYY-MM-DDTHH:MM` less this is a digit's value or, at a separator, zero (the T is checked on its own).
// prettier-ignore
const TEMPLATE: v128 = i8x16(48, 48, 48, 48, 45, 48, 48, 45, 48, 48, 0, 48, 48, 58, 48, 48);
const LIMITS: v128 = i8x16(9, 9, 9, 9, 0, 9, 9, 0, 9, 9, -1, 9, 9, 0, 9, 9);

/**
 * A date and time: sets `instant`. The offset is applied when `useOffset`, and ignored otherwise (PostgreSQL's timestamp without
 * time zone); none means UTC. `strict` takes only what RFC 3339 calls date-time.
 */
export function parseInstant(p: usize, length: u32, useOffset: bool, strict: bool): bool {
  if (length < 16) {
    if (strict || !parseDate(p, length)) return false;
    instant = <i64>days * 86_400_000_000;
    return true;
  }
  const v = i8x16.sub(v128.load(p), TEMPLATE);
  if (!i8x16.all_true(i8x16.le_u(v, LIMITS))) return false;
  const separator = load<u8>(p, 10);
  if (separator != 0x54 && separator != 0x74 && (strict || separator != 0x20)) return false;
  const digits = i8x16.shuffle(v, v, 0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 15, 15, 15, 15);
  // Each 16-bit lane holds two digits, the first in its low byte.
  const pairs = i16x8.add(i16x8.mul(v128.and(digits, i16x8.splat(0xff)), i16x8.splat(10)), i16x8.shr_u(digits, 8));
  const year = <i32>i16x8.extract_lane_u(pairs, 0) * 100 + i16x8.extract_lane_u(pairs, 1);
  const month = <u32>i16x8.extract_lane_u(pairs, 2);
  const day = <u32>i16x8.extract_lane_u(pairs, 3);
  const hour = <u32>i16x8.extract_lane_u(pairs, 4);
  const minute = <u32>i16x8.extract_lane_u(pairs, 5);
  if (hour > 23 || minute > 59 || !isDay(year, month, day)) return false;
  const end = p + length;
  p += 16;
  let second: u32 = 0;
  let micros: u32 = 0;
  if (p < end && load<u8>(p) == 0x3a) {
    second = pair(p + 1);
    // 60 is a leap second; the next minute begins, as in PostgreSQL.
    if (p + 3 > end || second > 60) return false;
    p += 3;
    if (p < end && (load<u8>(p) == 0x2e || (!strict && load<u8>(p) == 0x2c))) {
      p = fraction(p + 1, end);
      if (p == 0) return false;
      micros = fractionMicros;
    }
  } else if (strict) return false;
  let offsetMinutes = 0;
  if (p < end) {
    if (!parseOffset(p, end, strict)) return false;
    offsetMinutes = offset;
  } else if (strict) return false;
  let minutes = <i64>daysFromCivil(year, month, day) * 1440 + (hour * 60 + minute);
  if (useOffset) minutes -= offsetMinutes;
  instant = (minutes * 60 + second) * 1_000_000 + micros;
  return true;
}

// `:SS.mmmZ`, the last eight bytes of what JavaScript's toISOString writes.
const TAIL: v128 = i8x16(58, 48, 48, 46, 48, 48, 48, 90, 0, 0, 0, 0, 0, 0, 0, 0);
const TAIL_LIMITS: v128 = i8x16(0, 9, 9, 0, 9, 9, 9, 0, -1, -1, -1, -1, -1, -1, -1, -1);

/** Of century, year, month, day, hour, minute, second and the first two digits of the milliseconds. */
const PAIR_LIMITS: v128 = i16x8(99, 99, 99, 99, 23, 59, 59, 99);
const PAIR_WEIGHTS: v128 = i16x8(0, 0, 0, 0, 60, 1, 100, 1);

/** Values of the pairs of digits, by 16-bit lane: the first digit of each is in the low byte. */
@inline
function digitPairs(v: v128, tail: v128): v128 {
  const digits = i8x16.shuffle(v, tail, 0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 20, 21);
  return i16x8.add(i16x8.mul(v128.and(digits, i16x8.splat(0xff)), i16x8.splat(10)), i16x8.shr_u(digits, 8));
}

/** `2024-01-31T12:34:56.789Z`, the most common form, of 24 bytes: sets `instant`; false for all else. */
export function parseUtcMillis(p: usize): bool {
  const v = i8x16.sub(v128.load(p), TEMPLATE);
  const tail = i8x16.sub(v128.load(p, 16), TAIL);
  if (!i8x16.all_true(v128.and(i8x16.le_u(v, LIMITS), i8x16.le_u(tail, TAIL_LIMITS)))) return false;
  if (load<u8>(p, 10) != 0x54) return false;
  const pairs = digitPairs(v, tail);
  if (!i16x8.all_true(i16x8.le_u(pairs, PAIR_LIMITS)) || !setDate(v, pairs)) return false;
  // Hours and minutes in minutes, seconds and hundredths in hundredths.
  const sums = i32x4.dot_i16x8_s(pairs, PAIR_WEIGHTS);
  const ofDay = i32x4.extract_lane(sums, 2) * 60_000 + i32x4.extract_lane(sums, 3) * 10 + i8x16.extract_lane_u(tail, 6);
  instant = (<i64>lastDays * 86_400_000 + ofDay) * 1000;
  return true;
}

/** The ten bytes of the date that was read last, less TEMPLATE, and its days: events that follow each other are mostly of one day. */
const lastDate: usize = memory.data(16, 16);
let lastDays: i32 = -1;

/** The date of `v`, which consists of digits: sets `lastDays`. */
@inline
function setDate(v: v128, pairs: v128): bool {
  const equal = i8x16.bitmask(i8x16.eq(v, v128.load(lastDate))) & 0x3ff;
  return (equal == 0x3ff && lastDays >= 0) || setNewDate(v, pairs);
}

function setNewDate(v: v128, pairs: v128): bool {
  const year = <i32>i16x8.extract_lane_u(pairs, 0) * 100 + i16x8.extract_lane_u(pairs, 1);
  const month = <u32>i16x8.extract_lane_u(pairs, 2);
  const day = <u32>i16x8.extract_lane_u(pairs, 3);
  if (!isDay(year, month, day)) return false;
  v128.store(lastDate, v);
  lastDays = daysFromCivil(year, month, day);
  return true;
}

/** Whether {@link parseUtcMillis} takes it. */
export function isUtcMillis(p: usize): bool {
  const v = i8x16.sub(v128.load(p), TEMPLATE);
  const tail = i8x16.sub(v128.load(p, 16), TAIL);
  if (!i8x16.all_true(v128.and(i8x16.le_u(v, LIMITS), i8x16.le_u(tail, TAIL_LIMITS)))) return false;
  if (load<u8>(p, 10) != 0x54) return false;
  const pairs = digitPairs(v, tail);
  return i16x8.all_true(i16x8.le_u(pairs, PAIR_LIMITS)) && setDate(v, pairs);
}

let fractionMicros: u32 = 0;

/** Digits after the point: the first six, rounded by the seventh. Returns the end, or 0. */
function fraction(p: usize, end: usize): usize {
  let value: u32 = 0;
  let n = 0;
  while (p < end) {
    const d = <u32>load<u8>(p) - 48;
    if (d > 9) break;
    if (n < 6) value = value * 10 + d;
    else if (n == 6 && d >= 5) value++;
    n++;
    p++;
  }
  if (n == 0) return 0;
  for (; n < 6; n++) value *= 10;
  fractionMicros = value;
  return p;
}

let offset: i32 = 0;

/** `Z`, `+02:00`, `+0200` or `+02`, up to the end. */
function parseOffset(p: usize, end: usize, strict: bool): bool {
  const sign = load<u8>(p);
  if (sign == 0x5a || sign == 0x7a) {
    offset = 0;
    return p + 1 == end;
  }
  if (sign != 0x2b && sign != 0x2d) return false;
  const length = end - p;
  const hours = pair(p + 1);
  let minutes: u32 = 0;
  if (length == 6 && load<u8>(p, 3) == 0x3a) minutes = pair(p + 4);
  else if (length == 5 && !strict) minutes = pair(p + 3);
  else if (length != 3 || strict) return false;
  if (hours > 23 || minutes > 59) return false;
  offset = <i32>(hours * 60 + minutes);
  if (sign == 0x2d) offset = -offset;
  return true;
}

/** `12:34[:56[.789]]`: sets `instant` to the microseconds since midnight. */
export function parseTime(p: usize, length: u32): bool {
  const end = p + length;
  if (length < 5 || load<u8>(p, 2) != 0x3a) return false;
  const hour = pair(p);
  const minute = pair(p + 3);
  if (hour > 23 || minute > 59) return false;
  let second: u32 = 0;
  let micros: u32 = 0;
  p += 5;
  if (p < end) {
    if (load<u8>(p) != 0x3a || p + 3 > end) return false;
    second = pair(p + 1);
    if (second > 59) return false;
    p += 3;
    if (p < end) {
      if (load<u8>(p) != 0x2e) return false;
      p = fraction(p + 1, end);
      if (p != end) return false;
      micros = fractionMicros;
    }
  }
  instant = <i64>((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
  return true;
}

const ZERO: v128 = i8x16.splat(48);
const LETTER_A: v128 = i8x16.splat(97);
const NINE: v128 = i8x16.splat(9);
const FIVE: v128 = i8x16.splat(5);
const DASH: v128 = i8x16.splat(45);
const CASE: v128 = i8x16.splat(0x20);

/** 1 for a UUID in canonical lower case, 2 with capitals (to be lowered), 0 for none: `8-4-4-4-12` hexadecimal digits. */
export function checkUuid(p: usize, length: u32): u32 {
  if (length != 36) return 0;
  const a = v128.load(p);
  const b = v128.load(p, 16);
  const c = v128.load(p, 20);
  const hex = v128.and(hexDigitsOrDash(a), v128.and(hexDigitsOrDash(b), hexDigitsOrDash(c)));
  if (!i8x16.all_true(hex)) return 0;
  const dashes = i8x16.bitmask(i8x16.eq(a, DASH)) | (i8x16.bitmask(i8x16.eq(b, DASH)) << 16);
  if (dashes != 0x00842100 || i8x16.bitmask(i8x16.eq(c, DASH)) != 0x0008) return 0;
  // Digits and dashes have the bit that capitals lack.
  return i8x16.bitmask(i8x16.shl(v128.and(v128.and(a, b), c), 2)) == 0xffff ? 1 : 2;
}

@inline
function hexDigits(v: v128): v128 {
  const letters = i8x16.le_u(i8x16.sub(v128.or(v, CASE), LETTER_A), FIVE);
  return v128.or(i8x16.le_u(i8x16.sub(v, ZERO), NINE), letters);
}

@inline
function hexDigitsOrDash(v: v128): v128 {
  return v128.or(hexDigits(v), i8x16.eq(v, DASH));
}
