import { ByteReader, type ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import type { LedgerPut } from './log.ts';
import { versionUnknown } from './log-error.ts';

/**
 * A record of the commit log, padded to eight bytes; numbers little-endian:
 *
 * ```
 *  0 magic u32    4 crc u32 (of 8 to the end of the payload, begun with the file's salt)
 *  8 payload length u32    12 kind u32    16 commit number u64    24 payload
 * ```
 *
 * The salt keeps bytes that a user sent from passing for a record.
 */
export const RECORD_MAGIC = 0x52435248;
export const RECORD_HEADER_BYTES = 24;
export const RECORD_ALIGNMENT = 8;

/**
 * What a record is. A checkpoint is `ledger` and `partitions` records, then `checkpoint-end`; a commit log is rounds. What
 * tells of compacted segments has kinds of its own: a program that does not know them refuses the log.
 */
export const RECORD_KINDS = {
  round: 1,
  ledger: 2,
  partitions: 3,
  checkpointEnd: 4,
  compactingRound: 5,
  compactedPartitions: 6,
} as const;
export const RECORD_KIND_MAX = 6;

export const isRoundKind = (kind: number): boolean =>
  kind === RECORD_KINDS.round || kind === RECORD_KINDS.compactingRound;

/** One append of a round: where its batch is in which segment. */
export interface Extent {
  readonly partitionId: number;
  readonly baseOffset: number;
  readonly records: number;
  /** Base offset of the segment, which names its file. */
  readonly segmentBase: number;
  readonly position: number;
  readonly length: number;
  readonly maxTimestamp: number;
  /** CRC-32C of the batch's 61 header bytes as written; they hold the CRC of the rest. */
  readonly headerCrc: number;
  readonly producer: { readonly id: bigint; readonly epoch: number; readonly baseSequence: number } | undefined;
  /** The batch itself: then the segment is rewritten from it at recovery and needs no fsync in its round. */
  readonly inline: Uint8Array | undefined;
}

/** Retention moved the beginning of a partition. */
export interface StartMove {
  readonly partitionId: number;
  readonly logStart: number;
}

/** Compaction put one segment in the place of several that follow each other. */
export interface Compaction {
  readonly partitionId: number;
  /** Its file is whole and durable. */
  readonly segment: {
    readonly base: number;
    readonly version: number;
    readonly length: number;
    readonly maxTimestamp: number;
  };
  /** How many it was made from, the first of which has its base. */
  readonly replaced: number;
  /** Base of the segment after them. */
  readonly end: number;
  /** The offset after the last deletion that was taken; 0 for none. */
  readonly deletesFrom: number;
}

/** What one round changes, all of it or nothing. */
export interface Round {
  readonly commit: number;
  readonly timestamp: number;
  readonly extents: readonly Extent[];
  readonly starts: readonly StartMove[];
  readonly compactions: readonly Compaction[];
  readonly puts: readonly LedgerPut[];
}

const HAS_PRODUCER = 1;
const IS_INLINE = 2;
const EXTENT_FLAGS_MAX = HAS_PRODUCER | IS_INLINE;

/** Upper bound of an encoded extent without its inline bytes. */
export const EXTENT_BYTES_MAX = 96;
/** Upper bound of an encoded compaction. */
export const COMPACTION_BYTES_MAX = 80;

/** Starts a record in `writer`; returns where it begins, for {@link endRecord}. */
export function beginRecord(writer: ByteWriter, kind: number, commit: number): number {
  const at = writer.length;
  writer.u32(RECORD_MAGIC);
  writer.u32(0);
  writer.u32(0);
  writer.u32(kind);
  writer.u64(commit);
  return at;
}

export function endRecord(writer: ByteWriter, at: number, salt: number): void {
  const end = writer.length;
  writer.setU32(at + 8, end - at - RECORD_HEADER_BYTES);
  writer.setU32(at + 4, crc32c(writer.written(), at + 8, end, salt));
  const past = (end - at) % RECORD_ALIGNMENT;
  if (past > 0) writer.zeros(RECORD_ALIGNMENT - past);
}

/** Encodes a round as one record; returns where in the writer each inline batch lies (-1 for the others). */
export function encodeRound(writer: ByteWriter, round: Round, salt: number): number[] {
  const { compactions } = round;
  const kind = compactions.length === 0 ? RECORD_KINDS.round : RECORD_KINDS.compactingRound;
  const at = beginRecord(writer, kind, round.commit);
  writer.u64(round.timestamp);
  writer.varint(round.extents.length);
  for (const extent of round.extents) encodeExtent(writer, extent);
  // One after another, so that what goes to one segment is one piece of memory.
  const inlineAt = round.extents.map(({ inline }) => (inline === undefined ? -1 : writer.raw(inline)));
  writer.varint(round.starts.length);
  for (const start of round.starts) {
    writer.varint(start.partitionId);
    writer.varint(start.logStart);
  }
  encodePuts(writer, round.puts);
  if (compactions.length > 0) encodeCompactions(writer, compactions);
  endRecord(writer, at, salt);
  return inlineAt;
}

function encodeCompactions(writer: ByteWriter, compactions: readonly Compaction[]): void {
  writer.varint(compactions.length);
  for (const { partitionId, segment, replaced, end, deletesFrom } of compactions) {
    writer.varint(partitionId);
    encodeSegment(writer, segment);
    writer.varint(replaced);
    writer.varint(end);
    writer.varint(deletesFrom);
  }
}

function decodeCompactions(reader: ByteReader): Compaction[] {
  return Array.from({ length: reader.unsigned() }, () => ({
    partitionId: reader.unsigned(),
    segment: decodeSegment(reader),
    replaced: reader.unsigned(),
    end: reader.unsigned(),
    deletesFrom: reader.unsigned(),
  }));
}

export function encodeSegment(writer: ByteWriter, segment: Compaction['segment']): void {
  writer.varint(segment.base);
  writer.varint(segment.version);
  writer.varint(segment.length);
  writer.i64(BigInt(segment.maxTimestamp));
}

export function decodeSegment(reader: ByteReader): Compaction['segment'] {
  return {
    base: reader.unsigned(),
    version: reader.unsigned(),
    length: reader.unsigned(),
    maxTimestamp: Number(reader.i64()),
  };
}

function encodeExtent(writer: ByteWriter, extent: Extent): void {
  const { producer, inline } = extent;
  writer.u8((producer === undefined ? 0 : HAS_PRODUCER) | (inline === undefined ? 0 : IS_INLINE));
  writer.varint(extent.partitionId);
  writer.varint(extent.baseOffset);
  writer.varint(extent.records);
  writer.varint(extent.segmentBase);
  writer.varint(extent.position);
  writer.varint(extent.length);
  writer.i64(BigInt(extent.maxTimestamp));
  writer.u32(extent.headerCrc);
  if (producer !== undefined) {
    writer.i64(producer.id);
    writer.signedVarint(producer.epoch);
    writer.signedVarint(producer.baseSequence);
  }
}

interface DecodedExtent {
  readonly extent: Omit<Extent, 'inline'>;
  readonly isInline: boolean;
}

function decodeExtent(reader: ByteReader): DecodedExtent {
  const flags = reader.u8();
  if (flags > EXTENT_FLAGS_MAX) throw versionUnknown('reading an extent of the commit log', flags, EXTENT_FLAGS_MAX);
  const extent = {
    partitionId: reader.unsigned(),
    baseOffset: reader.unsigned(),
    records: reader.unsigned(),
    segmentBase: reader.unsigned(),
    position: reader.unsigned(),
    length: reader.unsigned(),
    maxTimestamp: Number(reader.i64()),
    headerCrc: reader.u32(),
  };
  const producer =
    (flags & HAS_PRODUCER) === 0
      ? undefined
      : { id: reader.i64(), epoch: reader.signed(), baseSequence: reader.signed() };
  return { extent: { ...extent, producer }, isInline: (flags & IS_INLINE) !== 0 };
}

export function encodePuts(writer: ByteWriter, puts: readonly LedgerPut[]): void {
  writer.varint(puts.length);
  for (const put of puts) {
    writer.text(put.space);
    writer.text(put.key);
    writer.u8(put.value === undefined ? 0 : 1);
    if (put.value !== undefined) writer.prefixed(put.value);
  }
}

/** Values are copies: the ledger outlives the bytes of the file. */
export function decodePuts(reader: ByteReader): LedgerPut[] {
  const puts: LedgerPut[] = [];
  for (let left = reader.unsigned(); left > 0; left--) {
    const space = reader.text();
    const key = reader.text();
    puts.push({ space, key, value: reader.u8() === 0 ? undefined : reader.prefixed().slice() });
  }
  return puts;
}

/** Bytes that the puts take at most. */
export function putsBytesMax(puts: readonly LedgerPut[]): number {
  let bytes = 8;
  for (const put of puts) bytes += 32 + 3 * (put.space.length + put.key.length) + (put.value?.length ?? 0);
  return bytes;
}

/** Decodes the payload of a record of a round. */
export function decodeRound({ kind, commit, payload }: RoundRecord): Round {
  const reader = new ByteReader(payload);
  const timestamp = reader.u64();
  const decoded: DecodedExtent[] = [];
  for (let left = reader.unsigned(); left > 0; left--) decoded.push(decodeExtent(reader));
  const extents = decoded.map(
    ({ extent, isInline }): Extent => ({ ...extent, inline: isInline ? reader.raw(extent.length) : undefined }),
  );
  const starts: StartMove[] = [];
  for (let left = reader.unsigned(); left > 0; left--) {
    starts.push({ partitionId: reader.unsigned(), logStart: reader.unsigned() });
  }
  const puts = decodePuts(reader);
  const compactions = kind === RECORD_KINDS.compactingRound ? decodeCompactions(reader) : [];
  return { commit, timestamp, extents, starts, compactions, puts };
}

interface RoundRecord {
  readonly kind: number;
  readonly commit: number;
  readonly payload: Uint8Array;
}
