// The layout of group tables: what src/kernel/group-layout.ts plans and the kernels read.
//
// Layout: u32 each, then 16 bytes per key column and 16 per aggregate.
export const LAYOUT_RECORD_BYTES: usize = 0; // u32 without the strings of the key, which follow
export const LAYOUT_KEYS: usize = 4;
export const LAYOUT_AGGREGATES: usize = 8;
export const LAYOUT_FLAGS: usize = 12;
export const LAYOUT_EMITTED: usize = 16; // offset of the results that stand, 0 when they are not kept
export const LAYOUT_NULLS: usize = 20; // u32 where the key begins: bits of null columns, then fixed-width values
export const LAYOUT_ITEMS: usize = 32;

/** Groups belong to windows. */
export const LAYOUT_WINDOWED: u32 = 1;
/** Changed groups are listed, to be emitted at the end of the epoch. */
export const LAYOUT_CHANGES: u32 = 2;
/** What stands is taken back before something new is emitted. */
export const LAYOUT_RETRACTS: u32 = 4;
/** Some aggregate counts each value once. */
export const LAYOUT_DISTINCT: u32 = 8;
/** States are bytes that mean the same anywhere, but for large values (RECORD_WIDE). */
export const LAYOUT_PLAIN: u32 = 16;
/** The key has strings. */
export const LAYOUT_TEXTS: u32 = 32;

export const PART_BYTES: usize = 16;
export const KEY_TYPE: usize = 0; // u32, TYPE_* of key.ts
export const KEY_OFFSET: usize = 4; // u32 in the record, of no meaning for strings (in sessions: of a string reference)
export const KEY_HASHED: usize = 8; // u32 0 for bounds of the window: they follow from it
export const KEY_NULL_BIT: usize = 12; // u32 among those at LAYOUT_NULLS

export const AGGREGATE_FUNCTION: usize = 0; // u32, FUNCTION_*
export const AGGREGATE_OFFSET: usize = 4; // u32 in the record
export const AGGREGATE_FLAGS: usize = 8; // u32
export const AGGREGATE_TYPE: usize = 12; // u32 type of the argument

export const FUNCTION_COUNT: u32 = 0; // i64; packed: packed-value.ts, nothing when it counts all rows
export const FUNCTION_SUM_INTEGER: u32 = 1; // i128, i64 count; packed: a sum, and a count when it does not take all rows
export const FUNCTION_SUM_FLOAT: u32 = 2; // exact-sum.ts
export const FUNCTION_MIN: u32 = 3; // 8 bytes of value (16: a string reference with its room), u32 whether there is one
export const FUNCTION_MAX: u32 = 4;
export const FUNCTION_FIRST: u32 = 5; // as the least, but the last word is 2 for a null
export const FUNCTION_LAST: u32 = 6;

/** The sum of integers must fit an int8. */
export const AGGREGATE_FITS_I64: u32 = 1;
/** The sum of doubles is divided by its count. */
export const AGGREGATE_AVERAGE: u32 = 2;
/** Each value counts once: the state is followed by that of distinct.ts. */
export const AGGREGATE_DISTINCT: u32 = 4;
/** Counts and sums of integers as packed-value.ts has them. */
export const AGGREGATE_PACKED: u32 = 8;
/** It takes every row of the group (a sum may miss some): the rows of the record are its count. */
export const AGGREGATE_OF_ROWS: u32 = 16;

// Record of a group: not aligned, with its states, the results that stand, if they are kept, and its key behind.
export const RECORD_FLAGS: usize = 0; // u8
export const RECORD_ROWS: usize = 1; // rows by weight, packed-value.ts; in a record that was taken out the next of its list
export const RECORD_WINDOW: usize = 5; // u32 where groups belong to windows

export const RECORD_CHANGED: u32 = 1;
export const RECORD_EMITTED: u32 = 2;
/** Taken out; its memory waits for the next group. */
export const RECORD_DEAD: u32 = 4;
/** Turns over with every snapshot: differs from the table's while the snapshot under way has not seen the record. */
export const RECORD_SEEN: u32 = 8;
/** Changed since the last snapshot began, or in the time before that: one bit for each, which take turns. */
export const RECORD_DIRTY_A: u32 = 16;
export const RECORD_DIRTY_B: u32 = 32;
/** The snapshot under way keeps what the record was when it began. */
export const RECORD_IMAGE: u32 = 64;
/** Some of its values have blocks of their own. */
export const RECORD_WIDE: u32 = 128;

// Result of an aggregate, as it is emitted: two words, and a count that is 0 for null.
export const RESULT_BYTES: usize = 24;
export const RESULT_HIGH: usize = 8;
export const RESULT_COUNT: usize = 16;

// Table.
export const TABLE_LAYOUT: usize = 0; // u32
export const TABLE_WINDOWS: usize = 8; // list of list.ts, by end
export const TABLE_GROUPS: usize = 24; // u64
export const TABLE_SIZE: usize = 32; // u64 bytes
export const TABLE_CHANGED: usize = 40; // u32 list of records
export const TABLE_CHANGED_COUNT: usize = 44; // u32
export const TABLE_CHANGED_CAPACITY: usize = 48; // u32
export const TABLE_LATE: usize = 52; // u32 late rows of the last call
export const TABLE_REMOVED: usize = 56; // u32 records taken out whose keys are still being emitted, linked by their rows
export const TABLE_FAILED: usize = 60; // u32 groups of the last call whose result does not fit
export const TABLE_SNAPSHOT: usize = 64; // u32 the snapshot under way, 0 for none
export const TABLE_SEEN: usize = 68; // u32 0 or RECORD_SEEN
export const TABLE_DROPPED: usize = 72; // u32 windows that were dropped while a snapshot reads them, linked
export const TABLE_TRACK: usize = 76; // u32 the bit that marks what changes now, 0 while changes are not told apart
export const TABLE_DIRTY: usize = 80; // u32 records that changed, and keys that went, since the last snapshot began
export const TABLE_EXPECTED: usize = 84; // u32 groups that the index of a new window is made for
export const TABLE_PASSED: usize = 88; // i64 the latest end of a window that was dropped since then
export const TABLE_BYTES: usize = 96;

// Window: the groups that end together (all groups of a table without windows).
export const WINDOW_END: usize = 0; // i64
export const WINDOW_INDEX: usize = 8; // u32 directory of group-index.ts, 0 before the first group
export const WINDOW_DEPTH: usize = 12; // u32 bits of the hash that it is by
export const WINDOW_GROUPS: usize = 16; // u32
export const WINDOW_FIRST: usize = 20; // u32 chunk { u32 next, u32 end of its records, u64 }, then records
export const WINDOW_LAST: usize = 24; // u32
export const WINDOW_NEXT: usize = 28; // u32 where the next record goes
export const WINDOW_CHUNK_END: usize = 32; // u32
export const WINDOW_ARENA: usize = 36; // u32 chunk of strings { u32 previous, u32, u64 }, then bytes
export const WINDOW_ARENA_NEXT: usize = 40; // u32
export const WINDOW_ARENA_END: usize = 44; // u32
export const WINDOW_FREE: usize = 48; // u32 lists of dead records by the lowest bits of their length, 0 before the first, linked by their rows
export const WINDOW_DROPPED: usize = 52; // u32 the next of the dropped windows
export const WINDOW_SIZE: usize = 56; // u64 bytes
export const WINDOW_DIRTY: usize = 64; // u32 list of records that changed since the last snapshot began
export const WINDOW_DIRTY_COUNT: usize = 68; // u32
export const WINDOW_DIRTY_CAPACITY: usize = 72; // u32
export const WINDOW_GONE: usize = 76; // u32 keys that went since then: { u32 next, u32 bytes, u64 }, then as in a snapshot
export const WINDOW_FROZEN: usize = 80; // u32 what the list was when the snapshot under way began
export const WINDOW_FROZEN_COUNT: usize = 84; // u32
export const WINDOW_FROZEN_GONE: usize = 88; // u32
export const WINDOW_BYTES: usize = 96;

export const CHUNK_HEADER: usize = 16;

@inline
export function keyPart(layout: usize, at: u32): usize {
  return layout + LAYOUT_ITEMS + <usize>at * PART_BYTES;
}

@inline
export function aggregatePart(layout: usize, at: u32): usize {
  return layout + LAYOUT_ITEMS + <usize>(load<u32>(layout, LAYOUT_KEYS) + at) * PART_BYTES;
}

const TYPE_STR: u32 = 3;
const COUNT_BYTES: usize = 4;
const SUM_BYTES: usize = 6;

@inline
export function flagsOf(record: usize): u32 {
  return <u32>load<u8>(record);
}

@inline
export function setFlags(record: usize, flags: u32): void {
  store<u8>(record, <u8>flags);
}

/** Bytes of an aggregate's state in canonical form, without its distinct values. */
@inline
export function canonicalBytes(part: usize): usize {
  const kind = load<u32>(part);
  if (kind == FUNCTION_COUNT) return 8;
  if (kind == FUNCTION_SUM_INTEGER) return 24;
  if (kind == FUNCTION_SUM_FLOAT) return 40;
  return load<u32>(part, AGGREGATE_TYPE) == TYPE_STR ? 24 : 16;
}

/** Whether its state is that of packed-value.ts. */
@inline
export function isPacked(part: usize): bool {
  return (load<u32>(part, AGGREGATE_FLAGS) & AGGREGATE_PACKED) != 0;
}

@inline
export function isOfRows(part: usize): bool {
  return (load<u32>(part, AGGREGATE_FLAGS) & AGGREGATE_OF_ROWS) != 0;
}

/** Bytes of an aggregate's state, without its distinct values. */
@inline
export function stateBytes(part: usize): usize {
  if (!isPacked(part)) return canonicalBytes(part);
  const count: usize = isOfRows(part) ? 0 : COUNT_BYTES;
  return load<u32>(part) == FUNCTION_COUNT ? count : SUM_BYTES + count;
}

@inline
export function isDistinct(part: usize): bool {
  return (load<u32>(part, AGGREGATE_FLAGS) & AGGREGATE_DISTINCT) != 0;
}

/** Where in the record the distinct values of an aggregate are. */
@inline
export function distinctOffset(part: usize): usize {
  return <usize>load<u32>(part, AGGREGATE_OFFSET) + stateBytes(part);
}
