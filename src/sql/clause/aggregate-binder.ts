import type { FuncCall, Node } from 'libpg-query';
import { userAggregateCall } from '../../plan/aggregate/aggregate-call.ts';
import { isAggregateName, resolveAggregate } from '../../plan/aggregate/aggregate-name.ts';
import { coerce, type Operand, settle } from '../../plan/coercion.ts';
import { evaluate } from '../../plan/evaluate.ts';
import { literal } from '../../plan/expression-factory.ts';
import type { AggregateCall, SortKey } from '../../plan/node.ts';
import { isConstant } from '../../plan/optimizer/constant-expression.ts';
import { serializeExpression } from '../../plan/pipeline-text.ts';
import { arrayType, TYPE } from '../../plan/type-name.ts';
import type { BindContext, ExpressionBinder } from '../expression-binder.ts';
import { bareName, nodeLocation } from '../text/syntax-tree.ts';
import { sortItem } from './sort-item.ts';

/**
 * The call of an aggregate as it is written, with its DISTINCT, FILTER, ORDER BY and WITHIN GROUP, but for OVER. `binder` binds
 * what is inside: to the rows that are aggregated, and without aggregates of its own. Errors are at the place of what is wrong.
 */
export function bindAggregate(fn: FuncCall, node: Node, binder: ExpressionBinder, context: BindContext): AggregateCall {
  const name = bareName(fn.funcname);
  const at = context.place(nodeLocation(node));
  const orderBy = (fn.agg_order ?? []).map((item): SortKey => {
    const { node: key, descending, nullsFirst } = sortItem(context, item);
    return { expression: binder.bind(key), descending, nullsFirst };
  });
  const filter = fn.agg_filter === undefined ? undefined : binder.boolean(fn.agg_filter, 'FILTER');
  const distinct = fn.agg_distinct === true;
  if (fn.agg_star === true && name !== 'count') {
    throw context.source.error(at, `${name}(*) does not exist`, {
      code: 'PLAN_UNKNOWN_FUNCTION',
      next: 'name what is aggregated',
    });
  }
  if (name === 'count' && fn.agg_star !== true && (fn.args ?? []).length === 0) {
    throw context.source.error(at, 'count(*) must be used to call a parameterless aggregate function', {
      code: 'SQL_INVALID_CLAUSE',
      next: 'write count(*)',
    });
  }
  const isWithin = fn.agg_within_group === true;
  const args = (fn.args ?? []).map((arg) => (isWithin ? directArgument(arg, binder) : binder.operand(arg)));
  if (distinct && !isWithin) requireArguments(fn.agg_order ?? [], orderBy, args, context);
  return context.source.locate(at, () => {
    const declared = context.functions.get(name);
    if (declared?.aggregate !== undefined) {
      return userAggregateCall({ ...declared, ...declared.aggregate }, args, { distinct, filter, orderBy });
    }
    return resolveAggregate(name, { args, distinct, filter, orderBy, withinGroup: isWithin });
  });
}

/** Whether a call of this name is one of an aggregate. */
export function callsAggregate(name: string, context: BindContext): boolean {
  return isAggregateName(name) || context.functions.get(name)?.aggregate !== undefined;
}

/** With DISTINCT, rows are ordered by nothing but what is told apart: else it would not be known by which row of several. */
function requireArguments(
  items: readonly Node[],
  orderBy: readonly SortKey[],
  args: readonly Operand[],
  context: BindContext,
): void {
  const texts = args.map((arg) => serializeExpression(settle(arg)));
  orderBy.forEach((key, index) => {
    if (texts.includes(serializeExpression(key.expression))) return;
    const { node } = sortItem(context, items[index]!);
    throw context.source.error(
      context.place(nodeLocation(node)),
      'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list',
      { code: 'SQL_INVALID_CLAUSE', next: 'order by what is aggregated' },
    );
  });
}

/** An argument before WITHIN GROUP: a constant, or an array of constants. */
function directArgument(node: Node, binder: ExpressionBinder): Operand {
  const items = 'A_ArrayExpr' in node ? (node.A_ArrayExpr.elements ?? []) : undefined;
  const bound = items?.map((item) => coerce(binder.operand(item), TYPE.float8));
  if (bound === undefined || !bound.every(isConstant)) return binder.operand(node);
  return literal(
    bound.map((item) => evaluate(item, [])),
    arrayType(TYPE.float8),
  );
}
