import { parseDurationMs } from '../base/duration.ts';
import { HeadraceError } from '../base/error.ts';
import { temporalJoinNode } from '../plan/analytic-factory.ts';
import { columnReference } from '../plan/expression-factory.ts';
import { joinNode, projectNode } from '../plan/factory.ts';
import type { JoinKind, PlanNode } from '../plan/node.ts';
import { columnIndex, namedValues, type Row, rowOf, type Shape } from './row.ts';
import { Value } from './value.ts';

/** How two streams are joined. */
export interface JoinOptions<Left extends Shape, Right extends Shape, Values extends Readonly<Record<string, Value>>> {
  /** Without it `inner`. */
  readonly kind?: 'inner' | 'left' | 'right' | 'full';
  readonly on: (left: Row<Left>, right: Row<Right>) => Value<'boolean'>;
  /** The columns of the result. */
  readonly select: (left: Row<Left>, right: Row<Right>) => Values;
  /** Rows are forgotten when event time has passed theirs by this duration; without it as long as the condition can meet them. */
  readonly ttl?: string;
}

/** Which version of the other stream a row meets. */
export interface AsOfOptions<Left extends Shape, Right extends Shape, Values extends Readonly<Record<string, Value>>> {
  /** Columns that are equal, of the left and of the right; a name alone is of both. */
  readonly on: readonly ((keyof Left & keyof Right & string) | readonly [keyof Left & string, keyof Right & string])[];
  /** The version with the greatest `right` that is not after `left`; without it the one that stands when the row arrives. */
  readonly time?: { readonly left: keyof Left & string; readonly right: keyof Right & string };
  /** Keeps rows without a version, with nulls. */
  readonly optional?: boolean;
  readonly select: (left: Row<Left>, right: Row<Right>) => Values;
}

export function joinPlan<Left extends Shape, Right extends Shape, Values extends Readonly<Record<string, Value>>>(
  left: PlanNode,
  right: PlanNode,
  options: JoinOptions<Left, Right, Values>,
): PlanNode {
  const { kind = 'inner', on, select, ttl } = options;
  const condition = on(rowOf<Left>(left), shiftedRow<Right>(right, left.columns.length)).expression;
  const joined = joinNode(kind, left, right, condition, ttl === undefined ? undefined : parseDurationMs(ttl));
  return selected(joined, left.columns.length, select);
}

/** Rows of `left` for which a row of `right` is (or is not) there. */
export function existencePlan<Left extends Shape, Right extends Shape>(
  kind: JoinKind & ('semi' | 'anti'),
  left: PlanNode,
  right: PlanNode,
  on: (left: Row<Left>, right: Row<Right>) => Value<'boolean'>,
  ttl: string | undefined,
): PlanNode {
  const condition = on(rowOf<Left>(left), shiftedRow<Right>(right, left.columns.length)).expression;
  return joinNode(kind, left, right, condition, ttl === undefined ? undefined : parseDurationMs(ttl));
}

export function asOfPlan<Left extends Shape, Right extends Shape, Values extends Readonly<Record<string, Value>>>(
  left: PlanNode,
  right: PlanNode,
  options: AsOfOptions<Left, Right, Values>,
): PlanNode {
  const { on, time, optional = false, select } = options;
  const pairs = on.map((key) => (typeof key === 'string' ? ([key, key] as const) : key));
  if (pairs.length === 0) {
    throw new HeadraceError('building a join as of a time: it has no keys', {
      code: 'PLAN_INVALID_NODE',
      domain: 'plan',
      next: "name the columns that are equal: on: ['currency']",
    });
  }
  const joined = temporalJoinNode({
    join: optional ? 'left' : 'inner',
    left,
    right,
    leftKeys: pairs.map(([name]) => columnIndex(left, name)),
    rightKeys: pairs.map(([, name]) => columnIndex(right, name)),
    times: time && { left: columnIndex(left, time.left), right: columnIndex(right, time.right) },
    condition: undefined,
  });
  return selected(joined, left.columns.length, select);
}

function selected<Left extends Shape, Right extends Shape>(
  joined: PlanNode,
  width: number,
  select: (left: Row<Left>, right: Row<Right>) => Readonly<Record<string, Value>>,
): PlanNode {
  const columns = joined.columns;
  const side = (from: number, to: number): Row<Shape> =>
    Object.fromEntries(
      columns.slice(from, to).map(({ name }, at) => [name, new Value(columnReference(columns, from + at))]),
    );
  const values = select(side(0, width) as Row<Left>, side(width, columns.length) as Row<Right>);
  return projectNode(joined, namedValues(values));
}

/** The columns of the right input, as a condition over both sees them. */
function shiftedRow<Columns extends Shape>(node: PlanNode, shift: number): Row<Columns> {
  const row = node.columns.map(({ name, type }, at): [string, Value] => [
    name,
    new Value({ kind: 'column', type, index: at + shift, name }),
  ]);
  return Object.fromEntries(row) as Row<Columns>;
}
