import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestRatio } from './exact-ratio.ts';
import { scaled } from './exact-sum.ts';

const double = fc.double({ noNaN: true, noDefaultInfinity: true });

describe('the double nearest to a ratio', () => {
  it('is the quotient that the processor gives for doubles, which IEEE 754 rounds once', () => {
    fc.assert(
      fc.property(
        double,
        double.filter((value) => value > 0),
        (a, b) => {
          expect(nearestRatio(scaled(a), scaled(b), 0)).toBe(a === 0 ? 0 : a / b);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('is a double itself, times a power of two', () => {
    fc.assert(
      fc.property(double, (value) => {
        expect(nearestRatio(scaled(value), 1n, -1074)).toBe(value === 0 ? 0 : value);
        expect(nearestRatio(scaled(value) * 3n, 3n << 1074n, 0)).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  it('rounds ties to even, also below the normal doubles', () => {
    expect(nearestRatio(2n ** 53n + 1n, 1n, 0)).toBe(2 ** 53);
    expect(nearestRatio(2n ** 53n + 3n, 1n, 0)).toBe(2 ** 53 + 4);
    expect(nearestRatio(1n, 1n, -1075)).toBe(0);
    expect(nearestRatio(3n, 1n, -1075)).toBe(2 * 2 ** -1074);
    expect(nearestRatio(5n, 4n, -1074)).toBe(2 ** -1074);
  });
});
