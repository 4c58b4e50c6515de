// Keys of groups: hashed and compared where they stand in rows and in records.
//
// In a record: a bit for each fixed-width column that is null, the fixed-width values at their offsets, and behind all of that the strings
// in their order: the length plus one as a varint (0: null), and the bytes.

import { equalBytes, hash64, hashBytes, hashStr } from "../hash";
import { COLUMN_BYTES, COLUMN_DATA, COLUMN_NULLS, groupingBits, TYPE_F64, TYPE_I32, TYPE_STR } from "./key";
import * as L from "./group-layout";

const NULL_BITS: u64 = 0x6e756c6c6e756c6c;

@inline
export function isNull(column: usize, row: usize): bool {
  const nulls = <usize>load<u32>(column, COLUMN_NULLS);
  return nulls != 0 && load<u8>(nulls + row) != 0;
}

/** Hash of the row's key, without the bounds of its window. */
export function hashOfRow(layout: usize, columns: usize, row: usize): u64 {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  let hash: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    if (load<u32>(part, L.KEY_HASHED) == 0) continue;
    const column = columns + <usize>i * COLUMN_BYTES;
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const type = load<u32>(part);
    if (isNull(column, row)) hash = hash64(NULL_BITS, hash);
    else if (type == TYPE_STR) hash = hashStr(data + (row << 4), hash);
    else if (type == TYPE_F64) hash = hash64(groupingBits(load<f64>(data + (row << 3))), hash);
    else if (type == TYPE_I32) hash = hash64(<u64>load<u32>(data + (row << 2)), hash);
    else hash = hash64(load<u64>(data + (row << 3)), hash);
  }
  return hash;
}

@inline
function varintBytes(value: u32): usize {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

function putVarint(at: usize, value: u32): usize {
  while (value >= 0x80) {
    store<u8>(at++, <u8>value | 0x80);
    value >>= 7;
  }
  store<u8>(at, <u8>value);
  return at + 1;
}

/** Where the bytes of the string begin whose length {@link lengthAt} read last. */
let textAt: usize = 0;

/** The length of a string plus one. */
@inline
function lengthAt(at: usize): u32 {
  const first = <u32>load<u8>(at);
  if (first < 0x80) {
    textAt = at + 1;
    return first;
  }
  return longLengthAt(at);
}

function longLengthAt(at: usize): u32 {
  let value: u32 = 0;
  let shift: u32 = 0;
  while (true) {
    const byte = <u32>load<u8>(at++);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
    shift += 7;
  }
  textAt = at;
  return value;
}

/** Where the string after one of that length (plus one) is. */
@inline
function textAfter(length: u32): usize {
  return length == 0 ? textAt : textAt + <usize>(length - 1);
}

@inline
function isNullIn(layout: usize, record: usize, part: usize): bool {
  const bit = load<u32>(part, L.KEY_NULL_BIT);
  return ((load<u8>(record + <usize>load<u32>(layout, L.LAYOUT_NULLS) + <usize>(bit >> 3)) >> (<u8>bit & 7)) & 1) != 0;
}

/** As {@link hashOfRow}, of the key in a record. */
export function hashOfRecord(layout: usize, record: usize): u64 {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  let hash: u64 = 0;
  let text = record + <usize>load<u32>(layout);
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    const type = load<u32>(part);
    if (type == TYPE_STR) {
      const length = lengthAt(text);
      hash = length == 0 ? hash64(NULL_BITS, hash) : hashBytes(textAt, length - 1, hash);
      text = textAfter(length);
      continue;
    }
    if (load<u32>(part, L.KEY_HASHED) == 0) continue;
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    if (isNullIn(layout, record, part)) hash = hash64(NULL_BITS, hash);
    else if (type == TYPE_F64) hash = hash64(groupingBits(load<f64>(kept)), hash);
    else if (type == TYPE_I32) hash = hash64(<u64>load<u32>(kept), hash);
    else hash = hash64(load<u64>(kept), hash);
  }
  return hash;
}

export function isGroupOf(layout: usize, record: usize, columns: usize, row: usize): bool {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  let text = record + <usize>load<u32>(layout);
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    const type = load<u32>(part);
    const column = columns + <usize>i * COLUMN_BYTES;
    const data = <usize>load<u32>(column, COLUMN_DATA);
    if (type == TYPE_STR) {
      const length = lengthAt(text);
      if (isNull(column, row)) {
        if (length != 0) return false;
      } else {
        const wanted = data + (row << 4);
        if (length != load<u32>(wanted) + 1) return false;
        if (!equalBytes(textAt, <usize>load<u32>(wanted, 8), length - 1)) return false;
      }
      text = textAfter(length);
      continue;
    }
    if (load<u32>(part, L.KEY_HASHED) == 0) continue;
    const missing = isNull(column, row);
    if (missing != isNullIn(layout, record, part)) return false;
    if (missing) continue;
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    if (type == TYPE_I32) {
      if (load<u32>(kept) != load<u32>(data + (row << 2))) return false;
    } else if (type == TYPE_F64) {
      if (groupingBits(load<f64>(kept)) != groupingBits(load<f64>(data + (row << 3)))) return false;
    } else if (load<u64>(kept) != load<u64>(data + (row << 3))) return false;
  }
  return true;
}

/** Whether two records (or what stands for one in a snapshot) have the same key, to the bit. */
export function isSameKey(layout: usize, a: usize, b: usize): bool {
  const from = <usize>load<u32>(layout, L.LAYOUT_NULLS);
  const bytes = recordBytes(layout, a) - from;
  return recordBytes(layout, b) - from == bytes && equalBytes(a + from, b + from, <u32>bytes);
}

/** Bytes of the record of a group with the row's key. */
export function recordBytesOfRow(layout: usize, columns: usize, row: usize): usize {
  let bytes = <usize>load<u32>(layout);
  if ((load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_TEXTS) == 0) return bytes;
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(L.keyPart(layout, i)) != TYPE_STR) continue;
    const column = columns + <usize>i * COLUMN_BYTES;
    if (isNull(column, row)) bytes++;
    else {
      const length = load<u32>(<usize>load<u32>(column, COLUMN_DATA) + (row << 4));
      bytes += varintBytes(length + 1) + <usize>length;
    }
  }
  return bytes;
}

/** Bytes of a record. */
@inline
export function recordBytes(layout: usize, record: usize): usize {
  const bytes = <usize>load<u32>(layout);
  if ((load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_TEXTS) == 0) return bytes;
  return textsEnd(layout, record + bytes) - record;
}

/** Where the strings of a key end that begin at `text`. */
function textsEnd(layout: usize, text: usize): usize {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(L.keyPart(layout, i)) == TYPE_STR) text = textAfter(lengthAt(text));
  }
  return text;
}

/** Writes the key of a row into a record that is zero but for what stands before its key. */
export function keepKey(layout: usize, record: usize, columns: usize, row: usize): void {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  let text = record + <usize>load<u32>(layout);
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    const column = columns + <usize>i * COLUMN_BYTES;
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const type = load<u32>(part);
    if (type == TYPE_STR) text = isNull(column, row) ? keepNullText(text) : keepText(text, data + (row << 4));
    else if (isNull(column, row)) setNull(layout, record, part);
    else {
      const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
      if (type == TYPE_I32) store<u32>(kept, load<u32>(data + (row << 2)));
      else store<u64>(kept, load<u64>(data + (row << 3)));
    }
  }
}

@inline
export function setNull(layout: usize, record: usize, part: usize): void {
  const bit = load<u32>(part, L.KEY_NULL_BIT);
  const at = record + <usize>load<u32>(layout, L.LAYOUT_NULLS) + <usize>(bit >> 3);
  store<u8>(at, load<u8>(at) | (<u8>1 << (<u8>bit & 7)));
}

@inline
export function keepNullText(text: usize): usize {
  store<u8>(text, 0);
  return text + 1;
}

@inline
function keepText(text: usize, reference: usize): usize {
  return keepBytes(text, <usize>load<u32>(reference, 8), load<u32>(reference));
}

/** Writes a string of a key; returns where the next one goes. */
export function keepBytes(text: usize, from: usize, length: u32): usize {
  const at = putVarint(text, length + 1);
  memory.copy(at, from, length);
  return at + <usize>length;
}

/** Bytes that {@link keepBytes} writes. */
@inline
export function keptBytes(length: u32): usize {
  return varintBytes(length + 1) + <usize>length;
}

/** A key column of the records; returns whether any is null. Strings go on pointing into the records. */
export function groupKeyColumn(table: usize, key: u32, records: usize, count: u32, data: usize, nulls: usize): bool {
  const layout = <usize>load<u32>(table);
  const part = L.keyPart(layout, key);
  const offset = <usize>load<u32>(part, L.KEY_OFFSET);
  const type = load<u32>(part);
  if (type == TYPE_STR) return textColumn(layout, key, records, count, data, nulls);
  let any = false;
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = <usize>load<u32>(records + (i << 2));
    const missing = isNullIn(layout, record, part);
    any = any || missing;
    store<u8>(nulls + i, <u8>missing);
    const kept = record + offset;
    if (type == TYPE_I32) store<u32>(data + (i << 2), load<u32>(kept));
    else store<u64>(data + (i << 3), load<u64>(kept));
  }
  return any;
}

function textColumn(layout: usize, key: u32, records: usize, count: u32, data: usize, nulls: usize): bool {
  let before: u32 = 0;
  for (let i: u32 = 0; i < key; i++) before += load<u32>(L.keyPart(layout, i)) == TYPE_STR ? 1 : 0;
  const from = <usize>load<u32>(layout);
  let any = false;
  for (let i: usize = 0; i < <usize>count; i++) {
    let text = <usize>load<u32>(records + (i << 2)) + from;
    for (let j: u32 = 0; j < before; j++) text = textAfter(lengthAt(text));
    const length = lengthAt(text);
    if (length == 0) any = true;
    store<u8>(nulls + i, <u8>(length == 0));
    const bytes = length == 0 ? 0 : length - 1;
    let prefix = load<u32>(textAt);
    if (bytes < 4) prefix &= (1 << (bytes << 3)) - 1;
    const reference = data + (i << 4);
    store<u32>(reference, bytes);
    store<u32>(reference, prefix, 4);
    store<u32>(reference, <u32>textAt, 8);
    store<u32>(reference, 0, 12);
  }
  return any;
}
