import { join } from 'node:path';
import type { DiskReader, DiskTask, PlainOperation } from './disk.ts';
import { indexName, segmentName, unfinishedName } from './file-layout.ts';
import { IndexBuilder, isIndexWhole } from './segment-index.ts';
import { scanSegment } from './segment-scan.ts';

/** Makes the indexes of sealed segments anew that are missing or do not end as they should. Pure, but for reading. */
export function restoreIndexOperations(
  reader: DiskReader,
  task: Extract<DiskTask, { kind: 'restore-indexes' }>,
): readonly PlainOperation[] {
  const operations: PlainOperation[] = [];
  for (const file of task.segments) {
    const { base, length, end } = file;
    const path = join(task.directory, indexName(file));
    if (isWhole(reader, path, base, length, end)) continue;
    const index = scannedIndex(reader, join(task.directory, segmentName(file)), base, length, end, task.intervalBytes);
    if (index === undefined) continue;
    const unfinished = join(task.directory, unfinishedName(indexName(file)));
    operations.push(
      { kind: 'remove', path: unfinished },
      { kind: 'write', path: unfinished, position: 0, buffers: [index] },
      { kind: 'rename', from: unfinished, to: path },
    );
  }
  return operations;
}

function isWhole(reader: DiskReader, path: string, base: number, length: number, end: number): boolean {
  const handle = reader.open(path);
  if (handle === undefined) return false;
  try {
    return isIndexWhole(handle, base, length, end);
  } finally {
    handle.close();
  }
}

/** Undefined when the segment itself is damaged: its index would hide that. */
function scannedIndex(
  reader: DiskReader,
  path: string,
  base: number,
  length: number,
  end: number,
  intervalBytes: number,
): Uint8Array | undefined {
  const handle = reader.open(path);
  if (handle === undefined) return undefined;
  try {
    const builder = new IndexBuilder(base, intervalBytes);
    let next = base;
    for (const place of scanSegment(handle, 0, length)) {
      if (place.baseOffset !== next) return undefined;
      builder.add(place.position, place.baseOffset, place.maxTimestamp);
      next = place.end;
    }
    if (next !== end) return undefined;
    builder.seal(length, end);
    return builder.bytes();
  } finally {
    handle.close();
  }
}
