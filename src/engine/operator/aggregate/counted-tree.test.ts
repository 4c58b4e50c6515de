import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CountedTree } from './counted-tree.ts';

interface Entry {
  readonly value: number;
  count: number;
}

const order = (a: Entry, b: Entry): number => a.value - b.value;

function itemsOf(tree: CountedTree<Entry>): Entry[] {
  const items: Entry[] = [];
  tree.forEach((item) => {
    items.push({ ...item });
  });
  return items;
}

/** Compares a tree with a sorted array after each of many changes. */
function follows(values: readonly { readonly value: number; readonly count: number; readonly taken: boolean }[]): void {
  const tree = new CountedTree<Entry>(order);
  const model = new Map<number, number>();
  for (const { value, count, taken } of values) {
    const found = tree.find({ value, count: 0 });
    expect(found?.count).toBe(model.get(value));
    if (found === undefined) {
      tree.insert({ value, count });
      model.set(value, count);
    } else if (taken) {
      tree.remove(found);
      model.delete(value);
    } else {
      tree.addCount(found, count);
      model.set(value, model.get(value)! + count);
    }
  }
  const sorted = [...model].map(([value, count]) => ({ value, count })).sort(order);
  expect(itemsOf(tree)).toEqual(sorted);
  expect(tree.size).toBe(sorted.length);
  expect(tree.first()).toEqual(sorted[0]);
  expect(tree.last()).toEqual(sorted.at(-1));
  const spread = sorted.flatMap((entry) => new Array<number>(entry.count).fill(entry.value));
  expect(tree.weight).toBe(spread.length);
  const step = Math.max(1, Math.floor(spread.length / 50));
  for (let rank = 0; rank < spread.length; rank += step) expect(tree.at(rank)?.value).toBe(spread[rank]);
  expect(tree.at(spread.length)).toBeUndefined();
  expect(tree.at(-1)).toBeUndefined();
}

describe('a tree that counts', () => {
  it('holds what a sorted list holds, after any changes', () => {
    const change = fc.record({
      value: fc.integer({ min: 0, max: 400 }),
      count: fc.integer({ min: 1, max: 3 }),
      taken: fc.boolean(),
    });
    fc.assert(fc.property(fc.array(change, { maxLength: 2000, size: 'max' }), follows), { numRuns: 40 });
  });

  it('grows and shrinks by many in order', () => {
    const up = Array.from({ length: 20_000 }, (_, value) => ({ value, count: 1, taken: false }));
    const odd = up.filter(({ value }) => value % 7 !== 0).map((entry) => ({ ...entry, taken: true }));
    follows(up);
    follows([...up, ...odd]);
    follows([...up, ...up.map((entry) => ({ ...entry, taken: true })), ...up.slice(0, 100)]);
    follows([...up].reverse());
    const bands = up.filter(({ value }) => value % 4000 < 3990).map((entry) => ({ ...entry, taken: true }));
    follows([...up, ...bands]);
  });
});
