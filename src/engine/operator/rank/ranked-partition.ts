import type { DataType } from '../../../plan/data-type.ts';
import { rowKey } from '../row-batch.ts';
import { OrderedList } from './ordered-list.ts';
import { type EmitRanked, endOf, makeRanking, type RankedRow, type Ranking, type RankSpec } from './ranking.ts';

/** Equal rows in the order that a retraction looks through before the partition keeps an index of its rows. */
const PEERS_WALKED_MAX = 64;

/** What all partitions of a top-N share. */
export interface PartitionShape {
  readonly spec: RankSpec;
  readonly order: (a: readonly unknown[], b: readonly unknown[]) => number;
  readonly types: readonly DataType[];
  /** No row is ever taken back: what is behind the last that can be seen is not kept, since it will never be seen. */
  readonly appendOnly: boolean;
  /** Rows are told apart as they come; else they are looked at when the window closes. */
  readonly follows: boolean;
}

/** The rows of one partition in their order, equal ones as they came. */
export class RankedPartition {
  readonly key: unknown;
  readonly end: bigint;
  readonly rows: OrderedList<RankedRow>;
  /** Listed among the changed partitions of the epoch. */
  changed = false;
  seenBy = 0;
  readonly #shape: PartitionShape;
  readonly #limit: number;
  #ranking: Ranking | undefined;
  /** Rows by their values, the last come last; made when many are equal in the order. */
  #index: Map<string, RankedRow[]> | undefined;

  constructor(shape: PartitionShape, key: unknown, end: bigint) {
    this.#shape = shape;
    this.key = key;
    this.end = end;
    this.#limit = endOf(shape.spec);
    this.rows = new OrderedList((a, b) => shape.order(a.keys, b.keys) || a.sequence - b.sequence);
  }

  #rankingOf(): Ranking {
    this.#ranking ??= makeRanking(this.#shape.spec, this.rows, this.#same);
    return this.#ranking;
  }

  readonly #same = (a: RankedRow, b: RankedRow): boolean => this.#shape.order(a.keys, b.keys) === 0;

  /** Whether a row with these sort keys, coming now, would be seen by nobody, ever. */
  refuses(keys: readonly unknown[]): boolean {
    const { appendOnly, spec, order } = this.#shape;
    if (!appendOnly || this.rows.size < this.#limit || spec.rank === 'dense_rank') return false;
    const last = this.rows.at(this.#limit - 1);
    if (last === undefined) return true;
    const behind = order(keys, last.keys);
    return spec.rank === 'row_number' ? behind >= 0 : behind > 0;
  }

  insert(row: RankedRow): void {
    const position = this.rows.insert(row);
    if (this.#index !== undefined) this.#list(this.#index, row);
    if (this.#shape.follows) this.#rankingOf().inserted(row, position);
    if (this.#shape.appendOnly && this.#shape.spec.rank === 'row_number' && !this.#hasNumbers) this.#prune(this.#limit);
  }

  /** Whether what lies behind the last that is seen may still stand, until the ranks are counted. */
  get #hasNumbers(): boolean {
    return this.#shape.follows && this.#shape.spec.withRank && this.#shape.spec.limit !== 1;
  }

  /** Takes out the last that came of the rows with these values; false when there is none. */
  remove(values: readonly unknown[], keys: readonly unknown[]): boolean {
    const row = this.#find(values, keys);
    if (row === undefined) return false;
    const position = this.rows.remove(row);
    if (this.#index !== undefined) {
      const text = this.#textOf(values);
      const equal = this.#index.get(text)!;
      equal.pop();
      if (equal.length === 0) this.#index.delete(text);
    }
    if (this.#shape.follows) this.#rankingOf().removed(row, position);
    return true;
  }

  #find(values: readonly unknown[], keys: readonly unknown[]): RankedRow | undefined {
    const text = this.#textOf(values);
    if (this.#index !== undefined) return this.#index.get(text)?.at(-1);
    const { order } = this.#shape;
    const from = this.rows.countBefore((row) => order(row.keys, keys));
    let found: RankedRow | undefined;
    let walked = 0;
    this.rows.forEachFrom(from, (row) => {
      if (order(row.keys, keys) !== 0) return false;
      if (this.#textOf(row.values) === text) found = row;
      return ++walked <= PEERS_WALKED_MAX;
    });
    if (walked <= PEERS_WALKED_MAX) return found;
    this.#makeIndex();
    return this.#index!.get(text)?.at(-1);
  }

  #makeIndex(): void {
    const rows: RankedRow[] = [];
    this.rows.forEachFrom(0, (row) => {
      rows.push(row);
      return true;
    });
    rows.sort((a, b) => a.sequence - b.sequence);
    this.#index = new Map();
    for (const row of rows) this.#list(this.#index, row);
  }

  #list(index: Map<string, RankedRow[]>, row: RankedRow): void {
    const text = this.#textOf(row.values);
    const equal = index.get(text);
    if (equal === undefined) index.set(text, [row]);
    else equal.push(row);
  }

  #textOf(values: readonly unknown[]): string {
    return rowKey(values, this.#shape.types);
  }

  /** Emits what has changed in what is seen. */
  flush(emit: EmitRanked): void {
    const reach = this.#ranking?.flush(emit) ?? Number.POSITIVE_INFINITY;
    if (this.#shape.appendOnly) this.#prune(reach);
  }

  #prune(reach: number): void {
    while (this.rows.size > reach) this.rows.removeAt(this.rows.size - 1);
  }

  /** Puts back a row of a snapshot. */
  restore(row: RankedRow): void {
    this.rows.insert(row);
  }
}
