// The grammar of JSON (RFC 8259): strings, numbers, literals and whole values, checked byte by byte, 16 at a time where it
// matters. A scanner takes the address where its token begins and returns the address after it, or 0 after a failure.
//
// Inputs end in a zero byte that belongs to no input: it is no white space, no digit, ends no string, so every scanner
// stops at it; 64 readable bytes follow.

export const ERROR_SYNTAX: u32 = 1;
export const ERROR_UTF8: u32 = 2;
export const ERROR_DEPTH: u32 = 3;

const QUOTE: v128 = i8x16.splat(0x22);
const BACKSLASH: v128 = i8x16.splat(0x5c);
const SPACE: v128 = i8x16.splat(0x20);

/** Why and where the last scanner failed. */
export let failureCode: u32 = 0;
export let failureAt: usize = 0;

export function fail(code: u32, at: usize): usize {
  failureCode = code;
  failureAt = at;
  return 0;
}

/** What the last string held: 1 escapes, 2 bytes beyond ASCII. */
export let stringFlags: u32 = 0;

/** Bit c is set when the byte c is white space; a newline ends a row of NDJSON and is none there. */
let spaces: u64 = 0;

export function setNewlineIsSpace(yes: bool): void {
  spaces = (<u64>1 << 0x20) | (1 << 9) | (1 << 13) | (yes ? 1 << 10 : 0);
}

@inline
export function skipSpace(p: usize): usize {
  return load<u8>(p) > 0x20 ? p : skipSpaceSlow(p);
}

function skipSpaceSlow(p: usize): usize {
  while (true) {
    const c = <u64>load<u8>(p);
    if (c > 0x20 || ((spaces >> c) & 1) == 0) return p;
    p++;
  }
}

/** From the byte after the opening quote to the address of the closing one. */
@inline
export function scanString(p: usize): usize {
  const v = v128.load(p);
  // Signed: below 0x20 are the control characters and everything beyond ASCII.
  const m = i8x16.bitmask(v128.or(v128.or(i8x16.eq(v, QUOTE), i8x16.eq(v, BACKSLASH)), i8x16.lt_s(v, SPACE)));
  if (m == 0) return scanStringSlow(p + 16);
  const q = p + ctz(m);
  if (load<u8>(q) != 0x22) return scanStringSlow(q);
  stringFlags = 0;
  return q;
}

function scanStringSlow(p: usize): usize {
  let flags: u32 = 0;
  while (true) {
    const v = v128.load(p);
    const m = i8x16.bitmask(v128.or(v128.or(i8x16.eq(v, QUOTE), i8x16.eq(v, BACKSLASH)), i8x16.lt_s(v, SPACE)));
    if (m == 0) {
      p += 16;
      continue;
    }
    p += ctz(m);
    const c = load<u8>(p);
    if (c == 0x22) {
      stringFlags = flags;
      return p;
    }
    if (c == 0x5c) {
      flags |= 1;
      p = scanEscape(p);
    } else if (c >= 0x80) {
      flags |= 2;
      p = scanUtf8(p);
    } else return fail(ERROR_SYNTAX, p);
    if (p == 0) return 0;
  }
}

@inline
function isHex(c: u32): bool {
  return c - 48 <= 9 || (c | 0x20) - 97 <= 5;
}

function scanEscape(p: usize): usize {
  switch (load<u8>(p, 1)) {
    case 0x22: case 0x5c: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74:
      return p + 2;
    case 0x75:
      if (isHex(load<u8>(p, 2)) && isHex(load<u8>(p, 3)) && isHex(load<u8>(p, 4)) && isHex(load<u8>(p, 5))) return p + 6;
  }
  return fail(ERROR_SYNTAX, p);
}

@inline
function isContinuation(c: u32): bool {
  return (c & 0xc0) == 0x80;
}

/** Well-formed sequences beyond ASCII (Unicode 15, table 3-7), as many as follow each other. */
function scanUtf8(p: usize): usize {
  while (true) {
    const c = <u32>load<u8>(p);
    if (c < 0x80) return p;
    const d = <u32>load<u8>(p, 1);
    if (c < 0xe0) {
      if (c < 0xc2 || !isContinuation(d)) return fail(ERROR_UTF8, p);
      p += 2;
    } else if (c < 0xf0) {
      if (!isContinuation(d) || !isContinuation(load<u8>(p, 2))) return fail(ERROR_UTF8, p);
      if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f)) return fail(ERROR_UTF8, p);
      p += 3;
    } else {
      if (c > 0xf4 || !isContinuation(d) || !isContinuation(load<u8>(p, 2)) || !isContinuation(load<u8>(p, 3)))
        return fail(ERROR_UTF8, p);
      if ((c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f)) return fail(ERROR_UTF8, p);
      p += 4;
    }
  }
}

@inline
function isDigit(c: u32): bool {
  return c - 48 <= 9;
}

export function skipNumber(p: usize): usize {
  let c = <u32>load<u8>(p);
  if (c == 0x2d) c = load<u8>(++p);
  if (c == 0x30) c = load<u8>(++p);
  else {
    if (!isDigit(c)) return fail(ERROR_SYNTAX, p);
    do c = load<u8>(++p); while (isDigit(c));
  }
  if (c == 0x2e) {
    c = load<u8>(++p);
    if (!isDigit(c)) return fail(ERROR_SYNTAX, p);
    do c = load<u8>(++p); while (isDigit(c));
  }
  if ((c | 0x20) == 0x65) {
    c = load<u8>(++p);
    if (c == 0x2b || c == 0x2d) c = load<u8>(++p);
    if (!isDigit(c)) return fail(ERROR_SYNTAX, p);
    do c = load<u8>(++p); while (isDigit(c));
  }
  return p;
}

/** `true`, `false` or `null`. */
export function skipLiteral(p: usize): usize {
  const word = load<u32>(p);
  if (word == 0x65757274 || word == 0x6c6c756e) return p + 4;
  if (word == 0x736c6166 && load<u8>(p, 4) == 0x65) return p + 5;
  return fail(ERROR_SYNTAX, p);
}

// Nesting: one byte a level, 1 for an object, 0 for an array.
export const DEPTH_LIMIT: u32 = 65536;
const levels: usize = memory.data(65536 + 16, 16);
let depthMax: u32 = 512;

export function setDepthMax(depth: u32): void {
  depthMax = min(depth, DEPTH_LIMIT);
}

/** Fails when a container at `depth` enclosing containers is one too many. */
@inline
export function isTooDeep(depth: u32): bool {
  return depth >= depthMax;
}

/** Any value, of which `depth` containers are open already. */
@inline
export function skipValue(p: usize, depth: u32): usize {
  const c = <u32>load<u8>(p);
  if (c == 0x22) {
    const q = scanString(p + 1);
    return q == 0 ? 0 : q + 1;
  }
  return skipOther(p, c, depth);
}

function skipOther(p: usize, c: u32, depth: u32): usize {
  if (c == 0x7b || c == 0x5b) return skipContainer(p, depth);
  if (c == 0x2d || isDigit(c)) return skipNumber(p);
  return skipLiteral(p);
}

function skipContainer(p: usize, depth: u32): usize {
  const outside = depth;
  let isObject = false;
  let entering = true;
  while (true) {
    if (!entering) {
      if (isObject) {
        if (load<u8>(p) != 0x22) return fail(ERROR_SYNTAX, p);
        p = scanString(p + 1);
        if (p == 0) return 0;
        p = skipSpace(p + 1);
        if (load<u8>(p) != 0x3a) return fail(ERROR_SYNTAX, p);
        p = skipSpace(p + 1);
      }
    }
    const c = <u32>load<u8>(p);
    if (c == 0x22) {
      p = scanString(p + 1);
      if (p == 0) return 0;
      p++;
    } else if (c == 0x7b || c == 0x5b) {
      entering = false;
      if (isTooDeep(depth)) return fail(ERROR_DEPTH, p);
      isObject = c == 0x7b;
      store<u8>(levels + ++depth, isObject);
      p = skipSpace(p + 1);
      if (load<u8>(p) != (isObject ? 0x7d : 0x5d)) continue;
    } else {
      p = c == 0x2d || isDigit(c) ? skipNumber(p) : skipLiteral(p);
      if (p == 0) return 0;
    }
    while (true) {
      p = skipSpace(p);
      const d = load<u8>(p);
      if (d == 0x2c) {
        p = skipSpace(p + 1);
        break;
      }
      if (d != (isObject ? 0x7d : 0x5d)) return fail(ERROR_SYNTAX, p);
      p++;
      if (--depth == outside) return p;
      isObject = load<bool>(levels + depth);
    }
  }
}

/** Address of the first newline in [p, end), or `end`. */
export function findNewline(p: usize, end: usize): usize {
  const newline = i8x16.splat(10);
  while (p < end) {
    const m = i8x16.bitmask(i8x16.eq(v128.load(p), newline));
    if (m != 0) return min(p + ctz(m), end);
    p += 16;
  }
  return end;
}

@inline
function hexValue(c: u32): u32 {
  return c <= 57 ? c - 48 : (c | 0x20) - 87;
}

@inline
function hex4(p: usize): u32 {
  return (
    (hexValue(load<u8>(p)) << 12) | (hexValue(load<u8>(p, 1)) << 8) | (hexValue(load<u8>(p, 2)) << 4) | hexValue(load<u8>(p, 3))
  );
}

/**
 * Writes the text of a checked string [p, end) to `out` (never longer than the source) and returns its end.
 * A surrogate without its other half has no UTF-8 form and becomes U+FFFD.
 */
export function unescape(p: usize, end: usize, out: usize): usize {
  while (p < end) {
    const c = load<u8>(p);
    if (c != 0x5c) {
      store<u8>(out++, c);
      p++;
      continue;
    }
    const e = load<u8>(p, 1);
    if (e != 0x75) {
      let plain = e;
      if (e == 0x62) plain = 8;
      else if (e == 0x66) plain = 12;
      else if (e == 0x6e) plain = 10;
      else if (e == 0x72) plain = 13;
      else if (e == 0x74) plain = 9;
      store<u8>(out++, plain);
      p += 2;
      continue;
    }
    let code = hex4(p + 2);
    p += 6;
    if ((code & 0xf800) == 0xd800) {
      const isPair = code < 0xdc00 && p + 6 <= end && load<u16>(p) == 0x755c && (hex4(p + 2) & 0xfc00) == 0xdc00;
      if (isPair) {
        code = 0x10000 + ((code - 0xd800) << 10) + (hex4(p + 2) - 0xdc00);
        p += 6;
      } else code = 0xfffd;
    }
    out = writeCodePoint(code, out);
  }
  return out;
}

function writeCodePoint(code: u32, out: usize): usize {
  if (code < 0x80) {
    store<u8>(out, code);
    return out + 1;
  }
  if (code < 0x800) {
    store<u8>(out, 0xc0 | (code >> 6));
    store<u8>(out, 0x80 | (code & 0x3f), 1);
    return out + 2;
  }
  if (code < 0x10000) {
    store<u8>(out, 0xe0 | (code >> 12));
    store<u8>(out, 0x80 | ((code >> 6) & 0x3f), 1);
    store<u8>(out, 0x80 | (code & 0x3f), 2);
    return out + 3;
  }
  store<u8>(out, 0xf0 | (code >> 18));
  store<u8>(out, 0x80 | ((code >> 12) & 0x3f), 1);
  store<u8>(out, 0x80 | ((code >> 6) & 0x3f), 2);
  store<u8>(out, 0x80 | (code & 0x3f), 3);
  return out + 4;
}
