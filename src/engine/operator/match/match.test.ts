import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { Kernel } from '../../../kernel/kernel.ts';
import { resolveCall } from '../../../plan/coercion.ts';
import type { MatchNode } from '../../../plan/node.ts';
import { matchesNothing, type RowPattern } from '../../../plan/row-pattern.ts';
import { batchOfRows, type Observed, observe, type TestRow } from '../row-batch.test-fixture.ts';
import { MatchOperator } from './match.ts';
import {
  CLASSIFIER,
  DEFINES,
  expressions,
  FIRST_A,
  input,
  LAST_A,
  NUMBER,
  node,
  number,
  one,
  repeat,
  row,
  sequence,
  than,
  V,
} from './match-case.fixture.ts';

/** Feeds rows epoch by epoch; the watermark follows the largest time. */
function run(
  match: MatchNode,
  epochs: readonly (readonly TestRow[])[],
  restart = (_epoch: number): boolean => false,
): Pick<Observed, 'letters'> & { rows: unknown[][]; operator: MatchOperator } {
  const kernel = Kernel.create();
  let operator = new MatchOperator(match, expressions);
  const seen: Observed[] = [observe(kernel, operator, match.columns)];
  let largest = -1n;
  epochs.forEach((rows, epoch) => {
    if (rows.length > 0) operator.processBatch(batchOfRows(kernel, input.columns, rows));
    operator.endEpoch();
    for (const { time } of rows) if (time! > largest) largest = time!;
    operator.onWatermark(largest);
    kernel.arenaReset();
    if (!restart(epoch)) return;
    const writer = new ByteWriter();
    operator.snapshot(writer);
    operator = new MatchOperator(match, expressions);
    seen.push(observe(kernel, operator, match.columns));
    operator.restore(new ByteReader(writer.written().slice()));
  });
  for (let next = operator.nextTimer(); next !== undefined; next = operator.nextTimer()) operator.onWatermark(next);
  operator.endInput();
  operator.endEpoch();
  return {
    rows: seen.flatMap(({ rows }) => rows.map(({ values }) => [...values])),
    letters: seen.flatMap(({ letters }) => letters),
    operator,
  };
}

describe('a pattern', () => {
  it('is found when it is complete, and not before', () => {
    const match = node({ pattern: sequence(one('A'), repeat(one('B'), 1), one('C')), defines: DEFINES });
    const rows = [row('x', 1, 1), row('x', 2, 2), row('x', 3, 6), row('x', 4, 9), row('x', 5, 0), row('x', 6, 0)];
    const { rows: found } = run(
      match,
      rows.map((r) => [r]),
    );
    expect(found).toEqual([['x', 1, 9, 4n]]);
  });

  it('prefers the longest when greedy, the shortest when reluctant, and the first alternative', () => {
    const rows = [[row('x', 1, 3), row('x', 2, 3), row('x', 3, 3)]];
    const longest = node({ pattern: repeat(one('C'), 1), defines: DEFINES });
    expect(run(longest, rows).rows).toEqual([['x', 3, 3, 3n]]);
    const shortest = node({ pattern: repeat(one('C'), 1, undefined, false), defines: DEFINES });
    expect(run(shortest, rows).rows).toHaveLength(3);
    const measures = [CLASSIFIER, NUMBER];
    const pattern: RowPattern = { kind: 'alternation', items: [one('C'), one('A')] };
    expect(run(node({ pattern, defines: DEFINES, measures }), rows).rows).toEqual([
      ['x', 'C', 1n],
      ['x', 'C', 2n],
      ['x', 'C', 3n],
    ]);
  });

  it('may depend on what was matched before', () => {
    const defines = [{ variable: 'B', condition: than('gt', V, LAST_A) }];
    const match = node({ pattern: sequence(one('A'), one('B')), defines, measures: [FIRST_A, V] });
    expect(run(match, [[row('x', 1, 5), row('x', 2, 4), row('x', 3, 6)]]).rows).toEqual([['x', 4, 6]]);
  });

  it('ends within its time', () => {
    const pattern = sequence(one('A'), one('C'));
    const match = node({ pattern, defines: DEFINES.filter(({ variable }) => variable !== 'A'), withinUs: 10n });
    const { rows } = run(match, [[row('x', 0, 1), row('x', 11, 7), row('x', 20, 8), row('x', 40, 9)]]);
    expect(rows).toEqual([['x', 7, 8, 2n]]);
  });

  it('goes on where AFTER MATCH says', () => {
    const rows = [[1, 2, 3, 4].map((at) => row('x', at, 3))];
    const pattern = sequence(one('C'), one('A'));
    const after = (afterMatch: MatchNode['afterMatch']) => run(node({ pattern, defines: DEFINES, afterMatch }), rows);
    expect(after({ kind: 'past-last-row' }).rows).toHaveLength(2);
    expect(after({ kind: 'next-row' }).rows).toHaveLength(3);
    expect(after({ kind: 'last', variable: 'A' }).rows).toHaveLength(3);
    const back = after({ kind: 'first', variable: 'C' });
    expect(back.rows).toHaveLength(3);
    expect(back.letters).toHaveLength(3);
  });

  it('keeps keys apart, orders rows by time, and says which came too late', () => {
    const match = node({ pattern: sequence(one('A'), one('B')), defines: DEFINES });
    const { rows, letters } = run(match, [
      [row('x', 2, 2), row('y', 1, 1), row('x', 1, 1), row('y', 2, 2)],
      [row('x', 10, 9)],
      [row('x', 3, 9), { values: ['x', null, 1] }],
    ]);
    expect(rows).toEqual([
      ['x', 1, 2, 2n],
      ['y', 1, 2, 2n],
    ]);
    expect(letters.map(({ reason }) => reason)).toEqual(['late', 'late']);
  });

  it('a condition that fails is a dead letter, and not true', () => {
    const condition = than('gt', resolveCall('divide', [number(1), V]), number(0));
    const match = node({ pattern: repeat(one('A'), 1), defines: [{ variable: 'A', condition }] });
    const { rows, letters } = run(match, [[row('x', 1, 1), row('x', 2, 0), row('x', 3, 1)]]);
    expect(rows).toEqual([
      ['x', 1, 1, 1n],
      ['x', 1, 1, 1n],
    ]);
    expect(letters.map(({ reason }) => reason)).toContain('expression');
  });

  it('forgets what no match can need', () => {
    const match = node({ pattern: sequence(one('A'), one('B')), defines: DEFINES, withinUs: 5n });
    const rows = Array.from({ length: 500 }, (_, i) => [row(`k${i % 7}`, i, 9)]);
    const { operator } = run(match, rows);
    expect(operator.state().bytes).toBeLessThan(2_000);
  });
});

describe('any pattern over any rows', () => {
  const variable = fc.constantFrom(one('A'), one('B'), one('C'));
  const pattern = fc.letrec<{ any: RowPattern }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      variable,
      fc.array(tie('any'), { minLength: 1, maxLength: 3 }).map((items) => sequence(...items)),
      fc.array(tie('any'), { minLength: 2, maxLength: 2 }).map((items): RowPattern => ({ kind: 'alternation', items })),
      fc
        .record({
          item: tie('any'),
          min: fc.constantFrom(0, 1, 2),
          extra: fc.constantFrom(0, 1, undefined),
          greedy: fc.boolean(),
        })
        .map(({ item, min, extra, greedy }) =>
          // Which of its empty ways an endless repetition prefers is not for us to say.
          repeat(
            item,
            min,
            extra === undefined && !matchesNothing(item) ? undefined : Math.max(1, min + (extra ?? 2)),
            greedy,
          ),
        ),
    ),
  })).any;
  const rows = fc.array(fc.record({ k: fc.constantFrom('x', 'y'), v: fc.integer({ min: 0, max: 7 }) }), {
    maxLength: 14,
  });

  it('gives the matches that trying all ways in order of preference gives, wherever it is cut and restarted', () => {
    fc.assert(
      fc.property(
        pattern,
        rows,
        fc.boolean(),
        fc.array(fc.boolean(), { maxLength: 14 }),
        (parts, values, remembers, cuts) => {
          // At least one row, so that no match is empty.
          const whole = sequence(one('C'), parts);
          const defines = remembers
            ? [...DEFINES.slice(0, 1), { variable: 'B', condition: than('ge', V, LAST_A) }, ...DEFINES.slice(2)]
            : DEFINES;
          const match = node({ pattern: whole, defines });
          const all = values.map(({ k, v }, at) => row(k, at, v));
          const epochs: TestRow[][] = [[]];
          all.forEach((item, at) => {
            epochs.at(-1)!.push(item);
            if (cuts[at] === true) epochs.push([]);
          });
          const found = run(match, epochs, (epoch) => epoch % 2 === 0).rows;
          const expected = ['x', 'y'].flatMap((k) =>
            modelMatches(
              whole,
              all.filter((r) => r.values[0] === k),
              remembers,
            ),
          );
          expect(new Set(found.map(String))).toEqual(new Set(expected.map(String)));
          expect(found).toHaveLength(expected.length);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** All ways in order of preference, by backtracking. */
function modelMatches(pattern: RowPattern, rows: readonly TestRow[], remembers: boolean): unknown[][] {
  const value = (at: number): number => rows[at]!.values[2] as number;
  const holds = (start: number, variables: readonly string[]): boolean => {
    const at = start + variables.length - 1;
    if (variables.at(-1) === 'A') return value(at) < 5;
    if (variables.at(-1) === 'C') return value(at) >= 3;
    if (!remembers) return at > 0 && value(at) > value(at - 1);
    const lastA = variables.lastIndexOf('A');
    return lastA >= 0 && value(at) >= value(start + lastA);
  };
  function* ways(part: RowPattern, start: number, taken: readonly string[]): Generator<readonly string[]> {
    switch (part.kind) {
      case 'variable': {
        const next = [...taken, part.name];
        if (start + next.length <= rows.length && holds(start, next)) yield next;
        return;
      }
      case 'sequence': {
        const [first, ...rest] = part.items;
        if (first === undefined) yield taken;
        else for (const way of ways(first, start, taken)) yield* ways(sequence(...rest), start, way);
        return;
      }
      case 'alternation':
        for (const item of part.items) yield* ways(item, start, taken);
        return;
      case 'repeat':
        yield* repeated(part, start, taken, 0);
    }
  }
  function* repeated(
    part: RowPattern & { kind: 'repeat' },
    start: number,
    taken: readonly string[],
    times: number,
  ): Generator<readonly string[]> {
    const again = function* (): Generator<readonly string[]> {
      if (part.max !== undefined && times >= part.max) return;
      for (const way of ways(part.item, start, taken)) {
        // Without a bound, a repetition without rows leads nowhere new.
        if (way.length > taken.length || times < part.min || part.max !== undefined)
          yield* repeated(part, start, way, times + 1);
      }
    };
    const stop = times >= part.min ? [taken] : [];
    if (part.greedy) {
      yield* again();
      yield* stop;
    } else {
      yield* stop;
      yield* again();
    }
  }
  const found: unknown[][] = [];
  for (let start = 0; start < rows.length; ) {
    const [way] = ways(pattern, start, []);
    if (way === undefined) {
      start++;
      continue;
    }
    found.push([rows[start]!.values[0], value(start), value(start + way.length - 1), BigInt(way.length)]);
    start += way.length;
  }
  return found;
}
