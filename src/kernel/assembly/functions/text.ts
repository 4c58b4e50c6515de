// Text functions. Texts are valid UTF-8; lengths and positions count code points, as PostgreSQL does. What a function
// leaves to the interpreter (case mapping and trimming beyond ASCII) it answers with false.

import { bytesOf, endsRoom, lengthOf, setReference, textRoom, textTake } from "./reference";
import { equalBytes } from "../hash";

/** Order of the bytes, which for UTF-8 is the order of the code points: negative, zero or positive. */
export function compareText(a: usize, b: usize): i32 {
  const x = bswap<u32>(load<u32>(a, 4));
  const y = bswap<u32>(load<u32>(b, 4));
  // The zeros behind a short text are below or equal to whatever the other has there.
  if (x != y) return x < y ? -1 : 1;
  const length = min(lengthOf(a), lengthOf(b));
  let p = bytesOf(a);
  let q = bytesOf(b);
  const end = p + length;
  while (p + 8 <= end) {
    const u = load<u64>(p);
    const v = load<u64>(q);
    if (u != v) return bswap<u64>(u) < bswap<u64>(v) ? -1 : 1;
    p += 8;
    q += 8;
  }
  while (p < end) {
    const u = load<u8>(p);
    const v = load<u8>(q);
    if (u != v) return u < v ? -1 : 1;
    p++;
    q++;
  }
  return lengthOf(a) == lengthOf(b) ? 0 : lengthOf(a) < lengthOf(b) ? -1 : 1;
}

export function startsWith(text: usize, part: usize): bool {
  const length = lengthOf(part);
  return length <= lengthOf(text) && equalBytes(bytesOf(text), bytesOf(part), length);
}

export function endsWith(text: usize, part: usize): bool {
  const length = lengthOf(part);
  if (length > lengthOf(text)) return false;
  return equalBytes(bytesOf(text) + (lengthOf(text) - length), bytesOf(part), length);
}

/** Where a part begins at or after `from`, or 0. Looks for its first byte sixteen at a time. */
export function find(from: usize, end: usize, part: usize, length: u32): usize {
  if (length == 0) return from;
  if (from + length > end) return 0;
  const last = end - length;
  const first = i8x16.splat(load<i8>(part));
  while (from <= last) {
    let mask = <u32>i8x16.bitmask(i8x16.eq(v128.load(from), first));
    while (mask != 0) {
      const at = from + ctz(mask);
      if (at > last) return 0;
      if (equalBytes(at, part, length)) return at;
      mask &= mask - 1;
    }
    from += 16;
  }
  return 0;
}

export function contains(text: usize, part: usize): bool {
  if (lengthOf(part) == 0) return true;
  const start = bytesOf(text);
  return find(start, start + lengthOf(text), bytesOf(part), lengthOf(part)) != 0;
}

/** Code points in a range: the bytes that do not continue one (RFC 3629, section 3). */
function countPoints(p: usize, end: usize): u32 {
  let count: u32 = 0;
  const limit = i8x16.splat(-65);
  while (p + 16 <= end) {
    count += popcnt(i8x16.bitmask(i8x16.gt_s(v128.load(p), limit)));
    p += 16;
  }
  for (; p < end; p++) if (load<i8>(p) > -65) count++;
  return count;
}

export function pointLength(text: usize): i32 {
  const start = bytesOf(text);
  return countPoints(start, start + lengthOf(text));
}

/** The place behind `count` code points, or the end. */
function skipPoints(p: usize, end: usize, count: i64): usize {
  if (count >= <i64>(end - p)) return end;
  for (; count > 0 && p < end; count--) {
    p++;
    while (p < end && load<i8>(p) <= -65) p++;
  }
  return p;
}

/** Position of a part in code points from 1; 0 when it is not there, 1 for the empty one. */
export function position(text: usize, part: usize): i32 {
  const start = bytesOf(text);
  const at = find(start, start + lengthOf(text), bytesOf(part), lengthOf(part));
  if (lengthOf(part) == 0) return 1;
  return at == 0 ? 0 : countPoints(start, at) + 1;
}

/** The code points from `from` (0-based) up to `to`, clamped. */
export function sliceText(text: usize, from: i64, to: i64, out: usize): void {
  const start = bytesOf(text);
  const end = start + lengthOf(text);
  const first = max<i64>(from, 0);
  const p = skipPoints(start, end, first);
  const q = to <= first ? p : skipPoints(p, end, to - first);
  setReference(out, p, <u32>(q - p));
}

/** `left(text, count)`: all but the last `-count` for a negative count. */
export function leftText(text: usize, count: i32, out: usize): void {
  sliceText(text, 0, count >= 0 ? count : <i64>pointLength(text) + count, out);
}

/** `right(text, count)`: all but the first `-count` for a negative count. */
export function rightText(text: usize, count: i32, out: usize): void {
  const length = <i64>pointLength(text);
  sliceText(text, count >= 0 ? length - count : -<i64>count, length, out);
}

export function concatText(a: usize, b: usize, out: usize): void {
  const head = lengthOf(a);
  const tail = lengthOf(b);
  let start = bytesOf(a);
  // A chain of concatenations grows the text that its first step made.
  if (head == 0 || !endsRoom(start + head, tail)) {
    start = textRoom(head + tail);
    memory.copy(start, bytesOf(a), head);
  }
  memory.copy(start + head, bytesOf(b), tail);
  textTake(start + head + tail);
  setReference(out, start, head + tail);
}

/** Maps one case of ASCII letters, `first` being the first of them, sixteen at a time; false at a byte beyond ASCII. */
@inline
function mapAscii(source: usize, length: u32, first: i32, target: usize): bool {
  const low = i8x16.splat(<i8>first);
  const count = i8x16.splat(26);
  const flip = i8x16.splat(0x20);
  for (let at: u32 = 0; at < length; at += 16) {
    const v = v128.load(source + at);
    const beyond = <u32>i8x16.bitmask(v);
    const rest = length - at;
    if (beyond != 0 && (rest >= 16 || (beyond & ((1 << rest) - 1)) != 0)) return false;
    const letters = i8x16.lt_u(i8x16.sub(v, low), count);
    v128.store(target + at, v128.xor(v, v128.and(letters, flip)));
  }
  return true;
}

/** Code points of three bytes that have no case: CJK, kana, Yi and Hangul (Unicode 15.1, Blocks.txt). */
@inline
function hasNoCase(point: u32): bool {
  return (point >= 0x2e80 && point <= 0xa4cf) || (point >= 0xac00 && point <= 0xd7ff);
}

/**
 * Maps the case code point by code point. `table` holds what each of the first 2048 becomes (u16), 0 for what the
 * interpreter must decide; those beyond keep their case or are left to it. Returns the end, or 0.
 */
function mapPoints(source: usize, length: u32, table: usize, target: usize): usize {
  const end = source + length;
  let p = source;
  let write = target;
  while (p < end) {
    const byte = <u32>load<u8>(p);
    if (byte < 0xe0) {
      const isLong = byte >= 0x80;
      const point = isLong ? ((byte & 0x1f) << 6) | (<u32>load<u8>(p, 1) & 0x3f) : byte;
      p += isLong ? 2 : 1;
      const mapped = <u32>load<u16>(table + (point << 1));
      if (mapped < 0x80) {
        if (mapped == 0 && point != 0) return 0;
        store<u8>(write++, <u8>mapped);
      } else {
        store<u8>(write, <u8>(0xc0 | (mapped >> 6)));
        store<u8>(write, <u8>(0x80 | (mapped & 0x3f)), 1);
        write += 2;
      }
    } else if (byte < 0xf0) {
      const point = ((byte & 0xf) << 12) | ((<u32>load<u8>(p, 1) & 0x3f) << 6) | (<u32>load<u8>(p, 2) & 0x3f);
      if (!hasNoCase(point)) return 0;
      store<u16>(write, load<u16>(p));
      store<u8>(write, load<u8>(p, 2), 2);
      p += 3;
      write += 3;
    } else return 0;
  }
  return write;
}

@inline
function mapCase(text: usize, first: i32, table: usize, out: usize): bool {
  const length = lengthOf(text);
  const source = bytesOf(text);
  // A code point of one byte may become one of two.
  const target = textRoom((length << 1) + 16);
  let end = target + length;
  if (!mapAscii(source, length, first, target)) {
    end = mapPoints(source, length, table, target);
    if (end == 0) return false;
  }
  textTake(end);
  setReference(out, target, <u32>(end - target));
  return true;
}

/** `table` says what the first 2048 code points become: 16 bits each, 0 to leave a text to the interpreter. */
export function lowerText(text: usize, table: usize, out: usize): bool {
  return mapCase(text, 0x41, table, out);
}

export function upperText(text: usize, table: usize, out: usize): bool {
  return mapCase(text, 0x61, table, out);
}

/** The part between two delimiters, counted from 1, from the end when negative; empty when there is none. `field` is not 0. */
export function splitPart(text: usize, delimiter: usize, field: i32, out: usize): void {
  const start = bytesOf(text);
  const end = start + lengthOf(text);
  const mark = bytesOf(delimiter);
  const length = lengthOf(delimiter);
  if (length == 0 || start == end) {
    const whole = length == 0 && (field == 1 || field == -1);
    setReference(out, start, whole ? lengthOf(text) : 0);
    return;
  }
  if (field < 0) {
    let parts = 1;
    for (let at = find(start, end, mark, length); at != 0; at = find(at + length, end, mark, length)) parts++;
    field = parts + field + 1;
  }
  let p = start;
  for (let i = 1; i < field; i++) {
    const at = find(p, end, mark, length);
    if (at == 0) {
      setReference(out, start, 0);
      return;
    }
    p = at + length;
  }
  if (field < 1) {
    setReference(out, start, 0);
    return;
  }
  const next = find(p, end, mark, length);
  setReference(out, p, <u32>((next == 0 ? end : next) - p));
}

@inline
function isOneOf(byte: u8, set: usize, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) if (load<u8>(set + i) == byte) return true;
  return false;
}

/** Cuts the characters of `set`, all ASCII, off the left (1), the right (2) or both (3). */
export function trimText(text: usize, set: usize, sides: i32, out: usize): void {
  let p = bytesOf(text);
  let end = p + lengthOf(text);
  const characters = bytesOf(set);
  const count = lengthOf(set);
  if (sides & 1) while (p < end && isOneOf(load<u8>(p), characters, count)) p++;
  if (sides & 2) while (end > p && isOneOf(load<u8>(end - 1), characters, count)) end--;
  setReference(out, p, <u32>(end - p));
}

/** Replaces every occurrence, from left to right; an empty `from` replaces nothing. */
export function replaceText(text: usize, from: usize, to: usize, out: usize): void {
  const start = bytesOf(text);
  const end = start + lengthOf(text);
  const length = lengthOf(from);
  let found: u32 = 0;
  if (length > 0) {
    for (let at = find(start, end, bytesOf(from), length); at != 0; at = find(at + length, end, bytesOf(from), length)) found++;
  }
  if (found == 0) {
    setReference(out, start, lengthOf(text));
    return;
  }
  const target = textRoom(lengthOf(text) - found * length + found * lengthOf(to));
  let write = target;
  let p = start;
  for (let at = find(p, end, bytesOf(from), length); at != 0; at = find(p, end, bytesOf(from), length)) {
    memory.copy(write, p, at - p);
    write += at - p;
    memory.copy(write, bytesOf(to), lengthOf(to));
    write += lengthOf(to);
    p = at + length;
  }
  memory.copy(write, p, end - p);
  write += end - p;
  textTake(write);
  setReference(out, target, <u32>(write - target));
}
