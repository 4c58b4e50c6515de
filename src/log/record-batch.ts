import { type TimestampMs, timestampMs } from '../base/brand.ts';
import { ByteReader, ByteWriter, utf8 } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { HeadraceError } from '../base/error.ts';
import { varintSize, zigzag } from '../base/varint.ts';
import {
  BATCH_CRC_START,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_OVERHEAD,
  BATCH_MAGIC,
  baseOffsetAt,
  baseSequenceAt,
  baseTimestampAt,
  batchSizeAt,
  compressionAt,
  crcAt,
  invalidBatch,
  isControlAt,
  isTransactionalAt,
  lastOffsetDeltaAt,
  magicAt,
  maxTimestampAt,
  NO_PRODUCER,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
  setI32,
  setI64,
} from './batch-header.ts';
import type { ProducerStamp } from './log.ts';

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** One record of a batch. `timestamp` is milliseconds since the Unix epoch. */
export interface LogRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly timestamp: number;
  readonly headers?: readonly RecordHeader[];
}

export interface DecodedRecord extends LogRecord {
  readonly offset: number;
  readonly headers: readonly RecordHeader[];
}

export interface EncodedBatch {
  readonly batch: Uint8Array;
  readonly records: number;
  readonly maxTimestamp: TimestampMs;
}

export interface DecodedBatch {
  readonly baseOffset: number;
  /** The offset after those that it stands for; after compaction it may hold fewer records. */
  readonly endOffset: number;
  /** Bytes of the whole batch. */
  readonly size: number;
  readonly records: number;
  readonly maxTimestamp: TimestampMs;
  readonly producer: ProducerStamp | undefined;
  readonly transactional: boolean;
  /** A transaction marker: its records are not data. */
  readonly control: boolean;
  /** Decodes the records; keys and values are views of the bytes given. @throws HeadraceError `LOG_BATCH_COMPRESSED` */
  entries(): IterableIterator<DecodedRecord>;
}

/** CRC-32C of bytes from `start` to `end`, unsigned: for whoever has a faster one than JavaScript's. */
export type Checksum = (bytes: Uint8Array, start: number, end: number) => number;

const NULL_LENGTH_BYTES = 1;

/**
 * Encodes records as one uncompressed RecordBatch v2, base offset 0 (the log fills it in). For small paths and tests;
 * ingest frames its batches in WebAssembly.
 *
 * @example
 * ```ts
 * const { batch, records, maxTimestamp } = encodeRecordBatch([{ key: null, value: utf8('{}'), timestamp: 1 }]);
 * ```
 */
export function encodeRecordBatch(
  records: readonly LogRecord[],
  stamp?: ProducerStamp,
  checksum: Checksum = crc32c,
): EncodedBatch {
  const first = records[0];
  if (first === undefined) throw invalidBatch('encoding a record batch', 'it has no records');
  let size = BATCH_HEADER_BYTES;
  let maxTimestamp = first.timestamp;
  const keys: Uint8Array[] = [];
  const bodySizes: number[] = [];
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!;
    const headerKeys = record.headers?.map((header) => utf8(header.key)) ?? [];
    keys.push(...headerKeys);
    const body = recordBodySize(record, i, first.timestamp, headerKeys);
    bodySizes.push(body);
    size += varintSize(zigzag(body)) + body;
    if (record.timestamp > maxTimestamp) maxTimestamp = record.timestamp;
  }
  const batch = new Uint8Array(size);
  const writer = new ByteWriter(batch);
  writer.zeros(BATCH_HEADER_BYTES);
  let keyIndex = 0;
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!;
    writer.signedVarint(bodySizes[i]!);
    writeRecordBody(writer, record, i, first.timestamp, keys, keyIndex);
    keyIndex += record.headers?.length ?? 0;
  }
  writeHeader(batch, records.length, first.timestamp, maxTimestamp, stamp);
  setI32(batch, 17, checksum(batch, BATCH_CRC_START, batch.length));
  return { batch, records: records.length, maxTimestamp: timestampMs(maxTimestamp) };
}

/** Record: length, attributes i8, timestampDelta, offsetDelta, key, value, headers; all lengths and deltas zigzag varints. */
function recordBodySize(record: LogRecord, delta: number, baseTimestamp: number, headerKeys: Uint8Array[]): number {
  let size = 1 + varintSize(zigzag(record.timestamp - baseTimestamp)) + varintSize(zigzag(delta));
  size += nullableSize(record.key) + nullableSize(record.value) + varintSize(zigzag(headerKeys.length));
  for (let i = 0; i < headerKeys.length; i++) {
    size += nullableSize(headerKeys[i]!) + nullableSize(record.headers![i]!.value);
  }
  return size;
}

const nullableSize = (bytes: Uint8Array | null): number =>
  bytes === null ? NULL_LENGTH_BYTES : varintSize(zigzag(bytes.length)) + bytes.length;

function writeRecordBody(
  writer: ByteWriter,
  record: LogRecord,
  delta: number,
  baseTimestamp: number,
  keys: readonly Uint8Array[],
  keyIndex: number,
): void {
  writer.u8(0);
  writer.signedVarint(record.timestamp - baseTimestamp);
  writer.signedVarint(delta);
  writeNullable(writer, record.key);
  writeNullable(writer, record.value);
  const headers = record.headers ?? [];
  writer.signedVarint(headers.length);
  for (let i = 0; i < headers.length; i++) {
    writeNullable(writer, keys[keyIndex + i]!);
    writeNullable(writer, headers[i]!.value);
  }
}

function writeNullable(writer: ByteWriter, bytes: Uint8Array | null): void {
  writer.signedVarint(bytes === null ? -1 : bytes.length);
  if (bytes !== null) writer.raw(bytes);
}

function writeHeader(
  batch: Uint8Array,
  records: number,
  baseTimestamp: number,
  maxTimestamp: number,
  stamp: ProducerStamp | undefined,
): void {
  setI32(batch, 8, batch.length - BATCH_LENGTH_OVERHEAD);
  batch[16] = BATCH_MAGIC;
  setI32(batch, 23, records - 1);
  setI64(batch, 27, baseTimestamp);
  setI64(batch, 35, maxTimestamp);
  stampBatch(batch, stamp);
  setI32(batch, 57, records);
}

function stampBatch(batch: Uint8Array, stamp: ProducerStamp | undefined): void {
  new DataView(batch.buffer, batch.byteOffset).setBigInt64(43, stamp?.id ?? NO_PRODUCER);
  const epoch = stamp?.epoch ?? -1;
  batch[51] = epoch >> 8;
  batch[52] = epoch;
  setI32(batch, 53, stamp?.baseSequence ?? -1);
}

/**
 * The batches in `bytes`, one after another, each with its CRC checked. Ends before an incomplete last batch, as Kafka's
 * consumers do.
 * @throws HeadraceError `LOG_CORRUPT` when a CRC or a length is wrong
 */
export function* decodeRecordBatches(bytes: Uint8Array, checksum: Checksum = crc32c): Generator<DecodedBatch> {
  let at = 0;
  while (bytes.length - at >= BATCH_HEADER_BYTES) {
    const size = batchSizeAt(bytes, at);
    if (magicAt(bytes, at) !== BATCH_MAGIC || size < BATCH_HEADER_BYTES) {
      throw corruptBatch(bytes, at, 'its header is not that of a RecordBatch v2');
    }
    if (size > bytes.length - at) return;
    if (checksum(bytes, at + BATCH_CRC_START, at + size) !== crcAt(bytes, at)) {
      throw corruptBatch(bytes, at, 'its CRC does not match');
    }
    yield decodedBatch(bytes, at, size);
    at += size;
  }
}

function decodedBatch(bytes: Uint8Array, at: number, size: number): DecodedBatch {
  const id = producerIdAt(bytes, at);
  return {
    baseOffset: baseOffsetAt(bytes, at),
    endOffset: baseOffsetAt(bytes, at) + lastOffsetDeltaAt(bytes, at) + 1,
    size,
    records: recordCountAt(bytes, at),
    maxTimestamp: timestampMs(maxTimestampAt(bytes, at)),
    producer: id < 0n ? undefined : { id, epoch: producerEpochAt(bytes, at), baseSequence: baseSequenceAt(bytes, at) },
    transactional: isTransactionalAt(bytes, at),
    control: isControlAt(bytes, at),
    entries: () => decodeRecords(bytes, at, size),
  };
}

const COMPRESSION_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

function* decodeRecords(bytes: Uint8Array, at: number, size: number): Generator<DecodedRecord> {
  const compression = compressionAt(bytes, at);
  const baseOffset = baseOffsetAt(bytes, at);
  if (compression !== 0) {
    const name = COMPRESSION_NAMES[compression] ?? `compression ${compression}`;
    throw new HeadraceError(`decoding the batch at offset ${baseOffset}: its records are compressed with ${name}`, {
      code: 'LOG_BATCH_COMPRESSED',
      domain: 'log',
      next: 'set compression.type=none in the producer',
    });
  }
  const baseTimestamp = baseTimestampAt(bytes, at);
  const reader = new ByteReader(bytes, at + BATCH_HEADER_BYTES, at + size);
  for (let left = recordCountAt(bytes, at); left > 0; left--) {
    yield decodeRecord(reader, baseOffset, baseTimestamp);
  }
}

function decodeRecord(reader: ByteReader, baseOffset: number, baseTimestamp: number): DecodedRecord {
  const length = reader.signed();
  const end = reader.position + length;
  reader.u8();
  const timestamp = baseTimestamp + reader.signed();
  const offset = baseOffset + reader.signed();
  const key = readNullable(reader);
  const value = readNullable(reader);
  const headers: RecordHeader[] = [];
  for (let left = reader.signed(); left > 0; left--) {
    headers.push({
      key: new TextDecoder().decode(Uint8Array.from(readNullable(reader) ?? [])),
      value: readNullable(reader),
    });
  }
  if (reader.position !== end)
    throw invalidBatch(`decoding record ${offset}`, `it says ${length} bytes and has others`);
  return { offset, timestamp, key, value, headers };
}

function readNullable(reader: ByteReader): Uint8Array | null {
  const length = reader.signed();
  return length < 0 ? null : reader.raw(length);
}

function corruptBatch(bytes: Uint8Array, at: number, why: string): HeadraceError {
  return new HeadraceError(`decoding the batch at byte ${at} (offset ${baseOffsetAt(bytes, at)}): ${why}`, {
    code: 'LOG_CORRUPT',
    domain: 'log',
    next: 'run "headrace doctor", and restore the segment from a copy',
  });
}
