import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file that is written by position. */
export interface SinkFile {
  size(): Promise<number>;
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Sets the length; durable when it resolves. */
  truncate(length: number): Promise<void>;
  /** What was written is durable when it resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Makes the file, and its folders, where they are not there; the name is durable when it resolves. */
export async function openSinkFile(path: string): Promise<SinkFile> {
  await mkdir(dirname(path), { recursive: true });
  // Neither truncated nor in append mode, in which a position would be ignored.
  const handle = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return open(path, 'wx+');
  });
  await syncFolder(dirname(path));
  return {
    size: async () => (await handle.stat()).size,
    async write(bytes, position) {
      for (let written = 0; written < bytes.length; ) {
        const result = await handle.write(bytes, written, bytes.length - written, position + written);
        written += result.bytesWritten;
      }
    },
    async truncate(length) {
      await handle.truncate(length);
      await handle.sync();
    },
    sync: () => handle.datasync(),
    close: () => handle.close(),
  };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
