// Reads back groups as formats 0xa2 and 0xb2 had them: a record each, by window and in the order of first rows; of a snapshot of changes
// after the keys that went.
//
// Record: u32 bytes, u32 whether it went, i64 end, i64 rows, u32 flags, u32 nulls, u64 hash; keys (8 bytes, or u32 length and bytes);
// canonical states; results that stand, if they are kept.

import { alloc, free } from "../memory";
import { indexFindKey } from "./group-index";
import { clearRecord } from "./group-import";
import { hashOfRecord, keepBytes, keepNullText, keptBytes, recordBytes, setNull } from "./group-key";
import { settleBlocks } from "./group-size";
import { importStates } from "./group-state-bytes";
import { addRecord, groupForget, removeGroup, windowOf } from "./group-table";
import { addToCount } from "./packed-value";
import { TYPE_I32, TYPE_STR } from "./key";
import * as L from "./group-layout";

const RECORD_ROWS: usize = 16;
const RECORD_FLAGS: usize = 24;
const RECORD_NULLS: usize = 28;
const RECORD_KEYS: usize = 40;

/** Bytes of what {@link readKey} writes. */
function keyRecordBytes(layout: usize, entry: usize): usize {
  const nulls = load<u32>(entry, RECORD_NULLS);
  let bytes = <usize>load<u32>(layout);
  let from = entry + RECORD_KEYS;
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_KEYS); i++) {
    const isText = load<u32>(L.keyPart(layout, i)) == TYPE_STR;
    if ((nulls >> i) & 1) bytes += isText ? 1 : 0;
    else if (isText) {
      bytes += keptBytes(load<u32>(from));
      from += 4 + <usize>load<u32>(from);
    } else from += 8;
  }
  return bytes;
}

/** Writes the key into a record that is zero; returns where it ends in the entry. */
function readKey(layout: usize, entry: usize, record: usize): usize {
  const nulls = load<u32>(entry, RECORD_NULLS);
  let from = entry + RECORD_KEYS;
  let text = record + <usize>load<u32>(layout);
  for (let i: u32 = 0; i < load<u32>(layout, L.LAYOUT_KEYS); i++) {
    const part = L.keyPart(layout, i);
    const type = load<u32>(part);
    if ((nulls >> i) & 1) {
      if (type == TYPE_STR) text = keepNullText(text);
      else setNull(layout, record, part);
    } else if (type == TYPE_STR) {
      const length = load<u32>(from);
      text = keepBytes(text, from + 4, length);
      from += 4 + <usize>length;
    } else {
      const kept = record + <usize>load<u32>(part, L.KEY_OFFSET);
      if (type == TYPE_I32) store<u32>(kept, load<u32>(from));
      else store<u64>(kept, load<u64>(from));
      from += 8;
    }
  }
  return from;
}

/** As `groupImport` of group-import.ts. */
export function groupImport02(table: usize, from: usize, bytes: usize, delta: bool): void {
  const layout = <usize>load<u32>(table);
  const end = from + bytes;
  while (from < end) {
    importRecord(table, layout, from, delta);
    from += <usize>load<u32>(from);
  }
  if (delta) groupForget(table);
  settleBlocks(table);
}

function importRecord(table: usize, layout: usize, entry: usize, delta: bool): void {
  const window = windowOf(table, load<i64>(entry, 8));
  const size = keyRecordBytes(layout, entry);
  const key = alloc(size + 16);
  memory.fill(key, 0, size);
  const states = readKey(layout, entry, key);
  const hash = hashOfRecord(layout, key);
  let record: usize = delta ? indexFindKey(layout, window, hash, key) : 0;
  const isGone = load<u32>(entry, 4) != 0;
  if (isGone) {
    if (record != 0) removeGroup(table, record);
  } else {
    if (record != 0) clearRecord(table, window, record);
    else record = addRecord(table, window, hash, recordBytes(layout, key));
    const at = <usize>load<u32>(layout, L.LAYOUT_NULLS);
    memory.copy(record + at, key + at, size - at);
    addToCount(record, record + L.RECORD_ROWS, load<i64>(entry, RECORD_ROWS));
    L.setFlags(record, L.flagsOf(record) | (load<u32>(entry, RECORD_FLAGS) & L.RECORD_EMITTED));
    importStates(table, window, record, states);
  }
  free(key);
}
