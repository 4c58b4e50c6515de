import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { Kernel } from '../../../kernel/kernel.ts';
import { aggregateCall } from '../../../plan/aggregate/aggregate-call.ts';
import { aggregateNode, windowNode } from '../../../plan/factory.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { PARTIAL_GROUPS_MAX } from '../../limits.ts';
import { type Batch, WATERMARK_MAX, WATERMARK_MIN } from '../batch.ts';
import type { Operator, OperatorContext } from '../operator.ts';
import { batchOfRows, type Observed, observe, type TestRow } from '../row-batch.test-fixture.ts';
import { HoppingWindowOperator } from '../window/hopping.ts';
import { AggregateOperator } from './aggregate.ts';
import {
  aggregate,
  at,
  booleans,
  ends,
  extremes,
  invertible,
  nodeOf,
  optionsOf,
  steps,
  texts,
  window,
} from './aggregate-input.fixture.ts';
import type { AggregateOptions } from './aggregate-options.ts';
import { PartialAggregateOperator } from './partial-aggregate.ts';
import { planPartial } from './partial-plan.ts';
import type { PartialPlan } from './partial-row.ts';

/** Partial aggregates that take turns with the batches, and what merges their rows. */
class TwoSteps implements Operator {
  readonly #options: AggregateOptions;
  readonly #plan: PartialPlan;
  readonly #judged: number | undefined;
  readonly #partials: PartialAggregateOperator[];
  readonly merging: AggregateOperator;
  #context: OperatorContext | undefined;
  #turn = 0;

  /** `judged`: an epoch with more rows than this may be followed by some whose rows are passed on. */
  constructor(options: AggregateOptions, partials: number, judged?: number) {
    this.#options = options;
    this.#plan = planPartial(options)!;
    this.#judged = judged;
    this.#partials = Array.from({ length: partials }, () => this.#make());
    this.merging = new AggregateOperator({ ...options, merges: this.#plan });
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.merging.open(context);
    for (const partial of this.#partials) this.#open(partial);
  }

  #make(): PartialAggregateOperator {
    return new PartialAggregateOperator(this.#options, this.#plan, this.#judged);
  }

  #open(partial: PartialAggregateOperator): void {
    partial.open({ ...this.#context!, emit: (batch) => this.merging.processBatch(batch) });
  }

  processBatch(batch: Batch): void {
    this.#partials[this.#turn++ % this.#partials.length]!.processBatch(batch);
  }

  endEpoch(): void {
    for (const partial of this.#partials) partial.endEpoch();
    this.merging.endEpoch();
  }

  onWatermark(watermark: bigint): void {
    for (const partial of this.#partials) partial.onWatermark(watermark);
    this.merging.onWatermark(watermark);
  }

  nextTimer(): bigint | undefined {
    return this.merging.nextTimer();
  }

  snapshot(writer: ByteWriter): void {
    this.merging.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.merging.restore(reader);
  }

  /** Each goes on in another operator, from its snapshot. */
  restartPartials(): void {
    this.#partials.forEach((partial, i) => {
      const writer = new ByteWriter();
      partial.snapshot(writer);
      partial.close();
      const next = this.#make();
      this.#open(next);
      next.restore(new ByteReader(writer.written().slice()));
      this.#partials[i] = next;
    });
  }

  get partialGroups(): number {
    return this.#partials.reduce((sum, partial) => sum + partial.state().keys, 0);
  }

  close(): void {
    for (const partial of this.#partials) partial.close();
    this.merging.close();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return this.merging.state();
  }
}

const kernel = Kernel.create();

interface Said {
  readonly rows: readonly { readonly values: readonly unknown[] }[];
  readonly letters: readonly unknown[];
}

/** What is said in one epoch, in an order that does not depend on which rows came first. */
function unordered(observed: Observed): unknown {
  const { rows, letters } = texts(observed) as Said;
  const text = (row: unknown): string =>
    JSON.stringify(row, (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : value,
    );
  return { rows: rows.map(text).sort(), letters };
}

/** Both must say the same in each epoch: with one partial aggregate also in the same order. */
function agrees(options: AggregateOptions, partials: number, judged?: number): void {
  const show = partials === 1 && judged === undefined ? texts : unordered;
  fc.assert(
    fc.property(steps, (all) => {
      const whole = new AggregateOperator(options);
      const split = new TwoSteps(options, partials, judged);
      const said = [whole, split].map((operator) => observe(kernel, operator, options.node.columns));
      let watermark = WATERMARK_MIN;
      for (const step of [...all, { batches: [], watermark: WATERMARK_MAX, restart: false, holes: false }]) {
        if (step.watermark > watermark) watermark = step.watermark;
        for (const operator of [whole, split]) {
          for (const rows of step.batches) {
            const added = rows.map((row) => ({ ...row, weight: 1 }));
            operator.processBatch(batchOfRows(kernel, window.columns, added, step.holes));
            kernel.arenaReset();
          }
          operator.endEpoch();
          kernel.arenaReset();
          operator.onWatermark(watermark);
          kernel.arenaReset();
        }
        expect(split.partialGroups).toBe(0);
        if (step.restart) split.restartPartials();
        expect(show(said[1]!)).toEqual(show(said[0]!));
        for (const { rows, letters } of said) {
          rows.splice(0);
          letters.splice(0);
        }
      }
      expect(split.state().keys).toBe(whole.state().keys);
      whole.close();
      split.close();
    }),
    { numRuns: 60 },
  );
}

const sums = invertible.filter(({ call }) => !call.distinct);
const windowed = ['window_start', 'window_end', 'name'];

describe('an aggregate in two steps says what one over the rows says', () => {
  const cases: readonly (readonly [string, AggregateOptions])[] = [
    ['for each change of a windowed group', optionsOf(nodeOf([...windowed, 'small'], [...sums, ...extremes]))],
    ['for windows that close', optionsOf(nodeOf(windowed, [...sums, ...extremes, ...booleans]), { emit: 'final' })],
    ['by the start of a window alone', optionsOf(nodeOf(['window_start'], sums), { emit: 'final' })],
    ['without a window', optionsOf(nodeOf(['name', 'flag'], [...sums, ...extremes, ...booleans]))],
    ['without groups', optionsOf(nodeOf([], [...sums, ...extremes, ...booleans]))],
    [
      'where changes must take back what stood',
      optionsOf(
        nodeOf(
          windowed,
          [...sums, ...extremes, ...booleans].filter(({ name }) => !/m.._name/.test(name)),
        ),
        { retracts: true },
      ),
    ],
  ];

  it.each(cases)('%s, with one partial aggregate', (_, options) => {
    agrees(options, 1);
  });

  it.each(cases)('%s, with three', (_, options) => {
    agrees(options, 3);
  });

  it.each(cases)('%s, where rows are passed on after an epoch of many keys', (_, options) => {
    agrees(options, 1, 1);
    agrees(options, 2, 5);
  });

  it('by keys of every type', () => {
    const keys = ['name', 'small', 'large', 'double', 'price', 'flag'];
    agrees(optionsOf(nodeOf(keys, [sums[0]!, extremes[0]!])), 1);
  });

  it('where rows fall into several windows', () => {
    const hopping = windowNode(window.input, { kind: 'hopping', sizeUs: 60n, slideUs: 20n, offsetUs: 0n }, 0);
    const node = aggregateNode(hopping, windowed.map(at), [...sums, ...extremes]);
    const options = optionsOf(node, { emit: 'final' });
    fc.assert(
      fc.property(steps, (all) => {
        const observed = [new AggregateOperator(options), new TwoSteps(options, 2)].map((operator) => {
          const hops = new HoppingWindowOperator(
            hopping,
            hopping.window as typeof hopping.window & { kind: 'hopping' },
          );
          const said = observe(kernel, operator, node.columns);
          hops.open({ ...quiet, emit: (batch) => operator.processBatch(batch) });
          let watermark = WATERMARK_MIN;
          for (const step of all) {
            for (const rows of step.batches) {
              const added = rows.map((row) => ({ ...row, values: row.values.slice(0, 8), weight: 1 }));
              hops.processBatch(batchOfRows(kernel, window.input.columns, added, step.holes));
              kernel.arenaReset();
            }
            operator.endEpoch();
            if (step.watermark > watermark) watermark = step.watermark;
            operator.onWatermark(watermark);
            kernel.arenaReset();
          }
          operator.onWatermark(WATERMARK_MAX);
          operator.close();
          return said;
        });
        expect(unordered(observed[1]!)).toEqual(unordered(observed[0]!));
      }),
      { numRuns: 60 },
    );
  });
});

const quiet = { kernel, clockMs: (): number => 0, deadLetter: (): void => {} };

describe('a partial aggregate', () => {
  const options = optionsOf(nodeOf(['small'], [aggregate({ function: 'count', of: undefined, type: TYPE.int8 })]));
  const rowsOf = (numbers: readonly number[]): TestRow[] =>
    numbers.map((small) => ({ values: window.columns.map(({ name }) => (name === 'small' ? small : null)) }));

  it('hands on what it has when there are very many groups in an epoch', () => {
    const partial = new PartialAggregateOperator(options, planPartial(options)!);
    const observed = observe(kernel, partial, planPartial(options)!.columns);
    const groups = PARTIAL_GROUPS_MAX + 1;
    for (let from = 0; from < groups; from += 50_000) {
      const numbers = Array.from({ length: Math.min(50_000, groups - from) }, (_, i) => from + i);
      partial.processBatch(batchOfRows(kernel, window.columns, rowsOf(numbers)));
      kernel.arenaReset();
    }
    expect(observed.rows).toHaveLength(groups);
    partial.endEpoch();
    expect(observed.rows).toHaveLength(groups);
    expect(observed.rows.at(-1)).toEqual({ values: [groups - 1, 1n], weight: 1 });
    partial.close();
  });

  it('passes rows on at once after an epoch of nearly as many groups as rows, and tries again later', () => {
    const plan = planPartial(options)!;
    let partial = new PartialAggregateOperator(options, plan);
    let observed = observe(kernel, partial, plan.columns);
    const emitted = (numbers: readonly number[]): readonly number[] => {
      const before = observed.rows.length;
      partial.processBatch(batchOfRows(kernel, window.columns, rowsOf(numbers)));
      const atOnce = observed.rows.length - before;
      partial.endEpoch();
      kernel.arenaReset();
      return [atOnce, observed.rows.length - before];
    };
    const distinct = Array.from({ length: 5_000 }, (_, i) => i);
    expect(emitted(distinct)).toEqual([0, 5_000]);
    expect(emitted([7, 7, 7])).toEqual([3, 3]);
    const writer = new ByteWriter();
    partial.snapshot(writer);
    partial.close();
    partial = new PartialAggregateOperator(options, plan);
    observed = observe(kernel, partial, plan.columns);
    partial.restore(new ByteReader(writer.written()));
    for (let epoch = 0; epoch < 15; epoch++) expect(emitted(distinct)).toEqual([5_000, 5_000]);
    expect(emitted([7, 7, 7])).toEqual([0, 1]);
    partial.close();
  });

  it('gives the memory of an epoch back', () => {
    const partial = new PartialAggregateOperator(options, planPartial(options)!);
    observe(kernel, partial, planPartial(options)!.columns);
    const before = partial.state().bytes;
    partial.processBatch(batchOfRows(kernel, window.columns, rowsOf([1, 2, 3])));
    expect(partial.state().bytes).toBeGreaterThan(before);
    partial.endEpoch();
    expect(partial.state()).toEqual({ keys: 0, bytes: before });
    partial.close();
  });
});

describe('an aggregate is not made in two steps', () => {
  const one = (call: ReturnType<typeof aggregateCall>, more: Partial<AggregateOptions> = {}): PartialPlan | undefined =>
    planPartial(optionsOf(nodeOf(['name'], [{ name: 'result', call }]), more));
  const column = (name: string) => at(name).expression;

  it('when its input takes rows back', () => {
    const sum = aggregateCall('sum', column('small'));
    expect(one(sum)).toBeDefined();
    expect(one(sum, { appendOnly: false })).toBeUndefined();
  });

  it('when each value counts once', () => {
    expect(one(aggregateCall('count', column('small'), { distinct: true }))).toBeUndefined();
    expect(one(aggregateCall('sum', column('small'), { distinct: true }))).toBeUndefined();
  });

  it('when it depends on the order of rows', () => {
    for (const { call } of ends) expect(one(call)).toBeUndefined();
    expect(one(aggregateCall('array_agg', column('small')))).toBeUndefined();
  });

  it('when it has no kernel', () => {
    expect(one(aggregateCall('var_pop', column('double')))).toBeUndefined();
    expect(one(aggregateCall('approx_count_distinct', column('name')))).toBeUndefined();
  });

  it('above sessions, which need all rows of a key', () => {
    const sessions = windowNode(window.input, { kind: 'session', gapUs: 60n, keys: [1] }, 0);
    const count = aggregate({ function: 'count', of: undefined, type: TYPE.int8 });
    expect(planPartial(optionsOf(aggregateNode(sessions, windowed.map(at), [count])))).toBeUndefined();
  });
});
