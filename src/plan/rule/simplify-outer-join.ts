import type { Expression } from '../expression.ts';
import { joinNode } from '../factory.ts';
import type { JoinKind } from '../node.ts';
import { conjunctsOf, filtered } from '../optimizer/rewrite.ts';
import type { Rule } from './rule.ts';

/** Functions that give null when an argument is null. */
const STRICT: ReadonlySet<string> = new Set([
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'add',
  'subtract',
  'multiply',
  'divide',
  'modulo',
  'negate',
  'like',
  'upper',
  'lower',
  'length',
]);

/** Without the rows that the filter takes away again, an outer join is a narrower one, which has nothing to take back. */
export const simplifyOuterJoin: Rule = (node, { isShared }) => {
  if (node.kind !== 'filter' || node.input.kind !== 'join' || isShared(node.input)) return undefined;
  const join = node.input;
  const width = join.left.columns.length;
  const conditions = conjunctsOf(node.predicate);
  const needs = (isOfSide: (column: number) => boolean): boolean =>
    conditions.some((condition) => isNeverTrue(condition, isOfSide));
  const kind = narrower(
    join.join,
    needs((column) => column < width),
    needs((column) => column >= width),
  );
  if (kind === join.join) return undefined;
  return filtered(joinNode(kind, join.left, join.right, join.condition, join.ttlMs), conditions);
};

/** `needsLeft`: rows without a left side are taken away. */
function narrower(kind: JoinKind, needsLeft: boolean, needsRight: boolean): JoinKind {
  if (kind === 'left' && needsRight) return 'inner';
  if (kind === 'right' && needsLeft) return 'inner';
  if (kind !== 'full') return kind;
  if (needsLeft && needsRight) return 'inner';
  return needsLeft ? 'left' : needsRight ? 'right' : 'full';
}

/** Whether the condition is not true for any row in which all of these columns are null. */
function isNeverTrue(condition: Expression, isNull: (column: number) => boolean): boolean {
  if (condition.kind === 'call') {
    const { function: name, args } = condition;
    if (name === 'and') return args.some((arg) => isNeverTrue(arg, isNull));
    if (name === 'or') return args.every((arg) => isNeverTrue(arg, isNull));
    if (name === 'is_not_null') return isAlwaysNull(args[0]!, isNull);
    if (name === 'is_true' || name === 'is_false') return isAlwaysNull(args[0]!, isNull);
    if (name === 'not') return isAlwaysNull(args[0]!, isNull);
  }
  return isAlwaysNull(condition, isNull);
}

function isAlwaysNull(expression: Expression, isNull: (column: number) => boolean): boolean {
  switch (expression.kind) {
    case 'literal':
      return expression.value === null;
    case 'column':
      return isNull(expression.index);
    case 'cast':
      return isAlwaysNull(expression.input, isNull);
    case 'call':
      return STRICT.has(expression.function) && expression.args.some((arg) => isAlwaysNull(arg, isNull));
    default:
      return false;
  }
}
