// Keys of sessions in their records: 8 bytes a column, 16 for the reference of a string, whose bytes lie in a block of the record; and
// the index of sessions.

import { equalStr } from "../hash";
import { COLUMN_BYTES, COLUMN_DATA, groupingBits, TYPE_F64, TYPE_I32, TYPE_STR } from "./key";
import { isNull } from "./group-key";
import { putReference } from "./group-state-bytes";
import * as L from "./group-layout";
import * as S from "./session-layout";

export function isSessionOf(layout: usize, record: usize, columns: usize, row: usize): bool {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  const nulls = load<u32>(record, S.RECORD_NULLS);
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    if (load<u32>(part, L.KEY_HASHED) == 0) continue;
    const column = columns + <usize>i * COLUMN_BYTES;
    const missing = isNull(column, row);
    if (missing != (((nulls >> i) & 1) != 0)) return false;
    if (missing) continue;
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    const type = load<u32>(part);
    if (type == TYPE_STR) {
      if (!equalStr(kept, data + (row << 4))) return false;
    } else if (type == TYPE_I32) {
      if (load<u32>(kept) != load<u32>(data + (row << 2))) return false;
    } else if (type == TYPE_F64) {
      if (groupingBits(load<f64>(kept)) != groupingBits(load<f64>(data + (row << 3)))) return false;
    } else if (load<u64>(kept) != load<u64>(data + (row << 3))) return false;
  }
  return true;
}

@inline
export function place(index: usize, mask: u32, slot: u64): void {
  let at = <u32>slot & mask;
  while (load<u64>(index + (<usize>at << 3)) != 0) at = (at + 1) & mask;
  store<u64>(index + (<usize>at << 3), slot);
}

/** Empties a slot of an index. */
export function closeHole(index: usize, mask: u32, hole: u32): void {
  // Moves back what would not be found across the hole (D. Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
  let at = hole;
  while (true) {
    at = (at + 1) & mask;
    const slot = load<u64>(index + (<usize>at << 3));
    if (slot == 0) break;
    const home = <u32>slot & mask;
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      store<u64>(index + (<usize>hole << 3), slot);
      hole = at;
    }
  }
  store<u64>(index + (<usize>hole << 3), 0);
}

/** Copies the key of a row; returns how many bytes {@link placeTexts} needs for its strings. */
export function keepKey(layout: usize, record: usize, columns: usize, row: usize): usize {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  let bytes: usize = 0;
  let nulls: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    const column = columns + <usize>i * COLUMN_BYTES;
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const type = load<u32>(part);
    if (isNull(column, row)) nulls |= 1 << i;
    else if (type == TYPE_STR) {
      v128.store(kept, v128.load(data + (row << 4)));
      bytes += <usize>load<u32>(kept);
    } else if (type == TYPE_I32) store<u32>(kept, load<u32>(data + (row << 2)));
    else store<u64>(kept, load<u64>(data + (row << 3)));
  }
  store<u32>(record, nulls, S.RECORD_NULLS);
  return bytes;
}

/** Copies the strings of a key to where they stay. */
export function placeTexts(layout: usize, record: usize, at: usize): void {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  for (let i: u32 = 0; i < count; i++) {
    const part = L.keyPart(layout, i);
    if (load<u32>(part) != TYPE_STR) continue;
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    const length = <usize>load<u32>(kept);
    memory.copy(at, <usize>load<u32>(kept, 8), length);
    store<u32>(kept, <u32>at, 8);
    at += length;
  }
}

/** Bytes of a key in a snapshot. */
export function keysExportBytes(layout: usize, record: usize): usize {
  let bytes: usize = 0;
  const nulls = load<u32>(record, S.RECORD_NULLS);
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_KEYS); i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    bytes += load<u32>(part) == TYPE_STR ? 4 + <usize>load<u32>(kept) : 8;
  }
  return bytes;
}

export function exportKeys(layout: usize, record: usize, target: usize): usize {
  const nulls = load<u32>(record, S.RECORD_NULLS);
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_KEYS); i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    if (load<u32>(part) == TYPE_STR) {
      const length = load<u32>(kept);
      store<u32>(target, length);
      memory.copy(target + 4, <usize>load<u32>(kept, 8), length);
      target += 4 + <usize>length;
    } else {
      store<u64>(target, load<u64>(kept));
      target += 8;
    }
  }
  return target;
}

/** Bytes of the strings of an exported key; its other values are taken in. */
export function importFixedKeys(layout: usize, record: usize, from: usize): usize {
  const nulls = load<u32>(record, S.RECORD_NULLS);
  const keys = load<u32>(layout, L.LAYOUT_KEYS);
  let bytes: usize = 0;
  for (let i: u32 = 0; i < keys; i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    const isString = load<u32>(part) == TYPE_STR;
    if (isString) bytes += <usize>load<u32>(from);
    else store<u64>(record + <usize>load<u32>(part, L.KEY_OFFSET), load<u64>(from));
    from += isString ? 4 + <usize>load<u32>(from) : 8;
  }
  return bytes;
}

/** Takes in the strings of an exported key, to `at` (0 when they have no bytes); returns where the key ends. */
export function importTextKeys(layout: usize, record: usize, from: usize, at: usize): usize {
  const nulls = load<u32>(record, S.RECORD_NULLS);
  const keys = load<u32>(layout, L.LAYOUT_KEYS);
  for (let i: u32 = 0; i < keys; i++) {
    if ((nulls >> i) & 1) continue;
    const part = L.keyPart(layout, i);
    if (load<u32>(part) != TYPE_STR) {
      from += 8;
      continue;
    }
    const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
    const length = load<u32>(from);
    memory.copy(at, from + 4, length);
    // Strings without bytes point to something that may be read.
    putReference(kept, length == 0 ? record : at, length);
    at += <usize>length;
    from += 4 + <usize>length;
  }
  return from;
}

/** A key column of the records; returns whether any is null. Strings go on pointing into the sessions' memory. */
export function sessionKeyColumn(table: usize, key: u32, records: usize, count: u32, data: usize, nulls: usize): bool {
  const part = L.keyPart(<usize>load<u32>(table), key);
  const offset = <usize>load<u32>(part, L.KEY_OFFSET);
  const type = load<u32>(part);
  let any: u32 = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = <usize>load<u32>(records + (i << 2));
    const missing = (load<u32>(record, S.RECORD_NULLS) >> key) & 1;
    any |= missing;
    store<u8>(nulls + i, <u8>missing);
    const kept = record + offset;
    if (type == TYPE_STR) v128.store(data + (i << 4), v128.load(kept));
    else if (type == TYPE_I32) store<u32>(data + (i << 2), load<u32>(kept));
    else store<u64>(data + (i << 3), load<u64>(kept));
  }
  return any != 0;
}
