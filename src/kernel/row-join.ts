import type { ColumnVector } from './column.ts';
import type { Kernel } from './kernel.ts';
import type { RowList, RowPairs, RowStore } from './row-store.ts';
import { COLUMN_BYTES, putColumns } from './state-column.ts';

/** Rows of a batch by number (u32 each; address 0: the first so many). */
export interface Selected {
  readonly selection: number;
  readonly selected: number;
}

/** Rows in two parts. */
export interface Divided {
  readonly first: Selected;
  readonly second: Selected;
}

/** What pairs do to a result: as bits in assembly/rows/join.ts. */
export const PAIR_EFFECT = { pairs: 1, countOther: 2, unmet: 4, met: 8, skipOwn: 16 } as const;

export interface PairChange extends RowList {
  readonly numbers: number;
  readonly causes: number;
  readonly weights: number;
}

/**
 * What pairs of coming (weight 1) or going (-1) rows of a batch with kept rows of `other` change in the result; counts them on both
 * sides. `counts`: u32 by row of the batch, or 0.
 */
export function joinPairs(
  kernel: Kernel,
  other: RowStore,
  pairs: RowPairs,
  weight: 1 | -1,
  effects: number,
  counts: number,
): PairChange {
  const room = pairs.count * 2 * 4;
  const [numbers, references, causes, weights] = [0, 0, 0, 0].map(() => kernel.arenaAlloc(room)) as [
    number,
    number,
    number,
    number,
  ];
  const count = kernel.exports.joinPairs(
    other.address,
    pairs.numbers,
    pairs.references,
    pairs.count,
    weight,
    effects,
    counts,
    numbers,
    references,
    causes,
    weights,
  );
  return { numbers, references, causes, weights, count };
}

function divide({ selected }: Selected, kernel: Kernel, work: (first: number, second: number) => number): Divided {
  const first = kernel.arenaAlloc(selected * 4);
  const second = kernel.arenaAlloc(selected * 4);
  const count = work(first, second);
  return {
    first: { selection: first, selected: count },
    second: { selection: second, selected: selected - count },
  };
}

/** Rows whose count is zero, and the others. */
export function divideByCount(kernel: Kernel, counts: number, rows: Selected): Divided {
  const { selection, selected } = rows;
  return divide(rows, kernel, (zero, more) => kernel.exports.joinByCount(counts, selection, selected, zero, more));
}

/** Rows that come, and rows that go. */
export function divideByWeight(kernel: Kernel, weights: number, rows: Selected): Divided {
  const { selection, selected } = rows;
  return divide(rows, kernel, (plus, minus) => kernel.exports.joinByWeight(weights, selection, selected, plus, minus));
}

/** Rows that have a value in each of the columns, and the others. */
export function divideByNulls(kernel: Kernel, columns: readonly ColumnVector[], rows: Selected): Divided {
  const { selection, selected } = rows;
  const described = kernel.arenaAlloc(columns.length * COLUMN_BYTES);
  putColumns(kernel, described, columns);
  return divide(rows, kernel, (kept, missing) =>
    kernel.exports.joinByNulls(described, columns.length, selection, selected, kept, missing),
  );
}

/** Rows that are in time (or have none), and rows more than `lag` behind the watermark, their own partition's or the operator's. */
export function divideByTime(
  kernel: Kernel,
  time: ColumnVector,
  watermarks: number,
  watermark: bigint,
  lag: bigint,
  rows: Selected,
): Divided {
  const { selection, selected } = rows;
  const { data, nulls } = time;
  return divide(rows, kernel, (kept, late) =>
    kernel.exports.joinByTime(data, nulls, watermarks, watermark, lag, selection, selected, kept, late),
  );
}

/** Rows for which a kept row was found, whose counters go to `counts` (by row, or 0); and the others. */
export function divideByFound(
  kernel: Kernel,
  store: RowStore,
  found: RowList,
  counts: number,
  rows: Selected,
): Divided {
  const { selection, selected } = rows;
  return divide(rows, kernel, (known, missing) =>
    kernel.exports.joinByFound(store.address, found.references, counts, selection, selected, known, missing),
  );
}

/** The pairs at these positions. */
export function pairsAt(kernel: Kernel, pairs: RowPairs, { selection, selected }: Selected): RowPairs {
  const numbers = kernel.arenaAlloc(selected * 4);
  const references = kernel.arenaAlloc(selected * 4);
  kernel.exports.takeWords(pairs.numbers, selection, selected, numbers);
  kernel.exports.takeWords(pairs.references, selection, selected, references);
  return { numbers, references, count: selected };
}

/** The words at these positions, the others zero: `count` in all. */
export function wordsAt(kernel: Kernel, words: number, count: number, { selection, selected }: Selected): number {
  const target = kernel.arenaAlloc(Math.max(1, count) * 4);
  kernel.u32().fill(0, target >>> 2, (target >>> 2) + count);
  kernel.exports.scatterWords(words, selection, selected, target);
  return target;
}
