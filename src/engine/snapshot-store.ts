import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '../base/crc32c.ts';
import { HeadraceError, messageOf } from '../base/error.ts';
import type { SnapshotPointer } from './journal.ts';

const DIRECTORY = 'snapshots';
const SUFFIX = '.snapshot';

/** Where snapshots are kept. The real one is {@link fileSnapshots}; tests pass their own. */
export interface SnapshotStore {
  /** Durable when it returns. */
  write(pipeline: string, epoch: number, bytes: Uint8Array): { readonly file: string; readonly crc: number };
  /** @throws HeadraceError `ENGINE_SNAPSHOT_INVALID` when it is missing or damaged */
  read(pipeline: string, pointer: SnapshotPointer): Uint8Array;
  /** Removes all but the one named. */
  keepOnly(pipeline: string, file: string | undefined): void;
}

/** Files `<dataDir>/snapshots/<pipeline>/<epoch>.snapshot`: written aside, synced, renamed, and the directory synced. */
export function fileSnapshots(dataDir: string): SnapshotStore {
  const directoryOf = (pipeline: string): string => join(dataDir, DIRECTORY, encodeURIComponent(pipeline));
  return {
    write(pipeline, epoch, bytes) {
      const directory = directoryOf(pipeline);
      const isNew = mkdirSync(directory, { recursive: true }) !== undefined;
      const file = `${String(epoch).padStart(16, '0')}${SUFFIX}`;
      const temporary = join(directory, `${file}.part`);
      writeSynced(temporary, bytes);
      renameSync(temporary, join(directory, file));
      syncDirectory(directory);
      if (isNew) {
        syncDirectory(join(dataDir, DIRECTORY));
        syncDirectory(dataDir);
      }
      return { file, crc: crc32c(bytes) };
    },
    read(pipeline, pointer) {
      let bytes: Uint8Array;
      try {
        bytes = readFileSync(join(directoryOf(pipeline), pointer.file));
      } catch (cause) {
        throw damaged(pipeline, pointer, messageOf(cause), cause);
      }
      if (bytes.length !== pointer.bytes || crc32c(bytes) !== pointer.crc) {
        throw damaged(pipeline, pointer, 'its checksum does not match', undefined);
      }
      return bytes;
    },
    keepOnly(pipeline, file) {
      const directory = directoryOf(pipeline);
      let names: string[];
      try {
        names = readdirSync(directory);
      } catch {
        return;
      }
      for (const name of names) if (name !== file) rmSync(join(directory, name), { force: true });
    },
  };
}

function writeSynced(path: string, bytes: Uint8Array): void {
  const descriptor = openSync(path, 'w');
  try {
    let at = 0;
    while (at < bytes.length) at += writeSync(descriptor, bytes, at);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function damaged(pipeline: string, pointer: SnapshotPointer, why: string, cause: unknown): HeadraceError {
  return new HeadraceError(`reading snapshot ${pointer.epoch} of pipeline "${pipeline}": ${why}`, {
    code: 'ENGINE_SNAPSHOT_INVALID',
    domain: 'engine',
    cause,
    next: 'restore the snapshots directory from a copy, or rebuild the pipeline from its inputs',
  });
}
