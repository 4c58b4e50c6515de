import type { Column } from '../data-type.ts';
import type { ColumnExpression, Expression } from '../expression.ts';
import { call, columnReference } from '../expression-factory.ts';
import { mapOperands } from '../expression-map.ts';
import { filterNode, inputsOf } from '../factory.ts';
import type { PlanNode } from '../node.ts';

/** The same expression with what `column` gives in place of each column, which has the type of the column. */
export function mapColumns(expression: Expression, column: (column: ColumnExpression) => Expression): Expression {
  return expression.kind === 'column'
    ? column(expression)
    : mapOperands(expression, (inner) => mapColumns(inner, column));
}

/** The columns that expressions read. */
export function columnsOf(...expressions: readonly (Expression | undefined)[]): Set<number> {
  const found = new Set<number>();
  const visit = (expression: Expression): Expression => {
    if (expression.kind === 'column') found.add(expression.index);
    return mapOperands(expression, visit);
  };
  for (const expression of expressions) if (expression !== undefined) visit(expression);
  return found;
}

/** The expression over other columns: position `index` becomes `position(index)` of `columns`. */
export function moveColumns(
  expression: Expression,
  columns: readonly Column[],
  position: (index: number) => number,
): Expression {
  return mapColumns(expression, (column) => columnReference(columns, position(column.index)));
}

/** The conditions that must all hold. */
export function conjunctsOf(condition: Expression | undefined): readonly Expression[] {
  if (condition === undefined || (condition.kind === 'literal' && condition.value === true)) return [];
  return condition.kind === 'call' && condition.function === 'and' ? condition.args : [condition];
}

/** Undefined for none. */
export function conjunction(conditions: readonly Expression[]): Expression | undefined {
  return conditions.length === 0 ? undefined : call('and', conditions);
}

/** The rows for which all conditions hold. */
export function filtered(input: PlanNode, conditions: readonly Expression[]): PlanNode {
  const predicate = conjunction(conditions);
  return predicate === undefined ? input : filterNode(input, predicate);
}

/** The node over other inputs, which have the same columns. */
export function withInputs(node: PlanNode, inputs: readonly PlanNode[]): PlanNode {
  if (inputsOf(node).every((input, at) => input === inputs[at])) return node;
  if (node.kind === 'set-operation') return Object.freeze({ ...node, inputs: Object.freeze([...inputs]) });
  if (node.kind === 'join' || node.kind === 'temporal-join') {
    return Object.freeze({ ...node, left: inputs[0]!, right: inputs[1]! });
  }
  return Object.freeze({ ...node, input: inputs[0]! } as PlanNode);
}
