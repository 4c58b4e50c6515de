import { compileExpression } from '../../../plan/evaluate.ts';
import type { Expression } from '../../../plan/expression.ts';
import type { EvaluationContext } from '../../../plan/function.ts';
import type { AggregateCall, MatchNode, RowNavigation } from '../../../plan/node.ts';
import { accumulatorInputs } from '../aggregate/accumulator.ts';
import { accumulatorFactory } from '../aggregate/accumulator-factory.ts';
import { columnsRead } from '../row-evaluator.ts';
import type { Label } from './match-attempt.ts';

type Values = readonly unknown[];

/** The rows that navigation sees: of a partition, by their place after the first row of the match (before it: negative). */
export interface MatchRows {
  /** Undefined where there is no row, or none any more. */
  at(place: number): Values | undefined;
  readonly matchNumber: number;
}

type Navigate = (labels: Label, rows: MatchRows) => unknown;

/** Computes an expression of DEFINE or MEASURES for the rows that a match has taken so far. */
export class NavigationEvaluator {
  readonly #read: readonly { readonly place: number; readonly navigate: Navigate }[];
  readonly #evaluate: (row: Values) => unknown;
  readonly #values: unknown[];

  constructor(expression: Expression, navigations: readonly RowNavigation[], context: EvaluationContext) {
    this.#read = [...columnsRead(expression)].map((place) => ({
      place,
      navigate: navigation(navigations[place]!, context),
    }));
    this.#evaluate = compileExpression(expression, context);
    this.#values = new Array<unknown>(navigations.length).fill(null);
  }

  /** @throws what the expression throws */
  value(labels: Label, rows: MatchRows): unknown {
    for (const { place, navigate } of this.#read) this.#values[place] = navigate(labels, rows);
    return this.#evaluate(this.#values);
  }
}

function navigation(spec: RowNavigation, context: EvaluationContext): Navigate {
  if (spec.kind === 'match-number') return (_, rows) => BigInt(rows.matchNumber);
  const { variables } = spec;
  const isOf = (label: Label): boolean => variables === undefined || variables.includes(label.variable);
  if (spec.kind === 'aggregate') return aggregate(spec.aggregate, isOf, context);
  const placeOf = spec.from === 'last' ? fromLast : fromFirst;
  if (spec.kind === 'classifier') return (labels) => variableAt(labels, placeOf(labels, isOf, spec.skip));
  const value = compileExpression(spec.value, context);
  return (labels, rows) => {
    const place = placeOf(labels, isOf, spec.skip);
    const row = place === undefined ? undefined : rows.at(place - spec.back);
    return row === undefined ? null : value(row);
  };
}

function variableAt(labels: Label, place: number | undefined): string | null {
  let label: Label | undefined = labels;
  while (label !== undefined && label.length - 1 !== place) label = label.before;
  return label?.variable ?? null;
}

/** Place of the last row of a variable, less so many of its rows. */
function fromLast(labels: Label, isOf: (label: Label) => boolean, offset: number): number | undefined {
  let left = offset;
  for (let label: Label | undefined = labels; label !== undefined; label = label.before) {
    if (isOf(label) && left-- === 0) return label.length - 1;
  }
  return undefined;
}

function fromFirst(labels: Label, isOf: (label: Label) => boolean, offset: number): number | undefined {
  const places: number[] = [];
  for (let label: Label | undefined = labels; label !== undefined; label = label.before) {
    if (isOf(label)) places.push(label.length - 1);
  }
  return places.at(-1 - offset);
}

function aggregate(call: AggregateCall, isOf: (label: Label) => boolean, context: EvaluationContext): Navigate {
  const make = accumulatorFactory(call, true);
  const inputs = accumulatorInputs(call).map((input) => compileExpression(input, context));
  const filter = call.filter === undefined ? undefined : compileExpression(call.filter, context);
  return (labels, rows) => {
    const places: number[] = [];
    for (let label: Label | undefined = labels; label !== undefined; label = label.before) {
      if (isOf(label)) places.push(label.length - 1);
    }
    const accumulator = make();
    for (const place of places.reverse()) {
      const row = rows.at(place);
      if (row === undefined || (filter !== undefined && filter(row) !== true)) continue;
      const [value = true, ...more] = inputs.map((input) => input(row));
      accumulator.add(value, 1, more);
    }
    return accumulator.value();
  };
}

/** Whether the conditions look at nothing but the row that is taken and those just before it: not at how it came to the match. */
export function isForgetful(node: MatchNode): boolean {
  return node.defines.every(({ variable, condition }) =>
    [...columnsRead(condition)].every((place) => {
      const spec = node.navigations[place]!;
      if (spec.kind === 'match-number') return true;
      const isOfRow = spec.variables === undefined || spec.variables.includes(variable);
      return isOfRow && spec.kind !== 'aggregate' && spec.from === 'last' && spec.skip === 0;
    }),
  );
}

/** How many rows before the first one of a match its conditions and measures may ask for. */
export function rowsBefore(node: MatchNode): number {
  return Math.max(0, ...node.navigations.map((spec) => (spec.kind === 'row' ? spec.back : 0)));
}
