// Memory of one worker: an allocator for what lives long, and a bump arena for what dies with the batch.
//
// Allocator: segregated free lists. A size class is a power of two cut in four (1, 1.25, 1.5, 1.75), so at most 25 % of
// a block is unused. A block has a 16-byte header that holds its class; addresses are 16-byte aligned. Blocks are never
// split or joined: state grows by doubling, and the next taker of a freed table is another table of that size.
// The last SLACK bytes of memory are never handed out, so that 16-byte loads may run past the end of any block.

/** Throws in JavaScript; does not return. */
@external("env", "outOfMemory")
declare function outOfMemory(bytes: usize): void;

const HEADER: usize = 16;
const SLACK: usize = 64;
const CLASS_COUNT: u32 = 128;
const ARENA_CHUNK_BYTES_MIN: usize = 1 << 20;
/** The allocator takes memory from the system in steps of at least this (in pages of 64 KiB). */
const GROW_PAGES_MIN: usize = 16;

const freeLists: usize = memory.data(<i32>(CLASS_COUNT * 4), 16);
let top: usize = 0;
let usedBytes: usize = 0;

/** Bytes handed out by {@link alloc} and not freed, headers included; the arena's chunks are among them. */
export function allocatedBytes(): usize {
  return usedBytes;
}

@inline
function classOf(bytes: usize): u32 {
  // Class 4k+q holds blocks of 2^k * (4+q)/4 bytes, the header included.
  const n = <u32>bytes - 1;
  const k = 31 - clz(n);
  return (k << 2) + (((n >> (k - 2)) & 3) + 1);
}

@inline
function classBytes(c: u32): usize {
  return <usize>(((<u64>4 + (c & 3)) << (c >> 2)) >> 2);
}

function carve(bytes: usize): usize {
  if (top == 0) top = (__heap_base + 15) & ~15;
  const start = top;
  const size = <u64>memory.size() << 16;
  const need = <u64>start + bytes + SLACK;
  if (need > size) {
    const missing = <usize>((need - size + 0xffff) >> 16);
    // Grow by an eighth of what there is, so that views are rebuilt rarely; by the least when that is refused.
    const generous = max(max(missing, GROW_PAGES_MIN), <usize>memory.size() >> 3);
    if (memory.grow(<i32>generous) < 0 && memory.grow(<i32>missing) < 0) outOfMemory(bytes);
  }
  top = start + bytes;
  return start;
}

/** A block of at least `bytes`, 16-byte aligned, contents unspecified. Throws KERNEL_OUT_OF_MEMORY; never returns 0. */
export function alloc(bytes: usize): usize {
  if (bytes > 0xe0000000) outOfMemory(bytes);
  const c = classOf(max(bytes, 16) + HEADER);
  const size = (classBytes(c) + 15) & ~15;
  const list = freeLists + (<usize>c << 2);
  let block = <usize>load<u32>(list);
  if (block != 0) store<u32>(list, load<u32>(block + HEADER));
  else block = carve(size);
  store<u32>(block, c);
  usedBytes += size;
  return block + HEADER;
}

/** Like {@link alloc}, filled with zeros. */
export function allocZeroed(bytes: usize): usize {
  const pointer = alloc(bytes);
  memory.fill(pointer, 0, bytes);
  return pointer;
}

/** Gives a block of {@link alloc} back; 0 is allowed. */
export function free(pointer: usize): void {
  if (pointer == 0) return;
  const block = pointer - HEADER;
  const c = load<u32>(block);
  usedBytes -= (classBytes(c) + 15) & ~15;
  const list = freeLists + (<usize>c << 2);
  store<u32>(pointer, load<u32>(list));
  store<u32>(list, <u32>block);
}

/** Moves a block to one of at least `bytes`, keeping `keep` bytes of its contents. */
export function realloc(pointer: usize, keep: usize, bytes: usize): usize {
  const moved = alloc(bytes);
  if (pointer != 0) {
    memory.copy(moved, pointer, min(keep, bytes));
    free(pointer);
  }
  return moved;
}

// The arena: a chain of chunks. After a reset that found more than one, they become a single chunk of their total size,
// so that in a steady state an allocation is an addition.
let chunk: usize = 0; // { u32 previous chunk, u32 bytes, pad }, then data
let arenaNext: usize = 0;
let arenaEnd: usize = 0;
let arenaTotal: usize = 0;

function arenaChunk(bytes: usize): void {
  const fresh = alloc(bytes + 16);
  store<u32>(fresh, <u32>chunk);
  store<u32>(fresh, <u32>bytes, 4);
  chunk = fresh;
  arenaNext = fresh + 16;
  arenaEnd = arenaNext + bytes;
  arenaTotal += bytes;
}

/** Memory of this batch, 16-byte aligned, contents unspecified; gone at the next {@link arenaReset}. */
export function arenaAlloc(bytes: usize): usize {
  if (bytes > 0xe0000000) outOfMemory(bytes);
  const rounded = (bytes + 15) & ~15;
  if (rounded > arenaEnd - arenaNext) arenaChunk(max(rounded, max(ARENA_CHUNK_BYTES_MIN, arenaTotal >> 1)));
  const pointer = arenaNext;
  arenaNext = pointer + rounded;
  return pointer;
}

/** Takes the last allocation back down to `bytes`; `pointer` must be the latest of {@link arenaAlloc}. */
export function arenaTrim(pointer: usize, bytes: usize): void {
  arenaNext = pointer + ((bytes + 15) & ~15);
}

/** Where the next allocation begins: for {@link arenaRewind}. */
export function arenaPosition(): usize {
  return arenaNext;
}

/** Gives back what was allocated since {@link arenaPosition} said so. */
export function arenaRewind(position: usize): void {
  while (chunk != 0 && !(position >= chunk + 16 && position <= chunk + 16 + load<u32>(chunk, 4))) {
    const previous = <usize>load<u32>(chunk);
    arenaTotal -= load<u32>(chunk, 4);
    free(chunk);
    chunk = previous;
  }
  arenaNext = position;
  arenaEnd = chunk == 0 ? 0 : chunk + 16 + load<u32>(chunk, 4);
}

/** Ends the batch: everything that the arena gave is invalid from here on. Keeps at most `keepBytes`. */
export function arenaReset(keepBytes: usize): void {
  if (chunk == 0) return;
  if (load<u32>(chunk) == 0 && arenaTotal <= keepBytes) {
    arenaNext = chunk + 16;
    return;
  }
  const total = min(arenaTotal, keepBytes);
  while (chunk != 0) {
    const previous = <usize>load<u32>(chunk);
    free(chunk);
    chunk = previous;
  }
  arenaNext = 0;
  arenaEnd = 0;
  arenaTotal = 0;
  if (total > 0) arenaChunk(total);
}

/** Bytes that the arena holds, used or not. */
export function arenaBytes(): usize {
  return arenaTotal;
}
