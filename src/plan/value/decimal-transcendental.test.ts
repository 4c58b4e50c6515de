import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decimal } from './decimal.ts';
import { decimalExp, decimalLn, decimalLog, decimalPower } from './decimal-transcendental.ts';

/** 0.001 to 1000, with three digits after the point. */
const positive = fc.integer({ min: 1, max: 1_000_000 }).map((thousandths) => new Decimal(BigInt(thousandths), 3));
const near = (a: Decimal, b: number): boolean => Math.abs(a.toNumber() - b) <= 1e-12 * Math.max(1, Math.abs(b));

describe('exponentials and logarithms of decimals', () => {
  it('agree with those of doubles as far as these go', () => {
    fc.assert(
      fc.property(positive, positive, (a, b) => {
        expect(near(decimalLn(a), Math.log(a.toNumber()))).toBe(true);
        if (!a.equals(Decimal.of(1)))
          expect(near(decimalLog(a, b), Math.log(b.toNumber()) / Math.log(a.toNumber()))).toBe(true);
      }),
      { seed: 1 },
    );
  });

  it('undo each other to 15 digits', () => {
    fc.assert(
      fc.property(positive, (value) => {
        const back = decimalExp(decimalLn(value));
        expect(Math.abs(back.subtract(value).toNumber())).toBeLessThan(1e-13 * Math.max(1, value.toNumber()));
      }),
      { seed: 2 },
    );
  });

  it('a whole power is the product, rounded to the digits that it has', () => {
    fc.assert(
      fc.property(positive, fc.integer({ min: 0, max: 12 }), (base, exponent) => {
        let product = new Decimal(1n, 0);
        for (let i = 0; i < exponent; i++)
          product = new Decimal(product.unscaled * base.unscaled, product.scale + base.scale);
        const power = decimalPower(base, Decimal.of(exponent));
        expect(power.toString()).toBe(product.round(power.scale).toString());
      }),
      { seed: 3 },
    );
  });

  it('a power of a power multiplies the exponents', () => {
    const half = Decimal.parse('0.5');
    fc.assert(
      fc.property(positive, (base) => {
        const root = decimalPower(base, half);
        expect(Math.abs(root.multiply(root).subtract(base).toNumber())).toBeLessThan(
          1e-12 * Math.max(1, base.toNumber()),
        );
      }),
      { seed: 4 },
    );
  });
});
