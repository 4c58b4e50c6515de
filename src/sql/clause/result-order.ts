import type { Node, SelectStmt } from 'libpg-query';
import { topNNode } from '../../plan/analytic-factory.ts';
import { coerce } from '../../plan/coercion.ts';
import { evaluate } from '../../plan/evaluate.ts';
import { limitNode, sortNode } from '../../plan/factory.ts';
import type { PlanNode, SortKey } from '../../plan/node.ts';
import { isConstant } from '../../plan/optimizer/constant-expression.ts';
import { TYPE } from '../../plan/type-name.ts';
import { type BindContext, ExpressionBinder } from '../expression-binder.ts';
import { Scope } from '../scope.ts';
import { nameParts, nodeLocation } from '../text/syntax-tree.ts';
import { sortItem } from './sort-item.ts';
import { type Target, targetByPosition } from './target-list.ts';

/** A key of ORDER BY or DISTINCT ON. */
export interface BoundSort extends SortKey {
  /** Position in the select list, when the key is one of it. */
  readonly output: number | undefined;
  readonly at: number;
}

/** LIMIT, OFFSET and FETCH FIRST. */
export interface RowRange {
  readonly limit: number | undefined;
  readonly offset: number;
  /** Rows that are equal to the last in order are kept too. */
  readonly withTies: boolean;
}

/** In ORDER BY and DISTINCT ON a name is first one of the select list. */
export function bindSorts(
  context: BindContext,
  items: readonly Node[] | undefined,
  targets: readonly Target[],
  binder: ExpressionBinder,
  clause = 'ORDER BY',
): readonly BoundSort[] {
  return (items ?? []).map((item) => {
    const { node, descending, nullsFirst } = sortItem(context, item);
    const parts = 'ColumnRef' in node ? nameParts(node.ColumnRef.fields) : [];
    const named = parts.length === 1 ? targets.findIndex((target) => target.name === parts[0]) : -1;
    const placed = targetByPosition(context, node, targets, clause);
    const output = placed !== undefined ? targets.indexOf(placed) : named >= 0 ? named : undefined;
    const expression = output === undefined ? binder.bind(node) : targets[output]!.expression;
    return { expression, output, descending, nullsFirst, at: context.place(nodeLocation(node)) };
  });
}

/** Undefined when the query takes all rows. */
export function bindRowRange(context: BindContext, select: SelectStmt): RowRange | undefined {
  const limit = rowCount(context, select.limitCount, 'LIMIT');
  const offset = rowCount(context, select.limitOffset, 'OFFSET') ?? 0;
  const withTies = select.limitOption === 'LIMIT_OPTION_WITH_TIES';
  return limit === undefined && offset === 0 ? undefined : { limit, offset, withTies };
}

/** A constant; NULL is none. */
function rowCount(context: BindContext, node: Node | undefined, clause: string): number | undefined {
  if (node === undefined) return undefined;
  const at = context.place(nodeLocation(node));
  const operand = new ExpressionBinder(context, new Scope([])).operand(node);
  const count = context.source.locate(at, () => {
    const value = coerce(operand, TYPE.int8);
    return isConstant(value) ? evaluate(value, []) : undefined;
  });
  if (count === null) return undefined;
  if (count === undefined || (count as bigint) < 0n || (count as bigint) > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw context.source.error(at, `${clause} must be a constant, zero or more`, {
      code: count === undefined ? 'SQL_NOT_SUPPORTED' : 'SQL_INVALID_CLAUSE',
      next: 'write a whole number',
    });
  }
  return Number(count);
}

/**
 * The rows in order, cut to the range. A view has no order of its own: there, ORDER BY alone means nothing, and with LIMIT it says
 * which rows stay.
 */
export function orderRows(
  node: PlanNode,
  keys: readonly SortKey[],
  range: RowRange | undefined,
  streaming: boolean,
): PlanNode {
  const sorted = (input: PlanNode): PlanNode => (streaming || keys.length === 0 ? input : sortNode(input, keys));
  if (range === undefined) return sorted(node);
  if (range.withTies && range.limit !== undefined) return sorted(withTies(node, keys, range.limit, range.offset));
  const { limit, offset } = range;
  return streaming ? firstRows(node, keys, limit, offset) : limitNode(sorted(node), limit, offset);
}

/** The rows after `offset` are counted, and the last one's equals stay. */
function withTies(node: PlanNode, keys: readonly SortKey[], limit: number, offset: number): PlanNode {
  const input = offset === 0 ? node : firstRows(node, keys, undefined, offset);
  return topNNode({ input, partition: [], keys, limit, offset: 0, rank: 'rank', withRank: false });
}

function firstRows(input: PlanNode, keys: readonly SortKey[], limit: number | undefined, offset: number): PlanNode {
  return topNNode({ input, partition: [], keys, limit, offset, rank: 'row_number', withRank: false });
}
