import type { Expression } from '../expression.ts';
import { TRUE } from '../expression-factory.ts';
import { joinNode } from '../factory.ts';
import type { JoinNode } from '../node.ts';
import { mayThrow } from '../optimizer/may-throw.ts';
import { columnsOf, conjunction, conjunctsOf, filtered, moveColumns } from '../optimizer/rewrite.ts';
import type { Rule } from './rule.ts';

/** Joins in which a row of the side that does not meet the condition has no part. */
const NEEDS_LEFT: ReadonlySet<JoinNode['join']> = new Set(['inner', 'right', 'semi']);
const NEEDS_RIGHT: ReadonlySet<JoinNode['join']> = new Set(['inner', 'left', 'semi', 'anti']);

/** Conditions of a join that read one side only become filters of it: rows that can meet nothing are not kept. */
export const pushJoinCondition: Rule = (node) => {
  if (node.kind !== 'join' || node.condition === undefined) return undefined;
  const width = node.left.columns.length;
  const sides = { left: [] as Expression[], right: [] as Expression[], both: [] as Expression[] };
  for (const condition of conjunctsOf(node.condition)) {
    const columns = [...columnsOf(condition)];
    const isSafe = columns.length > 0 && !mayThrow(condition);
    if (isSafe && NEEDS_LEFT.has(node.join) && columns.every((column) => column < width)) sides.left.push(condition);
    else if (isSafe && NEEDS_RIGHT.has(node.join) && columns.every((column) => column >= width))
      sides.right.push(condition);
    else sides.both.push(condition);
  }
  if (sides.left.length === 0 && sides.right.length === 0) return undefined;
  const right = sides.right.map((condition) => moveColumns(condition, node.right.columns, (at) => at - width));
  const condition = conjunction(sides.both) ?? TRUE;
  return joinNode(node.join, filtered(node.left, sides.left), filtered(node.right, right), condition, node.ttlMs);
};
