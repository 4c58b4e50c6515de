import type { TopicRecord } from './topic-record.ts';

/** The rows of a table. */
export interface RowStore {
  readonly size: number;
  /** Takes in one record; returns how many rows the limit pushed out. */
  apply(record: TopicRecord): number;
  get(key: string): TopicRecord | undefined;
  /** Oldest change first. */
  records(): Iterable<TopicRecord>;
}

/**
 * Rows of an `upsert` topic by key; a tombstone deletes. The map's order is the order of the last change, so that the
 * row that goes when there are too many is the one whose record is the oldest in the log.
 */
export class UpsertRows implements RowStore {
  readonly #rows = new Map<string, TopicRecord>();
  readonly #rowsMax: number;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  get size(): number {
    return this.#rows.size;
  }

  apply(record: TopicRecord): number {
    const key = record.key ?? '';
    this.#rows.delete(key);
    if (record.text === null) return 0;
    this.#rows.set(key, record);
    if (this.#rows.size <= this.#rowsMax) return 0;
    const oldest = this.#rows.keys().next();
    if (!oldest.done) this.#rows.delete(oldest.value);
    return 1;
  }

  get(key: string): TopicRecord | undefined {
    return this.#rows.get(key);
  }

  records(): Iterable<TopicRecord> {
    return this.#rows.values();
  }
}

/** The newest rows of an `append` topic. A key finds the newest row that carries it. */
export class TailRows implements RowStore {
  readonly #rowsMax: number;
  #rows: TopicRecord[] = [];
  #start = 0;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  get size(): number {
    return this.#rows.length - this.#start;
  }

  apply(record: TopicRecord): number {
    if (record.text === null) return 0;
    this.#rows.push(record);
    if (this.size <= this.#rowsMax) return 0;
    this.#start++;
    if (this.#start > this.#rowsMax) {
      this.#rows = this.#rows.slice(this.#start);
      this.#start = 0;
    }
    return 1;
  }

  get(key: string): TopicRecord | undefined {
    for (let at = this.#rows.length - 1; at >= this.#start; at--) {
      if (this.#rows[at]?.key === key) return this.#rows[at];
    }
    return undefined;
  }

  *records(): Iterable<TopicRecord> {
    for (let at = this.#start; at < this.#rows.length; at++) yield this.#rows[at]!;
  }
}
