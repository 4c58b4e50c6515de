import { type CommitNumber, type Offset, type TimestampMs, timestampMs } from '../base/brand.ts';
import type { HeadraceError } from '../base/error.ts';
import type { Column } from '../plan/data-type.ts';
import type { OutputNode } from '../plan/node.ts';
import type { CheckpointLoad } from './checkpoint-load.ts';
import type { RowStore } from './row-store.ts';
import type { Freshness, JsonRow, Table } from './serving.ts';
import { appliedRecord, type CheckpointHeader } from './table-checkpoint.ts';
import type { RecordListener } from './topic-feed.ts';
import type { Following, TopicHub } from './topic-hub.ts';
import type { TopicPosition } from './topic-position.ts';
import type { TopicRecord } from './topic-record.ts';

/** What the engine knows of a view beyond its output topic. */
export interface ViewProgress {
  readonly watermark: Freshness['watermark'];
  /** Input records that the pipeline has not yet processed. */
  readonly lagRecords: number;
}

export interface ViewTableOptions {
  readonly hub: TopicHub;
  readonly instance: number;
  readonly pipeline: string;
  readonly output: OutputNode;
  /** An empty store: once, and again when a checkpoint turns out to be damaged. */
  readonly store: () => RowStore;
  /** Where the log is read from when there is no checkpoint. */
  readonly from: TopicPosition;
  readonly checkpoint: CheckpointLoad | undefined;
  readonly progress: (() => ViewProgress | undefined) | undefined;
  /** Called for rows that the limit pushed out. */
  readonly evicted: (rows: number) => void;
}

/** What a checkpoint of a table is written from. */
export interface TableState {
  readonly header: CheckpointHeader;
  readonly records: readonly TopicRecord[];
}

/** The table of a view: its rows by key (or its newest rows), loaded from a checkpoint and kept by following the output topic. */
export class ViewTable implements Table, RecordListener {
  readonly name: string;
  /** Tells this table from an earlier one of the same name. */
  readonly instance: number;
  readonly pipeline: string;
  readonly output: OutputNode;
  readonly columns: readonly Column[];
  readonly keyColumns: readonly string[];
  /** Resolves when the checkpoint, if there is one, has been loaded: before that, rows and position do not belong together. */
  readonly loaded: Promise<void>;
  readonly #options: ViewTableOptions;
  readonly #hub: TopicHub;
  readonly #last: (TopicRecord | undefined)[] = [];
  #store: RowStore;
  #load: CheckpointLoad | undefined;
  #following: Following | undefined;
  #stopLoading: () => void = () => {};
  #whenLoaded: () => void = () => {};
  #loadedHeader: CheckpointHeader | undefined;
  #version = 0;
  #recordsSinceCheckpoint = 0;
  #newest: TimestampMs = timestampMs(0);
  #commit: CommitNumber;
  #failure: HeadraceError | undefined;
  #lost = 0;

  constructor(options: ViewTableOptions) {
    this.name = options.output.name;
    this.instance = options.instance;
    this.pipeline = options.pipeline;
    this.output = options.output;
    this.columns = options.output.input.columns;
    this.keyColumns = options.output.keys.map((index) => this.columns[index]?.name ?? `column ${index}`);
    this.#options = options;
    this.#hub = options.hub;
    this.#store = options.store();
    this.#commit = options.hub.commit;
    this.#load = options.checkpoint;
    this.loaded = new Promise((resolve) => {
      this.#whenLoaded = resolve;
    });
    if (this.#load === undefined) this.#follow(options.from);
    else {
      const behind = (): boolean => this.#load !== undefined;
      this.#stopLoading = this.#hub.schedule({ behind, advance: (overtime) => this.#advanceLoad(overtime) });
    }
  }

  get topic(): string {
    return this.output.topic;
  }

  get size(): number {
    return this.#store.size;
  }

  /** Changes with every record that was applied: two equal versions have equal rows. */
  get version(): number {
    return this.#version;
  }

  /** Why the table no longer follows its topic. */
  get failure(): HeadraceError | undefined {
    return this.#failure;
  }

  /** Records that retention took before the table had read them. */
  get lostRecords(): number {
    return this.#lost;
  }

  get recordsSinceCheckpoint(): number {
    return this.#recordsSinceCheckpoint;
  }

  get(key: string): JsonRow | undefined {
    return this.#store.get(key)?.row() ?? undefined;
  }

  *rows(): Iterable<JsonRow> {
    for (const record of this.#store.records()) yield record.row() as JsonRow;
  }

  /** The rows at this moment, oldest change first; later changes do not touch the array. */
  snapshot(): readonly TopicRecord[] {
    return [...this.#store.records()];
  }

  /** Of every partition of the output topic, the first offset that {@link snapshot} does not reflect. */
  position(): TopicPosition {
    return this.#following?.position() ?? this.#options.from;
  }

  /** Visible records of the output topic that are not yet in the table. */
  lag(): number {
    if (this.#following !== undefined) return this.#following.lag();
    const ends = this.#hub.highWatermarks(this.topic);
    return ends.reduce((sum, end, partition) => sum + Math.max(0, end - this.#options.from[partition]!), 0);
  }

  /** Applies at once what lies below `until`; true when all of it is. */
  advanceTo(until: TopicPosition, overtime: () => boolean): boolean {
    if (this.#load !== undefined) this.#advanceLoad(overtime);
    return this.#following?.advanceTo(until, overtime) ?? false;
  }

  freshness(): Freshness {
    const progress = this.#options.progress?.();
    const lag = this.#failure === undefined ? this.lag() : 0;
    if (lag === 0 && this.#failure === undefined) this.#commit = this.#hub.commit;
    return {
      commit: this.#commit,
      asOf: this.#newest,
      watermark: progress?.watermark,
      lagRecords: lag + (progress?.lagRecords ?? 0),
    };
  }

  /** What a checkpoint holds now; undefined while there is nothing whole to write. */
  state(): TableState | undefined {
    if (this.#following === undefined || this.#failure !== undefined) return undefined;
    const records = this.snapshot();
    const position = this.position();
    const last = position.map((_, partition) => {
      const record = this.#last[partition];
      return record === undefined ? (this.#loadedHeader?.last[partition] ?? null) : appliedRecord(record);
    });
    this.#recordsSinceCheckpoint = 0;
    const { log } = this.#hub.context;
    const ids = position.map((_, partition) => log.bounds(this.topic, partition).id);
    return { header: { topic: this.topic, position, last, ids, rows: records.length, newest: this.#newest }, records };
  }

  records(records: readonly TopicRecord[]): void {
    let evicted = 0;
    for (const record of records) {
      evicted += this.#store.apply(record);
      if (record.timestamp > this.#newest) this.#newest = record.timestamp;
    }
    // A slice is of one partition.
    const last = records.at(-1);
    if (last !== undefined) this.#last[last.partition] = last;
    this.#version += records.length;
    this.#recordsSinceCheckpoint += records.length;
    this.#commit = this.#hub.commit;
    if (evicted > 0) this.#options.evicted(evicted);
  }

  gap(_partition: number, from: Offset, to: Offset): void {
    this.#lost += to - from;
  }

  failed(error: HeadraceError): void {
    this.#failure = error;
  }

  close(): void {
    this.#stopLoading();
    this.#load?.close();
    this.#load = undefined;
    this.#following?.close();
    this.#whenLoaded();
  }

  #advanceLoad(overtime: () => boolean): void {
    const load = this.#load;
    if (load === undefined) return;
    const outcome = load.advance(this.#store, overtime);
    if (outcome === 'more') return;
    this.#load = undefined;
    this.#stopLoading();
    if (outcome === 'failed') {
      this.#store = this.#options.store();
      this.#follow(this.#options.from);
      return;
    }
    this.#loadedHeader = load.header;
    this.#newest = timestampMs(load.header.newest);
    this.#version += load.header.rows;
    this.#follow(load.header.position);
  }

  #follow(from: TopicPosition): void {
    this.#following = this.#hub.follow(this.topic, from, this);
    this.#whenLoaded();
  }
}
