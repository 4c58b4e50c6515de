import type { Column } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import { expressionText } from '../../plan/expression-text.ts';
import type { JoinNode, PlanNode, TemporalJoinNode } from '../../plan/node.ts';
import { joinCondition } from '../../plan/optimizer/join-condition.ts';
import { type CompiledBy, compiledBy } from '../wasm/program.ts';
import { accumulatorInputs } from './aggregate/accumulator.ts';

/** One expression of an operator and who runs it. */
export interface ExpressionReport {
  /** As SQL. */
  readonly text: string;
  readonly compiledBy: CompiledBy;
}

/** Nodes whose expressions run row by row, whatever they are. */
const BY_ROW: ReadonlySet<PlanNode['kind']> = new Set(['top-n', 'over', 'table-function']);

/** The expressions that a node computes; plain columns, which cost nothing, are left out. */
export function reportExpressions(node: PlanNode, isByRow = false): readonly ExpressionReport[] {
  if (node.kind === 'join' || node.kind === 'temporal-join') return reportJoin(node);
  const expressions = expressionsOf(node).filter((expression) => expression.kind !== 'column');
  if (expressions.length === 0) return [];
  const input = 'input' in node ? node.input.columns : [];
  const runners = isByRow || BY_ROW.has(node.kind) ? undefined : compiledBy(input, expressions);
  return expressions.map((expression, at) => ({
    text: expressionText(expression),
    compiledBy: runners?.[at] ?? 'interpreter',
  }));
}

/** Keys that are computed, and what of the condition is no key. */
function reportJoin(node: JoinNode | TemporalJoinNode): readonly ExpressionReport[] {
  const { left, right } = node;
  const { keys, residual } = node.kind === 'join' ? joinCondition(node) : { keys: [], residual: node.condition };
  const report = (columns: readonly Column[], expression: Expression): readonly ExpressionReport[] =>
    expression.kind === 'column'
      ? []
      : [{ text: expressionText(expression), compiledBy: compiledBy(columns, [expression])[0] ?? 'interpreter' }];
  return [
    ...keys.flatMap((key) => report(left.columns, key.left)),
    ...keys.flatMap((key) => report(right.columns, key.right)),
    ...(residual === undefined ? [] : report([...left.columns, ...right.columns], residual)),
  ];
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
        ...node.aggregates.flatMap((call) => [...accumulatorInputs(call), ...(call.filter ? [call.filter] : [])]),
      ];
    case 'top-n':
      return node.keys.map((key) => key.expression);
    case 'over':
      return [
        ...node.partition,
        ...node.keys.map((key) => key.expression),
        ...node.calls.flatMap(({ args, aggregate }) => [...args, aggregate?.argument, aggregate?.filter]),
      ].filter((found) => found !== undefined);
    case 'table-function':
      return node.args;
    case 'lookup':
    case 'exchange':
      return node.keys;
    case 'user-call':
      return node.calls.flatMap(({ when, args }) => (when === undefined ? args : [when, ...args]));
    default:
      return [];
  }
}
