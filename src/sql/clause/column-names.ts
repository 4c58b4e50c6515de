import { columnReference } from '../../plan/expression-factory.ts';
import { projectNode } from '../../plan/factory.ts';
import type { PlanNode } from '../../plan/node.ts';
import type { BindContext } from '../expression-binder.ts';

/** The rows with these names for their first columns: `AS t(a, b)`, `WITH t(a, b)`. */
export function renamed(plan: PlanNode, names: readonly (string | undefined)[]): PlanNode {
  return projectNode(
    plan,
    plan.columns.map((column, index) => ({
      name: names[index] ?? column.name,
      expression: columnReference(plan.columns, index),
    })),
  );
}

/** `what`: the relation, as the message names it. */
export function tooManyNames({ source }: BindContext, what: string, columns: number, names: number, at: number): Error {
  return source.error(at, `${what} has ${columns} columns available but ${names} columns specified`, {
    code: 'SQL_INVALID_CLAUSE',
    next: 'name fewer',
  });
}
