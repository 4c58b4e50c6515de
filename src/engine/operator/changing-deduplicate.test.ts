import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { Kernel } from '../../kernel/kernel.ts';
import { deduplicateNode, sourceNode } from '../../plan/factory.ts';
import { TYPE } from '../../plan/type-name.ts';
import { ChangingDeduplicateOperator } from './changing-deduplicate.ts';
import { batchOfRows, observe, type TestRow } from './row-batch.test-fixture.ts';

const TTL_MS = 10;
const TTL_US = 10_000n;

const columns = [
  { name: 'k', type: TYPE.text, nullable: true },
  { name: 'n', type: TYPE.int8, nullable: true },
];
const NODE = deduplicateNode(
  sourceNode({
    name: 's',
    topic: 's',
    columns: columns.map((column) => ({ ...column, path: [column.name] })),
    watermark: undefined,
  }),
  [0],
  TTL_MS,
);

const row = (key: string, n: bigint, milliseconds: number, weight = 1): TestRow => ({
  values: [key, n],
  time: BigInt(milliseconds) * 1000n,
  weight,
});

class Running {
  readonly kernel = Kernel.create();
  operator = new ChangingDeduplicateOperator(NODE, true);
  observed = observe(this.kernel, this.operator, columns);
  readonly #before: { readonly values: readonly unknown[]; readonly weight: number }[] = [];

  epoch(rows: readonly TestRow[], watermark?: number): void {
    if (rows.length > 0) this.operator.processBatch(batchOfRows(this.kernel, columns, rows, true));
    this.operator.endEpoch();
    if (watermark !== undefined) this.operator.onWatermark(BigInt(watermark) * 1000n);
  }

  /** A new operator from the snapshot of this one. */
  restart(): void {
    const writer = new ByteWriter();
    this.operator.snapshot(writer);
    this.#before.push(...this.observed.rows);
    this.operator = new ChangingDeduplicateOperator(NODE, true);
    this.observed = observe(this.kernel, this.operator, columns);
    this.operator.restore(new ByteReader(writer.written()));
  }

  /** What stands of all that was emitted. */
  standing(): string[] {
    const counts = new Map<string, number>();
    for (const { values, weight } of [...this.#before, ...this.observed.rows]) {
      const text = values.join(' ');
      counts.set(text, (counts.get(text) ?? 0) + weight);
    }
    return [...counts].flatMap(([text, count]) => new Array<string>(count).fill(text)).sort();
  }
}

/** The rule over the rows that are there, in the order in which they came. */
function first(rows: readonly TestRow[]): string[] {
  const kept: TestRow[] = [];
  for (const one of rows) {
    const near = kept.some(({ values, time }) => {
      const apart = time! > one.time! ? time! - one.time! : one.time! - time!;
      return values[0] === one.values[0] && apart < TTL_US;
    });
    if (!near) kept.push(one);
  }
  return kept.map(({ values }) => values.join(' ')).sort();
}

describe('deduplicate, of rows that may be taken back', () => {
  it('gives the next row of the key when the first one goes', () => {
    const running = new Running();
    running.epoch([row('a', 1n, 0), row('a', 2n, 5), row('a', 3n, 12)]);
    expect(running.standing()).toEqual(['a 1', 'a 3']);
    running.epoch([row('a', 1n, 0, -1)]);
    expect(running.standing()).toEqual(['a 2']);
  });

  it('takes back what came and went in one epoch, in either order', () => {
    const running = new Running();
    running.epoch([row('a', 1n, 0, -1), row('b', 1n, 0), row('a', 1n, 0), row('b', 1n, 0, -1)]);
    expect(running.observed.rows).toEqual([]);
    expect(running.operator.state().keys).toBe(0);
  });

  it('settles what is two times-to-live behind event time, and forgets what is three', () => {
    const running = new Running();
    running.epoch([row('a', 1n, 0), row('a', 2n, 9), row('a', 3n, 18)], 29);
    running.epoch([row('a', 1n, 0, -1)]);
    expect(running.standing()).toEqual(['a 3']);
    running.epoch([row('b', 1n, 30)], 60);
    expect(running.operator.state().keys).toBe(1);
    running.epoch([row('a', 3n, 18, -1), row('c', 1n, 40)]);
    expect(running.standing()).toEqual(['a 3', 'b 1']);
    expect(running.observed.letters.map(({ reason }) => reason)).toEqual(['late', 'late']);
  });

  it('equals the rule over the rows that are left, over snapshots too', () => {
    const event = fc.record({ key: fc.constantFrom('a', 'b'), time: fc.nat(60), goes: fc.nat(4), epoch: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), fc.nat(5), (events, restartAt) => {
        const running = new Running();
        let rows: TestRow[] = [];
        let batch: TestRow[] = [];
        for (const [at, { key, time, goes, epoch }] of events.entries()) {
          if (goes === 0 && rows.length > 0) {
            const gone = rows[time % rows.length]!;
            rows = rows.filter((one) => one !== gone);
            batch.push({ ...gone, weight: -1 });
          } else {
            const made = row(key, BigInt(at), time);
            rows.push(made);
            batch.push(made);
          }
          if (epoch > 0) continue;
          running.epoch(batch);
          batch = [];
          expect(running.standing()).toEqual(first(rows));
          if (at % 6 === restartAt) running.restart();
        }
        running.epoch(batch);
        expect(running.standing()).toEqual(first(rows));
      }),
    );
  });
});
