import { HeadraceError } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import { columnReference } from '../plan/expression-factory.ts';
import type { NamedExpression } from '../plan/factory.ts';
import type { PlanNode } from '../plan/node.ts';
import type { TypeKind } from '../plan/type-name.ts';
import { Value } from './value.ts';

/** The columns of a stream: name to kind. */
export type Shape = Readonly<Record<string, TypeKind>>;

/** A row of a stream, as expressions see it. */
export type Row<Columns extends Shape> = { readonly [Name in keyof Columns]: Value<Columns[Name]> };

export function namedValues(values: Readonly<Record<string, Value>>): NamedExpression[] {
  return Object.entries(values).map(([name, { expression }]) => ({ name, expression }));
}

/** Columns by name; a name that is not there is an error also without the compiler. */
export function rowOf<Columns extends Shape>(node: PlanNode): Row<Columns> {
  const row = Object.fromEntries(
    node.columns.map(({ name }, index) => [name, new Value(columnReference(node.columns, index))]),
  );
  return new Proxy(row, {
    get(target, name) {
      if (typeof name !== 'string' || Object.hasOwn(target, name)) return Reflect.get(target, name) as unknown;
      throw unknownColumn(node, name);
    },
  }) as Row<Columns>;
}

export function columnIndex(node: PlanNode, name: string): number {
  const index = node.columns.findIndex((column) => column.name === name);
  if (index < 0) throw unknownColumn(node, name);
  return index;
}

function unknownColumn(node: PlanNode, name: string): HeadraceError {
  const names = node.columns.map((column) => column.name);
  const near = nearestName(name, names);
  return new HeadraceError(`building a pipeline: column "${name}" does not exist`, {
    code: 'PLAN_UNKNOWN_COLUMN',
    domain: 'plan',
    next: near === undefined ? `there is ${names.join(', ')}` : `did you mean "${near}"?`,
  });
}
