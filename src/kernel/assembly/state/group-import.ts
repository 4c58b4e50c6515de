// Reads back what group-snapshot.ts wrote: all groups, or what had changed since the snapshot before.

import { ENTRY_GONE, ENTRY_WINDOW, goneEnd, importEntry, keyOfEntry, WINDOW_ENTRY_BYTES } from "./group-entry";
import { indexFindKey, indexReserve } from "./group-index";
import { hashOfRecord, recordBytes } from "./group-key";
import { grown, settleBlocks } from "./group-size";
import { freeBlocks, freeStates } from "./group-state-bytes";
import { addRecord, groupDropWindows, groupForget, groupWindowEnd, groupWindows, removeGroup, windowOf } from "./group-table";
import * as L from "./group-layout";

/** Makes a known record as if it were new, but for its key. */
export function clearRecord(table: usize, window: usize, record: usize): void {
  const layout = <usize>load<u32>(table);
  grown(table, window, -freeStates(layout, record));
  freeBlocks(layout, record);
  const states = (load<u32>(layout, L.LAYOUT_FLAGS) & L.LAYOUT_WINDOWED) != 0 ? L.RECORD_WINDOW + 4 : L.RECORD_WINDOW;
  store<u32>(record, 0, L.RECORD_ROWS);
  memory.fill(record + states, 0, <usize>load<u32>(layout, L.LAYOUT_NULLS) - states);
  L.setFlags(record, L.flagsOf(record) & ~L.RECORD_EMITTED);
}

/** Takes in the entries in [from, from + bytes), in their order. `delta`: over those that are there. */
export function groupImport(table: usize, from: usize, bytes: usize, delta: bool): void {
  const layout = <usize>load<u32>(table);
  const end = from + bytes;
  let window: usize = 0;
  while (from < end) {
    const kind = <u32>load<u8>(from);
    if (kind == ENTRY_WINDOW) {
      window = windowOf(table, load<i64>(from, 1));
      indexReserve(table, window, load<u32>(from, 9));
      from += WINDOW_ENTRY_BYTES;
      continue;
    }
    const key = keyOfEntry(layout, from);
    const hash = hashOfRecord(layout, key);
    let record: usize = delta ? indexFindKey(layout, window, hash, key) : 0;
    if ((kind & ENTRY_GONE) != 0) {
      if (record != 0) removeGroup(table, record);
      from = goneEnd(layout, from);
      continue;
    }
    if (record != 0) clearRecord(table, window, record);
    else record = addRecord(table, window, hash, recordBytes(layout, key));
    from = importEntry(table, window, record, from);
  }
  if (delta) groupForget(table);
  settleBlocks(table);
}

/** Drops the windows that end at `passed` or before. */
export function groupImportPassed(table: usize, passed: i64): void {
  let count: u32 = 0;
  while (count < groupWindows(table) && groupWindowEnd(table, count) <= passed) count++;
  groupDropWindows(table, count);
}
