import { evaluationError } from '../../../plan/evaluation-error.ts';
import type { Expression } from '../../../plan/expression.ts';
import type { SortKey, WindowCall } from '../../../plan/node.ts';
import { sortOrder } from '../../../plan/value/sort-order.ts';
import { accumulatorFactory } from '../aggregate/accumulator-factory.ts';
import { CallInputs } from '../aggregate/call-inputs.ts';
import { Frames, NO_REACH, type Reach, reachOf, type Span } from './frame.ts';
import { FrameCursor } from './frame-cursor.ts';
import type { OverRow, OverRows } from './over-row.ts';

/** What came and went in a partition since its results were right. */
export interface Touched {
  /** The first and the last of it, in order. */
  readonly low: OverRow;
  readonly high: OverRow;
  /** Where it is, or was. */
  readonly span: Span;
}

/** What a result is computed from. */
export interface OverView {
  readonly rows: OverRows;
  /** Rows before the first, which were dropped. */
  readonly dropped: number;
  /** The call's accumulators, for an aggregate. */
  readonly cursor: FrameCursor | undefined;
  /** The call's result of the row before; undefined for the first. */
  readonly before: unknown;
}

/** One call of a window function. */
export interface WindowFunction {
  /** What it is given of each row. */
  readonly inputs: readonly Expression[];
  /** Behind what changed, results are right again as soon as one is: numbers that go on from row to row. */
  readonly isNumbering: boolean;
  /** How far before and behind a row those are that its result is made of; undefined when all are, or nobody knows. */
  readonly before: Reach | undefined;
  readonly behind: Reach | undefined;
  /** Rows that were dropped count on in what comes. */
  readonly remembers: boolean;
  makeCursor(): FrameCursor | undefined;
  /** @throws HeadraceError for arguments that have no meaning */
  check(args: readonly unknown[]): void;
  affected(rows: OverRows, touched: Touched): Span;
  result(view: OverView, position: number): unknown;
}

export function windowFunction(call: WindowCall, keys: readonly SortKey[], at: number): WindowFunction {
  switch (call.function) {
    case 'row_number':
    case 'rank':
    case 'dense_rank':
      return numbering(call.function, keys);
    case 'percent_rank':
    case 'cume_dist':
    case 'ntile':
      return distribution(call, keys, at);
    case 'lag':
    case 'lead':
      return neighbour(call, at);
    case 'first_value':
    case 'last_value':
    case 'nth_value':
      return valueOfFrame(call, keys, at);
    case 'aggregate':
      return aggregateOfFrame(call, keys, at);
  }
}

const noCursor = (): undefined => undefined;
const anything = (): void => {};

function isPeer(rows: OverRows, position: number, order: ReturnType<typeof sortOrder>): boolean {
  return position > 0 && order(rows.at(position - 1)!.keys, rows.at(position)!.keys) === 0;
}

function numbering(name: 'row_number' | 'rank' | 'dense_rank', keys: readonly SortKey[]): WindowFunction {
  const order = sortOrder(keys);
  return {
    inputs: [],
    isNumbering: true,
    // Of all others the number of the row before tells.
    before: { rows: 1, us: 0n },
    behind: NO_REACH,
    remembers: true,
    makeCursor: noCursor,
    check: anything,
    affected: (rows, { span }) => ({ start: span.start, end: rows.size }),
    result: ({ rows, dropped, before }, position) => {
      const number = BigInt(dropped + position + 1);
      if (name === 'row_number' || before === undefined) return name === 'dense_rank' ? 1n : number;
      if (isPeer(rows, position, order)) return before;
      return name === 'rank' ? number : (before as bigint) + 1n;
    },
  };
}

function distribution(call: WindowCall, keys: readonly SortKey[], at: number): WindowFunction {
  const order = sortOrder(keys);
  const peers = new Frames({ unit: 'range', start: { kind: 'current-row' }, end: { kind: 'current-row' } }, keys);
  return {
    inputs: call.args,
    isNumbering: false,
    before: undefined,
    behind: undefined,
    remembers: false,
    makeCursor: noCursor,
    check: ([buckets]) => {
      if (call.function === 'ntile' && buckets !== null && Number(buckets) <= 0) {
        throw evaluationError('PLAN_INVALID_ARGUMENT', 'argument of ntile must be greater than zero');
      }
    },
    affected: (rows) => ({ start: 0, end: rows.size }),
    result: ({ rows }, position) => {
      const count = rows.size;
      if (call.function === 'cume_dist') return peers.of(rows, position).end / count;
      if (call.function === 'ntile') return bucketOf(position, count, rows.at(position)!.args[at]![0]);
      const isFirst = position === 0 || !isPeer(rows, position, order);
      const rank = isFirst ? position : peers.of(rows, position).start;
      return count === 1 ? 0 : rank / (count - 1);
    },
  };
}

/** The first buckets have one row more where they cannot all be as large. */
function bucketOf(position: number, count: number, buckets: unknown): number | null {
  if (buckets === null) return null;
  const size = Math.floor(count / Number(buckets));
  const larger = count % Number(buckets);
  const inLarger = larger * (size + 1);
  if (position < inLarger) return Math.floor(position / (size + 1)) + 1;
  return larger + Math.floor((position - inLarger) / size) + 1;
}

function neighbour(call: WindowCall, at: number): WindowFunction {
  const sign = call.function === 'lag' ? -1 : 1;
  const offset = call.args[1];
  const constant = offset === undefined ? 1 : offset.kind === 'literal' ? Number(offset.value ?? 0) : undefined;
  const reach = constant === undefined ? Number.POSITIVE_INFINITY : constant * sign;
  const [before, behind] = constant === undefined ? [reach, reach] : [Math.max(0, -reach), Math.max(0, reach)];
  return {
    inputs: call.args,
    isNumbering: false,
    before: constant === undefined ? undefined : { rows: before, us: 0n },
    behind: constant === undefined ? undefined : { rows: behind, us: 0n },
    remembers: false,
    makeCursor: noCursor,
    check: anything,
    affected: (rows, { span }) => ({
      start: Math.max(0, span.start - behind),
      end: Math.min(rows.size, span.end + before),
    }),
    result: ({ rows }, position) => {
      const [, distance = 1, otherwise = null] = rows.at(position)!.args[at]!;
      if (distance === null) return null;
      const other = rows.at(position + sign * Number(distance));
      return other === undefined ? otherwise : other.args[at]![0];
    },
  };
}

function valueOfFrame(call: WindowCall, keys: readonly SortKey[], at: number): WindowFunction {
  const frames = new Frames(call.frame, keys);
  return {
    inputs: call.args,
    isNumbering: false,
    before: reachOf(call.frame, 'start', keys),
    behind: reachOf(call.frame, 'end', keys),
    remembers: false,
    makeCursor: noCursor,
    check: ([, number]) => {
      if (call.function === 'nth_value' && number !== null && Number(number) <= 0) {
        throw evaluationError('PLAN_INVALID_ARGUMENT', 'argument of nth_value must be greater than zero');
      }
    },
    affected: (rows, { low, high, span }) => frames.affected(rows, low, high, span),
    result: ({ rows }, position) => {
      const { start, end } = frames.of(rows, position);
      const number = call.function === 'nth_value' ? rows.at(position)!.args[at]![1] : 1;
      if (number === null) return null;
      const place = call.function === 'last_value' ? end - 1 : start + Number(number) - 1;
      return place >= start && place < end ? rows.at(place)!.args[at]![0] : null;
    },
  };
}

function aggregateOfFrame(call: WindowCall, keys: readonly SortKey[], at: number): WindowFunction {
  const frames = new Frames(call.frame, keys);
  const aggregate = call.aggregate!;
  const inputs = new CallInputs([aggregate]);
  // Rows leave frames too.
  const make = accumulatorFactory(aggregate, false);
  const ordered = dependsOnOrder(aggregate.function);
  const { start, end } = call.frame;
  // What lies before every frame to come, its accumulator knows.
  const isRunning = start.kind === 'unbounded' && end.kind !== 'preceding' && !ordered;
  return {
    inputs: inputs.expressions,
    isNumbering: false,
    before: isRunning ? NO_REACH : reachOf(call.frame, 'start', keys),
    behind: reachOf(call.frame, 'end', keys),
    remembers: isRunning,
    makeCursor: () => new FrameCursor(inputs, make, { call: at, ordered, isRunning }),
    check: anything,
    affected: (rows, { low, high, span }) => frames.affected(rows, low, high, span),
    result: ({ rows, cursor, dropped }, position) => cursor!.value(rows, frames.of(rows, position), dropped > 0),
  };
}

/** Aggregates whose result tells the order of the rows. */
function dependsOnOrder(name: string): boolean {
  return ['array_agg', 'string_agg', 'jsonb_agg', 'jsonb_object_agg', 'first_value', 'last_value', 'user'].includes(
    name,
  );
}
