import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { timeZone, toLocal, toUtc, zoneSuffix } from './time-zone.ts';

const ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Africa/Casablanca',
  'UTC',
  'EST',
  'UTC-3:30',
];
/** 1900 to 2100. */
const moment = fc.bigInt({ min: -2_208_988_800_000_000n, max: 4_102_444_800_000_000n });

describe('a time zone', () => {
  it('leads from a local time to a moment that shows it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), moment, (name, micros) => {
        const zone = timeZone(name);
        const local = toLocal(zone, micros);
        expect(toLocal(zone, toUtc(zone, local))).toBe(local);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('has the offset that the calendar of the runtime shows', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES.slice(0, 5)), moment, (name, any) => {
        const micros = (any / 1_000_000n) * 1_000_000n;
        const shown = new Date(Number(micros / 1000n)).toLocaleString('sv-SE', { timeZone: name });
        const local = toLocal(timeZone(name), micros);
        expect(new Date(Number(local / 1000n)).toISOString().slice(0, 19).replace('T', ' ')).toBe(shown);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('takes a skipped time by the offset before, and a doubled one by the offset after', () => {
    const berlin = timeZone('europe/berlin');
    const at = (iso: string): bigint => BigInt(Date.parse(`${iso}Z`)) * 1000n;
    expect(toUtc(berlin, at('2026-03-29T02:30:00'))).toBe(at('2026-03-29T01:30:00'));
    expect(toUtc(berlin, at('2026-10-25T02:30:00'))).toBe(at('2026-10-25T01:30:00'));
  });

  it('counts offsets to the west by POSIX, and to the east behind a time', () => {
    expect(timeZone('+02').offsetAt(0n)).toBe(-7_200_000_000n);
    expect(zoneSuffix('+02')?.offsetAt(0n)).toBe(7_200_000_000n);
    expect(() => timeZone('Nowhere/Land')).toThrow('time zone "Nowhere/Land" not recognized');
  });
});
