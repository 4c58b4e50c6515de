import type { Interval } from '../data-type.ts';
import { checkedTimestamp, MICROS_PER_DAY } from '../value/calendar.ts';
import { formatIntervalAs, formatPieces, formatTimestampAs } from '../value/timestamp-format.ts';
import { scanTimestamp } from '../value/timestamp-scan.ts';
import { compiledOnce } from './compiled-cache.ts';
import { type FunctionOverload, overload } from './overload.ts';

const pieces = compiledOnce(formatPieces);

function toMoment(text: string, format: string): bigint {
  const { days, timeOfDay, offset } = scanTimestamp(text, pieces(format));
  return checkedTimestamp(BigInt(days) * MICROS_PER_DAY + timeOfDay - offset);
}

/** Times as text by a pattern, and back (PostgreSQL manual, section 9.8). */
export const TIME_FORMAT_FUNCTIONS: readonly FunctionOverload[] = [
  overload('to_char', ['timestamp', 'text'], 'text', (a: bigint, format: string) =>
    formatTimestampAs(a, pieces(format), ''),
  ),
  overload('to_char', ['timestamptz', 'text'], 'text', (a: bigint, format: string) =>
    formatTimestampAs(a, pieces(format), 'UTC'),
  ),
  overload('to_char', ['interval', 'text'], 'text', (a: Interval, format: string) =>
    formatIntervalAs(a, pieces(format)),
  ),
  overload('to_timestamp', ['text', 'text'], 'timestamptz', toMoment),
  overload(
    'to_date',
    ['text', 'text'],
    'date',
    (text: string, format: string) => scanTimestamp(text, pieces(format)).days,
  ),
];
