// Rows on their way to other tasks: which task each goes to, and columns gathered from the rows that go there together.

import { arenaAlloc, arenaPosition, arenaRewind } from "./memory";
import { KEY_BYTES, KEY_HASH, keysOfRows } from "./state/key";

// As in engine/limits.ts: a row belongs to one of so many groups, and a task has a range of them.
const KEY_GROUPS: u64 = 128;
const ROWS_AT_A_TIME: u32 = 1024;

/**
 * Deals the `count` alive rows out to `tasks`, by the hash of their key columns: the numbers of the rows of one task after the other into
 * `rows`, each in their order, and how many each task gets into `counts` (u32).
 */
export function routeRows(
  columns: usize, columnCount: u32, selection: usize, count: u32, tasks: u32, rows: usize, counts: usize,
): void {
  const before = arenaPosition();
  const targets = arenaAlloc(<usize>count << 2);
  memory.fill(counts, 0, <usize>tasks << 2);
  const top = arenaPosition();
  for (let from: u32 = 0; from < count; from += ROWS_AT_A_TIME) {
    const some = min(ROWS_AT_A_TIME, count - from);
    const keys = arenaAlloc(<usize>some * KEY_BYTES);
    keysOfRows(columns, columnCount, selection, from, some, keys);
    for (let i: u32 = 0; i < some; i++) {
      const group = load<u64>(keys + <usize>i * KEY_BYTES, KEY_HASH) % KEY_GROUPS;
      const target = <u32>((group * tasks) / KEY_GROUPS);
      store<u32>(targets + (<usize>(from + i) << 2), target);
      const counter = counts + (<usize>target << 2);
      store<u32>(counter, load<u32>(counter) + 1);
    }
    arenaRewind(top);
  }
  const next = arenaAlloc(<usize>tasks << 2);
  let start: u32 = 0;
  for (let task: u32 = 0; task < tasks; task++) {
    store<u32>(next + (<usize>task << 2), start);
    start += load<u32>(counts + (<usize>task << 2));
  }
  for (let i: u32 = 0; i < count; i++) {
    const at = next + (<usize>load<u32>(targets + (<usize>i << 2)) << 2);
    const place = load<u32>(at);
    store<u32>(at, place + 1);
    store<u32>(rows + (<usize>place << 2), selection != 0 ? load<u32>(selection + (<usize>i << 2)) : i);
  }
  arenaRewind(before);
}

/** Values of 4 or 8 bytes, of the rows that are listed. */
export function gatherValues(source: usize, width: u32, rows: usize, count: u32, target: usize): void {
  if (width == 4) {
    for (let i: usize = 0; i < <usize>count; i++) {
      store<u32>(target + (i << 2), load<u32>(source + (<usize>load<u32>(rows + (i << 2)) << 2)));
    }
    return;
  }
  for (let i: usize = 0; i < <usize>count; i++) {
    store<u64>(target + (i << 3), load<u64>(source + (<usize>load<u32>(rows + (i << 2)) << 3)));
  }
}

/** Flags of one byte; returns how many are set. */
export function gatherFlags(source: usize, rows: usize, count: u32, target: usize): u32 {
  let set: u32 = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const flag = load<u8>(source + <usize>load<u32>(rows + (i << 2)));
    store<u8>(target + i, flag);
    set += <u32>(flag != 0);
  }
  return set;
}

/** Bytes of the texts that 16-byte references stand for. */
export function textBytes(references: usize, rows: usize, count: u32): usize {
  let total: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    total += <usize>load<u32>(references + (<usize>load<u32>(rows + (i << 2)) << 4));
  }
  return total;
}

/** The lengths (u32) and, one behind the other, the bytes of texts. */
export function gatherTexts(references: usize, rows: usize, count: u32, lengths: usize, bytes: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const reference = references + (<usize>load<u32>(rows + (i << 2)) << 4);
    const length = load<u32>(reference);
    store<u32>(lengths + (i << 2), length);
    memory.copy(bytes, <usize>load<u32>(reference, 8), length);
    bytes += <usize>length;
  }
}

/** References to texts that lie one behind the other. Four bytes past their end may be read. */
export function referTexts(lengths: usize, count: u32, bytes: usize, references: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const length = load<u32>(lengths + (i << 2));
    const reference = references + (i << 4);
    store<u32>(reference, length);
    let prefix = load<u32>(bytes);
    if (length < 4) prefix &= ((<u32>1) << (length << 3)) - 1;
    store<u32>(reference, prefix, 4);
    store<u32>(reference, <u32>bytes, 8);
    store<u32>(reference, 0, 12);
    bytes += <usize>length;
  }
}
