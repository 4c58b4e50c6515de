import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { HeadraceError, messageOf } from '../../base/error.ts';

/** A file that is read by position. */
export interface SourceFile {
  size(): number;
  /** Up to `length` bytes from `position`; fewer at the end. */
  read(position: number, length: number): Uint8Array;
  close(): void;
}

/** @throws HeadraceError `CONNECTOR_FILE_UNREADABLE` */
export function openSourceFile(path: string): SourceFile {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (cause) {
    throw new HeadraceError(`opening ${path}: ${messageOf(cause)}`, {
      code: 'CONNECTOR_FILE_UNREADABLE',
      domain: 'connector',
      cause,
      next: 'check the "path" of the connector in headrace.yaml',
    });
  }
  return {
    size: () => fstatSync(descriptor).size,
    read(position, length) {
      const buffer = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const read = readSync(descriptor, buffer, filled, length - filled, position + filled);
        if (read === 0) break;
        filled += read;
      }
      return buffer.subarray(0, filled);
    },
    close: () => closeSync(descriptor),
  };
}
