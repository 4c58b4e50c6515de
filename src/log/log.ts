import type { CommitNumber, Offset, TimestampMs } from '../base/brand.ts';
import type { HeadraceError } from '../base/error.ts';

/** What a topic's records are (ARCHITECTURE, section 4). */
export type TopicKind = 'append' | 'upsert' | 'retract';

export interface TopicConfig {
  readonly name: string;
  readonly partitions: number;
  readonly kind: TopicKind;
  /** Segments wholly older than this are deleted; undefined keeps for ever. */
  readonly retentionMs: number | undefined;
  /** Oldest segments go when a partition is larger; undefined sets no limit. */
  readonly retentionBytes: number | undefined;
  readonly segmentBytesMax: number;
  /** JSON path of the record key in the value (`['user_id']`), undefined for none; decides the partition. */
  readonly keyPath: readonly string[] | undefined;
  /** Free facts that other layers keep with the topic (its JSON Schema, its column types): stored, not read, by the log. */
  readonly properties: Readonly<Record<string, string>>;
}

/** Idempotent producer (KIP-98): the batch's producer id, epoch and base sequence. */
export interface ProducerStamp {
  readonly id: bigint;
  readonly epoch: number;
  readonly baseSequence: number;
}

export interface Append {
  readonly topic: string;
  readonly partition: number;
  /**
   * One complete RecordBatch v2, its CRC right; base offset and leader epoch are filled in by the log (neither is under
   * the CRC). Ownership passes to the log: the buffer may be transferred to the I/O thread.
   */
  readonly batch: Uint8Array;
  readonly records: number;
  readonly maxTimestamp: TimestampMs;
}

/** A durable keyed record of the commit log: journal, consumer offsets, idempotent answers, metadata. Last write per key wins. */
export interface LedgerPut {
  readonly space: string;
  readonly key: string;
  /** Undefined removes the key. */
  readonly value: Uint8Array | undefined;
}

/** All of it becomes durable and visible at once, or none of it. */
export interface CommitRequest {
  readonly appends: readonly Append[];
  readonly puts: readonly LedgerPut[];
}

export interface CommitResult {
  readonly commit: CommitNumber;
  /** Base offset of each append, in order. A duplicate of an idempotent producer gets its first offset. */
  readonly baseOffsets: readonly Offset[];
}

export interface PartitionBounds {
  readonly topic: string;
  readonly partition: number;
  /** Of this partition alone, also among those of deleted topics of its name. */
  readonly id: number;
  /** First offset that retention has left. */
  readonly logStart: Offset;
  /** End of what is durable and visible. */
  readonly highWatermark: Offset;
  /** Bytes on disk. */
  readonly bytes: number;
  /** Compaction has taken deletions before this: who goes on from an offset between the log start and this may have missed some. */
  readonly deletesFrom: Offset;
}

/** A reader of one partition, for any thread; synchronous, since it reads the page cache. */
export interface PartitionReader {
  readonly topic: string;
  readonly partition: number;
  /** Position of the next batch to be read; a batch is returned whole even if its base offset is lower. */
  readonly position: Offset;
  seek(position: Offset): void;
  /** Last visible offset + 1. */
  highWatermark(): Offset;
  /**
   * Copies whole visible record batches into `target`, as many as fit. Returns the number of bytes (0: nothing new);
   * a first batch that does not fit throws `LOG_BATCH_TOO_LARGE` with the size needed.
   * @throws HeadraceError `LOG_OFFSET_OUT_OF_RANGE` when retention has passed the position; `LOG_CORRUPT`
   */
  readInto(target: Uint8Array): number;
  close(): void;
}

/** Everything a worker thread needs to read: plain data, sent by postMessage. */
export interface LogView {
  readonly dataDir: string;
  /** SharedArrayBuffer: the published vector of high watermarks. */
  readonly vector: SharedArrayBuffer;
  readonly partitions: readonly { readonly topic: string; readonly partition: number; readonly slot: number }[];
}

/** The log of one data directory, owned by one process. */
export interface Log {
  readonly dataDir: string;
  /** Durable and visible when it resolves. @throws HeadraceError `LOG_TOPIC_EXISTS`, `LOG_TOPIC_NAME_INVALID` */
  createTopic(config: TopicConfig): Promise<void>;
  topic(name: string): TopicConfig | undefined;
  /** All but internal ones. */
  topics(): readonly TopicConfig[];
  deleteTopic(name: string): Promise<void>;
  setTopicProperties(name: string, properties: Readonly<Record<string, string>>): Promise<void>;
  bounds(topic: string, partition: number): PartitionBounds;

  /**
   * Queues the request for the next round; resolves after its fsync. Requests are applied in the order of the calls.
   * @throws HeadraceError `LOG_DISK_FULL` (retryable), `LOG_WRITE_FAILED`, `LOG_UNKNOWN_TOPIC`, `LOG_OUT_OF_SEQUENCE`, `LOG_PRODUCER_FENCED`
   */
  commit(request: CommitRequest): Promise<CommitResult>;
  /** Bytes queued and not yet durable: doors refuse above their limit. */
  pendingBytes(): number;

  ledgerGet(space: string, key: string): Uint8Array | undefined;
  ledgerEntries(space: string): ReadonlyMap<string, Uint8Array>;

  reader(topic: string, partition: number, from: Offset): PartitionReader;
  /** First offset whose record timestamp is at or after `time`; the high watermark if none. */
  offsetAtTime(topic: string, partition: number, time: TimestampMs): Offset;
  /** For worker threads; call again after topics were created. */
  view(): LogView;

  /**
   * Called when a round is about to be put together: what is committed within the call is part of it. So what gathers
   * elsewhere need not wait for a round more. Returns the unsubscribe function. Must not throw.
   */
  beforeRound(listener: () => void): () => void;
  /** Called after every published round; returns the unsubscribe function. Must not throw. */
  onCommit(listener: (commit: CommitNumber) => void): () => void;
  /** The lowest offset that a reader still needs; retention and compaction stop there. Undefined releases the pin. */
  pin(owner: string, topic: string, partition: number, from: Offset | undefined): void;
  /** Releases every pin of an owner, and of those whose names are its and what follows a slash; false when there was none. */
  unpin(owner: string): boolean;
  /** Deletes what retention allows; the owner calls it on a timer. */
  applyRetention(): Promise<{ readonly deletedBytes: number }>;
  /**
   * Compacts upsert topics where it is worth it: of each key the last record is left, at its offset, and nothing at or beyond
   * a pin changes. The owner calls it on a timer; it may take long, and ends with the log.
   */
  compact(): Promise<{ readonly removedBytes: number }>;
  stats(): LogStats;
  close(): Promise<void>;
}

export interface LogStats {
  readonly rounds: number;
  readonly bytesWritten: number;
  readonly fsyncs: number;
  /** Recent fsync times, milliseconds. */
  readonly fsyncMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** The last write was refused for want of space. */
  readonly diskFull: boolean;
  /** Why nothing more is written; undefined while all is well. */
  readonly failure: HeadraceError | undefined;
}
