import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExactSum } from './exact-sum.ts';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 });
const MOST = Number.MAX_VALUE;
const anyFinite = fc.oneof(finite, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(MOST, -MOST));

function sumOf(values: readonly number[]): number {
  const sum = new ExactSum();
  for (const value of values) sum.add(value, 1);
  return sum.value();
}

/** The exact sum in multiples of 2^-1074, the least double. */
function scaled(value: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const word = bits.getBigUint64(0);
  const exponent = Number((word >> 52n) & 2047n);
  const fraction = word & (2n ** 52n - 1n);
  const magnitude = exponent === 0 ? fraction : (fraction | (2n ** 52n)) << BigInt(exponent - 1);
  return word >> 63n === 1n ? -magnitude : magnitude;
}

describe('exact sum', () => {
  it('does not depend on the order', () => {
    fc.assert(
      fc.property(fc.array(anyFinite, { maxLength: 30 }), fc.infiniteStream(fc.nat()), (values, order) => {
        const keyed = values.map((value) => ({ value, at: order.next().value }));
        const shuffled = keyed.sort((a, b) => a.at - b.at).map(({ value }) => value);
        return Object.is(sumOf(values), sumOf(shuffled));
      }),
    );
  });

  it('is the double nearest to the true sum', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 20 }), (values) => {
        const truth = values.reduce((sum, value) => sum + scaled(value), 0n);
        const found = scaled(sumOf(values));
        const error = truth > found ? truth - found : found - truth;
        const ulp =
          found === 0n ? 1n : 2n ** BigInt(Math.max(0, (found < 0n ? -found : found).toString(2).length - 53));
        expect(error * 2n <= ulp).toBe(true);
      }),
    );
  });

  it('may leave the range of doubles on the way, and come back', () => {
    expect(sumOf([MOST, MOST, 1, -MOST, -MOST])).toBe(1);
    expect(sumOf([MOST, MOST, -MOST])).toBe(MOST);
    expect(sumOf([MOST, MOST])).toBe(Number.POSITIVE_INFINITY);
    expect(sumOf([-MOST, -(2 ** 970)])).toBe(Number.NEGATIVE_INFINITY);
  });

  it('takes back exactly what was added', () => {
    fc.assert(
      fc.property(fc.array(anyFinite, { maxLength: 20 }), anyFinite, (values, extra) => {
        const sum = new ExactSum();
        for (const value of values) sum.add(value, 1);
        sum.add(extra, 1);
        sum.add(Number.POSITIVE_INFINITY, 1);
        sum.add(extra, -1);
        sum.add(Number.POSITIVE_INFINITY, -1);
        return Object.is(sum.value(), sumOf(values));
      }),
    );
  });
});
