import { ByteReader, type ByteWriter, utf8 } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { HeadraceError } from '../base/error.ts';
import { RECORD_ALIGNMENT, RECORD_HEADER_BYTES, RECORD_KINDS, RECORD_MAGIC } from './commit-record.ts';

/**
 * The commit-log file: a header, a checkpoint, rounds, then perhaps zeros. The header, little-endian:
 *
 * ```
 *  0 "HRCOMMIT"    8 format version u32    12 leader epoch u32    16 salt u32    20 zero    28 crc u32 (of 0 to 28)
 * ```
 */
export const COMMIT_FORMAT_VERSION = 1;
export const COMMIT_HEADER_BYTES = 32;
const FILE_MAGIC = 'HRCOMMIT';

export interface CommitFileHeader {
  readonly leaderEpoch: number;
  /** Begins the CRC of every record of this file. */
  readonly salt: number;
}

export interface FramedRecord {
  readonly kind: number;
  readonly commit: number;
  readonly position: number;
  /** Position after the record and its padding. */
  readonly end: number;
  readonly payload: Uint8Array;
}

export function writeCommitHeader(writer: ByteWriter, header: CommitFileHeader): void {
  writer.raw(utf8(FILE_MAGIC));
  writer.u32(COMMIT_FORMAT_VERSION);
  writer.u32(header.leaderEpoch);
  writer.u32(header.salt);
  writer.zeros(8);
  writer.u32(crc32c(writer.written(), 0, 28));
}

/** @throws HeadraceError `LOG_VERSION_UNKNOWN`, `LOG_CORRUPT` */
export function readCommitHeader(bytes: Uint8Array, path: string): CommitFileHeader {
  const whole = bytes.length >= COMMIT_HEADER_BYTES;
  if (!whole || !utf8(FILE_MAGIC).every((byte, i) => bytes[i] === byte)) {
    throw corruptCommitFile(path, 0, 'it does not begin as a commit log does');
  }
  const reader = new ByteReader(bytes, FILE_MAGIC.length);
  const version = reader.u32();
  if (version > COMMIT_FORMAT_VERSION) {
    throw new HeadraceError(`opening ${path}: its format version is ${version}, this program knows up to 1`, {
      code: 'LOG_VERSION_UNKNOWN',
      domain: 'log',
      next: 'use the newer version of Headrace that wrote it; nothing was changed',
    });
  }
  const header = { leaderEpoch: reader.u32(), salt: reader.u32() };
  if (new ByteReader(bytes, 28).u32() !== crc32c(bytes, 0, 28)) {
    throw corruptCommitFile(path, 0, 'the CRC of its header does not match');
  }
  return header;
}

export function corruptCommitFile(path: string, position: number, why: string): HeadraceError {
  return new HeadraceError(`reading the commit log ${path} at byte ${position}: ${why}`, {
    code: 'LOG_CORRUPT',
    domain: 'log',
    next: 'nothing was changed; restore the data directory from a copy, or run "headrace doctor"',
  });
}

export interface CommitScan {
  readonly records: readonly FramedRecord[];
  /** Where the next record goes: the end of the last whole one. */
  readonly end: number;
  /** True when something that is not a whole record follows `end`: the beginning of a round that was never acknowledged. */
  readonly torn: boolean;
  /** Where a damaged record is that whole ones follow; not a torn tail. */
  readonly damagedAt: number | undefined;
}

/** Reads the records of a commit-log file; decides between a torn tail and damage. Pure. */
export function scanCommitFile(bytes: Uint8Array, header: CommitFileHeader): CommitScan {
  const records: FramedRecord[] = [];
  let at = COMMIT_HEADER_BYTES;
  let commit = -1;
  for (;;) {
    const record = recordAt(bytes, at, header.salt);
    if (record === undefined) break;
    const expected = record.kind === RECORD_KINDS.round ? commit + 1 : commit;
    if (commit >= 0 && record.commit !== expected) break;
    commit = record.commit;
    records.push(record);
    at = record.end;
  }
  const damaged = laterRecordExists(bytes, at, header.salt);
  return { records, end: at, torn: !isZero(bytes, at), damagedAt: damaged ? at : undefined };
}

function recordAt(bytes: Uint8Array, at: number, salt: number): FramedRecord | undefined {
  if (bytes.length - at < RECORD_HEADER_BYTES) return undefined;
  const reader = new ByteReader(bytes, at);
  if (reader.u32() !== RECORD_MAGIC) return undefined;
  const crc = reader.u32();
  const length = reader.u32();
  const start = at + RECORD_HEADER_BYTES;
  if (length > bytes.length - start || crc32c(bytes, at + 8, start + length, salt) !== crc) return undefined;
  const padding = (RECORD_ALIGNMENT - (length % RECORD_ALIGNMENT)) % RECORD_ALIGNMENT;
  return {
    kind: reader.u32(),
    commit: reader.u64(),
    position: at,
    end: start + length + padding,
    payload: bytes.subarray(start, start + length),
  };
}

function laterRecordExists(bytes: Uint8Array, from: number, salt: number): boolean {
  const first = RECORD_MAGIC & 255;
  for (let at = from; at + RECORD_HEADER_BYTES <= bytes.length; at += RECORD_ALIGNMENT) {
    if (bytes[at] === first && recordAt(bytes, at, salt) !== undefined) return true;
  }
  return false;
}

function isZero(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}
