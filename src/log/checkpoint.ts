import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { type CommitFileHeader, type FramedRecord, writeCommitHeader } from './commit-file.ts';
import {
  beginRecord,
  decodePuts,
  decodeSegment,
  encodePuts,
  encodeSegment,
  endRecord,
  RECORD_KINDS,
} from './commit-record.ts';
import type { PlainOperation } from './disk.ts';
import { checkpointPath, commitDirectory, unfinishedCheckpointPath } from './file-layout.ts';
import type { LedgerPut } from './log.ts';
import type { LogState, PartitionState, Segment } from './log-state.ts';
import type { ProducerState } from './producer-state.ts';

/** Ledger bytes in one record of a checkpoint. */
const PART_BYTES = 1024 * 1024;

/** A checkpoint: the whole state at `state.commit`. Producers silent since before `producersSince` are left out. */
export function encodeCheckpoint(state: LogState, header: CommitFileHeader, producersSince: number): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(64 * 1024));
  writeCommitHeader(writer, 'checkpoint', header);
  for (const puts of ledgerParts(state)) {
    const at = beginRecord(writer, RECORD_KINDS.ledger, state.commit);
    encodePuts(writer, puts);
    endRecord(writer, at, header.salt);
  }
  for (const partition of state.partitions.values()) {
    const isCompacted = partition.segments.some(({ version }) => version > 0) || partition.deletesFrom > 0;
    const kind = isCompacted ? RECORD_KINDS.compactedPartitions : RECORD_KINDS.partitions;
    const at = beginRecord(writer, kind, state.commit);
    encodePartition(writer, partition, isCompacted, producersSince);
    endRecord(writer, at, header.salt);
  }
  const at = beginRecord(writer, RECORD_KINDS.checkpointEnd, state.commit);
  endRecord(writer, at, header.salt);
  return writer.written().slice();
}

/** Bytes of one write of a checkpoint. */
const WRITE_BYTES = 1024 * 1024;

/** Writes an encoded checkpoint; it counts once its rename is durable. */
export function checkpointOperations(dataDir: string, generation: number, bytes: Uint8Array): PlainOperation[] {
  const path = unfinishedCheckpointPath(dataDir);
  const operations: PlainOperation[] = [{ kind: 'remove', path }];
  for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
    operations.push({ kind: 'write', path, position: at, buffers: [bytes.subarray(at, at + WRITE_BYTES)] });
    // Piece by piece: a commit's fsync would wait for all that the disk has been given.
    operations.push({ kind: 'sync', path });
  }
  operations.push(
    { kind: 'rename', from: path, to: checkpointPath(dataDir, generation) },
    { kind: 'sync-directory', path: commitDirectory(dataDir) },
  );
  return operations;
}

function* ledgerParts(state: LogState): Generator<LedgerPut[]> {
  let part: LedgerPut[] = [];
  let bytes = 0;
  for (const [space, entries] of state.ledger) {
    for (const [key, value] of entries) {
      part.push({ space, key, value });
      bytes += space.length + key.length + value.length;
      if (bytes < PART_BYTES) continue;
      yield part;
      part = [];
      bytes = 0;
    }
  }
  if (part.length > 0) yield part;
}

function encodePartition(
  writer: ByteWriter,
  partition: PartitionState,
  isCompacted: boolean,
  producersSince: number,
): void {
  writer.varint(partition.id);
  writer.varint(partition.logStart);
  writer.varint(partition.end);
  writer.varint(partition.segments.length);
  if (isCompacted) {
    for (const segment of partition.segments) encodeSegment(writer, segment);
    writer.varint(partition.deletesFrom);
  } else encodeSegments(writer, partition.segments);
  const producers = [...partition.producers].filter(([, producer]) => producer.lastTimestamp >= producersSince);
  writer.varint(producers.length);
  for (const [id, producer] of producers) encodeProducer(writer, id, producer);
}

function encodeSegments(writer: ByteWriter, segments: readonly Segment[]): void {
  for (const segment of segments) {
    writer.varint(segment.base);
    writer.varint(segment.length);
    writer.i64(BigInt(segment.maxTimestamp));
  }
}

function encodeProducer(writer: ByteWriter, id: bigint, producer: ProducerState): void {
  writer.i64(id);
  writer.signedVarint(producer.epoch);
  writer.u64(producer.lastTimestamp);
  writer.varint(producer.batches.length);
  for (const batch of producer.batches) {
    writer.signedVarint(batch.baseSequence);
    writer.signedVarint(batch.lastSequence);
    writer.varint(batch.baseOffset);
  }
}

/** Applies one record of a checkpoint to the state that is being built. */
export function applyCheckpointRecord(state: LogState, record: FramedRecord): void {
  state.commit = record.commit;
  const reader = new ByteReader(record.payload);
  if (record.kind === RECORD_KINDS.ledger) for (const put of decodePuts(reader)) state.put(put);
  if (record.kind === RECORD_KINDS.partitions) decodePartition(state, reader, false);
  if (record.kind === RECORD_KINDS.compactedPartitions) decodePartition(state, reader, true);
}

function decodePlainSegment(reader: ByteReader): Segment {
  return { base: reader.unsigned(), version: 0, length: reader.unsigned(), maxTimestamp: Number(reader.i64()) };
}

function decodePartition(state: LogState, reader: ByteReader, isCompacted: boolean): void {
  const partition = state.partitions.get(reader.unsigned());
  if (partition === undefined) return;
  partition.logStart = reader.unsigned();
  partition.end = reader.unsigned();
  for (let left = reader.unsigned(); left > 0; left--) {
    const segment = isCompacted ? decodeSegment(reader) : decodePlainSegment(reader);
    partition.segments.push({ ...segment });
    partition.bytes += segment.length;
  }
  if (isCompacted) partition.deletesFrom = reader.unsigned();
  for (let left = reader.unsigned(); left > 0; left--) {
    const id = reader.i64();
    const head = { epoch: reader.signed(), lastTimestamp: reader.u64() };
    const batches = Array.from({ length: reader.unsigned() }, () => ({
      baseSequence: reader.signed(),
      lastSequence: reader.signed(),
      baseOffset: reader.unsigned(),
    }));
    partition.producers.set(id, { ...head, batches });
  }
}
