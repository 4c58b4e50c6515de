import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { Compaction } from '../commit-record.ts';
import {
  type DerivedResult,
  type Disk,
  DiskFailure,
  type DiskTask,
  type KeyMemory,
  type SealedSegment,
} from '../disk.ts';
import { indexName, partitionDirectory, type SegmentFile, segmentName } from '../file-layout.ts';
import type { LogLimits } from '../limits.ts';
import type { LogState, PartitionState } from '../log-state.ts';
import { cancel, newCancel } from './cancel.ts';
import { compactionGroups, compactionPlan } from './compaction-plan.ts';
import { unfinishedFiles } from './segment-output.ts';

export interface CompactorContext {
  readonly dataDir: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly limits: LogLimits;
  readonly state: LogState;
  /** The lowest offset that somebody still needs of a partition; infinity for none. */
  readonly pinned: (topic: string, partition: number) => number;
  /** Commits it; resolves when it is durable and applied. */
  readonly commit: (compaction: Compaction) => Promise<unknown>;
  /** Removes files that nothing names any more. */
  readonly remove: (action: string, paths: readonly string[]) => Promise<unknown>;
  readonly onWarning: (message: string) => void;
}

export interface CompactionCounts {
  readonly removedBytes: number;
}

/**
 * Compacts upsert topics, one partition after the other: of each key the last record is left, at its offset. A pass reads
 * the keys of what is not compacted yet, then writes group after group of segments anew, oldest first, each in a file of its
 * own that one round puts in the place of the old ones. So it can end anywhere, and a crash leaves nothing in part.
 */
export class Compactor {
  readonly #context: CompactorContext;
  #running: Promise<CompactionCounts> | undefined;
  #atWork: { readonly topic: string; readonly cancel: SharedArrayBuffer; readonly done: Promise<unknown> } | undefined;
  /** Partitions whose files cannot be read: left as they are until the next start. */
  readonly #unreadable = new Set<PartitionState>();
  #stopped = false;

  constructor(context: CompactorContext) {
    this.#context = context;
  }

  /** Compacts what is worth it; joins a run that is under way. */
  run(): Promise<CompactionCounts> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Ends what is done to a topic. */
  async leave(topic: string): Promise<void> {
    const work = this.#atWork;
    if (work?.topic !== topic) return;
    cancel(work.cancel);
    await work.done;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#atWork !== undefined) cancel(this.#atWork.cancel);
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<CompactionCounts> {
    let removedBytes = 0;
    const topics = [...this.#context.state.topics.values()].filter(({ config }) => config.kind === 'upsert');
    for (const { partitions } of topics) {
      for (const partition of partitions) {
        if (!this.#stopped && !this.#unreadable.has(partition)) removedBytes += await this.#compact(partition);
      }
    }
    return { removedBytes };
  }

  async #compact(partition: PartitionState): Promise<number> {
    const { onWarning } = this.#context;
    try {
      return await this.#pass(partition);
    } catch (error) {
      const isFull = error instanceof DiskFailure && error.kind === 'full';
      if (!this.#stopped && this.#isThere(partition)) {
        if (!isFull) this.#unreadable.add(partition);
        const next = isFull ? 'it is tried again' : 'it is left as it is until the next start';
        onWarning(`compacting ${partition.topic}/${partition.partition}: ${messageOf(error)}; ${next}`);
      }
      return 0;
    }
  }

  /** Returns how many bytes it gave back. */
  async #pass(partition: PartitionState): Promise<number> {
    const { clock, limits, state, pinned } = this.#context;
    const config = state.topics.get(partition.topic)?.config;
    if (config === undefined || !this.#isThere(partition)) return 0;
    const plan = compactionPlan(partition, {
      limit: Math.min(partition.end, pinned(partition.topic, partition.partition)),
      now: clock.now(),
      lagMs: limits.compactionLagMs,
      dirtyRatio: limits.compactionDirtyRatio,
    });
    if (plan === undefined) return 0;
    const { compactionKeyBytes: memoryMax } = limits;
    const directory = this.#directory(partition);
    const found = await this.#work(partition, (flag) => {
      return { kind: 'map-keys', directory, segments: plan.dirty, memoryMax, cancel: flag };
    });
    if (found?.kind !== 'keys') return 0;
    const segments = [...plan.clean, ...plan.dirty.slice(0, found.segments)];
    let removedBytes = 0;
    for (const group of compactionGroups(segments, config.segmentBytesMax)) {
      const removed = await this.#replace(partition, group, found.keys);
      if (removed === undefined) break;
      removedBytes += removed;
    }
    return removedBytes;
  }

  /** Puts one segment in the place of a group; undefined when the pass is over. */
  async #replace(
    partition: PartitionState,
    group: readonly SealedSegment[],
    keys: KeyMemory,
  ): Promise<number | undefined> {
    const { clock, limits, commit } = this.#context;
    const first = group[0]!;
    const version = Math.max(...group.map((segment) => segment.version)) + 1;
    const result = await this.#work(partition, (flag) => ({
      kind: 'compact-segments',
      directory: this.#directory(partition),
      segments: group,
      version,
      keys,
      now: clock.now(),
      deleteRetentionMs: limits.deleteRetentionMs,
      intervalBytes: limits.indexIntervalBytes,
      cancel: flag,
    }));
    if (result?.kind === 'unchanged') return 0;
    if (result?.kind !== 'compacted') return undefined;
    const { length, maxTimestamp, deletesFrom } = result;
    const segment = { base: first.base, version, length, maxTimestamp };
    const { end } = group[group.length - 1]!;
    await commit({ partitionId: partition.id, segment, replaced: group.length, end, deletesFrom });
    return this.#removeReplaced(partition, segment, group);
  }

  /** Retention may have taken some of the group first: then the new file is the one that does not count. */
  async #removeReplaced(
    partition: PartitionState,
    made: SegmentFile & { readonly length: number },
    group: readonly SealedSegment[],
  ): Promise<number | undefined> {
    if (!this.#isThere(partition)) return undefined;
    const counts = partition.segments.some(({ base, version }) => base === made.base && version === made.version);
    const files: readonly SegmentFile[] = counts ? group : [made];
    const directory = this.#directory(partition);
    const paths = files.flatMap((file) => [join(directory, segmentName(file)), join(directory, indexName(file))]);
    await this.#context.remove('removing segments that compaction has replaced', paths);
    if (!counts) return undefined;
    return group.reduce((sum, { length }) => sum + length, -made.length);
  }

  /** Runs a task on a partition that is there; undefined when it is not, or all is stopped. */
  async #work(
    partition: PartitionState,
    task: (flag: SharedArrayBuffer) => DiskTask,
  ): Promise<DerivedResult | undefined> {
    if (this.#stopped || !this.#isThere(partition)) return undefined;
    const flag = newCancel();
    const operation = task(flag);
    const done = this.#context.disk.runApart([{ kind: 'derive', task: operation }]);
    this.#atWork = { topic: partition.topic, cancel: flag, done: done.catch(() => undefined) };
    try {
      return (await done).derived;
    } catch (error) {
      await this.#discard(operation);
      throw error;
    } finally {
      this.#atWork = undefined;
    }
  }

  /** What a task that failed has written so far gives its space back; the next start tries again. */
  async #discard(task: DiskTask): Promise<void> {
    if (task.kind !== 'compact-segments') return;
    const paths = unfinishedFiles(task);
    await this.#context.disk.runApart(paths.map((path) => ({ kind: 'remove', path }))).catch(() => undefined);
  }

  #isThere(partition: PartitionState): boolean {
    return this.#context.state.partitions.get(partition.id) === partition;
  }

  #directory({ topic, partition }: PartitionState): string {
    return partitionDirectory(this.#context.dataDir, topic, partition);
  }
}
