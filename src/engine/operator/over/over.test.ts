import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overNode } from '../../../plan/analytic-factory.ts';
import type { Interval } from '../../../plan/data-type.ts';
import { call, columnReference, literal } from '../../../plan/expression-factory.ts';
import { projectNode, sourceNode, windowNode } from '../../../plan/factory.ts';
import type { AggregateFunction, OverNode, SortKey, WindowCall } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { sortKeyOrder, sortOrder } from '../../../plan/value/sort-order.ts';
import type { FrameBound, WindowFrame } from '../../../plan/window-shape.ts';
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
import { eventTimeColumns } from './event-time.ts';
import { OverOperator } from './over.ts';

const source = sourceNode({
  name: 's',
  topic: 's',
  columns: [
    { name: 'p', type: TYPE.text },
    { name: 'n', type: TYPE.int8 },
    { name: 'ts', type: TYPE.timestamptz },
  ].map((column) => ({ ...column, nullable: true, path: [column.name] })),
  watermark: { columnIndex: 2, delayUs: 0n, idleTimeoutMs: 1, futureLimitMs: 1 },
});
const [p, n, ts] = [0, 1, 2].map((index) => columnReference(source.columns, index)) as never as [
  WindowCall['args'][number],
  WindowCall['args'][number],
  WindowCall['args'][number],
];
const key = (expression: SortKey['expression'], more: Partial<SortKey> = {}): SortKey => ({
  expression,
  descending: false,
  nullsFirst: false,
  ...more,
});

const WHOLE: WindowFrame = { unit: 'range', start: { kind: 'unbounded' }, end: { kind: 'current-row' } };
const distances = fc.nat({ max: 3 });
const bound = fc.oneof(
  fc.constant<FrameBound>({ kind: 'unbounded' }),
  fc.constant<FrameBound>({ kind: 'current-row' }),
  fc.record({ kind: fc.constantFrom('preceding' as const, 'following' as const), distance: distances }),
);
const frame = fc.record({ unit: fc.constantFrom('rows', 'range', 'groups'), start: bound, end: bound }).map((drawn) => {
  const typed = (one: FrameBound): FrameBound =>
    drawn.unit === 'range' && 'distance' in one ? { ...one, distance: BigInt(one.distance as number) } : one;
  return { unit: drawn.unit, start: typed(drawn.start), end: typed(drawn.end) } as WindowFrame;
});

const int4 = (value: number | null) => literal(value, TYPE.int4);
const plain = fc
  .constantFrom<readonly [WindowCall['function'], WindowCall['args'], WindowCall['type']]>(
    ['row_number', [], TYPE.int8],
    ['rank', [], TYPE.int8],
    ['dense_rank', [], TYPE.int8],
    ['percent_rank', [], TYPE.float8],
    ['cume_dist', [], TYPE.float8],
    ['ntile', [int4(3)], TYPE.int4],
    ['lag', [n], TYPE.int8],
    ['lag', [n, int4(2), literal(-1n, TYPE.int8)], TYPE.int8],
    ['lead', [n, int4(1)], TYPE.int8],
    ['lead', [n, int4(null)], TYPE.int8],
    ['lag', [n, int4(-1)], TYPE.int8],
  )
  .map(([name, args, type]): WindowCall => ({ function: name, args, type, frame: WHOLE }));
const framed = fc
  .tuple(fc.constantFrom('first_value', 'last_value', 'nth_value'), frame)
  .map(([name, drawn]): WindowCall => {
    const args = name === 'nth_value' ? [n, int4(2)] : [n];
    return { function: name as WindowCall['function'], args, type: TYPE.int8, frame: drawn };
  });
const aggregated = fc
  .tuple(fc.constantFrom('count', 'sum', 'min', 'max', 'array_agg'), frame, fc.boolean())
  .map(([name, drawn, filtered]): WindowCall => {
    const type =
      name === 'sum' ? TYPE.numeric : name === 'array_agg' ? { kind: 'array' as const, element: n.type } : TYPE.int8;
    const filter = filtered ? call('gt', [n, literal(1n, TYPE.int8)]) : undefined;
    const aggregate = { function: name as AggregateFunction, argument: n, distinct: false, filter, type };
    return { function: 'aggregate', args: [], aggregate, type, frame: drawn };
  });

const nodeOf = (keys: readonly SortKey[], calls: readonly WindowCall[], partition = [p]): OverNode =>
  overNode(
    { input: source, partition, keys, calls },
    calls.map((_, i) => `c${i}`),
  );

const numberOf = (distance: unknown): number =>
  typeof distance === 'object' ? Number((distance as Interval).micros) : Number(distance);

/** Positions of the frame of a row, found one by one. */
function frameOf(
  rows: readonly (readonly unknown[])[],
  at: number,
  { unit, start, end }: WindowFrame,
  keys: readonly SortKey[],
) {
  const compare = sortOrder(keys);
  const keysOf = (row: readonly unknown[]) =>
    keys.map(({ expression }) => (expression.kind === 'column' ? row[expression.index] : 0));
  const groups = rows.map(() => 0);
  for (let i = 1; i < rows.length; i++) {
    groups[i] = groups[i - 1]! + (compare(keysOf(rows[i - 1]!), keysOf(rows[i]!)) === 0 ? 0 : 1);
  }
  const within = (other: number, edge: FrameBound, isEnd: boolean): boolean => {
    if (edge.kind === 'unbounded') return true;
    const away = 'distance' in edge ? numberOf(edge.distance) * (edge.kind === 'preceding' ? -1 : 1) : 0;
    const sign = isEnd ? -1 : 1;
    if (unit === 'rows') return (other - at - away) * sign >= 0;
    if (unit === 'groups' || edge.kind === 'current-row') return (groups[other]! - groups[at]! - away) * sign >= 0;
    const [mine, theirs] = [keysOf(rows[at]!)[0], keysOf(rows[other]!)[0]];
    if (mine === null) return (groups[other]! - groups[at]!) * sign >= 0;
    const limit = (mine as bigint) + BigInt(keys[0]!.descending ? -away : away);
    return sortKeyOrder(keys[0]!)(theirs, limit) * sign >= 0;
  };
  return rows.flatMap((_, other) => (within(other, start, false) && within(other, end, true) ? [other] : []));
}

function resultOf(
  rows: readonly (readonly unknown[])[],
  at: number,
  one: WindowCall,
  keys: readonly SortKey[],
): unknown {
  const compare = sortOrder(keys);
  const keysOf = (row: readonly unknown[]) =>
    keys.map(({ expression }) => (expression.kind === 'column' ? row[expression.index] : 0));
  const order = (other: number) => compare(keysOf(rows[other]!), keysOf(rows[at]!));
  const all = rows.map((_, i) => i);
  const before = all.filter((i) => order(i) < 0);
  const constant = (index: number) => (one.args[index]?.kind === 'literal' ? one.args[index].value : undefined);
  const frame = frameOf(rows, at, one.frame, keys);
  const values = frame.map((i) => rows[i]![1] as bigint | null);
  switch (one.function) {
    case 'row_number':
      return BigInt(at + 1);
    case 'rank':
      return BigInt(before.length + 1);
    case 'dense_rank':
      return BigInt(new Set(before.map((i) => textOf(keysOf(rows[i]!)))).size + 1);
    case 'percent_rank':
      return rows.length === 1 ? 0 : before.length / (rows.length - 1);
    case 'cume_dist':
      return all.filter((i) => order(i) <= 0).length / rows.length;
    case 'ntile': {
      const sizes = [0, 1, 2].map((bucket) => Math.floor((rows.length + 2 - bucket) / 3));
      return at < sizes[0]! ? 1 : at < sizes[0]! + sizes[1]! ? 2 : 3;
    }
    case 'lag':
    case 'lead': {
      const offset = one.args.length > 1 ? constant(1) : 1;
      if (offset === null) return null;
      const other = rows[at + Number(offset) * (one.function === 'lag' ? -1 : 1)];
      return other === undefined ? (constant(2) ?? null) : other[1];
    }
    case 'first_value':
      return values[0] ?? null;
    case 'last_value':
      return values.at(-1) ?? null;
    case 'nth_value':
      return values[1] ?? null;
    case 'aggregate': {
      const kept =
        one.aggregate!.filter === undefined ? values : values.filter((value) => value !== null && value > 1n);
      const known = kept.filter((value) => value !== null).toSorted((a, b) => Number(a - b));
      if (one.aggregate!.function === 'array_agg') return kept.length === 0 ? null : kept;
      if (one.aggregate!.function === 'count') return BigInt(known.length);
      if (one.aggregate!.function === 'sum') return known.length === 0 ? null : known.reduce((a, b) => a + b);
      return (one.aggregate!.function === 'min' ? known[0] : known.at(-1)) ?? null;
    }
  }
}

const modelOf =
  (node: OverNode) =>
  ([rows]: Standing): unknown[][] => {
    const compare = sortOrder(node.keys);
    const keysOf = (row: readonly unknown[]) =>
      node.keys.map(({ expression }) => (expression.kind === 'column' ? row[expression.index] : 0));
    const all = rows!.map(({ values }) => values);
    const partitions =
      node.partition.length === 0
        ? [all]
        : [...new Set(all.map(([of]) => of))].map((of) => all.filter((row) => row[0] === of));
    return partitions.flatMap((members) => {
      const sorted = members.toSorted((a, b) => compare(keysOf(a), keysOf(b)));
      return sorted.map((row, at) => [...row, ...node.calls.map((one) => resultOf(sorted, at, one, node.keys))]);
    });
  };

/** A sum is a numeric: compared by its digits. */
const shownOf = (node: OverNode) => (values: readonly unknown[]) =>
  values.map((value, i) => {
    const isSum = node.calls[i - source.columns.length]?.aggregate?.function === 'sum';
    return isSum && value !== null ? BigInt(String(value)) : value;
  });

const row = fc
  .tuple(fc.constantFrom('a', 'b'), fc.constantFrom(1n, 2n, 3n, 5n, null), fc.constantFrom(1n, 2n))
  .map((values) => values as readonly unknown[]);

const check = (node: OverNode, epochs: Parameters<typeof checkModel>[1]): void =>
  checkModel(
    {
      inputs: [source],
      columns: node.columns,
      make: () => new OverOperator({ node, emit: 'updates', expressions: plainExpressions }),
      model: modelOf(node),
      shown: shownOf(node),
    },
    epochs,
  );

describe('over', () => {
  const nodes = fc
    .tuple(
      fc.constantFrom<readonly SortKey[]>(
        [key(n)],
        [key(n, { descending: true, nullsFirst: true })],
        [key(n, { nullsFirst: true })],
        [key(n, { descending: true })],
      ),
      fc.array(fc.oneof(plain, framed, aggregated), { minLength: 1, maxLength: 3 }),
      fc.boolean(),
    )
    .map(([keys, calls, whole]) => nodeOf(keys, calls, whole ? [] : [p]));

  it('has the results that a batch would, whatever comes and goes', () => {
    fc.assert(
      fc.property(nodes, changesOf([row], 0.4), (node, epochs) => check(node, epochs)),
      { numRuns: 120 },
    );
  });

  it('without an order holds all rows equal', () => {
    const calls: WindowCall[] = [
      { function: 'rank', args: [], type: TYPE.int8, frame: WHOLE },
      { function: 'cume_dist', args: [], type: TYPE.float8, frame: WHOLE },
      { function: 'last_value', args: [n], type: TYPE.int8, frame: WHOLE },
    ];
    fc.assert(
      fc.property(changesOf([row], 0.3), (epochs) => check(nodeOf([], calls), epochs)),
      { numRuns: 30 },
    );
  });

  it('changes only the rows whose frames hold what came', () => {
    const frame: WindowFrame = {
      unit: 'rows',
      start: { kind: 'preceding', distance: 2 },
      end: { kind: 'current-row' },
    };
    const sum: WindowCall = {
      function: 'aggregate',
      args: [],
      aggregate: { function: 'sum', argument: n, distinct: false, filter: undefined, type: TYPE.numeric },
      type: TYPE.numeric,
      frame,
    };
    const node = nodeOf([key(n)], [sum]);
    const make = () => new OverOperator({ node, emit: 'updates', expressions: plainExpressions });
    const subject = new Subject({ inputs: [source], columns: node.columns, make });
    subject.run([{ input: 0, rows: Array.from({ length: 500 }, (_, i) => ({ values: ['a', BigInt(i * 10), 1n] })) }]);
    subject.observed.rows.length = 0;
    subject.run([{ input: 0, rows: [{ values: ['a', 2_005n, 1n] }] }]);
    expect(subject.observed.rows.map(({ values, weight }) => [values[1], String(values[3]), weight])).toEqual([
      [2_005n, '5995', 1],
      [2_010n, '6000', -1],
      [2_010n, '6015', 1],
      [2_020n, '6030', -1],
      [2_020n, '6035', 1],
    ]);
  });

  it('puts rows whose arguments have no meaning to dead letters', () => {
    const bucket = call('subtract', [n, literal(1n, TYPE.int8)]);
    const node = nodeOf([key(n)], [{ function: 'ntile', args: [bucket], type: TYPE.int4, frame: WHOLE }]);
    const make = () => new OverOperator({ node, emit: 'updates', expressions: plainExpressions });
    const subject = new Subject({ inputs: [source], columns: node.columns, make });
    subject.run([{ input: 0, rows: [{ values: ['a', 1n, 1n] }, { values: ['a', 2n, 1n] }] }]);
    expect(subject.observed).toMatchObject({ letters: [{ reason: 'expression', row: 0 }], rows: [{ weight: 1 }] });
  });

  it('takes the dead letter of a row back when its result is one again', () => {
    const total = { function: 'sum', argument: n, distinct: false, filter: undefined, type: TYPE.int8 } as const;
    const small = { ...total, argument: { kind: 'cast', type: TYPE.int4, input: n } as const };
    const node = nodeOf(
      [key(ts)],
      [{ function: 'aggregate', args: [], aggregate: small, type: TYPE.int8, frame: WHOLE }],
    );
    const make = () => new OverOperator({ node, emit: 'updates', expressions: plainExpressions });
    const subject = new Subject({ inputs: [source], columns: node.columns, make });
    subject.run([{ input: 0, rows: [{ values: ['a', 2n ** 40n, 1n] }] }]);
    expect(subject.observed).toEqual({ rows: [], letters: [{ reason: 'expression', row: 0 }] });
  });
});

/** Rows about in the order of time, in epochs with their watermark: some are later than the delay allows. */
const disordered = fc
  .array(fc.tuple(row, fc.bigInt({ min: 0n, max: 4n }), fc.bigInt({ min: 0n, max: 12n }), fc.boolean()), {
    minLength: 1,
    maxLength: 60,
  })
  .map((drawn) => {
    const epochs: { rows: TestRow[]; watermark: bigint }[] = [{ rows: [], watermark: WATERMARK_MIN }];
    let clock = 0n;
    let largest: bigint | undefined;
    for (const [values, step, behind, ends] of drawn) {
      clock += step;
      const time = clock - behind;
      const watermark = largest === undefined ? WATERMARK_MIN : largest - 5n;
      const epoch = epochs.at(-1)!;
      epoch.rows.push({ values: [values[0], values[1], time], time, watermark });
      if (largest === undefined || time > largest) largest = time;
      epoch.watermark = largest - 5n;
      if (ends) epochs.push({ rows: [], watermark: epoch.watermark });
    }
    return epochs;
  });

describe('over event time', () => {
  const interval = (micros: bigint) => ({ months: 0, days: 0, micros });
  const frames: readonly WindowFrame[] = [
    { unit: 'rows', start: { kind: 'preceding', distance: 2 }, end: { kind: 'current-row' } },
    { unit: 'range', start: { kind: 'preceding', distance: interval(4n) }, end: { kind: 'current-row' } },
    WHOLE,
    { unit: 'rows', start: { kind: 'unbounded' }, end: { kind: 'current-row' } },
    { unit: 'rows', start: { kind: 'preceding', distance: 1 }, end: { kind: 'following', distance: 1 } },
    { unit: 'range', start: { kind: 'unbounded' }, end: { kind: 'following', distance: interval(3n) } },
  ];
  const sumOver = (frame: WindowFrame): WindowCall => ({
    function: 'aggregate',
    args: [],
    aggregate: { function: 'sum', argument: n, distinct: false, filter: undefined, type: TYPE.numeric },
    type: TYPE.numeric,
    frame,
  });
  const nodes = fc
    .tuple(fc.constantFrom(...frames), fc.subarray(['row_number', 'rank', 'dense_rank', 'lag', 'lead'] as const))
    .map(([frame, names]) => {
      const others = names.map((name): WindowCall => {
        return { function: name, args: name === 'lag' || name === 'lead' ? [n] : [], type: TYPE.int8, frame: WHOLE };
      });
      return nodeOf([key(ts)], [sumOver(frame), ...others]);
    });
  const subjectOf = (node: OverNode, emit: EmitMoment) =>
    new Subject({
      inputs: [source],
      columns: node.columns,
      make: () => new OverOperator({ node, emit, expressions: plainExpressions }),
    });

  it('has the results of a batch over the rows that were not late, though it forgets rows; or each of them once', () => {
    fc.assert(
      fc.property(nodes, disordered, (node, epochs) => {
        const followed = subjectOf(node, 'updates');
        const once = subjectOf(node, 'final');
        const inTime: TestRow[] = [];
        for (const { rows, watermark } of epochs) {
          const before = once.observed.letters.length;
          for (const subject of [followed, once]) {
            subject.run([{ input: 0, rows }], watermark);
            subject.restart();
          }
          const late = new Set(once.observed.letters.slice(before).map((letter) => letter.row));
          inTime.push(...rows.filter((_, i) => !late.has(i + Math.floor(i / 3))));
        }
        expect(followed.observed.letters).toEqual(once.observed.letters);
        const expected = modelOf(node)([inTime]);
        const shown = shownOf(node);
        expect(netOf(followed.observed, shown)).toEqual(bagOf(expected));
        once.run([], 10_000n);
        followed.run([], 10_000n);
        expect(once.observed.rows.every(({ weight }) => weight === 1)).toBe(true);
        const waits = node.calls.some(({ function: name, frame }) => name === 'lead' || frame.end.kind === 'following');
        if (!waits) expect(netOf(once.observed, shown)).toEqual(bagOf(expected));
        const complete = bagOf(expected);
        for (const text of netOf(once.observed, shown).keys()) expect(complete.has(text)).toBe(true);
        expect(once.operator.state().keys).toBeLessThanOrEqual(2 * 4);
        expect(followed.operator.state().keys).toBeLessThanOrEqual(2 * 4);
      }),
      { numRuns: 80 },
    );
  });

  it('refuses to emit once what is never complete', () => {
    const call: WindowCall = { function: 'cume_dist', args: [], type: TYPE.float8, frame: WHOLE };
    const code = { code: 'ENGINE_FINAL_NEEDS_WINDOW' };
    expect(() => subjectOf(nodeOf([key(ts)], [call]), 'final')).toThrow(expect.objectContaining(code));
    expect(() => subjectOf(nodeOf([key(n)], [sumOver(WHOLE)]), 'final')).toThrow(expect.objectContaining(code));
  });

  it('emits the rows of a window when it closes', () => {
    const window = windowNode(source, { kind: 'tumbling', sizeUs: 10n, offsetUs: 0n }, 2);
    const start = columnReference(window.columns, 3);
    const calls: WindowCall[] = [{ function: 'percent_rank', args: [], type: TYPE.float8, frame: WHOLE }];
    const node = overNode({ input: window, partition: [start], keys: [key(n)], calls }, ['share']);
    const make = () => new OverOperator({ node, emit: 'final', expressions: plainExpressions });
    const subject = new Subject({ inputs: [window], columns: node.columns, make });
    const one = (value: bigint, time: bigint): TestRow => ({ values: ['a', value, time, 0n, 10n], time });
    subject.run([{ input: 0, rows: [one(3n, 1n), one(1n, 2n)] }], 5n);
    subject.restart();
    subject.run([{ input: 0, rows: [one(2n, 6n)] }], 9n);
    expect(subject.observed.rows).toEqual([]);
    expect(subject.operator.nextTimer()).toBe(10n);
    subject.run([{ input: 0, rows: [] }], 10n);
    expect(subject.observed.rows.map(({ values }) => [values[1], values.at(-1)])).toEqual([
      [1n, 0],
      [2n, 0.5],
      [3n, 1],
    ]);
    subject.run([{ input: 0, rows: [one(4n, 7n)] }], 10n);
    expect(subject.observed.letters).toEqual([{ reason: 'late', row: 0 }]);
  });

  it('knows the event time through a projection', () => {
    const picked = projectNode(source, [
      { name: 'at', expression: ts },
      { name: 'n', expression: n },
    ]);
    expect([...eventTimeColumns(picked)]).toEqual([0]);
  });
});
