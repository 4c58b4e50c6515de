import { join } from 'node:path';
import { HeadraceError } from '../base/error.ts';
import { compressionAt } from './batch-header.ts';
import type { DiskReader, ReadHandle } from './disk.ts';
import { partitionDirectory, segmentName } from './file-layout.ts';
import { readFailed } from './log-error.ts';
import type { PartitionState, Segment } from './log-state.ts';
import { decodeRecordBatches } from './record-batch.ts';
import { type BatchPlace, scanSegment } from './segment-scan.ts';
import { scanStart } from './segment-seek.ts';

/** First offset whose timestamp is at or after `time`; the end of the partition if none. */
export function offsetAtTime(disk: DiskReader, dataDir: string, partition: PartitionState, time: number): number {
  const directory = partitionDirectory(dataDir, partition.topic, partition.partition);
  for (const segment of partition.segments) {
    if (segment.maxTimestamp < time) continue;
    const found = offsetInSegment(disk, directory, segment, partition.logStart, time);
    if (found !== undefined) return found;
  }
  return partition.end;
}

/** Undefined when all that is as late lies before `logStart`. */
function offsetInSegment(
  disk: DiskReader,
  directory: string,
  segment: Segment,
  logStart: number,
  time: number,
): number | undefined {
  const { length } = segment;
  const path = join(directory, segmentName(segment));
  const handle = disk.open(path);
  if (handle === undefined) throw missingSegment(path);
  try {
    const from = scanStart(disk, directory, handle, segment, length, (entry) => entry.maxTimestampBefore < time);
    let end = from;
    for (const place of scanSegment(handle, from, length)) {
      end = place.position + place.size;
      if (place.end <= logStart || place.maxTimestamp < time) continue;
      return Math.max(logStart, offsetInBatch(handle, place, time));
    }
    if (end !== length) throw missingSegment(path);
    return undefined;
  } catch (error) {
    throw error instanceof HeadraceError ? error : readFailed(`looking for a time in segment ${path}`, error);
  } finally {
    handle.close();
  }
}

/** The batch itself when its records are compressed: an earlier offset loses nothing. */
function offsetInBatch(handle: ReadHandle, place: BatchPlace, time: number): number {
  const bytes = new Uint8Array(place.size);
  handle.read(bytes, 0, place.size, place.position);
  if (compressionAt(bytes, 0) !== 0) return place.baseOffset;
  for (const batch of decodeRecordBatches(bytes)) {
    for (const record of batch.entries()) if (record.timestamp >= time) return record.offset;
  }
  return place.baseOffset;
}

function missingSegment(path: string): HeadraceError {
  return new HeadraceError(`looking for a time in segment ${path}: it is missing or damaged`, {
    code: 'LOG_CORRUPT',
    domain: 'log',
    next: 'restore the file from a copy',
  });
}
