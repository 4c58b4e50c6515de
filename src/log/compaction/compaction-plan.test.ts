import { expect, test } from 'vitest';
import type { Segment } from '../log-state.ts';
import { compactionGroups, compactionPlan } from './compaction-plan.ts';

const RULES = { limit: 1000, now: 10_000, lagMs: 100, dirtyRatio: 0.5 };

/** Segments of ten offsets each. */
const segments = (
  ...described: readonly (readonly [version: number, length: number, maxTimestamp?: number])[]
): Segment[] =>
  described.map(([version, length, maxTimestamp = 0], i) => ({ base: i * 10, version, length, maxTimestamp }));

const basesOf = (plan: ReturnType<typeof compactionPlan>): unknown =>
  plan && [plan.clean.map(({ base }) => base), plan.dirty.map(({ base }) => base)];

test('all sealed segments, when enough of them is not compacted yet', () => {
  expect(basesOf(compactionPlan({ segments: segments([1, 100], [0, 60], [0, 60], [0, 9]) }, RULES))).toEqual([
    [0],
    [10, 20],
  ]);
  expect(compactionPlan({ segments: segments([1, 100], [0, 60], [0, 9]) }, RULES)).toBeUndefined();
});

test('never the active segment', () => {
  expect(compactionPlan({ segments: segments([0, 100]) }, RULES)).toBeUndefined();
  expect(compactionPlan({ segments: [] }, RULES)).toBeUndefined();
});

test('nothing that ends beyond the limit, or is younger than the lag', () => {
  const all = segments([0, 10], [0, 10], [0, 10], [0, 10]);
  expect(basesOf(compactionPlan({ segments: all }, { ...RULES, limit: 29 }))).toEqual([[], [0, 10]]);
  const young = segments([0, 10], [0, 10, 9_950], [0, 10], [0, 10]);
  expect(basesOf(compactionPlan({ segments: young }, RULES))).toEqual([[], [0]]);
});

test('neighbours share a segment as far as they fit', () => {
  const sealed = [30, 30, 50, 10, 200, 10].map((length, base) => ({ base, version: 0, length, end: base + 1 }));
  const lengths = compactionGroups(sealed, 100).map((group) => group.map(({ length }) => length));
  expect(lengths).toEqual([[30, 30], [50, 10], [200], [10]]);
});
