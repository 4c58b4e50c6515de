import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { topNNode } from '../../../plan/analytic-factory.ts';
import { call, columnReference, literal } from '../../../plan/expression-factory.ts';
import { sourceNode, windowNode } from '../../../plan/factory.ts';
import type { SortKey, TopNNode } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { sortOrder } from '../../../plan/value/sort-order.ts';
import type { Operator } from '../operator.ts';
import { changesOf, checkModel, plainExpressions, type Standing, Subject } from '../operator-model.test-fixture.ts';
import { KernelTopN, runsInKernel } from './kernel-top-n.ts';
import { endOf } from './ranking.ts';
import { RowTopN, topNOperator } from './top-n.ts';
import type { TopNOptions } from './top-n-options.ts';

const source = sourceNode({
  name: 's',
  topic: 's',
  columns: [
    { name: 'p', type: TYPE.text },
    { name: 'n', type: TYPE.int8 },
    { name: 'x', type: TYPE.float8 },
    { name: 'ts', type: TYPE.timestamptz },
  ].map((column) => ({ ...column, nullable: true, path: [column.name] })),
  watermark: undefined,
});

const key = (index: number, more: Partial<SortKey> = {}): SortKey => ({
  expression: columnReference(source.columns, index),
  descending: false,
  nullsFirst: false,
  ...more,
});

const row = fc
  .tuple(
    fc.constantFrom('a', 'b', null),
    fc.constantFrom(1n, 2n, 3n, null),
    fc.constantFrom(0.5, 1.5, Number.NaN, null),
  )
  .map(([p, n, x]) => [p, n, x, 0n] as readonly unknown[]);

type Spec = Omit<TopNNode, 'kind' | 'columns'>;

function spec(more: Partial<Spec>): Spec {
  return {
    input: source,
    partition: [0],
    keys: [key(1, { descending: true, nullsFirst: true }), key(2)],
    limit: 2,
    offset: 0,
    rank: 'row_number',
    withRank: false,
    ...more,
  };
}

/** Sorts every partition anew, and counts. */
function batchOf(node: TopNNode) {
  const compare = sortOrder(node.keys);
  const keysOf = (values: readonly unknown[]) =>
    node.keys.map(({ expression }) => (expression.kind === 'column' ? values[expression.index] : undefined));
  return ([rows]: Standing): (readonly unknown[])[] => {
    const partitions = new Map<string, (readonly unknown[])[]>();
    for (const { values } of rows!) {
      const text = node.partition.map((at) => String(values[at])).join();
      partitions.set(text, [...(partitions.get(text) ?? []), values]);
    }
    return [...partitions.values()].flatMap((members) => {
      const sorted = members.toSorted((a, b) => compare(keysOf(a), keysOf(b)));
      let [rank, dense] = [0, 0];
      return sorted.flatMap((values, at) => {
        const isPeer = at > 0 && compare(keysOf(sorted[at - 1]!), keysOf(values)) === 0;
        if (!isPeer) [rank, dense] = [at + 1, dense + 1];
        const number = node.rank === 'row_number' ? at + 1 : node.rank === 'rank' ? rank : dense;
        if (number <= node.offset || number > endOf(node)) return [];
        return [node.withRank ? [...values, BigInt(number)] : values];
      });
    });
  };
}

const specs = fc
  .record({
    partition: fc.constantFrom<readonly number[]>([0], [], [0, 2]),
    rank: fc.constantFrom<TopNNode['rank']>('row_number', 'rank', 'dense_rank'),
    withRank: fc.boolean(),
    limit: fc.constantFrom(undefined, 0, 1, 2, 5),
    offset: fc.constantFrom(0, 0, 1, 3),
    keys: fc.constantFrom<readonly SortKey[]>(
      [key(1, { descending: true, nullsFirst: true }), key(2)],
      [key(2, { nullsFirst: true })],
      [],
    ),
  })
  .map((drawn) => topNNode(spec(drawn)));

const byRow = (options: TopNOptions): Operator => new RowTopN(options);

const check = (
  node: TopNNode,
  appendOnly: boolean,
  epochs: Parameters<typeof checkModel>[1],
  make: (options: TopNOptions) => Operator = byRow,
): void =>
  checkModel(
    {
      inputs: [source],
      columns: node.columns,
      make: () => make({ node, emit: 'updates', appendOnly, expressions: plainExpressions }),
      model: batchOf(node),
    },
    epochs,
  );

describe('top-n', () => {
  it('shows what a batch would, whatever comes and goes', () => {
    fc.assert(
      fc.property(specs, changesOf([row], 0.4), (node, epochs) => check(node, false, epochs)),
      { numRuns: 150 },
    );
  });

  it('shows what a batch would of rows that stay, and keeps no more than can be seen', () => {
    fc.assert(
      fc.property(specs, changesOf([row], 0), (node, epochs) => check(node, true, epochs)),
      { numRuns: 100 },
    );
    const node = topNNode(spec({ limit: 3, offset: 1, withRank: true }));
    const subject = new Subject({
      inputs: [source],
      columns: node.columns,
      make: () => topNOperator({ node, emit: 'updates', appendOnly: true, expressions: plainExpressions }),
    });
    const rows = Array.from({ length: 1_000 }, (_, i) => ({ values: ['a', BigInt((i * 37) % 101), null, 0n] }));
    subject.run([{ input: 0, rows }]);
    expect(subject.operator.state().keys).toBe(4);
  });

  it('is kept in the kernel where that can be, with the same results', () => {
    const columns = [key(1, { descending: true, nullsFirst: true }), key(2)];
    const orders = [columns, [key(2, { nullsFirst: true })], [key(0, { descending: true }), key(1)], []];
    const kept = fc
      .record({
        partition: fc.constantFrom<readonly number[]>([0], [], [0, 2]),
        withRank: fc.boolean(),
        limit: fc.constantFrom(1, 2, 5),
        keys: fc.constantFrom<readonly SortKey[]>(...orders),
      })
      .map((drawn) => topNNode(spec(drawn)));
    fc.assert(
      fc.property(kept, changesOf([row], 0), (node, epochs) => {
        const options = { node, emit: 'updates', appendOnly: true, expressions: plainExpressions } as const;
        expect(runsInKernel(options)).toBe(true);
        check(node, true, epochs, () => new KernelTopN(options));
      }),
      { numRuns: 150 },
    );
  });

  it('takes back one of many rows that are equal in the order', () => {
    const node = topNNode(spec({ keys: [], limit: 2, offset: 1, partition: [] }));
    const rows = Array.from({ length: 300 }, (_, i) => ({ values: ['a', BigInt(i % 150), null, 0n] }));
    const epochs = [
      rows.map((comes) => ({ input: 0, comes })),
      Array.from({ length: 250 }, (_, i) => ({ input: 0, goes: i * 7 })),
      rows.slice(0, 9).map((comes) => ({ input: 0, comes })),
      Array.from({ length: 50 }, (_, i) => ({ input: 0, goes: i * 5 })),
    ];
    check(node, false, epochs);
  });

  it('changes nothing but the two rows at the ends of what is seen, however long that is', () => {
    const node = topNNode(spec({ limit: 100, partition: [] }));
    const make = () => topNOperator({ node, emit: 'updates', appendOnly: false, expressions: plainExpressions });
    const subject = new Subject({ inputs: [source], columns: node.columns, make });
    const rows = Array.from({ length: 500 }, (_, i) => ({ values: ['a', BigInt(i), null, 0n] }));
    subject.run([{ input: 0, rows }]);
    subject.observed.rows.length = 0;
    subject.run([{ input: 0, rows: [{ values: ['a', 450n, 1, 0n] }] }]);
    expect(subject.observed.rows.map(({ values, weight }) => [values[1], weight])).toEqual([
      [400n, -1],
      [450n, 1],
    ]);
  });

  it('puts a row whose sort key has no value to dead letters', () => {
    const quotient = call('divide', [literal(1n, TYPE.int8), columnReference(source.columns, 1)]);
    const node = topNNode(spec({ keys: [{ expression: quotient, descending: false, nullsFirst: false }] }));
    const make = () => topNOperator({ node, emit: 'updates', appendOnly: false, expressions: plainExpressions });
    const subject = new Subject({ inputs: [source], columns: node.columns, make });
    subject.run([{ input: 0, rows: [{ values: ['a', 0n, 1, 0n] }, { values: ['a', 1n, 1, 0n] }] }]);
    expect(subject.observed.rows.map(({ values }) => values[1])).toEqual([1n]);
    expect(subject.observed.letters).toEqual([{ reason: 'expression', row: 0 }]);
  });
});

describe('top-n of windows', () => {
  const windowed = windowNode(source, { kind: 'tumbling', sizeUs: 10n, offsetUs: 0n }, 3);
  const start = 4;
  const inWindow = (n: bigint, from: bigint, watermark?: bigint) => ({
    values: ['a', n, null, from, from, from + 10n],
    ...(watermark !== undefined && { watermark }),
  });
  const node = topNNode(spec({ input: windowed, partition: [start], limit: 2, withRank: true, rank: 'rank' }));
  const subjectOf = (emit: 'final' | 'updates') =>
    new Subject({
      inputs: [windowed],
      columns: node.columns,
      make: () => topNOperator({ node, emit, appendOnly: true, expressions: plainExpressions }),
    });

  it('with `final` are emitted once, when the window closes', () => {
    const subject = subjectOf('final');
    subject.run([{ input: 0, rows: [1n, 3n, 2n, 3n].map((n) => inWindow(n, 0n)) }], 5n);
    subject.restart();
    subject.run([{ input: 0, rows: [inWindow(9n, 10n), inWindow(2n, 0n)] }], 9n);
    expect(subject.observed.rows).toEqual([]);
    expect(subject.operator.nextTimer()).toBe(10n);
    subject.run([], 10n);
    expect(subject.observed.rows.map(({ values }) => [values[1], values.at(-1)])).toEqual([
      [3n, 1n],
      [3n, 1n],
    ]);
    expect(subject.operator.state().keys).toBe(1);
  });

  it('are dropped with their window, and later rows are late', () => {
    const subject = subjectOf('updates');
    subject.run([{ input: 0, rows: [inWindow(1n, 0n), inWindow(1n, 20n)] }], 10n);
    expect(subject.observed.rows).toHaveLength(2);
    subject.run([{ input: 0, rows: [inWindow(2n, 0n), inWindow(2n, 20n, 30n), inWindow(3n, 20n, 29n)] }], 10n);
    expect(subject.observed.letters.map(({ reason }) => reason)).toEqual(['late', 'late']);
    expect(subject.operator.state().keys).toBe(2);
  });
});
