import { HeadraceError } from '../base/error.ts';
import { compactOperations } from './compaction.ts';
import { DiskFailure, type DiskReader, type DiskTask, type PlainOperation } from './disk.ts';
import { restoreIndexOperations } from './index-restoration.ts';

/**
 * The plain operations that a task comes to.
 * @throws DiskFailure `damage` when what it reads is not what was written
 */
export function derivedOperations(reader: DiskReader, task: DiskTask): readonly PlainOperation[] {
  try {
    return task.kind === 'compact' ? compactOperations(reader, task) : restoreIndexOperations(reader, task);
  } catch (error) {
    if (error instanceof HeadraceError) throw new DiskFailure('damage', error.message, task.kind);
    throw error;
  }
}
