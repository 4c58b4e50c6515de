import { join } from 'node:path';
import { type Offset, offset } from '../base/brand.ts';
import { ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { HeadraceError } from '../base/error.ts';
import {
  BATCH_HEADER_BYTES,
  baseSequenceAt,
  hasProducerAt,
  invalidBatch,
  placeBatch,
  producerEpochAt,
  producerIdAt,
} from './batch-header.ts';
import {
  COMPACTION_BYTES_MAX,
  type Compaction,
  EXTENT_BYTES_MAX,
  type Extent,
  encodeRound,
  putsBytesMax,
  type Round,
  type StartMove,
} from './commit-record.ts';
import type { CommitWriter } from './commit-writer.ts';
import type { DiskOperation } from './disk.ts';
import { indexName, partitionDirectory, segmentName } from './file-layout.ts';
import type { LogLimits } from './limits.ts';
import type { Append, LedgerPut, ProducerStamp, TopicConfig } from './log.ts';
import type { LogState, PartitionState } from './log-state.ts';
import { afterBatch, checkSequence, type ProducerState, unexpired } from './producer-state.ts';
import type { IndexCursor, SegmentFiles } from './segment-files.ts';
import { encodeIndexEntry, INDEX_ENTRY_BYTES, type IndexEntry } from './segment-index.ts';

/** What a request asks of a round. `starts` and `compactions` are the log's own. */
export interface RoundRequest {
  readonly appends: readonly Append[];
  readonly puts: readonly LedgerPut[];
  readonly starts: readonly StartMove[];
  readonly compactions: readonly Compaction[];
  /** Frees space: goes in a round of its own, which may use the reserve. */
  readonly urgent: boolean;
}

interface PlacedAppend {
  readonly batch: Uint8Array;
  readonly records: number;
  readonly maxTimestamp: number;
  readonly baseOffset: number;
  readonly segmentBase: number;
  readonly position: number;
  readonly producer: ProducerStamp | undefined;
}

/** Where the next append of a partition goes, within the round that is being put together. */
interface Cursor {
  readonly partition: PartitionState;
  readonly config: TopicConfig;
  end: number;
  segmentBase: number;
  position: number;
  bytes: number;
  readonly placed: PlacedAppend[];
}

export interface AssembledRound {
  readonly round: Round;
  readonly operations: readonly DiskOperation[];
  /** What makes room for the record in the commit log; part of `operations`. */
  readonly room: readonly DiskOperation[];
  /** Puts the segments back as they were, when the disk was full. */
  readonly undo: readonly DiskOperation[];
  /** Length of the encoded record. */
  readonly recordBytes: number;
  readonly writtenBytes: number;
  /** Fsyncs in `operations`. */
  readonly syncs: number;
}

export interface AssemblyContext {
  readonly dataDir: string;
  readonly state: LogState;
  readonly files: SegmentFiles;
  readonly limits: LogLimits;
  /** Where the commit record goes. */
  readonly commits: Pick<CommitWriter, 'path' | 'end' | 'salt' | 'leaderEpoch' | 'room'>;
}

/** Puts one round together: places appends, checks producers' sequences, and plans the disk operations. No I/O. */
export class RoundAssembly {
  readonly #context: AssemblyContext;
  readonly #timestamp: number;
  readonly #cursors = new Map<PartitionState, Cursor>();
  readonly #producers = new Map<PartitionState, Map<bigint, ProducerState>>();
  readonly #puts: LedgerPut[] = [];
  readonly #starts: StartMove[] = [];
  readonly #compactions: Compaction[] = [];

  constructor(context: AssemblyContext, timestamp: number) {
    this.#context = context;
    this.#timestamp = timestamp;
  }

  get isEmpty(): boolean {
    const changes = this.#puts.length + this.#starts.length + this.#compactions.length;
    return this.#cursors.size === 0 && changes === 0;
  }

  /** Takes all of the request or, throwing, none of it. Returns the base offset of each append. */
  add(request: RoundRequest): readonly Offset[] {
    const trial = new Trial(this.#context.state, this.#cursors, this.#producers, this.#timestamp);
    const verdicts = request.appends.map((append) => trial.judge(append));
    const baseOffsets = request.appends.map((append, i) => this.#place(append, verdicts[i]!));
    trial.keep(this.#producers);
    for (const put of request.puts) this.#puts.push(put);
    for (const start of request.starts) this.#starts.push(start);
    for (const compaction of request.compactions) this.#compactions.push(compaction);
    return baseOffsets;
  }

  #place(append: Append, verdict: Verdict): Offset {
    if (verdict.duplicateOf !== undefined) return offset(verdict.duplicateOf);
    const cursor = this.#cursor(verdict.partition, verdict.config);
    const { batch } = append;
    const full = cursor.position > 0 && cursor.position + batch.length > cursor.config.segmentBytesMax;
    if (cursor.segmentBase < 0 || full) {
      cursor.segmentBase = cursor.end;
      cursor.position = 0;
    }
    const baseOffset = cursor.end;
    placeBatch(batch, baseOffset, this.#context.commits.leaderEpoch);
    const { segmentBase, position } = cursor;
    const { records, maxTimestamp } = append;
    cursor.placed.push({ batch, records, maxTimestamp, baseOffset, segmentBase, position, producer: verdict.stamp });
    cursor.position += batch.length;
    cursor.bytes += batch.length;
    cursor.end += records;
    return offset(baseOffset);
  }

  #cursor(partition: PartitionState, config: TopicConfig): Cursor {
    let cursor = this.#cursors.get(partition);
    if (cursor === undefined) {
      const active = partition.active;
      const { base, length } = active ?? { base: -1, length: 0 };
      cursor = { partition, config, end: partition.end, segmentBase: base, position: length, bytes: 0, placed: [] };
      this.#cursors.set(partition, cursor);
    }
    return cursor;
  }

  /** @param staging memory for the commit-log record, used if it is large enough */
  finish(urgent: boolean, staging: (bytes: number) => Uint8Array): AssembledRound {
    const inline = this.#inlineCursors();
    const extents = [...this.#cursors.values()].flatMap((c) => c.placed.map((p) => extentOf(c, p, inline.has(c))));
    const commit = this.#context.state.commit + 1;
    const changes = { starts: this.#starts, compactions: this.#compactions, puts: this.#puts };
    const round: Round = { commit, timestamp: this.#timestamp, extents, ...changes };
    const writer = new ByteWriter(staging(this.#recordBytesMax(extents)));
    const inlineAt = encodeRound(writer, round, this.#context.commits.salt);
    const record = writer.written();
    const plan = new OperationPlan(this.#context.files, this.#context.limits);
    let index = 0;
    for (const cursor of this.#cursors.values()) {
      const directory = partitionDirectory(this.#context.dataDir, cursor.partition.topic, cursor.partition.partition);
      const bytes = cursor.placed.map((placed) => {
        const at = inlineAt[index++]!;
        return at < 0 ? placed.batch : record.subarray(at, at + placed.batch.length);
      });
      plan.appendPartition(cursor, directory, bytes, inline.has(cursor));
    }
    const { path, end } = this.#context.commits;
    const room = this.#context.commits.room(record.length, urgent);
    return { round, ...plan.withCommit(path, end, record, room), recordBytes: record.length };
  }

  #recordBytesMax(extents: readonly Extent[]): number {
    let bytes = 128 + putsBytesMax(this.#puts) + 16 * this.#starts.length + EXTENT_BYTES_MAX * extents.length;
    bytes += COMPACTION_BYTES_MAX * this.#compactions.length;
    for (const extent of extents) bytes += extent.inline?.length ?? 0;
    return bytes;
  }

  /** Partitions with few bytes travel in the record: their segments need no fsync of their own. */
  #inlineCursors(): Set<Cursor> {
    const inline = new Set<Cursor>();
    let left = this.#context.limits.roundInlineBytesMax;
    for (const cursor of this.#cursors.values()) {
      if (cursor.bytes > Math.min(this.#context.limits.inlineBytesMax, left)) continue;
      inline.add(cursor);
      left -= cursor.bytes;
    }
    return inline;
  }
}

function extentOf(cursor: Cursor, placed: PlacedAppend, inline: boolean): Extent {
  const { batch, producer } = placed;
  return {
    partitionId: cursor.partition.id,
    baseOffset: placed.baseOffset,
    records: placed.records,
    segmentBase: placed.segmentBase,
    position: placed.position,
    length: batch.length,
    maxTimestamp: placed.maxTimestamp,
    headerCrc: crc32c(batch, 0, BATCH_HEADER_BYTES),
    producer,
    inline: inline ? batch : undefined,
  };
}

interface Verdict {
  readonly partition: PartitionState;
  readonly config: TopicConfig;
  readonly stamp: ProducerStamp | undefined;
  readonly duplicateOf: number | undefined;
}

/** Judges the appends of one request, as if each before had been taken, without touching the round. */
class Trial {
  readonly #state: LogState;
  readonly #cursors: ReadonlyMap<PartitionState, Cursor>;
  readonly #earlier: ReadonlyMap<PartitionState, ReadonlyMap<bigint, ProducerState>>;
  readonly #timestamp: number;
  readonly #ends = new Map<PartitionState, number>();
  readonly #changes = new Map<PartitionState, Map<bigint, ProducerState>>();

  constructor(
    state: LogState,
    cursors: ReadonlyMap<PartitionState, Cursor>,
    earlier: ReadonlyMap<PartitionState, ReadonlyMap<bigint, ProducerState>>,
    timestamp: number,
  ) {
    this.#state = state;
    this.#cursors = cursors;
    this.#earlier = earlier;
    this.#timestamp = timestamp;
  }

  judge(append: Append): Verdict {
    const topic = this.#state.topics.get(append.topic);
    const partition = topic?.partitions[append.partition];
    if (topic === undefined || partition === undefined) throw unknownPartition(append);
    // Its owner moved the buffer to another thread after it had been checked.
    if (append.batch.length === 0) throw invalidBatch(`appending to ${append.topic}/${append.partition}`, 'it is gone');
    const { config } = topic;
    if (!hasProducerAt(append.batch, 0)) {
      this.#advance(partition, append.records);
      return { partition, config, stamp: undefined, duplicateOf: undefined };
    }
    const id = producerIdAt(append.batch, 0);
    const stamp = { id, epoch: producerEpochAt(append.batch, 0), baseSequence: baseSequenceAt(append.batch, 0) };
    const remembered =
      this.#changes.get(partition)?.get(id) ?? this.#earlier.get(partition)?.get(id) ?? partition.producers.get(id);
    const known = unexpired(remembered, this.#timestamp, this.#state.producerExpiryMs);
    const verdict = checkSequence(known, stamp, append.records);
    if (verdict.kind === 'duplicate') return { partition, config, stamp, duplicateOf: verdict.baseOffset };
    if (verdict.kind === 'fenced') throw fenced(append, stamp, verdict.epoch);
    if (verdict.kind === 'out-of-sequence') throw outOfSequence(append, stamp, verdict.expected);
    const baseOffset = this.#advance(partition, append.records);
    let changes = this.#changes.get(partition);
    if (changes === undefined) {
      changes = new Map();
      this.#changes.set(partition, changes);
    }
    changes.set(id, afterBatch(known, stamp, append.records, baseOffset, this.#timestamp));
    return { partition, config, stamp, duplicateOf: undefined };
  }

  #advance(partition: PartitionState, records: number): number {
    const end = this.#ends.get(partition) ?? this.#cursors.get(partition)?.end ?? partition.end;
    this.#ends.set(partition, end + records);
    return end;
  }

  keep(into: Map<PartitionState, Map<bigint, ProducerState>>): void {
    for (const [partition, changes] of this.#changes) {
      const known = into.get(partition);
      if (known === undefined) into.set(partition, changes);
      else for (const [id, producer] of changes) known.set(id, producer);
    }
  }
}

/** Smallest step by which a file is made longer in advance; the steps double up to the limit. */
const EXTEND_BYTES_MIN = 256 * 1024;

/** Collects the operations of a round: segments first, then the commit record, then the fsyncs. */
class OperationPlan {
  readonly #files: SegmentFiles;
  readonly #limits: LogLimits;
  readonly #writes: DiskOperation[] = [];
  readonly #syncs: DiskOperation[] = [];
  readonly #undo: DiskOperation[] = [];
  #writtenBytes = 0;

  constructor(files: SegmentFiles, limits: LogLimits) {
    this.#files = files;
    this.#limits = limits;
  }

  appendPartition(cursor: Cursor, directory: string, bytes: readonly Uint8Array[], inline: boolean): void {
    const { placed } = cursor;
    const active = cursor.partition.active;
    let maxTimestamp = active?.maxTimestamp ?? 0;
    for (let i = 0; i < placed.length; ) {
      const first = placed[i]!;
      let next = i;
      while (next < placed.length && placed[next]!.segmentBase === first.segmentBase) next++;
      const isNew = first.position === 0;
      if (isNew && active !== undefined && i === 0) {
        this.#seal(cursor, directory, active.base, active.length, first.baseOffset, maxTimestamp);
      }
      if (isNew) maxTimestamp = first.maxTimestamp;
      const buffers = inline ? [spanOf(bytes[i]!, bytes[next - 1]!)] : bytes.slice(i, next);
      this.#writeSegment(directory, first, buffers, inline, isNew);
      maxTimestamp = this.#indexSegment(cursor, directory, placed.slice(i, next), maxTimestamp, isNew);
      if (next < placed.length) {
        const last = placed[next - 1]!;
        const end = last.position + last.batch.length;
        this.#seal(cursor, directory, first.segmentBase, end, placed[next]!.baseOffset, maxTimestamp);
      }
      i = next;
    }
    // An earlier inline append may have made the file, and left its name to the next checkpoint.
    const isNamed = !placed.some((p) => p.position === 0) && !this.#files.isUnsyncedDirectory(directory);
    if (!inline && !isNamed) this.#syncs.push({ kind: 'sync-directory', path: directory });
  }

  /** Takes back what was set aside in advance, and ends the index. */
  #seal(cursor: Cursor, directory: string, base: number, length: number, end: number, maxTimestamp: number): void {
    const path = join(directory, segmentName({ base, version: 0 }));
    this.#writes.push({ kind: 'set-length', path, length });
    this.#files.setLength(path, length);
    const index = this.#files.indexOf(cursor.partition.id, base, false);
    this.#writeEntry(directory, index, { offset: end, position: length, maxTimestampBefore: maxTimestamp });
  }

  #writeEntry(directory: string, index: IndexCursor, entry: IndexEntry): void {
    const path = join(directory, indexName({ base: index.base, version: 0 }));
    const position = index.entries * INDEX_ENTRY_BYTES;
    this.#writes.push({ kind: 'write', path, position, buffers: [encodeIndexEntry(index.base, entry)] });
    this.#files.unsyncedIndex(path, directory);
    // Entries of a round that was undone must not be taken for those of a later one.
    this.#undo.push({ kind: 'set-length', path, length: position });
    index.entries++;
    index.indexedTo = entry.position;
  }

  #writeSegment(
    directory: string,
    first: PlacedAppend,
    buffers: readonly Uint8Array[],
    inline: boolean,
    isNew: boolean,
  ): void {
    const path = join(directory, segmentName({ base: first.segmentBase, version: 0 }));
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    if (!inline) {
      this.#extend(path, first.position + length);
      this.#syncs.push({ kind: 'sync', path });
    } else {
      this.#files.unsynced(path, isNew ? directory : undefined);
    }
    this.#writes.push({ kind: 'write', path, position: first.position, buffers });
    this.#undo.push(isNew ? { kind: 'remove', path } : { kind: 'set-length', path, length: first.position });
    this.#writtenBytes += length;
  }

  #extend(path: string, end: number): void {
    const known = this.#files.lengthOf(path);
    if (end <= known) return;
    const length = end + Math.min(Math.max(end, EXTEND_BYTES_MIN), this.#limits.extendBytes);
    this.#files.setLength(path, length);
    this.#writes.push({ kind: 'set-length', path, length });
  }

  #indexSegment(
    cursor: Cursor,
    directory: string,
    placed: readonly PlacedAppend[],
    maxTimestampBefore: number,
    isNew: boolean,
  ): number {
    const base = placed[0]!.segmentBase;
    const index = this.#files.indexOf(cursor.partition.id, base, isNew);
    let maxTimestamp = maxTimestampBefore;
    for (const { position, baseOffset, maxTimestamp: own } of placed) {
      if (position - index.indexedTo >= this.#limits.indexIntervalBytes) {
        this.#writeEntry(directory, index, { offset: baseOffset, position, maxTimestampBefore: maxTimestamp });
      }
      if (own > maxTimestamp) maxTimestamp = own;
    }
    return maxTimestamp;
  }

  withCommit(
    path: string,
    position: number,
    record: Uint8Array,
    room: readonly DiskOperation[],
  ): Pick<AssembledRound, 'operations' | 'room' | 'undo' | 'writtenBytes' | 'syncs'> {
    const write: DiskOperation = { kind: 'write', path, position, buffers: [record] };
    const sync: DiskOperation = { kind: 'sync', path };
    return {
      operations: [...this.#writes, ...room, write, ...this.#syncs, sync],
      room,
      undo: this.#undo.toReversed(),
      writtenBytes: this.#writtenBytes + record.length,
      syncs: this.#syncs.length + 1,
    };
  }
}

/** Inline batches lie one after another in the commit record. */
function spanOf(first: Uint8Array, last: Uint8Array): Uint8Array {
  return new Uint8Array(first.buffer, first.byteOffset, last.byteOffset + last.length - first.byteOffset);
}

function unknownPartition(append: Append): HeadraceError {
  return new HeadraceError(`appending to ${append.topic}/${append.partition}: the log has no such partition`, {
    code: 'LOG_UNKNOWN_TOPIC',
    domain: 'log',
    next: 'create the topic, or check its name and the number of its partitions',
  });
}

function fenced(append: Append, stamp: ProducerStamp, epoch: number): HeadraceError {
  return new HeadraceError(
    `appending to ${append.topic}/${append.partition}: producer ${stamp.id} has epoch ${epoch} now, not ${stamp.epoch}`,
    { code: 'LOG_PRODUCER_FENCED', domain: 'log', next: 'a newer instance of this producer runs; stop this one' },
  );
}

function outOfSequence(append: Append, stamp: ProducerStamp, expected: number): HeadraceError {
  return new HeadraceError(
    `appending to ${append.topic}/${append.partition}: producer ${stamp.id} sent sequence ${stamp.baseSequence}, expected was ${expected}`,
    { code: 'LOG_OUT_OF_SEQUENCE', domain: 'log', next: 'send the missing batches first, or begin a new epoch' },
  );
}
