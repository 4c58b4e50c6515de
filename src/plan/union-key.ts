import type { LiteralExpression } from './expression.ts';
import type { PlanNode, SetOperationNode } from './node.ts';
import { serializeExpression } from './pipeline-text.ts';

/**
 * Columns that tell the rows of a UNION ALL apart: the keys of its inputs, and for any two inputs a column that is never the same in
 * both, such as the result of GROUPING. Undefined when there are none.
 */
export function unionKey(
  node: SetOperationNode,
  keyOf: (input: PlanNode) => readonly number[] | undefined,
): readonly number[] | undefined {
  const found = new Set<number>();
  for (const input of node.inputs) {
    const key = keyOf(input);
    if (key === undefined) return undefined;
    for (const column of key) found.add(column);
  }
  for (const [at, one] of node.inputs.entries()) {
    for (const other of node.inputs.slice(at + 1)) {
      const columns = [...node.columns.keys()].filter((column) => neverEqual(one, other, column));
      if (columns.length === 0) return undefined;
      if (!columns.some((column) => found.has(column))) found.add(columns.at(-1)!);
    }
  }
  return [...found].sort((a, b) => a - b);
}

function neverEqual(one: PlanNode, other: PlanNode, column: number): boolean {
  const [left, right] = [constantAt(one, column), constantAt(other, column)];
  if (left !== undefined && right !== undefined) return serializeExpression(left) !== serializeExpression(right);
  const isNull = left?.value === null || right?.value === null;
  const varies = left === undefined ? one : other;
  return isNull && !varies.columns[column]!.nullable;
}

function constantAt(node: PlanNode, column: number): LiteralExpression | undefined {
  if (node.kind === 'filter') return constantAt(node.input, column);
  if (node.kind !== 'project') return undefined;
  const expression = node.expressions[column]!;
  if (expression.kind === 'literal') return expression;
  return expression.kind === 'column' ? constantAt(node.input, expression.index) : undefined;
}
