import type { Node, SelectStmt, SubLink } from 'libpg-query';
import { aggregateCall } from '../../plan/aggregate/aggregate-call.ts';
import { uniqueKey } from '../../plan/changelog.ts';
import { type Operand, resolveCall, settle } from '../../plan/coercion.ts';
import type { Column } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import {
  call,
  caseExpression,
  columnReference,
  isNullable,
  literal,
  nullLiteral,
} from '../../plan/expression-factory.ts';
import { aggregateNode, distinctNode, filterNode, limitNode, projectNode } from '../../plan/factory.ts';
import type { PlanNode } from '../../plan/node.ts';
import {
  isCorrelated,
  localColumnsOf,
  mapColumnsIn,
  outerColumn,
  outerReference,
} from '../../plan/optimizer/outer-reference.ts';
import { conjunctsOf } from '../../plan/optimizer/rewrite.ts';
import { TYPE } from '../../plan/type-name.ts';
import type { BindContext, ExpressionBinder } from '../expression-binder.ts';
import { NEGATED_OPERATORS, OPERATOR_NAMES } from '../function-name.ts';
import type { Scope } from '../scope.ts';
import type { BindInner } from '../text/attachment.ts';
import { bareName, nodeLocation } from '../text/syntax-tree.ts';

export interface SubqueryContext {
  readonly context: BindContext;
  /** Of the rows around the sub-query. */
  readonly columns: readonly Column[];
  readonly level: number;
  readonly scope: Scope;
  readonly bindInner: BindInner;
  /** Takes a query of at most one row; answers with what stands for its first column. */
  readonly add: (plan: PlanNode, at: number) => Expression;
}

function refuse(context: BindContext, at: number, message: string, next: string): Error {
  return context.source.error(at, message, { code: 'SQL_NOT_SUPPORTED', next });
}

function selectOf(context: BindContext, link: SubLink, at: number): SelectStmt {
  const { subselect } = link;
  if (subselect !== undefined && 'SelectStmt' in subselect) return subselect.SelectStmt;
  throw refuse(context, at, 'a sub-query must be a query', 'write SELECT');
}

/** A sub-query as a value in an expression. */
export function bindSubquery(sub: SubqueryContext, link: SubLink, binder: ExpressionBinder): Operand {
  const { context, add } = sub;
  const at = context.place(link.location);
  const plan = sub.bindInner(selectOf(context, link, at), sub.scope);
  switch (link.subLinkType) {
    case 'EXISTS_SUBLINK':
      return add(steady(holds(existing(plan)), sub.level), at);
    case 'EXPR_SUBLINK':
      requireColumns(context, plan, 1, at);
      return scalar(sub, plan, at);
    case 'ARRAY_SUBLINK':
      requireColumns(context, plan, 1, at);
      return arrayOf(sub, plan, at);
    case 'ANY_SUBLINK':
    case 'ALL_SUBLINK':
      return quantified(sub, comparisonOf(sub, link, plan, binder), at);
    default:
      throw refuse(context, at, 'this kind of sub-query is not supported', 'write EXISTS, IN or a join');
  }
}

function arrayOf(sub: SubqueryContext, plan: PlanNode, at: number): Expression {
  const aggregate = sub.context.source.locate(at, () => aggregateCall('array_agg', columnReference(plan.columns, 0)));
  const ordered = plan.kind === 'sort' ? { ...aggregate, orderBy: plan.keys } : aggregate;
  const array = sub.add(aggregateNode(plan, [], [{ name: 'array', call: ordered }]), at);
  return call('coalesce', [array, literal([], array.type)]);
}

/** Whether there is a row: one row of one boolean. */
function holds(plan: PlanNode): PlanNode {
  const counted = aggregateNode(plan, [], [{ name: 'count', call: aggregateCall('count', undefined) }]);
  const some = call('gt', [columnReference(counted.columns, 0), literal(0n, TYPE.int8)]);
  return projectNode(counted, [{ name: 'exists', expression: some }]);
}

/** What is the same for all rows around it changes less often than the count below it: they are touched only when it does. */
function steady(plan: PlanNode, level: number): PlanNode {
  return isCorrelated(plan, level) ? plan : distinctNode(plan);
}

/** `x op ANY (query)`, `x op ALL (query)`, and IN and NOT IN, which are `= ANY` and its denial. */
export interface Comparison {
  readonly plan: PlanNode;
  readonly isAll: boolean;
  /** Over the columns of the query, with the row around it as outer references. */
  readonly test: Expression;
  /** The compared values can be null: of the row around it, over its columns, and of the query. */
  readonly leftNullable: boolean;
  readonly rightNullable: boolean;
  /** The left values over the row around the query. */
  readonly left: readonly Expression[];
  /** Whether the test is nothing but equality, which is null where one side is. */
  readonly isEquality: boolean;
  readonly at: number;
}

export function comparisonOf(
  sub: SubqueryContext,
  link: SubLink,
  plan: PlanNode,
  binder: ExpressionBinder,
): Comparison {
  const { context } = sub;
  const at = context.place(link.location);
  const test = link.testexpr!;
  const operands = 'RowExpr' in test ? (test.RowExpr.args ?? []) : [test];
  requireColumns(context, plan, operands.length, at);
  const symbol = bareName(link.operName) || '=';
  if (operands.length > 1 && symbol !== '=' && symbol !== '<>') {
    throw refuse(context, at, `rows are compared with = and <> only, not ${symbol}`, 'compare the columns one by one');
  }
  const left = operands.map((operand) => binder.operand(operand));
  const tests = left.map((operand, index) =>
    context.source.locate(context.place(nodeLocation(operands[index]!)), () =>
      compare(context, at, symbol, outside(operand, sub.level), columnReference(plan.columns, index)),
    ),
  );
  const values = left.map(settle);
  return {
    plan,
    isAll: link.subLinkType === 'ALL_SUBLINK',
    test: tests.length === 1 ? tests[0]! : call(symbol === '=' ? 'and' : 'or', tests),
    leftNullable: values.some((value) => isNullable(value, sub.columns)),
    rightNullable: plan.columns.slice(0, left.length).some((column) => column.nullable),
    left: values,
    isEquality: symbol === '=' && left.length === 1,
    at,
  };
}

/** The operand of the row around the query, as the query sees it. */
function outside(operand: Operand, level: number): Operand {
  if (operand.kind === 'unknown') return operand;
  return mapColumnsIn(operand, (column) =>
    outerColumn(column) === undefined ? outerReference(level, column.index, column.type, column.name) : column,
  );
}

function compare(context: BindContext, at: number, symbol: string, left: Operand, right: Expression): Expression {
  const denied = NEGATED_OPERATORS.get(symbol);
  const name = denied ?? OPERATOR_NAMES.get(symbol);
  const found = name === undefined ? undefined : resolveCall(name, [left, right]);
  if (found?.type.kind !== 'boolean') {
    throw refuse(context, at, `operator ${symbol} does not compare`, 'write =, <>, <, <=, > or >=');
  }
  return denied === undefined ? found : call('not', [found]);
}

/**
 * ANY is true when one row passes, null when none does but one might, else false; ALL is false when one row fails, null when none
 * does but one might, else true.
 */
function quantified(sub: SubqueryContext, comparison: Comparison, at: number): Expression {
  const { plan, test, isAll } = comparison;
  const decisive = call(isAll ? 'is_false' : 'is_true', [test]);
  const simple = isAll ? decisive : test;
  const decided = sub.add(holds(filterNode(plan, simple)), at);
  const otherwise = literal(isAll, TYPE.boolean);
  const branches = [{ when: call('is_true', [decided]), result: literal(!isAll, TYPE.boolean) }];
  const open = mightHold(sub, comparison, at);
  if (open !== undefined) branches.push({ when: open, result: nullLiteral(TYPE.boolean) as typeof otherwise });
  return caseExpression(
    // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`; it is never awaited
    branches.map(({ when, result }) => ({ when, then: result })),
    otherwise,
  );
}

/** Whether the comparison is null for some row of the query; undefined when it cannot be. */
function mightHold(sub: SubqueryContext, comparison: Comparison, at: number): Expression | undefined {
  const { plan, test, leftNullable, rightNullable, left, isEquality } = comparison;
  if (!leftNullable && !rightNullable) return undefined;
  if (!isEquality) return call('is_true', [sub.add(holds(filterNode(plan, call('is_null', [test]))), at)]);
  const { some, withNull } = nullFlags(sub, plan, at);
  const isNull = call('is_null', [left[0]!]);
  const parts = [
    ...(leftNullable ? [call('and', [isNull, call('is_true', [some()])])] : []),
    ...(rightNullable ? [call('is_true', [withNull()])] : []),
  ];
  return call('or', parts);
}

/** For equality: whether the query has rows, and whether it has one with null. */
export function nullFlags(
  sub: Pick<SubqueryContext, 'add' | 'level'>,
  plan: PlanNode,
  at: number,
): { readonly some: () => Expression; readonly withNull: () => Expression } {
  const isNull = call('is_null', [columnReference(plan.columns, 0)]);
  return {
    some: () => sub.add(steady(holds(plan), sub.level), at),
    withNull: () => sub.add(steady(holds(filterNode(plan, isNull)), sub.level), at),
  };
}

function requireColumns(context: BindContext, plan: PlanNode, count: number, at: number): void {
  if (plan.columns.length === count) return;
  const message = plan.columns.length > count ? 'sub-query has too many columns' : 'sub-query has too few columns';
  throw context.source.error(at, message, { next: `select ${count} column${count === 1 ? '' : 's'}` });
}

/**
 * A sub-query that is a value must not give two rows. Where that is not certain, each row around it looks when it is computed: one that
 * finds two has no value, and no other row is concerned.
 */
function scalar(sub: SubqueryContext, plan: PlanNode, at: number): Expression {
  if (isSingleRow(plan)) return sub.add(plan, at);
  const two = limitNode(plan.kind === 'sort' ? plan.input : plan, 2, 0);
  const items = sub.context.source.locate(at, () => aggregateCall('array_agg', columnReference(two.columns, 0)));
  return call('single_value', [sub.add(aggregateNode(two, [], [{ name: 'items', call: items }]), at)]);
}

function isSingleRow(node: PlanNode): boolean {
  const key = uniqueKey(node);
  const fixed = fixedColumns(node);
  if (key?.every((column) => fixed.has(column)) === true) return true;
  switch (node.kind) {
    case 'values':
      return node.rows.length <= 1;
    case 'limit':
      return (node.limit !== undefined && node.limit <= 1) || isSingleRow(node.input);
    case 'top-n':
      return node.partition.every((column) => fixed.has(column)) && node.limit === 1 && node.rank === 'row_number';
    case 'filter':
    case 'project':
    case 'sort':
    case 'distinct':
      return isSingleRow(node.input);
    case 'join':
      return isSingleRow(node.left) && (node.join === 'semi' || node.join === 'anti' || isSingleRow(node.right));
    default:
      return false;
  }
}

/** Columns that have one value for one row around the query: those that are compared with it, or with a constant. */
function fixedColumns(node: PlanNode): ReadonlySet<number> {
  const fixed = new Set<number>();
  if (node.kind === 'filter') {
    for (const column of fixedColumns(node.input)) fixed.add(column);
    for (const part of conjunctsOf(node.predicate)) {
      if (part.kind !== 'call' || part.function !== 'eq') continue;
      const [a, b] = part.args as readonly [Expression, Expression];
      if (a.kind === 'column' && localColumnsOf(b).length === 0) fixed.add(a.index);
      if (b.kind === 'column' && localColumnsOf(a).length === 0) fixed.add(b.index);
    }
  } else if (node.kind === 'project' || node.kind === 'aggregate') {
    const inner = fixedColumns(node.input);
    const expressions = node.kind === 'project' ? node.expressions : node.groups;
    expressions.forEach((expression, index) => {
      if (expression.kind === 'column' && inner.has(expression.index)) fixed.add(index);
    });
  } else if (node.kind === 'sort' || node.kind === 'limit' || node.kind === 'distinct' || node.kind === 'top-n') {
    return fixedColumns(node.input);
  }
  return fixed;
}

/** A sub-query whose rows only matter by being there: a limit that lets one through changes nothing. */
export function existing(plan: PlanNode): PlanNode {
  return plan.kind === 'limit' && plan.offset === 0 && (plan.limit === undefined || plan.limit > 0) ? plan.input : plan;
}

export function subLinkOf(node: Node | undefined): SubLink | undefined {
  return node !== undefined && 'SubLink' in node ? node.SubLink : undefined;
}
