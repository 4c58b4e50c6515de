// Versions of keys: rows of one key with the times from which they hold. A version that goes without another that takes its place is
// followed by a row that says so (weight -1).

import { alloc, free } from "../memory";
import { bucketAdd, bucketRemove, bucketsDrop, rowsInBucket, rowsOfBucket, rowsPassed } from "./bucket";
import * as L from "./layout";
import { hashOfKeys, isRow } from "./row-copy";
import { firstOf, link, unlink } from "./row-map";
import { beforeChange, freeSlot, takeSlot } from "./slot";

/** Of a version that went in this epoch: it is not known yet whether another takes its place. */
const GOING: i32 = 0;
const STANDING: i32 = 1;
const GONE: i32 = -1;
/** Another took its place: it held until then. */
const REPLACED: i32 = 2;

@inline
function rowAt(selection: usize, at: usize): usize {
  return <usize>(selection != 0 ? load<u32>(selection + (at << 2)) : <u32>at);
}

/**
 * For each row of a batch the version of its key that holds at its time (`times`, i64 by row): the latest one not after it, and of
 * those the last that came. Without times (0) the last. 0 where there is none. Written by position in the selection.
 */
export function rowsAsOf(rows: usize, keys: usize, selection: usize, count: u32, times: usize, references: usize): void {
  const layout = <usize>load<u32>(rows);
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = rowAt(selection, i);
    let best: u32 = 0;
    let bestTime = i64.MIN_VALUE;
    let weight = STANDING;
    let reference = firstOf(rows, layout, hashOfKeys(layout, keys, row), keys, row);
    if (reference != 0 && times == 0) best = load<u32>(L.addressOf(rows, reference), L.ROW_PREVIOUS);
    else {
      const time = times == 0 ? 0 : load<i64>(times + (row << 3));
      while (reference != 0) {
        const at = L.addressOf(rows, reference);
        const own = load<i64>(at, L.ROW_TIME);
        if (own <= time && own >= bestTime) {
          best = reference;
          bestTime = own;
          weight = load<i32>(at, L.ROW_WEIGHT);
        }
        reference = load<u32>(at, L.ROW_NEXT);
      }
    }
    store<u32>(references + (i << 2), weight == GONE ? 0 : best);
  }
}

/** Marks the version that is equal to each row of a batch as going; writes which, 0 where there is none. */
export function rowsGoing(rows: usize, columns: usize, keys: usize, selection: usize, count: u32, references: usize): void {
  const layout = <usize>load<u32>(rows);
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = rowAt(selection, i);
    let reference = firstOf(rows, layout, hashOfKeys(layout, keys, row), keys, row);
    while (reference != 0) {
      const at = L.addressOf(rows, reference);
      if (load<i32>(at, L.ROW_WEIGHT) == STANDING && isRow(layout, at, columns, row)) {
        beforeChange(rows, reference, at);
        store<i32>(at, GOING, L.ROW_WEIGHT);
        break;
      }
      reference = load<u32>(at, L.ROW_NEXT);
    }
    store<u32>(references + (i << 2), reference);
  }
}

/**
 * Ends the epoch for versions that were going: one that was followed by another holds until that one does; one that was not is gone
 * from `time` on, or from its own when that is later.
 */
export function rowsGone(rows: usize, references: usize, count: u32, time: i64): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const reference = load<u32>(references + (i << 2));
    let at = L.addressOf(rows, reference);
    beforeChange(rows, reference, at);
    store<i32>(at, REPLACED, L.ROW_WEIGHT);
    if (load<u32>(at, L.ROW_NEXT) != 0) continue;
    const steps = load<u32>(at, L.ROW_WORD) >> L.SIZE_SHIFT;
    const made = takeSlot(rows, <usize>steps << L.STEP_SHIFT);
    at = L.addressOf(rows, reference);
    const copy = L.addressOf(rows, made);
    const header = <usize>load<u32>(<usize>load<u32>(rows), L.LAYOUT_NULLS);
    memory.copy(copy + header, at + header, (<usize>steps << L.STEP_SHIFT) - header);
    store<u32>(copy, 0, L.ROW_COUNTER);
    store<i32>(copy, GONE, L.ROW_WEIGHT);
    link(rows, made, copy, load<u32>(at), firstOfChain(rows, reference));
    bucketAdd(rows, made, copy, max(time, load<i64>(at, L.ROW_TIME)));
    store<u64>(rows, load<u64>(rows, L.STORE_ROWS) + 1, L.STORE_ROWS);
  }
}

function firstOfChain(rows: usize, reference: u32): u32 {
  while (true) {
    const at = L.addressOf(rows, reference);
    if ((load<u32>(at, L.ROW_WORD) & L.ROW_FIRST) != 0) return reference;
    reference = load<u32>(at, L.ROW_PREVIOUS);
  }
  return 0;
}

/**
 * Forgets versions that hold at no time from `horizon` on: of those below it all but the last of each key, which stays for good until
 * another takes its place. Looks only at keys that had a version in a bucket that has passed.
 */
export function rowsSettle(rows: usize, horizon: i64): void {
  const passed = rowsPassed(rows, horizon);
  for (let bucket: u32 = 0; bucket < passed; bucket++) {
    const count = rowsOfBucket(rows, bucket);
    const references = alloc((<usize>count << 2) + 4);
    rowsInBucket(rows, bucket, references);
    for (let i: usize = 0; i < <usize>count; i++) {
      const reference = load<u32>(references + (i << 2));
      if ((load<u32>(L.addressOf(rows, reference), L.ROW_WORD) & L.ROW_USED) != 0) settleKey(rows, reference, horizon);
    }
    free(references);
  }
  bucketsDrop(rows, passed);
}

function settleKey(rows: usize, member: u32, horizon: i64): void {
  const first = firstOfChain(rows, member);
  let best: u32 = 0;
  let bestTime = i64.MIN_VALUE;
  for (let reference = first; reference != 0;) {
    const at = L.addressOf(rows, reference);
    const time = load<i64>(at, L.ROW_TIME);
    if (time < horizon && time >= bestTime) {
      best = reference;
      bestTime = time;
    }
    reference = load<u32>(at, L.ROW_NEXT);
  }
  for (let reference = first; reference != 0;) {
    const at = L.addressOf(rows, reference);
    const next = load<u32>(at, L.ROW_NEXT);
    const isBest = reference == best;
    if (load<i64>(at, L.ROW_TIME) < horizon && (!isBest || load<i32>(at, L.ROW_WEIGHT) == GONE)) {
      unlink(rows, reference);
      freeSlot(rows, reference);
    } else if (isBest && (load<u32>(at, L.ROW_WORD) & L.ROW_LOOSE) == 0) {
      beforeChange(rows, reference, at);
      bucketRemove(rows, at);
      store<u32>(at, load<u32>(at, L.ROW_WORD) | L.ROW_LOOSE, L.ROW_WORD);
    }
    reference = next;
  }
}

/** Words to positions. */
export function scatterWords(words: usize, positions: usize, count: u32, target: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const at = <usize>load<u32>(positions + (i << 2)) << 2;
    store<u32>(target + at, load<u32>(words + at));
  }
}
