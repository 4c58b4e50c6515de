import type { DataType, Interval } from '../../../plan/data-type.ts';
import { findOverload } from '../../../plan/function.ts';
import type { SortKey } from '../../../plan/node.ts';
import { TYPE, typeName } from '../../../plan/type-name.ts';
import { sortKeyOrder, sortOrder } from '../../../plan/value/sort-order.ts';
import type { FrameBound, WindowFrame } from '../../../plan/window-shape.ts';
import type { OrderedList } from '../rank/ordered-list.ts';

const DAY_US = 86_400_000_000n;
const LONGEST_MONTH_DAYS = 31;

/** What a frame is found by: rows in their order with the values of their sort keys. */
export interface FramedRow {
  readonly keys: readonly unknown[];
}

export type FramedRows = Pick<OrderedList<FramedRow>, 'size' | 'at' | 'countBefore'>;

/** Positions from `start` up to `end`, which is not among them. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Frames of one call over the rows of a partition (SQL:2016, part 2, 7.15; the values of bounds as in PostgreSQL). */
export class Frames {
  readonly #frame: WindowFrame;
  readonly #compare: (a: readonly unknown[], b: readonly unknown[]) => number;
  readonly #first: ((a: unknown, b: unknown) => number) | undefined;
  readonly #move: KeyMove | undefined;

  constructor(frame: WindowFrame, keys: readonly SortKey[]) {
    this.#frame = frame;
    this.#compare = sortOrder(keys);
    const [key] = keys;
    this.#first = key === undefined ? undefined : sortKeyOrder(key);
    const hasDistance = [frame.start, frame.end].some((bound) => 'distance' in bound);
    this.#move = frame.unit === 'range' && hasDistance && key !== undefined ? keyMove(key) : undefined;
  }

  /** The frame of the row at a position. */
  of(rows: FramedRows, position: number): Span {
    const row = rows.at(position)!;
    const { start, end } = this.#frame;
    const from = Math.max(0, this.#edge(rows, position, row, start, false));
    const to = Math.min(rows.size, this.#edge(rows, position, row, end, true));
    return { start: from, end: Math.max(from, to) };
  }

  /** Rows whose frame may hold a row between `low` and `high`, or the place where one was. */
  affected(rows: FramedRows, low: FramedRow, high: FramedRow, touched: Span): Span {
    const { start, end } = this.#frame;
    if (this.#frame.unit === 'rows') {
      const before = outward(end, 'following');
      const after = outward(start, 'preceding');
      return { start: Math.max(0, touched.start - before), end: Math.min(rows.size, touched.end + after) };
    }
    // Looked at from the rows that changed, the frame's end reaches back, and its start forward.
    const back = this.#edge(rows, touched.start, low, opposite(end), false);
    const forth = this.#edge(rows, touched.end - 1, high, opposite(start), true);
    return { start: Math.max(0, back), end: Math.min(rows.size, forth) };
  }

  /** Where a bound lies, seen from a row: the first position of the frame, or the one after its last. */
  #edge(rows: FramedRows, position: number, row: FramedRow, bound: FrameBound, isEnd: boolean): number {
    if (bound.kind === 'unbounded') return isEnd ? rows.size : 0;
    const { unit } = this.#frame;
    const sign = bound.kind === 'preceding' ? -1 : 1;
    if (unit === 'rows') {
      const at = bound.kind === 'current-row' ? position : position + sign * Number(bound.distance);
      return isEnd ? at + 1 : at;
    }
    if (bound.kind === 'current-row') return this.#peers(rows, row.keys, isEnd);
    if (unit === 'groups') return this.#group(rows, row, sign * Number(bound.distance), isEnd);
    const value = row.keys[0];
    // A null is as far from everything as from nothing: its frame is its peers.
    if (value === null || this.#move === undefined || this.#first === undefined)
      return this.#peers(rows, row.keys, isEnd);
    const edge = this.#move(value, bound.distance, sign);
    if (edge === undefined) return sign < 0 ? this.#known(rows, false) : this.#known(rows, true);
    const order = this.#first;
    return rows.countBefore(({ keys }) => {
      const compared = keys[0] === null ? order(null, value) : edge(keys[0]);
      return isEnd ? (compared <= 0 ? -1 : 1) : compared;
    });
  }

  /** Where the keys that are not null begin, or end. */
  #known(rows: FramedRows, isEnd: boolean): number {
    const nulls = this.#first!(null, 0) < 0;
    return rows.countBefore(({ keys }) => {
      if (isEnd) return nulls || keys[0] !== null ? -1 : 1;
      return nulls && keys[0] === null ? -1 : 1;
    });
  }

  #peers(rows: FramedRows, keys: readonly unknown[], isEnd: boolean): number {
    return rows.countBefore((row) => {
      const compared = this.#compare(row.keys, keys);
      return isEnd ? (compared <= 0 ? -1 : 1) : compared;
    });
  }

  /** The first position of the group that is so many groups away, or the one after its last. */
  #group(rows: FramedRows, row: FramedRow, away: number, isEnd: boolean): number {
    let start = this.#peers(rows, row.keys, false);
    let end = this.#peers(rows, row.keys, true);
    for (let left = -away; left > 0; left--) {
      if (start === 0) return 0;
      end = start;
      start = this.#peers(rows, rows.at(start - 1)!.keys, false);
    }
    for (let left = away; left > 0; left--) {
      if (end === rows.size) return rows.size;
      start = end;
      end = this.#peers(rows, rows.at(end)!.keys, true);
    }
    return isEnd ? end : start;
  }
}

/** How many rows a bound of ROWS reaches away from its row. */
function outward(bound: FrameBound, direction: 'preceding' | 'following'): number {
  if (bound.kind === 'unbounded') return Number.POSITIVE_INFINITY;
  return bound.kind === direction ? Number(bound.distance) : 0;
}

function opposite(bound: FrameBound): FrameBound {
  if (bound.kind === 'preceding') return { kind: 'following', distance: bound.distance };
  if (bound.kind === 'following') return { kind: 'preceding', distance: bound.distance };
  return bound;
}

/**
 * The value that is a distance before (-1) or behind (1) a key in its order, as a comparison of other keys with it in that order;
 * undefined when it lies beyond the type's values.
 */
type KeyMove = (value: unknown, distance: unknown, sign: 1 | -1) => ((other: unknown) => number) | undefined;

function keyMove(key: SortKey): KeyMove {
  const { descending, expression } = key;
  const isDate = expression.type.kind === 'date';
  // A date less an interval is a timestamp: dates are compared as midnights.
  const type: DataType = isDate ? TYPE.timestamp : expression.type;
  const midnight = (value: unknown): unknown => (isDate ? BigInt(value as number) * DAY_US : value);
  const order = sortKeyOrder({ ...key, expression: { ...expression, type } });
  const step = distanceType(type);
  const [add, subtract] = [findOverload('add', [type, step]), findOverload('subtract', [type, step])];
  if (add === undefined || subtract === undefined) throw new Error(`no distance over ${typeName(type)}`);
  return (value, distance, sign) => {
    const { apply } = sign > 0 === descending ? subtract : add;
    try {
      const edge = apply(midnight(value), distance);
      return (other) => order(midnight(other), edge);
    } catch {
      return undefined;
    }
  };
}

function distanceType(type: DataType): DataType {
  const isTime = ['time', 'timestamp', 'timestamptz', 'interval'].includes(type.kind);
  return isTime ? TYPE.interval : type;
}

/** How far the rows lie apart that a result is made of, at most: by number, and by their times (µs). */
export interface Reach {
  readonly rows: number;
  readonly us: bigint;
}

export const NO_REACH: Reach = { rows: 0, us: 0n };

/** How far a bound of a frame reaches away from its row; undefined for without end, or when nobody knows. */
export function reachOf(frame: WindowFrame, side: 'start' | 'end', keys: readonly SortKey[]): Reach | undefined {
  const bound = frame[side];
  if (bound.kind === 'unbounded') return undefined;
  const isOutward = bound.kind === (side === 'start' ? 'preceding' : 'following');
  if (!isOutward || !('distance' in bound)) return NO_REACH;
  if (frame.unit === 'rows') return { rows: Number(bound.distance), us: 0n };
  const type = keys[0]?.expression.type.kind;
  if (frame.unit === 'groups' || (type !== 'timestamp' && type !== 'timestamptz')) return undefined;
  const { months, days, micros } = bound.distance as Interval;
  return { rows: 0, us: BigInt(months * LONGEST_MONTH_DAYS + days) * DAY_US + micros };
}
