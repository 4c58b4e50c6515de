import { tableFunctionNode } from '../analytic-factory.ts';
import type { Expression } from '../expression.ts';
import { columnReference, isNullable } from '../expression-factory.ts';
import { filterNode, joinNode, type NamedExpression, projectNode } from '../factory.ts';
import type { AggregateNode, JoinKind, PlanNode, TableFunctionNode } from '../node.ts';
import {
  allColumns,
  type Binding,
  conjunction,
  emptyResult,
  equality,
  notCorrelatable,
  type Pushed,
} from '../pushed-plan.ts';
import { isCorrelated, mapColumnsIn, outerColumn, outerColumnsOf } from './outer-reference.ts';
import { conjunctsOf } from './rewrite.ts';
import { Unnesting } from './unnesting.ts';

/** A join whose right side may refer, at `level`, to columns of its left side. */
export interface DependentJoin {
  readonly kind: Exclude<JoinKind, 'right' | 'full'>;
  readonly left: PlanNode;
  readonly right: PlanNode;
  readonly level: number;
  /** Over the columns of left, then right. */
  readonly condition: Expression | undefined;
  readonly ttlMs?: number | undefined;
}

/**
 * The join as a plan without references at its level. The simplest way that holds is taken: predicates that refer to the left side go
 * up into the condition of an ordinary join; an aggregate groups by what it is compared with; anything else is pushed down
 * ({@link Unnesting}).
 *
 * @throws HeadraceError `SQL_NOT_SUPPORTED`
 */
export function dependentJoin(given: DependentJoin): PlanNode {
  const isTrue = given.condition?.kind === 'literal' && given.condition.value === true;
  const spec = isTrue ? { ...given, condition: undefined } : given;
  const { kind, left, right, level, condition, ttlMs } = spec;
  if (!isCorrelated(right, level)) {
    return joinNode(condition === undefined ? plainKind(kind) : kind, left, right, conditionOf(kind, condition), ttlMs);
  }
  return functionJoin(spec) ?? pulledUp(spec) ?? aggregateJoin(spec) ?? pushedDown(spec);
}

function plainKind(kind: DependentJoin['kind']): JoinKind {
  return kind === 'inner' ? 'cross' : kind;
}

function conditionOf(kind: JoinKind, condition: Expression | undefined): Expression | undefined {
  return condition ?? (kind === 'inner' || kind === 'cross' ? undefined : conjunction([]));
}

/** The expression over left and right columns with the outer references as columns of left. */
function overLeft<Value>(value: Value, level: number, left: PlanNode): Value {
  return mapColumnsIn(value, (column) => {
    const outer = outerColumn(column);
    return outer?.level === level ? columnReference(left.columns, outer.index) : column;
  });
}

/** Columns of the right side, as they are numbered in the joined row. */
function shiftRight<Value>(value: Value, by: number): Value {
  return mapColumnsIn(value, (column) =>
    outerColumn(column) === undefined ? Object.freeze({ ...column, index: column.index + by }) : column,
  );
}

/** A set-returning function for each row of the left side. */
function functionJoin(spec: DependentJoin): PlanNode | undefined {
  const { kind, left, right, level, condition } = spec;
  if (right.kind !== 'table-function' || !isUnit(right.input)) return undefined;
  if (kind === 'semi' || kind === 'anti' || (kind === 'left' && condition !== undefined)) return undefined;
  const made = functionNode(right, left, level, kind === 'left');
  return condition === undefined ? made : filterNode(made, condition);
}

/** FROM without relations: one row of no columns. */
function isUnit(node: PlanNode): boolean {
  return node.kind === 'values' && node.rows.length === 1 && node.columns.length === 0;
}

function functionNode(node: TableFunctionNode, left: PlanNode, level: number, outer: boolean): PlanNode {
  const { user } = node;
  const own = node.ordinality ? node.columns.slice(0, -1) : node.columns;
  return tableFunctionNode(
    {
      input: left,
      function: node.function,
      ...(user && { user }),
      args: overLeft(node.args, level, left),
      ordinality: node.ordinality,
      outer: outer || node.outer,
    },
    own,
    node.columns.at(-1)?.name,
  );
}

/** A plan as an uncorrelated core, predicates over it that refer to the left side, and its columns as expressions over it. */
interface Flat {
  readonly core: PlanNode;
  readonly predicates: readonly Expression[];
  readonly outputs: readonly Expression[];
}

function flatten(node: PlanNode, level: number, ignoresDuplicates: boolean): Flat | undefined {
  if (!isCorrelated(node, level)) {
    return { core: node, predicates: [], outputs: node.columns.map((_, at) => columnReference(node.columns, at)) };
  }
  const inside = (input: PlanNode): Flat | undefined => flatten(input, level, ignoresDuplicates);
  const through = <Value>(value: Value, flat: Flat): Value =>
    mapColumnsIn(value, (column) => (outerColumn(column) === undefined ? flat.outputs[column.index]! : column));
  if (node.kind === 'filter') {
    const flat = inside(node.input);
    return flat && { ...flat, predicates: [...flat.predicates, ...conjunctsOf(through(node.predicate, flat))] };
  }
  if (node.kind === 'project') {
    const flat = inside(node.input);
    return flat && { ...flat, outputs: node.expressions.map((expression) => through(expression, flat)) };
  }
  if (node.kind === 'sort' || (node.kind === 'distinct' && ignoresDuplicates)) return inside(node.input);
  if (node.kind === 'join' && (node.join === 'inner' || node.join === 'cross')) {
    const [first, second] = [inside(node.left), inside(node.right)];
    if (first === undefined || second === undefined) return undefined;
    const by = first.core.columns.length;
    const both: Flat = {
      core: joinNode('cross', first.core, second.core, undefined, node.ttlMs),
      predicates: [...first.predicates, ...shiftRight(second.predicates, by)],
      outputs: [...first.outputs, ...shiftRight(second.outputs, by)],
    };
    if (node.condition === undefined) return both;
    return { ...both, predicates: [...both.predicates, ...conjunctsOf(through(node.condition, both))] };
  }
  return undefined;
}

/** Predicates that refer to the left side become the condition of the join. */
function pulledUp(spec: DependentJoin): PlanNode | undefined {
  const { kind, left, right, level, condition, ttlMs } = spec;
  const keepsLeft = kind === 'semi' || kind === 'anti';
  const flat = flatten(right, level, keepsLeft);
  if (flat === undefined) return undefined;
  const isFree = (part: Expression): boolean => outerColumnsOf(part, level).length > 0;
  const own = flat.predicates.filter((part) => !isFree(part));
  const filtered = own.length === 0 ? flat.core : filterCore(flat.core, own);
  const outputs =
    kind === 'left' ? computedBelow(filtered, flat.outputs, isFree) : { core: filtered, columns: flat.outputs };
  if (outputs === undefined) return undefined;
  const by = left.columns.length;
  const moved = (part: Expression): Expression => overLeft(shiftRight(part, by), level, left);
  const results = outputs.columns.map(moved);
  const on = [
    ...flat.predicates.filter(isFree).map(moved),
    ...(condition === undefined ? [] : conjunctsOf(overResults(condition, by, results))),
  ];
  const joined = on.length === 0 ? plainKind(kind) : kind === 'cross' ? 'inner' : kind;
  const node = joinNode(joined, left, outputs.core, givenOn(kind, on), ttlMs);
  return keepsLeft ? node : projectNode(node, [...leftColumns(node, by), ...named(right, results)]);
}

function givenOn(kind: JoinKind, on: readonly Expression[]): Expression | undefined {
  return on.length === 0 ? conditionOf(kind, undefined) : conjunction(on);
}

function filterCore(core: PlanNode, predicates: readonly Expression[]): PlanNode {
  if (core.kind === 'join' && core.join === 'cross') {
    return joinNode('inner', core.left, core.right, conjunction(predicates), core.ttlMs);
  }
  return filterNode(core, conjunction(predicates));
}

/** For a left join, whose rows without a match have nulls: what is computed from the right side is computed below. */
function computedBelow(
  core: PlanNode,
  outputs: readonly Expression[],
  isFree: (part: Expression) => boolean,
): { readonly core: PlanNode; readonly columns: readonly Expression[] } | undefined {
  if (outputs.some(isFree)) return undefined;
  const computed = outputs.filter((output) => output.kind !== 'column');
  if (computed.length === 0) return { core, columns: outputs };
  const added = computed.map((expression, at) => ({ name: `value${at + 1}`, expression }));
  const below = projectNode(core, [...allColumns(core), ...added]);
  const columns = outputs.map((output) =>
    output.kind === 'column' ? output : columnReference(below.columns, core.columns.length + computed.indexOf(output)),
  );
  return { core: below, columns };
}

/** The condition with the columns of the right side as what they are over the joined row. */
function overResults(condition: Expression, by: number, results: readonly Expression[]): Expression {
  return mapColumnsIn(condition, (column) =>
    outerColumn(column) === undefined && column.index >= by ? results[column.index - by]! : column,
  );
}

function leftColumns(node: PlanNode, count: number): NamedExpression[] {
  return allColumns(node).slice(0, count);
}

function named(right: PlanNode, results: readonly Expression[]): NamedExpression[] {
  return results.map((expression, at) => ({ name: right.columns[at]!.name, expression }));
}

function onBindings(left: PlanNode, pushed: Pushed): Expression[] {
  const by = left.columns.length;
  return pushed.bindings.map((binding: Binding) => {
    const column = columnReference(pushed.node.columns, binding.at);
    const nullSafe =
      binding.nullSafe && isNullable(binding.left, left.columns) && isNullable(column, pushed.node.columns);
    return equality(binding.left, shiftRight(column, by), nullSafe);
  });
}

/** An aggregate without groups, and what is computed from it: grouped by what it is compared with, and zero or null where there is nothing. */
function aggregateJoin(spec: DependentJoin): PlanNode | undefined {
  const { kind, left, right, level, condition, ttlMs } = spec;
  if (condition !== undefined || (kind !== 'left' && kind !== 'inner' && kind !== 'cross')) return undefined;
  const top = aggregateBelow(right);
  if (top === undefined) return undefined;
  const grouped = new Unnesting(left, level, ttlMs).groupByBindings(top.aggregate);
  const node = joinNode('left', left, grouped.node, conjunction(onBindings(left, grouped)), ttlMs);
  const by = left.columns.length;
  const results = top.aggregate.aggregates.map((aggregate, at) => {
    const result = emptyResult(aggregate, columnReference(node.columns, by + grouped.columns[at]!));
    if (result === undefined) throw notCorrelatable('an aggregate of a user function');
    return result;
  });
  const outputs = top.outputs.map((output) =>
    overLeft(
      mapColumnsIn(output, (column) => (outerColumn(column) === undefined ? results[column.index]! : column)),
      level,
      left,
    ),
  );
  return projectNode(node, [...leftColumns(node, by), ...named(right, outputs)]);
}

/** The aggregate without groups below projections, and the columns of the top one as expressions over it. */
function aggregateBelow(
  node: PlanNode,
): { readonly aggregate: AggregateNode; readonly outputs: readonly Expression[] } | undefined {
  if (node.kind === 'aggregate') {
    if (node.groups.length > 0) return undefined;
    return { aggregate: node, outputs: node.columns.map((_, at) => columnReference(node.columns, at)) };
  }
  const inner = node.kind === 'project' ? aggregateBelow(node.input) : undefined;
  if (node.kind !== 'project' || inner === undefined) return undefined;
  const through = (expression: Expression): Expression =>
    mapColumnsIn(expression, (column) => (outerColumn(column) === undefined ? inner.outputs[column.index]! : column));
  return { aggregate: inner.aggregate, outputs: node.expressions.map(through) };
}

function pushedDown(spec: DependentJoin): PlanNode {
  const { kind, left, right, level, condition, ttlMs } = spec;
  const pushed = new Unnesting(left, level, ttlMs).push(right);
  const by = left.columns.length;
  const results = pushed.columns.map((at) => shiftRight(columnReference(pushed.node.columns, at), by));
  const on = [
    ...onBindings(left, pushed),
    ...(condition === undefined ? [] : conjunctsOf(overResults(condition, by, results))),
  ];
  const joined = kind === 'cross' ? 'inner' : kind;
  const node = joinNode(joined, left, pushed.node, conjunction(on), ttlMs);
  if (kind === 'semi' || kind === 'anti') return node;
  const shown = pushed.columns.map((at) => columnReference(node.columns, by + at));
  return projectNode(node, [...leftColumns(node, by), ...named(right, shown)]);
}
