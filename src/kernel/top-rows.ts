import type { Kernel } from './kernel.ts';
import type { RowInput, RowStore } from './row-store.ts';

/** As in assembly/rows/top.ts. */
const TOP = { limit: 0, numbered: 4, keys: 8, items: 64 } as const;
const SORT = { descending: 1, nullsFirst: 2 } as const;
const CHANGE_WORDS = 2;

/** A column of the store's layout by which rows are ordered: numbers as such, strings by their bytes. */
export interface TopKey {
  readonly column: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** Rows that came into sight or left it, as columns of the arena. */
export interface TopChanges {
  /** u32 each. */
  readonly references: number;
  readonly count: number;
  /** i32 each: 1 or -1. */
  readonly weights: number;
  /** i64 each: the row's number in the order of its key. */
  readonly numbers: number;
}

/**
 * The first rows of each key of a store in an order, equal ones as they came. The store has these rows and no others, and is to be
 * changed by nobody else.
 */
export class TopRows {
  readonly #kernel: Kernel;
  readonly #store: RowStore;
  readonly #top: number;

  /** `numbered`: the place of a row in the order is told, and told anew when it changes. */
  constructor(
    kernel: Kernel,
    store: RowStore,
    order: { readonly limit: number; readonly numbered: boolean; readonly keys: readonly TopKey[] },
  ) {
    this.#kernel = kernel;
    this.#store = store;
    this.#top = kernel.exports.allocZeroed(TOP.items + order.keys.length * 8) >>> 0;
    const words = kernel.u32();
    const base = this.#top >>> 2;
    words[base + TOP.limit / 4] = order.limit;
    words[base + TOP.numbered / 4] = order.numbered ? 1 : 0;
    words[base + TOP.keys / 4] = order.keys.length;
    order.keys.forEach(({ column, descending, nullsFirst }, at) => {
      const item = base + TOP.items / 4 + at * 2;
      words[item] = column;
      words[item + 1] = (descending ? SORT.descending : 0) | (nullsFirst ? SORT.nullsFirst : 0);
    });
  }

  /** Takes rows of a batch in. */
  take({ columns, selection, selected }: RowInput): void {
    const described = this.#store.describe(columns);
    const { topTake } = this.#kernel.exports;
    topTake(this.#store.address, this.#top, described.columns, described.keys, selection, selected);
  }

  /** Hands out what has changed since the last time, `room` rows at a time; what goes is readable until then. */
  flush(room: number, visit: (changes: TopChanges) => void): void {
    const { exports } = this.#kernel;
    const count = exports.topFlush(this.#store.address, this.#top) >>> 0;
    for (let from = 0; from < count; from += room) visit(this.#changes(from, Math.min(room, count - from)));
    exports.topEnd(this.#store.address, this.#top);
  }

  #changes(from: number, count: number): TopChanges {
    const kernel = this.#kernel;
    const references = kernel.arenaAlloc(count * 4);
    const weights = kernel.arenaAlloc(count * 4);
    const numbers = kernel.arenaAlloc(count * 8);
    const at = (kernel.exports.topChanges(this.#top) >>> 2) + from * CHANGE_WORDS;
    const words = kernel.u32();
    const signed = kernel.i32();
    const longs = kernel.i64();
    for (let i = 0; i < count; i++) {
      const number = signed[at + i * CHANGE_WORDS + 1]!;
      words[(references >>> 2) + i] = words[at + i * CHANGE_WORDS]!;
      signed[(weights >>> 2) + i] = number < 0 ? -1 : 1;
      longs[numbers / 8 + i] = BigInt(Math.abs(number));
    }
    return { references, count, weights, numbers };
  }

  close(): void {
    this.#kernel.exports.topFree(this.#top);
  }
}
