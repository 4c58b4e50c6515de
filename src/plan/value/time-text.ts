import { evaluationError, invalidText } from '../evaluation-error.ts';
import { checkedTimestamp, daysInMonth, daysOfDate, MICROS_PER_DAY, MICROS_PER_SECOND } from './calendar.ts';
import { toUtc, zoneSuffix } from './time-zone.ts';

/** ISO 8601, with dashes or without. */
const DATE_TEXT = /^(?:(-?\d{4,6})-(\d{1,2})-(\d{1,2})|(\d{4})(\d{2})(\d{2}))(?!\d)/;
const TIME_TEXT = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(?:\s*([AaPp][Mm])\b)?/;
const ERA = /\s+(BC|AD)$/i;

/** `YYYY-MM-DD`, or a timestamp, whose time is left out. */
export function parseDate(text: string): number {
  const trimmed = text.trim();
  if (trimmed.toLowerCase() === 'epoch') return 0;
  const body = trimmed.replace(ERA, '');
  const match = DATE_TEXT.exec(body);
  if (match === null) throw invalidText('date', text);
  if (match[0].length !== body.length) timeBehind(body.slice(match[0].length), 'date', text);
  return datePart(match, isBefore(trimmed), text);
}

export function parseTime(text: string): bigint {
  const trimmed = text.trim();
  const match = TIME_TEXT.exec(trimmed);
  if (match === null) throw invalidText('time', text);
  const rest = trimmed.slice(match[0].length).trim();
  if (rest !== '' && zoneSuffix(rest) === undefined) throw invalidText('time', text);
  return timePart(match, text);
}

/**
 * ISO 8601 or PostgreSQL's form: a date, `T` or a blank, a time, a zone (`Z`, `+02`, `+02:00`, `CET`, `Europe/Paris`). Without a
 * zone it is UTC. A timestamp without time zone ignores the zone, as PostgreSQL's does; a fraction finer than a microsecond is rounded.
 */
export function parseTimestamp(text: string, withZone: boolean): bigint {
  const type = withZone ? 'timestamp with time zone' : 'timestamp';
  const trimmed = text.trim();
  if (trimmed.toLowerCase() === 'epoch') return 0n;
  const body = trimmed.replace(ERA, '');
  const match = DATE_TEXT.exec(body);
  if (match === null) throw invalidText(type, text);
  const { time, zone } = timeBehind(body.slice(match[0].length), type, text);
  const local = BigInt(datePart(match, isBefore(trimmed), text)) * MICROS_PER_DAY + time;
  return checkedTimestamp(withZone && zone !== undefined ? toUtc(zone, local) : local);
}

const isBefore = (text: string): boolean => ERA.exec(text)?.[1]?.toUpperCase() === 'BC';

/** The time and zone that follow a date; both may be missing. */
function timeBehind(
  rest: string,
  type: string,
  text: string,
): { readonly time: bigint; readonly zone: ReturnType<typeof zoneSuffix> } {
  let time = 0n;
  let left = rest;
  if (/^[Tt\s]\s*\d/.test(left)) {
    left = left.slice(1).trimStart();
    const match = TIME_TEXT.exec(left);
    if (match === null) throw invalidText(type, text);
    time = timePart(match, text);
    left = left.slice(match[0].length);
  }
  const name = left.trim();
  if (name === '') return { time, zone: undefined };
  const zone = zoneSuffix(name);
  if (zone === undefined) {
    if (/^[+-]\d/.test(name)) throw outsideOf('time zone displacement out of range', text);
    throw invalidText(type, text);
  }
  return { time, zone };
}

function outsideOf(what: string, text: string): Error {
  return evaluationError('PLAN_INVALID_TEXT', `${what}: "${text.slice(0, 200)}"`);
}

function datePart(match: RegExpExecArray, before: boolean, text: string): number {
  const [year, month, day] = [1, 2, 3].map((at) => Number(match[at] ?? match[at + 3])) as [number, number, number];
  const astronomical = before ? 1 - year : year;
  const isInside = month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(astronomical, month);
  if (!isInside || (before && year < 1)) throw outsideOf('date/time field value out of range', text);
  return daysOfDate(astronomical, month, day);
}

function timePart(match: RegExpExecArray, text: string): bigint {
  const [written, minute, second] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  const half = match[5]?.toLowerCase();
  const hour = half === undefined ? written : (written % 12) + (half === 'pm' ? 12 : 0);
  const fraction = match[4] ?? '';
  const micros = BigInt(fraction.padEnd(7, '0').slice(0, 7));
  const total = BigInt((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND + (micros + 5n) / 10n;
  const isInside = written <= (half === undefined ? 24 : 12) && minute <= 59 && second <= 60 && total <= MICROS_PER_DAY;
  if (!isInside) throw outsideOf('date/time field value out of range', text);
  return total;
}
