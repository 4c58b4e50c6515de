import type { Derivation, DiskReader, MapKeysTask } from '../disk.ts';
import { isCancelled } from './cancel.ts';
import { KeyOffsets } from './key-offsets.ts';
import { RecordCursor } from './record-cursor.ts';
import { segmentBatches } from './segment-batches.ts';

/** Rests after so many bytes read. */
const STEP_BYTES = 1024 * 1024;

/**
 * The last offset of each key in the segments, oldest first. When memory is full, keys of a segment that was begun may be
 * among them: their offsets are true, so what lies before them is superseded all the same.
 * @throws HeadraceError `LOG_CORRUPT`, `LOG_BATCH_COMPRESSED`, `LOG_BATCH_INVALID`
 */
export function* mapKeys(reader: DiskReader, task: MapKeysTask): Derivation {
  const keys = new KeyOffsets();
  let segments = 0;
  let read = 0;
  for (const segment of task.segments) {
    const memoryMax = segments === 0 ? Number.POSITIVE_INFINITY : task.memoryMax;
    for (const batch of segmentBatches(reader, task.directory, segment)) {
      if (!mapBatch(keys, batch, memoryMax)) return { kind: 'keys', keys: keys.memory(), segments };
      read += batch.length;
      if (read < STEP_BYTES) continue;
      read = 0;
      yield [];
      if (isCancelled(task)) return { kind: 'cancelled' };
    }
    segments++;
  }
  return { kind: 'keys', keys: keys.memory(), segments };
}

/** False when memory is full. */
function mapBatch(keys: KeyOffsets, batch: Uint8Array, memoryMax: number): boolean {
  const record = new RecordCursor(batch);
  while (record.next()) {
    if (record.keyLength < 0) continue;
    if (keys.bytesWith(record.keyLength) > memoryMax) return false;
    keys.set(batch, record.keyStart, record.keyLength, record.offset);
  }
  return true;
}
