import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../base/bytes.ts';
import { murmur3 } from '../../../base/murmur3.ts';
import { DDSketch } from './dd-sketch.ts';
import { HyperLogLog } from './hyperloglog.ts';

function estimateOf(count: number): number {
  const sketch = new HyperLogLog();
  for (let i = 0; i < count; i++) {
    const { register, rank } = HyperLogLog.placeOf(murmur3(utf8(`visitor ${i}`)));
    if (rank > sketch.get(register)) sketch.set(register, rank);
  }
  return sketch.estimate();
}

describe('HyperLogLog', () => {
  it('is 0 for nothing, and nearly exact for few', () => {
    expect(estimateOf(0)).toBe(0);
    for (const count of [1, 2, 10, 100]) expect(Math.round(estimateOf(count))).toBe(count);
  });

  // The standard error is 0.8 %.
  it.each([1_000, 20_000, 60_000, 300_000])('is within three standard errors for %i', (count) => {
    expect(Math.abs(estimateOf(count) / count - 1)).toBeLessThan(0.0244);
  });
});

describe('DDSketch', () => {
  it('tells each quantile to its relative error', () => {
    const value = fc.oneof(
      fc
        .double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 })
        .filter((x) => x === 0 || Math.abs(x) > 1e-300),
      fc.integer({ min: -1000, max: 1000 }),
    );
    const error = fc.constantFrom(0.1, 0.01, 0.001);
    const fraction = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 100 }), error, fraction, (values, relative, share) => {
        const sketch = new DDSketch(relative);
        for (const one of values) sketch.add(one, 1);
        const exact = [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))]!;
        expect(Math.abs(sketch.quantile(share)! - exact)).toBeLessThanOrEqual(Math.abs(exact) * relative * (1 + 1e-9));
      }),
      { numRuns: 500 },
    );
  });

  it('orders infinities and NaN as PostgreSQL does', () => {
    const sketch = new DDSketch(0.01);
    for (const one of [Number.NaN, 1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) sketch.add(one, 1);
    const quarters = [0, 0.34, 0.67, 1].map((share) => sketch.quantile(share));
    expect(quarters[0]).toBe(Number.NEGATIVE_INFINITY);
    expect(quarters[1]).toBeCloseTo(1, 1);
    expect(quarters.slice(2)).toEqual([Number.POSITIVE_INFINITY, Number.NaN]);
  });
});
