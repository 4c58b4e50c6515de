import { dateOfDays, daysOfDate, MICROS_PER_SECOND, pad, splitTimestamp } from './calendar.ts';
import { evaluationError } from './evaluation-error.ts';

interface TimeFields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly dayOfYear: number;
  readonly dayOfWeek: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

const halfDay = (f: TimeFields): number => f.hour % 12 || 12;

/** The template patterns that we know, longest first where one begins another (PostgreSQL manual, table 9.31). */
const PATTERNS: readonly (readonly [string, (f: TimeFields) => string])[] = [
  ['YYYY', (f) => pad(f.year, 4)],
  ['YY', (f) => pad(f.year % 100, 2)],
  ['Month', (f) => MONTHS[f.month - 1]!.padEnd(9)],
  ['MONTH', (f) => MONTHS[f.month - 1]!.toUpperCase().padEnd(9)],
  ['Mon', (f) => MONTHS[f.month - 1]!.slice(0, 3)],
  ['MON', (f) => MONTHS[f.month - 1]!.slice(0, 3).toUpperCase()],
  ['MM', (f) => pad(f.month, 2)],
  ['DDD', (f) => pad(f.dayOfYear, 3)],
  ['DD', (f) => pad(f.day, 2)],
  ['Day', (f) => DAYS[f.dayOfWeek]!.padEnd(9)],
  ['DAY', (f) => DAYS[f.dayOfWeek]!.toUpperCase().padEnd(9)],
  ['Dy', (f) => DAYS[f.dayOfWeek]!.slice(0, 3)],
  ['DY', (f) => DAYS[f.dayOfWeek]!.slice(0, 3).toUpperCase()],
  ['D', (f) => String(f.dayOfWeek + 1)],
  ['HH24', (f) => pad(f.hour, 2)],
  ['HH12', (f) => pad(halfDay(f), 2)],
  ['HH', (f) => pad(halfDay(f), 2)],
  ['MI', (f) => pad(f.minute, 2)],
  ['SS', (f) => pad(f.second, 2)],
  ['MS', (f) => pad(Math.floor(f.micros / 1000), 3)],
  ['US', (f) => pad(f.micros, 6)],
  ['AM', (f) => (f.hour < 12 ? 'AM' : 'PM')],
  ['PM', (f) => (f.hour < 12 ? 'AM' : 'PM')],
  ['am', (f) => (f.hour < 12 ? 'am' : 'pm')],
  ['pm', (f) => (f.hour < 12 ? 'am' : 'pm')],
  ['Q', (f) => String(Math.floor((f.month - 1) / 3) + 1)],
];

/** A part of a format: text as it is, or a template pattern by its name in capitals (`YYYY`, `Mon`). */
export type FormatPiece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'pattern'; readonly name: string; readonly write: (f: TimeFields) => string };

/**
 * Takes a format apart: the patterns above, text in double quotes as it is, punctuation as it is; other letters are refused.
 * @throws HeadraceError `PLAN_INVALID_ARGUMENT`
 */
export function formatPieces(format: string): readonly FormatPiece[] {
  const pieces: FormatPiece[] = [];
  for (let at = 0; at < format.length; ) {
    const quoted = /^"([^"]*)"/.exec(format.slice(at));
    const pattern = PATTERNS.find(([name]) => format.startsWith(name, at) || startsLower(name, format, at));
    if (quoted !== null) {
      pieces.push({ kind: 'text', text: quoted[1]! });
      at += quoted[0].length;
    } else if (pattern !== undefined) {
      pieces.push({ kind: 'pattern', name: pattern[0], write: pattern[1] });
      at += pattern[0].length;
    } else if (/[A-Za-z]/.test(format[at]!)) {
      throw evaluationError(
        'PLAN_INVALID_ARGUMENT',
        `to_char format "${format}" has a pattern that is not supported at "${format.slice(at)}"`,
      );
    } else {
      pieces.push({ kind: 'text', text: format[at++]! });
    }
  }
  return pieces;
}

/** `to_char(timestamp, format)`. */
export function formatTimestampAs(micros: bigint, format: string): string {
  const fields = timeFields(micros);
  return formatPieces(format)
    .map((piece) => (piece.kind === 'text' ? piece.text : piece.write(fields)))
    .join('');
}

/** Numeric patterns may be written in lower case. */
function startsLower(name: string, format: string, at: number): boolean {
  return /^(?:YYYY|YY|MM|DDD|DD|D|HH24|HH12|HH|MI|SS|MS|US|Q)$/.test(name) && format.startsWith(name.toLowerCase(), at);
}

function timeFields(micros: bigint): TimeFields {
  const { days, timeOfDay } = splitTimestamp(micros);
  const date = dateOfDays(days);
  const seconds = Number(timeOfDay / MICROS_PER_SECOND);
  return {
    ...date,
    dayOfYear: days - daysOfDate(date.year, 1, 1) + 1,
    dayOfWeek: (((days + 4) % 7) + 7) % 7,
    hour: Math.floor(seconds / 3600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
    micros: Number(timeOfDay % MICROS_PER_SECOND),
  };
}
