import { beforeEach, expect, test } from 'vitest';
import type { TimestampMs } from '../../base/brand.ts';
import type { Clock } from '../../base/clock.ts';
import { TimeReading } from './time-reading.ts';

const HOUR_MS = 3_600_000;

/** A wall clock that somebody sets, over a monotonic one. */
let offsetMs: number;
let elapsedMs: number;
const clock: Clock = {
  now: () => (1_000_000_000 + elapsedMs + offsetMs) as TimestampMs,
  monotonicMs: () => elapsedMs,
  after: () => () => {},
};

beforeEach(() => {
  offsetMs = 0;
  elapsedMs = 0;
});

test('it is the wall clock, while nobody sets it', () => {
  const time = new TimeReading(clock, 0);
  elapsedMs = 5_000;
  expect(time.read(false)).toBe(1_000_005_000);
  elapsedMs = HOUR_MS;
  expect(time.read(true)).toBe(1_003_600_000);
});

test('a clock that is set forward while all is quiet is followed when input comes', () => {
  const time = new TimeReading(clock, 0);
  offsetMs = HOUR_MS;
  elapsedMs = 2_000;
  expect(time.read(true)).toBe(1_000_002_000);
  elapsedMs = 4_000;
  expect(time.read(true)).toBe(1_000_004_000);
  expect(time.read(false)).toBe(1_000_004_000 + HOUR_MS);
});

test('a clock that is set back does not take the reading back, nor does the reading stand still', () => {
  const time = new TimeReading(clock, 0);
  offsetMs = -HOUR_MS;
  elapsedMs = 2_000;
  expect(time.read(true)).toBe(1_000_001_000);
  elapsedMs = 4_000;
  expect(time.read(false)).toBe(1_000_002_000);
  // However often it is read.
  for (let i = 1; i <= 1_000; i++) {
    elapsedMs = 4_000 + i / 2;
    time.read(true);
  }
  expect(time.read(true)).toBe(1_000_002_250);
  elapsedMs += 2 * HOUR_MS;
  expect(time.read(false)).toBe(clock.now());
});

test('it goes on from what was journaled', () => {
  expect(new TimeReading(clock, 1_000_700_000).read(true)).toBe(1_000_700_000);
  expect(new TimeReading(clock, 999_000_000).read(true)).toBe(1_000_000_000);
});
