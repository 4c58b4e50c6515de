import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { Kernel } from '../../kernel/kernel.ts';
import type { Column } from '../../plan/data-type.ts';
import { deduplicateNode, sourceNode } from '../../plan/factory.ts';
import { TYPE } from '../../plan/type-name.ts';
import { Decimal } from '../../plan/value/decimal.ts';
import { groupingKey } from '../../plan/value/value-order.ts';
import { later, WATERMARK_MIN } from './batch.ts';
import { DeduplicateOperator } from './deduplicate.ts';
import { batchOfRows, observe, type TestRow } from './row-batch.test-fixture.ts';

const TTL_MS = 10;
const TTL_US = 10_000n;
const UUID = '6f1c0f0e-3a4b-4c5d-8e9f-001122334455';
const LONG = 'a key that is longer than fifteen bytes';

const columns: readonly Column[] = [
  { name: 'k', type: TYPE.text, nullable: true },
  { name: 'n', type: TYPE.int8, nullable: true },
  { name: 'f', type: TYPE.float8, nullable: true },
  { name: 'd', type: TYPE.numeric, nullable: true },
];

function node(keys: readonly number[]) {
  const source = sourceNode({
    name: 's',
    topic: 's',
    columns: columns.map((column) => ({ ...column, path: [column.name] })),
    watermark: undefined,
  });
  return deduplicateNode(source, keys, TTL_MS);
}

function operatorOf(keys: readonly number[], judge = true) {
  const kernel = Kernel.create();
  const operator = new DeduplicateOperator(node(keys), judge);
  return { kernel, operator, observed: observe(kernel, operator, columns) };
}

const row = (key: unknown, time: bigint, watermark = WATERMARK_MIN): TestRow => ({
  values: [key, null, null, null],
  time,
  watermark,
});

/** The rule, over a plain list: a row is first when no kept row of its key is less than the time-to-live away. */
class Model {
  readonly kept: { key: string; time: bigint }[] = [];

  take(key: string, time: bigint, passed: bigint): 'late' | 'duplicate' | 'kept' {
    if (passed !== WATERMARK_MIN && time + TTL_US <= passed) return 'late';
    const apart = (a: bigint, b: bigint): bigint => (a > b ? a - b : b - a);
    if (this.kept.some((seen) => seen.key === key && apart(seen.time, time) < TTL_US)) return 'duplicate';
    this.kept.push({ key, time });
    return 'kept';
  }
}

describe('deduplicate', () => {
  it('keeps the first row of a key within the time-to-live, whatever the form of the key', () => {
    const { kernel, operator, observed } = operatorOf([0]);
    const keys = [
      '',
      'a',
      'a\u0000',
      UUID,
      UUID.toUpperCase(),
      LONG,
      `${LONG}!`,
      'exactly 15 byte',
      'exactly 16 bytes',
      null,
    ];
    const rows = [...keys, ...keys].map((key) => row(key, 5_000n));
    operator.processBatch(batchOfRows(kernel, columns, rows));
    expect(observed.rows.map(({ values }) => values[0])).toEqual(keys);
    expect(operator.duplicates).toBe(keys.length);
  });

  it('counts values as equal that compare equal', () => {
    const { kernel, operator, observed } = operatorOf([2, 3]);
    const values = [
      [0, '1.0'],
      [-0, '1.00'],
      [Number.NaN, '1'],
      [Number.NaN, '1.000'],
      [0, '-1'],
    ] as const;
    const rows = values.map(([f, d]) => ({ values: [null, null, f, Decimal.parse(d)], time: 1n }));
    operator.processBatch(batchOfRows(kernel, columns, rows));
    expect(observed.rows.map(({ values: [, , f, d] }) => [f, String(d)])).toEqual([
      [0, '1.0'],
      [Number.NaN, '1'],
      [0, '-1'],
    ]);
  });

  it('calls a row late by the watermark of its own partition or of the operator, whichever is later', () => {
    const { kernel, operator, observed } = operatorOf([0]);
    operator.onWatermark(20_000n);
    const rows = [row('a', 10_000n), row('b', 10_001n), row('c', 10_002n, 20_002n)];
    operator.processBatch(batchOfRows(kernel, columns, rows));
    expect(observed.letters).toEqual([
      { reason: 'late', row: 0 },
      { reason: 'late', row: 2 },
    ]);
    expect(observed.rows.map(({ values }) => values[0])).toEqual(['b']);
  });

  it('judges no lateness without event time', () => {
    const { kernel, operator, observed } = operatorOf([0], false);
    operator.onWatermark(90_000n);
    operator.processBatch(batchOfRows(kernel, columns, [row('a', 1n)]));
    expect(observed.letters).toEqual([]);
    expect(observed.rows).toHaveLength(1);
  });

  it('gives the memory of expired keys back', () => {
    const { kernel, operator } = operatorOf([0]);
    const fill = (from: number): void => {
      for (let at = from; at < from + 20_000; at += 1000) {
        const rows = Array.from({ length: 1000 }, (_, i) => row(`${LONG} ${at + i}`, BigInt(at + i) * 10n));
        operator.processBatch(batchOfRows(kernel, columns, rows));
        kernel.arenaReset();
      }
    };
    fill(0);
    const { keys, bytes } = operator.state();
    expect(keys).toBe(20_000);
    operator.onWatermark(10_000_000n);
    expect(operator.state()).toEqual({ keys: 0, bytes: 0 });
    const allocated = kernel.allocatedBytes();
    fill(1_000_000);
    expect(operator.state().bytes).toBeLessThanOrEqual(bytes * 1.2);
    operator.close();
    expect(kernel.allocatedBytes()).toBeLessThanOrEqual(allocated);
  });
});

describe('deduplicate, on any rows', () => {
  const key = fc.oneof(
    fc.constantFrom(null, '', 'a', 'b', UUID, UUID.toUpperCase(), LONG, `${LONG}!`),
    fc.nat(20).map((n) => `${UUID.slice(0, 34)}${String(n).padStart(2, '0')}`),
    fc.nat(20).map((n) => `${LONG} ${n}`),
  );
  const anyRow = fc.record({
    key,
    number: fc.oneof(fc.constant(null), fc.bigInt(-2n, 2n)),
    time: fc.bigInt(-45_000n, 45_000n),
    own: fc.oneof(fc.constant(WATERMARK_MIN), fc.bigInt(-60_000n, 30_000n)),
  });
  const step = fc.record({
    rows: fc.array(anyRow, { maxLength: 60 }),
    watermark: fc.bigInt(-60_000n, 40_000n),
    restart: fc.boolean(),
    holes: fc.boolean(),
  });

  it.each([[[0]], [[1]], [[0, 1]]])('agrees with the rule, across restarts: key columns %j', (keys) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const model = new Model();
        let { kernel, operator, observed } = operatorOf(keys);
        let watermark = WATERMARK_MIN;
        for (const { rows, watermark: next, restart, holes } of steps) {
          const outcomes = rows.map(({ key: k, number: n, time, own }) => {
            const values = [k, n];
            const text = keys.map((at) => groupingKey(values[at], columns[at]!.type)).join('\u0001');
            return model.take(text, time, later(own, watermark));
          });
          const input = rows.map(({ key: k, number: n, time, own }) => ({
            values: [k, n, null, null],
            time,
            watermark: own,
          }));
          observed.rows.length = 0;
          operator.processBatch(batchOfRows(kernel, columns, input, holes));
          kernel.arenaReset();
          const kept = rows.filter((_, i) => outcomes[i] === 'kept').map(({ key: k, number: n }) => [k, n, null, null]);
          expect(observed.rows.map(({ values }) => values)).toEqual(kept);
          if (next > watermark) watermark = next;
          operator.onWatermark(watermark);
          if (!restart) continue;
          const writer = new ByteWriter();
          operator.snapshot(writer);
          const { duplicates } = operator;
          ({ kernel, operator, observed } = operatorOf(keys));
          operator.restore(new ByteReader(writer.written().slice()));
          expect(operator.duplicates).toBe(duplicates);
        }
      }),
      { numRuns: 200 },
    );
  });
});
