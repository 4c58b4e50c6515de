import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decimal } from './decimal.ts';

const d = (text: string): Decimal => Decimal.parse(text);
const anyDecimal = fc
  .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(20))
  .map(([unscaled, scale]) => new Decimal(unscaled, scale));

describe('a decimal', () => {
  it.each([
    ['1.50', '1.50'],
    ['-0.05', '-0.05'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['  +7 ', '7'],
    ['1e3', '1000'],
    ['1.5e-3', '0.0015'],
    ['-0', '0'],
    ['123456789012345678901234567890.123456789', '123456789012345678901234567890.123456789'],
  ])('reads %j as %s', (text, shown) => {
    expect(d(text).toString()).toBe(shown);
  });

  it.each(['', '.', '1,5', '1e', '--1', 'NaN', 'Infinity', '0x10', '1 2'])('refuses %j', (text) => {
    expect(() => d(text)).toThrow('invalid input syntax for type numeric');
  });

  it('refuses what has too many digits before the point, without computing it', () => {
    expect(() => d('1e131073')).toThrow('overflow');
    expect(() => d('1e999999')).toThrow('overflow');
  });

  // As PostgreSQL computes and shows them.
  it.each([
    ['1 / 3', d('1').divide(d('3')), '0.33333333333333333333'],
    ['10 / 4', d('10').divide(d('4')), '2.5000000000000000'],
    ['100000 / 7', d('100000').divide(d('7')), '14285.714285714286'],
    ['-7 % 3', d('-7').modulo(d('3')), '-1'],
    ['1.10 * 1.10', d('1.10').multiply(d('1.10')), '1.2100'],
    ['0.1 + 0.2', d('0.1').add(d('0.2')), '0.3'],
    ['round(2.5)', d('2.5').round(), '3'],
    ['round(-2.5)', d('-2.5').round(), '-3'],
    ['round(1234.5678, 2)', d('1234.5678').round(2), '1234.57'],
    ['round(1234.5678, -2)', d('1234.5678').round(-2), '1200'],
    ['trunc(-1.99)', d('-1.99').truncate(), '-1'],
    ['floor(-1.01)', d('-1.01').floor(), '-2'],
    ['ceil(1.01)', d('1.01').ceil(), '2'],
    ['sqrt(2)', d('2').sqrt(), '1.414213562373095'],
  ])('%s', (_, result, expected) => {
    expect(result.toString()).toBe(expected);
  });

  it('divides by nothing never', () => {
    expect(() => d('1').divide(d('0.00'))).toThrow('division by zero');
    expect(() => d('1').modulo(d('0'))).toThrow('division by zero');
  });

  it('holds what its precision allows', () => {
    expect(d('99.994').fit(4, 2).toString()).toBe('99.99');
    expect(() => d('99.995').fit(4, 2)).toThrow('numeric field overflow');
    expect(() => d('-100').fit(4, 2)).toThrow('numeric field overflow');
  });

  it('is read again as it was written', () => {
    fc.assert(
      fc.property(anyDecimal, (a) => {
        const again = d(a.toString());
        expect([again.unscaled, again.scale]).toEqual([a.unscaled, a.scale]);
      }),
    );
  });

  it('adds, subtracts and multiplies exactly', () => {
    fc.assert(
      fc.property(anyDecimal, anyDecimal, anyDecimal, (a, b, c) => {
        expect(a.add(b).subtract(b).equals(a)).toBe(true);
        expect(a.add(b).equals(b.add(a))).toBe(true);
        expect(a.multiply(b.add(c)).equals(a.multiply(b).add(a.multiply(c)))).toBe(true);
      }),
    );
  });

  it('divides so that quotient and remainder make the whole', () => {
    fc.assert(
      fc.property(anyDecimal, anyDecimal, (a, b) => {
        fc.pre(b.sign().toNumber() !== 0);
        const whole = new Decimal(a.unscaled * 10n ** BigInt(b.scale), 0);
        const part = new Decimal(b.unscaled * 10n ** BigInt(a.scale), 0);
        const quotient = new Decimal(whole.unscaled / part.unscaled, 0);
        expect(quotient.multiply(b).add(a.modulo(b)).equals(a)).toBe(true);
      }),
    );
  });

  it('orders as numbers do, whatever their scales', () => {
    fc.assert(
      fc.property(anyDecimal, anyDecimal, (a, b) => {
        const difference = a.subtract(b).sign().toNumber();
        expect(Math.sign(a.compare(b))).toBe(difference);
        expect(a.compare(new Decimal(a.unscaled * 1000n, a.scale + 3))).toBe(0);
      }),
    );
  });
});
