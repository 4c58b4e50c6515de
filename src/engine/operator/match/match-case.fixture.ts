import { matchNode } from '../../../plan/analytic-factory.ts';
import { resolveCall } from '../../../plan/coercion.ts';
import type { Expression } from '../../../plan/expression.ts';
import { columnReference, literal } from '../../../plan/expression-factory.ts';
import { sourceNode } from '../../../plan/factory.ts';
import type { MatchNode, RowNavigation } from '../../../plan/node.ts';
import type { RowPattern } from '../../../plan/row-pattern.ts';
import { TYPE } from '../../../plan/type-name.ts';
import type { TestRow } from '../row-batch.test-fixture.ts';

export const input = sourceNode({
  name: 's',
  topic: 's',
  columns: [
    { name: 'k', type: TYPE.text, nullable: true, path: ['k'] },
    { name: 'at', type: TYPE.timestamp, nullable: false, path: ['at'] },
    { name: 'v', type: TYPE.int4, nullable: true, path: ['v'] },
  ],
  watermark: undefined,
});
export const expressions = {
  clockMs: () => 0,
  userFunction: () => () => null,
};

/** Navigations by name, as DEFINE and MEASURES would write them. */
const value = columnReference(input.columns, 2);
const ofRow = { kind: 'row', variables: undefined, from: 'last', skip: 0, back: 0, value, type: TYPE.int4 } as const;
const NAVIGATIONS: readonly RowNavigation[] = [
  ofRow,
  { ...ofRow, back: 1 },
  { ...ofRow, variables: ['A'] },
  { ...ofRow, variables: ['A'], from: 'first' },
  { kind: 'classifier', variables: undefined, from: 'last', skip: 0, type: TYPE.text },
  { kind: 'match-number', type: TYPE.int8 },
  {
    kind: 'aggregate',
    variables: undefined,
    type: TYPE.int8,
    aggregate: { function: 'count', argument: undefined, distinct: false, filter: undefined, type: TYPE.int8 },
  },
  { ...ofRow, from: 'first' },
];
export const [V, PREVIOUS, LAST_A, FIRST_A, CLASSIFIER, NUMBER, COUNT, FIRST] = NAVIGATIONS.map(
  ({ type }, index): Expression => ({ kind: 'column', index, type, name: `n${index}` }),
) as [Expression, Expression, Expression, Expression, Expression, Expression, Expression, Expression];
export const than = (name: string, left: Expression, right: Expression): Expression => resolveCall(name, [left, right]);
export const number = (value: number): Expression => literal(value, TYPE.int4);

export const one = (name: string): RowPattern => ({ kind: 'variable', name });
export const sequence = (...items: RowPattern[]): RowPattern => ({ kind: 'sequence', items });
export const repeat = (item: RowPattern, min: number, max?: number, greedy = true): RowPattern => ({
  kind: 'repeat',
  item,
  min,
  max,
  greedy,
});

export function node(spec: Partial<MatchNode> & Pick<MatchNode, 'pattern' | 'defines'>): MatchNode {
  return matchNode(
    {
      input,
      partition: [0],
      keys: [{ expression: columnReference(input.columns, 1), descending: false, nullsFirst: false }],
      navigations: NAVIGATIONS,
      measures: [FIRST, V, COUNT],
      afterMatch: { kind: 'past-last-row' },
      withinUs: undefined,
      ...spec,
    },
    (spec.measures ?? [1, 2, 3]).map((_, i) => `m${i}`),
  );
}

export const row = (k: string, at: number, v: number): TestRow => ({ values: [k, BigInt(at), v], time: BigInt(at) });

export const DEFINES = [
  { variable: 'A', condition: than('lt', V, number(5)) },
  { variable: 'B', condition: than('gt', V, PREVIOUS) },
  { variable: 'C', condition: than('ge', V, number(3)) },
];
