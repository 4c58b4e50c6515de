// Sessions of an aggregate: records of one size, with strings of the key in a block beside them, and states that are not packed.

import * as L from "./group-layout";

// Record of a session.
export const RECORD_FLAGS: usize = 16; // u32
export const RECORD_NULLS: usize = 20; // u32 a bit per key column
export const RECORD_TEXTS: usize = 28; // u32 block of the strings of the key
export const RECORD_IMAGE: usize = 32; // u32 what the record was when the snapshot under way began, 0 when it has not changed
export const SESSION_FIRST: usize = 0; // i64 time of the first row
export const SESSION_LAST: usize = 8; // i64 time of the last
export const SESSION_NEXT: usize = 24; // u32 the session of the same key before it in time; of one that was merged, the one it went into
export const SESSION_LINK: usize = 36; // u32 the next of its bucket, of the closed ones or of the free ones

/** Flags beside those of a group: it waits in the timer; went into another session; is closed. */
export const SESSION_TIMED: u32 = 16;
export const SESSION_MERGED: u32 = 32;
export const SESSION_CLOSED: u32 = 64;

// Table; layout, changed ones, late rows, failed ones and the snapshot are where a table of groups has them.
export const TABLE_INDEX: usize = 4; // u32 slots { u32 tag, u32 latest session of a key }, linear probing
export const TABLE_MASK: usize = 8; // u32
export const TABLE_KEYS: usize = 12; // u32 slots in use
export const TABLE_OPEN: usize = 16; // u64 sessions that are open
export const TABLE_SIZE: usize = 32; // u64 bytes
export const TABLE_GAP: usize = 24; // i64
export const TABLE_MERGED: usize = 56; // u32 whether sessions of the batch were merged
export const TABLE_FIRST: usize = 76; // u32 chunk { u32 next, u32 end of its records, u64 }, then records
export const TABLE_LAST: usize = 80; // u32
export const TABLE_NEXT: usize = 84; // u32 where the next record goes
export const TABLE_CHUNK_END: usize = 88; // u32
export const TABLE_FREE: usize = 92; // u32 records that are free, linked
export const TABLE_CLOSED_FIRST: usize = 96; // u32 closed sessions in the order of their ends, linked
export const TABLE_CLOSED_LAST: usize = 100; // u32
export const TABLE_HEAP: usize = 104; // u32 entries of session-timer.ts
export const TABLE_HEAP_COUNT: usize = 108; // u32
export const TABLE_HEAP_CAPACITY: usize = 112; // u32
export const TABLE_SHIFT: usize = 116; // u32 a bucket is 2^shift µs
export const TABLE_HEAP_TO: usize = 120; // i64 ends before this are in the heap
export const TABLE_BUCKETS: usize = 128; // list of list.ts, by number
export const TABLE_BYTES: usize = 144;

/** Results that stand are followed by the bounds that they were emitted with, two i64. */
export const BOUNDS_BYTES: usize = 16;

@inline
export function boundsOf(layout: usize, record: usize): usize {
  return record + <usize>load<u32>(layout, L.LAYOUT_EMITTED) +
    <usize>load<u32>(layout, L.LAYOUT_AGGREGATES) * L.RESULT_BYTES;
}

/** `time + gap`, no more than there is. */
@inline
export function plus(time: i64, gap: i64): i64 {
  const sum = time + gap;
  return sum < time ? i64.MAX_VALUE : sum;
}

@inline
export function minus(time: i64, gap: i64): i64 {
  const difference = time - gap;
  return difference > time ? i64.MIN_VALUE : difference;
}

@inline
export function endOf(table: usize, record: usize): i64 {
  return plus(load<i64>(record, SESSION_LAST), load<i64>(table, TABLE_GAP));
}
