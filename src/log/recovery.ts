import { join } from 'node:path';
import { crc32c } from '../base/crc32c.ts';
import { type HeadraceError, messageOf } from '../base/error.ts';
import { BATCH_CRC_START, BATCH_HEADER_BYTES, crcAt } from './batch-header.ts';
import { applyCheckpoint, type ChainFile, type ChainRound, type CommitChain, readCommitChain } from './commit-chain.ts';
import { COMMIT_HEADER_BYTES } from './commit-file.ts';
import type { Extent, Round } from './commit-record.ts';
import type { DiskOperation, DiskReader } from './disk.ts';
import {
  checkpointPath,
  commitDirectory,
  commitLogPath,
  generationOf,
  isUnfinishedName,
  partitionDirectory,
  type SegmentFile,
  segmentFile,
  segmentName,
} from './file-layout.ts';
import type { LogLimits } from './limits.ts';
import { LogState, type PartitionState } from './log-state.ts';
import { RecoveredIndexes } from './recovered-indexes.ts';
import type { IndexCursor } from './segment-files.ts';

/** Where the next round goes. */
export interface CommitPlace {
  readonly leaderEpoch: number;
  readonly salt: number;
  /** Of the commit log that is written to. */
  readonly generation: number;
  /** Of the checkpoint that the chain begins with. */
  readonly base: number;
  readonly end: number;
  /** The last commit before those of this commit log. */
  readonly after: number;
}

/** What recovery found and decided. Nothing has been changed on disk yet. */
export interface Recovery {
  readonly state: LogState;
  readonly place: CommitPlace;
  /** Brings the files to the recovered state, durably; to be run before anything is exposed. */
  readonly repairs: readonly DiskOperation[];
  readonly warnings: readonly string[];
  /** Set when the commit log is damaged before its end: what lies before can be read, nothing may be written. */
  readonly damage: HeadraceError | undefined;
  /** How far the sparse index of every active segment is. */
  readonly indexes: ReadonlyMap<number, IndexCursor>;
  /** Index files that the next checkpoint must sync. */
  readonly unsyncedIndexes: readonly string[];
}

/**
 * Reads the commit logs and decides what of the last round stands. Reads only.
 *
 * Rounds are sequential, so only the last can be incomplete: it stands if all that it names is whole, else it is
 * dropped, and nobody was told of it. Damage before it is never cut away.
 */
export function recover(reader: DiskReader, dataDir: string, limits: LogLimits): Recovery | undefined {
  const chain = readCommitChain(reader, dataDir);
  if (chain === undefined) return undefined;
  const replay = new Replay(reader, dataDir, limits, chain);
  replay.run();
  const warnings: string[] = [];
  if (chain.damage !== undefined) warnings.push(messageOf(chain.damage));
  if (replay.dropped !== undefined) warnings.push(replay.dropped);
  warnings.push(...missingSegments(reader, dataDir, replay.state));
  const { cursors, repairs: indexRepairs, unsynced } = replay.indexes.finish(replay.state);
  const repairs = chain.damage === undefined ? [...indexRepairs, ...replay.repairs()] : [];
  return {
    state: replay.state,
    place: replay.place(),
    repairs,
    warnings,
    damage: chain.damage,
    indexes: cursors,
    unsyncedIndexes: unsynced,
  };
}

class Replay {
  readonly state: LogState;
  readonly indexes: RecoveredIndexes;
  dropped: string | undefined;
  readonly #reader: DiskReader;
  readonly #dataDir: string;
  readonly #chain: CommitChain;
  readonly #rounds: ChainRound[];

  constructor(reader: DiskReader, dataDir: string, limits: LogLimits, chain: CommitChain) {
    this.#reader = reader;
    this.#dataDir = dataDir;
    this.#chain = chain;
    this.#rounds = [...chain.rounds];
    this.state = new LogState(limits.producerExpiryMs);
    applyCheckpoint(this.state, chain);
    this.indexes = new RecoveredIndexes(reader, dataDir, limits.indexIntervalBytes, this.state);
  }

  run(): void {
    const last = this.#rounds.pop();
    for (const { round } of this.#rounds) this.#apply(round);
    if (last === undefined) return;
    // Before damage, every round was acknowledged.
    const defect = this.#chain.damage === undefined ? this.#defectOf(last.round) : undefined;
    if (defect === undefined) {
      this.#rounds.push(last);
      this.#apply(last.round);
    } else {
      this.dropped = `recovering ${this.#dataDir}: commit ${last.round.commit} was not finished and is dropped (${defect}); nobody was told that it had been`;
    }
  }

  #apply(round: Round): void {
    this.state.apply(round);
    for (const extent of round.extents) {
      const partition = this.state.partitions.get(extent.partitionId);
      if (partition !== undefined) this.indexes.add(partition, extent);
    }
  }

  place(): CommitPlace {
    const { base, files } = this.#chain;
    const active = files[files.length - 1];
    // Damage that leaves no commit log: nothing will be written.
    if (active === undefined)
      return { leaderEpoch: 0, salt: 0, generation: base, base, end: COMMIT_HEADER_BYTES, after: 0 };
    const first = this.#chain.rounds.find((round) => round.file === active);
    const after = first === undefined ? this.state.commit : first.round.commit - 1;
    return { ...active.header, base, end: this.#endOf(active), after };
  }

  /** The end of the last round that stands. */
  #endOf(file: ChainFile): number {
    const last = this.#rounds.findLast((round) => round.file === file);
    return last?.record.end ?? COMMIT_HEADER_BYTES;
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

  #segmentPath(partition: PartitionState, file: SegmentFile): string {
    return join(partitionDirectory(this.#dataDir, partition.topic, partition.partition), segmentName(file));
  }

  #read(partition: PartitionState, extent: Extent): Uint8Array | undefined {
    const handle = this.#reader.open(this.#segmentPath(partition, writtenFile(extent)));
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
  repairs(): readonly DiskOperation[] {
    const operations: DiskOperation[] = [];
    const files = new Set<string>();
    // A crash may have come between the rename of a checkpoint and the fsync of its directory.
    const directories = new Set<string>([commitDirectory(this.#dataDir)]);
    for (const partition of this.state.partitions.values()) this.#cutTails(partition, operations);
    this.#rounds.forEach(({ round }, i) => {
      const isLast = i === this.#rounds.length - 1;
      for (const extent of round.extents) this.#rewrite(extent, isLast, operations, files, directories);
    });
    this.#repairCommitLogs(operations, files);
    for (const file of files) operations.push({ kind: 'sync', path: file });
    for (const directory of directories) operations.push({ kind: 'sync-directory', path: directory });
    // Only now is the round durable that let go of them.
    for (const path of this.#removable()) operations.push({ kind: 'remove', path });
    return operations;
  }

  /** Tails of rounds that do not stand are cut, and the last round is written again. */
  #repairCommitLogs(operations: DiskOperation[], files: Set<string>): void {
    for (const file of this.#chain.files) {
      const end = this.#endOf(file);
      if (end === file.scan.end && !file.scan.torn) continue;
      operations.push({ kind: 'set-length', path: file.path, length: end });
      files.add(file.path);
    }
    const last = this.#rounds[this.#rounds.length - 1];
    if (last === undefined) return;
    const { position, end } = last.record;
    const { path, bytes } = last.file;
    operations.push({ kind: 'write', path, position, buffers: [bytes.slice(position, Math.min(end, bytes.length))] });
    files.add(path);
  }

  #removable(): string[] {
    const segments = [...this.state.partitions.values()].flatMap((partition) => this.#orphans(partition));
    return [...this.#chain.unfinished, ...this.#outdated(), ...segments];
  }

  /** What a newer checkpoint stands for. */
  #outdated(): string[] {
    return this.#reader.list(commitDirectory(this.#dataDir)).flatMap((name) => {
      if (isUnfinishedName(name)) return join(commitDirectory(this.#dataDir), name);
      const log = generationOf(name, '.log');
      if (log !== undefined && log < this.#chain.base) return commitLogPath(this.#dataDir, log);
      const checkpoint = generationOf(name, '.checkpoint');
      return checkpoint !== undefined && checkpoint < this.#chain.base ? checkpointPath(this.#dataDir, checkpoint) : [];
    });
  }

  #rewrite(
    extent: Extent,
    isLast: boolean,
    operations: DiskOperation[],
    files: Set<string>,
    directories: Set<string>,
  ): void {
    const partition = this.state.partitions.get(extent.partitionId);
    const { base, version } = writtenFile(extent);
    const live = partition?.segments.some((s) => s.base === base && s.version === version) ?? false;
    if (partition === undefined || !live) return;
    const content = extent.inline?.slice() ?? (isLast ? this.#read(partition, extent) : undefined);
    if (content === undefined) return;
    const path = this.#segmentPath(partition, writtenFile(extent));
    operations.push({ kind: 'write', path, position: extent.position, buffers: [content] });
    files.add(path);
    directories.add(partitionDirectory(this.#dataDir, partition.topic, partition.partition));
  }

  /**
   * What lies beyond the last commit was never acknowledged: it is cut. Of sealed segments too: a power loss may have
   * brought back what an earlier cut had taken, since cuts are not synced.
   */
  #cutTails(partition: PartitionState, operations: DiskOperation[]): void {
    for (const segment of partition.segments) {
      const { length } = segment;
      const path = this.#segmentPath(partition, segment);
      const handle = this.#reader.open(path);
      const size = handle?.size() ?? 0;
      handle?.close();
      if (size > length) operations.push({ kind: 'set-length', path, length });
    }
  }

  /** Files that no round names: retention had passed them, compaction has replaced them, or they were never acknowledged. */
  #orphans(partition: PartitionState): string[] {
    const directory = partitionDirectory(this.#dataDir, partition.topic, partition.partition);
    const live = new Set(partition.segments.map(segmentName));
    return this.#reader.list(directory).flatMap((name) => {
      const file = segmentFile(name, '.log') ?? segmentFile(name, '.index');
      const isOrphan = file !== undefined && !live.has(segmentName(file));
      return isOrphan || isUnfinishedName(name) ? join(directory, name) : [];
    });
  }
}

/** Appends go to segments that are not compacted. */
const writtenFile = ({ segmentBase }: Extent): SegmentFile => ({ base: segmentBase, version: 0 });

/** Segments that are shorter than what is committed: told, never cut away; what is there stays readable. */
function missingSegments(reader: DiskReader, dataDir: string, state: LogState): string[] {
  const warnings: string[] = [];
  for (const partition of state.partitions.values()) {
    const directory = partitionDirectory(dataDir, partition.topic, partition.partition);
    for (const segment of partition.segments.slice(0, -1)) {
      const path = join(directory, segmentName(segment));
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
