// What changes in a store between snapshots, so that the next one need hold nothing else: the references of rows that came, changed
// or went. It is kept from the first snapshot on, and given up when there are as many as rows: then the next snapshot is of all.

import { alloc, free } from "../memory";
import * as L from "./layout";

const DIRTY_MIN: u32 = 256;
/** Changes that are worth to be told apart in a small store. */
const FEW_CHANGES: u32 = 4096;

// STORE_SNAPSHOT
export const SNAPSHOT_OF_ALL: u32 = 1;
export const SNAPSHOT_OF_CHANGES: u32 = 2;

// Part: u32 reference, u32 bytes, then the row; of a free slot the first 16 bytes.
const PART_HEADER: usize = 8;
const FREE_BYTES: usize = 16;
const SPILL_HEADER: usize = 16;

/** The bit of what had changed before the snapshot under way began. */
@inline
export function frozenBit(rows: usize): u32 {
  return load<u32>(rows, L.STORE_TRACK) ^ (L.ROW_DIRTY_A | L.ROW_DIRTY_B);
}

/** The row is marked and listed; it was not yet. */
export function noteChange(rows: usize, reference: u32, at: usize): void {
  store<u32>(at, load<u32>(at, L.ROW_WORD) | load<u32>(rows, L.STORE_TRACK), L.ROW_WORD);
  const count = load<u32>(rows, L.STORE_DIRTY_COUNT);
  if (count == u32.MAX_VALUE) return;
  if (count > FEW_CHANGES && <u64>count > load<u64>(rows, L.STORE_ROWS)) {
    forgetChanges(rows);
    store<u32>(rows, u32.MAX_VALUE, L.STORE_DIRTY_COUNT);
    return;
  }
  if (count == load<u32>(rows, L.STORE_DIRTY_CAPACITY)) {
    const capacity = max(DIRTY_MIN, count << 1);
    const list = alloc(<usize>capacity << 2);
    memory.copy(list, <usize>load<u32>(rows, L.STORE_DIRTY), <usize>count << 2);
    free(<usize>load<u32>(rows, L.STORE_DIRTY));
    store<u32>(rows, <u32>list, L.STORE_DIRTY);
    store<u32>(rows, capacity, L.STORE_DIRTY_CAPACITY);
  }
  store<u32>(<usize>load<u32>(rows, L.STORE_DIRTY) + (<usize>count << 2), reference);
  store<u32>(rows, count + 1, L.STORE_DIRTY_COUNT);
}

function forgetChanges(rows: usize): void {
  free(<usize>load<u32>(rows, L.STORE_DIRTY));
  store<u32>(rows, 0, L.STORE_DIRTY);
  store<u32>(rows, 0, L.STORE_DIRTY_COUNT);
  store<u32>(rows, 0, L.STORE_DIRTY_CAPACITY);
}

/** Whether what has changed is so little that a snapshot of it alone is worth while. */
export function rowsHaveFewChanges(rows: usize): bool {
  const changes = load<u32>(rows, L.STORE_DIRTY_COUNT);
  return load<u32>(rows, L.STORE_TRACK) != 0 && (changes <= FEW_CHANGES || <u64>changes <= load<u64>(rows, L.STORE_ROWS) >> 1);
}

/** Changes are told apart from here on. */
export function rowsTrack(rows: usize): void {
  store<u32>(rows, L.ROW_DIRTY_A, L.STORE_TRACK);
}

/** From here on changes are those after this moment; those before are the snapshot's that begins. */
export function freezeChanges(rows: usize): void {
  const count = load<u32>(rows, L.STORE_DIRTY_COUNT);
  store<u32>(rows, load<u32>(rows, L.STORE_DIRTY), L.STORE_FROZEN);
  store<u32>(rows, count == u32.MAX_VALUE ? 0 : count, L.STORE_FROZEN_COUNT);
  store<u32>(rows, 0, L.STORE_FROZEN_AT);
  store<u32>(rows, 0, L.STORE_DIRTY);
  store<u32>(rows, 0, L.STORE_DIRTY_COUNT);
  store<u32>(rows, 0, L.STORE_DIRTY_CAPACITY);
  const track = load<u32>(rows, L.STORE_TRACK);
  store<u32>(rows, track == L.ROW_DIRTY_A ? L.ROW_DIRTY_B : L.ROW_DIRTY_A, L.STORE_TRACK);
}

function partBytes(at: usize): usize {
  const word = load<u32>(at, L.ROW_WORD);
  return PART_HEADER + ((word & L.ROW_USED) != 0 ? <usize>(word >> L.SIZE_SHIFT) << L.STEP_SHIFT : FREE_BYTES);
}

function writePart(rows: usize, reference: u32, at: usize, target: usize): void {
  const bytes = partBytes(at) - PART_HEADER;
  store<u32>(target, reference);
  store<u32>(target, <u32>bytes, 4);
  memory.copy(target + PART_HEADER, at, bytes);
  const word = target + PART_HEADER + L.ROW_WORD;
  store<u32>(word, load<u32>(word) & ~(L.ROW_DIRTY_A | L.ROW_DIRTY_B));
}

/** Keeps the row, which the snapshot of changes under way has yet to write, as it is. */
export function spill(rows: usize, reference: u32, at: usize): void {
  const bytes = partBytes(at);
  const spilled = alloc(SPILL_HEADER + bytes);
  store<u32>(spilled, load<u32>(rows, L.STORE_SPILLED));
  store<u32>(spilled, <u32>bytes, 4);
  writePart(rows, reference, at, spilled + SPILL_HEADER);
  store<u32>(rows, <u32>spilled, L.STORE_SPILLED);
  store<u32>(at, load<u32>(at, L.ROW_WORD) & ~frozenBit(rows), L.ROW_WORD);
}

let needed: usize = 0;

/** Bytes that the next part of {@link rowsChangesNext} needs; 0 when there are no more. */
export function rowsChangesNeeded(): usize {
  return needed;
}

/** Writes the next rows of a snapshot of changes, as many as have room; returns the bytes. */
export function rowsChangesNext(rows: usize, target: usize, room: usize): usize {
  let written: usize = 0;
  needed = 0;
  for (let spilled = <usize>load<u32>(rows, L.STORE_SPILLED); spilled != 0;) {
    const bytes = <usize>load<u32>(spilled, 4);
    if (bytes > room - written) {
      needed = bytes;
      return written;
    }
    memory.copy(target + written, spilled + SPILL_HEADER, bytes);
    written += bytes;
    store<u32>(rows, load<u32>(spilled), L.STORE_SPILLED);
    free(spilled);
    spilled = <usize>load<u32>(rows, L.STORE_SPILLED);
  }
  const list = <usize>load<u32>(rows, L.STORE_FROZEN);
  const count = load<u32>(rows, L.STORE_FROZEN_COUNT);
  const bit = frozenBit(rows);
  let next = load<u32>(rows, L.STORE_FROZEN_AT);
  for (; next < count; next++) {
    const reference = load<u32>(list + (<usize>next << 2));
    if (load<u32>(L.slabOf(rows, reference >> L.SLAB_SHIFT)) == 0) continue;
    const at = L.addressOf(rows, reference);
    const word = load<u32>(at, L.ROW_WORD);
    if ((word & bit) == 0) continue;
    const bytes = partBytes(at);
    if (bytes > room - written) {
      needed = bytes;
      break;
    }
    writePart(rows, reference, at, target + written);
    written += bytes;
    store<u32>(at, word & ~bit, L.ROW_WORD);
  }
  store<u32>(rows, next, L.STORE_FROZEN_AT);
  return written;
}

/** The snapshot under way, of whatever kind, is over: what is left of the changes that were its own is forgotten. */
export function forgetFrozen(rows: usize): void {
  const list = <usize>load<u32>(rows, L.STORE_FROZEN);
  const bit = frozenBit(rows);
  for (let next = load<u32>(rows, L.STORE_FROZEN_AT); next < load<u32>(rows, L.STORE_FROZEN_COUNT); next++) {
    const reference = load<u32>(list + (<usize>next << 2));
    if (load<u32>(L.slabOf(rows, reference >> L.SLAB_SHIFT)) == 0) continue;
    const at = L.addressOf(rows, reference);
    store<u32>(at, load<u32>(at, L.ROW_WORD) & ~bit, L.ROW_WORD);
  }
  free(list);
  store<u32>(rows, 0, L.STORE_FROZEN);
  store<u32>(rows, 0, L.STORE_FROZEN_COUNT);
  for (let spilled = <usize>load<u32>(rows, L.STORE_SPILLED); spilled != 0;) {
    const following = <usize>load<u32>(spilled);
    free(spilled);
    spilled = following;
  }
  store<u32>(rows, 0, L.STORE_SPILLED);
}

export function freeChanges(rows: usize): void {
  free(<usize>load<u32>(rows, L.STORE_DIRTY));
  forgetFrozen(rows);
}
