import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { KERNEL_MEMORY_BYTES_MIN, Kernel } from '../../../kernel/kernel.ts';
import { evaluate } from '../../../plan/evaluate.ts';
import type { Expression } from '../../../plan/expression.ts';
import { call, columnReference, literal } from '../../../plan/expression-factory.ts';
import { joinNode, sourceNode, windowNode } from '../../../plan/factory.ts';
import type { JoinKind, JoinNode, PlanNode } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { makeInterval } from '../../../plan/value/interval.ts';
import type { EmitMoment } from '../operator.ts';
import { batchOfRows, type Observed, observe } from '../row-batch.test-fixture.ts';
import { JoinOperator } from './join.ts';

type Row = readonly [key: bigint | null, time: bigint | null, name: string];

const SECOND = 1_000_000n;
const expressions = { clockMs: () => 0, userFunction: () => () => null };

function stream(name: string): PlanNode {
  const columns = (
    [
      ['k', TYPE.int8],
      ['t', TYPE.timestamptz],
      ['name', TYPE.text],
    ] as const
  ).map(([column, type]) => ({ name: column, type, nullable: true, path: [column] }));
  const watermark = { columnIndex: 1, delayUs: 0n, idleTimeoutMs: 1000, futureLimitMs: 1000 };
  return sourceNode({ name, topic: name, columns, watermark });
}

const LEFT = stream('l');
const RIGHT = stream('r');
const COLUMNS = [...LEFT.columns, ...RIGHT.columns];
const column = (index: number): Expression => columnReference(COLUMNS, index);
const seconds = (count: bigint): Expression => literal(makeInterval(0, 0, count * SECOND), TYPE.interval);
const sameKey = call('eq', [column(0), column(3)]);
/** The left row comes at most ten seconds before, and at most three after. */
const interval = call('and', [
  sameKey,
  call('ge', [column(1), call('subtract', [column(4), seconds(10n)])]),
  call('le', [column(1), call('add', [column(4), seconds(3n)])]),
]);

class Running {
  readonly kernel = Kernel.create();
  readonly node: JoinNode;
  readonly emit: EmitMoment;
  operator: JoinOperator;
  observed: Observed;
  emitted: { readonly values: readonly unknown[]; readonly weight: number }[] = [];

  constructor(node: JoinNode, emit: EmitMoment = 'updates') {
    this.node = node;
    this.emit = emit;
    this.operator = new JoinOperator({ node, emit, read: undefined, expressions });
    this.observed = observe(this.kernel, this.operator, node.columns);
  }

  push(input: 0 | 1, rows: readonly (readonly unknown[])[], weight = 1): void {
    this.kernel.arenaReset();
    const { columns } = input === 0 ? this.node.left : this.node.right;
    const batch = batchOfRows(
      this.kernel,
      columns,
      rows.map((values) => ({ values, weight, time: (values[1] as bigint | null) ?? 0n })),
    );
    this.operator.processBatch(batch, input);
    this.#take();
  }

  watermark(at: bigint): void {
    this.kernel.arenaReset();
    this.operator.onWatermark(at);
    this.#take();
  }

  #take(): void {
    this.emitted.push(...this.observed.rows.splice(0));
  }

  restore(): void {
    const writer = new ByteWriter();
    this.operator.snapshot(writer);
    this.operator.close();
    this.operator = new JoinOperator({ node: this.node, emit: this.emit, read: undefined, expressions });
    this.observed = observe(this.kernel, this.operator, this.node.columns);
    this.operator.restore(new ByteReader(writer.written().slice()));
  }

  get rows(): number {
    return this.operator.state().keys;
  }

  /** What stands, as text and sorted. */
  standing(): string[] {
    const counts = new Map<string, number>();
    for (const { values, weight } of this.emitted) {
      const text = values.join('|');
      counts.set(text, (counts.get(text) ?? 0) + weight);
    }
    return [...counts].flatMap(([text, count]) => new Array<string>(Math.max(0, count)).fill(text)).sort();
  }
}

function joined({ join, condition }: JoinNode, lefts: readonly Row[], rights: readonly Row[]): string[] {
  const meets = (l: Row, r: Row): boolean => evaluate(condition!, [...l, ...r]) === true;
  const lone = (own: readonly Row[], other: readonly Row[], turned: boolean): Row[] =>
    own.filter((a) => !other.some((b) => (turned ? meets(b, a) : meets(a, b))));
  const rows: (readonly unknown[])[] = [];
  if (join === 'semi') rows.push(...lefts.filter((l) => rights.some((r) => meets(l, r))));
  else if (join === 'anti') rows.push(...lone(lefts, rights, false));
  else {
    rows.push(...lefts.flatMap((l) => rights.filter((r) => meets(l, r)).map((r) => [...l, ...r])));
    if (join !== 'inner' && join !== 'right') {
      rows.push(...lone(lefts, rights, false).map((l) => [...l, null, null, null]));
    }
    if (join === 'right' || join === 'full')
      rows.push(...lone(rights, lefts, true).map((r) => [null, null, null, ...r]));
  }
  return rows.map((row) => row.join('|')).sort();
}

const arrival = fc.record({
  input: fc.constantFrom(0 as const, 1 as const),
  rows: fc.array(
    fc.tuple(fc.option(fc.bigInt({ min: 0n, max: 2n })), fc.option(fc.bigInt({ min: 0n, max: 6n }), { freq: 8 })),
    { maxLength: 6 },
  ),
  goes: fc.boolean(),
  advance: fc.integer({ min: 0, max: 4 }),
  restores: fc.boolean(),
});

describe.each(['updates', 'final'] as const)('an interval join that emits %s', (emit) => {
  it.each<JoinKind>(['inner', 'left', 'right', 'full', 'semi', 'anti'])(
    '%s: forgets what nothing can meet, and loses no pair',
    (kind) => {
      const node = joinNode(kind, LEFT, RIGHT, interval);
      fc.assert(
        fc.property(fc.array(arrival, { maxLength: 25 }), (arrivals) => {
          const running = new Running(node, emit);
          const tables: [Row[], Row[]] = [[], []];
          let now = 0n;
          arrivals.forEach(({ input, rows, goes, advance, restores }, step) => {
            const own = tables[input];
            const coming = rows.map(
              ([key, later], i): Row => [key, later === null ? null : now + later * SECOND, `${step}.${i}`],
            );
            own.push(...coming);
            running.push(input, coming);
            const gone = own.findIndex(([, time]) => time !== null && time >= now);
            if (goes && gone >= 0) running.push(input, own.splice(gone, 1), -1);
            if (restores) running.restore();
            now += BigInt(advance) * SECOND;
            running.watermark(now);
            if (emit === 'updates') expect(running.standing()).toEqual(joined(node, ...tables));
          });
          running.watermark(now + 3600n * SECOND);
          expect(running.observed.letters).toEqual([]);
          expect(running.standing()).toEqual(joined(node, ...tables));
          expect(running.rows).toBe(0);
        }),
        { numRuns: 25 },
      );
    },
  );
});

describe('an interval join', () => {
  const at = (second: bigint, name: string): Row => [1n, second * SECOND, name];

  it('says nothing about an outer row before its end, when it emits at the end', () => {
    const running = new Running(joinNode('left', LEFT, RIGHT, interval), 'final');
    running.push(0, [at(5n, 'alone'), at(20n, 'met')]);
    running.push(1, [at(21n, 'r')]);
    expect(running.standing()).toEqual([`1|20000000|met|1|21000000|r`]);
    expect(running.operator.nextTimer()).toBe(16n * SECOND);
    running.watermark(15n * SECOND);
    expect(running.emitted).toHaveLength(1);
    running.watermark(16n * SECOND);
    expect(running.standing()).toEqual([`1|20000000|met|1|21000000|r`, '1|5000000|alone|||']);
    expect(running.emitted.every(({ weight }) => weight === 1)).toBe(true);
  });

  it('puts rows to dead letters that might have met what was forgotten', () => {
    const running = new Running(joinNode('inner', LEFT, RIGHT, interval));
    running.watermark(30n * SECOND);
    running.push(0, [at(29n, 'late'), at(30n, 'in time')]);
    expect(running.observed.letters).toEqual([{ reason: 'late', row: 0 }]);
    expect(running.rows).toBe(1);
  });

  it('holds the watermark back by what a pair may span', () => {
    const running = new Running(joinNode('inner', LEFT, RIGHT, interval));
    expect(running.operator.outputWatermark(100n * SECOND)).toBe(90n * SECOND);
    expect(running.operator.outputWatermark(-(2n ** 63n))).toBe(-(2n ** 63n));
  });

  it('with one bound forgets one side', () => {
    const condition = call('and', [sameKey, call('lt', [column(1), column(4)])]);
    const running = new Running(joinNode('inner', LEFT, RIGHT, condition));
    running.push(0, [at(1n, 'l')]);
    running.push(1, [at(1n, 'r')]);
    running.watermark(100n * SECOND);
    expect(running.rows).toBe(1);
    expect(running.observed.letters).toEqual([]);
  });

  it('meets nothing where a time is null', () => {
    const running = new Running(joinNode('left', LEFT, RIGHT, interval));
    running.push(0, [[1n, null, 'undated']]);
    running.push(1, [at(1n, 'r')]);
    expect(running.standing()).toEqual(['1||undated|||']);
    expect(running.rows).toBe(1);
  });
});

describe('a join of windows', () => {
  const window = { kind: 'tumbling', sizeUs: 10n * SECOND, offsetUs: 0n } as const;
  const lefts = windowNode(LEFT, window, 1);
  const rights = windowNode(RIGHT, window, 1);
  const columns = [...lefts.columns, ...rights.columns];
  const both = (index: number): Expression =>
    call('eq', [columnReference(columns, index), columnReference(columns, index + lefts.columns.length)]);
  const row = (second: bigint, name: string): readonly unknown[] => {
    const start = (second / 10n) * 10n;
    return [1n, second * SECOND, name, start * SECOND, (start + 10n) * SECOND];
  };

  it.each([
    ['its end', call('and', [both(0), both(4)])],
    ['its start', call('and', [both(0), both(3)])],
    ['its start and its end', call('and', [both(0), both(3), both(4)])],
  ])('by %s forgets a window when it has passed, and tells then what met nothing', (_, condition) => {
    const running = new Running(joinNode('left', lefts, rights, condition), 'final');
    running.push(0, [row(1n, 'a'), row(2n, 'b'), row(11n, 'c')]);
    running.push(1, [row(9n, 'x'), row(25n, 'y')]);
    expect(running.emitted).toHaveLength(2);
    running.watermark(10n * SECOND - 1n);
    expect(running.rows).toBe(5);
    running.watermark(10n * SECOND);
    expect(running.rows).toBe(2);
    running.watermark(20n * SECOND);
    const names = running.standing().map((text) => text.split('|')[2]);
    expect(names.sort()).toEqual(['a', 'b', 'c']);
    expect(running.operator.outputWatermark(20n * SECOND)).toBe(20n * SECOND);
    running.push(1, [row(19n, 'late'), row(20n, 'in time')]);
    expect(running.observed.letters).toEqual([{ reason: 'late', row: 0 }]);
  });
});

describe('a join with a time-to-live', () => {
  it('forgets rows whose event time the watermark has passed by it, and takes no result back', () => {
    const running = new Running(joinNode('left', LEFT, RIGHT, sameKey, 60_000));
    running.push(0, [[1n, 0n, 'old']]);
    running.push(1, [[1n, SECOND, 'r']]);
    running.watermark(63n * SECOND);
    expect(running.rows).toBe(0);
    expect(running.operator.forgotten).toBe(2);
    running.push(1, [[1n, SECOND, 'r']], -1);
    running.push(1, [[1n, 64n * SECOND, 'new']]);
    expect(running.standing()).toEqual(['1|0|old|1|1000000|r']);
    expect(running.observed.letters).toEqual([]);
  });
});

describe('a join whose rows do not fit', () => {
  it('says which it is, and how many it has', () => {
    const node = joinNode('inner', LEFT, RIGHT, sameKey);
    const kernel = Kernel.create({ memoryBytesMax: KERNEL_MEMORY_BYTES_MIN });
    const operator = new JoinOperator({ node, emit: 'updates', read: undefined, expressions });
    observe(kernel, operator, node.columns);
    const fill = (): void => {
      for (let key = 0n; ; key++) {
        kernel.arenaReset();
        operator.processBatch(batchOfRows(kernel, LEFT.columns, [{ values: [key, 0n, 'x'.repeat(9_000)] }]), 0);
      }
    };
    expect(fill).toThrow(/^keeping rows of the inner join on k = k \(\d+ so far\): allocating .* is used up/);
  });
});
