import {
  addInterval,
  checkedDate,
  checkedTimestamp,
  dateOfDays,
  daysOfDate,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_SECOND,
  splitTimestamp,
} from '../calendar.ts';
import type { Interval } from '../data-type.ts';
import { Decimal } from '../decimal.ts';
import { divisionByZero, evaluationError } from '../evaluation-error.ts';
import { addIntervals, makeInterval, multiplyInterval, negateInterval } from '../interval.ts';
import { formatTimestampAs } from '../timestamp-format.ts';
import type { TypeKind } from '../type-name.ts';
import { type FunctionOverload, overload } from './overload.ts';

type Stamp = 'timestamp' | 'timestamptz';

function stampFunctions(kind: Stamp): FunctionOverload[] {
  return [
    overload('add', [kind, 'interval'], kind, addInterval),
    overload('add', ['interval', kind], kind, (a: Interval, b: bigint) => addInterval(b, a)),
    overload('subtract', [kind, 'interval'], kind, (a: bigint, b: Interval) => addInterval(a, negateInterval(b))),
    overload('subtract', [kind, kind], 'interval', (a: bigint, b: bigint) =>
      makeInterval(0, Number((a - b) / MICROS_PER_DAY), (a - b) % MICROS_PER_DAY),
    ),
    overload('date_trunc', ['text', kind], kind, truncateTimestamp),
    overload('extract', ['text', kind], 'numeric', extractTimestamp),
    overload('date_part', ['text', kind], 'float8', (field: string, a: bigint) =>
      extractTimestamp(field, a).toNumber(),
    ),
    overload('to_char', [kind, 'text'], 'text', (a: bigint, format: string) => formatTimestampAs(a, format)),
  ];
}

const floorTo = (value: bigint, step: bigint): bigint => {
  const rest = value % step;
  return value - (rest < 0n ? rest + step : rest);
};

const TRUNC_STEPS: Readonly<Record<string, bigint>> = {
  microsecond: 1n,
  millisecond: 1000n,
  second: MICROS_PER_SECOND,
  minute: MICROS_PER_MINUTE,
  hour: MICROS_PER_HOUR,
  day: MICROS_PER_DAY,
};

/** Field names may be plural, as in PostgreSQL. */
function fieldName(field: string): string {
  const name = field.toLowerCase();
  if (name === 'centuries') return 'century';
  if (name === 'millennia') return 'millennium';
  return name.endsWith('s') ? name.slice(0, -1) : name;
}

function truncateTimestamp(field: string, micros: bigint): bigint {
  const name = fieldName(field);
  const step = TRUNC_STEPS[name];
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

/** Monday is 1, Sunday 7. 1970-01-01 was a Thursday. */
function isoDayOfWeek(days: number): number {
  return ((((days + 3) % 7) + 7) % 7) + 1;
}

/** ISO 8601 week: the one with the year's first Thursday is week 1. */
function isoWeek(days: number): { year: number; week: number } {
  const thursday = days - isoDayOfWeek(days) + 4;
  const { year } = dateOfDays(thursday);
  return { year, week: Math.floor((thursday - daysOfDate(year, 1, 1)) / 7) + 1 };
}

const whole = (value: number): Decimal => Decimal.of(value);

function extractTimestamp(field: string, micros: bigint): Decimal {
  const { days, timeOfDay } = splitTimestamp(micros);
  const name = fieldName(field);
  if (name === 'epoch') return new Decimal(micros, 6);
  return extractTimeOfDay(name, timeOfDay) ?? extractDate(name, days) ?? refuse(field, 'timestamp');
}

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
      return whole(isoWeek(days).year);
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

function extractInterval(field: string, interval: Interval): Decimal {
  const name = fieldName(field);
  switch (name) {
    case 'year':
      return whole(Math.trunc(interval.months / 12));
    case 'month':
      return whole(interval.months % 12);
    case 'day':
      return whole(interval.days);
    case 'epoch': {
      const years = BigInt(Math.trunc(interval.months / 12));
      const days = BigInt(interval.months % 12) * 30n + BigInt(interval.days);
      return new Decimal(((years * 36_525n + days * 100n) * MICROS_PER_DAY) / 100n + interval.micros, 6);
    }
    default:
      return extractTimeOfDay(name, interval.micros) ?? refuse(field, 'interval');
  }
}

function refuse(field: string, type: TypeKind): never {
  throw unknownField(field, type);
}

function unknownField(field: string, type: TypeKind): Error {
  return evaluationError('PLAN_INVALID_ARGUMENT', `unit "${field}" not recognized for type ${type}`);
}

function extractOfDate(field: string, days: number): Decimal {
  if (fieldName(field) === 'epoch') return Decimal.of(BigInt(days) * 86_400n);
  return extractDate(fieldName(field), days) ?? refuse(field, 'date');
}

function divideInterval(interval: Interval, divisor: number): Interval {
  if (divisor === 0) throw divisionByZero();
  return multiplyInterval(interval, 1 / divisor);
}

const dayStart = (days: number): bigint => checkedTimestamp(BigInt(days) * MICROS_PER_DAY);

/** Date and time functions; the time zone of the session is UTC. */
export const TIME_FUNCTIONS: readonly FunctionOverload[] = [
  ...stampFunctions('timestamp'),
  ...stampFunctions('timestamptz'),
  overload('now', [], 'timestamptz', () => null, { volatility: 'stable' }),
  overload('add', ['date', 'int4'], 'date', (a: number, b: number) => checkedDate(a + b)),
  overload('add', ['int4', 'date'], 'date', (a: number, b: number) => checkedDate(a + b)),
  overload('subtract', ['date', 'int4'], 'date', (a: number, b: number) => checkedDate(a - b)),
  overload('subtract', ['date', 'date'], 'int4', (a: number, b: number) => a - b),
  overload('add', ['date', 'interval'], 'timestamp', (a: number, b: Interval) => addInterval(dayStart(a), b)),
  overload('subtract', ['date', 'interval'], 'timestamp', (a: number, b: Interval) =>
    addInterval(dayStart(a), negateInterval(b)),
  ),
  overload('add', ['date', 'time'], 'timestamp', (a: number, b: bigint) => checkedTimestamp(dayStart(a) + b)),
  overload('extract', ['text', 'date'], 'numeric', extractOfDate),
  overload('date_part', ['text', 'date'], 'float8', (field: string, a: number) => extractOfDate(field, a).toNumber()),
  overload('extract', ['text', 'time'], 'numeric', (field: string, a: bigint) =>
    fieldName(field) === 'epoch' ? new Decimal(a, 6) : (extractTimeOfDay(fieldName(field), a) ?? refuse(field, 'time')),
  ),
  overload('extract', ['text', 'interval'], 'numeric', extractInterval),
  overload('date_part', ['text', 'interval'], 'float8', (field: string, a: Interval) =>
    extractInterval(field, a).toNumber(),
  ),
  overload('add', ['interval', 'interval'], 'interval', addIntervals),
  overload('subtract', ['interval', 'interval'], 'interval', (a: Interval, b: Interval) =>
    addIntervals(a, negateInterval(b)),
  ),
  overload('multiply', ['interval', 'float8'], 'interval', multiplyInterval),
  overload('multiply', ['float8', 'interval'], 'interval', (a: number, b: Interval) => multiplyInterval(b, a)),
  overload('divide', ['interval', 'float8'], 'interval', divideInterval),
  overload('negate', ['interval'], 'interval', negateInterval),
  overload('to_timestamp', ['float8'], 'timestamptz', (seconds: number) => {
    if (!Number.isFinite(seconds)) throw evaluationError('PLAN_OUT_OF_RANGE', 'timestamp out of range');
    return checkedTimestamp(BigInt(Math.round(seconds * 1e6)));
  }),
];
