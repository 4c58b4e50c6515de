import type { DataType } from '../data-type.ts';
import type { ColumnExpression, Expression } from '../expression.ts';
import { mapExpressionsIn } from '../expression-map.ts';
import { inputsOf } from '../factory.ts';
import type { PlanNode } from '../node.ts';
import { mapColumns } from './rewrite.ts';

/** Positions from here on name a column of an enclosing query; a finished plan has none. */
const OUTER_BASE = 1_000_000_000;
/** Columns of one enclosing query, with what stands for its aggregates. */
const LEVEL_STRIDE = 10_000_000;

/** A column of the query that encloses this one; level 0 is the outermost query. */
export function outerReference(level: number, index: number, type: DataType, name: string): ColumnExpression {
  return Object.freeze({ kind: 'column', type, index: OUTER_BASE + level * LEVEL_STRIDE + index, name });
}

/** The level and column that an outer reference names; undefined for a column of the input. */
export function outerColumn(column: ColumnExpression): { readonly level: number; readonly index: number } | undefined {
  if (column.index < OUTER_BASE) return undefined;
  const rest = column.index - OUTER_BASE;
  return { level: Math.floor(rest / LEVEL_STRIDE), index: rest % LEVEL_STRIDE };
}

type Replace = (column: ColumnExpression) => Expression;

/** A part of a plan with every column in its expressions replaced. */
export function mapColumnsIn<Value>(value: Value, replace: Replace): Value {
  return mapExpressionsIn(value, (expression) => mapColumns(expression, replace));
}

const INPUTS: ReadonlySet<string> = new Set(['input', 'inputs', 'left', 'right']);

/** A node's own expressions, without those of its inputs. */
function ownParts(node: PlanNode): unknown[] {
  return Object.entries(node).flatMap(([key, value]) => (INPUTS.has(key) || key === 'columns' ? [] : [value]));
}

/** The node with every outer reference in it and below replaced; nodes that two others share stay shared. */
export function mapOuterReferences(
  node: PlanNode,
  replace: (column: ColumnExpression, level: number, index: number) => Expression,
): PlanNode {
  const made = new Map<PlanNode, PlanNode>();
  const inner: Replace = (column) => {
    const outer = outerColumn(column);
    return outer === undefined ? column : replace(column, outer.level, outer.index);
  };
  const visit = (current: PlanNode): PlanNode => {
    let mapped = made.get(current);
    if (mapped === undefined) {
      mapped = mapNode(current, inner, visit);
      made.set(current, mapped);
    }
    return mapped;
  };
  return visit(node);
}

function mapNode(node: PlanNode, replace: Replace, visit: (input: PlanNode) => PlanNode): PlanNode {
  if (levelsOf(node).size === 0) return node;
  const entries = Object.entries(node).map(([key, value]: [string, unknown]): [string, unknown] => {
    if (key === 'columns') return [key, value];
    if (!INPUTS.has(key)) return [key, mapColumnsIn(value, replace)];
    const inputs = value as PlanNode | readonly PlanNode[];
    return [key, Array.isArray(inputs) ? Object.freeze(inputs.map(visit)) : visit(inputs as PlanNode)];
  });
  return Object.freeze(Object.fromEntries(entries)) as unknown as PlanNode;
}

/** Calls with every column that stands in the value. */
function forEachColumn(value: unknown, found: (column: ColumnExpression) => void): void {
  mapColumnsIn(value, (column) => {
    found(column);
    return column;
  });
}

/** The columns of the query at `level` that the value's expressions refer to. */
export function outerColumnsOf(value: unknown, level: number): readonly number[] {
  const found = new Set<number>();
  forEachColumn(value, (column) => {
    const outer = outerColumn(column);
    if (outer?.level === level) found.add(outer.index);
  });
  return [...found].sort((a, b) => a - b);
}

/** The columns of the input itself that the value's expressions refer to. */
export function localColumnsOf(value: unknown): readonly number[] {
  const found = new Set<number>();
  forEachColumn(value, (column) => {
    if (outerColumn(column) === undefined) found.add(column.index);
  });
  return [...found].sort((a, b) => a - b);
}

const treeReferences = new WeakMap<PlanNode, ReadonlySet<number>>();

/** Whether the node, or one below it, refers to a column of the query at `level`. */
export function isCorrelated(node: PlanNode, level: number): boolean {
  return levelsOf(node).has(level);
}

function levelsOf(node: PlanNode): ReadonlySet<number> {
  let levels = treeReferences.get(node);
  if (levels === undefined) {
    const found = new Set<number>();
    forEachColumn(ownParts(node), (column) => {
      const outer = outerColumn(column);
      if (outer !== undefined) found.add(outer.level);
    });
    for (const input of inputsOf(node)) for (const level of levelsOf(input)) found.add(level);
    levels = found;
    treeReferences.set(node, levels);
  }
  return levels;
}

/** The columns of the query at `level` that the node, or one below it, refers to. */
export function outerColumnsBelow(node: PlanNode, level: number): readonly number[] {
  if (!isCorrelated(node, level)) return [];
  const found = new Set(outerColumnsOf(ownParts(node), level));
  for (const input of inputsOf(node)) for (const index of outerColumnsBelow(input, level)) found.add(index);
  return [...found].sort((a, b) => a - b);
}
