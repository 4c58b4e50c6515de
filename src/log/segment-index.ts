import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import type { DiskReader } from './disk.ts';

/**
 * The sparse index of a segment: every so many bytes, where a batch begins. Entries, little-endian:
 *
 * ```
 *  0 offset less the segment's base u32    4 position u32    8 largest timestamp before it i64    16 crc u32    20 zero
 * ```
 *
 * Written without an fsync: an entry whose CRC is wrong, and all after it, count as not there, and the segment is
 * scanned instead. The index can be left out or deleted at any time.
 */
export const INDEX_ENTRY_BYTES = 24;
const CRC_AT = 16;
/** Seeds the CRC, so that zeros are not an entry. */
const CRC_SEED = 0x48524958;

export interface IndexEntry {
  readonly offset: number;
  readonly position: number;
  readonly maxTimestampBefore: number;
}

export function encodeIndexEntry(base: number, entry: IndexEntry): Uint8Array {
  const bytes = new Uint8Array(INDEX_ENTRY_BYTES);
  const writer = new ByteWriter(bytes);
  writer.u32(entry.offset - base);
  writer.u32(entry.position);
  writer.i64(BigInt(entry.maxTimestampBefore));
  writer.u32(crc32c(bytes, 0, CRC_AT, CRC_SEED));
  return bytes;
}

/** The valid entries at the beginning of an index file whose batches lie before `length`. */
export function readIndex(reader: DiskReader, path: string, base: number, length: number): readonly IndexEntry[] {
  const handle = reader.open(path);
  if (handle === undefined) return [];
  try {
    const bytes = new Uint8Array(handle.size());
    const count = handle.read(bytes, 0, bytes.length, 0);
    return decodeIndex(bytes.subarray(0, count), base, length);
  } finally {
    handle.close();
  }
}

function decodeIndex(bytes: Uint8Array, base: number, length: number): IndexEntry[] {
  const entries: IndexEntry[] = [];
  for (let at = 0; at + INDEX_ENTRY_BYTES <= bytes.length; at += INDEX_ENTRY_BYTES) {
    const reader = new ByteReader(bytes, at);
    const offset = base + reader.u32();
    const position = reader.u32();
    const maxTimestampBefore = Number(reader.i64());
    const previous = entries[entries.length - 1];
    const ordered = previous === undefined || (offset > previous.offset && position > previous.position);
    if (reader.u32() !== crc32c(bytes, at, at + CRC_AT, CRC_SEED) || !ordered || position >= length) break;
    entries.push({ offset, position, maxTimestampBefore });
  }
  return entries;
}

/** The last entry that `before` holds for; `before` must be true for a prefix of the entries. */
export function lastEntryWhere(
  entries: readonly IndexEntry[],
  before: (entry: IndexEntry) => boolean,
): IndexEntry | undefined {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (before(entries[middle]!)) low = middle + 1;
    else high = middle;
  }
  return entries[low - 1];
}
