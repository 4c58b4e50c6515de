import type { Node, SubLink } from 'libpg-query';
import { settle } from '../../plan/coercion.ts';
import type { Expression } from '../../plan/expression.ts';
import type { NamedExpression } from '../../plan/factory.ts';
import type { BindContext, ExpressionBinder } from '../expression-binder.ts';
import type { Scope } from '../scope.ts';
import { bareName, nameParts, nodeLocation } from '../text/syntax-tree.ts';

/** An item of a select list. */
export interface Target extends NamedExpression {
  readonly at: number;
}

/** Constants whose type nothing has decided: text, unless what they are combined with (UNION) wants another. */
const openConstants = new WeakMap<Expression, string | null>();

/** The text of a constant that was written in quotes, or null for NULL; undefined for any other expression. */
export function openConstant(expression: Expression): string | null | undefined {
  return openConstants.get(expression);
}

export function bindTargets(
  context: BindContext,
  nodes: readonly Node[],
  binder: ExpressionBinder,
  scope: Scope,
): readonly Target[] {
  return nodes.flatMap((node): Target[] => {
    if (!('ResTarget' in node) || node.ResTarget.val === undefined) return [];
    const { val, name, location } = node.ResTarget;
    const at = context.place(location);
    const parts = 'ColumnRef' in val ? nameParts(val.ColumnRef.fields) : [];
    if ('ColumnRef' in val && parts.at(-1) === undefined) {
      if (scope.relations.length === 0) {
        throw context.source.error(at, 'SELECT * with no tables specified is not valid', { next: 'add FROM' });
      }
      return scope.star(context.source, at, parts.length > 1 ? parts[0] : undefined).map((expression) => {
        binder.places.set(expression, at);
        return { name: expression.name, expression, at };
      });
    }
    const operand = binder.operand(val);
    const expression = context.source.locate(at, () => settle(operand));
    if (operand.kind === 'unknown') openConstants.set(expression, operand.text);
    return [{ name: name ?? targetName(val), expression, at }];
  });
}

/** A whole number in GROUP BY, ORDER BY and DISTINCT ON is a position in the select list. */
export function targetByPosition(
  context: BindContext,
  node: Node,
  targets: readonly Target[],
  clause: string,
): Target | undefined {
  if (!('A_Const' in node) || node.A_Const.isnull === true) return undefined;
  const at = context.place(nodeLocation(node));
  if (node.A_Const.ival === undefined) {
    throw context.source.error(at, `non-integer constant in ${clause}`, {
      next: 'write a position in the select list',
    });
  }
  const position = node.A_Const.ival.ival ?? 0;
  const target = targets[position - 1];
  if (target !== undefined) return target;
  throw context.source.error(at, `${clause} position ${position} is not in the select list`, {
    code: 'SQL_INVALID_CLAUSE',
    next: `it has ${targets.length} items`,
  });
}

/** A name in GROUP BY is a column of the input, or else of the select list. */
export function targetByName(
  context: BindContext,
  node: Node,
  targets: readonly Target[],
  scope: Scope,
): Target | undefined {
  const parts = 'ColumnRef' in node ? nameParts(node.ColumnRef.fields) : [];
  const name = parts.length === 1 ? parts[0] : undefined;
  const at = context.place(nodeLocation(node));
  if (name === undefined || scope.find(context.source, at, name) !== undefined) return undefined;
  return targets.find((target) => target.name === name);
}

/** PostgreSQL's name of an unnamed target: the column, the function, the type of a cast, `case`, or `?column?`. */
function targetName(node: Node): string {
  if ('ColumnRef' in node) return nameParts(node.ColumnRef.fields).at(-1) ?? '?column?';
  if ('FuncCall' in node) return bareName(node.FuncCall.funcname);
  if ('CaseExpr' in node) return 'case';
  if ('SubLink' in node) return subqueryName(node.SubLink);
  if ('CoalesceExpr' in node) return 'coalesce';
  if ('GroupingFunc' in node) return 'grouping';
  if ('MinMaxExpr' in node) return node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest';
  if ('SQLValueFunction' in node) return (node.SQLValueFunction.op ?? '').replace('SVFOP_', '').toLowerCase();
  if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF') return 'nullif';
  if ('TypeCast' in node) {
    const inner = node.TypeCast.arg === undefined ? '?column?' : targetName(node.TypeCast.arg);
    return inner === '?column?' ? bareName(node.TypeCast.typeName?.names) : inner;
  }
  return '?column?';
}

/** PostgreSQL's: the column of the sub-query, `exists` or `array`. */
function subqueryName({ subLinkType, subselect }: SubLink): string {
  if (subLinkType === 'EXISTS_SUBLINK') return 'exists';
  if (subLinkType === 'ARRAY_SUBLINK') return 'array';
  const select = subselect !== undefined && 'SelectStmt' in subselect ? subselect.SelectStmt : undefined;
  const first = select?.targetList?.[0];
  if (subLinkType !== 'EXPR_SUBLINK' || first === undefined || !('ResTarget' in first)) return '?column?';
  const { name, val } = first.ResTarget;
  return name ?? (val === undefined ? '?column?' : targetName(val));
}
