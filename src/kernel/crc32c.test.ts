import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../base/crc32c.ts';
import { Kernel } from './kernel.ts';

describe('CRC-32C in the kernel', () => {
  const kernel = Kernel.create();
  const of = (bytes: Uint8Array): number => {
    kernel.arenaReset();
    return kernel.exports.crc32c(kernel.arenaCopy(bytes), bytes.length) >>> 0;
  };

  it('has the check value of the standard', () => {
    expect(of(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  it.each([0, 1, 15, 16, 16_383, 16_384, 16_385, 16_400, 24_576, 24_577, 100_000, 1_000_003])(
    'is that of the other implementation for %d bytes',
    (length) => {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 2_654_435_761) >>> 13);
      expect(of(bytes)).toBe(crc32c(bytes));
    },
  );

  it('is that of the other implementation for any bytes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 16_000, max: 60_000 }), fc.integer(), (length, seed) => {
        const bytes = Uint8Array.from({ length }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 21);
        return of(bytes) === crc32c(bytes);
      }),
      { numRuns: 60 },
    );
  });
});
