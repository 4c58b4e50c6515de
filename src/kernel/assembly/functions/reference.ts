// String references (kernel/column.ts) as the functions of compiled expressions read and make them, and the room for the
// bytes of new texts. A result may share the bytes of its argument: both die with the batch.

import { arenaAlloc } from "../memory";

const ROOM_BYTES_MIN: usize = 8192;

let roomNext: usize = 0;
let roomEnd: usize = 0;

@inline
export function lengthOf(reference: usize): u32 {
  return load<u32>(reference);
}

@inline
export function bytesOf(reference: usize): usize {
  return <usize>load<u32>(reference, 8);
}

/** Forgets the room: the arena that it lay in was reset. To be called before expressions run over a batch. */
export function textBegin(): void {
  roomNext = 0;
  roomEnd = 0;
}

/** Room for a text; to be taken with {@link textTake} before anything else asks for room. */
export function textRoom(bytes: u32): usize {
  if (bytes > <u32>(roomEnd - roomNext)) {
    const size = max(<usize>bytes, ROOM_BYTES_MIN);
    roomNext = arenaAlloc(size);
    roomEnd = roomNext + size;
  }
  return roomNext;
}

@inline
export function textTake(end: usize): void {
  roomNext = end;
}

/** Whether these bytes are the last that were taken, with room for `more` behind them. */
@inline
export function endsRoom(end: usize, more: u32): bool {
  return end == roomNext && more <= <u32>(roomEnd - roomNext);
}

/** Writes a reference to bytes that stand somewhere. Reads up to 3 bytes past the end. */
@inline
export function setReference(out: usize, start: usize, length: u32): void {
  store<u32>(out, length);
  const prefix = load<u32>(start);
  store<u32>(out, length >= 4 ? prefix : prefix & ((1 << (length << 3)) - 1), 4);
  store<u32>(out, <u32>start, 8);
  store<u32>(out, 0, 12);
}
