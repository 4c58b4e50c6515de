// Memory of rows: slots of slabs, by class of size (exact up to 1 KiB, then a power of two cut in four); a free slot waits for the
// next row of its class. A row of more than 64 KiB has a slab of its own.

import { alloc, allocZeroed, free } from "../memory";
import * as L from "./layout";
import { frozenBit, noteChange, SNAPSHOT_OF_ALL, SNAPSHOT_OF_CHANGES, spill } from "./row-change";

const SLAB_BYTES_MIN: usize = 4096;
const SLAB_BYTES_MAX: usize = 1 << 20;
const BLOCK_HEADER: usize = 16;
const SLABS_MIN: u32 = 8;
const SLABS_MAX: u32 = 1 << 16;
const EXACT_STEPS_MAX: u32 = 64;
const STEPS_MAX: u32 = 4096;
const LIMBO_MIN: u32 = 256;

/** Steps of the slot that a row of so many bytes gets. */
function stepsOf(bytes: usize): u32 {
  const steps = <u32>((bytes + L.STEP - 1) >> L.STEP_SHIFT);
  if (steps <= EXACT_STEPS_MAX || steps > STEPS_MAX) return steps;
  const shift = 29 - clz(steps - 1);
  const mask: u32 = (1 << shift) - 1;
  return (steps + mask) & ~mask;
}

@inline
function freeList(rows: usize, steps: u32): usize {
  if (steps <= EXACT_STEPS_MAX) return rows + L.STORE_FREE + (<usize>(steps - 1) << 2);
  const n = steps - 1;
  const k = 31 - clz(n);
  // 65 to 80 steps are class 25.
  const c = (k << 2) + ((n >> (k - 2)) & 3) + 1;
  return rows + L.STORE_FREE + (<usize>(EXACT_STEPS_MAX + c - 25) << 2);
}

function growSlabs(rows: usize, wanted: u32): void {
  let capacity = max(SLABS_MIN, load<u32>(rows, L.STORE_SLAB_CAPACITY));
  while (capacity < wanted) capacity <<= 1;
  if (capacity == load<u32>(rows, L.STORE_SLAB_CAPACITY)) return;
  // Past the last number nothing can be named: as if memory were used up.
  if (capacity > SLABS_MAX) alloc(usize.MAX_VALUE);
  const slabs = allocZeroed(<usize>capacity * L.SLAB_BYTES);
  const old = <usize>load<u32>(rows, L.STORE_SLABS);
  memory.copy(slabs, old, <usize>load<u32>(rows, L.STORE_SLAB_COUNT) * L.SLAB_BYTES);
  L.grown(rows, <i64>(capacity - load<u32>(rows, L.STORE_SLAB_CAPACITY)) * <i64>L.SLAB_BYTES);
  free(old);
  store<u32>(rows, <u32>slabs, L.STORE_SLABS);
  store<u32>(rows, capacity, L.STORE_SLAB_CAPACITY);
}

/** A slab of so many bytes; returns its number. */
function makeSlab(rows: usize, bytes: usize): u32 {
  const base = alloc(bytes);
  let number = load<u32>(rows, L.STORE_FREE_SLAB);
  if (number != 0) {
    number--;
    store<u32>(rows, load<u32>(L.slabOf(rows, number), L.SLAB_END), L.STORE_FREE_SLAB);
  } else {
    number = load<u32>(rows, L.STORE_SLAB_COUNT);
    growSlabs(rows, number + 1);
    store<u32>(rows, number + 1, L.STORE_SLAB_COUNT);
  }
  putSlab(rows, number, base, bytes);
  return number;
}

function putSlab(rows: usize, number: u32, base: usize, bytes: usize): void {
  const slab = L.slabOf(rows, number);
  store<u32>(slab, <u32>base);
  store<u32>(slab, 0, L.SLAB_END);
  store<u32>(slab, 0, L.SLAB_MARK);
  store<u32>(slab, 0, L.SLAB_IMAGES);
  L.grown(rows, <i64>(bytes + BLOCK_HEADER));
}

/** The slab of this number as a snapshot has it: so many bytes in use, 0 for none. What of it was there stays. */
export function restoreSlab(rows: usize, number: u32, bytes: usize): void {
  growSlabs(rows, number + 1);
  store<u32>(rows, max(load<u32>(rows, L.STORE_SLAB_COUNT), number + 1), L.STORE_SLAB_COUNT);
  const slab = L.slabOf(rows, number);
  const old = <usize>load<u32>(slab);
  const kept: usize = old == 0 ? 0 : <usize>load<u32>(slab, L.SLAB_END);
  if (bytes == kept) return;
  let base: usize = 0;
  if (bytes != 0) {
    base = alloc(bytes);
    memory.copy(base, old, min(kept, bytes));
  }
  if (old != 0) {
    free(old);
    L.grown(rows, -<i64>(kept + BLOCK_HEADER));
  }
  if (bytes == 0) {
    store<u32>(slab, 0);
    return;
  }
  putSlab(rows, number, base, bytes);
  store<u32>(slab, <u32>bytes, L.SLAB_END);
}

export function releaseNumber(rows: usize, number: u32): void {
  const slab = L.slabOf(rows, number);
  store<u32>(slab, 0);
  store<u32>(slab, load<u32>(rows, L.STORE_FREE_SLAB), L.SLAB_END);
  store<u32>(rows, number + 1, L.STORE_FREE_SLAB);
}

function takeFromSlab(rows: usize, steps: u32): u32 {
  const bytes = <usize>steps << L.STEP_SHIFT;
  let number = load<u32>(rows, L.STORE_CURRENT);
  const room = load<u32>(rows, L.STORE_CURRENT_BYTES);
  if (room == 0 || room - load<u32>(L.slabOf(rows, number), L.SLAB_END) < <u32>bytes) {
    let size = SLAB_BYTES_MIN;
    while (size < SLAB_BYTES_MAX && (<u64>size << 2 < load<u64>(rows, L.STORE_SIZE) || size < bytes + 2 * L.STEP)) size <<= 1;
    size -= BLOCK_HEADER;
    number = makeSlab(rows, size);
    // No row begins a slab: the first would have the reference that names none.
    store<u32>(L.slabOf(rows, number), <u32>L.STEP, L.SLAB_END);
    store<u32>(rows, number, L.STORE_CURRENT);
    store<u32>(rows, <u32>size, L.STORE_CURRENT_BYTES);
  }
  const slab = L.slabOf(rows, number);
  const end = load<u32>(slab, L.SLAB_END);
  store<u32>(slab, end + <u32>bytes, L.SLAB_END);
  return (number << L.SLAB_SHIFT) | (end >> L.STEP_SHIFT);
}

/** A slot for a row of `bytes`; its size is in its word, and it is marked as used. */
export function takeSlot(rows: usize, bytes: usize): u32 {
  const steps = stepsOf(bytes);
  let reference: u32 = 0;
  let isReused = false;
  if (steps > STEPS_MAX) {
    const own = makeSlab(rows, (<usize>steps + 1) << L.STEP_SHIFT);
    store<u32>(L.slabOf(rows, own), (steps + 1) << L.STEP_SHIFT, L.SLAB_END);
    reference = (own << L.SLAB_SHIFT) | 1;
  } else {
    const list = freeList(rows, steps);
    reference = load<u32>(list);
    if (reference != 0) {
      const at = L.addressOf(rows, reference);
      beforeChange(rows, reference, at);
      store<u32>(list, load<u32>(at, L.ROW_NEXT));
      isReused = true;
    } else reference = takeFromSlab(rows, steps);
  }
  const word = (steps << L.SIZE_SHIFT) | L.ROW_USED | load<u32>(rows, L.STORE_SEEN);
  const track = load<u32>(rows, L.STORE_TRACK);
  const at = L.addressOf(rows, reference);
  store<u32>(at, isReused ? word | track : word, L.ROW_WORD);
  if (track != 0 && !isReused) noteChange(rows, reference, at);
  return reference;
}

/** Gives the slot of a row back; while a snapshot reads it, when that has ended. */
export function freeSlot(rows: usize, reference: u32): void {
  const at = L.addressOf(rows, reference);
  beforeChange(rows, reference, at);
  store<u32>(at, load<u32>(at, L.ROW_WORD) & ~L.ROW_USED, L.ROW_WORD);
  if (load<u32>(rows, L.STORE_SNAPSHOT) == 0) reuse(rows, reference, at);
  else toLimbo(rows, reference);
}

/** Lets the next row of its class have the slot, which is marked as free. */
export function reuse(rows: usize, reference: u32, at: usize): void {
  const steps = load<u32>(at, L.ROW_WORD) >> L.SIZE_SHIFT;
  if (steps > STEPS_MAX) {
    const number = reference >> L.SLAB_SHIFT;
    const slab = L.slabOf(rows, number);
    L.grown(rows, -<i64>(((<usize>steps + 1) << L.STEP_SHIFT) + BLOCK_HEADER));
    free(<usize>load<u32>(slab));
    releaseNumber(rows, number);
    return;
  }
  const list = freeList(rows, steps);
  store<u32>(at, load<u32>(list), L.ROW_NEXT);
  store<u32>(list, reference);
}

function toLimbo(rows: usize, reference: u32): void {
  const count = load<u32>(rows, L.STORE_LIMBO_COUNT);
  if (count == load<u32>(rows, L.STORE_LIMBO_CAPACITY)) {
    const capacity = max(LIMBO_MIN, count << 1);
    const limbo = alloc(<usize>capacity << 2);
    memory.copy(limbo, <usize>load<u32>(rows, L.STORE_LIMBO), <usize>count << 2);
    free(<usize>load<u32>(rows, L.STORE_LIMBO));
    store<u32>(rows, <u32>limbo, L.STORE_LIMBO);
    store<u32>(rows, capacity, L.STORE_LIMBO_CAPACITY);
  }
  store<u32>(<usize>load<u32>(rows, L.STORE_LIMBO) + (<usize>count << 2), reference);
  store<u32>(rows, count + 1, L.STORE_LIMBO_COUNT);
}

const IMAGE_PLACE: usize = 4;
export const IMAGE_HEADER: usize = 8;

/** To be called before the header of a row changes: the snapshot under way keeps it as it was, and the next one has it. */
@inline
export function beforeChange(rows: usize, reference: u32, at: usize): void {
  const track = load<u32>(rows, L.STORE_TRACK);
  if (track != 0 && (load<u32>(at, L.ROW_WORD) & track) == 0) keepImage(rows, reference, at);
}

function keepImage(rows: usize, reference: u32, at: usize): void {
  const kind = load<u32>(rows, L.STORE_SNAPSHOT);
  if (kind == SNAPSHOT_OF_ALL) keepHeader(rows, reference, at);
  else if (kind == SNAPSHOT_OF_CHANGES && (load<u32>(at, L.ROW_WORD) & frozenBit(rows)) != 0) spill(rows, reference, at);
  noteChange(rows, reference, at);
}

function keepHeader(rows: usize, reference: u32, at: usize): void {
  const word = load<u32>(at, L.ROW_WORD);
  if ((word & L.ROW_SEEN) == load<u32>(rows, L.STORE_SEEN)) return;
  const slab = L.slabOf(rows, reference >> L.SLAB_SHIFT);
  const header = <usize>load<u32>(<usize>load<u32>(rows), L.LAYOUT_NULLS);
  const image = alloc(IMAGE_HEADER + header);
  store<u32>(image, load<u32>(slab, L.SLAB_IMAGES));
  store<u32>(image, (reference & 0xffff) << L.STEP_SHIFT, IMAGE_PLACE);
  memory.copy(image + IMAGE_HEADER, at, header);
  store<u32>(slab, <u32>image, L.SLAB_IMAGES);
  store<u32>(at, word ^ L.ROW_SEEN, L.ROW_WORD);
}

/** Puts the images of a slab over a copy of it (0: nowhere), and forgets them. */
export function takeImages(rows: usize, slab: usize, target: usize): void {
  const header = <usize>load<u32>(<usize>load<u32>(rows), L.LAYOUT_NULLS);
  let image = <usize>load<u32>(slab, L.SLAB_IMAGES);
  while (image != 0) {
    const next = <usize>load<u32>(image);
    if (target != 0) memory.copy(target + <usize>load<u32>(image, IMAGE_PLACE), image + IMAGE_HEADER, header);
    free(image);
    image = next;
  }
  store<u32>(slab, 0, L.SLAB_IMAGES);
}
