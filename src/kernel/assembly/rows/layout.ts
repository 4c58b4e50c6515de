// Stores of rows: what lies where. A row is one slot of a slab: a header, a bit per column that is null, the fixed part of each
// column, and behind them the bytes of its strings. A slot never moves while its row lives.
//
// A row is named by its reference: the slab's number above 16 bits of its place in it, in steps of 16 bytes. 0 names none. So a
// slab can be written out as it stands and read back anywhere.
//
// Layout: u32 each, written by JavaScript (row-store.ts), then 8 bytes per column, then a u32 per key: its column.
export const LAYOUT_COLUMNS: usize = 0;
export const LAYOUT_KEYS: usize = 4;
export const LAYOUT_FLAGS: usize = 8;
export const LAYOUT_NULLS: usize = 12; // offset of the null bits in a row: the size of its header
export const LAYOUT_FIXED: usize = 16; // offset of the bytes of strings
export const LAYOUT_BUCKET: usize = 24; // i64 how long a bucket of times is
export const LAYOUT_ITEMS: usize = 32;
export const ITEM_BYTES: usize = 8;
export const ITEM_TYPE: usize = 0; // TYPE_* of state/key.ts
export const ITEM_OFFSET: usize = 4; // in the row; of a string: { u32 length, u32 offset in the row }

/** Rows have a time, and lie in buckets of it. */
export const LAYOUT_DATED: u32 = 1;

export const ROW_HASH: usize = 0; // u32
export const ROW_NEXT: usize = 4; // u32 the next row of the key, of a free slot the next free one
export const ROW_PREVIOUS: usize = 8; // u32 the row before it; of the first, the last
export const ROW_WORD: usize = 12; // u32 size in steps of 16 bytes << 8 | ROW_*
export const ROW_COUNTER: usize = 16; // u32 for whoever keeps the rows: of a join, how many rows of the other side it meets
export const ROW_WEIGHT: usize = 20; // i32
export const ROW_TIME: usize = 24; // i64, dated
export const ROW_LATER: usize = 32; // u32 the next row of the bucket
export const ROW_EARLIER: usize = 36; // u32
/** The largest header: what an image keeps. */
export const HEADER_BYTES: usize = 40;

export const ROW_USED: u32 = 1;
/** The first of its key: the index has it. */
export const ROW_FIRST: u32 = 2;
/** Turns over with every snapshot: differs from the store's while the snapshot under way has not seen the row. */
export const ROW_SEEN: u32 = 4;
/** Dated, and in no bucket. */
export const ROW_LOOSE: u32 = 8;
/** Found by its content too: content-index.ts. */
export const ROW_LISTED: u32 = 16;
/** Changed since the last snapshot began, or in the time before that: one bit for each, which take turns. */
export const ROW_DIRTY_A: u32 = 32;
export const ROW_DIRTY_B: u32 = 64;
export const SIZE_SHIFT: u32 = 8;

export const STEP_SHIFT: u32 = 4;
export const STEP: usize = 16;
export const SLAB_SHIFT: u32 = 16;

// Slab.
export const SLAB_BYTES: usize = 16;
export const SLAB_BASE: usize = 0; // u32 0: the number is free
export const SLAB_END: usize = 4; // u32 bytes in use
export const SLAB_MARK: usize = 8; // u32 bytes in use when the snapshot began
export const SLAB_IMAGES: usize = 12; // u32 headers as they were then: { u32 next, u32 place in the slab, header }

// Store.
export const STORE_LAYOUT: usize = 0; // u32
export const STORE_SLABS: usize = 4; // u32
export const STORE_SLAB_COUNT: usize = 8; // u32
export const STORE_SLAB_CAPACITY: usize = 12; // u32
export const STORE_CURRENT: usize = 16; // u32 the slab that new slots come from
export const STORE_CURRENT_BYTES: usize = 20; // u32 its size, 0 before the first
export const STORE_SNAPSHOT: usize = 24; // u32 one is under way
export const STORE_SEEN: usize = 28; // u32 0 or ROW_SEEN
export const STORE_ROWS: usize = 32; // u64
export const STORE_SIZE: usize = 40; // u64 bytes
export const STORE_KEYS: usize = 48; // u64
export const STORE_BUCKETS: usize = 56; // list of state/list.ts
export const STORE_FREE_SLAB: usize = 72; // u32 a number + 1, linked by SLAB_END
export const STORE_WRITTEN: usize = 76; // u32 slabs that the snapshot under way has passed
export const STORE_LIMBO: usize = 80; // u32 rows that went since it began, and whose memory it still reads
export const STORE_LIMBO_COUNT: usize = 84; // u32
export const STORE_LIMBO_CAPACITY: usize = 88; // u32
export const STORE_CONTENT: usize = 92; // u32 a store of which the index alone is used, 0 before the first key is listed
export const STORE_TRACK: usize = 96; // u32 the bit that marks what changes now, 0 while changes are not told apart
export const STORE_DIRTY: usize = 100; // u32 references of rows that changed since the last snapshot began
export const STORE_DIRTY_COUNT: usize = 104; // u32 the largest: too many to be listed
export const STORE_DIRTY_CAPACITY: usize = 108; // u32
export const STORE_FROZEN: usize = 112; // u32 what the list was when the snapshot under way began
export const STORE_FROZEN_COUNT: usize = 116; // u32
export const STORE_FROZEN_AT: usize = 120; // u32 how many of them are written
export const STORE_SPILLED: usize = 124; // u32 rows of it that changed before their turn: { u32 next, u32 bytes, u64 }, then the part
export const STORE_FREE: usize = 128; // u32 per class of slots
export const FREE_CLASSES: usize = 88;
export const STORE_SHARDS: usize = STORE_FREE + FREE_CLASSES * 4;
export const SHARDS: usize = 128;
export const SHARD_SHIFT: u32 = 25;

// Shard of the index: slots { u32 hash, u32 row }, linear probing.
export const SHARD_BYTES: usize = 12;
export const SHARD_TABLE: usize = 0; // u32 0 before the first key
export const SHARD_MASK: usize = 4; // u32
export const SHARD_COUNT: usize = 8; // u32
export const STORE_BYTES: usize = STORE_SHARDS + SHARDS * SHARD_BYTES;

// Bucket: the rows of a span of time, in the order they came.
export const BUCKET_FIRST: usize = 0; // u32
export const BUCKET_LAST: usize = 4; // u32
export const BUCKET_ROWS: usize = 8; // u32
export const BUCKET_BYTES: usize = 16;

@inline
export function slabOf(rows: usize, number: u32): usize {
  return <usize>load<u32>(rows, STORE_SLABS) + <usize>number * SLAB_BYTES;
}

@inline
export function addressOf(rows: usize, reference: u32): usize {
  return <usize>load<u32>(slabOf(rows, reference >> SLAB_SHIFT)) + (<usize>(reference & 0xffff) << STEP_SHIFT);
}

@inline
export function isDated(rows: usize): bool {
  return (load<u32>(<usize>load<u32>(rows), LAYOUT_FLAGS) & LAYOUT_DATED) != 0;
}

@inline
export function itemOf(layout: usize, column: u32): usize {
  return layout + LAYOUT_ITEMS + <usize>column * ITEM_BYTES;
}

@inline
export function keyColumnOf(layout: usize, key: u32): u32 {
  return load<u32>(itemOf(layout, load<u32>(layout)) + (<usize>key << 2));
}

@inline
export function grown(rows: usize, bytes: i64): void {
  store<u64>(rows, load<u64>(rows, STORE_SIZE) + <u64>bytes, STORE_SIZE);
}
