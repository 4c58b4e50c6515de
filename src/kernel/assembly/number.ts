// Numbers of JSON text as PostgreSQL's types. `scanNumber` checks the grammar and takes the number apart once; the
// conversions then work on sign, mantissa and power of ten.

import { ERROR_SYNTAX, fail } from "./scan";

/** The correctly rounded double of a number's text: what Number() gives. */
@external("env", "parseDouble")
declare function parseDouble(pointer: usize, length: usize): f64;

export let negative: bool = false;
/** The first 19 significant digits. */
export let mantissa: u64 = 0;
export let exponent: i32 = 0;
/** More digits followed the mantissa, and one of them was not zero. */
export let inexact: bool = false;

const EXPONENT_CLAMP: i32 = 1_000_000;

@inline
function isDigit(c: u32): bool {
  return c - 48 <= 9;
}

const ZEROS: v128 = i8x16.splat(48);
const NINES: v128 = i8x16.splat(9);
const TENS: StaticArray<u32> = [1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000];

/** The value of the first `count` digits (1 to 8) at p; their number decides no branch. */
@inline
function digitsValue(p: usize, count: u32): u64 {
  // The digits, moved up so that what is missing are zeros before them; then pairs, fours and eights.
  const v = (load<u64>(p) - 0x3030303030303030) << (<u64>(8 - count) << 3);
  const pairs = (v * 10 + (v >> 8)) & 0x00ff00ff00ff00ff;
  const fours = (pairs * 100 + (pairs >> 16)) & 0x0000ffff0000ffff;
  return (fours * 10000 + (fours >> 32)) & 0xffffffff;
}

/** An integer, or a decimal number, of up to eight digits on each side of the point, without exponent; 0 for any other text. */
@inline
function scanDecimal(p: usize, c: u32): usize {
  const others = ~i8x16.bitmask(i8x16.le_u(i8x16.sub(v128.load(p), ZEROS), NINES));
  const whole = <u32>ctz(others);
  if (whole - 1 > 7 || (c == 0x30 && whole != 1)) return 0;
  let end = p + whole;
  let last = <u32>load<u8>(end);
  let m = digitsValue(p, whole);
  let power = 0;
  if (last == 0x2e) {
    const places = <u32>ctz(others >> (whole + 1));
    if (places - 1 > 6 || whole + places > 14) return 0;
    m = m * unchecked(TENS[places]) + digitsValue(end + 1, places);
    power = -(<i32>places);
    end += 1 + places;
    last = load<u8>(end);
  }
  if ((last | 0x20) == 0x65) return 0;
  mantissa = m;
  exponent = power;
  inexact = false;
  return end;
}

export function scanNumber(p: usize): usize {
  const start = p;
  let c = <u32>load<u8>(p);
  negative = c == 0x2d;
  if (c == 0x2d) c = load<u8>(++p);
  const first = p;
  const plain = scanDecimal(p, c);
  if (plain != 0) return plain;
  let m: u64 = 0;
  if (c == 0x30) c = load<u8>(++p);
  else {
    if (!isDigit(c)) return fail(ERROR_SYNTAX, p);
    do {
      m = m * 10 + (c - 48);
      c = load<u8>(++p);
    } while (isDigit(c));
  }
  let digits = <i32>(p - first);
  let power: i32 = 0;
  if (c == 0x2e) {
    c = load<u8>(++p);
    const point = p;
    if (!isDigit(c)) return fail(ERROR_SYNTAX, p);
    do {
      m = m * 10 + (c - 48);
      c = load<u8>(++p);
    } while (isDigit(c));
    power = -(<i32>(p - point));
    digits -= power;
  }
  if ((c | 0x20) == 0x65) {
    c = load<u8>(++p);
    const minus = c == 0x2d;
    if (c == 0x2b || minus) c = load<u8>(++p);
    if (!isDigit(c)) return fail(ERROR_SYNTAX, p);
    let e: i32 = 0;
    do {
      if (e < EXPONENT_CLAMP) e = e * 10 + <i32>(c - 48);
      c = load<u8>(++p);
    } while (isDigit(c));
    power += minus ? -e : e;
  }
  mantissa = m;
  exponent = power;
  inexact = false;
  if (digits > 19) shorten(start, power);
  return p;
}

/** Takes a number of more than 19 digits apart again, without its leading zeros and cut to 19 digits. */
function shorten(p: usize, power: i32): void {
  let m: u64 = 0;
  let kept = 0;
  let dropped = 0;
  let rest = false;
  while (true) {
    const c = <u32>load<u8>(p++);
    if (c == 0x2d || c == 0x2e) continue;
    if (!isDigit(c)) break;
    if (kept < 19) {
      m = m * 10 + (c - 48);
      if (m != 0) kept++;
    } else {
      dropped++;
      if (c != 48) rest = true;
    }
  }
  mantissa = m;
  exponent = power + dropped;
  inexact = rest;
}

const POWERS: StaticArray<f64> = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/**
 * The double nearest to the number just scanned, [p, end). Exact when mantissa and power of ten are both exact doubles
 * (W. Clinger, How to read floating point numbers accurately, 1990); all others are left to the host's Number().
 */
@inline
export function toDouble(p: usize, end: usize): f64 {
  if (mantissa <= 0x20000000000000 && !inexact) {
    const m = <f64>mantissa;
    const e = exponent;
    if (e == 0 || (e < 0 && e >= -22) || (e > 0 && e <= 22)) {
      const v = e == 0 ? m : e < 0 ? m / unchecked(POWERS[-e]) : m * unchecked(POWERS[e]);
      return negative ? -v : v;
    }
  }
  return parseDouble(p, end - p);
}

/** Outcome of the conversions below. */
export const NUMBER_OK: u32 = 0;
export const NUMBER_OUT_OF_RANGE: u32 = 1;
export const NUMBER_NOT_INTEGRAL: u32 = 2;
export let integer: i64 = 0;

function power10(n: i32): u64 {
  let v: u64 = 1;
  while (n-- > 0) v *= 10;
  return v;
}

/** The number just scanned as a signed 64-bit integer: `1.0` and `1e2` are integers, `1.5` is not. */
export function toInteger(): u32 {
  let m = mantissa;
  let e = exponent;
  if (e != 0) {
    if (m == 0) e = 0;
    if (inexact && e < 0) return NUMBER_NOT_INTEGRAL;
    while (e < 0) {
      if (m % 10 != 0) return NUMBER_NOT_INTEGRAL;
      m /= 10;
      e++;
    }
    if (e > 18) return NUMBER_OUT_OF_RANGE;
    if (e > 0) {
      const by = power10(e);
      if (m > <u64>i64.MAX_VALUE / by) return NUMBER_OUT_OF_RANGE;
      m *= by;
    }
  }
  if (inexact) return NUMBER_OUT_OF_RANGE;
  return signed(m);
}

@inline
function signed(m: u64): u32 {
  if (m > <u64>i64.MAX_VALUE) {
    if (!negative || m != <u64>1 << 63) return NUMBER_OUT_OF_RANGE;
  }
  integer = negative ? -(<i64>m) : <i64>m;
  return NUMBER_OK;
}

/** The number just scanned times 10^scale, rounded half away from zero as PostgreSQL's numeric. */
export function toScaled(scale: i32, precision: i32): u32 {
  let m = mantissa;
  const shift = exponent + scale;
  if (m != 0) {
    if (shift > 18) return NUMBER_OUT_OF_RANGE;
    if (shift >= 0) {
      if (inexact) return NUMBER_OUT_OF_RANGE;
      const by = power10(shift);
      if (m > u64.MAX_VALUE / by) return NUMBER_OUT_OF_RANGE;
      m *= by;
    } else if (shift < -19) m = 0;
    else {
      const by = power10(-shift);
      const quotient = m / by;
      const rest = m - quotient * by;
      m = rest >= by - rest ? quotient + 1 : quotient;
    }
    if (precision > 0 && m >= power10(precision)) return NUMBER_OUT_OF_RANGE;
  }
  return signed(m);
}

const NUMERIC_DIGITS_MAX: i32 = 1000;

/** Room that {@link writeNumeric} needs for a number of `length` bytes of text. */
export function numericRoom(length: usize): usize {
  return length + <usize>NUMERIC_DIGITS_MAX + 16;
}

/**
 * Writes the number of text [p, end) without an exponent, every digit kept (`1.50` stays `1.50`), and returns the end; 0 when it
 * would have more than 1000 zeros.
 */
export function writeNumeric(p: usize, end: usize, out: usize): usize {
  const start = out;
  let point: i32 = -1;
  let digits: i32 = 0;
  let power: i32 = 0;
  let q = p;
  const minus = load<u8>(q) == 0x2d;
  if (minus) q++;
  const body = q;
  let isZero = true;
  while (q < end) {
    const c = load<u8>(q);
    if (c == 0x2e) point = digits;
    else if ((c | 0x20) == 0x65) break;
    else {
      digits++;
      if (c != 48) isZero = false;
    }
    q++;
  }
  const stop = q;
  if (point < 0) point = digits;
  if (q < end) {
    q++;
    const down = load<u8>(q) == 0x2d;
    if (down || load<u8>(q) == 0x2b) q++;
    while (q < end) {
      if (power < EXPONENT_CLAMP) power = power * 10 + (load<u8>(q) - 48);
      q++;
    }
    if (down) power = -power;
  }
  if (isZero && power > 0) power = 0;
  const at = point + power;
  if (at < -NUMERIC_DIGITS_MAX || at - digits > NUMERIC_DIGITS_MAX) return 0;
  if (minus && !isZero) store<u8>(out++, 0x2d);
  let i: i32 = 0;
  let leading = true;
  for (q = body; q < stop; q++) {
    const c = load<u8>(q);
    if (c == 0x2e) continue;
    if (i == at) out = writePoint(out, leading);
    if (i == at) leading = false;
    if (i > at && leading) {
      // The point lies before the first digit: zeros up to it.
      out = writePoint(out, true);
      for (let z = at; z < 0; z++) store<u8>(out++, 48);
      leading = false;
    }
    if (i >= at || c != 48 || !leading || i == at - 1) {
      store<u8>(out++, c);
      leading = false;
    }
    i++;
  }
  while (i < at) {
    if (!leading || i == at - 1) store<u8>(out++, 48);
    i++;
  }
  return out == start ? 0 : out;
}

@inline
function writePoint(out: usize, leading: bool): usize {
  if (leading) store<u8>(out++, 48);
  store<u8>(out++, 0x2e);
  return out;
}
