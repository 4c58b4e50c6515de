// LIKE over patterns whose escapes are resolved: in their bytes 0xff stands for `%` and 0xfe for `_`, which UTF-8 never has.

import { bytesOf, lengthOf } from "./reference";

const ANY_TEXT: u32 = 0xff;
const ANY_ONE: u32 = 0xfe;

@inline
function lower(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte + 0x20 : byte;
}

@inline
function nextPoint(p: usize, end: usize): usize {
  p++;
  while (p < end && load<i8>(p) <= -65) p++;
  return p;
}

/** Greedy, with one place to return to: the last `%`. `fold` compares the text in lower case (ASCII) with the pattern. */
@inline
function matches(text: usize, pattern: usize, fold: bool): bool {
  let p = bytesOf(text);
  const end = p + lengthOf(text);
  let q = bytesOf(pattern);
  const last = q + lengthOf(pattern);
  let starAt: usize = 0;
  let star: usize = 0;
  while (p < end) {
    const token = q < last ? <u32>load<u8>(q) : 0;
    const byte = fold ? lower(load<u8>(p)) : <u32>load<u8>(p);
    if (q < last && token == ANY_TEXT) {
      star = ++q;
      starAt = p;
    } else if (q < last && token == ANY_ONE) {
      p = nextPoint(p, end);
      q++;
    } else if (q < last && token == byte) {
      p++;
      q++;
    } else if (star != 0) {
      q = star;
      starAt = nextPoint(starAt, end);
      p = starAt;
    } else return false;
  }
  while (q < last && load<u8>(q) == <u8>ANY_TEXT) q++;
  return q == last;
}

export function likeText(text: usize, pattern: usize): bool {
  return matches(text, pattern, false);
}

/** For texts of ASCII alone; the pattern is in lower case. */
export function likeFolded(text: usize, pattern: usize): bool {
  return matches(text, pattern, true);
}

export function isAscii(text: usize): bool {
  let p = bytesOf(text);
  const end = p + lengthOf(text);
  for (; p + 16 <= end; p += 16) if (i8x16.bitmask(v128.load(p)) != 0) return false;
  for (; p < end; p++) if (load<i8>(p) < 0) return false;
  return true;
}
