import { join } from 'node:path';
import { type CommitNumber, commitNumber, type Offset, offset, type TimestampMs } from '../base/brand.ts';
import { utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { HeadraceError, messageOf } from '../base/error.ts';
import { batchDefect, invalidBatch } from './batch-header.ts';
import type { CommitPipeline, PipelineContext } from './commit-pipeline.ts';
import type { Round, StartMove } from './commit-record.ts';
import { Compactor } from './compaction/compactor.ts';
import { type Disk, DiskFailure, type DiskOperation } from './disk.ts';
import { indexName, partitionDirectory, segmentName, topicDirectory, topicsDirectory } from './file-layout.ts';
import { isInternalTopic } from './internal-topic.ts';
import type { LogLimits } from './limits.ts';
import type {
  Append,
  CommitRequest,
  CommitResult,
  LedgerPut,
  Log,
  LogStats,
  LogView,
  PartitionBounds,
  PartitionReader,
  TopicConfig,
} from './log.ts';
import { diskFull } from './log-error.ts';
import {
  COUNTERS_SPACE,
  DELETED_SPACE,
  encodeTopic,
  type LogState,
  NEXT_PARTITION_KEY,
  type PartitionState,
  RESERVED_SPACE_PREFIX,
  type Segment,
  TOPICS_SPACE,
} from './log-state.ts';
import { openPartitionReader } from './partition-reader.ts';
import { retentionStart } from './retention.ts';
import type { SegmentFiles } from './segment-files.ts';
import { offsetAtTime } from './time-lookup.ts';
import { checkTopicConfig } from './topic-config.ts';
import { slotMissing, type VisibilityVector } from './visibility-vector.ts';

export interface DiskLogParts {
  readonly dataDir: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly limits: LogLimits;
  readonly state: LogState;
  readonly files: SegmentFiles;
  readonly vector: VisibilityVector;
  readonly onWarning: (message: string) => void;
}

const EMPTY_LEDGER: ReadonlyMap<string, Uint8Array> = new Map();
const NOTHING = { appends: [], puts: [], starts: [], compactions: [], urgent: false };

/** The log of ARCHITECTURE section 3, on any {@link Disk}. Made by `openLog`. */
export class DiskLog implements Log {
  readonly dataDir: string;
  readonly #parts: DiskLogParts;
  readonly #pipeline: CommitPipeline;
  readonly #compactor: Compactor;
  readonly #slots = new Map<number, number>();
  #nextSlot = 0;
  readonly #listeners = new Set<(commit: CommitNumber) => void>();
  readonly #gatherers = new Set<() => void>();
  readonly #pins = new Map<string, Map<string, number>>();
  /** Topic changes happen one after another. */
  #admin: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  /** @param pipeline makes the commit pipeline that calls back before it takes a round and when one is durable */
  constructor(parts: DiskLogParts, pipeline: (calls: Pick<PipelineContext, 'publish' | 'gather'>) => CommitPipeline) {
    this.dataDir = parts.dataDir;
    this.#parts = parts;
    this.#pipeline = pipeline({
      publish: (round) => this.#publish(round),
      gather: () => {
        for (const gather of this.#gatherers) gather();
      },
    });
    this.#compactor = new Compactor({
      ...parts,
      pinned: (topic, partition) => Math.min(...this.#pinsOf(topic, partition)),
      commit: (compaction) => this.#pipeline.submit({ ...NOTHING, urgent: true, compactions: [compaction] }),
      remove: (action, paths) => this.#removeFiles(action, paths),
    });
    this.#publishAll();
  }

  #publishAll(): void {
    const { state, vector } = this.#parts;
    vector.publish(state.commit, () => {
      for (const partition of state.partitions.values()) this.#expose(partition);
    });
  }

  #expose(partition: PartitionState): void {
    let slot = this.#slots.get(partition.id);
    if (slot === undefined) {
      slot = this.#nextSlot++;
      this.#slots.set(partition.id, slot);
    }
    const active = partition.active;
    this.#parts.vector.set(slot, {
      highWatermark: partition.end,
      logStart: partition.logStart,
      activeBase: active?.base ?? -1,
      activeLength: active?.length ?? 0,
    });
  }

  #publish(round: Round): void {
    const { state, vector } = this.#parts;
    vector.publish(round.commit, () => {
      for (const { partitionId } of round.extents) this.#exposeId(partitionId);
      for (const { partitionId } of round.starts) this.#exposeId(partitionId);
      if (round.puts.some((put) => put.space === TOPICS_SPACE)) this.#topicsChanged(state);
    });
    for (const listener of this.#listeners) this.#tell(listener, round.commit);
  }

  /** A listener that throws is a mistake of its owner: the commit stands all the same. */
  #tell(listener: (commit: CommitNumber) => void, commit: number): void {
    try {
      listener(commitNumber(commit));
    } catch (error) {
      this.#parts.onWarning(`telling a listener of commit ${commit}: ${messageOf(error)}`);
    }
  }

  #exposeId(partitionId: number): void {
    const partition = this.#parts.state.partitions.get(partitionId);
    if (partition !== undefined) this.#expose(partition);
  }

  #topicsChanged(state: LogState): void {
    for (const [id, slot] of this.#slots) {
      if (state.partitions.has(id)) continue;
      this.#parts.vector.release(slot);
      this.#slots.delete(id);
    }
    for (const partition of state.partitions.values()) if (!this.#slots.has(partition.id)) this.#expose(partition);
  }

  #serially<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#admin.then(change);
    this.#admin = done.catch(() => undefined);
    return done;
  }

  /** After recovery: what a crash left half removed goes, and what it left without an index gets one. */
  async finishOpening(): Promise<void> {
    for (const name of [...this.ledgerEntries(DELETED_SPACE).keys()]) await this.#removeDeleted(name);
    this.#restoreIndexes();
  }

  /** Behind everything else; until it is done, readers of those segments scan. */
  #restoreIndexes(): void {
    const { state, limits, disk, onWarning } = this.#parts;
    const operations: DiskOperation[] = [];
    for (const { topic, partition, segments } of state.partitions.values()) {
      if (segments.length < 2) continue;
      const directory = partitionDirectory(this.dataDir, topic, partition);
      const sealed = segments.slice(0, -1).map((segment, i) => ({ ...segment, end: segments[i + 1]!.base }));
      const intervalBytes = limits.indexIntervalBytes;
      operations.push({
        kind: 'derive',
        task: { kind: 'restore-indexes', directory, segments: sealed, intervalBytes },
      });
    }
    if (operations.length === 0) return;
    disk.runBehind(operations).catch((error: unknown) => {
      onWarning(
        `restoring indexes of segments in ${this.dataDir}: ${messageOf(error)}; reads from old offsets are slower`,
      );
    });
  }

  /** Changes files outside of a round. A full disk is told and leaves the log as it is; anything else ends writing. */
  async #change(action: string, operations: readonly DiskOperation[]): Promise<void> {
    try {
      await this.#parts.disk.run(operations);
    } catch (error) {
      if (error instanceof DiskFailure && error.kind === 'full') throw diskFull(action, error);
      throw this.#pipeline.endWriting(error);
    }
  }

  createTopic(config: TopicConfig): Promise<void> {
    return this.#serially(async () => {
      checkTopicConfig(config);
      const { state, limits } = this.#parts;
      if (state.topics.has(config.name)) throw topicExists(config.name);
      if (this.#nextSlot + config.partitions > limits.partitionsMax) throw tooManyPartitions(config, limits);
      if (state.ledgerGet(DELETED_SPACE, config.name) !== undefined) await this.#removeDeleted(config.name);
      if (state.ledgerGet(DELETED_SPACE, config.name) !== undefined) throw notRemovedYet(config.name);
      await this.#change(`creating topic "${config.name}"`, newTopicOperations(this.dataDir, config));
      const first = state.nextPartition();
      await this.#pipeline.submit({
        ...NOTHING,
        puts: [
          { space: TOPICS_SPACE, key: config.name, value: encodeTopic(config, first) },
          { space: COUNTERS_SPACE, key: NEXT_PARTITION_KEY, value: utf8(String(first + config.partitions)) },
        ],
      });
    });
  }

  topic(name: string): TopicConfig | undefined {
    return this.#parts.state.topics.get(name)?.config;
  }

  topics(): readonly TopicConfig[] {
    const all = [...this.#parts.state.topics.values()].map((topic) => topic.config);
    return all.filter(({ name }) => !isInternalTopic(name));
  }

  deleteTopic(name: string): Promise<void> {
    return this.#serially(async () => {
      if (!this.#parts.state.topics.has(name)) throw slotMissing(name, 0);
      await this.#pipeline.submit({
        ...NOTHING,
        urgent: true,
        puts: [
          { space: TOPICS_SPACE, key: name, value: undefined },
          { space: DELETED_SPACE, key: name, value: new Uint8Array(0) },
        ],
      });
      await this.#compactor.leave(name);
      await this.#removeDeleted(name);
    });
  }

  /**
   * Removes the files of a topic whose deletion is durable. What cannot be removed now is, by the next start or the next
   * topic of that name.
   */
  async #removeDeleted(name: string): Promise<void> {
    const directory = topicDirectory(this.dataDir, name);
    this.#parts.files.forgetUnder(join(directory, '/'));
    const removals: DiskOperation[] = [
      { kind: 'remove', path: directory },
      { kind: 'sync-directory', path: topicsDirectory(this.dataDir) },
    ];
    if (!(await this.#remove(`removing the files of the deleted topic "${name}"`, removals))) return;
    const puts = [{ space: DELETED_SPACE, key: name, value: undefined }];
    await this.#pipeline.submit({ ...NOTHING, urgent: true, puts });
  }

  /** Removes files that nothing names any more, behind the commits; a disk that refuses is told of. */
  async #remove(action: string, removals: readonly DiskOperation[]): Promise<boolean> {
    const { disk, onWarning } = this.#parts;
    try {
      await disk.run(
        removals.flatMap((removal) => (removal.kind === 'remove' ? { kind: 'release', path: removal.path } : [])),
      );
      await disk.runBehind(removals);
      return true;
    } catch (error) {
      if (error instanceof DiskFailure && error.kind === 'sync') throw this.#pipeline.endWriting(error);
      onWarning(`${action}: ${messageOf(error)}; the next start tries again`);
      return false;
    }
  }

  setTopicProperties(name: string, properties: Readonly<Record<string, string>>): Promise<void> {
    return this.#serially(async () => {
      const topic = this.#parts.state.topics.get(name);
      const first = topic?.partitions[0];
      if (topic === undefined || first === undefined) throw slotMissing(name, 0);
      const value = encodeTopic({ ...topic.config, properties }, first.id);
      await this.#pipeline.submit({ ...NOTHING, puts: [{ space: TOPICS_SPACE, key: name, value }] });
    });
  }

  #partition(topic: string, partition: number): PartitionState {
    const found = this.#parts.state.topics.get(topic)?.partitions[partition];
    if (found === undefined) throw slotMissing(topic, partition);
    return found;
  }

  bounds(topic: string, partition: number): PartitionBounds {
    const { id, logStart, end, bytes, deletesFrom } = this.#partition(topic, partition);
    const offsets = { logStart: offset(logStart), highWatermark: offset(end), deletesFrom: offset(deletesFrom) };
    return { topic, partition, id, bytes, ...offsets };
  }

  commit(request: CommitRequest): Promise<CommitResult> {
    try {
      for (const append of request.appends) checkAppend(append, this.#parts.limits);
      for (const put of request.puts) checkPut(put);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#pipeline.submit({ ...NOTHING, appends: request.appends, puts: request.puts });
  }

  pendingBytes(): number {
    return this.#pipeline.pendingBytes;
  }

  ledgerGet(space: string, key: string): Uint8Array | undefined {
    return this.#parts.state.ledgerGet(space, key);
  }

  ledgerEntries(space: string): ReadonlyMap<string, Uint8Array> {
    return this.#parts.state.ledger.get(space) ?? EMPTY_LEDGER;
  }

  reader(topic: string, partition: number, from: Offset): PartitionReader {
    const slot = this.#slots.get(this.#partition(topic, partition).id)!;
    const view = { dataDir: this.dataDir, vector: this.#parts.vector.memory, partitions: [{ topic, partition, slot }] };
    return openPartitionReader(view, topic, partition, from, { disk: this.#parts.disk.reader });
  }

  offsetAtTime(topic: string, partition: number, time: TimestampMs): Offset {
    return offset(offsetAtTime(this.#parts.disk.reader, this.dataDir, this.#partition(topic, partition), time));
  }

  view(): LogView {
    const partitions = [...this.#parts.state.partitions.values()].map(({ id, topic, partition }) => ({
      topic,
      partition,
      slot: this.#slots.get(id)!,
    }));
    return { dataDir: this.dataDir, vector: this.#parts.vector.memory, partitions };
  }

  beforeRound(listener: () => void): () => void {
    this.#gatherers.add(listener);
    return () => this.#gatherers.delete(listener);
  }

  onCommit(listener: (commit: CommitNumber) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  pin(owner: string, topic: string, partition: number, from: Offset | undefined): void {
    const name = `${topic}/${partition}`;
    let owners = this.#pins.get(name);
    if (owners === undefined) {
      owners = new Map();
      this.#pins.set(name, owners);
    }
    if (from === undefined) owners.delete(owner);
    else owners.set(owner, from);
  }

  unpin(owner: string): boolean {
    let found = false;
    for (const owners of this.#pins.values()) {
      for (const name of owners.keys()) {
        if (name === owner || name.startsWith(`${owner}/`)) found = owners.delete(name) || found;
      }
    }
    return found;
  }

  #pinsOf(topic: string, partition: number): readonly number[] {
    return [...(this.#pins.get(`${topic}/${partition}`)?.values() ?? [])];
  }

  compact(): Promise<{ readonly removedBytes: number }> {
    return this.#compactor.run();
  }

  async applyRetention(): Promise<{ readonly deletedBytes: number }> {
    const now = this.#parts.clock.now();
    this.#parts.state.forgetProducers(now);
    const starts: StartMove[] = [];
    const before = new Map<PartitionState, readonly Segment[]>();
    for (const { config, partitions } of this.#parts.state.topics.values()) {
      for (const partition of partitions) {
        const pins = this.#pinsOf(config.name, partition.partition);
        if (isInternalTopic(config.name) && pins.length === 0) continue;
        const logStart = retentionStart(partition, config, now, Math.min(...pins));
        if (logStart === undefined) continue;
        starts.push({ partitionId: partition.id, logStart });
        before.set(partition, [...partition.segments]);
      }
    }
    if (starts.length === 0) return { deletedBytes: 0 };
    await this.#pipeline.submit({ ...NOTHING, urgent: true, starts });
    return { deletedBytes: await this.#removeDropped(before) };
  }

  /** What the round really dropped: appends that came before it may have gone into a segment that was to go. */
  async #removeDropped(before: ReadonlyMap<PartitionState, readonly Segment[]>): Promise<number> {
    const { state } = this.#parts;
    const paths: string[] = [];
    let deletedBytes = 0;
    for (const [partition, segments] of before) {
      if (state.partitions.get(partition.id) !== partition) continue;
      const directory = partitionDirectory(this.dataDir, partition.topic, partition.partition);
      const left = new Set(partition.segments);
      for (const segment of segments) {
        if (left.has(segment)) continue;
        deletedBytes += segment.length;
        paths.push(join(directory, segmentName(segment)), join(directory, indexName(segment)));
      }
    }
    await this.#removeFiles('removing segments that retention has passed', paths);
    return deletedBytes;
  }

  async #removeFiles(action: string, paths: readonly string[]): Promise<void> {
    for (const path of paths) this.#parts.files.forget(path);
    await this.#remove(
      action,
      paths.map((path) => ({ kind: 'remove', path })),
    );
  }

  stats(): LogStats {
    return this.#pipeline.stats();
  }

  /** The last record of a clean close is an empty round, so that damage to the one before cannot pass for a torn tail. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const compacted = this.#compactor.stop();
    await this.#pipeline.close({ ...NOTHING, puts: [{ space: COUNTERS_SPACE, key: 'closed', value: undefined }] });
    await Promise.all([this.#admin, compacted]);
    await this.#parts.disk.close();
  }
}

function newTopicOperations(dataDir: string, config: TopicConfig): DiskOperation[] {
  const directory = topicDirectory(dataDir, config.name);
  const partitions = Array.from({ length: config.partitions }, (_, i) => partitionDirectory(dataDir, config.name, i));
  return [
    ...partitions.map((path): DiskOperation => ({ kind: 'make-directory', path })),
    { kind: 'sync-directory', path: directory },
    { kind: 'sync-directory', path: topicsDirectory(dataDir) },
  ];
}

function checkAppend(append: Append, limits: LogLimits): void {
  const defect = batchDefect(append.batch, append.records);
  if (defect !== undefined) throw invalidBatch(`appending to ${append.topic}/${append.partition}`, defect);
  if (append.batch.length <= limits.batchBytesMax) return;
  throw new HeadraceError(
    `appending to ${append.topic}/${append.partition}: the batch has ${append.batch.length} bytes, the limit is ${limits.batchBytesMax}`,
    { code: 'LOG_BATCH_TOO_LARGE', domain: 'log', next: 'send smaller batches' },
  );
}

function checkPut(put: LedgerPut): void {
  if (!put.space.startsWith(RESERVED_SPACE_PREFIX)) return;
  throw new HeadraceError(`writing to the ledger space "${put.space}": it belongs to the log`, {
    code: 'LOG_SPACE_RESERVED',
    domain: 'log',
    next: `choose a name that does not begin with "${RESERVED_SPACE_PREFIX}"`,
  });
}

function topicExists(name: string): HeadraceError {
  return new HeadraceError(`creating topic "${name}": it exists already`, {
    code: 'LOG_TOPIC_EXISTS',
    domain: 'log',
    next: 'choose another name, or use the topic that is there',
  });
}

function notRemovedYet(name: string): HeadraceError {
  return new HeadraceError(`creating topic "${name}": the files of the deleted topic of that name are still there`, {
    code: 'LOG_TOPIC_EXISTS',
    domain: 'log',
    retryable: true,
    next: 'look into the warning before this one for why they cannot be removed; choose another name until then',
  });
}

function tooManyPartitions(config: TopicConfig, limits: LogLimits): HeadraceError {
  return new HeadraceError(
    `creating topic "${config.name}": the log would have had more than ${limits.partitionsMax} partitions since its start`,
    { code: 'LOG_TOO_MANY_PARTITIONS', domain: 'log', next: 'use fewer partitions, or restart after deleting topics' },
  );
}
