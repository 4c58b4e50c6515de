import { textOf, utf8 } from '../base/bytes.ts';
import type { Compaction, Extent, Round, StartMove } from './commit-record.ts';
import type { LedgerPut, TopicConfig } from './log.ts';
import { versionUnknown } from './log-error.ts';
import { afterBatch, type ProducerState, unexpired } from './producer-state.ts';

/** The log's own spaces of the ledger begin with this. */
export const RESERVED_SPACE_PREFIX = 'log.';
/** Key: topic name; value: its configuration and the number of its first partition. */
export const TOPICS_SPACE = 'log.topics';
/** Topics that were deleted and whose files may still be there. */
export const DELETED_SPACE = 'log.deleted';
/** `next-partition`: numbers are never used twice. */
export const COUNTERS_SPACE = 'log.counters';
export const NEXT_PARTITION_KEY = 'next-partition';

export interface Segment {
  readonly base: number;
  /** Of its file; above 0 it is compacted, and so are all before it. */
  readonly version: number;
  /** Bytes that are committed; the file may be longer. */
  length: number;
  maxTimestamp: number;
}

/** What is committed of one partition. */
export class PartitionState {
  readonly id: number;
  readonly topic: string;
  readonly partition: number;
  logStart = 0;
  end = 0;
  bytes = 0;
  /** Compaction has taken deletions below this. */
  deletesFrom = 0;
  /** Oldest first; the last one is active. */
  readonly segments: Segment[] = [];
  readonly producers = new Map<bigint, ProducerState>();

  constructor(id: number, topic: string, partition: number) {
    this.id = id;
    this.topic = topic;
    this.partition = partition;
  }

  get active(): Segment | undefined {
    return this.segments[this.segments.length - 1];
  }

  append(extent: Extent, timestamp: number, producerExpiryMs: number): void {
    let segment = this.active;
    if (segment === undefined || segment.base !== extent.segmentBase) {
      segment = { base: extent.segmentBase, version: 0, length: 0, maxTimestamp: extent.maxTimestamp };
      this.segments.push(segment);
    }
    segment.length = extent.position + extent.length;
    if (extent.maxTimestamp > segment.maxTimestamp) segment.maxTimestamp = extent.maxTimestamp;
    this.bytes += extent.length;
    this.end = extent.baseOffset + extent.records;
    const stamp = extent.producer;
    if (stamp !== undefined) {
      const before = unexpired(this.producers.get(stamp.id), timestamp, producerExpiryMs);
      this.producers.set(stamp.id, afterBatch(before, stamp, extent.records, extent.baseOffset, timestamp));
    }
  }

  /** Puts one segment in the place of those that it was made from; false when retention has taken some of them meanwhile. */
  replace({ segment, replaced, end, deletesFrom }: Compaction): boolean {
    const first = this.segments.findIndex(({ base }) => base === segment.base);
    if (first < 0 || this.segments[first + replaced]?.base !== end) return false;
    const before = this.segments.splice(first, replaced, { ...segment });
    for (const { length } of before) this.bytes -= length;
    this.bytes += segment.length;
    this.deletesFrom = Math.max(this.deletesFrom, deletesFrom);
    return true;
  }

  /** Drops the segments wholly before `logStart`; returns them. */
  moveStart(logStart: number): Segment[] {
    const dropped: Segment[] = [];
    this.logStart = Math.max(this.logStart, logStart);
    while (this.segments.length > 0) {
      const following = this.segments[1]?.base ?? this.end;
      if (following > this.logStart) break;
      const segment = this.segments.shift()!;
      this.bytes -= segment.length;
      dropped.push(segment);
    }
    return dropped;
  }
}

export interface TopicState {
  readonly config: TopicConfig;
  readonly partitions: readonly PartitionState[];
}

/** Everything that the commit log says, in memory. Changed by whole rounds only, live and at recovery alike. */
export class LogState {
  commit = 0;
  readonly topics = new Map<string, TopicState>();
  readonly partitions = new Map<number, PartitionState>();
  readonly ledger = new Map<string, Map<string, Uint8Array>>();
  readonly producerExpiryMs: number;

  constructor(producerExpiryMs: number) {
    this.producerExpiryMs = producerExpiryMs;
  }

  apply(round: Round): void {
    this.commit = round.commit;
    for (const extent of round.extents) {
      this.partitions.get(extent.partitionId)?.append(extent, round.timestamp, this.producerExpiryMs);
    }
    for (const start of round.starts) this.#moveStart(start);
    for (const compaction of round.compactions) this.partitions.get(compaction.partitionId)?.replace(compaction);
    for (const put of round.puts) this.put(put);
  }

  #moveStart(start: StartMove): void {
    this.partitions.get(start.partitionId)?.moveStart(start.logStart);
  }

  put(put: LedgerPut): void {
    let space = this.ledger.get(put.space);
    if (put.value === undefined) {
      space?.delete(put.key);
    } else {
      if (space === undefined) {
        space = new Map();
        this.ledger.set(put.space, space);
      }
      space.set(put.key, put.value);
    }
    if (put.space === TOPICS_SPACE) this.#topicChanged(put.key, put.value);
  }

  #topicChanged(name: string, value: Uint8Array | undefined): void {
    const before = this.topics.get(name);
    if (value === undefined) {
      for (const partition of before?.partitions ?? []) this.partitions.delete(partition.id);
      this.topics.delete(name);
      return;
    }
    const { config, firstPartition } = decodeTopic(value);
    if (before !== undefined) {
      this.topics.set(name, { config, partitions: before.partitions });
      return;
    }
    const partitions = Array.from(
      { length: config.partitions },
      (_, i) => new PartitionState(firstPartition + i, name, i),
    );
    for (const partition of partitions) this.partitions.set(partition.id, partition);
    this.topics.set(name, { config, partitions });
  }

  /** Gives back the memory of producers that count as forgotten already. */
  forgetProducers(now: number): void {
    for (const { producers } of this.partitions.values()) {
      for (const [id, producer] of producers) {
        if (unexpired(producer, now, this.producerExpiryMs) === undefined) producers.delete(id);
      }
    }
  }

  ledgerGet(space: string, key: string): Uint8Array | undefined {
    return this.ledger.get(space)?.get(key);
  }

  nextPartition(): number {
    const value = this.ledgerGet(COUNTERS_SPACE, NEXT_PARTITION_KEY);
    return value === undefined ? 0 : Number(textOf(value));
  }
}

/** Of the ledger's value for a topic. */
export const TOPIC_FORMAT_VERSION = 1;
/** Of what its segments hold: the magic of Kafka's record batches. */
export const RECORD_FORMAT_VERSION = 2;

interface StoredTopic extends TopicConfig {
  readonly formatVersion: number;
  readonly recordFormatVersion: number;
  readonly firstPartition: number;
}

/** The ledger's value for a topic: JSON, so that later versions can add facts. */
export function encodeTopic(config: TopicConfig, firstPartition: number): Uint8Array {
  const versions = { formatVersion: TOPIC_FORMAT_VERSION, recordFormatVersion: RECORD_FORMAT_VERSION };
  return utf8(JSON.stringify({ ...config, ...versions, firstPartition }));
}

/** @throws HeadraceError `LOG_VERSION_UNKNOWN` */
function decodeTopic(value: Uint8Array): { readonly config: TopicConfig; readonly firstPartition: number } {
  const { firstPartition, formatVersion, recordFormatVersion, ...stored }: StoredTopic = JSON.parse(textOf(value));
  if (formatVersion > TOPIC_FORMAT_VERSION) {
    throw versionUnknown(`reading the description of topic "${stored.name}"`, formatVersion, TOPIC_FORMAT_VERSION);
  }
  if (recordFormatVersion > RECORD_FORMAT_VERSION) {
    throw versionUnknown(`reading the segments of topic "${stored.name}"`, recordFormatVersion, RECORD_FORMAT_VERSION);
  }
  const config: TopicConfig = {
    ...stored,
    retentionMs: stored.retentionMs,
    retentionBytes: stored.retentionBytes,
    keyPath: stored.keyPath,
  };
  return { config, firstPartition };
}
