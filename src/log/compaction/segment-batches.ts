import { join } from 'node:path';
import { crc32c } from '../../base/crc32c.ts';
import { HeadraceError } from '../../base/error.ts';
import {
  attributesAt,
  BATCH_CRC_START,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  baseOffsetAt,
  batchSizeAt,
  crcAt,
  DELETE_HORIZON,
  lastOffsetDeltaAt,
  magicAt,
} from '../batch-header.ts';
import type { DiskReader, ReadHandle, SealedSegment } from '../disk.ts';
import { segmentName } from '../file-layout.ts';

const WINDOW_BYTES = 1024 * 1024;

/**
 * The record batches of a sealed segment, one after another; each is valid until the next. All that was written must be
 * there, whole: compaction puts another file in the place of this one.
 * @throws HeadraceError `LOG_CORRUPT`; `LOG_BATCH_COMPRESSED` at a batch whose records cannot be told apart
 */
export function* segmentBatches(reader: DiskReader, directory: string, segment: SealedSegment): Generator<Uint8Array> {
  const path = join(directory, segmentName(segment));
  const handle = reader.open(path);
  if (handle === undefined) throw corrupt(path, 0, 'it is missing');
  try {
    yield* batchesOf(handle, path, segment);
  } finally {
    handle.close();
  }
}

function* batchesOf(handle: ReadHandle, path: string, segment: SealedSegment): Generator<Uint8Array> {
  const window = new SegmentWindow(handle, segment.length);
  let next = segment.base;
  for (let position = 0; position < segment.length; ) {
    const header = window.view(position, BATCH_HEADER_BYTES);
    const size = header.length < BATCH_HEADER_BYTES ? 0 : batchSizeAt(header, 0);
    const batch = window.view(position, size);
    next = checkedEnd(batch, size, next, path, position);
    yield batch;
    position += size;
  }
  if (next !== segment.end) throw corrupt(path, segment.length, `it ends before offset ${next}, not ${segment.end}`);
}

/** Reads ahead. */
class SegmentWindow {
  readonly #handle: ReadHandle;
  readonly #length: number;
  #bytes = new Uint8Array(WINDOW_BYTES);
  #at = 0;
  #filled = 0;

  constructor(handle: ReadHandle, length: number) {
    this.#handle = handle;
    this.#length = length;
  }

  /** So many bytes at a position, fewer at the end of the segment; valid until the next call. */
  view(position: number, count: number): Uint8Array {
    if (position < this.#at || position + count > this.#at + this.#filled) this.#load(position, count);
    const from = position - this.#at;
    return this.#bytes.subarray(from, Math.min(from + count, this.#filled));
  }

  #load(position: number, count: number): void {
    const left = this.#length - position;
    if (Math.min(count, left) > this.#bytes.length) this.#bytes = new Uint8Array(Math.min(count, left));
    this.#at = position;
    this.#filled = this.#handle.read(this.#bytes, 0, Math.min(this.#bytes.length, left), position);
  }
}

/** The offset after a batch that holds together and follows the one before. */
function checkedEnd(batch: Uint8Array, size: number, next: number, path: string, position: number): number {
  const isWhole = size >= BATCH_HEADER_BYTES && batch.length === size && magicAt(batch, 0) === BATCH_MAGIC;
  if (!isWhole || baseOffsetAt(batch, 0) !== next || lastOffsetDeltaAt(batch, 0) < 0)
    throw corrupt(path, position, 'there is no batch of the next offset');
  if (crc32c(batch, BATCH_CRC_START) !== crcAt(batch, 0)) throw corrupt(path, position, 'the CRC does not match');
  if ((attributesAt(batch, 0) & ~DELETE_HORIZON) !== 0) throw notPlain(path, next);
  return next + lastOffsetDeltaAt(batch, 0) + 1;
}

function corrupt(path: string, position: number, why: string): HeadraceError {
  return new HeadraceError(`compacting segment ${path} at byte ${position}: ${why}`, {
    code: 'LOG_CORRUPT',
    domain: 'log',
    next: 'restore the file from a copy; until then the topic is not compacted',
  });
}

function notPlain(path: string, offset: number): HeadraceError {
  return new HeadraceError(
    `compacting segment ${path}: the batch at offset ${offset} is compressed, or part of a transaction`,
    {
      code: 'LOG_BATCH_COMPRESSED',
      domain: 'log',
      next: 'write to this topic without compression; what is there is kept as it is',
    },
  );
}
