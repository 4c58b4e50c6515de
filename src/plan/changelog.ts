import { joinTimeSpan } from './event-time.ts';
import type { Expression } from './expression.ts';
import { windowColumns } from './factory.ts';
import type { AggregateNode, EmitPolicy, JoinNode, PlanNode } from './node.ts';
import { columnsOf, conjunctsOf } from './optimizer/rewrite.ts';
import { unionKey } from './union-key.ts';

/**
 * Whether a node only ever adds rows. An aggregate that emits when its window closes adds only; any other takes rows back. So do
 * an outer join, whose rows with nulls go when a match comes (but for one that emits at their end), a top-N and whatever reads changes.
 */
export function isAppendOnly(node: PlanNode, emit: EmitPolicy['kind']): boolean {
  switch (node.kind) {
    case 'source':
      return node.changes === undefined;
    case 'table-scan':
    case 'values':
      return true;
    case 'aggregate':
      return emit === 'final' && node.windowGroups !== undefined;
    case 'top-n':
      return emit === 'final' && partitionsByWindow(node.input, node.partition);
    case 'over':
      return emit === 'final';
    case 'window':
      return (node.window.kind !== 'session' || emit === 'final') && isAppendOnly(node.input, emit);
    case 'join':
      return joinAppends(node, emit) && isAppendOnly(node.left, emit) && isAppendOnly(node.right, emit);
    case 'temporal-join':
      return isAppendOnly(node.left, emit);
    case 'set-operation':
      return node.operation === 'union' && node.inputs.every((input) => isAppendOnly(input, emit));
    case 'limit':
      return false;
    default:
      return isAppendOnly(node.input, emit);
  }
}

/** An outer or anti join that emits at the end knows what meets nothing, if its rows have an end. */
function joinAppends(node: JoinNode, emit: EmitPolicy['kind']): boolean {
  if (node.join === 'inner' || node.join === 'cross' || node.join === 'semi') return true;
  if (emit !== 'final') return false;
  if (node.ttlMs !== undefined) return true;
  const span = joinTimeSpan(node);
  const leftEnds = span?.least !== undefined || node.join === 'right';
  const rightEnds = span?.most !== undefined || node.join === 'left' || node.join === 'anti';
  return leftEnds && rightEnds;
}

function partitionsByWindow(node: PlanNode, partition: readonly number[]): boolean {
  const window = windowColumns(node);
  return window !== undefined && (partition.includes(window.start) || partition.includes(window.end));
}

/**
 * Columns that no two rows of the result share: the key of its table. The shortest that the plan shows; undefined when it shows
 * none. A column that a projection leaves out makes the key unknown.
 */
export function uniqueKey(node: PlanNode): readonly number[] | undefined {
  switch (node.kind) {
    case 'source':
      return node.changes?.mode === 'upsert' && node.changes.keys.length > 0 ? node.changes.keys : undefined;
    case 'filter':
    case 'sort':
    case 'limit':
    case 'lookup':
    case 'user-call':
    case 'over':
    case 'exchange':
      return uniqueKey(node.input);
    case 'project':
      return projected(node.expressions, uniqueKey(node.input));
    case 'deduplicate':
      return undefined;
    case 'distinct':
      return allColumns(node);
    case 'aggregate':
      return aggregateKey(node);
    case 'window': {
      const inner = uniqueKey(node.input);
      if (inner === undefined || node.window.kind !== 'hopping') return inner;
      return [...inner, node.input.columns.length];
    }
    case 'top-n':
      return topNKey(node);
    case 'join':
      return joinKey(node);
    case 'temporal-join':
      return uniqueKey(node.left);
    case 'set-operation':
      if (!node.all) return allColumns(node);
      return node.operation === 'union' ? unionKey(node, uniqueKey) : uniqueKey(node.inputs[0]!);
    default:
      return undefined;
  }
}

function allColumns(node: PlanNode): readonly number[] {
  return node.columns.map((_, index) => index);
}

/** The groups; of a window's start and end the one is enough, and the start is kept. */
function aggregateKey(node: AggregateNode): readonly number[] {
  return node.groups.map((_, index) => index);
}

function topNKey(node: PlanNode & { kind: 'top-n' }): readonly number[] | undefined {
  const inner = uniqueKey(node.input);
  if (node.rank === 'row_number' && node.limit === 1 && node.offset === 0) return node.partition;
  if (node.withRank && node.rank === 'row_number') return [...node.partition, node.columns.length - 1];
  return inner;
}

/** The keys of both sides; of one side alone where its rows meet at most one of the other, whose key the condition fixes. */
function joinKey(node: JoinNode): readonly number[] | undefined {
  const left = uniqueKey(node.left);
  if (node.join === 'semi' || node.join === 'anti') return left;
  const shift = node.left.columns.length;
  const right = uniqueKey(node.right)?.map((at) => at + shift);
  if (node.join !== 'right' && node.join !== 'full' && left !== undefined && isFixed(node, right, 'left')) return left;
  if (node.join !== 'left' && node.join !== 'full' && right !== undefined && isFixed(node, left, 'right')) return right;
  if (left === undefined || right === undefined) return undefined;
  const keys = [...left, ...right];
  return node.join === 'full' && keys.every((at) => canBeNull(node, at)) ? undefined : keys;
}

/** A row of a full join that met nothing has nulls for the other side: where the own key is null too, two sides look the same. */
function canBeNull({ left, right }: JoinNode, at: number): boolean {
  const shift = left.columns.length;
  return (at < shift ? left.columns[at] : right.columns[at - shift])!.nullable;
}

/** Whether each of the columns must equal something of the side that is given. */
function isFixed(node: JoinNode, columns: readonly number[] | undefined, by: 'left' | 'right'): boolean {
  if (columns === undefined) return false;
  const shift = node.left.columns.length;
  const isOf = (expression: Expression): boolean =>
    [...columnsOf(expression)].every((column) => (by === 'left' ? column < shift : column >= shift));
  const fixed = new Set<number>();
  for (const part of conjunctsOf(node.condition)) {
    if (part.kind !== 'call' || (part.function !== 'eq' && part.function !== 'is_not_distinct_from')) continue;
    const [a, b] = part.args as readonly [Expression, Expression];
    if (a.kind === 'column' && isOf(b)) fixed.add(a.index);
    if (b.kind === 'column' && isOf(a)) fixed.add(b.index);
  }
  return columns.every((column) => fixed.has(column));
}

/** Where the key columns of the input are found in the projection. */
function projected(
  expressions: readonly { readonly kind: string; readonly index?: number }[],
  key: readonly number[] | undefined,
): readonly number[] | undefined {
  if (key === undefined) return undefined;
  const found: number[] = [];
  for (const column of key) {
    const at = expressions.findIndex((expression) => expression.kind === 'column' && expression.index === column);
    if (at < 0) return undefined;
    found.push(at);
  }
  return found;
}
