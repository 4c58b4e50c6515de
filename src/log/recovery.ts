import { join } from 'node:path';
import { crc32c } from '../base/crc32c.ts';
import { type HeadraceError, messageOf } from '../base/error.ts';
import { BATCH_CRC_START, BATCH_HEADER_BYTES, crcAt } from './batch-header.ts';
import { applyCheckpointRecord } from './checkpoint.ts';
import {
  type CommitFileHeader,
  type CommitScan,
  corruptCommitFile,
  type FramedRecord,
  readCommitHeader,
  scanCommitFile,
} from './commit-file.ts';
import { decodeRound, type Extent, RECORD_KINDS, type Round } from './commit-record.ts';
import type { DiskOperation, DiskReader } from './disk.ts';
import {
  commitDirectory,
  commitLogPath,
  indexName,
  partitionDirectory,
  segmentBase,
  segmentName,
} from './file-layout.ts';
import { LogState, type PartitionState } from './log-state.ts';
import { INDEX_ENTRY_BYTES, readIndex } from './segment-index.ts';

/** What recovery found and decided. Nothing has been changed on disk yet. */
export interface Recovery {
  readonly state: LogState;
  readonly header: CommitFileHeader;
  /** Where the next record of the commit log goes. */
  readonly commitEnd: number;
  /** Brings the files to the recovered state, durably; to be run before anything is exposed. */
  readonly repairs: readonly DiskOperation[];
  readonly warnings: readonly string[];
  /** Set when the commit log is damaged before its end: what lies before can be read, nothing may be written. */
  readonly damage: HeadraceError | undefined;
  /** Index entries that are sound, of every active segment. */
  readonly indexEntries: ReadonlyMap<number, { base: number; entries: number; indexedTo: number }>;
}

/**
 * Reads the commit log and decides what of the last round stands. Reads only.
 *
 * Rounds are sequential, so only the last can be incomplete: it stands if all that it names is whole, else it is
 * dropped, and nobody was told of it. Damage before it is never cut away.
 */
export function recover(reader: DiskReader, dataDir: string): Recovery | undefined {
  const path = commitLogPath(dataDir);
  const bytes = readWhole(reader, path);
  if (bytes === undefined) return undefined;
  const header = readCommitHeader(bytes, path);
  const scan = scanCommitFile(bytes, header);
  const replay = new Replay(reader, dataDir);
  const damage = replay.run(path, scan);
  const warnings: string[] = [];
  if (damage !== undefined) warnings.push(messageOf(damage));
  if (replay.dropped !== undefined) warnings.push(replay.dropped);
  warnings.push(...missingSegments(reader, dataDir, replay.state));
  const repairs = damage === undefined ? replay.repairs(path, bytes, scan) : [];
  const indexEntries = soundIndexes(reader, dataDir, replay.state);
  return { state: replay.state, header, commitEnd: replay.commitEnd, repairs, warnings, damage, indexEntries };
}

function readWhole(reader: DiskReader, path: string): Uint8Array | undefined {
  const handle = reader.open(path);
  if (handle === undefined) return undefined;
  try {
    const bytes = new Uint8Array(handle.size());
    return bytes.subarray(0, handle.read(bytes, 0, bytes.length, 0));
  } finally {
    handle.close();
  }
}

class Replay {
  readonly state = new LogState();
  commitEnd = 0;
  dropped: string | undefined;
  readonly #reader: DiskReader;
  readonly #dataDir: string;
  readonly #rounds: { readonly round: Round; readonly record: FramedRecord }[] = [];

  constructor(reader: DiskReader, dataDir: string) {
    this.#reader = reader;
    this.#dataDir = dataDir;
  }

  /** Returns the damage that was found, if any. */
  run(path: string, scan: CommitScan): HeadraceError | undefined {
    this.commitEnd = scan.end;
    let complete = false;
    for (const record of scan.records) {
      if (record.kind === RECORD_KINDS.checkpointEnd) complete = true;
      if (record.kind === RECORD_KINDS.round) {
        this.#rounds.push({ round: decodeRound(record.commit, record.payload), record });
      } else applyCheckpointRecord(this.state, record);
    }
    if (scan.damagedAt !== undefined) {
      for (const { round } of this.#rounds) this.state.apply(round);
      return corruptCommitFile(path, scan.damagedAt, 'a record is damaged, and whole ones follow it');
    }
    if (!complete) return corruptCommitFile(path, scan.end, 'its checkpoint is damaged');
    for (const { round } of this.#rounds.slice(0, -1)) this.state.apply(round);
    this.#judgeLast();
    return undefined;
  }

  #judgeLast(): void {
    const last = this.#rounds[this.#rounds.length - 1];
    if (last === undefined) return;
    const defect = this.#defectOf(last.round);
    if (defect === undefined) {
      this.state.apply(last.round);
      return;
    }
    this.#rounds.pop();
    this.commitEnd = last.record.position;
    this.dropped = `recovering ${this.#dataDir}: commit ${last.round.commit} was not finished and is dropped (${defect}); nobody was told that it had been`;
  }

  /** Why the round is not whole on disk; undefined if it is. Inline extents are whole with their record. */
  #defectOf(round: Round): string | undefined {
    for (const extent of round.extents) {
      const partition = this.state.partitions.get(extent.partitionId);
      if (extent.inline !== undefined || partition === undefined) continue;
      const bytes = this.#read(partition, extent);
      if (bytes === undefined)
        return `${partition.topic}/${partition.partition} ends before offset ${extent.baseOffset}`;
      const whole =
        crc32c(bytes, 0, BATCH_HEADER_BYTES) === extent.headerCrc && crc32c(bytes, BATCH_CRC_START) === crcAt(bytes, 0);
      if (!whole)
        return `the batch at offset ${extent.baseOffset} of ${partition.topic}/${partition.partition} is torn`;
    }
    return undefined;
  }

  #segmentPath(partition: PartitionState, base: number): string {
    return join(partitionDirectory(this.#dataDir, partition.topic, partition.partition), segmentName(base));
  }

  #read(partition: PartitionState, extent: Extent): Uint8Array | undefined {
    const handle = this.#reader.open(this.#segmentPath(partition, extent.segmentBase));
    if (handle === undefined) return undefined;
    try {
      const bytes = new Uint8Array(extent.length);
      return handle.read(bytes, 0, bytes.length, extent.position) === bytes.length ? bytes : undefined;
    } finally {
      handle.close();
    }
  }

  /**
   * Inline batches since the checkpoint, and all of the last round, are written again before the fsync: after a failed
   * fsync the page cache may hold, as clean, what the disk does not, and a bare fsync would then do nothing.
   */
  repairs(path: string, bytes: Uint8Array, scan: CommitScan): readonly DiskOperation[] {
    const operations: DiskOperation[] = [];
    const files = new Set<string>();
    // A crash may have come between the rename of a new commit log and the fsync of its directory.
    const directories = new Set<string>([commitDirectory(this.#dataDir)]);
    for (const partition of this.state.partitions.values()) {
      for (const directory of this.#cutTail(partition, operations)) directories.add(directory);
    }
    this.#rounds.forEach(({ round }, i) => {
      const isLast = i === this.#rounds.length - 1;
      for (const extent of round.extents) this.#rewrite(extent, isLast, operations, files, directories);
    });
    const last = this.#rounds[this.#rounds.length - 1];
    const changed = this.commitEnd < scan.end || scan.torn;
    if (changed) operations.push({ kind: 'set-length', path, length: this.commitEnd });
    if (last !== undefined) {
      const { position, end } = last.record;
      operations.push({ kind: 'write', path, position, buffers: [bytes.slice(position, Math.min(end, bytes.length))] });
    }
    for (const file of files) operations.push({ kind: 'sync', path: file });
    for (const directory of directories) operations.push({ kind: 'sync-directory', path: directory });
    if (changed || last !== undefined) operations.push({ kind: 'sync', path });
    return operations;
  }

  #rewrite(
    extent: Extent,
    isLast: boolean,
    operations: DiskOperation[],
    files: Set<string>,
    directories: Set<string>,
  ): void {
    const partition = this.state.partitions.get(extent.partitionId);
    const live = partition?.segments.some((segment) => segment.base === extent.segmentBase) ?? false;
    if (partition === undefined || !live) return;
    const content = extent.inline?.slice() ?? (isLast ? this.#read(partition, extent) : undefined);
    if (content === undefined) return;
    const path = this.#segmentPath(partition, extent.segmentBase);
    operations.push({ kind: 'write', path, position: extent.position, buffers: [content] });
    files.add(path);
    directories.add(partitionDirectory(this.#dataDir, partition.topic, partition.partition));
  }

  /** What lies beyond the last commit was never acknowledged: it is cut. What retention had deleted goes. */
  #cutTail(partition: PartitionState, operations: DiskOperation[]): string[] {
    const directory = partitionDirectory(this.#dataDir, partition.topic, partition.partition);
    const live = new Map(partition.segments.map((segment) => [segment.base, segment]));
    const names = this.#reader.list(directory);
    const orphans = names.filter((name) => {
      const base = segmentBase(name.replace(/\.index$/, '.log'));
      return base !== undefined && !live.has(base) && (base < partition.logStart || base >= partition.end);
    });
    for (const name of orphans) operations.push({ kind: 'remove', path: join(directory, name) });
    const active = partition.active;
    if (active !== undefined && names.includes(segmentName(active.base))) {
      const path = join(directory, segmentName(active.base));
      const handle = this.#reader.open(path);
      const size = handle?.size() ?? 0;
      handle?.close();
      if (size > active.length) operations.push({ kind: 'set-length', path, length: active.length });
    }
    return orphans.length > 0 ? [directory] : [];
  }
}

/** Segments that are shorter than what is committed: told, never cut away; what is there stays readable. */
function missingSegments(reader: DiskReader, dataDir: string, state: LogState): string[] {
  const warnings: string[] = [];
  for (const partition of state.partitions.values()) {
    const directory = partitionDirectory(dataDir, partition.topic, partition.partition);
    for (const segment of partition.segments.slice(0, -1)) {
      const path = join(directory, segmentName(segment.base));
      const handle = reader.open(path);
      const size = handle?.size() ?? -1;
      handle?.close();
      if (size >= segment.length) continue;
      const found = size < 0 ? 'it is missing' : `it has ${size} bytes`;
      warnings.push(
        `opening segment ${path}: ${segment.length} bytes were committed and ${found}; restore it from a copy`,
      );
    }
  }
  return warnings;
}

function soundIndexes(
  reader: DiskReader,
  dataDir: string,
  state: LogState,
): Map<number, { base: number; entries: number; indexedTo: number }> {
  const sound = new Map<number, { base: number; entries: number; indexedTo: number }>();
  for (const partition of state.partitions.values()) {
    const active = partition.active;
    if (active === undefined) continue;
    const directory = partitionDirectory(dataDir, partition.topic, partition.partition);
    const entries = readIndex(reader, join(directory, indexName(active.base)), active.base, active.length);
    const last = entries[entries.length - 1];
    sound.set(partition.id, { base: active.base, entries: entries.length, indexedTo: last?.position ?? 0 });
  }
  return sound;
}

/** Bytes of index entries to keep when an index file is reopened. */
export const indexBytes = (entries: number): number => entries * INDEX_ENTRY_BYTES;
