// Members and elements of jsonb values. A value is its JSON text, which is valid (RFC 8259); what is found in it is a part
// of that text. Nothing beyond the end is believed all the same: what breaks off is left to the interpreter. Of names that repeat in an object the last counts, as in PostgreSQL. Names with escapes, and values whose
// text would have to change, are left to the interpreter.

import { bytesOf, lengthOf, setReference, textRoom, textTake } from "./reference";
import { equalBytes } from "../hash";

/** Answers of the functions below. */
const ABSENT: i32 = 0;
const FOUND: i32 = 1;
const INTERPRET: i32 = 2;

@inline
function skipBlank(p: usize, end: usize): usize {
  while (p < end && load<u8>(p) <= 0x20) p++;
  return p;
}

/** The closing quote of the string whose first character is at `p`; at or beyond the end when there is none. */
function stringEnd(p: usize, end: usize): usize {
  const quote = i8x16.splat(0x22);
  const escape = i8x16.splat(0x5c);
  while (p < end) {
    const v = v128.load(p);
    const mask = <u32>i8x16.bitmask(v128.or(i8x16.eq(v, quote), i8x16.eq(v, escape)));
    if (mask == 0) {
      p += 16;
      continue;
    }
    p += ctz(mask);
    if (load<u8>(p) == 0x22) return p;
    p += 2;
  }
  return p;
}

/** The place behind the value at `p`. */
function valueEnd(p: usize, end: usize): usize {
  const first = load<u8>(p);
  if (first == 0x22) return stringEnd(p + 1, end) + 1;
  if (first != 0x7b && first != 0x5b) {
    while (p < end) {
      const byte = load<u8>(p);
      if (byte <= 0x20 || byte == 0x2c || byte == 0x7d || byte == 0x5d) break;
      p++;
    }
    return p;
  }
  let depth = 0;
  while (p < end) {
    const byte = load<u8>(p);
    if (byte == 0x22) p = stringEnd(p + 1, end);
    else if (byte == 0x7b || byte == 0x5b) depth++;
    else if (byte == 0x7d || byte == 0x5d) depth--;
    p++;
    if (depth == 0) break;
  }
  return p;
}

@inline
function found(start: usize, length: u32, out: usize): i32 {
  if (start == 0 || load<u8>(start) == 0x6e) return ABSENT;
  setReference(out, start, length);
  return FOUND;
}

/** The value of a member; JSON null counts as absent, and so does any member of what is no object. */
export function jsonMember(json: usize, name: usize, out: usize): i32 {
  const end = bytesOf(json) + lengthOf(json);
  let p = skipBlank(bytesOf(json), end);
  if (p >= end || load<u8>(p) != 0x7b) return ABSENT;
  const wanted = bytesOf(name);
  const length = lengthOf(name);
  let start: usize = 0;
  let size: u32 = 0;
  p = skipBlank(p + 1, end);
  while (p < end && load<u8>(p) == 0x22) {
    const key = p + 1;
    p = stringEnd(key, end);
    const keyLength = <u32>(p - key);
    for (let i: u32 = 0; i < keyLength; i++) if (load<u8>(key + i) == 0x5c) return INTERPRET;
    p = skipBlank(p + 1, end);
    p = skipBlank(p + 1, end);
    const value = p;
    p = valueEnd(p, end);
    if (p > end) return INTERPRET;
    if (keyLength == length && equalBytes(key, wanted, length)) {
      start = value;
      size = <u32>(p - value);
    }
    p = skipBlank(p, end);
    if (p >= end || load<u8>(p) != 0x2c) break;
    p = skipBlank(p + 1, end);
  }
  if (p >= end) return INTERPRET;
  return found(start, size, out);
}

/** The place behind the element at `p` and its comma; the end when the array breaks off. */
@inline
function nextElement(p: usize, end: usize): usize {
  p = skipBlank(valueEnd(p, end), end);
  if (p >= end || load<u8>(p) == 0x5d) return p;
  return load<u8>(p) == 0x2c ? skipBlank(p + 1, end) : end;
}

/** The element of an array, from its end when negative; absent in what is no array. */
export function jsonElement(json: usize, index: i32, out: usize): i32 {
  const end = bytesOf(json) + lengthOf(json);
  const open = skipBlank(bytesOf(json), end);
  if (open >= end || load<u8>(open) != 0x5b) return ABSENT;
  const first = skipBlank(open + 1, end);
  if (index < 0) {
    let count = 0;
    let p = first;
    for (; p < end && load<u8>(p) != 0x5d; count++) p = nextElement(p, end);
    if (p >= end) return INTERPRET;
    index += count;
    if (index < 0) return ABSENT;
  }
  let p = first;
  for (let i = 0; p < end && load<u8>(p) != 0x5d; i++) {
    if (i == index) return found(p, <u32>(valueEnd(p, end) - p), out);
    p = nextElement(p, end);
  }
  return p >= end ? INTERPRET : ABSENT;
}

/** One step of a path: a member of an object, or the element of an array whose number the step is. */
export function jsonStep(json: usize, step: usize, out: usize): i32 {
  const open = skipBlank(bytesOf(json), bytesOf(json) + lengthOf(json));
  if (load<u8>(open) != 0x5b) return jsonMember(json, step, out);
  let p = bytesOf(step);
  const end = p + lengthOf(step);
  const negative = p < end && load<u8>(p) == 0x2d;
  if (negative) p++;
  if (p == end) return ABSENT;
  if (end - p > 9) return INTERPRET;
  let index = 0;
  for (; p < end; p++) {
    const digit = <u32>load<u8>(p) - 48;
    if (digit > 9) return ABSENT;
    index = index * 10 + <i32>digit;
  }
  return jsonElement(json, negative ? -index : index, out);
}

/** The character that an escape stands for; 0 for one that this does not know (`\u`). */
@inline
function unescaped(byte: u8): u8 {
  switch (byte) {
    case 0x22:
    case 0x5c:
    case 0x2f:
      return byte;
    case 0x62:
      return 8;
    case 0x66:
      return 12;
    case 0x6e:
      return 10;
    case 0x72:
      return 13;
    case 0x74:
      return 9;
    default:
      return 0;
  }
}

function stringText(start: usize, end: usize, out: usize): i32 {
  let p = start;
  while (p < end && load<u8>(p) != 0x5c) p++;
  if (p == end) {
    setReference(out, start, <u32>(end - start));
    return FOUND;
  }
  const target = textRoom(<u32>(end - start));
  let write = target;
  for (p = start; p < end; p++) {
    let byte = load<u8>(p);
    if (byte == 0x5c) {
      byte = unescaped(load<u8>(++p));
      if (byte == 0) return INTERPRET;
    }
    store<u8>(write++, byte);
  }
  textTake(write);
  setReference(out, target, <u32>(write - target));
  return FOUND;
}

/** Whether a number's text is the one that would be written for it: at most 15 digits, no exponent, no zeros to drop. */
function isPlainNumber(p: usize, end: usize): bool {
  const negative = load<u8>(p) == 0x2d;
  let digits = 0;
  let hasPoint = false;
  let isZero = true;
  for (let at = negative ? p + 1 : p; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x2e) hasPoint = true;
    else if (<u32>byte - 48 > 9) return false;
    else {
      digits++;
      if (byte != 48) isZero = false;
    }
  }
  if (digits > 15 || (hasPoint && load<u8>(end - 1) == 48)) return false;
  return !(negative && isZero);
}

/** `->>`: a string without its quotes, a number or boolean as it stands. Objects and arrays are left to the interpreter. */
export function jsonText(json: usize, out: usize): i32 {
  const length = lengthOf(json);
  if (length == 0) return ABSENT;
  const start = bytesOf(json);
  const first = load<u8>(start);
  if (first == 0x22) return stringText(start + 1, start + length - 1, out);
  if (first == 0x7b || first == 0x5b || first <= 0x20) return INTERPRET;
  if (first == 0x6e) return ABSENT;
  const isWord = first == 0x74 || first == 0x66;
  if (!isWord && !isPlainNumber(start, start + length)) return INTERPRET;
  setReference(out, start, length);
  return FOUND;
}
