import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { Kernel } from '../../../kernel/kernel.ts';
import { temporalJoinNode } from '../../../plan/analytic-factory.ts';
import { call, columnReference, literal } from '../../../plan/expression-factory.ts';
import { sourceNode } from '../../../plan/factory.ts';
import type { PlanNode, TemporalJoinNode } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { batchOfRows, type Observed, observe } from '../row-batch.test-fixture.ts';
import { TemporalJoinOperator } from './temporal-join.ts';

const SECOND = 1_000_000n;
const expressions = { clockMs: () => 0, userFunction: () => () => null };

function stream(name: string, value: string): PlanNode {
  const columns = (
    [
      ['k', TYPE.text],
      ['t', TYPE.timestamptz],
      [value, TYPE.int8],
    ] as const
  ).map(([column, type]) => ({ name: column, type, nullable: true, path: [column] }));
  const watermark = { columnIndex: 1, delayUs: 0n, idleTimeoutMs: 1000, futureLimitMs: 1000 };
  return sourceNode({ name, topic: name, columns, watermark });
}

const ORDERS = stream('orders', 'amount');
const RATES = stream('rates', 'rate');
type Row = readonly [key: string | null, time: bigint | null, value: bigint];

function joinOf(join: 'inner' | 'left', more: Partial<TemporalJoinNode> = {}): TemporalJoinNode {
  return temporalJoinNode({
    join,
    left: ORDERS,
    right: RATES,
    leftKeys: [0],
    rightKeys: [0],
    times: { left: 1, right: 1 },
    condition: undefined,
    ...more,
  });
}

class Running {
  readonly kernel = Kernel.create();
  readonly node: TemporalJoinNode;
  operator: TemporalJoinOperator;
  observed: Observed;
  readonly emitted: string[] = [];

  constructor(node: TemporalJoinNode) {
    this.node = node;
    this.operator = this.#make();
    this.observed = observe(this.kernel, this.operator, node.columns);
  }

  #make(): TemporalJoinOperator {
    const lagUs = this.node.times === undefined ? undefined : 0n;
    return new TemporalJoinOperator({ node: this.node, lagUs, read: undefined, expressions });
  }

  push(input: 0 | 1, rows: readonly { readonly values: Row; readonly weight?: number }[]): void {
    this.kernel.arenaReset();
    const { columns } = input === 0 ? this.node.left : this.node.right;
    const dated = rows.map((row) => ({ ...row, time: row.values[1] ?? 0n }));
    this.operator.processBatch(batchOfRows(this.kernel, columns, dated), input);
    this.#take();
  }

  orders(...rows: readonly Row[]): void {
    this.push(
      0,
      rows.map((values) => ({ values })),
    );
  }

  rates(...rows: readonly Row[]): void {
    this.push(
      1,
      rows.map((values) => ({ values })),
    );
  }

  endEpoch(watermark: bigint): void {
    this.kernel.arenaReset();
    this.operator.endEpoch();
    this.kernel.arenaReset();
    this.operator.onWatermark(watermark);
    this.#take();
  }

  #take(): void {
    for (const { values, weight } of this.observed.rows.splice(0)) {
      expect(weight).toBe(1);
      this.emitted.push(values.join('|'));
    }
  }

  restore(): void {
    const writer = new ByteWriter();
    this.operator.snapshot(writer);
    this.operator.close();
    this.operator = this.#make();
    this.observed = observe(this.kernel, this.operator, this.node.columns);
    this.operator.restore(new ByteReader(writer.written().slice()));
  }
}

const at = (second: bigint): bigint => second * SECOND;

describe('a join as of a time', () => {
  it('waits until no version from before the row can come, and takes the last that held', () => {
    const running = new Running(joinOf('inner'));
    running.rates(['usd', at(1n), 10n], ['usd', at(5n), 50n]);
    running.orders(['usd', at(4n), 1n], ['usd', at(5n), 2n], ['eur', at(2n), 3n]);
    running.endEpoch(at(4n));
    expect(running.emitted).toEqual([]);
    expect(running.operator.nextTimer()).toBe(at(4n) + 1000n);
    running.rates(['usd', at(4n), 40n]);
    running.endEpoch(at(6n));
    expect(running.emitted).toEqual([`usd|${at(4n)}|1|usd|${at(4n)}|40`, `usd|${at(5n)}|2|usd|${at(5n)}|50`]);
    expect(running.operator.state().keys).toBe(1);
  });

  it('left: keeps rows that meet no version, and those without a key or a time', () => {
    const running = new Running(joinOf('left'));
    running.rates(['usd', at(5n), 50n]);
    running.orders(['usd', at(4n), 1n], [null, at(4n), 2n], ['usd', null, 3n]);
    expect(running.emitted).toEqual([`|${at(4n)}|2|||`, 'usd||3|||']);
    running.endEpoch(at(10n));
    expect(running.emitted.slice(2)).toEqual([`usd|${at(4n)}|1|||`]);
  });

  it('a version that is taken back held until the one that took its place', () => {
    const running = new Running(joinOf('left'));
    running.rates(['usd', at(1n), 10n]);
    running.endEpoch(at(0n));
    running.push(1, [{ values: ['usd', at(1n), 10n], weight: -1 }, { values: ['usd', at(5n), 50n] }]);
    running.orders(['usd', at(3n), 1n], ['usd', at(7n), 2n]);
    running.endEpoch(at(8n));
    expect(running.emitted).toEqual([`usd|${at(3n)}|1|usd|${at(1n)}|10`, `usd|${at(7n)}|2|usd|${at(5n)}|50`]);
  });

  it('a version that is taken back for good holds until then, and a new one begins anew', () => {
    const running = new Running(joinOf('left'));
    running.rates(['usd', at(1n), 10n]);
    running.endEpoch(at(4n));
    running.push(1, [{ values: ['usd', at(1n), 10n], weight: -1 }]);
    running.orders(['usd', at(6n), 2n]);
    running.endEpoch(at(7n));
    running.rates(['usd', at(8n), 80n]);
    running.orders(['usd', at(9n), 3n]);
    running.endEpoch(at(10n));
    expect(running.emitted).toEqual([`usd|${at(6n)}|2|||`, `usd|${at(9n)}|3|usd|${at(8n)}|80`]);
  });

  it('of versions that came and went the same twice, the last goes', () => {
    const running = new Running(joinOf('left'));
    const rate: Row = ['usd', at(1n), 10n];
    running.rates(rate);
    running.endEpoch(at(0n));
    running.push(1, [{ values: rate, weight: -1 }, { values: rate }]);
    running.endEpoch(at(1n));
    running.push(1, [{ values: rate, weight: -1 }]);
    running.orders(['usd', at(3n), 1n]);
    running.endEpoch(at(9n));
    expect(running.emitted).toEqual([`usd|${at(3n)}|1|||`]);
    expect(running.operator.state().keys).toBe(0);
  });

  it('a row that goes while it waits is not joined; one that comes too late is a dead letter', () => {
    const running = new Running(joinOf('left'));
    running.orders(['usd', at(3n), 1n]);
    running.push(0, [{ values: ['usd', at(3n), 1n], weight: -1 }]);
    running.endEpoch(at(5n));
    running.orders(['usd', at(4n), 2n], ['usd', at(5n), 3n]);
    running.endEpoch(at(6n));
    expect(running.emitted).toEqual([`usd|${at(5n)}|3|||`]);
    expect(running.observed.letters).toEqual([{ reason: 'late', row: 0 }]);
  });

  it('a condition is of the version that held', () => {
    const left = joinOf('left');
    const columns = [...ORDERS.columns, ...RATES.columns];
    const divided = call('divide', [literal(100n, TYPE.int8), columnReference(columns, 5)]);
    const condition = call('gt', [divided, columnReference(columns, 2)]);
    for (const [join, expected] of [
      ['left', [`usd|${at(2n)}|1|usd|${at(1n)}|10`, `usd|${at(2n)}|20|||`, `eur|${at(2n)}|1|||`]],
      ['inner', [`usd|${at(2n)}|1|usd|${at(1n)}|10`]],
    ] as const) {
      const running = new Running(joinOf(join, { condition, times: left.times }));
      running.rates(['usd', at(1n), 10n], ['eur', at(1n), 0n]);
      running.orders(['usd', at(2n), 1n], ['usd', at(2n), 20n], ['eur', at(2n), 1n]);
      running.endEpoch(at(3n));
      expect(running.emitted).toEqual(expected);
      expect(running.observed.letters).toEqual([{ reason: 'expression', row: 2 }]);
    }
  });

  const step = fc.record({
    rates: fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.bigInt({ min: 0n, max: 5n })), { maxLength: 4 }),
    orders: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.bigInt({ min: 0n, max: 5n })), { maxLength: 4 }),
    advance: fc.bigInt({ min: 0n, max: 4n }),
    restores: fc.boolean(),
  });

  it('meets of any stream of versions what a look at all of them would', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const running = new Running(joinOf('left'));
        const rates: Row[] = [];
        const orders: Row[] = [];
        let now = 0n;
        let next = 0n;
        for (const { rates: newRates, orders: newOrders, advance, restores } of steps) {
          const dated = (rows: readonly (readonly [string, bigint])[]): Row[] =>
            rows.map(([key, later]) => [key, at(now + later), next++]);
          const [rateRows, orderRows] = [dated(newRates), dated(newOrders)];
          rates.push(...rateRows);
          orders.push(...orderRows);
          running.rates(...rateRows);
          running.orders(...orderRows);
          now += advance;
          running.endEpoch(at(now));
          if (restores) running.restore();
        }
        running.endEpoch(at(now + 100n));
        const expected = orders.map((order) => {
          const held = rates.filter(([key, time]) => key === order[0] && time! <= order[1]!);
          const last = held.reduce<Row | undefined>(
            (best, rate) => (best === undefined || rate[1]! >= best[1]! ? rate : best),
            undefined,
          );
          return [...order, ...(last ?? [null, null, null])].join('|');
        });
        expect([...running.emitted].sort()).toEqual(expected.sort());
        expect(running.operator.state().keys).toBe(new Set(rates.map(([key]) => key)).size);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a look-up join', () => {
  it('meets the row that stands, and takes nothing back when that changes', () => {
    const running = new Running(joinOf('left', { times: undefined }));
    const row: Row = ['usd', at(1n), 10n];
    running.orders(['usd', at(1n), 1n]);
    running.rates(row);
    running.orders(['usd', at(0n), 2n], ['eur', at(0n), 3n]);
    running.push(1, [{ values: row, weight: -1 }, { values: ['usd', at(2n), 20n] }]);
    running.restore();
    running.orders(['usd', at(0n), 4n]);
    running.push(1, [{ values: ['usd', at(2n), 20n], weight: -1 }]);
    running.orders(['usd', at(0n), 5n]);
    expect(running.emitted).toEqual([
      `usd|${at(1n)}|1|||`,
      `usd|0|2|usd|${at(1n)}|10`,
      'eur|0|3|||',
      `usd|0|4|usd|${at(2n)}|20`,
      'usd|0|5|||',
    ]);
    expect(running.operator.state().keys).toBe(0);
  });
});
