// Rows on their way out of the engine: columns as JSON texts, and what an epoch says of each key, as records take it.

import { alloc, allocZeroed, free, realloc } from "./memory";
import { equalBytes, hashBytes } from "./hash";
import { bytesOf, lengthOf, setReference, textRoom, textTake } from "./functions/reference";
import { doubleText, intText, isoTimestampText } from "./functions/value-text";

// As in kernel/output-rows.ts.
const JSON_BOOLEAN: u32 = 0;
const JSON_INT: u32 = 1;
const JSON_LONG: u32 = 2;
const JSON_DOUBLE: u32 = 3;
const JSON_TEXT: u32 = 4;
const JSON_TIMESTAMP: u32 = 5;
const JSON_TIMESTAMPTZ: u32 = 6;

/** Copies go on for up to 15 bytes. */
const SLACK: u32 = 16;
const NULL_TEXT: usize = memory.data<u8>([0x6e, 0x75, 0x6c, 0x6c], 4);
const TRUE_TEXT: usize = memory.data<u8>([0x74, 0x72, 0x75, 0x65], 4);
const FALSE_TEXT: usize = memory.data<u8>([0x66, 0x61, 0x6c, 0x73, 0x65, 0, 0, 0], 4);
const HEX: usize = memory.data<u8>([
  0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66,
]);
/** What stands behind a backslash for characters below 14; 0 for those that have no such form. */
const SHORT: usize = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 0x62, 0x74, 0x6e, 0, 0x66, 0x72]);

@inline
function rowAt(selection: usize, at: u32): usize {
  return <usize>(selection != 0 ? load<u32>(selection + (<usize>at << 2)) : at);
}

@inline
function copyBytes(from: usize, to: usize, length: u32): void {
  if (length > 256) {
    memory.copy(to, from, length);
    return;
  }
  const end = from + length;
  while (from < end) {
    v128.store(to, v128.load(from));
    from += 16;
    to += 16;
  }
}

/** No quote, backslash or control character among the bytes. */
function isClean(pointer: usize, length: u32): bool {
  const end = pointer + length;
  while (pointer < end) {
    const bytes = v128.load(pointer);
    const odd = v128.or(
      i8x16.lt_u(bytes, i8x16.splat(0x20)),
      v128.or(i8x16.eq(bytes, i8x16.splat(0x22)), i8x16.eq(bytes, i8x16.splat(0x5c))),
    );
    const rest = <u32>(end - pointer);
    const wanted = rest >= 16 ? 0xffff : (1 << rest) - 1;
    if ((i8x16.bitmask(odd) & wanted) != 0) return false;
    pointer += 16;
  }
  return true;
}

/** As `JSON.stringify` has it. */
function quoted(text: usize, out: usize): void {
  const length = lengthOf(text);
  let from = bytesOf(text);
  const clean = isClean(from, length);
  const start = textRoom((clean ? length : length * 6) + 2 + SLACK);
  let p = start;
  store<u8>(p++, 0x22);
  if (clean) {
    copyBytes(from, p, length);
    p += length;
  } else {
    const end = from + length;
    for (; from < end; from++) p = escaped(p, load<u8>(from));
  }
  store<u8>(p++, 0x22);
  textTake(p);
  setReference(out, start, <u32>(p - start));
}

function escaped(p: usize, byte: u8): usize {
  if (byte >= 0x20) {
    if (byte == 0x22 || byte == 0x5c) store<u8>(p++, 0x5c);
    store<u8>(p, byte);
    return p + 1;
  }
  store<u8>(p, 0x5c);
  const short = byte < 14 ? load<u8>(SHORT + <usize>byte) : 0;
  if (short != 0) {
    store<u8>(p, short, 1);
    return p + 2;
  }
  store<u8>(p, 0x75, 1);
  store<u16>(p, 0x3030, 2);
  store<u8>(p, load<u8>(HEX + <usize>(byte >> 4)), 4);
  store<u8>(p, load<u8>(HEX + <usize>(byte & 15)), 5);
  return p + 6;
}

@inline
function textOf(kind: u32, data: usize, row: usize, out: usize): bool {
  if (kind == JSON_TEXT) quoted(data + (row << 4), out);
  else if (kind == JSON_LONG) intText(load<i64>(data + (row << 3)), out);
  else if (kind == JSON_DOUBLE) return doubleText(load<f64>(data + (row << 3)), out);
  else if (kind == JSON_INT) intText(<i64>load<i32>(data + (row << 2)), out);
  else if (kind == JSON_BOOLEAN) {
    if (load<i32>(data + (row << 2)) != 0) setReference(out, TRUE_TEXT, 4);
    else setReference(out, FALSE_TEXT, 5);
  } else return isoTimestampText(load<i64>(data + (row << 3)), kind == JSON_TIMESTAMPTZ, out);
  return true;
}

/**
 * The JSON texts of a column, a reference for each of the `count` rows. The places of those that have no common form go to `hard`;
 * returns how many. A time that is that of the row before, as bounds of windows are, shares its text.
 */
export function jsonTexts(
  kind: u32, data: usize, nulls: usize, selection: usize, count: u32, references: usize, hard: usize,
): u32 {
  let failed: usize = 0;
  let known: usize = 0;
  let knownTime: i64 = 0;
  const isTime = kind == JSON_TIMESTAMP || kind == JSON_TIMESTAMPTZ;
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(selection, i);
    const out = references + (<usize>i << 4);
    if (nulls != 0 && load<u8>(nulls + row) != 0) {
      setReference(out, NULL_TEXT, 4);
    } else if (isTime && known != 0 && load<i64>(data + (row << 3)) == knownTime) {
      v128.store(out, v128.load(known));
    } else if (!textOf(kind, data, row, out)) {
      store<u32>(hard + (failed++ << 2), i);
    } else if (isTime) {
      known = out;
      knownTime = load<i64>(data + (row << 3));
    }
  }
  return <u32>failed;
}

// What an epoch says, by key: an entry for each, in the order in which they came up first, with the value that came first and how
// often it came (or, below zero, went); further values of the key are nodes. Bytes lie in chunks { u32 previous, u32, u64 }.
const TABLE_INDEX: usize = 0; // u32 slots { u32 tag, u32 entry + 1 }, linear probing
const TABLE_MASK: usize = 4; // u32
const TABLE_ENTRIES: usize = 8; // u32
const TABLE_COUNT: usize = 12; // u32
const TABLE_CAPACITY: usize = 16; // u32
const TABLE_NODES: usize = 20; // u32
const TABLE_NODE_COUNT: usize = 24; // u32
const TABLE_NODE_CAPACITY: usize = 28; // u32
const TABLE_NODE_INDEX: usize = 32; // u32 slots as those of entries
const TABLE_NODE_MASK: usize = 36; // u32
const TABLE_CHUNK: usize = 40; // u32
const TABLE_NEXT: usize = 44; // u32
const TABLE_END: usize = 48; // u32
const TABLE_SEQUENCE: usize = 52; // u32
const TABLE_SIZE: usize = 56; // u64
const TABLE_BYTES: usize = 64;

// An entry, and a node of an entry (`KEY` is the entry's number then, and `KEY_LENGTH` without meaning).
const ENTRY_KEY: usize = 0; // u32
const ENTRY_KEY_LENGTH: usize = 4; // u32
const ENTRY_VALUE: usize = 8; // u32
const ENTRY_VALUE_LENGTH: usize = 12; // u32
const ENTRY_COUNT: usize = 16; // i32
const ENTRY_SEQUENCE: usize = 20; // u32 when the value came last
const ENTRY_NODE: usize = 24; // u32 the next node + 1
const ENTRY_TAG: usize = 28; // u32
const ENTRY_BYTES: u32 = 32;

const SLOTS_MIN: u32 = 64;
/** Slots that are kept for the next epoch, at most. */
const SLOTS_KEPT_MAX: u32 = 65536;
const CHUNK_HEADER: usize = 16;
/** A chunk is as large as all before it, within bounds. */
const CHUNK_MIN: u64 = 8192;
const CHUNK_MAX: u64 = 1048576;
/** The length of a value that is null. */
const GONE: u32 = u32.MAX_VALUE;

export function changesCreate(): usize {
  return allocZeroed(TABLE_BYTES);
}

export function changesFree(table: usize): void {
  freeChunks(table);
  freeLists(table);
  free(table);
}

export function changesBytes(table: usize): u64 {
  return load<u64>(table, TABLE_SIZE);
}

function freeChunks(table: usize): void {
  let chunk = <usize>load<u32>(table, TABLE_CHUNK);
  while (chunk != 0) {
    const previous = <usize>load<u32>(chunk);
    free(chunk);
    chunk = previous;
  }
  memory.fill(table + TABLE_CHUNK, 0, 12);
}

function freeLists(table: usize): void {
  free(<usize>load<u32>(table, TABLE_INDEX));
  free(<usize>load<u32>(table, TABLE_ENTRIES));
  free(<usize>load<u32>(table, TABLE_NODES));
  free(<usize>load<u32>(table, TABLE_NODE_INDEX));
}

/** Forgets the epoch. */
export function changesClear(table: usize): void {
  freeChunks(table);
  const slots = load<u32>(table, TABLE_MASK) + 1;
  const most = max(slots, load<u32>(table, TABLE_CAPACITY));
  if (most > SLOTS_KEPT_MAX || load<u32>(table, TABLE_NODES) != 0) {
    freeLists(table);
    memory.fill(table, 0, TABLE_BYTES);
    return;
  }
  const index = <usize>load<u32>(table, TABLE_INDEX);
  if (index != 0) memory.fill(index, 0, <usize>slots << 3);
  store<u32>(table, 0, TABLE_COUNT);
  store<u32>(table, 0, TABLE_SEQUENCE);
  store<u64>(table, 0, TABLE_SIZE);
}

/** Room for so many bytes, and some more that a copy may touch. */
@inline
function room(table: usize, bytes: u32): usize {
  const next = <usize>load<u32>(table, TABLE_NEXT);
  if (next + bytes + SLACK <= <usize>load<u32>(table, TABLE_END)) return next;
  return freshChunk(table, bytes);
}

function freshChunk(table: usize, bytes: u32): usize {
  const usual = min(CHUNK_MAX, max(CHUNK_MIN, load<u64>(table, TABLE_SIZE)));
  const size = max(<usize>usual, <usize>(bytes + SLACK));
  const chunk = alloc(CHUNK_HEADER + size);
  store<u32>(chunk, load<u32>(table, TABLE_CHUNK));
  store<u32>(table, <u32>chunk, TABLE_CHUNK);
  store<u32>(table, <u32>(chunk + CHUNK_HEADER), TABLE_NEXT);
  store<u32>(table, <u32>(chunk + CHUNK_HEADER + size), TABLE_END);
  store<u64>(table, load<u64>(table, TABLE_SIZE) + size, TABLE_SIZE);
  return chunk + CHUNK_HEADER;
}

/** A further element of the list of entries or nodes: its number. The offsets are those of the list, its count and its capacity. */
function pushed(table: usize, list: usize): u32 {
  const count = load<u32>(table + list + 4);
  const capacity = load<u32>(table + list + 8);
  if (count == capacity) {
    const more = max(capacity << 1, SLOTS_MIN >> 1);
    const moved = realloc(<usize>load<u32>(table + list), <usize>count * ENTRY_BYTES, <usize>more * ENTRY_BYTES);
    store<u32>(table + list, <u32>moved);
    store<u32>(table + list + 8, more);
    store<u64>(table, load<u64>(table, TABLE_SIZE) + <u64>((more - capacity) * ENTRY_BYTES), TABLE_SIZE);
  }
  store<u32>(table + list + 4, count + 1);
  return count;
}

@inline
function elementAt(table: usize, list: usize, at: u32): usize {
  return <usize>load<u32>(table + list) + <usize>at * ENTRY_BYTES;
}

/** Makes room in an index for one more of `list`. The offset is that of the index; its mask follows it. */
function growIndex(table: usize, index: usize, list: usize): void {
  const count = load<u32>(table + list + 4);
  const slots: u32 = load<u32>(table + index) == 0 ? 0 : load<u32>(table + index + 4) + 1;
  if ((count + 1) << 1 <= slots) return;
  const more = max(slots << 1, SLOTS_MIN);
  free(<usize>load<u32>(table + index));
  const fresh = allocZeroed(<usize>more << 3);
  store<u32>(table + index, <u32>fresh);
  store<u32>(table + index + 4, more - 1);
  for (let i: u32 = 0; i < count; i++) {
    const tag = load<u32>(elementAt(table, list, i), ENTRY_TAG);
    let at = tag & (more - 1);
    while (load<u32>(fresh + (<usize>at << 3), 4) != 0) at = (at + 1) & (more - 1);
    store<u32>(fresh + (<usize>at << 3), tag);
    store<u32>(fresh + (<usize>at << 3), i + 1, 4);
  }
}

@inline
function setElement(element: usize, key: u32, keyLength: u32, value: usize, valueLength: u32, count: i32, tag: u32): void {
  store<u32>(element, key, ENTRY_KEY);
  store<u32>(element, keyLength, ENTRY_KEY_LENGTH);
  store<u32>(element, <u32>value, ENTRY_VALUE);
  store<u32>(element, valueLength, ENTRY_VALUE_LENGTH);
  store<i32>(element, count, ENTRY_COUNT);
  store<u32>(element, 0, ENTRY_NODE);
  store<u32>(element, tag, ENTRY_TAG);
}

@inline
function came(table: usize, element: usize, weight: i32): void {
  store<i32>(element, load<i32>(element, ENTRY_COUNT) + weight, ENTRY_COUNT);
  if (weight > 0) stamp(table, element);
}

@inline
function stamp(table: usize, element: usize): void {
  const sequence = load<u32>(table, TABLE_SEQUENCE) + 1;
  store<u32>(table, sequence, TABLE_SEQUENCE);
  store<u32>(element, sequence, ENTRY_SEQUENCE);
}

// The columns of a row: { u32 references of their texts, u32 what stands before each text in a value, u32 its length, u32 }.
const COLUMN_BYTES: usize = 16;

@inline
function textAt(columns: usize, column: u32, row: u32): usize {
  return <usize>load<u32>(columns + <usize>column * COLUMN_BYTES) + (<usize>row << 4);
}

/** Bytes of the object of a row: each name with what is before it, each text, and the end. */
@inline
function valueLengthOf(columns: usize, columnCount: u32, row: u32): u32 {
  let length: u32 = 1;
  for (let c: u32 = 0; c < columnCount; c++) {
    length += load<u32>(columns + <usize>c * COLUMN_BYTES, 8) + lengthOf(textAt(columns, c, row));
  }
  return length;
}

@inline
function writeValue(p: usize, columns: usize, columnCount: u32, row: u32): void {
  for (let c: u32 = 0; c < columnCount; c++) {
    const column = columns + <usize>c * COLUMN_BYTES;
    const nameLength = load<u32>(column, 8);
    copyBytes(<usize>load<u32>(column, 4), p, nameLength);
    p += nameLength;
    const text = textAt(columns, c, row);
    copyBytes(bytesOf(text), p, lengthOf(text));
    p += lengthOf(text);
  }
  store<u8>(p, 0x7d);
}

/** Bytes of the array of the key columns; no bytes when there are none. */
@inline
function keyLengthOf(columns: usize, keys: usize, keyCount: u32, row: u32): u32 {
  if (keyCount == 0) return 0;
  let length = keyCount + 1;
  for (let k: u32 = 0; k < keyCount; k++) length += lengthOf(textAt(columns, load<u32>(keys + (<usize>k << 2)), row));
  return length;
}

@inline
function writeKey(p: usize, columns: usize, keys: usize, keyCount: u32, row: u32): void {
  if (keyCount == 0) return;
  for (let k: u32 = 0; k < keyCount; k++) {
    store<u8>(p++, k == 0 ? 0x5b : 0x2c);
    const text = textAt(columns, load<u32>(keys + (<usize>k << 2)), row);
    copyBytes(bytesOf(text), p, lengthOf(text));
    p += lengthOf(text);
  }
  store<u8>(p, 0x5d);
}

/** Takes rows that come (weight above zero; `weights` 0: all do) and go, by key. */
export function changesAdd(
  table: usize, columns: usize, columnCount: u32, keys: usize, keyCount: u32, weights: usize, selection: usize, count: u32,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const weight: i32 = weights == 0 ? 1 : load<i32>(weights + (rowAt(selection, i) << 2));
    const keyLength = keyLengthOf(columns, keys, keyCount, i);
    const valueLength = valueLengthOf(columns, columnCount, i);
    const key = room(table, keyLength + valueLength);
    writeKey(key, columns, keys, keyCount, i);
    const tag = <u32>hashBytes(key, keyLength, 0);
    const found = entryOf(table, key, keyLength, tag);
    if (found != 0) {
      writeValue(key, columns, columnCount, i);
      changeValue(table, found - 1, key, valueLength, weight);
      continue;
    }
    const value = key + keyLength;
    writeValue(value, columns, columnCount, i);
    store<u32>(table, <u32>(value + valueLength), TABLE_NEXT);
    const entry = elementAt(table, TABLE_ENTRIES, load<u32>(table, TABLE_COUNT) - 1);
    setElement(entry, <u32>key, keyLength, value, valueLength, weight, tag);
    stamp(table, entry);
  }
}

/** The number + 1 of the entry of a key; 0 when it is a new one, which was made without its contents. */
@inline
function entryOf(table: usize, key: usize, keyLength: u32, tag: u32): u32 {
  growIndex(table, TABLE_INDEX, TABLE_ENTRIES);
  const index = <usize>load<u32>(table, TABLE_INDEX);
  const mask = load<u32>(table, TABLE_MASK);
  let at = tag & mask;
  while (true) {
    const slot = index + (<usize>at << 3);
    const found = load<u32>(slot, 4);
    if (found == 0) {
      store<u32>(slot, tag);
      store<u32>(slot, pushed(table, TABLE_ENTRIES) + 1, 4);
      return 0;
    }
    if (load<u32>(slot) == tag) {
      const entry = elementAt(table, TABLE_ENTRIES, found - 1);
      const same = load<u32>(entry, ENTRY_KEY_LENGTH) == keyLength;
      if (same && equalBytes(<usize>load<u32>(entry, ENTRY_KEY), key, keyLength)) return found;
    }
    at = (at + 1) & mask;
  }
}

@inline
function hasValue(element: usize, value: usize, length: u32): bool {
  return load<u32>(element, ENTRY_VALUE_LENGTH) == length && equalBytes(<usize>load<u32>(element, ENTRY_VALUE), value, length);
}

/** A value of a key that is known comes or goes; its bytes lie where the next ones go. */
function changeValue(table: usize, number: u32, value: usize, length: u32, weight: i32): void {
  const entry = elementAt(table, TABLE_ENTRIES, number);
  if (hasValue(entry, value, length)) {
    came(table, entry, weight);
    return;
  }
  growIndex(table, TABLE_NODE_INDEX, TABLE_NODES);
  const index = <usize>load<u32>(table, TABLE_NODE_INDEX);
  const mask = load<u32>(table, TABLE_NODE_MASK);
  const tag = <u32>hashBytes(value, length, <u64>number + 1);
  let at = tag & mask;
  while (true) {
    const slot = index + (<usize>at << 3);
    const found = load<u32>(slot, 4);
    if (found == 0) {
      const made = pushed(table, TABLE_NODES);
      store<u32>(slot, tag);
      store<u32>(slot, made + 1, 4);
      store<u32>(table, <u32>(value + length), TABLE_NEXT);
      const node = elementAt(table, TABLE_NODES, made);
      setElement(node, number, 0, value, length, weight, tag);
      stamp(table, node);
      store<u32>(node, load<u32>(entry, ENTRY_NODE), ENTRY_NODE);
      store<u32>(entry, made + 1, ENTRY_NODE);
      return;
    }
    const node = elementAt(table, TABLE_NODES, found - 1);
    if (load<u32>(slot) == tag && load<u32>(node, ENTRY_KEY) == number && hasValue(node, value, length)) {
      came(table, node, weight);
      return;
    }
    at = (at + 1) & mask;
  }
}

/** Takes rows that only come, one after the other; stops before one that goes. Returns how many it took. */
export function changesAppend(
  table: usize, columns: usize, columnCount: u32, weights: usize, selection: usize, count: u32,
): u32 {
  for (let i: u32 = 0; i < count; i++) {
    if (weights != 0 && load<i32>(weights + (rowAt(selection, i) << 2)) < 0) return i;
    const length = valueLengthOf(columns, columnCount, i);
    const value = room(table, length);
    writeValue(value, columns, columnCount, i);
    store<u32>(table, <u32>(value + length), TABLE_NEXT);
    const entry = elementAt(table, TABLE_ENTRIES, pushed(table, TABLE_ENTRIES));
    setElement(entry, <u32>value, length, value, length, 1, 0);
    store<u32>(entry, 1, ENTRY_SEQUENCE);
  }
  return count;
}

/** How many keys, or rows, there are. */
export function changesCount(table: usize): u32 {
  return load<u32>(table, TABLE_COUNT);
}

/**
 * The net change of each key, in order: references of the keys, addresses and lengths of the values ({@link GONE} for a key that
 * is gone). What came and went again is left out. Returns how many there are. Of rows that were appended the key is the row.
 */
export function changesTake(table: usize, keys: usize, values: usize, lengths: usize): u32 {
  const count = load<u32>(table, TABLE_COUNT);
  let taken: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    const entry = elementAt(table, TABLE_ENTRIES, i);
    let element = entry;
    let standing: usize = 0;
    let goes = false;
    while (true) {
      const net = load<i32>(element, ENTRY_COUNT);
      if (net < 0) goes = true;
      const isLater = standing == 0 || load<u32>(element, ENTRY_SEQUENCE) > load<u32>(standing, ENTRY_SEQUENCE);
      if (net > 0 && isLater) standing = element;
      const next = load<u32>(element, ENTRY_NODE);
      if (next == 0) break;
      element = elementAt(table, TABLE_NODES, next - 1);
    }
    if (standing == 0 && !goes) continue;
    setReference(keys + (taken << 4), <usize>load<u32>(entry, ENTRY_KEY), load<u32>(entry, ENTRY_KEY_LENGTH));
    store<u32>(values + (taken << 2), standing == 0 ? 0 : load<u32>(standing, ENTRY_VALUE));
    store<u32>(lengths + (taken << 2), standing == 0 ? GONE : load<u32>(standing, ENTRY_VALUE_LENGTH));
    taken++;
  }
  return <u32>taken;
}
