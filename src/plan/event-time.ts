import type { Interval } from './data-type.ts';
import type { Expression } from './expression.ts';
import type { JoinNode, PlanNode, WindowNode } from './node.ts';
import { MICROS_PER_DAY } from './value/calendar.ts';

/**
 * How far a time column of rows that are in time may lie behind the watermark, µs: 0 for event time itself, the size of the window
 * for its start; -1 for its end, which the watermark has not reached. Undefined for a column that watermarks say nothing about.
 */
export function eventTimeLag(node: PlanNode, column: number): bigint | undefined {
  switch (node.kind) {
    case 'source':
      return node.changes === undefined && node.watermark?.columnIndex === column ? 0n : undefined;
    case 'filter':
    case 'deduplicate':
    case 'exchange':
    case 'table-function':
      return column < node.input.columns.length ? eventTimeLag(node.input, column) : undefined;
    case 'window':
      return windowLag(node, column);
    case 'project':
      return expressionLag(node.input, node.expressions[column]);
    case 'aggregate':
      return node.windowGroups === undefined ? undefined : expressionLag(node.input, node.groups[column]);
    case 'join': {
      if (node.join === 'right' || node.join === 'full') return undefined;
      const span = joinTimeSpan(node);
      const width = node.left.columns.length;
      if (column < width) return span?.least === undefined ? undefined : eventTimeLag(node.left, column);
      return span?.most === undefined ? undefined : eventTimeLag(node.right, column - width);
    }
    case 'temporal-join':
      return column < node.left.columns.length ? eventTimeLag(node.left, column) : undefined;
    default:
      return undefined;
  }
}

function expressionLag(input: PlanNode, expression: Expression | undefined): bigint | undefined {
  return expression?.kind === 'column' ? eventTimeLag(input, expression.index) : undefined;
}

function windowLag({ input, window, timeColumn }: WindowNode, column: number): bigint | undefined {
  const width = input.columns.length;
  if (column < width) return eventTimeLag(input, column);
  const inner = eventTimeLag(input, timeColumn);
  if (window.kind === 'session' || inner === undefined) return undefined;
  // A row lies before the end of its window, and less than its size after the start.
  return column === width ? inner + window.sizeUs - 1n : inner - 1n;
}

/** How far apart the event times of two rows that meet may lie. */
export interface JoinTimeSpan {
  /** Columns of left, and of right. */
  readonly left: number;
  readonly right: number;
  /** Lags of the columns behind the watermark: event-time.ts. */
  readonly leftLag: bigint;
  readonly rightLag: bigint;
  /** Bounds of left's time less right's, µs; undefined for none. */
  readonly least: bigint | undefined;
  readonly most: bigint | undefined;
}

/** The conditions that must all hold. */
export function conjuncts(condition: Expression | undefined): readonly Expression[] {
  if (condition === undefined) return [];
  if (condition.kind === 'literal' && condition.value === true) return [];
  return condition.kind === 'call' && condition.function === 'and' ? condition.args.flatMap(conjuncts) : [condition];
}

type Side = 'left' | 'right';

/** A time column of a side, and what is added to it, µs. */
interface TimeTerm {
  readonly side: Side;
  readonly column: number;
  readonly offset: bigint;
}

/** `left - right` between bounds, of one pair of time columns. */
interface Bound {
  readonly left: number;
  readonly right: number;
  readonly least: bigint | undefined;
  readonly most: bigint | undefined;
}

/** The tightest span that the condition sets to the event times of both sides; undefined when it sets none. */
export function joinTimeSpan(node: JoinNode): JoinTimeSpan | undefined {
  const known = spans.get(node);
  if (known !== undefined) return known.span;
  const span = tightestSpan(node);
  spans.set(node, { span });
  return span;
}

/** Nodes never change; a join of many inputs would be looked through once for each way to it. */
const spans = new WeakMap<JoinNode, { readonly span: JoinTimeSpan | undefined }>();

function tightestSpan(node: JoinNode): JoinTimeSpan | undefined {
  const found = new Map<string, JoinTimeSpan>();
  for (const part of conjuncts(node.condition)) {
    const bound = boundOf(part, node.left.columns.length);
    if (bound === undefined) continue;
    const { left, right, least, most } = bound;
    const leftLag = eventTimeLag(node.left, left);
    const rightLag = eventTimeLag(node.right, right);
    if (leftLag === undefined || rightLag === undefined) continue;
    const known = found.get(`${left} ${right}`);
    const span = {
      left,
      right,
      leftLag,
      rightLag,
      least: greater(known?.least, least),
      most: lesser(known?.most, most),
    };
    found.set(`${left} ${right}`, span);
  }
  return [...found.values()].sort(compareSpans)[0];
}

function greater(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  return a === undefined ? b : b === undefined || a > b ? a : b;
}

function lesser(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  return a === undefined ? b : b === undefined || a < b ? a : b;
}

/** Those that bound both sides first, then by how long rows are kept. */
function compareSpans(a: JoinTimeSpan, b: JoinTimeSpan): number {
  const open = (span: JoinTimeSpan): number => Number(span.least === undefined) + Number(span.most === undefined);
  if (open(a) !== open(b)) return open(a) - open(b);
  const kept = (span: JoinTimeSpan): bigint => span.leftLag + span.rightLag - (span.least ?? 0n) + (span.most ?? 0n);
  return Number(kept(a) - kept(b));
}

const FLIPPED: Readonly<Record<string, string>> = { eq: 'eq', lt: 'gt', le: 'ge', gt: 'lt', ge: 'le' };

function boundOf(part: Expression, width: number): Bound | undefined {
  if (part.kind !== 'call' || FLIPPED[part.function] === undefined) return undefined;
  const [a, b] = part.args as readonly [Expression, Expression];
  return (
    ofTerms(part.function, timeTerm(a, width), timeTerm(b, width)) ??
    ofDifference(part.function, a, b, width) ??
    ofDifference(FLIPPED[part.function]!, b, a, width)
  );
}

/** `left.t + x < right.t + y` and the like. */
function ofTerms(operator: string, a: TimeTerm | undefined, b: TimeTerm | undefined): Bound | undefined {
  if (a === undefined || b === undefined || a.side === b.side) return undefined;
  if (a.side === 'right') return ofTerms(FLIPPED[operator]!, b, a);
  return bound(operator, a.column, b.column, b.offset - a.offset);
}

/** `left.t - right.t < x`. */
function ofDifference(operator: string, a: Expression, b: Expression, width: number): Bound | undefined {
  const limit = constantMicros(b);
  if (limit === undefined || a.kind !== 'call' || a.function !== 'subtract' || a.args.length !== 2) return undefined;
  const one = timeTerm(a.args[0]!, width);
  const other = timeTerm(a.args[1]!, width);
  if (one === undefined || other === undefined || one.side === other.side) return undefined;
  const rest = limit - one.offset + other.offset;
  return one.side === 'left'
    ? bound(operator, one.column, other.column, rest)
    : bound(FLIPPED[operator]!, other.column, one.column, -rest);
}

function bound(operator: string, left: number, right: number, limit: bigint): Bound {
  const isLeast = operator === 'gt' || operator === 'ge' || operator === 'eq';
  const isMost = operator === 'lt' || operator === 'le' || operator === 'eq';
  return { left, right, least: isLeast ? limit : undefined, most: isMost ? limit : undefined };
}

/** A time column, with constant intervals added and taken away. */
function timeTerm(expression: Expression, width: number): TimeTerm | undefined {
  const { kind } = expression.type;
  if (kind !== 'timestamp' && kind !== 'timestamptz') return undefined;
  if (expression.kind === 'column') {
    const { index } = expression;
    return index < width
      ? { side: 'left', column: index, offset: 0n }
      : { side: 'right', column: index - width, offset: 0n };
  }
  if (expression.kind !== 'call' || expression.args.length !== 2) return undefined;
  const [a, b] = expression.args as readonly [Expression, Expression];
  if (expression.function === 'add')
    return moved(timeTerm(a, width), constantMicros(b)) ?? moved(timeTerm(b, width), constantMicros(a));
  const less = constantMicros(b);
  return expression.function === 'subtract' && less !== undefined ? moved(timeTerm(a, width), -less) : undefined;
}

function moved(term: TimeTerm | undefined, by: bigint | undefined): TimeTerm | undefined {
  return term === undefined || by === undefined ? undefined : { ...term, offset: term.offset + by };
}

/** An interval whose length does not depend on the calendar. */
function constantMicros(expression: Expression): bigint | undefined {
  if (expression.kind !== 'literal' || expression.type.kind !== 'interval' || expression.value === null)
    return undefined;
  const { months, days, micros } = expression.value as Interval;
  return months === 0 ? BigInt(days) * MICROS_PER_DAY + micros : undefined;
}
