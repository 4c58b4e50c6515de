import { conjuncts, type JoinTimeSpan, joinTimeSpan } from '../event-time.ts';
import type { Expression } from '../expression.ts';
import { call, castTo } from '../expression-factory.ts';
import type { JoinNode } from '../node.ts';
import { TYPE, typesEqual } from '../type-name.ts';
import { columnsOf, moveColumns } from './rewrite.ts';

/** Two expressions that must be equal, each over the columns of its side. */
export interface JoinKey {
  readonly left: Expression;
  readonly right: Expression;
  /** IS NOT DISTINCT FROM: null meets null. Else it meets nothing. */
  readonly meetsNull: boolean;
}

/** A join's condition in the parts that an engine runs differently. */
export interface JoinCondition {
  readonly keys: readonly JoinKey[];
  /** What is left, over the columns of left, then right. */
  readonly residual: Expression | undefined;
  /** What lets rows be forgotten by event time. */
  readonly span: JoinTimeSpan | undefined;
}

export function joinCondition(node: JoinNode): JoinCondition {
  const keys: JoinKey[] = [];
  const rest: Expression[] = [];
  for (const part of conjuncts(node.condition)) {
    const key = keyOf(part, node);
    if (key === undefined) rest.push(part);
    else keys.push(key);
  }
  return { keys, residual: rest.length === 0 ? undefined : call('and', rest), span: joinTimeSpan(node) };
}

type Side = 'left' | 'right';

/** The one side whose columns an expression reads; undefined when it reads both or none. */
function sideOf(expression: Expression, width: number): Side | undefined {
  let side: Side | undefined;
  for (const column of columnsOf(expression)) {
    const own = column < width ? 'left' : 'right';
    if (side !== undefined && side !== own) return undefined;
    side = own;
  }
  return side;
}

function keyOf(part: Expression, node: JoinNode): JoinKey | undefined {
  if (part.kind !== 'call' || (part.function !== 'eq' && part.function !== 'is_not_distinct_from')) return undefined;
  const width = node.left.columns.length;
  const [a, b] = part.args as readonly [Expression, Expression];
  const sides = [sideOf(a, width), sideOf(b, width)];
  if (sides[0] === undefined || sides[1] === undefined || sides[0] === sides[1]) return undefined;
  const [left, right] = sides[0] === 'left' ? [a, b] : [b, a];
  // Numerics of different scales lie differently in columns; as numerics of any scale they are equal when their values are.
  const [one, other] = typesEqual(left.type, right.type)
    ? [left, right]
    : [castTo(left, TYPE.numeric), castTo(right, TYPE.numeric)];
  return {
    left: one,
    right: moveColumns(other, node.right.columns, (index) => index - width),
    meetsNull: part.function === 'is_not_distinct_from',
  };
}

/** What a join keeps for ever, for people; undefined when its state is bounded. */
export function joinStateWarning(node: JoinNode): string | undefined {
  const { keys, span } = joinCondition(node);
  const unbounded = node.ttlMs === undefined && (span?.least === undefined || span.most === undefined);
  const pairs =
    keys.length === 0 ? 'compares every row with every row of the other side (no equality between them)' : undefined;
  const state = unbounded
    ? 'keeps rows of its inputs for ever (no time-to-live, and no bounds on their event times)'
    : undefined;
  const parts = [pairs, state].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : `the ${node.join} join ${parts.join(', and ')}`;
}
