// Values as text, and text as values: the common forms. For any other the answer is false, and the interpreter decides.

import { bytesOf, lengthOf, setReference, textRoom, textTake } from "./reference";
import { civilDay, civilMonth, civilYear, splitDays } from "./calendar";
import { divideRounded, multiplyOverflows } from "./arithmetic";
import { days, instant, parseDate, parseUtcMillis } from "../instant";

const MICROS_PER_DAY: i64 = 86_400_000_000;

/** Digits of an unsigned number, right-aligned to end at `end`; returns where they begin. */
@inline
function digitsBefore(end: usize, value: u64): usize {
  while (value >= 0x1_0000_0000) {
    const rest = value % 10;
    value /= 10;
    store<u8>(--end, <u8>rest + 48);
  }
  let small = <u32>value;
  do {
    const rest = small % 10;
    small /= 10;
    store<u8>(--end, <u8>rest + 48);
  } while (small != 0);
  return end;
}

/** Copies what stands right-aligned before `end` to a reference. The room was taken for it. */
@inline
function finish(out: usize, start: usize, end: usize): void {
  textTake(end);
  setReference(out, start, <u32>(end - start));
}

export function intText(value: i64, out: usize): void {
  const end = textRoom(24) + 20;
  let start = digitsBefore(end, value < 0 ? 0 - <u64>value : <u64>value);
  if (value < 0) store<u8>(--start, 0x2d);
  finish(out, start, end);
}

/** `value / 10^scale` with all digits of the scale; `scale` is at most 18 or so (the room takes 40). */
export function decimalText(value: i64, scale: i32, out: usize): void {
  if (scale == 0) {
    intText(value, out);
    return;
  }
  const end = textRoom(64) + 48;
  let rest: u64 = value < 0 ? 0 - <u64>value : <u64>value;
  let p = end;
  for (let i = 0; i < scale; i++) {
    store<u8>(--p, <u8>(rest % 10) + 48);
    rest /= 10;
  }
  store<u8>(--p, 0x2e);
  p = digitsBefore(p, rest);
  if (value < 0) store<u8>(--p, 0x2d);
  finish(out, p, end);
}

/**
 * A double that is a decimal number of at most 15 digits, none beyond the tenth after the point: no other number with as
 * few digits reads back as it, so these are the shortest.
 */
export function doubleText(value: f64, out: usize): bool {
  const size = abs<f64>(value);
  if (!(size >= 1e-4 && size < 1e15)) {
    if (value != 0 || reinterpret<u64>(value) != 0) return false;
    intText(0, out);
    return true;
  }
  let power: f64 = 1;
  for (let scale = 0; scale <= 10; scale++) {
    const scaled = nearest<f64>(size * power);
    if (scaled >= 1e15) return false;
    if (scaled / power == size) {
      const whole = <i64>scaled;
      decimalText(value < 0 ? -whole : whole, scale, out);
      return true;
    }
    power *= 10;
  }
  return false;
}

@inline
function pair(at: usize, value: i32): void {
  store<u8>(at, <u8>(value / 10) + 48);
  store<u8>(at, <u8>(value % 10) + 48, 1);
}

/** `2026-01-31`; false outside of the years 1 to 9999. */
function writeDate(at: usize, value: i32): bool {
  splitDays(value);
  const year = civilYear();
  if (year < 1 || year > 9999) return false;
  pair(at, year / 100);
  pair(at + 2, year % 100);
  store<u8>(at, 0x2d, 4);
  pair(at + 5, civilMonth());
  store<u8>(at, 0x2d, 7);
  pair(at + 8, civilDay());
  return true;
}

export function dateText(value: i32, out: usize): bool {
  const start = textRoom(16);
  if (!writeDate(start, value)) return false;
  finish(out, start, start + 10);
  return true;
}

/** `12:34:56.789`, without a fraction that is zero; of a fraction at least `digits`. Returns the end. */
function writeTime(at: usize, timeOfDay: i64, digits: i32): usize {
  const seconds = <i32>(timeOfDay / 1_000_000);
  let fraction = <i32>(timeOfDay % 1_000_000);
  pair(at, seconds / 3600);
  store<u8>(at, 0x3a, 2);
  pair(at + 3, (seconds / 60) % 60);
  store<u8>(at, 0x3a, 5);
  pair(at + 6, seconds % 60);
  if (fraction == 0 && digits == 0) return at + 8;
  const point = at + 8;
  store<u8>(point, 0x2e);
  for (let i = 6; i > 0; i--) {
    store<u8>(point + i, <u8>(fraction % 10) + 48);
    fraction /= 10;
  }
  let end = point + 7;
  const least = point + 1 + digits;
  while (end > least && load<u8>(end - 1) == 48) end--;
  return end;
}

/** PostgreSQL's form: `2026-01-31 12:34:56.789`, with `+00` behind it for a timestamptz. */
export function timestampText(micros: i64, zone: bool, out: usize): bool {
  let timeOfDay = micros % MICROS_PER_DAY;
  if (timeOfDay < 0) timeOfDay += MICROS_PER_DAY;
  const start = textRoom(40);
  if (!writeDate(start, <i32>((micros - timeOfDay) / MICROS_PER_DAY))) return false;
  store<u8>(start, 0x20, 10);
  let end = writeTime(start + 11, timeOfDay, 0);
  if (zone) {
    store<u8>(end, 0x2b);
    store<u16>(end, 0x3030, 1);
    end += 3;
  }
  finish(out, start, end);
  return true;
}

/** As it stands in JSON, with its quotes: `"2026-01-31T12:34:56.789Z"`, at least three digits of a second. */
export function isoTimestampText(micros: i64, zone: bool, out: usize): bool {
  let timeOfDay = micros % MICROS_PER_DAY;
  if (timeOfDay < 0) timeOfDay += MICROS_PER_DAY;
  const start = textRoom(48);
  store<u8>(start, 0x22);
  if (!writeDate(start + 1, <i32>((micros - timeOfDay) / MICROS_PER_DAY))) return false;
  store<u8>(start, 0x54, 11);
  const end = writeTime(start + 12, timeOfDay, 3);
  store<u8>(end, 0x5a);
  const last = zone ? end + 1 : end;
  store<u8>(last, 0x22);
  finish(out, start, last + 1);
  return true;
}

let parsed: i64 = 0;

/** What the last successful parser read. */
export function parsedValue(): i64 {
  return parsed;
}

/** An optional sign and 1 to 18 digits, nothing else. */
export function parseWhole(text: usize): bool {
  let p = bytesOf(text);
  const end = p + lengthOf(text);
  if (p == end) return false;
  const sign = load<u8>(p);
  if (sign == 0x2d || sign == 0x2b) p++;
  if (p == end || end - p > 18) return false;
  let value: i64 = 0;
  for (; p < end; p++) {
    const digit = <u32>load<u8>(p) - 48;
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  parsed = sign == 0x2d ? -value : value;
  return true;
}

let parsedPower: i32 = 0;

/** Digits after the point of what {@link parseDecimal} read. */
export function parsedScale(): i32 {
  return parsedPower;
}

/** Digits with one point among them, at most 15 of them: their value without the point, which a double holds exactly. */
export function parseDecimal(text: usize): bool {
  let p = bytesOf(text);
  const end = p + lengthOf(text);
  if (p == end) return false;
  const sign = load<u8>(p);
  if (sign == 0x2d || sign == 0x2b) p++;
  let value: i64 = 0;
  let digits = 0;
  let scale = -1;
  for (; p < end; p++) {
    const digit = <u32>load<u8>(p) - 48;
    if (digit > 9) {
      if (digit != <u32>(0x2e - 48) || scale >= 0) return false;
      scale = 0;
      continue;
    }
    value = value * 10 + digit;
    if (++digits > 15) return false;
    if (scale >= 0) scale++;
  }
  // Minus zero is not for integers; a text without digits is no number.
  if (digits == 0 || (value == 0 && sign == 0x2d)) return false;
  parsed = sign == 0x2d ? -value : value;
  parsedPower = max(scale, 0);
  return true;
}

@inline
function power10(exponent: i32): i64 {
  let power: i64 = 1;
  for (; exponent > 0; exponent--) power *= 10;
  return power;
}

/** A text as {@link parseDecimal} takes it, as a whole number of 10^-scale, rounded half away from zero; `scale` is 18 at most. */
export function parseNumeric(text: usize, scale: i32): bool {
  if (!parseDecimal(text)) return false;
  if (parsedPower > scale) {
    parsed = divideRounded(parsed, power10(parsedPower - scale));
    return true;
  }
  const power = power10(scale - parsedPower);
  if (multiplyOverflows(parsed, power)) return false;
  parsed *= power;
  return true;
}

/** `2024-01-31T12:34:56.789Z` */
export function parseTimestampText(text: usize): bool {
  if (lengthOf(text) != 24 || !parseUtcMillis(bytesOf(text))) return false;
  parsed = instant;
  return true;
}

export function parseDateText(text: usize): bool {
  if (!parseDate(bytesOf(text), lengthOf(text))) return false;
  parsed = days;
  return true;
}

let written: usize = 0;
let writeAt: usize = 0;

/** Begins a text of at most `bytes` bytes that the functions below put together. Nothing else may make a text before its end. */
export function writeBegin(bytes: u32): void {
  written = textRoom(bytes);
  writeAt = written;
}

export function writeText(text: usize): void {
  memory.copy(writeAt, bytesOf(text), lengthOf(text));
  writeAt += lengthOf(text);
}

/** A number with zeros in front up to a width; it is not negative and has no more digits than that. */
export function writePadded(value: i32, width: i32): void {
  for (let i = width - 1; i >= 0; i--) {
    store<u8>(writeAt + i, <u8>(value % 10) + 48);
    value /= 10;
  }
  writeAt += width;
}

export function writeEnd(out: usize): void {
  finish(out, written, writeAt);
}
