import type { TimestampUs } from '../../base/brand.ts';

/** Largest instant that ISO 8601 can name, µs; a watermark beyond it says that the input has ended. */
const INSTANT_US_MAX = 8_640_000_000_000_000_000n;

/** ISO 8601 in UTC; `infinity` when the input has ended; null when there is none yet. */
export function instantText(us: TimestampUs | undefined): string | null {
  if (us === undefined || us < -INSTANT_US_MAX) return null;
  if (us > INSTANT_US_MAX) return 'infinity';
  return new Date(Number(us / 1000n)).toISOString();
}
