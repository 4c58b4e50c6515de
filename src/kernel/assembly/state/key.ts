// Keys of any columns as 16 bytes and a form, so that tables compare two words: fixed-width values and short strings as they
// are, the canonical text of a UUID as its 16 bytes, everything longer by hash, length and address.

import { arenaAlloc, arenaTrim } from "../memory";
import { equalBytes, hash64, hashBytes } from "../hash";

// A key column, 16 bytes, written by JavaScript (state-column.ts): address of the values, of the null bytes (0 for none), and
// the physical type.
export const COLUMN_BYTES: usize = 16;
export const COLUMN_DATA: usize = 0;
export const COLUMN_NULLS: usize = 4;
export const COLUMN_TYPE: usize = 8;

export const TYPE_I32: u32 = 0;
export const TYPE_I64: u32 = 1;
export const TYPE_F64: u32 = 2;
export const TYPE_STR: u32 = 3;

// A normalised key, 32 bytes.
export const KEY_BYTES: usize = 32;
export const KEY_LOW: usize = 0; // u64
export const KEY_HIGH: usize = 8; // u64
export const KEY_HASH: usize = 16; // u64
export const KEY_FORM: usize = 24; // u32, FORM_*

// Never 0. FORM_LONG: low is a hash of the bytes, high their address and, above it, their length.
export const FORM_NULL: u32 = 1;
export const FORM_FIXED: u32 = 2;
export const FORM_SHORT: u32 = 3;
export const FORM_UUID: u32 = 4;
export const FORM_LONG: u32 = 5;

const SHORT_BYTES_MAX: u32 = 15;
const UUID_BYTES: u32 = 36;
const NAN_BITS: u64 = 0x7ff8000000000000;

/** Bits of a double that are the same for doubles that group together: all NaN are one, and -0 is 0. */
@inline
export function groupingBits(value: f64): u64 {
  if (value != value) return NAN_BITS;
  return value == 0 ? 0 : reinterpret<u64>(value);
}

@inline
function put(key: usize, low: u64, high: u64, form: u32): void {
  store<u64>(key, low);
  store<u64>(key, high, KEY_HIGH);
  store<u64>(key, hash64(high, hash64(low, form)), KEY_HASH);
  store<u32>(key, form, KEY_FORM);
}

/** The key that these bytes are. They may be read up to 16 bytes past their end. */
export function keyOfBytes(key: usize, at: usize, length: u32): void {
  if (length == UUID_BYTES && packUuid(at)) {
    put(key, uuidLow, uuidHigh, FORM_UUID);
  } else if (length <= SHORT_BYTES_MAX) {
    let low = load<u64>(at);
    let high = load<u64>(at, 8);
    if (length < 8) {
      low &= ((<u64>1) << (<u64>length << 3)) - 1;
      high = 0;
    } else high &= ((<u64>1) << (<u64>(length - 8) << 3)) - 1;
    put(key, low, high | (<u64>length << 56), FORM_SHORT);
  } else {
    const hash = hashBytes(at, length, FORM_LONG);
    store<u64>(key, hash);
    store<u64>(key, (<u64>length << 32) | <u64>at, KEY_HIGH);
    store<u64>(key, hash, KEY_HASH);
    store<u32>(key, FORM_LONG, KEY_FORM);
  }
}

/** Whether a stored key (two words and a form) is this one. */
@inline
export function isKey(low: u64, high: u64, form: u32, key: usize): bool {
  if (low != load<u64>(key) || form != load<u32>(key, KEY_FORM)) return false;
  const wanted = load<u64>(key, KEY_HIGH);
  if (form != FORM_LONG) return high == wanted;
  return (high >> 32) == (wanted >> 32) && equalBytes(<usize>(<u32>high), <usize>(<u32>wanted), <u32>(high >> 32));
}

@inline
function isNull(column: usize, row: usize): bool {
  const nulls = <usize>load<u32>(column, COLUMN_NULLS);
  return nulls != 0 && load<u8>(nulls + row) != 0;
}

@inline
function fixedBits(column: usize, type: u32, row: usize): u64 {
  const data = <usize>load<u32>(column, COLUMN_DATA);
  if (type == TYPE_I32) return <u64>(<i64>load<i32>(data + (row << 2)));
  if (type == TYPE_I64) return load<u64>(data + (row << 3));
  return groupingBits(load<f64>(data + (row << 3)));
}

function keyOfColumn(key: usize, column: usize, row: usize): void {
  const type = load<u32>(column, COLUMN_TYPE);
  if (isNull(column, row)) put(key, 0, 0, FORM_NULL);
  else if (type == TYPE_STR) {
    const reference = <usize>load<u32>(column, COLUMN_DATA) + (row << 4);
    keyOfBytes(key, <usize>load<u32>(reference, 8), load<u32>(reference));
  } else put(key, fixedBits(column, type, row), 0, FORM_FIXED);
}

/** Several columns as one string that tells any two rows apart: per column a byte, then 8 bytes, or length and bytes. */
function keyOfRow(key: usize, columns: usize, count: u32, row: usize): void {
  const end = columns + <usize>count * COLUMN_BYTES;
  let room: usize = 16;
  for (let column = columns; column < end; column += COLUMN_BYTES) {
    room += 9;
    if (load<u32>(column, COLUMN_TYPE) == TYPE_STR && !isNull(column, row)) {
      room += <usize>load<u32>(<usize>load<u32>(column, COLUMN_DATA) + (row << 4));
    }
  }
  const bytes = arenaAlloc(room);
  let p = bytes;
  for (let column = columns; column < end; column += COLUMN_BYTES) {
    const type = load<u32>(column, COLUMN_TYPE);
    const missing = isNull(column, row);
    store<u8>(p++, missing ? 0 : 1);
    if (missing) continue;
    if (type != TYPE_STR) {
      store<u64>(p, fixedBits(column, type, row));
      p += 8;
      continue;
    }
    const reference = <usize>load<u32>(column, COLUMN_DATA) + (row << 4);
    const length = load<u32>(reference);
    store<u32>(p, length);
    memory.copy(p + 4, <usize>load<u32>(reference, 8), length);
    p += 4 + <usize>length;
  }
  keyOfBytes(key, bytes, <u32>(p - bytes));
  arenaTrim(bytes, load<u32>(key, KEY_FORM) == FORM_LONG ? p - bytes + 16 : 0);
}

/** Keys of `count` rows, from position `from` of the selection (0: rows in order), into `keys`. */
export function keysOfRows(columns: usize, columnCount: u32, selection: usize, from: u32, count: u32, keys: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const at = from + i;
    const row = <usize>(selection != 0 ? load<u32>(selection + (<usize>at << 2)) : at);
    const key = keys + <usize>i * KEY_BYTES;
    if (columnCount == 1) keyOfColumn(key, columns, row);
    else keyOfRow(key, columns, columnCount, row);
  }
}

let uuidLow: u64 = 0;
let uuidHigh: u64 = 0;

/** The 16 bytes that the 36 characters at p stand for, if they are a UUID in lower case with its dashes; else false. */
@inline
function packUuid(p: usize): bool {
  if (load<u8>(p, 8) != 0x2d || load<u8>(p, 13) != 0x2d || load<u8>(p, 18) != 0x2d || load<u8>(p, 23) != 0x2d) return false;
  const a = v128.load(p);
  const b = v128.load(p, 16);
  const c = v128.load(p, 20);
  const first = i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17);
  const second = i8x16.shuffle(b, c, 3, 4, 5, 6, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  if (!i8x16.all_true(v128.and(isHex(first), isHex(second)))) return false;
  const bytes = i8x16.narrow_i16x8_u(joinDigits(hexDigits(first)), joinDigits(hexDigits(second)));
  uuidLow = i64x2.extract_lane(bytes, 0);
  uuidHigh = i64x2.extract_lane(bytes, 1);
  return true;
}

@inline
function isHex(v: v128): v128 {
  const digit = i8x16.lt_u(i8x16.sub(v, i8x16.splat(0x30)), i8x16.splat(10));
  return v128.or(digit, i8x16.lt_u(i8x16.sub(v, i8x16.splat(0x61)), i8x16.splat(6)));
}

@inline
function hexDigits(v: v128): v128 {
  const digit = i8x16.sub(v, i8x16.splat(0x30));
  return v128.bitselect(digit, i8x16.sub(v, i8x16.splat(87)), i8x16.lt_u(digit, i8x16.splat(10)));
}

/** The high digit of a byte comes first. */
@inline
function joinDigits(v: v128): v128 {
  return v128.and(v128.or(i16x8.shl(v, 4), i16x8.shr_u(v, 8)), i16x8.splat(0xff));
}
