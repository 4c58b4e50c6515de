import fc from 'fast-check';
import { expect, test } from 'vitest';
import { leastOf, theilSen } from './slope.ts';

test('a line has its slope, whatever a quarter of the points say', () => {
  fc.assert(
    fc.property(fc.integer({ min: -50, max: 50 }), fc.array(fc.nat(8), { maxLength: 3 }), (slope, outliers) => {
      const points = Array.from({ length: 12 }, (_, at) => ({ at, value: 7 + slope * at }));
      for (const at of outliers) points[at] = { at, value: 1e6 };
      expect(theilSen(points)).toBeCloseTo(slope, 6);
    }),
    { seed: 1 },
  );
});

test('a saw-tooth that comes back to the same level is level', () => {
  const points = Array.from({ length: 600 }, (_, i) => ({ at: i / 3600, value: 100 + (i % 30) }));
  expect(theilSen(leastOf(points, 30 / 3600))).toBe(0);
});
