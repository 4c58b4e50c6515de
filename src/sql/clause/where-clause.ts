import type { Node } from 'libpg-query';
import type { Expression } from '../../plan/expression.ts';
import { call } from '../../plan/expression-factory.ts';
import { filterNode } from '../../plan/factory.ts';
import type { PlanNode } from '../../plan/node.ts';
import { dependentJoin } from '../../plan/optimizer/decorrelate.ts';
import { isCorrelated, mapColumnsIn, outerColumn } from '../../plan/optimizer/outer-reference.ts';
import { conjunction } from '../../plan/pushed-plan.ts';
import { type BindContext, ExpressionBinder } from '../expression-binder.ts';
import type { Scope } from '../scope.ts';
import { Attachments, type BindInner, withoutAttached } from '../text/attachment.ts';
import { type Comparison, comparisonOf, existing, nullFlags, type SubqueryContext, subLinkOf } from './subquery.ts';

export interface WhereSpec {
  readonly context: BindContext;
  readonly scope: Scope;
  readonly bindInner: BindInner;
  readonly ttlMs: number | undefined;
  /** For messages: WHERE, or the ON of a join. */
  readonly clause: string;
}

/**
 * The rows for which the condition holds. EXISTS, IN and their denials that stand alone or between ANDs become semi and anti joins;
 * sub-queries anywhere else become columns that the filter reads.
 */
export function bindWhere(spec: WhereSpec, rows: PlanNode, where: Node): PlanNode {
  const plain: Node[] = [];
  const tests: SubqueryTest[] = [];
  for (const part of conjuncts(where)) {
    const test = subqueryTest(part);
    if (test === undefined) plain.push(part);
    else tests.push(test);
  }
  let node = filtered(spec, rows, plain);
  for (const test of tests) node = restricted(spec, node, test);
  return node;
}

function conjuncts(node: Node): readonly Node[] {
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'AND_EXPR') return (node.BoolExpr.args ?? []).flatMap(conjuncts);
  return [node];
}

interface SubqueryTest {
  readonly node: Node;
  readonly denied: boolean;
}

/** EXISTS, IN, ANY or ALL, or NOT of one of them. */
function subqueryTest(part: Node): SubqueryTest | undefined {
  const inner = 'BoolExpr' in part && part.BoolExpr.boolop === 'NOT_EXPR' ? part.BoolExpr.args?.[0] : undefined;
  const link = subLinkOf(inner ?? part);
  const kinds = ['EXISTS_SUBLINK', 'ANY_SUBLINK', 'ALL_SUBLINK'];
  if (link === undefined || !kinds.includes(link.subLinkType ?? '')) return undefined;
  return { node: inner ?? part, denied: inner !== undefined };
}

function filtered(spec: WhereSpec, rows: PlanNode, parts: readonly Node[]): PlanNode {
  if (parts.length === 0) return rows;
  const { context, clause } = spec;
  const attachments = attachmentsFor(spec, rows);
  const binder = new ExpressionBinder(context, spec.scope.with(attachments));
  const bound = parts.map((part) => binder.boolean(part, clause));
  const condition = conjunction(bound);
  if (attachments.count === 0) return filterNode(rows, condition);
  const { node, replace } = attachments.attach(rows);
  return withoutAttached(filterNode(node, replace(condition)), rows.columns);
}

function attachmentsFor({ context, scope, bindInner, ttlMs, clause }: WhereSpec, input: PlanNode): Attachments {
  return new Attachments({ context, input, scope, bindInner, ttlMs, refusesFunctions: clause });
}

function restricted(spec: WhereSpec, rows: PlanNode, { node, denied }: SubqueryTest): PlanNode {
  const { context, scope, bindInner, ttlMs } = spec;
  const link = subLinkOf(node)!;
  const at = context.place(link.location);
  const { subselect } = link;
  if (subselect === undefined || !('SelectStmt' in subselect)) {
    throw context.source.error(at, 'a sub-query must be a query', { next: 'write SELECT' });
  }
  const attachments = attachmentsFor(spec, rows);
  const inner = scope.with(attachments);
  const plan = bindInner(subselect.SelectStmt, inner);
  const { level } = scope;
  const join = (left: PlanNode, kind: 'semi' | 'anti', right: PlanNode, condition: Expression | undefined): PlanNode =>
    context.source.locate(at, () => dependentJoin({ kind, left, right, level, condition, ttlMs }));
  if (link.subLinkType === 'EXISTS_SUBLINK') return join(rows, denied ? 'anti' : 'semi', existing(plan), undefined);
  const binder = new ExpressionBinder(context, inner);
  const sub: SubqueryContext = {
    context,
    columns: rows.columns,
    level,
    scope: inner,
    bindInner,
    add: (query, place) => attachments.query(query, place),
  };
  const comparison = comparisonOf(sub, link, plan, binder);
  const { node: left, replace } = attachments.attach(rows);
  const test = joinTest(comparison, level, left, replace);
  const compared = { ...comparison, test, left: replace(comparison.left) };
  const made = compareRows(spec, left, compared, denied, join);
  return withoutAttached(made, rows.columns);
}

/** The test over the joined row: outer references become columns of the left side, those of the query move behind them. */
function joinTest(
  { test }: Comparison,
  level: number,
  left: PlanNode,
  replace: <Value>(value: Value) => Value,
): Expression {
  return mapColumnsIn(test, (column) => {
    const outer = outerColumn(column);
    if (outer === undefined) return Object.freeze({ ...column, index: column.index + left.columns.length });
    return outer.level === level ? replace(Object.freeze({ ...column, index: outer.index })) : column;
  });
}

type Join = (left: PlanNode, kind: 'semi' | 'anti', right: PlanNode, condition: Expression | undefined) => PlanNode;

/** ANY keeps rows with a match; its denial those with no row that matches or might; ALL those with no row that fails or might. */
function compareRows(spec: WhereSpec, left: PlanNode, comparison: Comparison, denied: boolean, join: Join): PlanNode {
  const { plan, test, isAll, leftNullable, rightNullable, isEquality } = comparison;
  const mayBeNull = leftNullable || rightNullable;
  if (!isAll && !denied) return join(left, 'semi', plan, test);
  if (isAll && denied) return join(left, 'semi', plan, call('is_false', [test]));
  if (isAll) return join(left, 'anti', plan, mayBeNull ? call('is_not_true', [test]) : call('not', [test]));
  if (!mayBeNull) return join(left, 'anti', plan, test);
  if (!isEquality || isCorrelated(plan, spec.scope.level)) {
    return join(left, 'anti', plan, call('is_not_false', [test]));
  }
  return withoutNulls(spec, join(left, 'anti', plan, test), comparison);
}

/** NOT IN of a query with or beside nulls: a null on either side makes it null, unless the query has no rows. */
function withoutNulls(spec: WhereSpec, rows: PlanNode, comparison: Comparison): PlanNode {
  const attachments = attachmentsFor(spec, rows);
  const add = (plan: PlanNode): Expression => attachments.query(plan, comparison.at);
  const { some, withNull } = nullFlags({ add, level: spec.scope.level }, comparison.plan, comparison.at);
  const keeps: Expression[] = [];
  if (comparison.leftNullable) {
    keeps.push(call('or', [call('is_not_null', [comparison.left[0]!]), call('is_not_true', [some()])]));
  }
  if (comparison.rightNullable) keeps.push(call('is_not_true', [withNull()]));
  const { node, replace } = attachments.attach(rows);
  return withoutAttached(filterNode(node, replace(conjunction(keeps))), rows.columns);
}
