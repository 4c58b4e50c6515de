import fc from 'fast-check';
import type { DataType } from '../../../plan/data-type.ts';
import type { Expression } from '../../../plan/expression.ts';
import { columnReference } from '../../../plan/expression-factory.ts';
import { aggregateNode, sourceNode, windowNode } from '../../../plan/factory.ts';
import type { AggregateCall, AggregateNode } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { Decimal } from '../../../plan/value/decimal.ts';
import { WATERMARK_MIN } from '../batch.ts';
import type { Observed } from '../row-batch.test-fixture.ts';
import type { AggregateOptions } from './aggregate-options.ts';

const PRICE: DataType = { kind: 'numeric', precision: 12, scale: 2 };
export const WINDOW_US = 60n;

const source = sourceNode({
  name: 's',
  topic: 's',
  columns: [
    { name: 'ts', type: TYPE.timestamptz },
    { name: 'name', type: TYPE.text },
    { name: 'small', type: TYPE.int4 },
    { name: 'large', type: TYPE.int8 },
    { name: 'real', type: TYPE.float4 },
    { name: 'double', type: TYPE.float8 },
    { name: 'price', type: PRICE },
    { name: 'flag', type: TYPE.boolean },
  ].map((column) => ({ ...column, nullable: true, path: [column.name] })),
  watermark: undefined,
});
/** The input of every aggregate here. */
export const window = windowNode(source, { kind: 'tumbling', sizeUs: WINDOW_US, offsetUs: 0n }, 0);

/** A column of it. */
export const at = (name: string): { name: string; expression: Expression } => ({
  name,
  expression: columnReference(
    window.columns,
    window.columns.findIndex((column) => column.name === name),
  ),
});

export function aggregate(spec: {
  readonly function: AggregateCall['function'];
  readonly of: string | undefined;
  readonly type: DataType;
  readonly filtered?: boolean;
  readonly distinct?: boolean;
}): { name: string; call: AggregateCall } {
  const argument = spec.of === undefined ? undefined : at(spec.of).expression;
  const filter = spec.filtered === true ? at('flag').expression : undefined;
  const { function: name, type, distinct = false } = spec;
  return {
    name: `${name}_${spec.of}_${filter !== undefined}`,
    call: { function: name, argument, filter, type, distinct },
  };
}

/** Sums and counts: what takes rows back exactly. */
export const invertible = [
  aggregate({ function: 'count', of: undefined, type: TYPE.int8 }),
  aggregate({ function: 'count', of: 'name', type: TYPE.int8, filtered: true }),
  aggregate({ function: 'sum', of: 'small', type: TYPE.int8 }),
  aggregate({ function: 'sum', of: 'large', type: TYPE.numeric }),
  aggregate({ function: 'sum', of: 'double', type: TYPE.float8 }),
  aggregate({ function: 'sum', of: 'real', type: TYPE.float4 }),
  aggregate({ function: 'sum', of: 'price', type: TYPE.numeric, filtered: true }),
  aggregate({ function: 'avg', of: 'small', type: TYPE.numeric }),
  aggregate({ function: 'avg', of: 'double', type: TYPE.float8, filtered: true }),
  aggregate({ function: 'avg', of: 'price', type: TYPE.numeric }),
  aggregate({ function: 'count', of: 'name', type: TYPE.int8, distinct: true }),
  aggregate({ function: 'count', of: 'price', type: TYPE.int8, distinct: true, filtered: true }),
  aggregate({ function: 'sum', of: 'large', type: TYPE.numeric, distinct: true }),
  aggregate({ function: 'sum', of: 'double', type: TYPE.float8, distinct: true }),
];
export const booleans = [
  aggregate({ function: 'bool_and', of: 'flag', type: TYPE.boolean }),
  aggregate({ function: 'bool_or', of: 'flag', type: TYPE.boolean, filtered: true }),
];
export const ends = ['first_value', 'last_value'].flatMap((name) =>
  (['small', 'large', 'double', 'price', 'name', 'flag'] as const).map((of) =>
    aggregate({
      function: name as 'first_value' | 'last_value',
      of,
      type: source.columns.find((column) => column.name === of)!.type,
      filtered: of === 'large',
    }),
  ),
);
export const extremes = ['min', 'max'].flatMap((name) =>
  (['small', 'large', 'double', 'price', 'name'] as const).map((of) =>
    aggregate({
      function: name as 'min' | 'max',
      of,
      type: source.columns.find((column) => column.name === of)!.type,
      filtered: of === 'large',
    }),
  ),
);

export function nodeOf(
  groups: readonly string[],
  calls: readonly { name: string; call: AggregateCall }[],
): AggregateNode {
  return aggregateNode(window, groups.map(at), calls);
}

const noUserFunctions = {
  clockMs: () => 0,
  userFunction: (): never => {
    throw new Error('there are none');
  },
};

export function optionsOf(node: AggregateNode, more: Partial<AggregateOptions> = {}): AggregateOptions {
  return { node, emit: 'updates', appendOnly: true, retracts: false, expressions: noUserFunctions, ...more };
}

/** What an operator has said, to compare. */
export function texts({ rows, letters }: Observed): unknown {
  const said = rows.map(({ values, weight }) => ({
    values: values.map((value) => (value instanceof Decimal ? value.toString() : value)),
    weight,
  }));
  return { rows: said, letters };
}

export const nullable = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.option(values, { nil: null, freq: 5 });
const amount = fc.integer({ min: -1_000_000, max: 1_000_000 }).map((cents) => cents / 100);
const anyDouble = fc.oneof(
  { weight: 6, arbitrary: amount },
  { weight: 2, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, -0, 5e-324, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  },
);
const text = fc.constantFrom('', 'a', 'b', 'ä', 'a longer text than fifteen bytes', '\u{10000}', '\uffff');
export const anyRow = fc
  .record({
    ts: fc.bigInt(-100n, 200n),
    name: nullable(text),
    small: nullable(fc.integer({ min: -3, max: 3 })),
    large: nullable(fc.oneof(fc.bigInt(-2n, 2n), fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n)))),
    real: nullable(amount.map(Math.fround)),
    double: nullable(anyDouble),
    price: nullable(fc.integer({ min: -9999, max: 9999 }).map((cents) => new Decimal(BigInt(cents), 2))),
    flag: nullable(fc.boolean()),
    own: fc.oneof(
      { weight: 5, arbitrary: fc.constant(WATERMARK_MIN) },
      { weight: 1, arbitrary: fc.bigInt(-100n, 100n) },
    ),
    takenBack: fc.boolean(),
  })
  .map(({ ts, name, small, large, real, double, price, flag, own, takenBack }) => {
    const rest = ((ts % WINDOW_US) + WINDOW_US) % WINDOW_US;
    const start = ts - rest;
    const values = [ts, name, small, large, real, double, price, flag, start, start + WINDOW_US];
    return { values, time: ts, watermark: own, weight: takenBack ? -1 : 1 };
  });
/** Epochs. */
export const steps = fc.array(
  fc.record({
    batches: fc.array(fc.array(anyRow, { maxLength: 40 }), { maxLength: 3 }),
    watermark: fc.bigInt(-150n, 100n),
    restart: fc.boolean(),
    holes: fc.boolean(),
  }),
  { maxLength: 6 },
);
