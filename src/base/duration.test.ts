import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDurationUs, parseDurationMs, parseDurationUs } from './duration.ts';

describe('a duration', () => {
  it.each([
    ['5 seconds', 5_000_000n],
    ['5s', 5_000_000n],
    ['1.5 s', 1_500_000n],
    ['10ms', 10_000n],
    ['250 µs', 250n],
    ['1 hour 30 minutes', 5_400_000_000n],
    ['1h30m', 5_400_000_000n],
    ['2 Days', 172_800_000_000n],
    [' 1 w ', 604_800_000_000n],
    ['0 s', 0n],
  ])('%j is %i µs', (text, micros) => {
    expect(parseDurationUs(text)).toBe(micros);
  });

  it.each([
    ['', 'it is empty'],
    ['5', '"5" is not a number with a unit'],
    ['seconds', 'is not a number with a unit'],
    ['-1 s', 'is not a number with a unit'],
    ['5 secnods', 'did you mean "seconds"?'],
    ['1 month', 'unknown unit "month"'],
    ['1 fortnight', 'unknown unit "fortnight"'],
    ['0.5 us', 'finer than a microsecond'],
    ['1 s, 2 ms', 'is not a number with a unit'],
    ['1e3 s', 'unknown unit "e"'],
  ])('%j is refused: %s', (text, why) => {
    expect(() => parseDurationUs(text)).toThrow(why);
    expect(() => parseDurationUs(text)).toThrow(expect.objectContaining({ code: 'CONFIG_DURATION_INVALID' }) as Error);
  });

  it('may carry a fraction of a millisecond', () => {
    expect(parseDurationMs('1500 us')).toBe(1.5);
  });

  it('is read again as it was written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), (micros) => {
        expect(parseDurationUs(formatDurationUs(micros))).toBe(micros);
      }),
    );
  });
});
