import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OrderedList } from './ordered-list.ts';

/** Adds and removes by the numbers, beside a sorted array. */
function replay(changes: readonly number[], spread: number): { list: OrderedList<number>; model: number[] } {
  const list = new OrderedList<number>((a, b) => a - b);
  const model: number[] = [];
  for (const change of changes) {
    const item = Math.abs(change) % spread;
    const at = model.findIndex((other) => other >= item);
    const position = at < 0 ? model.length : at;
    if (model[position] === item) {
      expect(list.remove(item)).toBe(position);
      model.splice(position, 1);
    } else {
      expect(list.remove(item)).toBe(-1);
      expect(list.insert(item)).toBe(position);
      model.splice(position, 0, item);
    }
  }
  return { list, model };
}

describe('an ordered list', () => {
  it('is a sorted array, whatever is put in and taken out', () => {
    const changes = fc.array(fc.nat(), { minLength: 1, maxLength: 2_000 });
    fc.assert(
      fc.property(changes, fc.constantFrom(20, 300, 5_000), (numbers, spread) => {
        const { list, model } = replay(numbers, spread);
        expect([...list]).toEqual(model);
        expect(list.size).toBe(model.length);
        for (const item of [0, spread >> 1, spread]) {
          expect(list.positionOf(item)).toBe(model.filter((other) => other < item).length);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('grows through several levels and shrinks to nothing', () => {
    const list = new OrderedList<number>((a, b) => a - b);
    const count = 6_000;
    for (let i = 0; i < count; i++) expect(list.insert((i * 7_919) % count)).toBeLessThanOrEqual(i);
    for (let i = 0; i < count; i += 997) expect(list.at(i)).toBe(i);
    const seen: number[] = [];
    list.forEachFrom(4_321, (item, position) => {
      expect(position).toBe(item);
      seen.push(item);
      return seen.length < 200;
    });
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => 4_321 + i));
    for (let left = count; left > 0; left--) expect(list.removeAt((left * 31) % left)).toBeGreaterThanOrEqual(0);
    expect(list.size).toBe(0);
    expect(list.at(0)).toBeUndefined();
    expect(list.insert(5)).toBe(0);
  });

  it('keeps what comes in order, at either end', () => {
    for (const sign of [1, -1]) {
      const list = new OrderedList<number>((a, b) => a - b);
      for (let i = 0; i < 5_000; i++) list.insert(sign * i);
      const expected = Array.from({ length: 5_000 }, (_, i) => sign * i).sort((a, b) => a - b);
      expect([...list]).toEqual(expected);
    }
  });
});
