// What the tables of groups take.

import { takeAllocated } from "./packed-value";
import * as L from "./group-layout";

@inline
export function grown(table: usize, window: usize, bytes: i64): void {
  store<u64>(window, load<u64>(window, L.WINDOW_SIZE) + <u64>bytes, L.WINDOW_SIZE);
  store<u64>(table, load<u64>(table, L.TABLE_SIZE) + <u64>bytes, L.TABLE_SIZE);
}

/** Counts the blocks of large values that came and went. */
@inline
export function settleBlocks(table: usize): void {
  store<u64>(table, load<u64>(table, L.TABLE_SIZE) + <u64>takeAllocated(), L.TABLE_SIZE);
}
