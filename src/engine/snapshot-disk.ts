import { mkdir, open, rename, rm } from 'node:fs/promises';
import { type Disk, DiskFailure, type DiskOperation, failureKind } from '../log/disk.ts';
import { fileReader } from '../log/file-reader.ts';

/** What snapshots need of a disk: no lock, since the log holds that. */
export type SnapshotDisk = Pick<Disk, 'reader' | 'run'>;

/**
 * Real files, changed through the asynchronous calls of Node: a task goes on with its epochs while its snapshot is on the
 * way to the disk. Not the I/O thread of the log, whose rounds must not wait for a large snapshot.
 */
export const asyncFileDisk: SnapshotDisk = {
  reader: fileReader,
  async run(operations) {
    for (const operation of operations) {
      try {
        await change(operation);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
        throw new DiskFailure(failureKind(operation.kind, code), code, operation.kind);
      }
    }
    return { syncMs: 0 };
  },
};

async function change(operation: DiskOperation): Promise<void> {
  switch (operation.kind) {
    case 'write':
      return writeAt(operation.path, operation.position, operation.buffers);
    case 'set-length':
      return withFile(operation.path, 'r+', (file) => file.truncate(operation.length));
    case 'sync':
      return withFile(operation.path, 'r+', (file) => file.datasync());
    case 'sync-directory':
      return withFile(operation.path, 'r', (file) => file.sync());
    case 'make-directory':
      await mkdir(operation.path, { recursive: true });
      return;
    case 'rename':
      return rename(operation.from, operation.to);
    case 'remove':
      return rm(operation.path, { recursive: true, force: true });
  }
}

type OpenFile = Awaited<ReturnType<typeof open>>;

async function withFile<T>(path: string, flags: string, use: (file: OpenFile) => Promise<T>): Promise<T> {
  const file = await open(path, flags);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function writeAt(path: string, position: number, buffers: readonly Uint8Array[]): Promise<void> {
  await withFile(path, position === 0 ? 'w' : 'r+', async (file) => {
    let at = position;
    for (const bytes of buffers) {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
        done += bytesWritten;
      }
      at += bytes.length;
    }
  });
}
