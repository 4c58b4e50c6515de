import type { Expression } from '../expression.ts';
import { joinNode } from '../factory.ts';
import type { FilterNode, JoinNode, PlanNode, ProjectNode } from '../node.ts';
import { mayThrow } from '../optimizer/may-throw.ts';
import {
  columnsOf,
  conjunction,
  conjunctsOf,
  filtered,
  mapColumns,
  moveColumns,
  withInputs,
} from '../optimizer/rewrite.ts';
import type { Rule } from './rule.ts';

/**
 * A filter as far down as its rows are the same: below it less is computed, and less is kept. A condition that may fail goes only where
 * it is evaluated for no more rows. What another reader shares and keeps rows in stays as it is.
 */
export const pushFilter: Rule = (node, { isShared }) => {
  if (node.kind !== 'filter') return undefined;
  const { input } = node;
  switch (input.kind) {
    case 'project': {
      const isFree = input.expressions.every(({ kind }) => kind === 'column' || kind === 'literal');
      return isShared(input) && !isFree ? undefined : throughProject(node, input);
    }
    case 'window':
      if (input.window.kind === 'session' && isShared(input)) return undefined;
      return throughColumns(node, input, (column) => windowPasses(input, column));
    case 'set-operation':
      return isShared(input) ? undefined : throughSetOperation(node, input);
    case 'join':
      return isShared(input) ? undefined : throughJoin(node, input);
    case 'temporal-join':
      if (isShared(input)) return undefined;
      return throughColumns(node, input, (column) => column < input.left.columns.length, 'left');
    case 'deduplicate':
      return isShared(input) ? undefined : throughColumns(node, input, (column) => input.keys.includes(column));
    case 'top-n':
      return isShared(input) ? undefined : throughColumns(node, input, (column) => input.partition.includes(column));
    case 'over': {
      const keys = input.partition.flatMap((key) => (key.kind === 'column' ? [key.index] : []));
      return isShared(input) ? undefined : throughColumns(node, input, (column) => keys.includes(column));
    }
    case 'distinct':
      return isShared(input) ? undefined : throughColumns(node, input, () => true);
    case 'table-function':
    case 'lookup':
    case 'user-call':
      if (isShared(input)) return undefined;
      return throughColumns(node, input, (column) => column < input.input.columns.length);
    case 'aggregate':
      return isShared(input) ? undefined : throughAggregate(node, input);
    default:
      return undefined;
  }
};

/** Rows in windows are those of the input; sessions are made of all rows of a key, and of those alone. */
function windowPasses(node: PlanNode & { kind: 'window' }, column: number): boolean {
  if (column >= node.input.columns.length) return false;
  return node.window.kind !== 'session' || node.window.keys.includes(column);
}

/** The conditions that read only these columns of the input, which have the same positions in it. */
function throughColumns(
  node: FilterNode,
  input: PlanNode,
  passes: (column: number) => boolean,
  side: 'input' | 'left' = 'input',
): PlanNode | undefined {
  const [below, above] = split(conjunctsOf(node.predicate), (condition) => {
    const columns = [...columnsOf(condition)];
    return columns.length > 0 && columns.every(passes) && !mayThrow(condition);
  });
  if (below.length === 0) return undefined;
  const source = side === 'left' ? (input as JoinNode).left : (input as FilterNode).input;
  const moved = filtered(
    source,
    below.map((condition) => moveColumns(condition, source.columns, (at) => at)),
  );
  const inputs = side === 'left' ? [moved, (input as JoinNode).right] : [moved];
  return filtered(withInputs(input, inputs), above);
}

/** Below a projection the rows are the same: any condition may go there that needs nothing computed. */
function throughProject(node: FilterNode, input: ProjectNode): PlanNode | undefined {
  const conditions = conjunctsOf(node.predicate);
  const isPlain = (condition: Expression): boolean =>
    [...columnsOf(condition)].every((column) => {
      const { kind } = input.expressions[column]!;
      return kind === 'column' || kind === 'literal';
    });
  const all = conditions.every(isPlain);
  const [below, above] = split(conditions, (condition) => isPlain(condition) && (all || !mayThrow(condition)));
  if (below.length === 0) return undefined;
  const moved = below.map((condition) => mapColumns(condition, (column) => input.expressions[column.index]!));
  return filtered(withInputs(input, [filtered(input.input, moved)]), above);
}

/** Of the rows of EXCEPT and INTERSECT each is also in the first input, and in the others only what is equal matters. */
function throughSetOperation(node: FilterNode, input: PlanNode & { kind: 'set-operation' }): PlanNode | undefined {
  const isSameRows = input.operation === 'union' && input.all;
  const conditions = conjunctsOf(node.predicate);
  const [below, above] = split(conditions, (condition) => isSameRows || !mayThrow(condition));
  if (below.length === 0) return undefined;
  const inputs = input.inputs.map((side) =>
    filtered(
      side,
      below.map((condition) => moveColumns(condition, side.columns, (at) => at)),
    ),
  );
  return filtered(withInputs(input, inputs), above);
}

/** Conditions on the groups decide about whole groups. A group without columns has its row also without input. */
function throughAggregate(node: FilterNode, input: PlanNode & { kind: 'aggregate' }): PlanNode | undefined {
  const [below, above] = split(conjunctsOf(node.predicate), (condition) => {
    const columns = [...columnsOf(condition)];
    const isOfGroups = columns.every((column) => input.groups[column]?.kind === 'column');
    return columns.length > 0 && isOfGroups && !mayThrow(condition);
  });
  if (below.length === 0) return undefined;
  const moved = below.map((condition) => mapColumns(condition, (column) => input.groups[column.index]!));
  return filtered(withInputs(input, [filtered(input.input, moved)]), above);
}

/** A condition that the join evaluates for pairs of rows, as a filter above would; an equality may be evaluated for each row alone. */
function isOfPairs(condition: Expression, isOneSided: boolean): boolean {
  const isKey =
    condition.kind === 'call' && (condition.function === 'eq' || condition.function === 'is_not_distinct_from');
  return !isOneSided && !isKey;
}

const KEEPS_LEFT: ReadonlySet<JoinNode['join']> = new Set(['inner', 'cross', 'left', 'semi', 'anti']);
const KEEPS_RIGHT: ReadonlySet<JoinNode['join']> = new Set(['inner', 'cross', 'right']);

function throughJoin(node: FilterNode, input: JoinNode): PlanNode | undefined {
  const width = input.left.columns.length;
  const isInner = input.join === 'inner' || input.join === 'cross';
  const sides = {
    left: [] as Expression[],
    right: [] as Expression[],
    both: [] as Expression[],
    above: [] as Expression[],
  };
  for (const condition of conjunctsOf(node.predicate)) {
    const columns = [...columnsOf(condition)];
    const isLeft = columns.length > 0 && columns.every((column) => column < width);
    const isRight = columns.length > 0 && columns.every((column) => column >= width);
    const stays =
      mayThrow(condition) && !(isInner && sides.above.length === 0 && isOfPairs(condition, isLeft || isRight));
    if (stays || columns.length === 0) sides.above.push(condition);
    else if (isLeft && KEEPS_LEFT.has(input.join)) sides.left.push(condition);
    else if (isRight && KEEPS_RIGHT.has(input.join)) sides.right.push(condition);
    else if (!isLeft && !isRight && isInner) sides.both.push(condition);
    else sides.above.push(condition);
  }
  if (sides.above.length === conjunctsOf(node.predicate).length) return undefined;
  const left = filtered(input.left, sides.left);
  const right = filtered(
    input.right,
    sides.right.map((condition) => moveColumns(condition, input.right.columns, (at) => at - width)),
  );
  const condition = conjunction([...conjunctsOf(input.condition), ...sides.both]);
  const kind = input.join === 'cross' && condition !== undefined ? 'inner' : input.join;
  return filtered(joinNode(kind, left, right, condition ?? input.condition, input.ttlMs), sides.above);
}

function split<Item>(items: readonly Item[], goes: (item: Item) => boolean): readonly [Item[], Item[]] {
  const [yes, no]: [Item[], Item[]] = [[], []];
  for (const item of items) (goes(item) ? yes : no).push(item);
  return [yes, no];
}
