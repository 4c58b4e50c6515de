import { describe, expect, it } from 'vitest';
import { tableFunctionNode } from '../../../plan/analytic-factory.ts';
import { call, columnReference, literal } from '../../../plan/expression-factory.ts';
import { sourceNode } from '../../../plan/factory.ts';
import type { TableFunctionNode } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { netOf, plainExpressions, Subject } from '../operator-model.test-fixture.ts';
import type { UserFunction } from '../row-evaluator.ts';
import { TableFunctionOperator } from './table-function.ts';

const source = sourceNode({
  name: 's',
  topic: 's',
  columns: ['a', 'b'].map((name) => ({ name, type: TYPE.int8, nullable: true, path: [name] })),
  watermark: undefined,
});
const [a, b] = [columnReference(source.columns, 0), columnReference(source.columns, 1)];
const made = [{ name: 'n', type: TYPE.int8, nullable: true }];

function subjectOf(more: Partial<TableFunctionNode>, user?: UserFunction) {
  const spec = { input: source, function: 'generate_series', args: [a, b], ordinality: true, outer: false, ...more };
  const node = tableFunctionNode(spec, made);
  const expressions = user === undefined ? plainExpressions : { ...plainExpressions, userFunction: () => user };
  return new Subject({
    inputs: [source],
    columns: node.columns,
    make: () => new TableFunctionOperator(node, expressions),
  });
}

const rows = (...values: readonly (readonly unknown[])[]) => [
  { input: 0, rows: values.map((row) => ({ values: row })) },
];
const emitted = (subject: Subject) => subject.observed.rows.map(({ values }) => values);

describe('a set-returning function', () => {
  it('gives its rows, numbered, beside each row of the input', () => {
    const subject = subjectOf({});
    subject.run(rows([1n, 3n], [5n, 4n], [7n, 7n]));
    expect(emitted(subject)).toEqual([
      [1n, 3n, 1n, 1n],
      [1n, 3n, 2n, 2n],
      [1n, 3n, 3n, 3n],
      [7n, 7n, 7n, 1n],
    ]);
  });

  it('keeps a row for which there is none when it is joined on the outside', () => {
    const subject = subjectOf({ outer: true });
    subject.run(rows([5n, 4n], [null, 1n]));
    expect(emitted(subject)).toEqual([
      [5n, 4n, null, null],
      [null, 1n, null, null],
    ]);
  });

  it('takes back what it gave for a row that goes', () => {
    const subject = subjectOf({ outer: true });
    subject.run(rows([1n, 3n], [5n, 4n]));
    subject.run([
      {
        input: 0,
        rows: [
          [1n, 3n],
          [5n, 4n],
        ].map((values) => ({ values, weight: -1 })),
      },
    ]);
    expect(netOf(subject.observed)).toEqual(new Map());
  });

  it('of a row that fails, in an argument or half-way through its rows, gives none', () => {
    const quotient = call('divide', [literal(4n, TYPE.int8), b]);
    const subject = subjectOf({ args: [a, quotient], ordinality: false });
    subject.run(rows([1n, 0n], [3n, 1n]));
    expect(emitted(subject)).toEqual([
      [3n, 1n, 3n],
      [3n, 1n, 4n],
    ]);
    const stops = subjectOf({ user: { name: 'f', module: 'm', exportName: 'f' } }, function* () {
      yield 1;
      throw new Error('no more');
    });
    stops.run(rows([1n, 2n]));
    expect([...subject.observed.letters, ...stops.observed.letters]).toEqual([
      { reason: 'expression', row: 0 },
      { reason: 'user-function', row: 0 },
    ]);
    expect(stops.observed.rows).toEqual([]);
  });

  it('may be one of the user, whose endless rows are a dead letter', () => {
    const user = { name: 'f', module: 'm', exportName: 'f' };
    const twice = subjectOf({ user, ordinality: false }, (x, y) => [x, y]);
    twice.run(rows([1n, 2n]));
    expect(emitted(twice)).toEqual([
      [1n, 2n, 1n],
      [1n, 2n, 2n],
    ]);
    const endless = subjectOf({ user }, function* () {
      for (;;) yield 1;
    });
    endless.run(rows([1n, 2n]));
    expect(endless.observed).toEqual({ rows: [], letters: [{ reason: 'user-function', row: 0 }] });
  });
});
