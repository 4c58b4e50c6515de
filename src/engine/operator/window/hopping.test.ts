import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourceNode, windowNode } from '../../../plan/factory.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { bagOf, netOf, Subject } from '../operator-model.test-fixture.ts';
import type { TestRow } from '../row-batch.test-fixture.ts';
import { HoppingWindowOperator } from './hopping.ts';

const source = sourceNode({
  name: 's',
  topic: 's',
  columns: [
    { name: 'n', type: TYPE.int4 },
    { name: 'ts', type: TYPE.timestamptz },
  ].map((column) => ({ ...column, nullable: true, path: [column.name] })),
  watermark: undefined,
});

function subjectOf(sizeUs: bigint, slideUs: bigint, offsetUs: bigint): Subject {
  const window = { kind: 'hopping', sizeUs, slideUs, offsetUs } as const;
  const node = windowNode(source, window, 1);
  const make = () => new HoppingWindowOperator(node, window);
  return new Subject({ inputs: [source], columns: node.columns, make });
}

describe('hopping windows', () => {
  it('hold each row once for every window that its time falls into', () => {
    const rows = fc.array(
      fc.record({ n: fc.nat({ max: 9 }), at: fc.bigInt({ min: -50n, max: 50n }), weight: fc.constantFrom(1, -1) }),
      { minLength: 1, maxLength: 30 },
    );
    const lengths = fc.bigInt({ min: 1n, max: 12n });
    fc.assert(
      fc.property(rows, lengths, lengths, fc.bigInt({ min: -5n, max: 20n }), (drawn, size, slide, offset) => {
        const subject = subjectOf(size, slide, offset);
        const input = drawn.map(({ n, at, weight }): TestRow => ({ values: [n, at], weight }));
        subject.run([{ input: 0, rows: input }]);
        const expected = drawn.flatMap(({ n, at, weight }) => {
          const starts = Array.from({ length: 400 }, (_, i) => offset + BigInt(i - 200) * slide);
          const held = starts.filter((start) => start <= at && at < start + size);
          return held.map((start) => ({ values: [n, at, start, start + size], weight }));
        });
        expect(netOf(subject.observed)).toEqual(netOf({ rows: expected, letters: [] }));
      }),
      { numRuns: 200 },
    );
  });

  it('come earliest first, and leave out rows without a time', () => {
    const subject = subjectOf(6n, 2n, 0n);
    const rows = [
      [1, 7n],
      [2, null],
      [3, 4n],
    ].map((values) => ({ values }));
    subject.run([{ input: 0, rows }]);
    expect(subject.observed.letters).toEqual([{ reason: 'no-event-time', row: 1 }]);
    const starts = (n: number) =>
      subject.observed.rows.filter(({ values }) => values[0] === n).map(({ values }) => values[2]);
    expect([starts(1), starts(3)]).toEqual([
      [2n, 4n, 6n],
      [0n, 2n, 4n],
    ]);
    expect(bagOf(subject.observed.rows.map(({ values }) => values)).size).toBe(6);
  });
});
