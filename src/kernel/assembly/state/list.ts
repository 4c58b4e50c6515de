// A list of { i64 number, u32 address, u32 } in the order of the numbers, behind a header of 16 bytes. For what there are few
// of and that is looked up many times in a row: the buckets and windows of state.

import { alloc, free } from "../memory";

const ITEMS: usize = 0; // u32
const COUNT: usize = 4; // u32
const CAPACITY: usize = 8; // u32
const LAST: usize = 12; // u32 position that was found last

const ITEM_BYTES: usize = 16;
const ITEM_ADDRESS: usize = 8;
const CAPACITY_MIN: u32 = 8;

@inline
export function listCount(list: usize): u32 {
  return load<u32>(list, COUNT);
}

@inline
function item(list: usize, at: u32): usize {
  return <usize>load<u32>(list, ITEMS) + <usize>at * ITEM_BYTES;
}

@inline
export function listNumber(list: usize, at: u32): i64 {
  return load<i64>(item(list, at));
}

@inline
export function listAddress(list: usize, at: u32): usize {
  return <usize>load<u32>(item(list, at), ITEM_ADDRESS);
}

/** Position of the first item whose number is at least `number`. */
function lowerBound(list: usize, number: i64): u32 {
  let low: u32 = 0;
  let high = load<u32>(list, COUNT);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (listNumber(list, middle) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The address of that number, 0 when there is none. */
export function listFind(list: usize, number: i64): usize {
  const count = load<u32>(list, COUNT);
  const last = load<u32>(list, LAST);
  if (last < count && listNumber(list, last) == number) return listAddress(list, last);
  const at = lowerBound(list, number);
  if (at == count || listNumber(list, at) != number) return 0;
  store<u32>(list, at, LAST);
  return listAddress(list, at);
}

export function listInsert(list: usize, number: i64, address: usize): void {
  const count = load<u32>(list, COUNT);
  if (count == load<u32>(list, CAPACITY)) {
    const capacity = max(CAPACITY_MIN, count << 1);
    const items = alloc(<usize>capacity * ITEM_BYTES);
    memory.copy(items, <usize>load<u32>(list), <usize>count * ITEM_BYTES);
    free(<usize>load<u32>(list));
    store<u32>(list, <u32>items);
    store<u32>(list, capacity, CAPACITY);
  }
  const at = lowerBound(list, number);
  const place = item(list, at);
  memory.copy(place + ITEM_BYTES, place, <usize>(count - at) * ITEM_BYTES);
  store<i64>(place, number);
  store<u32>(place, <u32>address, ITEM_ADDRESS);
  store<u32>(list, count + 1, COUNT);
}

/** Takes out the first `gone` items. */
export function listDrop(list: usize, gone: u32): void {
  const count = load<u32>(list, COUNT);
  memory.copy(item(list, 0), item(list, gone), <usize>(count - gone) * ITEM_BYTES);
  store<u32>(list, count - gone, COUNT);
}

/** Takes the item of that number out, if there is one. */
export function listRemove(list: usize, number: i64): void {
  const count = load<u32>(list, COUNT);
  const at = lowerBound(list, number);
  if (at == count || listNumber(list, at) != number) return;
  memory.copy(item(list, at), item(list, at + 1), <usize>(count - at - 1) * ITEM_BYTES);
  store<u32>(list, count - 1, COUNT);
}

export function listFree(list: usize): void {
  free(<usize>load<u32>(list));
  store<u32>(list, 0);
  store<u32>(list, 0, COUNT);
  store<u32>(list, 0, CAPACITY);
}
