import type { Expression } from '../expression.ts';
import { someExpression } from '../expression-map.ts';
import { projectNode } from '../factory.ts';
import type { ProjectNode } from '../node.ts';
import { mapColumns } from '../optimizer/rewrite.ts';
import type { Rule } from './rule.ts';

/** A projection of a projection is one, when nothing is computed twice by it. */
export const mergeProjects: Rule = (node, { isShared }) => {
  if (node.kind !== 'project' || node.input.kind !== 'project' || isShared(node.input)) return undefined;
  const inner = node.input;
  if (repeatsWork(node, inner)) return undefined;
  return projectNode(
    inner.input,
    node.expressions.map((expression, index) => ({
      name: node.columns[index]!.name,
      expression: mapColumns(expression, (column) => inner.expressions[column.index]!),
    })),
  );
};

function repeatsWork(outer: ProjectNode, inner: ProjectNode): boolean {
  const uses = new Map<number, number>();
  for (const expression of outer.expressions) {
    someExpression(expression, (part) => {
      if (part.kind === 'column') uses.set(part.index, (uses.get(part.index) ?? 0) + 1);
      return false;
    });
  }
  return inner.expressions.some((expression, index) => isComputed(expression) && (uses.get(index) ?? 0) > 1);
}

function isComputed(expression: Expression): boolean {
  return expression.kind !== 'column' && expression.kind !== 'literal';
}
