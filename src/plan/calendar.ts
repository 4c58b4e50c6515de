import type { Interval } from './data-type.ts';
import { evaluationError, invalidText, outOfRange } from './evaluation-error.ts';

/** The proleptic Gregorian calendar, UTC, as PostgreSQL with `TimeZone = 'UTC'`. Days and microseconds count from 1970-01-01. */
export const MICROS_PER_SECOND = 1_000_000n;
export const MICROS_PER_MINUTE = 60_000_000n;
export const MICROS_PER_HOUR = 3_600_000_000n;
export const MICROS_PER_DAY = 86_400_000_000n;

/** PostgreSQL's range: 4713 BC to 294276 AD. */
const DAYS_MIN = -2_440_588;
const DAYS_MAX = 106_751_991;

export interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** Days since 1970-01-01 of a civil date (days_from_civil in "chrono-Compatible Low-Level Date Algorithms", H. Hinnant). */
export function daysOfDate(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** The civil date of a number of days (civil_from_days, same source). */
export function dateOfDays(days: number): CivilDate {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  };
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Splits a timestamp into whole days and microseconds of the day. */
export function splitTimestamp(micros: bigint): { days: number; timeOfDay: bigint } {
  let timeOfDay = micros % MICROS_PER_DAY;
  if (timeOfDay < 0n) timeOfDay += MICROS_PER_DAY;
  return { days: Number((micros - timeOfDay) / MICROS_PER_DAY), timeOfDay };
}

export function checkedTimestamp(micros: bigint): bigint {
  const { days } = splitTimestamp(micros);
  if (days < DAYS_MIN || days > DAYS_MAX) throw outOfRange('timestamp');
  return micros;
}

export function checkedDate(days: number): number {
  if (!(days >= DAYS_MIN && days <= 2_145_042_541)) throw outOfRange('date');
  return days;
}

/** Adds the months (clamped to the end of the month), then the days, then the time. */
export function addInterval(micros: bigint, interval: Interval): bigint {
  let result = micros;
  if (interval.months !== 0) {
    const { days, timeOfDay } = splitTimestamp(micros);
    const { year, month, day } = dateOfDays(days);
    const total = year * 12 + (month - 1) + interval.months;
    const newYear = Math.floor(total / 12);
    const newMonth = total - newYear * 12 + 1;
    const newDay = Math.min(day, daysInMonth(newYear, newMonth));
    result = BigInt(daysOfDate(newYear, newMonth, newDay)) * MICROS_PER_DAY + timeOfDay;
  }
  return checkedTimestamp(result + BigInt(interval.days) * MICROS_PER_DAY + interval.micros);
}

const DATE_TEXT = /^(-?\d{4,6})-(\d{1,2})-(\d{1,2})/;
const TIME_TEXT = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?/;
const ZONE_TEXT = /^(?:([zZ])|\s?(?:utc|UTC|gmt|GMT)|\s?([+-])(\d{2})(?::?(\d{2}))?(?::?(\d{2}))?)$/;

/** `YYYY-MM-DD`; anything after it must be blank. */
export function parseDate(text: string): number {
  const trimmed = text.trim();
  const match = DATE_TEXT.exec(trimmed);
  if (match === null || match[0].length !== trimmed.length) throw invalidText('date', text);
  return datePart(match, text);
}

export function parseTime(text: string): bigint {
  const trimmed = text.trim();
  const match = TIME_TEXT.exec(trimmed);
  if (match === null || match[0].length !== trimmed.length) throw invalidText('time', text);
  return timePart(match, text);
}

/**
 * ISO 8601 or PostgreSQL's form: a date, `T` or a blank, a time, a zone (`Z`, `+02`, `+02:00`). Without a zone it is UTC. A
 * timestamp without time zone ignores the zone, as PostgreSQL's does; a fraction finer than a microsecond is rounded.
 */
export function parseTimestamp(text: string, withZone: boolean): bigint {
  const type = withZone ? 'timestamp with time zone' : 'timestamp';
  const trimmed = text.trim();
  const dateMatch = DATE_TEXT.exec(trimmed);
  if (dateMatch === null) throw invalidText(type, text);
  let micros = BigInt(datePart(dateMatch, text)) * MICROS_PER_DAY;
  let rest = trimmed.slice(dateMatch[0].length);
  if (/^[Tt ]\s*\d/.test(rest)) {
    rest = rest.slice(1).trimStart();
    const timeMatch = TIME_TEXT.exec(rest);
    if (timeMatch === null) throw invalidText(type, text);
    micros += timePart(timeMatch, text);
    rest = rest.slice(timeMatch[0].length);
  }
  if (rest.length > 0) {
    const zone = ZONE_TEXT.exec(rest);
    if (zone === null) throw invalidText(type, text);
    if (withZone && zone[2] !== undefined) micros -= zoneOffset(zone, text);
  }
  return checkedTimestamp(micros);
}

function datePart(match: RegExpExecArray, text: string): number {
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
    throw evaluationError('PLAN_INVALID_TEXT', `date/time field value out of range: "${text.slice(0, 200)}"`);
  }
  return daysOfDate(year, month, day);
}

function timePart(match: RegExpExecArray, text: string): bigint {
  const [hour, minute, second] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  const fraction = match[4] ?? '';
  const micros = BigInt(fraction.padEnd(7, '0').slice(0, 7));
  const total = BigInt((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND + (micros + 5n) / 10n;
  if (hour > 24 || minute > 59 || second > 60 || total > MICROS_PER_DAY) {
    throw evaluationError('PLAN_INVALID_TEXT', `date/time field value out of range: "${text.slice(0, 200)}"`);
  }
  return total;
}

function zoneOffset(match: RegExpExecArray, text: string): bigint {
  const [hours, minutes, seconds] = [Number(match[3]), Number(match[4] ?? 0), Number(match[5] ?? 0)];
  if (hours > 15 || minutes > 59 || seconds > 59) {
    throw evaluationError('PLAN_INVALID_TEXT', `time zone displacement out of range: "${text.slice(0, 200)}"`);
  }
  const micros = BigInt((hours * 60 + minutes) * 60 + seconds) * MICROS_PER_SECOND;
  return match[2] === '-' ? -micros : micros;
}

export function formatDate(days: number): string {
  const { year, month, day } = dateOfDays(days);
  if (year <= 0) return `${pad(1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)} BC`;
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

export function formatTime(micros: bigint): string {
  const seconds = Number(micros / MICROS_PER_SECOND);
  const fraction = Number(micros % MICROS_PER_SECOND);
  const clock = `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`;
  return fraction === 0 ? clock : `${clock}.${pad(fraction, 6).replace(/0+$/, '')}`;
}

/** PostgreSQL's text form: `2026-01-31 12:34:56.789`, with `+00` for a timestamptz. */
export function formatTimestamp(micros: bigint, withZone: boolean): string {
  const { days, timeOfDay } = splitTimestamp(micros);
  const date = formatDate(days);
  const era = date.endsWith(' BC') ? ' BC' : '';
  return `${date.slice(0, date.length - era.length)} ${formatTime(timeOfDay)}${withZone ? '+00' : ''}${era}`;
}

/** ISO 8601 in UTC, milliseconds or finer, `Z` for a timestamptz; years outside 0..9999 in the expanded form. */
export function formatIsoTimestamp(micros: bigint, withZone: boolean): string {
  const { days, timeOfDay } = splitTimestamp(micros);
  const { year, month, day } = dateOfDays(days);
  const yearText = year >= 0 && year <= 9999 ? pad(year, 4) : `${year < 0 ? '-' : '+'}${pad(Math.abs(year), 6)}`;
  const time = formatTime(timeOfDay);
  const [clock = '', fraction = ''] = time.split('.');
  return `${yearText}-${pad(month, 2)}-${pad(day, 2)}T${clock}.${fraction.padEnd(3, '0')}${withZone ? 'Z' : ''}`;
}

export function pad(value: number, width: number): string {
  return value.toString().padStart(width, '0');
}
