import { HeadraceError } from '../base/error.ts';
import type { Expression } from './expression.ts';
import { call, columnReference, literal } from './expression-factory.ts';
import { filterNode, type NamedExpression, projectNode } from './factory.ts';
import type { AggregateCall, PlanNode, ValuesNode } from './node.ts';
import { serializeExpression } from './pipeline-text.ts';
import { TYPE } from './type-name.ts';

/** A value of the outer row that the rows of a pushed-down plan belong to. */
export interface Binding {
  /** Over the columns of the outer side. */
  readonly left: Expression;
  /** The column of the pushed-down plan that must equal it. */
  readonly at: number;
  /** A null of the outer row has rows too: those where the column is null. */
  readonly nullSafe: boolean;
}

/** A plan without outer references: the rows for all outer rows at once, told apart by the bindings. */
export interface Pushed {
  readonly node: PlanNode;
  /** Where each column of the original plan is found. */
  readonly columns: readonly number[];
  readonly bindings: readonly Binding[];
}

export function conjunction(parts: readonly Expression[]): Expression {
  return parts.length === 0 ? literal(true, TYPE.boolean) : call('and', parts);
}

/** `left = right`; with `nullSafe`, two nulls are equal too. */
export function equality(left: Expression, right: Expression, nullSafe: boolean): Expression {
  return call(nullSafe ? 'is_not_distinct_from' : 'eq', [left, right]);
}

/** What an aggregate gives for no rows: zero for counts, null for the others. Undefined for one that only its code knows. */
export function emptyResult(aggregate: AggregateCall, result: Expression): Expression | undefined {
  if (aggregate.function === 'user') return undefined;
  const isCount = aggregate.function === 'count' || aggregate.function === 'approx_count_distinct';
  return isCount ? call('coalesce', [result, literal(0n, TYPE.int8)]) : result;
}

export function notCorrelatable(what: string): HeadraceError {
  return new HeadraceError(`making a plan: ${what} cannot refer to a column of an enclosing query`, {
    code: 'SQL_NOT_SUPPORTED',
    domain: 'sql',
    next: 'write a join',
  });
}

export function sameExpression(a: Expression, b: Expression): boolean {
  return a === b || serializeExpression(a) === serializeExpression(b);
}

export function isBoundTo(pushed: Pushed, value: Expression): boolean {
  return pushed.bindings.some(({ left }) => sameExpression(left, value));
}

export function uniqueBindings(bindings: readonly Binding[]): readonly Binding[] {
  return bindings.filter(
    (binding, at) => bindings.findIndex((other) => sameExpression(other.left, binding.left)) === at,
  );
}

export function unitValues(node: ValuesNode): PlanNode {
  return Object.freeze({ ...node, rows: Object.freeze([Object.freeze([])]), columns: Object.freeze([]) });
}

export function allColumns(node: PlanNode): NamedExpression[] {
  return node.columns.map(({ name }, at) => ({ name, expression: columnReference(node.columns, at) }));
}

export function shifted(node: PlanNode, at: number, shift: number): Expression {
  const column = columnReference(node.columns, at);
  return Object.freeze({ ...column, index: at + shift });
}

export function bindingColumns(pushed: Pushed): NamedExpression[] {
  return pushed.bindings.map(({ at }) => ({
    name: pushed.node.columns[at]!.name,
    expression: columnReference(pushed.node.columns, at),
  }));
}

/** The items, then the bindings. */
export function project(pushed: Pushed, items: readonly NamedExpression[]): Pushed {
  return {
    node: projectNode(pushed.node, [...items, ...bindingColumns(pushed)]),
    columns: items.map((_, at) => at),
    bindings: pushed.bindings.map((binding, at) => ({ ...binding, at: items.length + at })),
  };
}

/** A null equals nothing: rows of a null belong to no outer row, where beside them others belong to the outer row with a null. */
export function withoutNulls(node: PlanNode, bindings: readonly Binding[]): PlanNode {
  const known = bindings.map(({ at }) => call('is_not_null', [columnReference(node.columns, at)]));
  return known.length === 0 ? node : filterNode(node, conjunction(known));
}

/** Only the columns of the original plan and the bindings: for what compares whole rows. */
export function narrow(pushed: Pushed): Pushed {
  const items = pushed.columns.map((at) => ({
    name: pushed.node.columns[at]!.name,
    expression: columnReference(pushed.node.columns, at),
  }));
  return project(pushed, items);
}
