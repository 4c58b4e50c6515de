import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../../bench/load/event-body.ts';
import { leastOf, trendOf } from './slope.ts';

test('a line has its slope, whatever a quarter of the points say', () => {
  fc.assert(
    fc.property(fc.integer({ min: -50, max: 50 }), fc.array(fc.nat(8), { maxLength: 3 }), (slope, outliers) => {
      const points = Array.from({ length: 12 }, (_, at) => ({ at, value: 7 + slope * at }));
      for (const at of outliers) points[at] = { at, value: 1e6 };
      const trend = trendOf(points);
      expect(trend.slope).toBeCloseTo(slope, 6);
      expect(trend.low).toBeLessThanOrEqual(trend.slope);
      expect(trend.high).toBeGreaterThanOrEqual(trend.slope);
    }),
    { seed: 1 },
  );
});

test('noise is no trend, a trend that is larger than the noise is one', () => {
  const random = seededRandom(5);
  let mistaken = 0;
  for (let round = 0; round < 200; round++) {
    const noise = Array.from({ length: 8 }, (_, at) => ({ at, value: random() }));
    if (trendOf(noise).low > 0) mistaken++;
    expect(trendOf(noise.map(({ at, value }) => ({ at, value: value + 2 * at }))).low).toBeGreaterThan(0);
  }
  expect(mistaken).toBeLessThan(12);
});

test('few points say nothing', () => {
  expect(trendOf([0, 1, 2].map((at) => ({ at, value: at })))).toEqual({
    slope: 1,
    low: Number.NEGATIVE_INFINITY,
    high: Number.POSITIVE_INFINITY,
  });
});

test('a saw-tooth that comes back to the same level is level', () => {
  const points = Array.from({ length: 600 }, (_, i) => ({ at: i / 3600, value: 100 + (i % 30) }));
  expect(trendOf(leastOf(points, 30 / 3600)).slope).toBe(0);
});
