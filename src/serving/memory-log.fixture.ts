import { type CommitNumber, commitNumber, type Offset, offset, type TimestampMs, timestampMs } from '../base/brand.ts';
import { HeadraceError } from '../base/error.ts';
import type {
  CommitRequest,
  CommitResult,
  Log,
  LogStats,
  LogView,
  PartitionBounds,
  PartitionReader,
  TopicConfig,
  TopicKind,
} from '../log/log.ts';
import { encodeRecordBatch } from '../log/record-batch.ts';

interface StoredBatch {
  readonly base: number;
  readonly records: number;
  readonly bytes: Uint8Array;
}

interface StoredPartition {
  readonly id: number;
  batches: StoredBatch[];
  deletesFrom: number;
  start: number;
  end: number;
}

/** A log in memory for tests: the contract of {@link Log} as far as readers, commits and the ledger go. */
export class MemoryLog implements Log {
  readonly dataDir = 'memory';
  #topics = new Map<string, TopicConfig>();
  #partitions = new Map<string, StoredPartition[]>();
  #ledger = new Map<string, Map<string, Uint8Array>>();
  #dead = false;
  readonly #listeners = new Set<(commit: CommitNumber) => void>();
  #rounds = 0;
  #ids = 0;
  /** The next commits fail with it. */
  commitFailure: HeadraceError | undefined;

  /** What the next process finds; whatever the one before still tries to commit is lost. */
  restart(): MemoryLog {
    const next = new MemoryLog();
    next.#topics = this.#topics;
    next.#partitions = this.#partitions;
    next.#ledger = this.#ledger;
    next.#rounds = this.#rounds;
    next.#ids = this.#ids;
    this.#dead = true;
    return next;
  }

  /** A topic without waiting. */
  addTopic(name: string, kind: TopicKind = 'append', partitions = 1): void {
    this.#topics.set(name, {
      name,
      partitions,
      kind,
      retentionMs: undefined,
      retentionBytes: undefined,
      segmentBytesMax: 1 << 20,
      keyPath: undefined,
      properties: {},
    });
    this.#partitions.set(
      name,
      Array.from({ length: partitions }, () => ({ id: this.#ids++, batches: [], start: 0, end: 0, deletesFrom: 0 })),
    );
  }

  /** Appends rows in one batch and one commit; a row of null is a tombstone. */
  put(topic: string, rows: readonly (readonly [key: string | null, row: unknown])[], at = 0, partition = 0): void {
    const encoder = new TextEncoder();
    const encoded = encodeRecordBatch(
      rows.map(([key, row]) => ({
        key: key === null ? null : encoder.encode(key),
        value: row === null ? null : encoder.encode(typeof row === 'string' ? row : JSON.stringify(row)),
        timestamp: at,
      })),
    );
    this.#append(topic, partition, encoded.batch, encoded.records);
    this.#publish();
  }

  /** Retention: forgets whole batches below `start`. */
  cut(topic: string, start: number, partition = 0): void {
    const stored = this.#stored(topic, partition);
    stored.batches = stored.batches.filter((batch) => batch.base + batch.records > start);
    stored.start = start;
  }

  /** Compaction: the whole batches below `to` are superseded, or, up to `deletesFrom`, deletions whose time is over. */
  compactBelow(topic: string, to: number, deletesFrom = 0): void {
    const stored = this.#stored(topic, 0);
    stored.batches = stored.batches.filter((batch) => batch.base + batch.records > to);
    stored.deletesFrom = deletesFrom;
  }

  async createTopic(config: TopicConfig): Promise<void> {
    this.addTopic(config.name, config.kind, config.partitions);
  }

  topic(name: string): TopicConfig | undefined {
    return this.#topics.get(name);
  }

  topics(): readonly TopicConfig[] {
    return [...this.#topics.values()];
  }

  async deleteTopic(name: string): Promise<void> {
    this.#topics.delete(name);
  }

  async setTopicProperties(): Promise<void> {}

  bounds(topic: string, partition: number): PartitionBounds {
    const { id, start, end, deletesFrom } = this.#stored(topic, partition);
    const offsets = { logStart: offset(start), highWatermark: offset(end), deletesFrom: offset(deletesFrom) };
    return { topic, partition, id, bytes: 0, ...offsets };
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    if (this.#dead) return new Promise(() => undefined);
    if (this.commitFailure !== undefined) throw this.commitFailure;
    const baseOffsets = request.appends.map((a) => offset(this.#append(a.topic, a.partition, a.batch, a.records)));
    for (const { space, key, value } of request.puts) {
      const entries = this.#ledger.get(space) ?? new Map<string, Uint8Array>();
      this.#ledger.set(space, entries);
      if (value === undefined) entries.delete(key);
      else entries.set(key, value);
    }
    return { commit: this.#publish(), baseOffsets };
  }

  pendingBytes(): number {
    return 0;
  }

  ledgerGet(space: string, key: string): Uint8Array | undefined {
    return this.#ledger.get(space)?.get(key);
  }

  ledgerEntries(space: string): ReadonlyMap<string, Uint8Array> {
    return this.#ledger.get(space) ?? new Map();
  }

  reader(topic: string, partition: number, from: Offset): PartitionReader {
    return new MemoryReader(topic, partition, this.#stored(topic, partition), from);
  }

  offsetAtTime(topic: string, partition: number): Offset {
    return this.bounds(topic, partition).highWatermark;
  }

  view(): LogView {
    return { dataDir: this.dataDir, vector: new SharedArrayBuffer(8), partitions: [] };
  }

  beforeRound(): () => void {
    return () => {};
  }

  onCommit(listener: (commit: CommitNumber) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  pin(): void {}
  unpin(): boolean {
    return false;
  }

  async compact(): Promise<{ readonly removedBytes: number }> {
    return { removedBytes: 0 };
  }

  async applyRetention(): Promise<{ readonly deletedBytes: number }> {
    return { deletedBytes: 0 };
  }

  stats(): LogStats {
    const fsyncMs = { p50: 0, p99: 0, max: 0 };
    return { rounds: this.#rounds, bytesWritten: 0, fsyncs: 0, fsyncMs, diskFull: false, failure: undefined };
  }

  async close(): Promise<void> {}

  #publish(): CommitNumber {
    this.#rounds++;
    const commit = commitNumber(this.#rounds);
    for (const listener of this.#listeners) listener(commit);
    return commit;
  }

  #append(topic: string, partition: number, bytes: Uint8Array, records: number): number {
    const stored = this.#stored(topic, partition);
    const base = stored.end;
    const copy = bytes.slice();
    new DataView(copy.buffer).setBigInt64(0, BigInt(base));
    stored.batches.push({ base, records, bytes: copy });
    stored.end += records;
    return base;
  }

  #stored(topic: string, partition: number): StoredPartition {
    const stored = this.#partitions.get(topic)?.[partition];
    if (stored !== undefined) return stored;
    throw new HeadraceError(`reading topic ${topic}: unknown`, { code: 'LOG_UNKNOWN_TOPIC', domain: 'log' });
  }
}

class MemoryReader implements PartitionReader {
  readonly topic: string;
  readonly partition: number;
  readonly #stored: StoredPartition;
  #position: Offset;

  constructor(topic: string, partition: number, stored: StoredPartition, from: Offset) {
    this.topic = topic;
    this.partition = partition;
    this.#stored = stored;
    this.#position = from;
  }

  get position(): Offset {
    return this.#position;
  }

  seek(position: Offset): void {
    this.#position = position;
  }

  highWatermark(): Offset {
    return offset(this.#stored.end);
  }

  readInto(target: Uint8Array): number {
    if (this.#position < this.#stored.start) {
      throw new HeadraceError('reading: gone', { code: 'LOG_OFFSET_OUT_OF_RANGE', domain: 'log' });
    }
    let used = 0;
    for (const batch of this.#stored.batches) {
      if (batch.base + batch.records <= this.#position) continue;
      if (used + batch.bytes.length > target.length) {
        if (used > 0) break;
        throw new HeadraceError('reading: too large', { code: 'LOG_BATCH_TOO_LARGE', domain: 'log' });
      }
      target.set(batch.bytes, used);
      used += batch.bytes.length;
      this.#position = offset(batch.base + batch.records);
    }
    return used;
  }

  close(): void {}
}

/** Runs deferred work when told. */
export class ManualDefer {
  #pending: (() => void)[] = [];

  readonly defer = (callback: () => void): void => {
    this.#pending.push(callback);
  };

  /** Runs what is pending, and what that defers, until nothing is. */
  run(): void {
    while (this.step());
  }

  /** Runs one turn; false when nothing was pending. */
  step(): boolean {
    const pending = this.#pending;
    this.#pending = [];
    for (const callback of pending) callback();
    return pending.length > 0;
  }
}

export const at = (value: number): TimestampMs => timestampMs(value);
