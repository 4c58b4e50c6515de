import { type CommitNumber, type Offset, type TimestampMs, timestampMs } from '../base/brand.ts';
import type { HeadraceError } from '../base/error.ts';
import type { Column } from '../plan/data-type.ts';
import type { OutputNode } from '../plan/node.ts';
import type { RowStore } from './row-store.ts';
import type { Freshness, JsonRow, Table } from './serving.ts';
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
  readonly store: RowStore;
  /** Where the rows in `store` end and the log goes on. */
  readonly from: TopicPosition;
  readonly progress: (() => ViewProgress | undefined) | undefined;
  /** Called for rows that the limit pushed out. */
  readonly evicted: (rows: number) => void;
}

/** The table of a view: its rows by key (or its newest rows), kept by following the output topic. */
export class ViewTable implements Table, RecordListener {
  readonly name: string;
  /** Tells this table from an earlier one of the same name. */
  readonly instance: number;
  readonly pipeline: string;
  readonly output: OutputNode;
  readonly columns: readonly Column[];
  readonly keyColumns: readonly string[];
  readonly #hub: TopicHub;
  readonly #store: RowStore;
  readonly #following: Following;
  readonly #progress: ViewTableOptions['progress'];
  readonly #evicted: (rows: number) => void;
  #version = 0;
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
    this.#hub = options.hub;
    this.#store = options.store;
    this.#progress = options.progress;
    this.#evicted = options.evicted;
    this.#commit = options.hub.commit;
    this.#following = options.hub.follow(options.output.topic, options.from, this);
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
    return this.#following.position();
  }

  /** Visible records of the output topic that are not yet in the table. */
  lag(): number {
    return this.#following.lag();
  }

  /** Applies at once what lies below `until`; true when all of it is. */
  advanceTo(until: TopicPosition, overtime: () => boolean): boolean {
    return this.#following.advanceTo(until, overtime);
  }

  freshness(): Freshness {
    const progress = this.#progress?.();
    const lag = this.#failure === undefined ? this.lag() : 0;
    if (lag === 0 && this.#failure === undefined) this.#commit = this.#hub.commit;
    return {
      commit: this.#commit,
      asOf: this.#newest,
      watermark: progress?.watermark,
      lagRecords: lag + (progress?.lagRecords ?? 0),
    };
  }

  records(records: readonly TopicRecord[]): void {
    let evicted = 0;
    for (const record of records) {
      evicted += this.#store.apply(record);
      if (record.timestamp > this.#newest) this.#newest = record.timestamp;
    }
    this.#version += records.length;
    this.#commit = this.#hub.commit;
    if (evicted > 0) this.#evicted(evicted);
  }

  gap(_partition: number, from: Offset, to: Offset): void {
    this.#lost += to - from;
  }

  failed(error: HeadraceError): void {
    this.#failure = error;
  }

  close(): void {
    this.#following.close();
  }
}
