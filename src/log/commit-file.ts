import { ByteReader, type ByteWriter, utf8 } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { HeadraceError } from '../base/error.ts';
import { isRoundKind, RECORD_ALIGNMENT, RECORD_HEADER_BYTES, RECORD_KIND_MAX, RECORD_MAGIC } from './commit-record.ts';
import { versionTooOld, versionUnknown } from './log-error.ts';

/**
 * A commit log is a header, rounds, then zeros; a checkpoint is a header and records of the state. The header,
 * little-endian:
 *
 * ```
 *  0 "HRCOMMIT" or "HRCHKPNT"    8 format version u32    12 leader epoch u32    16 salt u32
 * 20 generation u32    24 zero    28 crc u32 (of 0 to 28)
 * ```
 */
export const COMMIT_FORMAT_VERSION = 3;
/** Earlier ones were of development versions and are not read. */
const COMMIT_FORMAT_VERSION_MIN = 3;
export const COMMIT_HEADER_BYTES = 32;
const MAGICS = { log: 'HRCOMMIT', checkpoint: 'HRCHKPNT' } as const;

export interface CommitFileHeader {
  readonly leaderEpoch: number;
  /** Begins the CRC of every record of this file. */
  readonly salt: number;
  readonly generation: number;
}

export interface FramedRecord {
  readonly kind: number;
  readonly commit: number;
  readonly position: number;
  /** Position after the record and its padding. */
  readonly end: number;
  readonly payload: Uint8Array;
}

export function writeCommitHeader(writer: ByteWriter, kind: keyof typeof MAGICS, header: CommitFileHeader): void {
  writer.raw(utf8(MAGICS[kind]));
  writer.u32(COMMIT_FORMAT_VERSION);
  writer.u32(header.leaderEpoch);
  writer.u32(header.salt);
  writer.u32(header.generation);
  writer.zeros(4);
  writer.u32(crc32c(writer.written(), 0, 28));
}

/** @throws HeadraceError `LOG_VERSION_UNKNOWN`, `LOG_CORRUPT` */
export function readCommitHeader(bytes: Uint8Array, kind: keyof typeof MAGICS, path: string): CommitFileHeader {
  const magic = utf8(MAGICS[kind]);
  if (bytes.length < COMMIT_HEADER_BYTES || !magic.every((byte, i) => bytes[i] === byte)) {
    throw corruptCommitFile(path, 0, `it does not begin as a ${kind === 'log' ? 'commit log' : kind} does`);
  }
  const reader = new ByteReader(bytes, magic.length);
  const version = reader.u32();
  // Before the CRC: a newer version may have it elsewhere.
  if (version > COMMIT_FORMAT_VERSION) throw versionUnknown(`opening ${path}`, version, COMMIT_FORMAT_VERSION);
  if (new ByteReader(bytes, 28).u32() !== crc32c(bytes, 0, 28)) {
    throw corruptCommitFile(path, 0, 'the CRC of its header does not match');
  }
  if (version < COMMIT_FORMAT_VERSION_MIN) throw versionTooOld(path, version);
  return { leaderEpoch: reader.u32(), salt: reader.u32(), generation: reader.u32() };
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
  /** True when whole records follow what is not one: damage, not a torn tail. */
  readonly damaged: boolean;
}

/**
 * Reads the records of a commit file; decides between a torn tail and damage. Pure.
 * @param path for messages
 * @throws HeadraceError `LOG_VERSION_UNKNOWN` at a whole record of a kind that this program does not know
 */
export function scanCommitFile(bytes: Uint8Array, header: CommitFileHeader, path: string): CommitScan {
  const records: FramedRecord[] = [];
  let at = COMMIT_HEADER_BYTES;
  let commit = -1;
  for (;;) {
    const record = recordAt(bytes, at, header.salt);
    if (record === undefined) break;
    if (record.kind > RECORD_KIND_MAX)
      throw versionUnknown(`reading a record of ${path}`, record.kind, RECORD_KIND_MAX);
    const expected = isRoundKind(record.kind) ? commit + 1 : commit;
    if (commit >= 0 && record.commit !== expected) break;
    commit = record.commit;
    records.push(record);
    at = record.end;
  }
  const damaged = laterRecordExists(bytes, at, header.salt);
  return { records, end: at, torn: !isZero(bytes, at), damaged };
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

export function isZero(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}
