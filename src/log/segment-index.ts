import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import type { ReadHandle } from './disk.ts';

/**
 * The sparse index of a segment: every so many bytes, where a batch begins. Entries, little-endian:
 *
 * ```
 *  0 offset less the segment's base u32    4 position u32    8 largest timestamp before it i64    16 crc u32    20 zero
 * ```
 *
 * The largest timestamps make it the index of times too. A sealed segment's index ends with an entry for the end of the
 * segment, so that what is missing shows. Written without an fsync until the next checkpoint: recovery makes it anew from
 * there on, and whatever else is missing or damaged from the segment. It can be deleted at any time.
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

const readEntry = (bytes: Uint8Array, at: number, base: number): IndexEntry | undefined => {
  const reader = new ByteReader(bytes, at);
  const entry = { offset: base + reader.u32(), position: reader.u32(), maxTimestampBefore: Number(reader.i64()) };
  return reader.u32() === crc32c(bytes, at, at + CRC_AT, CRC_SEED) ? entry : undefined;
};

/** The valid entries at the beginning of an index whose batches lie before `length`. */
export function decodeIndex(bytes: Uint8Array, base: number, length: number): IndexEntry[] {
  const entries: IndexEntry[] = [];
  for (let at = 0; at + INDEX_ENTRY_BYTES <= bytes.length; at += INDEX_ENTRY_BYTES) {
    const entry = readEntry(bytes, at, base);
    const previous = entries[entries.length - 1];
    if (entry === undefined || entry.position >= length) break;
    if (previous !== undefined && (entry.offset <= previous.offset || entry.position <= previous.position)) break;
    entries.push(entry);
  }
  return entries;
}

/**
 * The last entry before `length` that `before` holds for, by halving over the file; `before` must be true for a prefix
 * of the entries. A damaged entry on the way ends the search early: an entry further ahead only makes the scan longer.
 */
export function findEntry(
  handle: ReadHandle,
  base: number,
  length: number,
  before: (entry: IndexEntry) => boolean,
): IndexEntry | undefined {
  const bytes = new Uint8Array(INDEX_ENTRY_BYTES);
  let found: IndexEntry | undefined;
  let low = 0;
  let high = Math.floor(handle.size() / INDEX_ENTRY_BYTES);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const whole = handle.read(bytes, 0, INDEX_ENTRY_BYTES, middle * INDEX_ENTRY_BYTES) === INDEX_ENTRY_BYTES;
    const entry = whole ? readEntry(bytes, 0, base) : undefined;
    if (entry !== undefined && entry.position < length && before(entry)) {
      found = entry;
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return found;
}

/** Whether the index of a sealed segment ends as it should. */
export function isIndexWhole(handle: ReadHandle, base: number, length: number, end: number): boolean {
  const size = handle.size();
  const bytes = new Uint8Array(INDEX_ENTRY_BYTES);
  if (size < INDEX_ENTRY_BYTES || size % INDEX_ENTRY_BYTES !== 0) return false;
  handle.read(bytes, 0, INDEX_ENTRY_BYTES, size - INDEX_ENTRY_BYTES);
  const last = readEntry(bytes, 0, base);
  return last?.position === length && last.offset === end;
}

/** Collects the entries of one segment, batch by batch. */
export class IndexBuilder {
  readonly base: number;
  readonly #intervalBytes: number;
  readonly #entries: Uint8Array[] = [];
  #indexedTo = 0;
  #maxTimestamp = Number.MIN_SAFE_INTEGER;

  constructor(base: number, intervalBytes: number) {
    this.base = base;
    this.#intervalBytes = intervalBytes;
  }

  get entries(): number {
    return this.#entries.length;
  }

  get indexedTo(): number {
    return this.#indexedTo;
  }

  /** An entry that was found to be sound. */
  keep(entry: IndexEntry): void {
    this.#entries.push(encodeIndexEntry(this.base, entry));
    this.#indexedTo = entry.position;
    this.#maxTimestamp = entry.maxTimestampBefore;
  }

  /** The next batch of the segment. */
  add(position: number, offset: number, maxTimestamp: number): void {
    if (position - this.#indexedTo >= this.#intervalBytes) {
      this.keep({ offset, position, maxTimestampBefore: this.#maxTimestamp });
    }
    if (maxTimestamp > this.#maxTimestamp) this.#maxTimestamp = maxTimestamp;
  }

  /** The segment is sealed: nothing comes after this. */
  seal(length: number, end: number): void {
    this.keep({ offset: end, position: length, maxTimestampBefore: this.#maxTimestamp });
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#entries);
  }
}
