import type { DataType } from '../../../plan/data-type.ts';
import { valueToText } from '../../../plan/value/value-text.ts';
import { later } from '../batch.ts';
import { OrderedList } from '../rank/ordered-list.ts';
import { rowKey } from '../row-batch.ts';
import type { Timed } from '../window/time-heap.ts';
import { NO_REACH, type Reach, type Span } from './frame.ts';
import type { FrameCursor } from './frame-cursor.ts';
import type { OverRow, OverRows } from './over-row.ts';
import type { Touched, WindowFunction } from './window-function.ts';

/** What all partitions of an OVER share. */
export interface OverShape {
  readonly functions: readonly WindowFunction[];
  readonly order: (a: readonly unknown[], b: readonly unknown[]) => number;
  readonly types: readonly DataType[];
  readonly resultTypes: readonly DataType[];
  /** How far before and behind a row its results reach; undefined when they reach without end. */
  readonly before: Reach | undefined;
  readonly behind: Reach | undefined;
  /** What was dropped counts on: partitions are kept when their last row goes. */
  readonly remembers: boolean;
  /** Rows are in the order of event time: those that a watermark has passed do not change any more. */
  readonly isTimed: boolean;
}

/** New results of a row; null for calls that failed, with the first error. */
export interface OverResults {
  readonly values: readonly unknown[];
  readonly error: unknown;
  readonly failed: boolean;
}

/** Told of the rows whose results are no more what they were. */
export type OverChange = (row: OverRow, after: OverResults) => void;

/** The rows of one partition in their order, with the results that stand. */
export class OverPartition implements Timed {
  readonly id: number;
  readonly key: unknown;
  /** Values of the partition's expressions. */
  readonly values: readonly unknown[];
  readonly end: bigint;
  readonly rows: OverRows;
  readonly cursors: readonly (FrameCursor | undefined)[];
  /** Rows before the first, which nobody needs any more. */
  dropped = 0;
  /** Rows from the first on whose results were emitted for good. */
  settled = 0;
  changed = false;
  seenBy = 0;
  gone = false;
  waits: bigint | undefined;
  readonly leaving: Leaving = new Leaving(this);
  readonly #shape: OverShape;
  #low: OverRow | undefined;
  #high: OverRow | undefined;
  #taken: OverRow[] = [];

  constructor(
    shape: OverShape,
    id: number,
    place: { readonly key: unknown; readonly values: readonly unknown[]; readonly end: bigint },
  ) {
    this.#shape = shape;
    this.id = id;
    this.key = place.key;
    this.values = place.values;
    this.end = place.end;
    this.rows = new OrderedList((a, b) => shape.order(a.keys, b.keys) || a.sequence - b.sequence);
    this.cursors = shape.functions.map((one) => one.makeCursor());
  }

  /** Nothing is left that a row to come could need. */
  get isEmpty(): boolean {
    return this.rows.size === 0 && (this.dropped === 0 || !this.#shape.remembers);
  }

  insert(row: OverRow): void {
    const position = this.rows.insert(row);
    for (const cursor of this.cursors) cursor?.inserted(row, position);
    this.#touch(row);
  }

  /** Takes out the last that came of the rows with these values; false when there is none. */
  remove(values: readonly unknown[], keys: readonly unknown[]): boolean {
    const { order, types } = this.#shape;
    const text = rowKey(values, types);
    let found: OverRow | undefined;
    this.rows.forEachFrom(
      this.rows.countBefore((row) => order(row.keys, keys)),
      (row) => {
        if (order(row.keys, keys) !== 0) return false;
        if (rowKey(row.values, types) === text) found = row;
        return true;
      },
    );
    if (found === undefined) return false;
    const position = this.rows.remove(found);
    for (const cursor of this.cursors) cursor?.removed(found, position);
    this.#taken.push(found);
    this.#touch(found);
    return true;
  }

  #touch(row: OverRow): void {
    if (this.#low === undefined || this.rows.compare(row, this.#low) < 0) this.#low = row;
    if (this.#high === undefined || this.rows.compare(row, this.#high) > 0) this.#high = row;
  }

  /** Changes are looked at when the watermark has passed them. */
  forgetChanges(): void {
    this.#low = undefined;
    this.#high = undefined;
    this.#taken = [];
  }

  /** Brings the results to what the rows are now. Returns the rows that were taken out. */
  refresh(change: OverChange): readonly OverRow[] {
    const [low, high] = [this.#low, this.#high];
    if (low === undefined || high === undefined) return [];
    const end = this.rows.countBefore((row) => (this.rows.compare(row, high) <= 0 ? -1 : 1));
    const touched: Touched = { low, high, span: { start: this.rows.positionOf(low), end } };
    const taken = this.#taken;
    this.forgetChanges();
    // What came is new to all, whether frames hold their own row or not.
    const spans = this.#shape.functions.map((one) => hull(one.affected(this.rows, touched), touched.span));
    this.#recompute(spans, touched, change);
    return taken;
  }

  /** The results of rows from one position up to another, whatever they were. */
  compute(span: Span, change: OverChange): void {
    this.#recompute(
      this.#shape.functions.map(() => span),
      undefined,
      change,
    );
  }

  #recompute(spans: readonly Span[], touched: Touched | undefined, change: OverChange): void {
    const { functions, order } = this.#shape;
    const start = Math.min(...spans.map((span) => span.start));
    const end = Math.max(...spans.map((span) => span.end));
    // Up to here something other than a number may be new.
    const fixed = Math.max(0, ...spans.map((span, at) => (functions[at]!.isNumbering ? 0 : span.end)));
    let before = this.rows.at(start - 1)?.results;
    this.rows.forEachFrom(start, (row, position) => {
      if (position >= end) return false;
      const after = this.#resultsOf(row, position, spans, before);
      const isSame = this.#isSame(row, after);
      if (!isSame) change(row, after);
      before = after.values;
      if (touched === undefined || !isSame || position + 1 < fixed || position < touched.span.end) return true;
      // Numbers that are what they were, behind all that changed and what is equal to it, go on as they were.
      return order(row.keys, touched.high.keys) === 0;
    });
  }

  #resultsOf(
    row: OverRow,
    position: number,
    spans: readonly Span[],
    before: readonly unknown[] | undefined,
  ): OverResults {
    const { rows, dropped } = this;
    let failed = false;
    let first: unknown;
    const values = this.#shape.functions.map((one, at) => {
      const { start, end } = spans[at]!;
      // A failure is looked at again, whatever it was.
      if (row.results !== undefined && !row.failed && (position < start || position >= end)) return row.results[at];
      try {
        return one.result({ rows, dropped, cursor: this.cursors[at], before: before?.[at] }, position);
      } catch (error) {
        if (!failed) first = error;
        failed = true;
        return null;
      }
    });
    return { values, error: first, failed };
  }

  #isSame(row: OverRow, { values, failed }: OverResults): boolean {
    const { results } = row;
    if (results === undefined || row.failed !== failed) return false;
    return this.#shape.resultTypes.every((type, at) => sameValue(results[at], values[at], type));
  }

  /** Rows from the first on that can change no more, at a watermark. */
  complete(watermark: bigint): number {
    const behind = this.#shape.behind ?? NO_REACH;
    const passed = this.#countBefore(watermark);
    return Math.max(this.settled, Math.min(passed - behind.rows, this.#countBefore(watermark - behind.us)));
  }

  #countBefore(time: bigint): number {
    return this.rows.countBefore((row) => ((row.keys[0] as bigint) < time ? -1 : 1));
  }

  /** Forgets the rows that no row to come needs, nor one that can still change. */
  drop(watermark: bigint): number {
    const { before, behind } = this.#shape;
    if (before === undefined || behind === undefined) return 0;
    const complete = this.complete(watermark);
    const pending = this.rows.at(complete)?.keys[0] as bigint | undefined;
    const since = pending === undefined || pending > watermark ? watermark : pending;
    const count = Math.min(complete - before.rows, this.#countBefore(since - before.us));
    if (count <= 0) return 0;
    for (const cursor of this.cursors) cursor?.drop(this.rows, count);
    for (let left = count; left > 0; left--) this.rows.removeAt(0);
    this.dropped += count;
    this.settled = Math.max(0, this.settled - count);
    return count;
  }

  /** The time after which a watermark drops the first row; undefined while a row that can change needs it, or for ever. */
  dropDue(): bigint | undefined {
    const { before, isTimed } = this.#shape;
    if (!isTimed || before === undefined || this.settled <= before.rows) return undefined;
    const needed = (this.rows.at(0)!.keys[0] as bigint) + before.us;
    const pending = this.rows.at(this.settled)?.keys[0] as bigint | undefined;
    return pending !== undefined && pending <= needed ? undefined : needed;
  }

  /** The time after which a watermark settles rows here. */
  due(): bigint | undefined {
    const { behind, isTimed } = this.#shape;
    if (!isTimed || behind === undefined) return undefined;
    const first = this.rows.at(this.settled);
    const last = this.rows.at(this.settled + behind.rows);
    if (first === undefined || last === undefined) return undefined;
    const reached = (first.keys[0] as bigint) + behind.us;
    const followed = last.keys[0] as bigint;
    return later(reached, followed);
  }
}

/** A partition that waits for the time when its first row is needed no more. */
export class Leaving implements Timed {
  readonly #partition: OverPartition;
  waits: bigint | undefined;

  constructor(partition: OverPartition) {
    this.#partition = partition;
  }

  get partition(): OverPartition {
    return this.#partition;
  }

  get id(): number {
    return this.#partition.id;
  }

  get gone(): boolean {
    return this.#partition.gone;
  }

  due(): bigint | undefined {
    return this.#partition.dropDue();
  }
}

function hull(a: Span, b: Span): Span {
  return { start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}

/** Whether both are written alike, too: 1.0 is not 1.00. */
function sameValue(a: unknown, b: unknown, type: DataType): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  return valueToText(a, type) === valueToText(b, type);
}
