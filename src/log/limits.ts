/** Every limit of the log, in one place; `openLog` takes changes to them. */
export interface LogLimits {
  /** Bytes of appends that one round takes; the rest waits for the next. A single larger request goes alone. */
  readonly roundBytesMax: number;
  /** Appends of one partition that together are no larger travel inside the commit-log record, so that their segment needs no fsync. */
  readonly inlineBytesMax: number;
  /** Inline bytes of one round, over all partitions. */
  readonly roundInlineBytesMax: number;
  /** One record batch. */
  readonly batchBytesMax: number;
  /** A checkpoint replaces the commit log when it is larger than this and than four times its last checkpoint. */
  readonly commitLogBytesMax: number;
  /** The commit log is written with zeros so far ahead: an fsync has then no blocks to allocate. */
  readonly commitSpaceBytes: number;
  /** Room in the commit log that only retention and deletes may use, so that they work on a full disk. */
  readonly commitReserveBytes: number;
  /** Files are made longer in steps, so that an fsync need not write their size. */
  readonly extendBytes: number;
  /** Bytes of a segment between two entries of its sparse index. */
  readonly indexIntervalBytes: number;
  /** Partitions created in one run of the process; each takes 32 bytes of shared memory. */
  readonly partitionsMax: number;
  /** An idempotent producer that was silent for longer is forgotten: its next batch may begin at any sequence. */
  readonly producerExpiryMs: number;
  /** Records of upsert topics that are younger are not compacted: a reader that is not further behind sees each change. */
  readonly compactionLagMs: number;
  /** How long compaction keeps a deletion after it has first met it. */
  readonly deleteRetentionMs: number;
  /** A partition is compacted when so large a part of its sealed segments is not yet (as Kafka's `min.cleanable.dirty.ratio`). */
  readonly compactionDirtyRatio: number;
  /** Memory for keys while a partition is compacted; the keys of one segment may take more. */
  readonly compactionKeyBytes: number;
  /** Open files of the I/O thread. */
  readonly openFilesMax: number;
}

export const LOG_LIMITS: LogLimits = {
  roundBytesMax: 16 * 1024 * 1024,
  inlineBytesMax: 64 * 1024,
  roundInlineBytesMax: 512 * 1024,
  batchBytesMax: 128 * 1024 * 1024,
  commitLogBytesMax: 64 * 1024 * 1024,
  commitSpaceBytes: 256 * 1024,
  commitReserveBytes: 64 * 1024,
  extendBytes: 32 * 1024 * 1024,
  indexIntervalBytes: 256 * 1024,
  partitionsMax: 16_384,
  producerExpiryMs: 7 * 24 * 60 * 60 * 1000,
  compactionLagMs: 5 * 60 * 1000,
  deleteRetentionMs: 24 * 60 * 60 * 1000,
  compactionDirtyRatio: 0.5,
  compactionKeyBytes: 64 * 1024 * 1024,
  openFilesMax: 512,
};

/** Bounds of {@link TopicConfig}. */
export const TOPIC_NAME_LENGTH_MAX = 249;
export const TOPIC_PARTITIONS_MAX = 1024;
export const SEGMENT_BYTES_MIN = 1024;
export const SEGMENT_BYTES_MAX = 1024 * 1024 * 1024;
/** Batches that an idempotent producer may repeat and still get its first answer (Kafka's figure). */
export const PRODUCER_BATCHES_KEPT = 5;
/** Fsync times kept for {@link LogStats}. */
export const FSYNC_SAMPLES = 1024;
