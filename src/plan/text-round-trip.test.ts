import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatArray, parseArray } from './value/array-text.ts';
import { Decimal } from './value/decimal.ts';
import { formatNumberAs, numberFormat, scanNumber } from './value/number-format.ts';
import { formatPieces, formatTimestampAs } from './value/timestamp-format.ts';
import { scanTimestamp } from './value/timestamp-scan.ts';

describe('what is written as text is read again', () => {
  it('arrays of texts, whatever is in them', () => {
    const items = fc.array(fc.option(fc.string({ unit: 'binary' })), { maxLength: 6 });
    fc.assert(
      fc.property(items, (array) => {
        const text = formatArray(array, (item) => item as string, false);
        expect(parseArray(text, (item) => item, false)).toEqual(array);
      }),
      { seed: 1 },
    );
  });

  it('timestamps by a format', () => {
    const formats = [
      'YYYY-MM-DD HH24:MI:SS.US',
      'DDth FMMonth YYYY, HH12:MI:SS.US PM',
      'IYYY-"W"IW-ID HH24MISSUS',
      'J SSSS.US',
    ];
    const moments = fc.bigInt({ min: -30_000_000_000_000_000n, max: 200_000_000_000_000_000n });
    fc.assert(
      fc.property(fc.constantFrom(...formats), moments, (format, micros) => {
        const pieces = formatPieces(format);
        const { days, timeOfDay } = scanTimestamp(formatTimestampAs(micros, pieces, ''), pieces);
        expect(BigInt(days) * 86_400_000_000n + timeOfDay).toBe(micros);
      }),
      { seed: 2 },
    );
  });

  it('numbers by a format', () => {
    const formats = ['9,999,999.99', 'FM9999999.00', 'S9999999.99', '9999999.99MI', '0000000.00', '9999999.99PR'].map(
      numberFormat,
    );
    fc.assert(
      fc.property(fc.constantFrom(...formats), fc.integer({ min: -999_999_999, max: 999_999_999 }), (format, cents) => {
        const value = new Decimal(BigInt(cents), 2);
        expect(scanNumber(formatNumberAs(value, format), format).equals(value)).toBe(true);
      }),
      { seed: 3 },
    );
  });
});
