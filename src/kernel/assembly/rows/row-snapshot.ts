// A snapshot of a store: its slabs as they were when it began, one after the other, while rows come and go. Before the header of a
// row changes for the first time since then, a copy is kept with its slab; what a row holds beside never changes, and the memory of
// one that goes waits. A slab that is read back says which rows are the first of their key; the index is made anew. Of what has changed
// since the snapshot before, only the rows are written (row-change.ts).

import { indexInsert } from "./index-table";
import * as L from "./layout";
import { forgetFrozen, freezeChanges, frozenBit, rowsTrack, SNAPSHOT_OF_ALL, SNAPSHOT_OF_CHANGES } from "./row-change";
import { releaseNumber, restoreSlab, reuse, takeImages } from "./slot";

/** Begins a snapshot of the rows as they are now, or of what has changed since the last one began; one at a time. */
export function rowsSnapshotBegin(rows: usize, changes: bool): void {
  freezeChanges(rows);
  if (changes) {
    store<u32>(rows, SNAPSHOT_OF_CHANGES, L.STORE_SNAPSHOT);
    return;
  }
  // All rows are written: which had changed is of no meaning, and their marks go as they are passed.
  store<u32>(rows, load<u32>(rows, L.STORE_FROZEN_COUNT), L.STORE_FROZEN_AT);
  store<u32>(rows, SNAPSHOT_OF_ALL, L.STORE_SNAPSHOT);
  store<u32>(rows, load<u32>(rows, L.STORE_SEEN) ^ L.ROW_SEEN, L.STORE_SEEN);
  store<u32>(rows, 0, L.STORE_WRITTEN);
  for (let number: u32 = 0; number < load<u32>(rows, L.STORE_SLAB_COUNT); number++) {
    store<u32>(L.slabOf(rows, number), rowsSlabBytes(rows, number), L.SLAB_MARK);
  }
}

export function rowsSlabs(rows: usize): u32 {
  return load<u32>(rows, L.STORE_SLAB_COUNT);
}

/** Bytes of a slab in use. */
export function rowsSlabBytes(rows: usize, number: u32): u32 {
  const slab = L.slabOf(rows, number);
  return load<u32>(slab) == 0 ? 0 : load<u32>(slab, L.SLAB_END);
}

/** Number of the next slab to be written, or the largest u32 when there is none left. */
export function rowsSnapshotSlab(rows: usize): u32 {
  const number = load<u32>(rows, L.STORE_WRITTEN);
  return number < load<u32>(rows, L.STORE_SLAB_COUNT) ? number : u32.MAX_VALUE;
}

/** Bytes of that slab; 0 when it holds nothing of the snapshot. */
export function rowsSnapshotBytes(rows: usize): u32 {
  return load<u32>(L.slabOf(rows, load<u32>(rows, L.STORE_WRITTEN)), L.SLAB_MARK);
}

/** Writes that slab (0: nowhere) and goes on to the next. */
export function rowsSnapshotNext(rows: usize, target: usize): void {
  const slab = L.slabOf(rows, load<u32>(rows, L.STORE_WRITTEN));
  const mark = <usize>load<u32>(slab, L.SLAB_MARK);
  const base = <usize>load<u32>(slab);
  if (mark != 0) {
    if (target != 0) memory.copy(target, base, mark);
    takeImages(rows, slab, target);
    markSeen(base, mark, load<u32>(rows, L.STORE_SEEN), L.ROW_SEEN | frozenBit(rows));
    store<u32>(slab, 0, L.SLAB_MARK);
  }
  store<u32>(rows, load<u32>(rows, L.STORE_WRITTEN) + 1, L.STORE_WRITTEN);
}

function markSeen(base: usize, mark: usize, seen: u32, marks: u32): void {
  const end = base + mark;
  for (let at = base + L.STEP; at < end;) {
    const word = load<u32>(at, L.ROW_WORD);
    store<u32>(at, (word & ~marks) | seen, L.ROW_WORD);
    at += <usize>(word >> L.SIZE_SHIFT) << L.STEP_SHIFT;
  }
}

/** Complete or given up: the memory of rows that went meanwhile is free. */
export function rowsSnapshotEnd(rows: usize): void {
  if (load<u32>(rows, L.STORE_SNAPSHOT) == SNAPSHOT_OF_ALL) {
    while (load<u32>(rows, L.STORE_WRITTEN) < load<u32>(rows, L.STORE_SLAB_COUNT)) rowsSnapshotNext(rows, 0);
  }
  forgetFrozen(rows);
  store<u32>(rows, 0, L.STORE_SNAPSHOT);
  const limbo = <usize>load<u32>(rows, L.STORE_LIMBO);
  const count = <usize>load<u32>(rows, L.STORE_LIMBO_COUNT);
  for (let i: usize = 0; i < count; i++) {
    const reference = load<u32>(limbo + (i << 2));
    reuse(rows, reference, L.addressOf(rows, reference));
  }
  store<u32>(rows, 0, L.STORE_LIMBO_COUNT);
}

/** Takes a slab of a snapshot in: `bytes` of it, 0 for a number that had none. {@link rowsRestored} ends it. */
export function rowsRestoreSlab(rows: usize, number: u32, from: usize, bytes: usize): void {
  restoreSlab(rows, number, bytes);
  if (bytes != 0) memory.copy(<usize>load<u32>(L.slabOf(rows, number)), from, bytes);
}

/** The bytes of a slab that are in use according to a snapshot of changes, which says what is new in them. */
export function rowsRestoreSlabBytes(rows: usize, number: u32, bytes: usize): void {
  restoreSlab(rows, number, bytes);
}

/** Puts the rows of a snapshot of changes, in [from, from + bytes), over those that are there. */
export function rowsRestoreChanges(rows: usize, from: usize, bytes: usize): void {
  const end = from + bytes;
  while (from < end) {
    const length = <usize>load<u32>(from, 4);
    memory.copy(L.addressOf(rows, load<u32>(from)), from + 8, length);
    from += 8 + length;
  }
}

/** Ends a restore: makes the index and the lists of free slots anew from the rows. */
export function rowsRestored(rows: usize): void {
  store<u32>(rows, 0, L.STORE_FREE_SLAB);
  for (let number: u32 = 0; number < load<u32>(rows, L.STORE_SLAB_COUNT); number++) {
    const base = <usize>load<u32>(L.slabOf(rows, number));
    if (base == 0) releaseNumber(rows, number);
    else indexSlab(rows, number, base, <usize>load<u32>(L.slabOf(rows, number), L.SLAB_END));
  }
  rowsTrack(rows);
}

function indexSlab(rows: usize, number: u32, base: usize, bytes: usize): void {
  const seen = load<u32>(rows, L.STORE_SEEN);
  let used: u64 = 0;
  for (let at = base + L.STEP; at < base + bytes;) {
    const word = (load<u32>(at, L.ROW_WORD) & ~(L.ROW_SEEN | L.ROW_LISTED | L.ROW_DIRTY_A | L.ROW_DIRTY_B)) | seen;
    const reference = (number << L.SLAB_SHIFT) | <u32>((at - base) >> L.STEP_SHIFT);
    const size = <usize>(word >> L.SIZE_SHIFT) << L.STEP_SHIFT;
    store<u32>(at, word, L.ROW_WORD);
    if ((word & L.ROW_USED) == 0) reuse(rows, reference, at);
    else {
      used++;
      if ((word & L.ROW_FIRST) != 0) indexInsert(rows, load<u32>(at), reference);
    }
    at += size;
  }
  store<u64>(rows, load<u64>(rows, L.STORE_ROWS) + used, L.STORE_ROWS);
}
