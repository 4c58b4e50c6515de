import { HeadraceError } from '../base/error.ts';

/**
 * The fixed part of Kafka's RecordBatch v2 (https://kafka.apache.org/documentation/#recordbatch), big-endian:
 *
 * ```
 *  0 baseOffset i64             21 attributes i16           43 producerId i64
 *  8 batchLength i32            23 lastOffsetDelta i32      51 producerEpoch i16
 * 12 partitionLeaderEpoch i32   27 baseTimestamp i64        53 baseSequence i32
 * 16 magic i8 = 2               35 maxTimestamp i64         57 recordCount i32
 * 17 crc u32 (of 21 to the end)                             61 records
 * ```
 *
 * `batchLength` counts from byte 12.
 */
export const BATCH_HEADER_BYTES = 61;
/** Bytes before the part that `batchLength` counts. */
export const BATCH_LENGTH_OVERHEAD = 12;
export const BATCH_MAGIC = 2;
/** Where the part begins that the CRC covers. */
export const BATCH_CRC_START = 21;
export const NO_PRODUCER = -1n;

const ATTRIBUTE_COMPRESSION = 0x07;
const ATTRIBUTE_TRANSACTIONAL = 0x10;
const ATTRIBUTE_CONTROL = 0x20;
/** The base timestamp is the time from which on compaction may take the batch's deletions (KIP-534). */
export const DELETE_HORIZON = 0x40;

function u32At(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

const i32At = (bytes: Uint8Array, at: number): number => u32At(bytes, at) | 0;
/** Exact up to 2^53. */
const i64At = (bytes: Uint8Array, at: number): number => i32At(bytes, at) * 0x1_0000_0000 + u32At(bytes, at + 4);

function bigAt(bytes: Uint8Array, at: number): bigint {
  return BigInt.asIntN(64, (BigInt(u32At(bytes, at)) << 32n) | BigInt(u32At(bytes, at + 4)));
}

/** `at` is where the batch begins in `bytes`; its 61 bytes must be there. */
export const baseOffsetAt = (bytes: Uint8Array, at: number): number => i64At(bytes, at);
/** Bytes of the whole batch. */
export const batchSizeAt = (bytes: Uint8Array, at: number): number => i32At(bytes, at + 8) + BATCH_LENGTH_OVERHEAD;
export const leaderEpochAt = (bytes: Uint8Array, at: number): number => i32At(bytes, at + 12);
export const magicAt = (bytes: Uint8Array, at: number): number => bytes[at + 16]!;
export const crcAt = (bytes: Uint8Array, at: number): number => u32At(bytes, at + 17);
export const lastOffsetDeltaAt = (bytes: Uint8Array, at: number): number => i32At(bytes, at + 23);
export const baseTimestampAt = (bytes: Uint8Array, at: number): number => i64At(bytes, at + 27);
export const maxTimestampAt = (bytes: Uint8Array, at: number): number => i64At(bytes, at + 35);
/** A producer id is not negative; this makes no BigInt. */
export const hasProducerAt = (bytes: Uint8Array, at: number): boolean => bytes[at + 43]! < 0x80;
export const producerIdAt = (bytes: Uint8Array, at: number): bigint => bigAt(bytes, at + 43);
export const producerEpochAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at + 51]! << 24) >> 16) | bytes[at + 52]!;
export const baseSequenceAt = (bytes: Uint8Array, at: number): number => i32At(bytes, at + 53);
export const recordCountAt = (bytes: Uint8Array, at: number): number => i32At(bytes, at + 57);
/** All of them. */
export const attributesAt = (bytes: Uint8Array, at: number): number => (bytes[at + 21]! << 8) | bytes[at + 22]!;
/** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
export const compressionAt = (bytes: Uint8Array, at: number): number => bytes[at + 22]! & ATTRIBUTE_COMPRESSION;
export const isTransactionalAt = (bytes: Uint8Array, at: number): boolean =>
  (bytes[at + 22]! & ATTRIBUTE_TRANSACTIONAL) !== 0;
export const isControlAt = (bytes: Uint8Array, at: number): boolean => (bytes[at + 22]! & ATTRIBUTE_CONTROL) !== 0;

export function setI32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function setI64(bytes: Uint8Array, at: number, value: number): void {
  setI32(bytes, at, Math.floor(value / 0x1_0000_0000));
  setI32(bytes, at + 4, (value % 0x1_0000_0000) | 0);
}

/** The two fields that the log fills in; neither is under the CRC. */
export function placeBatch(batch: Uint8Array, baseOffset: number, leaderEpoch: number): void {
  setI64(batch, 0, baseOffset);
  setI32(batch, 12, leaderEpoch);
}

/** Why `batch` is not one complete RecordBatch v2 of `records` records; undefined if it is. The CRC is not computed. */
export function batchDefect(batch: Uint8Array, records: number): string | undefined {
  if (batch.length < BATCH_HEADER_BYTES) return `it has ${batch.length} bytes, the header alone takes 61`;
  if (magicAt(batch, 0) !== BATCH_MAGIC) return `its magic is ${magicAt(batch, 0)}, not 2`;
  if (batchSizeAt(batch, 0) !== batch.length) return `it says ${batchSizeAt(batch, 0)} bytes and has ${batch.length}`;
  if (records < 1 || recordCountAt(batch, 0) !== records) {
    return `it says ${recordCountAt(batch, 0)} records, the request ${records}`;
  }
  if (lastOffsetDeltaAt(batch, 0) !== records - 1) return `its last offset delta is ${lastOffsetDeltaAt(batch, 0)}`;
  return undefined;
}

export function invalidBatch(action: string, why: string): HeadraceError {
  return new HeadraceError(`${action}: the record batch is not valid: ${why}`, {
    code: 'LOG_BATCH_INVALID',
    domain: 'log',
    next: 'send one complete uncorrupted RecordBatch v2 per append',
  });
}
