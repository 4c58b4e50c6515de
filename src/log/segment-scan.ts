import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  baseOffsetAt,
  batchSizeAt,
  lastOffsetDeltaAt,
  magicAt,
  maxTimestampAt,
} from './batch-header.ts';
import type { ReadHandle } from './disk.ts';

/** Where a batch is, from its header. */
export interface BatchPlace {
  readonly position: number;
  readonly size: number;
  readonly baseOffset: number;
  /** The offset after its last record. */
  readonly end: number;
  readonly maxTimestamp: number;
}

const WINDOW_BYTES = 64 * 1024;

/**
 * The batches of a segment from `position` up to `length`, headers only. Ends at the first thing that is not a batch,
 * or where a batch would pass `length`: compare the last one's end with what should be there.
 */
export function* scanSegment(handle: ReadHandle, position: number, length: number): Generator<BatchPlace> {
  const window = new Uint8Array(WINDOW_BYTES);
  let windowAt = 0;
  let windowBytes = 0;
  let at = position;
  while (at + BATCH_HEADER_BYTES <= length) {
    if (at < windowAt || at + BATCH_HEADER_BYTES > windowAt + windowBytes) {
      windowAt = at;
      windowBytes = handle.read(window, 0, Math.min(WINDOW_BYTES, length - at), at);
      if (windowBytes < BATCH_HEADER_BYTES) return;
    }
    const inWindow = at - windowAt;
    const size = batchSizeAt(window, inWindow);
    const sound = magicAt(window, inWindow) === BATCH_MAGIC && size >= BATCH_HEADER_BYTES && at + size <= length;
    if (!sound || lastOffsetDeltaAt(window, inWindow) < 0) return;
    const baseOffset = baseOffsetAt(window, inWindow);
    const end = baseOffset + lastOffsetDeltaAt(window, inWindow) + 1;
    yield { position: at, size, baseOffset, end, maxTimestamp: maxTimestampAt(window, inWindow) };
    at += size;
  }
}
