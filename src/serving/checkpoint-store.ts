import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointBytes } from './table-checkpoint.ts';

const DIRECTORY = 'tables';
const SUFFIX = '.checkpoint';
/** A length in a damaged file must not make us allocate more than the file has. */
const NOTHING = new Uint8Array(0);

/** Where checkpoints of tables are kept. The real one is {@link fileCheckpoints}; tests pass their own. */
export interface CheckpointStore {
  /** Undefined when there is none. */
  read(table: string): CheckpointBytes | undefined;
  /** Replaces the table's checkpoint when all pieces are durable; until then the old one stays. */
  write(table: string, pieces: Iterable<Uint8Array>): Promise<void>;
  remove(table: string): void;
}

/**
 * Files `<dataDir>/tables/<table>.checkpoint`: written aside, synced, renamed, and the directory synced, so that a crash
 * leaves the old one or the new one.
 */
export function fileCheckpoints(dataDir: string): CheckpointStore {
  const directory = join(dataDir, DIRECTORY);
  const pathOf = (table: string): string => join(directory, `${encodeURIComponent(table)}${SUFFIX}`);
  return {
    read(table) {
      try {
        return fileBytes(openSync(pathOf(table), 'r'));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async write(table, pieces) {
      const isNew = (await mkdir(directory, { recursive: true })) !== undefined;
      const temporary = `${pathOf(table)}.part`;
      const file = await open(temporary, 'w');
      try {
        for (const piece of pieces) await file.writeFile(piece);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, pathOf(table));
      await syncDirectory(directory);
      if (isNew) await syncDirectory(dataDir);
    },
    remove(table) {
      rmSync(pathOf(table), { force: true });
    },
  };
}

function fileBytes(descriptor: number): CheckpointBytes {
  const { size } = fstatSync(descriptor);
  let at = 0;
  return {
    read(count) {
      if (count > size - at) return NOTHING;
      const bytes = new Uint8Array(count);
      let filled = 0;
      while (filled < count) {
        const got = readSync(descriptor, bytes, filled, count - filled, at + filled);
        if (got === 0) return NOTHING;
        filled += got;
      }
      at += count;
      return bytes;
    },
    close: () => closeSync(descriptor),
  };
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
