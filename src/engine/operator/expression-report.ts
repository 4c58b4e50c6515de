import type { Expression } from '../../plan/expression.ts';
import { expressionText } from '../../plan/expression-text.ts';
import type { PlanNode } from '../../plan/node.ts';
import { type CompiledBy, compiledBy } from '../wasm/program.ts';

/** One expression of an operator and who runs it. */
export interface ExpressionReport {
  /** As SQL. */
  readonly text: string;
  readonly compiledBy: CompiledBy;
}

/** The expressions that a node computes; plain columns, which cost nothing, are left out. */
export function reportExpressions(node: PlanNode, isByRow = false): readonly ExpressionReport[] {
  const expressions = expressionsOf(node).filter((expression) => expression.kind !== 'column');
  if (expressions.length === 0) return [];
  const input = 'input' in node ? node.input.columns : [];
  const runners = isByRow ? undefined : compiledBy(input, expressions);
  return expressions.map((expression, at) => ({
    text: expressionText(expression),
    compiledBy: runners?.[at] ?? 'interpreter',
  }));
}

function expressionsOf(node: PlanNode): readonly Expression[] {
  switch (node.kind) {
    case 'filter':
      return [node.predicate];
    case 'project':
      return node.expressions;
    case 'aggregate':
      return [
        ...node.groups,
        ...node.aggregates.flatMap(({ argument, filter }) => [argument, filter]).filter((found) => found !== undefined),
      ];
    default:
      return [];
  }
}
