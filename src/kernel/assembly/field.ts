// One value into its column, by the kind of the column; constraints are checked on the way.

import { arenaAlloc, arenaTrim } from "./memory";
import { equalBytes } from "./hash";
import { scanString, skipLiteral, skipNumber, skipValue, stringFlags, unescape } from "./scan";
import {
  scanNumber, toDouble, toInteger, toScaled, integer, numericRoom, writeNumeric,
  NUMBER_OK, NUMBER_NOT_INTEGRAL,
} from "./number";
import { checkUuid, days, instant, isUtcMillis, parseDate, parseInstant, parseTime, parseUtcMillis } from "./instant";
import { decodeObject } from "./object";
import { fieldError, row, storeNull } from "./row";
import * as S from "./shape";

@inline
function address(node: usize, shift: usize): usize {
  store<u8>(<usize>load<u32>(node, S.NODE_NULLS) + row, 0);
  return <usize>load<u32>(node, S.NODE_DATA) + (row << shift);
}

@inline
function storeReference(node: usize, start: usize, length: u32): void {
  const at = address(node, 4);
  let prefix = load<u32>(start);
  if (length < 4) prefix &= (1 << (length << 3)) - 1;
  store<u32>(at, length);
  store<u32>(at, prefix, 4);
  store<u32>(at, <u32>start, 8);
  store<u32>(at, 0, 12);
}

/** Types of the value that begins with the byte c. */
function typesOf(c: u32): u32 {
  if (c == 0x22) return S.TYPE_STRING;
  if (c == 0x7b) return S.TYPE_OBJECT;
  if (c == 0x5b) return S.TYPE_ARRAY;
  if (c == 0x74) return S.TYPE_TRUE;
  if (c == 0x66) return S.TYPE_FALSE;
  if (c == 0x6e) return S.TYPE_NULL;
  return S.TYPE_INTEGER | S.TYPE_NUMBER;
}

/** The value at p for a wanted node; returns the address after it, or 0 when it is no JSON. */
export function decodeField(p: usize, node: usize, depth: u32): usize {
  const c = <u32>load<u8>(p);
  const kind = load<u32>(node, S.NODE_KIND);
  if (c == 0x22) {
    if (kind == S.KIND_CHECK) return checkText(p, node);
    const q = decodeFixed(p, node, kind);
    return q != 0 ? q : decodeString(p, node, kind);
  }
  if (c == 0x2d || c - 48 <= 9) return decodeNumber(p, node, kind);
  if (c == 0x7b && load<u32>(node, S.NODE_CHILDREN) != 0) {
    const q = decodeObject(p, node, depth);
    if (q != 0) container(p, q, node, kind, S.TYPE_OBJECT);
    return q;
  }
  if (c == 0x7b || c == 0x5b) {
    const q = skipValue(p, depth);
    if (q != 0) container(p, q, node, kind, typesOf(c));
    return q;
  }
  return decodeLiteral(p, node, kind, c);
}

/** An object or array was read: only jsonb keeps it. */
function container(p: usize, q: usize, node: usize, kind: u32, type: u32): void {
  if ((load<u32>(node, S.NODE_TYPES) & type) == 0) {
    fieldError(S.ERROR_TYPE, p, node);
    storeNull(node);
  } else if (kind == S.KIND_JSONB) storeReference(node, p, <u32>(q - p));
  else storeNull(node);
}

function decodeLiteral(p: usize, node: usize, kind: u32, c: u32): usize {
  const q = skipLiteral(p);
  if (q == 0) return 0;
  const types = load<u32>(node, S.NODE_TYPES);
  if ((types & typesOf(c)) == 0) {
    fieldError(c == 0x6e && (load<u32>(node, S.NODE_FLAGS) & S.FLAG_NOT_NULL) != 0 ? S.ERROR_NULL : S.ERROR_TYPE, p, node);
    storeNull(node);
  } else if (c == 0x6e) storeNull(node);
  else if (kind == S.KIND_BOOLEAN) store<u32>(address(node, 2), c == 0x74 ? 1 : 0);
  else if (kind == S.KIND_TEXT || kind == S.KIND_JSONB) storeReference(node, p, <u32>(q - p));
  else storeNull(node);
  return q;
}

/** Strings of one form need no scan: their bytes are checked as they are read. 0 when it is not that form. */
@inline
function decodeFixed(p: usize, node: usize, kind: u32): usize {
  if (kind == S.KIND_UUID) {
    if (load<u8>(p, 37) == 0x22 && load<u32>(node, S.NODE_CONSTRAINT) == 0 && checkUuid(p + 1, 36) == 1) {
      storeReference(node, p + 1, 36);
      return p + 38;
    }
  } else if (kind == S.KIND_TIMESTAMPTZ) {
    if (load<u8>(p, 25) == 0x22 && load<u32>(node, S.NODE_CONSTRAINT) == 0 && parseUtcMillis(p + 1)) {
      store<i64>(address(node, 3), instant);
      return p + 26;
    }
  }
  return 0;
}

/** A string that fills no column. */
function checkText(p: usize, node: usize): usize {
  const constraint = <usize>load<u32>(node, S.NODE_CONSTRAINT);
  const types = load<u32>(node, S.NODE_TYPES);
  if (constraint != 0 && load<u32>(constraint, S.CONSTRAINT_FORMAT) == S.FORMAT_DATE_TIME) {
    const isOnly = load<u32>(constraint) == 0 && (types & S.TYPE_STRING) != 0;
    if (isOnly && load<u8>(p, 25) == 0x22 && isUtcMillis(p + 1)) return p + 26;
  }
  const q = scanString(p + 1);
  if (q == 0) return 0;
  if ((types & S.TYPE_STRING) == 0) fieldError(S.ERROR_TYPE, p, node);
  else if (constraint != 0) checkConstrained(p, q, node, constraint);
  return q + 1;
}

@inline
function checkConstrained(p: usize, q: usize, node: usize, constraint: usize): void {
  let start = p + 1;
  let length = <u32>(q - start);
  const flags = stringFlags;
  if (flags & 1) {
    const room = arenaAlloc(length + 16);
    length = <u32>(unescape(start, q, room) - room);
    arenaTrim(room, 0);
    start = room;
  }
  const code = checkString(constraint, start, length, flags == 0);
  if (code != 0) fieldError(code, p, node);
}

@inline
function decodeString(p: usize, node: usize, kind: u32): usize {
  let start = p + 1;
  const q = scanString(start);
  if (q == 0) return 0;
  if (kind == S.KIND_JSONB) {
    storeJsonString(p, q + 1, node);
    return q + 1;
  }
  let length = <u32>(q - start);
  const flags = stringFlags;
  if ((load<u32>(node, S.NODE_TYPES) & S.TYPE_STRING) == 0) {
    fieldError(S.ERROR_TYPE, p, node);
    storeNull(node);
    return q + 1;
  }
  if (flags & 1) {
    const room = arenaAlloc(length + 16);
    length = <u32>(unescape(start, q, room) - room);
    arenaTrim(room, length + 16);
    start = room;
  }
  const constraint = <usize>load<u32>(node, S.NODE_CONSTRAINT);
  if (constraint != 0) {
    const code = checkString(constraint, start, length, flags == 0);
    if (code != 0) {
      fieldError(code, p, node);
      storeNull(node);
      return q + 1;
    }
  }
  if (kind == S.KIND_TEXT) storeReference(node, start, length);
  else storeText(p, node, kind, start, length);
  return q + 1;
}

function storeJsonString(p: usize, end: usize, node: usize): void {
  if ((load<u32>(node, S.NODE_TYPES) & S.TYPE_STRING) == 0) {
    fieldError(S.ERROR_TYPE, p, node);
    storeNull(node);
  } else storeReference(node, p, <u32>(end - p));
}

function storeText(p: usize, node: usize, kind: u32, start: usize, length: u32): void {
  if (kind == S.KIND_TIMESTAMPTZ || kind == S.KIND_TIMESTAMP) {
    if (parseInstant(start, length, kind == S.KIND_TIMESTAMPTZ, false)) store<i64>(address(node, 3), instant);
    else refuse(S.ERROR_FORMAT, p, node);
  } else if (kind == S.KIND_UUID) {
    const form = checkUuid(start, length);
    if (form == 0) refuse(S.ERROR_FORMAT, p, node);
    else storeReference(node, form == 1 ? start : lowered(start), length);
  } else if (kind == S.KIND_DATE) {
    if (parseDate(start, length)) store<i32>(address(node, 2), days);
    else refuse(S.ERROR_FORMAT, p, node);
  } else if (kind == S.KIND_TIME) {
    if (parseTime(start, length)) store<i64>(address(node, 3), instant);
    else refuse(S.ERROR_FORMAT, p, node);
  } else if (kind == S.KIND_FLOAT8 || kind == S.KIND_FLOAT4) {
    const value = spelledFloat(start, length);
    if (value == 0) {
      if (load<u32>(node, S.NODE_TYPES) & S.TYPE_SPELLED_ONLY) refuse(S.ERROR_TYPE, p, node);
      else storeNull(node);
    } else store<f64>(address(node, 3), value);
  } else storeNull(node);
}

/** What JSON has no number for, as outputs write it: "NaN", "Infinity", "-Infinity"; 0 for any other text. */
function spelledFloat(start: usize, length: u32): f64 {
  if (length == 3) return load<u8>(start) == 0x4e && load<u16>(start, 1) == 0x4e61 ? NaN : 0;
  const negative = length == 9 && load<u8>(start) == 0x2d;
  if (length != 8 && !negative) return 0;
  // "Infinity" as eight bytes, the first lowest.
  if (load<u64>(negative ? start + 1 : start) != 0x7974696e69666e49) return 0;
  return negative ? -Infinity : Infinity;
}

function refuse(code: u32, at: usize, node: usize): void {
  fieldError(code, at, node);
  storeNull(node);
}

function lowered(uuid: usize): usize {
  const copy = arenaAlloc(48);
  for (let i: usize = 0; i < 36; i++) {
    const c = load<u8>(uuid + i);
    store<u8>(copy + i, c >= 65 && c <= 90 ? c | 0x20 : c);
  }
  return copy;
}

/** Error of a string against its constraint, 0 for none. `isAscii`: it is known to hold nothing else. */
function checkString(constraint: usize, start: usize, length: u32, isAscii: bool): u32 {
  const flags = load<u32>(constraint);
  if (flags & S.LIMIT_STRINGS) {
    const last = <usize>load<u32>(constraint, S.CONSTRAINT_LAST);
    if (last == 0 || !isString(last, start, length)) {
      if (!isOneOf(constraint, start, length)) return S.ERROR_ENUM;
    }
  }
  if (flags & S.LIMIT_LENGTH) {
    const points = isAscii ? length : codePoints(start, length);
    if (points < load<u32>(constraint, S.CONSTRAINT_LENGTH_MIN)) return S.ERROR_LENGTH_MIN;
    if (points > load<u32>(constraint, S.CONSTRAINT_LENGTH_MAX)) return S.ERROR_LENGTH_MAX;
  }
  const format = load<u32>(constraint, S.CONSTRAINT_FORMAT);
  if (format == S.FORMAT_DATE_TIME && !parseInstant(start, length, true, true)) return S.ERROR_FORMAT;
  if (format == S.FORMAT_DATE && !parseDate(start, length)) return S.ERROR_FORMAT;
  if (format == S.FORMAT_UUID && checkUuid(start, length) == 0) return S.ERROR_FORMAT;
  return 0;
}

function codePoints(start: usize, length: u32): u32 {
  let points: u32 = 0;
  for (let i: u32 = 0; i < length; i++) points += (load<u8>(start + i) & 0xc0) != 0x80 ? 1 : 0;
  return points;
}

@inline
function isString(reference: usize, start: usize, length: u32): bool {
  return load<u32>(reference) == length && equalBytes(<usize>load<u32>(reference, 8), start, length);
}

function isOneOf(constraint: usize, start: usize, length: u32): bool {
  let reference = <usize>load<u32>(constraint, S.CONSTRAINT_STRINGS);
  const end = reference + (<usize>load<u32>(constraint, S.CONSTRAINT_STRING_COUNT) << 4);
  for (; reference < end; reference += 16) {
    if (isString(reference, start, length)) {
      store<u32>(constraint, <u32>reference, S.CONSTRAINT_LAST);
      return true;
    }
  }
  return false;
}

function checkNumber(constraint: usize, value: f64): u32 {
  const flags = load<u32>(constraint);
  if (flags & S.LIMIT_STRINGS) return S.ERROR_ENUM;
  const minimum = load<f64>(constraint, S.CONSTRAINT_MINIMUM);
  const maximum = load<f64>(constraint, S.CONSTRAINT_MAXIMUM);
  if (flags & S.LIMIT_MINIMUM && value < minimum) return S.ERROR_MINIMUM;
  if (flags & S.LIMIT_EXCLUSIVE_MINIMUM && value <= minimum) return S.ERROR_MINIMUM;
  if (flags & S.LIMIT_MAXIMUM && value > maximum) return S.ERROR_MAXIMUM;
  if (flags & S.LIMIT_EXCLUSIVE_MAXIMUM && value >= maximum) return S.ERROR_MAXIMUM;
  return 0;
}

function decodeNumber(p: usize, node: usize, kind: u32): usize {
  if (kind == S.KIND_CHECK && (load<u32>(node, S.NODE_TYPES) & S.TYPE_NUMBER) != 0) {
    if (load<u32>(node, S.NODE_CONSTRAINT) == 0) return skipNumber(p);
  }
  const q = scanNumber(p);
  if (q == 0) return 0;
  const types = load<u32>(node, S.NODE_TYPES);
  if ((types & S.TYPE_NUMBER) == 0) {
    if ((types & S.TYPE_INTEGER) == 0 || toInteger() == NUMBER_NOT_INTEGRAL) {
      refuse(S.ERROR_TYPE, p, node);
      return q;
    }
  }
  const constraint = <usize>load<u32>(node, S.NODE_CONSTRAINT);
  let value: f64 = 0;
  if (constraint != 0 || kind == S.KIND_FLOAT8) value = toDouble(p, q);
  if (constraint != 0) {
    const code = checkNumber(constraint, value);
    if (code != 0) {
      refuse(code, p, node);
      return q;
    }
  }
  let outcome = NUMBER_OK;
  if (kind == S.KIND_FLOAT8) {
    if (abs(value) == Infinity) refuse(S.ERROR_RANGE, p, node);
    else store<f64>(address(node, 3), value);
  } else if (kind == S.KIND_INT8) {
    outcome = toInteger();
    if (outcome == NUMBER_OK) store<i64>(address(node, 3), integer);
  } else if (kind == S.KIND_INT4 || kind == S.KIND_INT2) {
    outcome = toInteger();
    const limit: i64 = kind == S.KIND_INT4 ? 0x80000000 : 0x8000;
    if (outcome == NUMBER_OK) {
      if (integer < -limit || integer >= limit) refuse(S.ERROR_RANGE, p, node);
      else store<i32>(address(node, 2), <i32>integer);
    }
  } else if (kind == S.KIND_SCALED) {
    outcome = toScaled(load<i32>(node, S.NODE_SCALE), load<i32>(node, S.NODE_PRECISION));
    if (outcome == NUMBER_OK) store<i64>(address(node, 3), integer);
  } else if (kind == S.KIND_TIMESTAMPTZ || kind == S.KIND_TIMESTAMP) {
    // Milliseconds since the epoch.
    outcome = toScaled(3, 0);
    if (outcome == NUMBER_OK) store<i64>(address(node, 3), integer);
  } else decodeOtherNumber(p, q, node, kind);
  if (outcome != NUMBER_OK) refuse(outcome == NUMBER_NOT_INTEGRAL ? S.ERROR_TYPE : S.ERROR_RANGE, p, node);
  return q;
}

function decodeOtherNumber(p: usize, q: usize, node: usize, kind: u32): void {
  if (kind == S.KIND_JSONB || kind == S.KIND_TEXT) storeReference(node, p, <u32>(q - p));
  else if (kind == S.KIND_FLOAT4) {
    const value = <f64>(<f32>toDouble(p, q));
    if (abs(value) == Infinity) refuse(S.ERROR_RANGE, p, node);
    else store<f64>(address(node, 3), value);
  } else if (kind == S.KIND_NUMERIC) {
    const room = arenaAlloc(numericRoom(q - p));
    const end = writeNumeric(p, q, room);
    arenaTrim(room, end == 0 ? 0 : end - room + 16);
    if (end == 0) refuse(S.ERROR_RANGE, p, node);
    else storeReference(node, room, <u32>(end - room));
  } else storeNull(node);
}
