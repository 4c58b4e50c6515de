import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distinctNode, setOperationNode, sourceNode, windowNode } from '../../../plan/factory.ts';
import type { SetOperationNode } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { Decimal } from '../../../plan/value/decimal.ts';
import { changesOf, checkModel, type Standing, Subject, textOf } from '../operator-model.test-fixture.ts';
import { KernelDistinct, rowSetOperator } from './kernel-distinct.ts';
import { RowSetOperator } from './row-set.ts';
import { UnionAllOperator } from './union-all.ts';

const sourceOf = (name: string, numeric = TYPE.numeric) =>
  sourceNode({
    name,
    topic: name,
    columns: [
      { name: 'p', type: TYPE.text },
      { name: 'd', type: numeric },
      { name: 'ts', type: TYPE.timestamptz },
    ].map((column) => ({ ...column, nullable: true, path: [column.name] })),
    watermark: undefined,
  });

const [a, b, c] = [sourceOf('a'), sourceOf('b'), sourceOf('c')];
const row = fc
  .tuple(fc.constantFrom('x', 'y', '', null), fc.constantFrom(Decimal.of(1), Decimal.of(2), null))
  .map(([p, d]) => [p, d, 0n] as readonly unknown[]);

type Bag = Map<string, { readonly values: readonly unknown[]; count: number }>;

function bagOfRows(rows: Standing[number]): Bag {
  const bag: Bag = new Map();
  for (const { values } of rows) {
    const entry = bag.get(textOf(values)) ?? { values, count: 0 };
    entry.count++;
    bag.set(textOf(values), entry);
  }
  return bag;
}

/** SQL's definition, two inputs at a time. */
function combine(left: Bag, right: Bag, { operation, all }: Pick<SetOperationNode, 'operation' | 'all'>): Bag {
  const result: Bag = new Map();
  for (const [text, { values }] of [...left, ...right]) {
    const [m, n] = [left.get(text)?.count ?? 0, right.get(text)?.count ?? 0];
    const of = {
      union: all ? m + n : Math.sign(m + n),
      except: all ? Math.max(0, m - n) : m > 0 && n === 0 ? 1 : 0,
      intersect: all ? Math.min(m, n) : m > 0 && n > 0 ? 1 : 0,
    };
    if (of[operation] > 0) result.set(text, { values, count: of[operation] });
  }
  return result;
}

const modelOf = (node: SetOperationNode) => (standing: Standing) => {
  const bags = standing.map(bagOfRows);
  const result = bags.reduce((left, right) => combine(left, right, node));
  return [...result.values()].flatMap(({ values, count }) => Array.from({ length: count }, () => values));
};

describe('set operations', () => {
  const operations = fc.record({
    operation: fc.constantFrom<SetOperationNode['operation']>('union', 'except', 'intersect'),
    all: fc.boolean(),
    inputs: fc.constantFrom([a, b], [a, b, c]),
  });

  it('have as many of each row as a batch would, whatever comes and goes in the inputs', () => {
    const runs = operations.chain((drawn) =>
      fc.tuple(
        fc.constant(drawn),
        changesOf(
          drawn.inputs.map(() => row),
          0.4,
        ),
      ),
    );
    fc.assert(
      fc.property(runs, ([{ operation, all, inputs }, epochs]) => {
        const node = setOperationNode(operation, all, inputs);
        const passes = operation === 'union' && all;
        const make = () => (passes ? new UnionAllOperator(node) : new RowSetOperator(node));
        checkModel({ inputs, columns: node.columns, make, model: modelOf(node) }, epochs);
      }),
      { numRuns: 150 },
    );
  });

  it('hold rows equal that look different, and show the one of the first input', () => {
    const node = setOperationNode('intersect', false, [a, b]);
    const subject = new Subject({ inputs: [a, b], columns: node.columns, make: () => new RowSetOperator(node) });
    subject.run([{ input: 1, rows: [{ values: ['x', Decimal.parse('1.00'), 0n] }] }]);
    subject.run([{ input: 0, rows: [{ values: ['x', Decimal.parse('1.0'), 0n] }] }]);
    expect(subject.observed.rows.map(({ values }) => String(values[1]))).toEqual(['1.0']);
  });

  it('of all rows convert columns that lie otherwise', () => {
    const money = sourceOf('m', { kind: 'numeric', precision: 10, scale: 2 } as typeof TYPE.numeric);
    const node = setOperationNode('union', true, [a, money]);
    const subject = new Subject({ inputs: [a, money], columns: node.columns, make: () => new UnionAllOperator(node) });
    subject.run([0, 1].map((input) => ({ input, rows: [{ values: ['x', Decimal.parse('2.5'), 0n], time: 7n }] })));
    expect(subject.observed.rows.map(({ values }) => String(values[1]))).toEqual(['2.5', '2.50']);
  });

  it('of windows forget the rows of those that are closed; later ones are late', () => {
    const inputs = [a, b].map((input) => windowNode(input, { kind: 'tumbling', sizeUs: 10n, offsetUs: 0n }, 2));
    const node = setOperationNode('except', false, inputs);
    const subject = new Subject({ inputs, columns: node.columns, make: () => new RowSetOperator(node) });
    const at = (start: bigint) => ({ values: ['x', null, start, start, start + 10n] });
    subject.run([{ input: 0, rows: [at(0n), at(10n)] }], 10n);
    expect(subject.operator.state().keys).toBe(1);
    subject.run([{ input: 1, rows: [at(0n), at(10n)] }], 10n);
    expect(subject.observed.letters).toEqual([{ reason: 'late', row: 0 }]);
    expect(subject.observed.rows.map(({ values, weight }) => [values[3], weight])).toEqual([
      [0n, 1],
      [10n, 1],
      [10n, -1],
    ]);
  });
});

describe('distinct', () => {
  it('shows each row once while it stands', () => {
    const node = distinctNode(a);
    const model = ([rows]: Standing) => [...bagOfRows(rows!).values()].map(({ values }) => values);
    fc.assert(
      fc.property(changesOf([row], 0.5), (epochs) => {
        checkModel({ inputs: [a], columns: node.columns, make: () => new RowSetOperator(node), model }, epochs);
      }),
      { numRuns: 80 },
    );
  });

  it('and UNION of rows that only come run in the kernel, with the same results', () => {
    const kept = fc.constantFrom(distinctNode(a), setOperationNode('union', false, [a, b]));
    const runs = kept.chain((node) => {
      const inputs = node.kind === 'distinct' ? [a] : [a, b];
      return fc.tuple(
        fc.constant({ node, inputs }),
        changesOf(
          inputs.map(() => row),
          0,
        ),
      );
    });
    fc.assert(
      fc.property(runs, ([{ node, inputs }, epochs]) => {
        const model = (standing: Standing) => [...bagOfRows(standing.flat()).values()].map(({ values }) => values);
        expect(rowSetOperator(node, true)).toBeInstanceOf(KernelDistinct);
        checkModel({ inputs, columns: node.columns, make: () => rowSetOperator(node, true), model }, epochs);
      }),
      { numRuns: 60 },
    );
  });
});
