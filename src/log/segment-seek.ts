import { join } from 'node:path';
import { BATCH_HEADER_BYTES, BATCH_MAGIC, baseOffsetAt, magicAt } from './batch-header.ts';
import type { DiskReader, ReadHandle } from './disk.ts';
import { indexName, type SegmentFile } from './file-layout.ts';
import { findEntry, type IndexEntry } from './segment-index.ts';

/**
 * Where to begin a scan of a segment: at the last indexed batch that `before` holds for, found by halving, else at the
 * beginning. An entry that leads to anything but its batch is not believed.
 */
export function scanStart(
  disk: DiskReader,
  directory: string,
  segment: ReadHandle,
  file: SegmentFile,
  length: number,
  before: (entry: IndexEntry) => boolean,
): number {
  const index = disk.open(join(directory, indexName(file)));
  if (index === undefined) return 0;
  try {
    const entry = findEntry(index, file.base, length, before);
    return entry !== undefined && leadsToBatch(segment, entry) ? entry.position : 0;
  } finally {
    index.close();
  }
}

function leadsToBatch(segment: ReadHandle, entry: IndexEntry): boolean {
  const header = new Uint8Array(BATCH_HEADER_BYTES);
  return (
    segment.read(header, 0, BATCH_HEADER_BYTES, entry.position) === BATCH_HEADER_BYTES &&
    magicAt(header, 0) === BATCH_MAGIC &&
    baseOffsetAt(header, 0) === entry.offset
  );
}
