import type { Interval } from '../data-type.ts';
import { divisionByZero, outOfRange } from '../evaluation-error.ts';
import {
  dateOfDays,
  daysInMonth,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  splitTimestamp,
} from '../value/calendar.ts';
import { addIntervals, makeInterval, multiplyInterval, negateInterval } from '../value/interval.ts';
import { type FunctionOverload, overload } from './overload.ts';
import { extractInterval, truncateInterval } from './time-field.ts';

const DAYS_PER_MONTH = 30;

interface Parts {
  months: number;
  days: number;
  micros: bigint;
}

/** Hours become days. */
function carryHours(parts: Parts): void {
  parts.days += Number(parts.micros / MICROS_PER_DAY);
  parts.micros %= MICROS_PER_DAY;
}

function carryDays(parts: Parts): void {
  parts.months += Math.trunc(parts.days / DAYS_PER_MONTH);
  parts.days %= DAYS_PER_MONTH;
}

/** Days and time of one sign. */
function alignHours(parts: Parts): void {
  if (parts.days > 0 && parts.micros < 0n) {
    parts.micros += MICROS_PER_DAY;
    parts.days--;
  } else if (parts.days < 0 && parts.micros > 0n) {
    parts.micros -= MICROS_PER_DAY;
    parts.days++;
  }
}

function alignDays(parts: Parts, withTime: boolean): void {
  const below = parts.days < 0 || (withTime && parts.days === 0 && parts.micros < 0n);
  const above = parts.days > 0 || (withTime && parts.days === 0 && parts.micros > 0n);
  if (parts.months > 0 && below) {
    parts.days += DAYS_PER_MONTH;
    parts.months--;
  } else if (parts.months < 0 && above) {
    parts.days -= DAYS_PER_MONTH;
    parts.months++;
  }
}

function justified(interval: Interval, ...steps: readonly ((parts: Parts) => void)[]): Interval {
  const parts = { months: interval.months, days: interval.days, micros: interval.micros };
  for (const step of steps) step(parts);
  return makeInterval(parts.months, parts.days, parts.micros);
}

const justifyAll = (interval: Interval): Interval =>
  justified(interval, carryHours, carryDays, (parts) => alignDays(parts, true), alignHours);

function divideInterval(interval: Interval, divisor: number): Interval {
  if (divisor === 0) throw divisionByZero();
  return multiplyInterval(interval, 1 / divisor);
}

function makeOf(
  years: number,
  months: number,
  weeks: number,
  days: number,
  hours: number,
  mins: number,
  secs: number,
): Interval {
  if (!Number.isFinite(secs)) throw outOfRange('interval');
  const micros = BigInt(hours) * MICROS_PER_HOUR + BigInt(mins) * MICROS_PER_MINUTE + BigInt(Math.round(secs * 1e6));
  return makeInterval(years * 12 + months, weeks * 7 + days, micros);
}

/** The difference in years, months, days and time, as a person would count it (PostgreSQL's timestamp_age). */
export function ageBetween(a: bigint, b: bigint): Interval {
  const isNegative = a < b;
  const [late, early] = [splitTimestamp(isNegative ? b : a), splitTimestamp(isNegative ? a : b)];
  const [to, from] = [dateOfDays(late.days), dateOfDays(early.days)];
  let micros = late.timeOfDay - early.timeOfDay;
  let days = to.day - from.day;
  let months = (to.year - from.year) * 12 + (to.month - from.month);
  if (micros < 0n) {
    micros += MICROS_PER_DAY;
    days--;
  }
  while (days < 0) {
    days += daysInMonth(from.year, from.month);
    months--;
  }
  const age = makeInterval(months, days, micros);
  return isNegative ? negateInterval(age) : age;
}

/** Functions and operators of intervals (PostgreSQL manual, section 9.9). */
export const INTERVAL_FUNCTIONS: readonly FunctionOverload[] = [
  overload('extract', ['text', 'interval'], 'numeric', extractInterval),
  overload('date_part', ['text', 'interval'], 'float8', (field: string, a: Interval) =>
    extractInterval(field, a).toNumber(),
  ),
  overload('date_trunc', ['text', 'interval'], 'interval', truncateInterval),
  overload('add', ['interval', 'interval'], 'interval', addIntervals),
  overload('subtract', ['interval', 'interval'], 'interval', (a: Interval, b: Interval) =>
    addIntervals(a, negateInterval(b)),
  ),
  overload('multiply', ['interval', 'float8'], 'interval', multiplyInterval),
  overload('multiply', ['float8', 'interval'], 'interval', (a: number, b: Interval) => multiplyInterval(b, a)),
  overload('divide', ['interval', 'float8'], 'interval', divideInterval),
  overload('negate', ['interval'], 'interval', negateInterval),
  overload('justify_hours', ['interval'], 'interval', (a: Interval) => justified(a, carryHours, alignHours)),
  overload('justify_days', ['interval'], 'interval', (a: Interval) =>
    justified(a, carryDays, (parts) => alignDays(parts, false)),
  ),
  overload('justify_interval', ['interval'], 'interval', justifyAll),
  overload('isfinite', ['interval'], 'boolean', () => true),
  overload('make_interval', ['int4', 'int4', 'int4', 'int4', 'int4', 'int4', 'float8'], 'interval', makeOf),
];
