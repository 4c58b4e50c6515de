import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { Kernel } from '../../kernel/kernel.ts';
import type { Column } from '../../plan/data-type.ts';
import { columnReference } from '../../plan/expression-factory.ts';
import { aggregateNode, deduplicateNode, sourceNode, windowNode } from '../../plan/factory.ts';
import { TYPE } from '../../plan/type-name.ts';
import { AggregateOperator } from '../operator/aggregate/aggregate.ts';
import { WATERMARK_MIN } from '../operator/batch.ts';
import { DeduplicateOperator } from '../operator/deduplicate.ts';
import type { StagedSnapshot } from '../operator/operator.ts';
import { batchOfRows, observe, type TestRow } from '../operator/row-batch.test-fixture.ts';

const columns: readonly Column[] = [{ name: 'k', type: TYPE.text, nullable: true }];
const TTL_MS = 1_000;
const TTL_US = 1_000_000n;

function deduplication() {
  const source = sourceNode({
    name: 's',
    topic: 's',
    columns: [{ ...columns[0]!, path: ['k'] }],
    watermark: undefined,
  });
  const kernel = Kernel.create();
  const operator = new DeduplicateOperator(deduplicateNode(source, [0], TTL_MS), false);
  const observed = observe(kernel, operator, columns);
  return {
    operator,
    /** The keys that are let through. */
    process(keys: readonly string[], time = 0n): string[] {
      observed.rows.length = 0;
      const rows = keys.map((key) => ({ values: [key], time, watermark: WATERMARK_MIN }));
      operator.processBatch(batchOfRows(kernel, columns, rows));
      kernel.arenaReset();
      return observed.rows.map(({ values }) => String(values[0]));
    },
  };
}

function partsOf(staged: StagedSnapshot, between: () => void = () => {}): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (;;) {
    const writer = new ByteWriter();
    between();
    if (!staged.next(writer)) break;
    parts.push(writer.written().slice());
  }
  staged.end();
  return parts;
}

function restored(parts: readonly Uint8Array[]) {
  const made = deduplication();
  for (const part of parts) made.operator.restore(new ByteReader(part));
  return made;
}

const keys = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `key ${from + i} with more than fifteen bytes`);

describe('a staged snapshot of a deduplication', () => {
  it('holds the keys of the moment at which it began, however many come before it is written', () => {
    const { operator, process } = deduplication();
    process(keys(0, 60_000));
    let next = 60_000;
    const parts = partsOf(operator.stageSnapshot(false), () => {
      process(keys(next, next + 5_000));
      next += 5_000;
    });
    expect(parts.length).toBeGreaterThan(2);
    const { operator: again, process: processAgain } = restored(parts);
    expect(again.state().keys).toBe(60_000);
    expect(processAgain(keys(59_990, 60_010))).toEqual(keys(60_000, 60_010));
  });

  it('keeps what falls due meanwhile until it has ended', () => {
    const { operator, process } = deduplication();
    process(keys(0, 100));
    const staged = operator.stageSnapshot(false);
    operator.onWatermark(10n * TTL_US);
    expect(operator.state().keys).toBe(100);
    const parts = partsOf(staged);
    expect(operator.state().keys).toBe(0);
    expect(restored(parts).operator.state().keys).toBe(100);
  });

  it('that is given up leaves the state as it was', () => {
    const { operator, process } = deduplication();
    process(keys(0, 100));
    const staged = operator.stageSnapshot(false);
    staged.next(new ByteWriter());
    staged.end();
    staged.end();
    expect(process(keys(90, 110))).toEqual(keys(100, 110));
  });

  it('of an empty state restores to one', () => {
    expect(restored(partsOf(deduplication().operator.stageSnapshot(false))).operator.state().keys).toBe(0);
  });
});

const events = sourceNode({
  name: 's',
  topic: 's',
  columns: [
    { name: 'ts', type: TYPE.timestamptz, nullable: true, path: ['ts'] },
    { name: 'k', type: TYPE.text, nullable: true, path: ['k'] },
    { name: 'x', type: TYPE.float8, nullable: true, path: ['x'] },
  ],
  watermark: undefined,
});

/** Windows of ten microseconds by key; or, when rows can be taken back, groups by key alone. */
function aggregation(retracts: boolean) {
  const input = retracts ? events : windowNode(events, { kind: 'tumbling', sizeUs: 10n, offsetUs: 0n }, 0);
  const at = (name: string) => {
    const position = input.columns.findIndex((column) => column.name === name);
    return { name, expression: columnReference(input.columns, position) };
  };
  const groups = retracts ? [at('k')] : [at('window_start'), at('window_end'), at('k')];
  const plain = { distinct: false, filter: undefined };
  const calls = [
    { name: 'n', call: { ...plain, function: 'count' as const, argument: undefined, type: TYPE.int8 } },
    { name: 'sum', call: { ...plain, function: 'sum' as const, argument: at('x').expression, type: TYPE.float8 } },
    {
      name: 'xs',
      call: { ...plain, distinct: true, function: 'count' as const, argument: at('x').expression, type: TYPE.int8 },
    },
  ];
  const most = {
    name: 'most',
    call: { ...plain, function: 'max' as const, argument: at('k').expression, type: TYPE.text },
  };
  const node = aggregateNode(input, groups, retracts ? calls : [...calls, most]);
  const kernel = Kernel.create();
  const expressions = {
    clockMs: () => 0,
    userFunction: (): never => {
      throw new Error('there are none');
    },
  };
  const operator = new AggregateOperator({ node, emit: 'updates', appendOnly: !retracts, retracts, expressions });
  expect(operator.runsInKernel).toBe(true);
  const observed = observe(kernel, operator, node.columns);
  return {
    operator,
    observed,
    epoch(rows: readonly AggregateRow[], watermark: bigint): void {
      const input = rows.map(({ time, key, x, weight }): TestRow => {
        const start = time - (time % 10n);
        return { values: retracts ? [time, key, x] : [time, key, x, start, start + 10n], time, weight };
      });
      const columns = retracts ? events.columns : node.input.columns;
      operator.processBatch(batchOfRows(kernel, columns, input));
      kernel.arenaReset();
      operator.endEpoch();
      kernel.arenaReset();
      operator.onWatermark(watermark);
      kernel.arenaReset();
    },
    restore(parts: readonly Uint8Array[]): void {
      for (const part of parts) operator.restore(new ByteReader(part));
    },
    whole(): Uint8Array {
      const writer = new ByteWriter();
      operator.snapshot(writer);
      return writer.written().slice();
    },
  };
}

interface AggregateRow {
  readonly time: bigint;
  readonly key: string | null;
  readonly x: number | null;
  readonly weight: number;
}

const KEYS = ['a', 'b', 'c', 'a key that is longer than fifteen bytes', '', null];

/** What a state holds, as an operator says it that went on from its snapshot: every group of the test is changed once. */
function contentsOf(parts: readonly Uint8Array[], retracts: boolean): unknown {
  const probe = aggregation(retracts);
  probe.restore(parts);
  const { keys } = probe.operator.state();
  const times = retracts ? [0n] : [0n, 10n, 20n, 30n, 40n, 50n, 60n];
  probe.epoch(
    times.flatMap((time) => KEYS.map((key) => ({ time, key, x: 3, weight: 1 }))),
    0n,
  );
  return { keys, rows: probe.observed.rows, letters: probe.observed.letters };
}

const rowsOf = (retracts: boolean) =>
  fc.array(
    fc.record({
      time: fc.bigInt(0n, 60n),
      key: fc.constantFrom(...KEYS),
      x: fc.option(fc.constantFrom(1, 2.5, 1e300, -7)),
      weight: retracts ? fc.constantFrom(1, 1, -1) : fc.constant(1),
    }),
    { maxLength: 30 },
  );

describe('a staged snapshot of an aggregate', () => {
  it.each([false, true])(
    'is what a snapshot at its beginning was, whatever changes meanwhile (rows taken back: %s)',
    (retracts) => {
      const epochs = fc.array(fc.record({ rows: rowsOf(retracts), watermark: fc.bigInt(0n, 50n) }), { maxLength: 4 });
      fc.assert(
        fc.property(epochs, epochs, epochs, fc.boolean(), (before, during, after, completes) => {
          const watched = aggregation(retracts);
          const twin = aggregation(retracts);
          const both = (list: typeof before): void => {
            for (const { rows, watermark } of list) {
              watched.epoch(rows, watermark);
              twin.epoch(rows, watermark);
            }
          };
          both(before);
          const expected = contentsOf([watched.whole()], retracts);
          const staged = watched.operator.stageSnapshot(false);
          both(during);
          const parts = completes ? partsOf(staged) : [];
          staged.end();
          if (completes) expect(contentsOf(parts, retracts)).toEqual(expected);
          both(after);
          expect(watched.observed).toEqual(twin.observed);
          expect(watched.operator.state()).toEqual(twin.operator.state());
          expect(contentsOf([watched.whole()], retracts)).toEqual(contentsOf([twin.whole()], retracts));
        }),
        { numRuns: 150 },
      );
    },
  );

  it('is written in parts, between which groups change and are made', () => {
    const watched = aggregation(false);
    const row = (i: number): AggregateRow => ({ time: 5n, key: `user ${i} with a long name`, x: i, weight: 1 });
    const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => row(from + i));
    watched.epoch(rows(0, 30_000), 0n);
    const expected = aggregation(false);
    expected.restore([watched.whole()]);
    let next = 0;
    const parts = partsOf(watched.operator.stageSnapshot(false), () => {
      watched.epoch(
        [...rows(next, next + 100), ...rows(29_000 - next, 29_100 - next), ...rows(40_000 + next, 40_100 + next)],
        0n,
      );
      next += 1_000;
    });
    expect(parts.length).toBeGreaterThan(2);
    const actual = aggregation(false);
    actual.restore(parts);
    expect(Buffer.compare(actual.whole(), expected.whole())).toBe(0);
  });
});
