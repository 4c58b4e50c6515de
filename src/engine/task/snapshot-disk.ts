import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { type Disk, DiskFailure, type DiskOperation, failureKind, type RunResult } from '../../log/disk.ts';
import { fileReader } from '../../log/file-reader.ts';

/** What snapshots need of a disk: no lock, since the log holds that. */
export type SnapshotDisk = Pick<Disk, 'reader' | 'run'>;

/**
 * Real files, changed through the asynchronous calls of Node: a task goes on with its epochs while its snapshot is on the
 * way to the disk. Not the I/O thread of the log, whose rounds must not wait for a large snapshot.
 */
export class AsyncFileDisk implements SnapshotDisk {
  readonly reader = fileReader;
  /** Files that are being written, until they are synced. */
  readonly #open = new Map<string, FileHandle>();

  async run(operations: readonly DiskOperation[]): Promise<RunResult> {
    for (const operation of operations) {
      try {
        await this.#change(operation);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
        throw new DiskFailure(failureKind(operation.kind, code), code, operation.kind);
      }
    }
    return { syncMs: 0 };
  }

  async #change(operation: DiskOperation): Promise<void> {
    switch (operation.kind) {
      case 'write':
        return writeFully(await this.#file(operation.path), operation.position, operation.buffers);
      case 'set-length':
        return (await this.#file(operation.path)).truncate(operation.length);
      case 'sync': {
        await (await this.#file(operation.path)).datasync();
        return this.#close(operation.path);
      }
      case 'sync-directory':
        return syncDirectory(operation.path);
      case 'make-directory':
        await mkdir(operation.path, { recursive: true });
        return;
      case 'rename':
        return rename(operation.from, operation.to);
      case 'remove':
        await this.#close(operation.path);
        return rm(operation.path, { recursive: true, force: true });
    }
  }

  async #file(path: string): Promise<FileHandle> {
    let file = this.#open.get(path);
    if (file === undefined) {
      file = await open(path, constants.O_RDWR | constants.O_CREAT);
      this.#open.set(path, file);
    }
    return file;
  }

  async #close(path: string): Promise<void> {
    const file = this.#open.get(path);
    this.#open.delete(path);
    await file?.close();
  }
}

async function writeFully(file: FileHandle, position: number, buffers: readonly Uint8Array[]): Promise<void> {
  let at = position;
  for (const bytes of buffers) {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
    at += bytes.length;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
