import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { Kernel } from '../../../kernel/kernel.ts';
import { resolveCall } from '../../../plan/coercion.ts';
import type { MatchNode } from '../../../plan/node.ts';
import type { RowPattern } from '../../../plan/row-pattern.ts';
import { batchOfRows, observe, type TestRow } from '../row-batch.test-fixture.ts';
import { ChangingMatchOperator } from './changing-match.ts';
import { MatchOperator } from './match.ts';
import {
  DEFINES,
  expressions,
  input,
  node,
  number,
  one,
  repeat,
  row,
  sequence,
  than,
  V,
} from './match-case.fixture.ts';

class Running {
  readonly kernel = Kernel.create();
  readonly #match: MatchNode;
  readonly #weights = new Map<string, number>();
  operator: ChangingMatchOperator;
  observed: ReturnType<typeof observe>;

  constructor(match: MatchNode) {
    this.#match = match;
    this.operator = new ChangingMatchOperator(match, expressions);
    this.observed = observe(this.kernel, this.operator, match.columns);
  }

  epoch(rows: readonly TestRow[]): void {
    if (rows.length > 0) this.operator.processBatch(batchOfRows(this.kernel, input.columns, rows));
    this.operator.endEpoch();
    this.kernel.arenaReset();
    for (const { values, weight } of this.observed.rows.splice(0)) {
      const text = values.join(' ');
      this.#weights.set(text, (this.#weights.get(text) ?? 0) + weight);
    }
  }

  restart(): void {
    const writer = new ByteWriter();
    this.operator.snapshot(writer);
    this.operator = new ChangingMatchOperator(this.#match, expressions);
    this.observed = observe(this.kernel, this.operator, this.#match.columns);
    this.operator.restore(new ByteReader(writer.written().slice()));
  }

  standing(): string[] {
    return [...this.#weights].flatMap(([text, count]) => new Array<string>(count).fill(text)).sort();
  }
}

/** What the operator of rows that stay finds among them. */
function foundAmong(match: MatchNode, rows: readonly TestRow[]): string[] {
  const kernel = Kernel.create();
  const operator = new MatchOperator(match, expressions);
  const observed = observe(kernel, operator, match.columns);
  if (rows.length > 0) operator.processBatch(batchOfRows(kernel, input.columns, rows));
  operator.endEpoch();
  operator.onWatermark(1_000_000n);
  operator.endInput();
  operator.endEpoch();
  return observed.rows.map(({ values }) => values.join(' ')).sort();
}

const gone = (one: TestRow): TestRow => ({ ...one, weight: -1 });
const RISE = node({ pattern: sequence(one('A'), repeat(one('B'), 1)), defines: DEFINES });

describe('a pattern over rows that may be taken back', () => {
  it('is taken back with a row of it, and found again without that row', () => {
    const running = new Running(RISE);
    const rows = [row('x', 1, 1), row('x', 2, 6), row('x', 3, 7), row('x', 4, 0)];
    running.epoch(rows);
    expect(running.standing()).toEqual(['x 1 7 3']);
    running.epoch([gone(rows[1]!)]);
    expect(running.standing()).toEqual(['x 1 7 2']);
    running.epoch([gone(rows[0]!)]);
    expect(running.standing()).toEqual([]);
  });

  it('grows with rows that come later, and with rows that come between', () => {
    const running = new Running(RISE);
    running.epoch([row('x', 10, 1), row('x', 30, 6)]);
    running.epoch([row('x', 40, 9)]);
    expect(running.standing()).toEqual(['x 1 9 3']);
    running.epoch([row('x', 20, 0)]);
    expect(running.standing()).toEqual(['x 0 9 3']);
  });

  it('leaves matches alone that looked at other rows', () => {
    const running = new Running(RISE);
    running.epoch([row('x', 1, 1), row('x', 2, 2), row('x', 3, 1), row('x', 4, 5), row('x', 5, 0)]);
    const late = row('x', 6, 9);
    running.operator.processBatch(batchOfRows(running.kernel, input.columns, [late]));
    running.operator.endEpoch();
    expect(running.observed.rows.map(({ values, weight }) => [weight, ...values])).toEqual([[1, 'x', 0, 9, 2n]]);
  });

  it('takes back the dead letter of a condition that failed with its row', () => {
    const condition = than('gt', resolveCall('divide', [number(1), V]), number(0));
    const match = node({ pattern: one('A'), defines: [{ variable: 'A', condition }] });
    const running = new Running(match);
    const zero = row('x', 1, 0);
    running.epoch([zero]);
    expect(running.observed.letters).toHaveLength(1);
    running.epoch([row('x', 2, 1)]);
    expect(running.observed.letters).toHaveLength(1);
    running.epoch([gone(zero)]);
    expect(running.observed.letters).toHaveLength(2);
    expect(running.standing()).toEqual(['x 1 1 1']);
  });

  it('is what a batch finds among the rows that are left, over snapshots too', () => {
    const item = fc.constantFrom('A', 'B', 'C').map(one);
    const part: fc.Arbitrary<RowPattern> = fc.oneof(
      item,
      fc
        .tuple(item, fc.constantFrom(0, 1, 2), fc.boolean())
        .map(([of, min, greedy]) => repeat(of, min, undefined, greedy)),
    );
    const pattern = fc.tuple(item, fc.array(part, { maxLength: 2 })).map(([head, tail]) => sequence(head, ...tail));
    const event = fc.record({
      k: fc.constantFrom('x', 'y'),
      at: fc.nat(30),
      v: fc.nat(7),
      goes: fc.nat(3),
      ends: fc.nat(2),
    });
    const skip = fc.constantFrom<MatchNode['afterMatch']>({ kind: 'past-last-row' }, { kind: 'next-row' });
    const within = fc.constantFrom(undefined, 3n, 10n);
    fc.assert(
      fc.property(pattern, skip, within, fc.array(event, { maxLength: 40 }), (made, afterMatch, withinUs, events) => {
        const match = node({ pattern: made, defines: DEFINES, afterMatch, withinUs });
        const running = new Running(match);
        let rows: TestRow[] = [];
        let batch: TestRow[] = [];
        for (const [index, { k, at, v, goes, ends }] of events.entries()) {
          const old = goes === 0 ? rows[at % Math.max(1, rows.length)] : undefined;
          if (old !== undefined) rows = rows.filter((other) => other !== old);
          const next = old === undefined ? row(k, at * 40 + index, v) : gone(old);
          if (old === undefined) rows.push(next);
          batch.push(next);
          if (ends > 0) continue;
          running.epoch(batch);
          batch = [];
          expect(running.standing()).toEqual(foundAmong(match, rows));
          if (index % 3 === 0) running.restart();
        }
        running.epoch(batch);
        expect(running.standing()).toEqual(foundAmong(match, rows));
      }),
    );
  });
});
