import type { Interval } from '../data-type.ts';
import { evaluationError } from '../evaluation-error.ts';
import {
  dateOfDays,
  daysOfDate,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
  splitTimestamp,
} from '../value/calendar.ts';
import { Decimal } from '../value/decimal.ts';
import { makeInterval } from '../value/interval.ts';

const floorTo = (value: bigint, step: bigint): bigint => {
  const rest = value % step;
  return value - (rest < 0n ? rest + step : rest);
};

const STEPS: Readonly<Record<string, bigint>> = {
  microsecond: 1n,
  millisecond: 1000n,
  second: MICROS_PER_SECOND,
  minute: MICROS_PER_MINUTE,
  hour: MICROS_PER_HOUR,
  day: MICROS_PER_DAY,
};

/** Other names of fields that PostgreSQL takes. */
const FIELD_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    microsecond: 'us usec usecs useconds microseconds',
    millisecond: 'ms msec msecs mseconds milliseconds',
    second: 's sec secs seconds',
    minute: 'm min mins minutes',
    hour: 'h hr hrs hours',
    day: 'd days',
    week: 'w weeks',
    month: 'mon mons months',
    quarter: 'qtr quarters',
    year: 'y yr yrs years',
    decade: 'dec decs decades',
    century: 'c cent centuries',
    millennium: 'mil mils millennia',
    julian: 'j jd',
  }).flatMap(([name, others]) => others.split(' ').map((other) => [other, name] as const)),
);

export function fieldName(field: string): string {
  const name = field.trim().toLowerCase();
  return FIELD_NAMES.get(name) ?? name;
}

function unknownField(field: string, type: string): Error {
  return evaluationError('PLAN_INVALID_ARGUMENT', `unit "${field}" not recognized for type ${type}`);
}

export function refuseField(field: string, type: string): never {
  throw unknownField(field, type);
}

export function truncateTimestamp(field: string, micros: bigint): bigint {
  const name = fieldName(field);
  const step = STEPS[name];
  if (step !== undefined) return floorTo(micros, step);
  const { days } = splitTimestamp(micros);
  const { year, month } = dateOfDays(days);
  const first = (y: number, m: number): bigint => BigInt(daysOfDate(y, m, 1)) * MICROS_PER_DAY;
  switch (name) {
    case 'week':
      return BigInt(days - (isoDayOfWeek(days) - 1)) * MICROS_PER_DAY;
    case 'month':
      return first(year, month);
    case 'quarter':
      return first(year, month - ((month - 1) % 3));
    case 'year':
      return first(year, 1);
    case 'decade':
      return first(Math.floor(year / 10) * 10, 1);
    case 'century':
      return first(Math.floor((year - 1) / 100) * 100 + 1, 1);
    case 'millennium':
      return first(Math.floor((year - 1) / 1000) * 1000 + 1, 1);
    default:
      throw unknownField(field, 'timestamp');
  }
}

const MONTHS_OF: Readonly<Record<string, number>> = {
  month: 1,
  quarter: 3,
  year: 12,
  decade: 120,
  century: 1200,
  millennium: 12_000,
};

/** The interval without what is smaller than the unit. */
export function truncateInterval(field: string, interval: Interval): Interval {
  const name = fieldName(field);
  const months = MONTHS_OF[name];
  if (months !== undefined) return makeInterval(interval.months - (interval.months % months), 0, 0n);
  if (name === 'day') return makeInterval(interval.months, interval.days, 0n);
  const step = STEPS[name];
  if (step === undefined) throw unknownField(field, 'interval');
  return makeInterval(interval.months, interval.days, interval.micros - (interval.micros % step));
}

/** Monday is 1, Sunday 7. 1970-01-01 was a Thursday. */
export function isoDayOfWeek(days: number): number {
  return ((((days + 3) % 7) + 7) % 7) + 1;
}

/** ISO 8601 week: the one with the year's first Thursday is week 1. */
export function isoWeek(days: number): { year: number; week: number } {
  const thursday = days - isoDayOfWeek(days) + 4;
  const { year } = dateOfDays(thursday);
  return { year, week: Math.floor((thursday - daysOfDate(year, 1, 1)) / 7) + 1 };
}

/** The Julian day of 1970-01-01. */
export const JULIAN_EPOCH = 2_440_588;

const whole = (value: number): Decimal => Decimal.of(value);

export function extractTimestamp(field: string, micros: bigint): Decimal {
  const { days, timeOfDay } = splitTimestamp(micros);
  const name = fieldName(field);
  if (name === 'epoch') return new Decimal(micros, 6);
  if (name === 'julian') {
    return whole(days + JULIAN_EPOCH).add(Decimal.of(timeOfDay).divide(Decimal.of(MICROS_PER_DAY)));
  }
  return (
    extractTimeOfDay(name, timeOfDay) ?? extractDate(name, days) ?? refuseField(field, 'timestamp without time zone')
  );
}

/** The time zone of the session is UTC. */
export function extractMoment(field: string, micros: bigint): Decimal {
  return /^timezone(?:_hour|_minute)?$/.test(fieldName(field)) ? whole(0) : extractTimestamp(field, micros);
}

/** A field of a date by its settled name, or undefined. */
function extractDate(name: string, days: number): Decimal | undefined {
  const { year, month, day } = dateOfDays(days);
  switch (name) {
    case 'day':
      return whole(day);
    case 'month':
      return whole(month);
    case 'year':
      return whole(year <= 0 ? year - 1 : year);
    case 'quarter':
      return whole(Math.floor((month - 1) / 3) + 1);
    case 'dow':
      return whole(isoDayOfWeek(days) % 7);
    case 'isodow':
      return whole(isoDayOfWeek(days));
    case 'doy':
      return whole(days - daysOfDate(year, 1, 1) + 1);
    case 'week':
      return whole(isoWeek(days).week);
    case 'isoyear':
      return whole(isoWeek(days).year <= 0 ? isoWeek(days).year - 1 : isoWeek(days).year);
    case 'decade':
      return whole(Math.floor(year / 10));
    case 'century':
      return whole(year > 0 ? Math.floor((year + 99) / 100) : Math.floor(year / 100) - 1);
    case 'millennium':
      return whole(year > 0 ? Math.floor((year + 999) / 1000) : Math.floor(year / 1000) - 1);
    default:
      return undefined;
  }
}

export function extractOfDate(field: string, days: number): Decimal {
  const name = fieldName(field);
  if (name === 'epoch') return Decimal.of(BigInt(days) * 86_400n);
  if (name === 'julian') return whole(days + JULIAN_EPOCH);
  return extractDate(name, days) ?? refuseField(field, 'date');
}

export function extractOfTime(field: string, micros: bigint): Decimal {
  const name = fieldName(field);
  if (name === 'epoch') return new Decimal(micros, 6);
  return extractTimeOfDay(name, micros) ?? refuseField(field, 'time without time zone');
}

function extractTimeOfDay(name: string, micros: bigint): Decimal | undefined {
  switch (name) {
    case 'hour':
      return Decimal.of(micros / MICROS_PER_HOUR);
    case 'minute':
      return Decimal.of((micros / MICROS_PER_MINUTE) % 60n);
    case 'second':
      return new Decimal(micros % MICROS_PER_MINUTE, 6);
    case 'millisecond':
      return new Decimal(micros % MICROS_PER_MINUTE, 3);
    case 'microsecond':
      return Decimal.of(micros % MICROS_PER_MINUTE);
    default:
      return undefined;
  }
}

export function extractInterval(field: string, interval: Interval): Decimal {
  const name = fieldName(field);
  const years = Math.trunc(interval.months / 12);
  switch (name) {
    case 'year':
      return whole(years);
    case 'decade':
      return whole(Math.trunc(years / 10));
    case 'century':
      return whole(Math.trunc(years / 100));
    case 'millennium':
      return whole(Math.trunc(years / 1000));
    case 'quarter':
      return whole(Math.trunc((interval.months % 12) / 3) + 1);
    case 'month':
      return whole(interval.months % 12);
    case 'day':
      return whole(interval.days);
    case 'epoch': {
      const days = BigInt(interval.months % 12) * 30n + BigInt(interval.days);
      return new Decimal(((BigInt(years) * 36_525n + days * 100n) * MICROS_PER_DAY) / 100n + interval.micros, 6);
    }
    default:
      return extractTimeOfDay(name, interval.micros) ?? refuseField(field, 'interval');
  }
}
