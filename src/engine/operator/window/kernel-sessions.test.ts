import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { Kernel } from '../../../kernel/kernel.ts';
import { aggregateCall } from '../../../plan/aggregate/aggregate-call.ts';
import { call, columnReference, literal } from '../../../plan/expression-factory.ts';
import { aggregateNode, sourceNode, windowNode } from '../../../plan/factory.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { WATERMARK_MIN } from '../batch.ts';
import type { EmitMoment, Operator } from '../operator.ts';
import { netOf, plainExpressions, textOf } from '../operator-model.test-fixture.ts';
import { batchOfRows, type Observed, observe, type TestRow } from '../row-batch.test-fixture.ts';
import { KernelSessions, sessionAggregate } from './kernel-sessions.ts';
import { planSessionAggregate, SessionAggregateOperator } from './session-aggregate.ts';
import { planSessions } from './session-plan.ts';

const GAP = 10n;
const source = sourceNode({
  name: 's',
  topic: 's',
  columns: [
    { name: 'name', type: TYPE.text },
    { name: 'number', type: TYPE.int4 },
    { name: 'double', type: TYPE.float8 },
    { name: 'large', type: TYPE.int8 },
    { name: 'flag', type: TYPE.boolean },
    { name: 'ts', type: TYPE.timestamptz },
  ].map((column) => ({ ...column, nullable: true, path: [column.name] })),
  watermark: undefined,
});

function nodeOf(keys: readonly string[]) {
  const columns = source.columns.map(({ name }) => name);
  const windowed = windowNode(
    source,
    { kind: 'session', gapUs: GAP, keys: keys.map((key) => columns.indexOf(key)) },
    columns.indexOf('ts'),
  );
  const at = (name: string) =>
    columnReference(
      windowed.columns,
      windowed.columns.findIndex((column) => column.name === name),
    );
  const isFlagged = { filter: at('flag') };
  const calls = {
    rows: aggregateCall('count', undefined),
    numbers: aggregateCall('count', at('number'), isFlagged),
    sum: aggregateCall('sum', at('large')),
    fitting: { ...aggregateCall('sum', at('large')), type: TYPE.int8 },
    doubles: aggregateCall('sum', at('double')),
    mean: aggregateCall('avg', at('double'), isFlagged),
    average: aggregateCall('avg', at('number')),
    least: aggregateCall('min', at('double')),
    most: aggregateCall('max', at('large'), isFlagged),
    every: aggregateCall('bool_and', at('flag')),
    some: aggregateCall('bool_or', call('gt', [at('number'), literal(1, TYPE.int4)])),
  };
  return aggregateNode(
    windowed,
    [...keys, 'window_start', 'window_end'].map((name) => ({ name, expression: at(name) })),
    Object.entries(calls).map(([name, one]) => ({ name, call: one })),
  );
}

const nullable = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(values, { nil: null, freq: 6 });
const values = fc.tuple(
  nullable(fc.constantFrom('', 'a', 'b', 'a longer text than fifteen bytes')),
  nullable(fc.integer({ min: 0, max: 3 })),
  nullable(fc.constantFrom(0, -0, 0.1, 1e300, -1e300, 5e-324, Number.NaN, Number.POSITIVE_INFINITY)),
  nullable(fc.constantFrom(1n, -3n, 2n ** 63n - 1n, -(2n ** 63n))),
  nullable(fc.boolean()),
);
interface Epoch {
  readonly rows: readonly TestRow[];
  readonly watermark: bigint;
}
/** Rows about in order, some far behind; event time goes on by steps that are short or longer than the gap. */
const epochs: fc.Arbitrary<readonly Epoch[]> = fc
  .array(
    fc.record({
      rows: fc.array(fc.record({ values, behind: fc.nat({ max: 60 }), step: fc.nat({ max: 6 }) }), { maxLength: 20 }),
      leap: fc.nat({ max: 25 }),
      delay: fc.nat({ max: 30 }),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((drawn) => {
    let clock = 100n;
    let watermark = WATERMARK_MIN;
    return drawn.map(({ rows, leap, delay }) => {
      const own = watermark;
      const made = rows.map((row) => {
        clock += BigInt(row.step);
        const time = clock - BigInt(row.behind > 40 ? row.behind : row.behind >> 3);
        return { values: [...row.values, time], time, watermark: own };
      });
      clock += BigInt(leap);
      const next = clock - BigInt(delay);
      if (next > watermark) watermark = next;
      return { rows: made, watermark };
    });
  });

const kernel = Kernel.create();

/** An operator with what it said in the last epoch. */
class Subject {
  readonly operator: Operator;
  readonly #keys: number;
  #observed: Observed;

  constructor(node: ReturnType<typeof nodeOf>, operator: Operator) {
    this.operator = operator;
    this.#keys = node.groups.length;
    this.#observed = observe(kernel, operator, node.columns);
  }

  run({ rows, watermark }: Epoch): { net: ReadonlyMap<string, number>; letters: readonly unknown[]; rows: string[] } {
    const { rows: said, letters } = this.#observed;
    said.splice(0);
    letters.splice(0);
    this.operator.processBatch(batchOfRows(kernel, source.columns, rows, true), 0);
    kernel.arenaReset();
    this.operator.endEpoch();
    kernel.arenaReset();
    this.operator.onWatermark(watermark);
    kernel.arenaReset();
    const shown = said.map(({ values: row, weight }) => ({
      values: row.map((value, i) => plain(value, i < this.#keys)),
      weight,
    }));
    return {
      net: netOf({ rows: shown, letters: [] }),
      // Results that do not fit are rows of batches that are made for them.
      letters: letters.map(({ reason, row }) => (reason === 'late' ? `late ${row}` : reason)).sort(),
      rows: shown.map(({ values: row, weight }) => `${weight} ${textOf(row)}`),
    };
  }
}

/** Numerics as text, and -0 as it is but in a key: whichever row came first has told it. */
function plain(value: unknown, isKey: boolean): unknown {
  if (Object.is(value, -0)) return isKey ? 0 : '-0';
  return typeof value === 'object' && value !== null ? String(value) : value;
}

const optionsOf = (emit: EmitMoment) => ({ emit, appendOnly: true, expressions: plainExpressions });

function inKernel(node: ReturnType<typeof nodeOf>, emit: EmitMoment): Operator {
  const operator = sessionAggregate(planSessionAggregate(node)!, optionsOf(emit));
  expect(operator).toBeInstanceOf(KernelSessions);
  return operator;
}

const KEYS = [['name'], ['number', 'name', 'double'], []] as const;
const MOMENTS: readonly EmitMoment[] = ['updates', 'final'];
const LAST: Epoch = { rows: [], watermark: 1_000_000n };

describe('sessions in the kernel', () => {
  it.each(MOMENTS)('say what those that go row by row say: %s', (emit) => {
    for (const keys of KEYS) {
      const node = nodeOf(keys);
      fc.assert(
        fc.property(epochs, (all) => {
          const byRow = new Subject(node, new SessionAggregateOperator(planSessionAggregate(node)!, optionsOf(emit)));
          const flat = new Subject(node, inKernel(node, emit));
          for (const epoch of [...all, LAST]) {
            const [expected, said] = [byRow.run(epoch), flat.run(epoch)];
            expect(said.net).toEqual(expected.net);
            expect(said.letters).toEqual(expected.letters);
            expect(flat.operator.state().keys).toBe(byRow.operator.state().keys);
            expect(flat.operator.nextTimer()).toBe(byRow.operator.nextTimer());
          }
          flat.operator.close();
        }),
        { numRuns: 60 },
      );
    }
  });

  it.each(MOMENTS)(
    'go on from a snapshot that was taken in parts meanwhile, to the same rows in the same order: %s',
    (emit) => {
      const node = nodeOf(['name']);
      fc.assert(
        fc.property(epochs, fc.nat({ max: 9 }), (all, from) => {
          const subject = new Subject(node, inKernel(node, emit));
          const at = Math.min(from, all.length - 1);
          for (const epoch of all.slice(0, at)) subject.run(epoch);
          const staged = subject.operator.stageSnapshot!(false);
          const rest = [...all.slice(at), LAST];
          const expected = rest.map((epoch) => subject.run(epoch));
          const restored = new Subject(node, inKernel(node, emit));
          for (const writer = new ByteWriter(); staged.next(writer); writer.clear()) {
            restored.operator.restore(new ByteReader(writer.written().slice()));
          }
          staged.end();
          expect(rest.map((epoch) => restored.run(epoch))).toEqual(expected);
          subject.operator.close();
          restored.operator.close();
        }),
        { numRuns: 60 },
      );
    },
  );

  it('give the memory of sessions back, also when a snapshot is given up', () => {
    const node = nodeOf(['name']);
    const operator = inKernel(node, 'updates');
    const subject = new Subject(node, operator);
    const rowsAt = (time: bigint): TestRow[] =>
      Array.from({ length: 2_000 }, (_, i) => ({
        values: [`key ${i} that is longer than fifteen bytes`, i, 1e300, 1n, true, time + BigInt(i % 7)],
      }));
    subject.run({ rows: rowsAt(0n), watermark: 0n });
    const { bytes } = operator.state();
    for (let round = 1n; round < 6n; round++) {
      const staged = operator.stageSnapshot!(false);
      subject.run({ rows: rowsAt(round * 100n), watermark: round * 100n });
      if (round > 2n) staged.next(new ByteWriter());
      staged.end();
    }
    expect(operator.state()).toEqual({ keys: 2_000, bytes: expect.any(Number) });
    expect(operator.state().bytes).toBeLessThan(bytes * 2.5);
    operator.close();
  });

  it('close in the order of their ends, however far apart these lie', () => {
    const node = nodeOf(['number']);
    const random = fc.sample(fc.bigInt({ min: 0n, max: 10n ** 15n }), { numRuns: 4_000, seed: 5 });
    const subject = new Subject(node, inKernel(node, 'final'));
    const rows = random.map((time, i) => ({ values: [null, i, null, null, null, time] }));
    subject.run({ rows, watermark: 0n });
    const expected = [...random].sort((a, b) => (a < b ? -1 : 1)).map((time) => time + GAP);
    expect(subject.operator.nextTimer()).toBe(expected[0]! + 1n);
    const ends = subject.run({ rows: [], watermark: 10n ** 16n }).rows;
    expect(ends.map((text) => /(\d+)n/g.exec(text.split(',')[2]!)![1])).toEqual(expected.map(String));
    subject.operator.close();
  });
});

describe('sessions stay row by row', () => {
  const node = nodeOf(['name']);
  const planned = planSessionAggregate(node)!;
  const withCall = (one: ReturnType<typeof aggregateCall>) =>
    planSessions({ ...planned, node: { ...node, aggregates: [one] } }, { emit: 'final', appendOnly: true });
  const column = (name: string) =>
    columnReference(
      source.columns,
      source.columns.findIndex((found) => found.name === name),
    );

  it('when rows can be taken back', () => {
    expect(planSessions(planned, { emit: 'final', appendOnly: true })).toBeDefined();
    expect(planSessions(planned, { emit: 'final', appendOnly: false })).toBeUndefined();
  });

  it('for aggregates that cannot be put together there', () => {
    expect(withCall(aggregateCall('sum', column('large'), { distinct: true }))).toBeUndefined();
    expect(withCall(aggregateCall('first_value', column('large')))).toBeUndefined();
    expect(withCall(aggregateCall('array_agg', column('large')))).toBeUndefined();
    expect(withCall(aggregateCall('max', column('name')))).toBeUndefined();
  });
});
