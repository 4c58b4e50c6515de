import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnReference } from '../../../plan/expression-factory.ts';
import { aggregateNode, projectNode, sourceNode, windowNode } from '../../../plan/factory.ts';
import type { AggregateCall, AggregateNode } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import type { SessionWindow } from '../../../plan/window-shape.ts';
import { WATERMARK_MIN } from '../batch.ts';
import type { EmitMoment } from '../operator.ts';
import {
  bagOf,
  changesOf,
  checkModel,
  netOf,
  plainExpressions,
  type Standing,
  Subject,
  textOf,
} from '../operator-model.test-fixture.ts';
import type { TestRow } from '../row-batch.test-fixture.ts';
import { KernelSessions, sessionAggregate } from './kernel-sessions.ts';
import { SessionWindowOperator } from './session.ts';
import { planSessionAggregate, SessionAggregateOperator } from './session-aggregate.ts';

const GAP = 10n;
const source = sourceNode({
  name: 's',
  topic: 's',
  columns: [
    { name: 'k', type: TYPE.text },
    { name: 'n', type: TYPE.int8 },
    { name: 'ts', type: TYPE.timestamptz },
  ].map((column) => ({ ...column, nullable: true, path: [column.name] })),
  watermark: undefined,
});
const session: SessionWindow = { kind: 'session', gapUs: GAP, keys: [0] };
const windowed = windowNode(source, session, 2);
const at = (name: string, columns = windowed.columns) =>
  columnReference(
    columns,
    columns.findIndex((column) => column.name === name),
  );

const call = (name: AggregateCall['function'], more: Partial<AggregateCall> = {}): AggregateCall => ({
  function: name,
  argument: at('n'),
  distinct: false,
  filter: undefined,
  type: TYPE.int8,
  ...more,
});
const sums = [
  { name: 'count', call: call('count', { argument: undefined }) },
  { name: 'sum', call: call('sum', { type: TYPE.numeric }) },
  { name: 'max', call: call('max') },
];
const groups = ['k', 'window_start', 'window_end'].map((name) => ({ name, expression: at(name) }));
const aggregate = aggregateNode(windowed, groups, sums);

interface Whole {
  readonly key: unknown;
  readonly start: bigint;
  readonly end: bigint;
  readonly rows: readonly (readonly unknown[])[];
}

/** Sessions of rows that stand, as a batch finds them. */
function sessionsOf(rows: Standing[number]): Whole[] {
  const keys = [...new Set(rows.map(({ values }) => values[0]))];
  return keys.flatMap((key) => {
    const members = rows.map(({ values }) => values).filter((values) => values[0] === key);
    const sorted = members.sort((a, b) => Number((a[2] as bigint) - (b[2] as bigint)));
    const found: { start: bigint; last: bigint; rows: (readonly unknown[])[] }[] = [];
    for (const values of sorted) {
      const time = values[2] as bigint;
      const open = found.at(-1);
      if (open !== undefined && time - open.last <= GAP) {
        open.rows.push(values);
        open.last = time;
      } else found.push({ start: time, last: time, rows: [values] });
    }
    return found.map(({ start, last, rows: own }) => ({ key: own[0]![0], start, end: last + GAP, rows: own }));
  });
}

const rowsOf = (sessions: readonly Whole[]) =>
  sessions.flatMap(({ start, end, rows }) => rows.map((values) => [...values, start, end]));

function resultsOf(sessions: readonly Whole[]): (readonly unknown[])[] {
  return sessions.map(({ key, start, end, rows }) => {
    const numbers = rows.flatMap(([, n]) => (n === null ? [] : [n as bigint]));
    const sum = numbers.length === 0 ? null : String(numbers.reduce((a, b) => a + b));
    const max = numbers.toSorted((a, b) => Number(b - a))[0] ?? null;
    return [key, start, end, BigInt(rows.length), sum, max];
  });
}

/** The sum is a numeric: compared by its text. */
const textual = (values: readonly unknown[]) =>
  values.map((value, i) => (i === 4 && value !== null ? String(value) : value));

const windowOf = (emit: EmitMoment) => () => new SessionWindowOperator(windowed, session, emit);
const aggregateOf =
  (emit: EmitMoment, appendOnly: boolean, node: AggregateNode = aggregate) =>
  () =>
    new SessionAggregateOperator(planSessionAggregate(node)!, { emit, appendOnly, expressions: plainExpressions });
/** In the kernel, for rows that only come. */
const kernelOf =
  (emit: EmitMoment, node: AggregateNode = aggregate) =>
  () => {
    const operator = sessionAggregate(planSessionAggregate(node)!, {
      emit,
      appendOnly: true,
      expressions: plainExpressions,
    });
    expect(operator).toBeInstanceOf(KernelSessions);
    return operator;
  };
const bothOf = (emit: EmitMoment) => [aggregateOf(emit, true), kernelOf(emit)] as const;

const row = fc
  .tuple(fc.constantFrom('a', 'b', null), fc.constantFrom(1n, 2n, 3n, null), fc.bigInt({ min: 0n, max: 120n }))
  .map((values) => values as readonly unknown[]);

describe('sessions', () => {
  it('give every row the bounds that a batch would, while rows come and go', () => {
    const model = ([rows]: Standing) => rowsOf(sessionsOf(rows!));
    fc.assert(
      fc.property(changesOf([row], 0.4), (epochs) => {
        checkModel({ inputs: [source], columns: windowed.columns, make: windowOf('updates'), model }, epochs);
      }),
      { numRuns: 60 },
    );
  });

  it('have the aggregates that a batch would, while rows come and go', () => {
    const model = ([rows]: Standing) => resultsOf(sessionsOf(rows!));
    for (const [removals, make] of [
      [0, aggregateOf('updates', true)],
      [0, kernelOf('updates')],
      [0.4, aggregateOf('updates', false)],
    ] as const) {
      fc.assert(
        fc.property(changesOf([row], removals), (epochs) => {
          checkModel({ inputs: [source], columns: aggregate.columns, make, model, shown: textual }, epochs);
        }),
        { numRuns: 60 },
      );
    }
  });
});

/** Rows about in order, with the watermark of their partition: the greatest time so far less a delay that some exceed. */
const disordered = fc
  .array(fc.tuple(row, fc.bigInt({ min: 0n, max: 9n }), fc.bigInt({ min: 0n, max: 70n }), fc.boolean()), {
    minLength: 1,
    maxLength: 60,
  })
  .map((drawn) => {
    const epochs: { rows: TestRow[]; watermark: bigint }[] = [{ rows: [], watermark: WATERMARK_MIN }];
    let clock = 0n;
    let largest: bigint | undefined;
    for (const [values, step, behind, ends] of drawn) {
      clock += step;
      const time = clock - behind / 2n;
      const watermark = largest === undefined ? WATERMARK_MIN : largest - 5n;
      const epoch = epochs.at(-1)!;
      epoch.rows.push({ values: [values[0], values[1], time], time, watermark });
      if (largest === undefined || time > largest) largest = time;
      epoch.watermark = largest - 5n;
      if (ends) epochs.push({ rows: [], watermark: epoch.watermark });
    }
    return epochs;
  });

describe('sessions that close', () => {
  const run = (make: ConstructorParameters<typeof Subject>[0]['make'], columns = aggregate.columns) =>
    new Subject({ inputs: [source], columns, make });

  it('are emitted once, and with the rows that were late left out they are those of a batch', () => {
    fc.assert(
      fc.property(disordered, (epochs) => {
        const rows = run(windowOf('final'), windowed.columns);
        const [sums, kernelSums] = bothOf('final').map((make) => run(make)) as [Subject, Subject];
        const [followed, kernelFollowed] = bothOf('updates').map((make) => run(make)) as [Subject, Subject];
        const subjects = [rows, sums, followed, kernelSums, kernelFollowed];
        const inTime: TestRow[] = [];
        for (const { rows: batch, watermark } of epochs) {
          for (const subject of subjects) {
            const before = subject.observed.letters.length;
            subject.run([{ input: 0, rows: batch }], watermark);
            subject.restart();
            const late = new Set(subject.observed.letters.slice(before).map((letter) => letter.row));
            // A row that is not alive follows every third.
            if (subject === sums) inTime.push(...batch.filter((_, i) => !late.has(i + Math.floor(i / 3))));
          }
          for (const { observed } of subjects) expect(observed.letters).toEqual(sums.observed.letters);
        }
        const expected = sessionsOf(inTime);
        for (const subject of subjects) {
          subject.run([], 10_000n);
          expect(subject.operator.state().keys).toBe(0);
        }
        expect(netOf(rows.observed)).toEqual(bagOf(rowsOf(expected)));
        for (const { observed } of subjects.slice(1)) {
          expect(netOf(observed, textual)).toEqual(bagOf(resultsOf(expected)));
        }
        for (const { observed } of [sums, kernelSums]) {
          expect(observed.rows.every(({ weight }) => weight === 1)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it.each(bothOf('final'))(
    'close when the watermark is past their end, since a row exactly the gap later belongs to them',
    (make) => {
      const subject = run(make);
      const one = (time: bigint): TestRow => ({ values: ['a', 1n, time], time });
      subject.run([{ input: 0, rows: [one(0n)] }], 10n);
      expect(subject.operator.nextTimer()).toBe(11n);
      expect(subject.operator.outputWatermark?.(11n)).toBe(10n);
      subject.run([{ input: 0, rows: [one(10n)] }], 20n);
      expect(subject.observed.rows).toEqual([]);
      subject.run([], 21n);
      expect(subject.observed.rows.map(({ values }) => values.slice(1, 4))).toEqual([[0n, 20n, 2n]]);
    },
  );

  it.each(bothOf('final'))(
    'are remembered for one more gap: a row that would belong to one is late though its time alone is not',
    (make) => {
      const subject = run(make);
      const one = (time: bigint): TestRow => ({ values: ['a', 1n, time], time });
      subject.run([{ input: 0, rows: [one(0n)] }], 15n);
      subject.run([{ input: 0, rows: [one(9n), one(16n)] }], 15n);
      expect(subject.observed.letters).toEqual([{ reason: 'late', row: 0 }]);
    },
  );
});

describe('the plan of an aggregate of sessions', () => {
  const listed = [{ name: 'all', call: call('array_agg', { type: { kind: 'array', element: TYPE.int8 } }) }];

  it('finds the session through a choice of columns, and wants all of its keys', () => {
    const picked = projectNode(
      windowed,
      ['window_end', 'n', 'k'].map((name) => ({ name, expression: at(name) })),
    );
    const node = aggregateNode(
      picked,
      ['k', 'window_end'].map((name) => ({ name, expression: at(name, picked.columns) })),
      [{ name: 'n', call: call('count', { argument: undefined }) }],
    );
    expect(planSessionAggregate(node)?.groups).toEqual([0, 'end']);
    expect(planSessionAggregate(aggregateNode(windowed, groups.slice(1), sums))).toBeUndefined();
    expect(planSessionAggregate(aggregateNode(windowed, groups.slice(0, 1), sums))).toBeUndefined();
  });

  it('lists rows as they came, whether sessions are put together or made anew from their rows', () => {
    const node = aggregateNode(windowed, groups, listed);
    for (const appendOnly of [true, false]) {
      const make = aggregateOf('updates', appendOnly, node);
      const subject = new Subject({ inputs: [source], columns: node.columns, make });
      const one = (n: bigint, time: bigint) => [{ input: 0, rows: [{ values: ['a', n, time] }] }];
      subject.run(one(1n, 0n));
      subject.run(one(2n, 18n));
      subject.restart();
      subject.run(one(3n, 9n));
      expect([...netOf(subject.observed).keys()]).toEqual([textOf(['a', 0n, 28n, [1n, 2n, 3n]])]);
    }
  });
});
