import { HeadraceError } from '../../base/error.ts';
import type { SourceFile } from './source-file.ts';

/** Bytes that are read at once. */
export const CHUNK_BYTES = 1024 * 1024;
/** A single record may make a chunk larger, up to this. */
export const CHUNK_BYTES_MAX = 256 * 1024 * 1024;

const NEWLINE = 0x0a;
const QUOTE = 0x22;

/**
 * Whole records of the file from `position` on, about {@link CHUNK_BYTES} of them; empty at the end of the file. With
 * `quoted`, a newline between double quotes ends no record (CSV). The last record needs no newline.
 *
 * @throws HeadraceError `CONNECTOR_RECORD_TOO_LARGE`
 */
export function readChunk(file: SourceFile, position: number, quoted: boolean, bytes = CHUNK_BYTES): Uint8Array {
  const chunk = file.read(position, bytes);
  if (chunk.length < bytes) return chunk;
  const end = quoted ? lastRecordEnd(chunk) : chunk.lastIndexOf(NEWLINE) + 1;
  if (end > 0) return chunk.subarray(0, end);
  if (bytes >= CHUNK_BYTES_MAX) {
    throw new HeadraceError(`reading a record at byte ${position}: it does not end within ${CHUNK_BYTES_MAX} bytes`, {
      code: 'CONNECTOR_RECORD_TOO_LARGE',
      domain: 'connector',
      next: 'check the format of the file',
    });
  }
  return readChunk(file, position, quoted, bytes * 4);
}

/** Every quote toggles: a doubled one toggles twice. */
function lastRecordEnd(chunk: Uint8Array): number {
  let inside = false;
  let end = 0;
  for (let at = 0; at < chunk.length; at++) {
    const byte = chunk[at];
    if (byte === QUOTE) inside = !inside;
    else if (byte === NEWLINE && !inside) end = at + 1;
  }
  return end;
}

/** The lines of a chunk, without their ends. Views of it. */
export function linesOf(chunk: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  while (start < chunk.length) {
    const newline = chunk.indexOf(NEWLINE, start);
    const end = newline < 0 ? chunk.length : newline;
    lines.push(chunk.subarray(start, chunk[end - 1] === 0x0d && end > start ? end - 1 : end));
    start = end + 1;
  }
  return lines;
}

/** Bytes of the first record, its newline included. */
export function firstRecordEnd(chunk: Uint8Array): number {
  let inside = false;
  for (let at = 0; at < chunk.length; at++) {
    if (chunk[at] === QUOTE) inside = !inside;
    else if (chunk[at] === NEWLINE && !inside) return at + 1;
  }
  return chunk.length;
}
