import type { TopNNode } from '../../../plan/node.ts';
import type { OrderedList } from './ordered-list.ts';

/** A row in the order of its partition. */
export interface RankedRow {
  readonly values: readonly unknown[];
  /** Values of the sort keys. */
  readonly keys: readonly unknown[];
  /** Place in the order of arrival. */
  readonly sequence: number;
  readonly time: bigint | undefined;
  /** It is among those to be seen, and in the result as it was emitted. */
  shown: boolean;
  stands: boolean;
  /** As it was emitted, or last counted; 0 beyond the last that is seen. */
  rank: number;
}

export type RankedRows = OrderedList<RankedRow>;
export type EmitRanked = (row: RankedRow, rank: number, weight: 1 | -1) => void;

/** What an order of rows shows, kept while rows come and go. */
export interface Ranking {
  /** The row is in the list, at this position. */
  inserted(row: RankedRow, position: number): void;
  /** The row was taken out of the list, where it had this position. */
  removed(row: RankedRow, position: number): void;
  /** Emits what has changed since the last time: what goes first. Returns how many rows of the list can be seen, or decide what is. */
  flush(emit: EmitRanked): number;
}

/** The part of a top-N that says what is seen. */
export type RankSpec = Pick<TopNNode, 'rank' | 'limit' | 'offset' | 'withRank'>;

export function makeRanking(spec: RankSpec, rows: RankedRows, sameKeys: SameKeys): Ranking {
  const bySize = spec.rank === 'row_number' && (!spec.withRank || spec.limit === 1);
  return bySize ? new PositionRanking(spec, rows) : new RenumberedRanking(spec, rows, sameKeys);
}

/** Whether two rows are equal in the order. */
export type SameKeys = (a: RankedRow, b: RankedRow) => boolean;

/**
 * Rows by position, whose numbers nobody sees: one change moves one row over each end of what is seen, whatever its size. A limit
 * of 1 has only one number.
 */
class PositionRanking implements Ranking {
  readonly #rows: RankedRows;
  readonly #offset: number;
  readonly #end: number;
  #touched: RankedRow[] = [];

  constructor(spec: RankSpec, rows: RankedRows) {
    this.#rows = rows;
    this.#offset = spec.offset;
    // Of nothing, nothing is seen.
    this.#end = spec.limit === 0 ? 0 : endOf(spec);
  }

  inserted(row: RankedRow, position: number): void {
    if (position >= this.#end) return;
    this.#show(position >= this.#offset ? row : this.#rows.at(this.#offset), true);
    this.#show(this.#rows.at(this.#end), false);
  }

  removed(row: RankedRow, position: number): void {
    if (position >= this.#end) return;
    this.#show(position >= this.#offset ? row : this.#rows.at(this.#offset - 1), false);
    this.#show(this.#rows.at(this.#end - 1), true);
  }

  #show(row: RankedRow | undefined, shown: boolean): void {
    if (row === undefined || row.shown === shown) return;
    row.shown = shown;
    this.#touched.push(row);
  }

  flush(emit: EmitRanked): number {
    const touched = this.#touched;
    this.#touched = [];
    for (const weight of [-1, 1] as const) {
      for (const row of touched) {
        if (row.shown === row.stands || row.shown !== weight > 0) continue;
        row.stands = row.shown;
        emit(row, this.#offset + 1, weight);
      }
    }
    return this.#end;
  }
}

/**
 * Rows with their numbers: from the first that changed on they are counted anew, up to the last that is seen or to where the
 * numbers are what they were.
 */
class RenumberedRanking implements Ranking {
  readonly #spec: RankSpec;
  readonly #rows: RankedRows;
  readonly #same: SameKeys;
  readonly #end: number;
  /** The first and the last row that came or went, in order. */
  #low: RankedRow | undefined;
  #high: RankedRow | undefined;
  #gone: RankedRow[] = [];
  /** The last row that stands, which may have gone since. */
  #last: RankedRow | undefined;

  constructor(spec: RankSpec, rows: RankedRows, same: SameKeys) {
    this.#spec = spec;
    this.#rows = rows;
    this.#same = same;
    this.#end = endOf(spec);
    rows.forEachFrom(0, (row) => {
      if (row.stands) this.#last = row;
      return undefined;
    });
  }

  inserted(row: RankedRow): void {
    this.#touch(row);
  }

  removed(row: RankedRow): void {
    if (row.stands) this.#gone.push(row);
    this.#touch(row);
  }

  #touch(row: RankedRow): void {
    if (this.#low === undefined || this.#rows.compare(row, this.#low) < 0) this.#low = row;
    if (this.#high === undefined || this.#rows.compare(row, this.#high) > 0) this.#high = row;
  }

  flush(emit: EmitRanked): number {
    const low = this.#low;
    const high = this.#high;
    if (low === undefined || high === undefined) return Number.POSITIVE_INFINITY;
    const gone = this.#gone;
    this.#low = undefined;
    this.#high = undefined;
    this.#gone = [];
    for (const row of gone) emit(row, row.rank, -1);
    const from = this.#rows.positionOf(low);
    let before = from === 0 ? undefined : this.#rows.at(from - 1);
    // All that is seen lies before.
    if (before !== undefined && before.rank === 0) return from;
    const came: RankedRow[] = [];
    let last = before?.stands === true ? before : undefined;
    let reach = Number.POSITIVE_INFINITY;
    const edge = this.#last;
    let wasCut = false;
    this.#rows.forEachFrom(from, (row, position) => {
      const rank = this.#rankOf(row, position, before);
      before = row;
      if (rank > this.#end) {
        if (reach > position) reach = position;
        if (row.stands) this.#emitGone(row, emit);
        row.rank = 0;
        return edge !== undefined && this.#rows.compare(row, edge) < 0;
      }
      const isShown = rank > this.#spec.offset;
      if (row.rank === rank && row.stands === isShown && this.#isPast(row, high)) {
        wasCut = true;
        return false;
      }
      const isNew = row.rank !== rank || !row.stands;
      if (row.stands && (!isShown || (isNew && this.#spec.withRank))) this.#emitGone(row, emit);
      row.rank = rank;
      if (isShown && !row.stands) came.push(row);
      if (isShown) last = row;
      return true;
    });
    for (const row of came) {
      row.stands = true;
      emit(row, row.rank, 1);
    }
    if (wasCut) return Number.POSITIVE_INFINITY;
    this.#last = last;
    return reach;
  }

  /** Behind all that changed, and not equal to the last of it: what is right here is right from here on. */
  #isPast(row: RankedRow, high: RankedRow): boolean {
    return this.#rows.compare(row, high) > 0 && !this.#same(row, high);
  }

  #emitGone(row: RankedRow, emit: EmitRanked): void {
    emit(row, row.rank, -1);
    row.stands = false;
  }

  #rankOf(row: RankedRow, position: number, before: RankedRow | undefined): number {
    const { rank } = this.#spec;
    if (rank === 'row_number' || before === undefined) return position + 1;
    if (this.#same(row, before)) return before.rank === 0 ? Number.POSITIVE_INFINITY : before.rank;
    if (rank === 'rank') return position + 1;
    return before.rank === 0 ? Number.POSITIVE_INFINITY : before.rank + 1;
  }
}

/** The rank of the last row that is seen. */
export function endOf({ limit, offset }: RankSpec): number {
  return limit === undefined ? Number.POSITIVE_INFINITY : offset + limit;
}

/** Calls back for the rows that are seen, in order, with their ranks: counted from the first. */
export function forEachVisible(
  spec: RankSpec,
  rows: RankedRows,
  same: SameKeys,
  visit: (row: RankedRow, rank: number) => void,
): void {
  const end = endOf(spec);
  let before: RankedRow | undefined;
  let rank = 0;
  rows.forEachFrom(0, (row, position) => {
    const isPeer = before !== undefined && same(row, before);
    if (spec.rank === 'row_number' || (spec.rank === 'rank' && !isPeer)) rank = position + 1;
    else if (spec.rank === 'dense_rank' && !isPeer) rank++;
    before = row;
    if (rank > end) return false;
    if (rank > spec.offset) visit(row, rank);
    return true;
  });
}
