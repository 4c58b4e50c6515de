import type { Interval } from '../data-type.ts';
import { outOfRange } from '../evaluation-error.ts';

/** The proleptic Gregorian calendar, UTC, as PostgreSQL with `TimeZone = 'UTC'`. Days and microseconds count from 1970-01-01. */
export const MICROS_PER_SECOND = 1_000_000n;
export const MICROS_PER_MINUTE = 60_000_000n;
export const MICROS_PER_HOUR = 3_600_000_000n;
export const MICROS_PER_DAY = 86_400_000_000n;

/** From PostgreSQL's first day, 4713 BC, to the last that 64 bits of microseconds since 1970 hold, in 292277 AD. */
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
