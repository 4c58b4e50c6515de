import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { Kernel } from '../../../kernel/kernel.ts';
import { aggregateCall } from '../../../plan/aggregate/aggregate-call.ts';
import { call, columnReference, literal } from '../../../plan/expression-factory.ts';
import { aggregateNode, sourceNode } from '../../../plan/factory.ts';
import type { AggregateNode } from '../../../plan/node.ts';
import { arrayType, TYPE } from '../../../plan/type-name.ts';
import { Decimal } from '../../../plan/value/decimal.ts';
import { WATERMARK_MAX, WATERMARK_MIN } from '../batch.ts';
import type { Operator } from '../operator.ts';
import { batchOfRows, type Observed, observe, type TestRow } from '../row-batch.test-fixture.ts';
import { AggregateOperator } from './aggregate.ts';
import {
  aggregate,
  anyRow,
  at,
  booleans,
  ends,
  extremes,
  invertible,
  nodeOf,
  nullable,
  optionsOf,
  steps,
  texts,
  WINDOW_US,
  window,
} from './aggregate-input.fixture.ts';
import type { AggregateOptions } from './aggregate-options.ts';
import { GlobalAggregate } from './global-aggregate.ts';
import { RowAggregate } from './row-aggregate.ts';

class Run {
  readonly #make: () => Operator;
  readonly #node: AggregateNode;
  readonly kernel = Kernel.create();
  operator: Operator;
  observed: Observed;

  constructor(node: AggregateNode, make: () => Operator) {
    this.#make = make;
    this.#node = node;
    this.operator = make();
    this.observed = observe(this.kernel, this.operator, node.columns);
  }

  process(rows: readonly TestRow[], holes: boolean): void {
    this.operator.processBatch(batchOfRows(this.kernel, window.columns, rows, holes), 0);
    this.kernel.arenaReset();
  }

  finish(watermark: bigint): void {
    this.operator.endEpoch();
    this.kernel.arenaReset();
    this.operator.onWatermark(watermark);
    this.kernel.arenaReset();
  }

  restart(): void {
    const writer = new ByteWriter();
    this.operator.snapshot(writer);
    this.operator.close();
    this.operator = this.#make();
    const { rows, letters } = this.observed;
    this.observed = observe(this.kernel, this.operator, this.#node.columns);
    this.observed.rows.push(...rows);
    this.observed.letters.push(...letters);
    this.operator.restore(new ByteReader(writer.written().slice()));
  }

  said(): unknown {
    return texts(this.observed);
  }
}

function rowByRow(options: AggregateOptions): Operator {
  const rows = new RowAggregate(options);
  return options.node.groups.length === 0 ? new GlobalAggregate(rows, options) : rows;
}

/** Runs the kernel's aggregate and the one that goes row by row over the same input: they must say the same. */
function agrees(options: AggregateOptions, weighted: boolean): void {
  fc.assert(
    fc.property(steps, (all) => {
      const runs = [
        new Run(options.node, () => rowByRow(options)),
        new Run(options.node, () => new AggregateOperator(options)),
      ];
      for (const run of runs) {
        let watermark = WATERMARK_MIN;
        for (const step of all) {
          for (const rows of step.batches) {
            run.process(weighted ? rows : rows.map((row) => ({ ...row, weight: 1 })), step.holes);
          }
          if (step.watermark > watermark) watermark = step.watermark;
          run.finish(watermark);
          if (step.restart) run.restart();
        }
        run.finish(WATERMARK_MAX);
      }
      expect(runs[1]!.said()).toEqual(runs[0]!.said());
      expect(runs[1]!.operator.state().keys).toBe(runs[0]!.operator.state().keys);
      for (const run of runs) run.operator.close();
    }),
    { numRuns: 60 },
  );
}

const windowed = ['window_start', 'window_end', 'name'];

describe('an aggregate in the kernel says what the one that goes row by row says', () => {
  it('for each change of a windowed group', () => {
    agrees(optionsOf(nodeOf([...windowed, 'small'], [...invertible, ...extremes])), false);
  });

  it('for windows that close', () => {
    agrees(optionsOf(nodeOf(['window_end', 'name'], [...invertible, ...extremes]), { emit: 'final' }), false);
  });

  it('for groups of every type of key, without a window', () => {
    const keys = ['name', 'small', 'large', 'double', 'price', 'flag'];
    agrees(optionsOf(nodeOf(keys, [invertible[0]!, extremes[0]!])), false);
  });

  it('for the first and the last row, and truth values', () => {
    agrees(optionsOf(nodeOf(['name'], [...ends, ...booleans])), false);
    agrees(optionsOf(nodeOf(windowed, [...ends, ...booleans]), { emit: 'final' }), false);
    agrees(optionsOf(nodeOf(['name'], [...booleans, ...invertible]), { appendOnly: false, retracts: true }), true);
  });

  it('for counts of the same distinct values under several conditions', () => {
    const counts = (['name', 'price', 'double', 'small'] as const).flatMap((of) => [
      aggregate({ function: 'count', of, type: TYPE.int8, distinct: true }),
      aggregate({ function: 'count', of, type: TYPE.int8, distinct: true, filtered: true }),
      ...[0, 1].map((more) => {
        const { name, call: plain } = aggregate({ function: 'count', of, type: TYPE.int8, distinct: true });
        const filter = call('gt', [at('small').expression, literal(more, TYPE.int4)]);
        return { name: `${name}_${more}`, call: { ...plain, filter } };
      }),
    ]);
    agrees(optionsOf(nodeOf(['name'], [...counts, ...invertible])), false);
    agrees(optionsOf(nodeOf([...windowed], counts), { retracts: true }), false);
    agrees(optionsOf(nodeOf([], counts), { appendOnly: false, retracts: true }), true);
  });

  it('when rows are taken back', () => {
    agrees(optionsOf(nodeOf(windowed, invertible), { appendOnly: false }), true);
    agrees(optionsOf(nodeOf(['name'], invertible), { appendOnly: false }), true);
  });

  it('when rows are taken back and changes must take back what stood', () => {
    agrees(optionsOf(nodeOf(['name', 'flag'], invertible), { appendOnly: false, retracts: true }), true);
  });

  it('when changes must take back what stood', () => {
    const numbers = extremes.filter(({ name }) => !name.includes('name'));
    agrees(optionsOf(nodeOf(windowed, [...invertible, ...numbers]), { retracts: true }), false);
  });

  it('without groups', () => {
    agrees(optionsOf(nodeOf([], [...invertible, ...extremes])), false);
    agrees(optionsOf(nodeOf([], invertible), { appendOnly: false, retracts: true }), true);
  });
});

describe('numerics that the kernel writes', () => {
  it('are the sums and averages that numerics have, at every scale and size', () => {
    const scales = [0, 1, 4, 9, 17, 18];
    const typed = scales.map((scale) => ({ kind: 'numeric' as const, precision: 18, scale }));
    const numbers = sourceNode({
      name: 'n',
      topic: 'n',
      columns: [TYPE.int8, ...typed].map((type, i) => ({ name: `c${i}`, type, nullable: true, path: [`c${i}`] })),
      watermark: undefined,
    });
    const calls = numbers.columns.flatMap((_, i) =>
      (['sum', 'avg'] as const).map((name) => ({
        name: `${name}_${i}`,
        call: aggregateCall(name, columnReference(numbers.columns, i)),
      })),
    );
    const node = aggregateNode(numbers, [], calls);
    const unscaled = fc.oneof(
      fc.bigInt(-999n, 999n),
      fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }),
      fc.constantFrom(0n, 1n, -1n, 9n, 99_999_999n, 10n ** 17n, 10n ** 18n - 1n),
    );
    const rows = fc.array(nullable(unscaled), { minLength: 1, maxLength: 12 });
    const kernel = Kernel.create();
    fc.assert(
      fc.property(rows, (drawn) => {
        const values = drawn.map((value) => [
          value === null ? null : value * 9n,
          ...scales.map((scale) => (value === null ? null : new Decimal(value, scale))),
        ]);
        const options = optionsOf(node, { retracts: true });
        const said = [new AggregateOperator(options), rowByRow(options)].map((operator) => {
          const observed = observe(kernel, operator, node.columns);
          operator.processBatch(
            batchOfRows(
              kernel,
              numbers.columns,
              values.map((row) => ({ values: row })),
            ),
            0,
          );
          operator.endEpoch();
          kernel.arenaReset();
          operator.close();
          return texts(observed);
        });
        expect(said[0]).toEqual(said[1]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('several windows over the same rows', () => {
  const plain = invertible.filter(({ call: { filter, distinct } }) => filter === undefined && !distinct);
  const numbers = extremes.filter(({ name, call: { filter } }) => filter === undefined && !name.includes('name'));
  const node = nodeOf(windowed, [...plain, ...numbers]);
  const sizes = [WINDOW_US, 120n, 240n];

  /** The rows with the bounds of windows of another size. */
  const resized = (rows: readonly TestRow[], size: bigint): TestRow[] =>
    rows.map((row) => {
      const start = row.time! - (((row.time! % size) + size) % size);
      return { ...row, values: [...row.values.slice(0, 8), start, start + size] };
    });

  it('say what each would say alone', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const kernel = Kernel.create();
        const together = sizes.map(() => {
          const operator = new AggregateOperator(optionsOf(node));
          return { operator, observed: observe(kernel, operator, node.columns) };
        });
        const alone = sizes.map(() => new Run(node, () => new RowAggregate(optionsOf(node))));
        let watermark = WATERMARK_MIN;
        for (const step of all) {
          for (const rows of step.batches) {
            const added = rows.map((row) => ({ ...row, weight: 1 }));
            const batches = sizes.map((size) => batchOfRows(kernel, window.columns, resized(added, size), step.holes));
            const [first] = batches;
            together.forEach(({ operator }, i) => {
              // As behind one operator: the columns are the same ones, but for the bounds.
              const columns = [...first!.columns.slice(0, 8), ...batches[i]!.columns.slice(8)];
              operator.processBatch({ ...first!, columns });
              alone[i]!.process(resized(added, sizes[i]!), step.holes);
            });
            kernel.arenaReset();
          }
          if (step.watermark > watermark) watermark = step.watermark;
          together.forEach(({ operator }, i) => {
            operator.endEpoch();
            operator.onWatermark(watermark);
            kernel.arenaReset();
            alone[i]!.finish(watermark);
          });
        }
        together.forEach(({ observed }, i) => {
          expect(texts(observed)).toEqual(alone[i]!.said());
        });
      }),
      { numRuns: 60 },
    );
  });
});

describe('aggregate', () => {
  const row = (values: Partial<Record<string, unknown>>): TestRow => ({
    values: window.columns.map(({ name }) => values[name] ?? null),
  });

  it('puts a row whose argument fails to dead letters and counts the others', () => {
    const quotient = call('divide', [literal(1, TYPE.int4), at('small').expression]);
    const sum = { function: 'sum' as const, argument: quotient, filter: undefined, type: TYPE.int8, distinct: false };
    const options = optionsOf(nodeOf(['name'], [{ name: 'sum', call: sum }]));
    const run = new Run(options.node, () => new AggregateOperator(options));
    run.process([row({ name: 'a', small: 1 }), row({ name: 'a', small: 0 }), row({ name: 'a', small: -1 })], false);
    run.finish(0n);
    expect(run.said()).toEqual({
      rows: [{ values: ['a', 0n], weight: 1 }],
      letters: [{ reason: 'expression', row: 1 }],
    });
  });

  it('reports a sum beyond int8 and leaves its group out', () => {
    const sum = aggregate({ function: 'sum', of: 'large', type: TYPE.int8 });
    const options = optionsOf(nodeOf(['name'], [sum]));
    const run = new Run(options.node, () => new AggregateOperator(options));
    const most = 2n ** 63n - 1n;
    run.process(
      [row({ name: 'a', large: most }), row({ name: 'b', large: most }), row({ name: 'a', large: 1n })],
      false,
    );
    run.finish(0n);
    expect(run.said()).toEqual({
      rows: [{ values: ['b', most], weight: 1 }],
      letters: [{ reason: 'expression', row: 0 }],
    });
  });

  it('has one row without GROUP BY, also when there are no rows', () => {
    const sum = aggregate({ function: 'sum', of: 'small', type: TYPE.int8 });
    const options = optionsOf(nodeOf([], [invertible[0]!, sum]), { appendOnly: false, retracts: true });
    const run = new Run(options.node, () => new AggregateOperator(options));
    const empty = [0n, null];
    run.finish(0n);
    expect(run.observed.rows).toEqual([{ values: empty, weight: 1 }]);
    run.restart();
    run.finish(0n);
    run.process([row({ small: 3 })], false);
    run.finish(0n);
    run.restart();
    run.process([{ ...row({ small: 3 }), weight: -1 }], false);
    run.finish(0n);
    expect(run.observed.rows.slice(1)).toEqual([
      { values: empty, weight: -1 },
      { values: [1n, 3n], weight: 1 },
      { values: [1n, 3n], weight: -1 },
      { values: empty, weight: 1 },
    ]);
  });

  it('takes back the row of a group whose result fails, and says it again when it does not', () => {
    const argument = at('double').expression;
    const call = aggregateCall('var_pop', argument);
    const options = optionsOf(nodeOf(['name'], [{ name: 'var', call }]), { appendOnly: false });
    const run = new Run(options.node, () => new AggregateOperator(options));
    const [small, large] = [row({ name: 'a', double: 0 }), row({ name: 'a', double: 1e300 })];
    run.process([small], false);
    run.finish(0n);
    run.process([large], false);
    run.finish(0n);
    run.restart();
    run.process([{ ...large, weight: -1 }], false);
    run.finish(0n);
    expect(run.said()).toEqual({
      rows: [
        { values: ['a', 0], weight: 1 },
        { values: ['a', 0], weight: -1 },
        { values: ['a', 0], weight: 1 },
      ],
      letters: [{ reason: 'expression', row: 0 }],
    });
  });

  it('gathers, follows rows that are taken back, and goes on after a restart', () => {
    const name = at('name').expression;
    const double = at('double').expression;
    const thirds = literal([0, 0.5, 1], arrayType(TYPE.float8));
    const orderBy = [{ expression: at('small').expression, descending: true, nullsFirst: false }];
    const calls = [
      aggregateCall('array_agg', at('price').expression, { orderBy }),
      aggregateCall('string_agg', name, { extra: [literal(',', TYPE.text)], distinct: true }),
      aggregateCall('jsonb_agg', at('large').expression),
      aggregateCall('last_value', name, { orderBy }),
      aggregateCall('percentile_cont', double, { extra: [thirds] }),
      aggregateCall('mode', name),
      aggregateCall('stddev_samp', double),
      aggregateCall('approx_count_distinct', name),
    ].map((one, index) => ({ name: `a${index}`, call: one }));
    const options = optionsOf(nodeOf(['flag'], calls), { appendOnly: false, retracts: true });
    /** What stands after all that was said. */
    const standing = (run: Run): unknown => {
      const rows = new Map<string, number>();
      for (const { values, weight } of run.observed.rows) {
        const text = JSON.stringify(values, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
        rows.set(text, (rows.get(text) ?? 0) + weight);
      }
      return [...rows].filter(([, count]) => count !== 0).sort();
    };
    const change = fc.record({ row: anyRow, takes: fc.option(fc.nat(), { nil: undefined }), restart: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (all) => {
        const run = new Run(options.node, () => new AggregateOperator(options));
        const rows: TestRow[] = [];
        for (const { row: made, takes, restart } of all) {
          if (takes === undefined || rows.length === 0) {
            rows.push({ ...made, weight: 1 });
            run.process([rows.at(-1)!], false);
          } else {
            // The earliest goes: of rows that are the same, it is the one that would be taken.
            const [gone] = rows.splice(0, 1);
            run.process([{ ...gone!, weight: -1 }], false);
          }
          run.finish(0n);
          if (restart) run.restart();
        }
        const again = new Run(options.node, () => new AggregateOperator(options));
        again.process(rows, false);
        again.finish(0n);
        expect(standing(run)).toEqual(standing(again));
      }),
      { numRuns: 60 },
    );
  });

  it('emits many groups in several batches, and gives their memory back with the window', () => {
    const options = optionsOf(nodeOf(['window_end', 'name'], invertible));
    const run = new Run(options.node, () => new AggregateOperator(options));
    const groups = 40_000;
    for (let from = 0; from < groups; from += 10_000) {
      const rows = Array.from({ length: 10_000 }, (_, i) =>
        row({ window_end: 60n, name: `the group ${from + i}`, small: 1 }),
      );
      run.process(rows, false);
    }
    run.finish(0n);
    expect(run.observed.rows).toHaveLength(groups);
    expect(new Set(run.observed.rows.map(({ values }) => values[1])).size).toBe(groups);
    expect(run.operator.state().keys).toBe(groups);
    run.finish(60n);
    expect(run.operator.state()).toEqual({ keys: 0, bytes: 0 });
  });
});
