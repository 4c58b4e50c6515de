import { join } from 'node:path';
import { bytesEqual } from '../base/bytes.ts';
import { readWhole } from './commit-chain.ts';
import type { Extent } from './commit-record.ts';
import type { DiskOperation, DiskReader } from './disk.ts';
import { indexName, partitionDirectory, segmentName } from './file-layout.ts';
import type { LogState, PartitionState } from './log-state.ts';
import type { IndexCursor } from './segment-files.ts';
import { decodeIndex, IndexBuilder } from './segment-index.ts';
import { scanSegment } from './segment-scan.ts';

interface Tail {
  readonly base: number;
  readonly length: number;
}

/**
 * The sparse indexes at recovery. Up to the checkpoint an index was synced: what is missing of it there is read from the
 * segment. After it nothing is known of what reached the disk, entries of rounds that were undone included: that part is
 * made anew from the extents of the rounds.
 */
export class RecoveredIndexes {
  readonly #reader: DiskReader;
  readonly #dataDir: string;
  readonly #intervalBytes: number;
  readonly #atCheckpoint = new Map<number, Tail>();
  /** By partition, the segments written to since the checkpoint. */
  readonly #builders = new Map<number, Map<number, IndexBuilder>>();

  constructor(reader: DiskReader, dataDir: string, intervalBytes: number, checkpoint: LogState) {
    this.#reader = reader;
    this.#dataDir = dataDir;
    this.#intervalBytes = intervalBytes;
    for (const { id, active } of checkpoint.partitions.values()) {
      if (active !== undefined) this.#atCheckpoint.set(id, { base: active.base, length: active.length });
    }
  }

  /** The next extent of a round that stands. */
  add(partition: PartitionState, extent: Extent): void {
    this.#builder(partition, extent.segmentBase).add(extent.position, extent.baseOffset, extent.maxTimestamp);
  }

  #builder(partition: PartitionState, base: number): IndexBuilder {
    let segments = this.#builders.get(partition.id);
    if (segments === undefined) {
      segments = new Map();
      this.#builders.set(partition.id, segments);
    }
    let builder = segments.get(base);
    if (builder === undefined) {
      builder = new IndexBuilder(base, this.#intervalBytes);
      const before = this.#atCheckpoint.get(partition.id);
      if (before?.base === base) this.#fromDisk(partition, before, builder);
      segments.set(base, builder);
    }
    return builder;
  }

  #fromDisk(partition: PartitionState, before: Tail, builder: IndexBuilder): void {
    const directory = partitionDirectory(this.#dataDir, partition.topic, partition.partition);
    const bytes =
      readWhole(this.#reader, join(directory, indexName({ base: before.base, version: 0 }))) ?? new Uint8Array(0);
    for (const entry of decodeIndex(bytes, before.base, before.length)) builder.keep(entry);
    const handle = this.#reader.open(join(directory, segmentName({ base: before.base, version: 0 })));
    if (handle === undefined) return;
    try {
      for (const place of scanSegment(handle, builder.indexedTo, before.length)) {
        builder.add(place.position, place.baseOffset, place.maxTimestamp);
      }
    } finally {
      handle.close();
    }
  }

  /** What the indexes of live segments should be, where the disk has something else; and how far the active ones are. */
  finish(state: LogState): {
    readonly cursors: ReadonlyMap<number, IndexCursor>;
    readonly repairs: readonly DiskOperation[];
    /** Index files that the next checkpoint must sync. */
    readonly unsynced: readonly string[];
  } {
    const cursors = new Map<number, IndexCursor>();
    const repairs: DiskOperation[] = [];
    const unsynced: string[] = [];
    for (const partition of state.partitions.values()) {
      const { active, segments } = partition;
      if (active !== undefined) {
        const { base, entries, indexedTo } = this.#builder(partition, active.base);
        cursors.set(partition.id, { base, entries, indexedTo });
      }
      segments.forEach((segment, i) => {
        const builder = this.#builders.get(partition.id)?.get(segment.base);
        // The index of a compacted segment was written whole with it.
        if (builder === undefined || segment.version > 0) return;
        if (segment !== active) builder.seal(segment.length, segments[i + 1]!.base);
        const directory = partitionDirectory(this.#dataDir, partition.topic, partition.partition);
        const path = join(directory, indexName(segment));
        if (builder.entries > 0) unsynced.push(path);
        this.#repair(path, builder, repairs);
      });
    }
    return { cursors, repairs, unsynced };
  }

  #repair(path: string, builder: IndexBuilder, repairs: DiskOperation[]): void {
    const wanted = builder.bytes();
    const found = readWhole(this.#reader, path);
    if (found === undefined ? wanted.length === 0 : bytesEqual(found, wanted)) return;
    repairs.push({ kind: 'set-length', path, length: 0 }, { kind: 'write', path, position: 0, buffers: [wanted] });
  }
}
