import { HeadraceError } from '../base/error.ts';
import { checkpointFromFiles } from './checkpoint-derivation.ts';
import { mapKeys } from './compaction/key-mapping.ts';
import { compactSegments } from './compaction/segment-compaction.ts';
import {
  type Derivation,
  type DerivedResult,
  DiskFailure,
  type DiskReader,
  type DiskTask,
  type PlainOperation,
} from './disk.ts';
import { restoreIndexOperations } from './index-restoration.ts';

/**
 * The plain operations that a task comes to.
 * @throws DiskFailure `damage` when what it reads is not what was written
 */
export function* derivation(reader: DiskReader, task: DiskTask): Derivation {
  try {
    return yield* begun(reader, task);
  } catch (error) {
    if (error instanceof HeadraceError) throw new DiskFailure('damage', error.message, task.kind);
    throw error;
  }
}

function begun(reader: DiskReader, task: DiskTask): Derivation {
  switch (task.kind) {
    case 'checkpoint':
      return atOnce(checkpointFromFiles(reader, task));
    case 'restore-indexes':
      return atOnce(restoreIndexOperations(reader, task));
    case 'map-keys':
      return mapKeys(reader, task);
    case 'compact-segments':
      return compactSegments(reader, task);
  }
}

function* atOnce(
  operations: readonly PlainOperation[],
): Generator<readonly PlainOperation[], DerivedResult | undefined> {
  yield operations;
  return undefined;
}
