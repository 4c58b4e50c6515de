import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textOf } from '../../base/bytes.ts';
import { Kernel } from '../../kernel/kernel.ts';
import { decodeRecordBatches } from '../../log/record-batch.ts';
import type { Column, DataType } from '../../plan/data-type.ts';
import { sourceNode } from '../../plan/factory.ts';
import type { OutputNode } from '../../plan/node.ts';
import { TYPE } from '../../plan/type-name.ts';
import { Decimal } from '../../plan/value/decimal.ts';
import { OutputOperator } from './output.ts';
import { RecordSink } from './record-sink.ts';
import { batchOfRows, observe, type TestRow } from './row-batch.test-fixture.ts';

interface Kind {
  readonly type: DataType;
  readonly values: fc.Arbitrary<unknown>;
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\b', '\u0000', '\u001f', '\u007f', 'é', '😀', 'a') }),
);
const double = fc.oneof(
  fc.double(),
  fc.integer({ min: -10_000_000, max: 10_000_000 }).map((cents) => cents / 100),
  fc
    .array(fc.integer({ min: 0, max: 99_999 }), { maxLength: 9 })
    .map((all) => all.reduce((sum, cents) => sum + cents / 100, 0)),
  fc.constantFrom(0, -0, 1e15, 1e-5, 123456789012345, 0.1 + 0.2, 5e-324),
);
const micros = fc.oneof(
  fc.bigInt(0n, 3n).map((minutes) => 1_704_067_200_000_000n + minutes * 60_000_000n),
  fc.bigInt(-70_000_000_000_000_000n, 260_000_000_000_000_000n),
);
const KINDS: readonly Kind[] = [
  { type: TYPE.text, values: text },
  { type: TYPE.boolean, values: fc.boolean() },
  { type: TYPE.int4, values: fc.integer() },
  { type: TYPE.int8, values: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) },
  { type: TYPE.float8, values: double },
  { type: TYPE.timestamptz, values: micros },
  { type: TYPE.timestamp, values: micros },
  { type: TYPE.date, values: fc.integer({ min: -10_000, max: 40_000 }) },
  { type: TYPE.numeric, values: fc.integer().map((cents) => new Decimal(BigInt(cents), 2)) },
  { type: TYPE.jsonb, values: fc.jsonValue() },
];
const columns: readonly Column[] = [
  { name: 'k', type: TYPE.int4, nullable: true },
  { name: 'the "key"', type: TYPE.text, nullable: true },
  ...KINDS.map(({ type }, at) => ({ name: `v${at}`, type, nullable: true })),
];

function outputOf(mode: 'upsert' | 'append', keys: readonly number[], emit: OutputNode['emit']): OutputNode {
  const input = sourceNode({
    name: 's',
    topic: 's',
    columns: columns.map((column) => ({ ...column, path: [column.name] })),
    watermark: undefined,
  });
  return { kind: 'output', name: 'o', topic: 'o', input, mode, keys, emit };
}

/** What an output writes, epoch by epoch: framing, and the records. */
function written(node: OutputNode, epochs: readonly (readonly TestRow[])[], partitions: number) {
  const kernel = Kernel.create();
  const sink = new RecordSink('o', partitions);
  const operator = new OutputOperator(node, sink);
  observe(kernel, operator, columns);
  const found = epochs.map((rows) => {
    for (let from = 0; from < rows.length; from += 7_000) {
      kernel.arenaReset();
      operator.processBatch(batchOfRows(kernel, columns, rows.slice(from, from + 7_000), true));
    }
    kernel.arenaReset();
    operator.endEpoch();
    const taken = sink.take();
    const records = taken?.appends.flatMap(({ batch }) =>
      [...decodeRecordBatches(batch)].flatMap((decoded) =>
        [...decoded.entries()].map(({ key, value }) => [key && textOf(key), value && textOf(value)]),
      ),
    );
    const framing = taken?.appends.map(({ partition, batch, records: count }) => [partition, batch.length, count]);
    return { checksum: taken?.checksum, framing, records };
  });
  expect(operator.state().keys).toBe(0);
  operator.close();
  return found;
}

/** Rows that wait for an interval are written by JavaScript: here all of them, in the same epoch. */
const BY_JAVASCRIPT = { kind: 'every', intervalMs: 0 } as const;
const BY_KERNEL = { kind: 'updates' } as const;

function row(weights: readonly number[]): fc.Arbitrary<TestRow> {
  const own = fc.tuple(
    fc.nat({ max: 3 }),
    fc.constantFrom('a', 'b"', null),
    ...KINDS.map(({ values }) => fc.option(values, { freq: 5 })),
  );
  return fc.record({ values: own, weight: fc.constantFrom(...weights) });
}

describe('what an output writes', () => {
  it.each([
    ['upsert', [0, 1], [1, 1, -1]],
    ['upsert', [0], [1, -1]],
    ['upsert', [], [1, -1]],
    ['append', [], [1]],
  ] as const)('is the same from the kernel and from JavaScript: %s, key %j', (mode, keys, weights) => {
    fc.assert(
      fc.property(
        fc.array(fc.array(row(weights), { maxLength: 30 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 3 }),
        (epochs, partitions) => {
          const plain = written(outputOf(mode, keys, BY_JAVASCRIPT), epochs, partitions);
          expect(written(outputOf(mode, keys, BY_KERNEL), epochs, partitions)).toEqual(plain);
        },
      ),
      { numRuns: 60, seed: 7 },
    );
  });

  it('names the value of a key that came last, also when it has come before', () => {
    const values = (n: number) => [1, 'a', ...KINDS.map(() => null)].map((value, at) => (at === 4 ? n : value));
    const rows = [1, 2, 1].map((n) => ({ values: values(n) }));
    const gone = [...rows, ...[1, 1].map((n) => ({ values: values(n), weight: -1 }))];
    const [first, second] = written(outputOf('upsert', [0], BY_KERNEL), [rows, gone], 1);
    expect(first!.records).toEqual([['[1]', expect.stringContaining('"v2":1')]]);
    expect(second!.records).toEqual([['[1]', expect.stringContaining('"v2":2')]]);
  });

  it('is framed alike when there is much of it', () => {
    const rows = Array.from({ length: 12_000 }, (_, i) => ({
      values: [i % 11_000, `key ${i % 5}`, 'x'.repeat(i % 150), true, ...KINDS.slice(2).map(() => null)],
    }));
    for (const [mode, keys, partitions] of [
      ['upsert', [0, 1], 1],
      ['upsert', [0], 3],
      ['append', [], 2],
    ] as const) {
      const plain = written(outputOf(mode, keys, BY_JAVASCRIPT), [rows], partitions);
      expect(plain[0]!.framing!.length).toBeGreaterThanOrEqual(partitions);
      expect(written(outputOf(mode, keys, BY_KERNEL), [rows], partitions)).toEqual(plain);
    }
  });

  it('fails when a topic that is only appended to should take a row back', () => {
    const rows = [{ values: columns.map(() => null), weight: -1 }];
    expect(() => written(outputOf('append', [], BY_KERNEL), [rows], 1)).toThrow('a row is taken back');
  });
});
