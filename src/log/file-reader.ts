import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import type { DiskReader, ReadHandle } from './disk.ts';

class FileHandle implements ReadHandle {
  readonly #file: number;

  constructor(file: number) {
    this.#file = file;
  }

  size(): number {
    return fstatSync(this.#file).size;
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    let done = 0;
    while (done < length) {
      const count = readSync(this.#file, target, offset + done, length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  close(): void {
    closeSync(this.#file);
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Reads real files, in any thread. */
export const fileReader: DiskReader = {
  open(path) {
    try {
      return new FileHandle(openSync(path, 'r'));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },
  list(path) {
    try {
      return readdirSync(path).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },
};
