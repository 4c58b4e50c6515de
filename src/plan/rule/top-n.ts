import { topNNode } from '../analytic-factory.ts';
import type { Expression } from '../expression.ts';
import { columnReference } from '../expression-factory.ts';
import { type NamedExpression, projectNode } from '../factory.ts';
import type { OverNode, PlanNode, TopNNode } from '../node.ts';
import { conjunctsOf, filtered } from '../optimizer/rewrite.ts';
import type { Rule } from './rule.ts';

/**
 * `row_number() OVER (...) AS n ... WHERE n <= 3` needs the first three rows of each partition only: a top-N, which keeps them in order
 * and does not number the others. So for rank and dense_rank.
 */
export const recogniseTopN: Rule = (node) => {
  if (node.kind !== 'filter' || node.input.kind !== 'over') return undefined;
  const over = node.input;
  const rank = rankOf(over);
  if (rank === undefined) return undefined;
  const column = over.input.columns.length;
  const range: RankRange = { after: 0, last: Number.POSITIVE_INFINITY };
  const others: Expression[] = [];
  for (const condition of conjunctsOf(node.predicate)) {
    if (!narrow(range, condition, column)) others.push(condition);
  }
  if (range.last === Number.POSITIVE_INFINITY) return undefined;
  const limit = Math.max(0, range.last - range.after);
  return filtered(topN(over, rank, limit === 0 ? 0 : range.after, limit), others);
};

/** Other functions of the same window would have to see all rows. */
function rankOf(over: OverNode): TopNNode['rank'] | undefined {
  const [call] = over.calls;
  if (over.calls.length !== 1 || call === undefined) return undefined;
  const { function: name } = call;
  return name === 'row_number' || name === 'rank' || name === 'dense_rank' ? name : undefined;
}

interface RankRange {
  after: number;
  last: number;
}

const TURNED: Readonly<Record<string, string>> = { lt: 'gt', le: 'ge', gt: 'lt', ge: 'le', eq: 'eq' };

/** Whether the condition compares the rank with a constant; the range is then narrowed by it. */
function narrow(range: RankRange, condition: Expression, rank: number): boolean {
  if (condition.kind !== 'call' || condition.args.length !== 2 || TURNED[condition.function] === undefined)
    return false;
  const [left, right] = condition.args as readonly [Expression, Expression];
  const isRank = (side: Expression): boolean => side.kind === 'column' && side.index === rank;
  const other = isRank(left) ? right : isRank(right) ? left : undefined;
  if (other?.kind !== 'literal' || typeof other.value !== 'bigint') return false;
  const value = Number(other.value);
  if (!Number.isSafeInteger(value)) return false;
  const comparison = isRank(left) ? condition.function : TURNED[condition.function];
  const last = { lt: value - 1, le: value, eq: value }[comparison as 'lt'] ?? Number.POSITIVE_INFINITY;
  const after = { gt: value, ge: value - 1, eq: value - 1 }[comparison as 'gt'] ?? 0;
  range.last = Math.min(range.last, Math.max(0, last));
  range.after = Math.max(range.after, after);
  return true;
}

/** A partition of expressions gets columns of its own, which are left out again. */
function topN(over: OverNode, rank: TopNNode['rank'], offset: number, limit: number): PlanNode {
  const { input } = over;
  const own: NamedExpression[] = input.columns.map(({ name }, index) => ({
    name,
    expression: columnReference(input.columns, index),
  }));
  const computed: NamedExpression[] = [];
  const partition = over.partition.map((key, index) => {
    if (key.kind === 'column') return key.index;
    return own.length + computed.push({ name: `key_${index + 1}`, expression: key }) - 1;
  });
  const keyed = projectNode(input, [...own, ...computed]);
  const name = over.columns.at(-1)!.name;
  const spec = { input: keyed, partition, keys: over.keys, limit, offset, rank, withRank: true };
  const made = topNNode(spec, name);
  if (computed.length === 0) return made;
  const rankAt = made.columns.length - 1;
  return projectNode(made, [...own, { name, expression: columnReference(made.columns, rankAt) }]);
}
