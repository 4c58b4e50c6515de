import type { Interval } from '../data-type.ts';
import { evaluationError, outOfRange } from '../evaluation-error.ts';
import { TYPE } from '../type-name.ts';
import {
  addInterval,
  checkedDate,
  checkedTimestamp,
  daysInMonth,
  daysOfDate,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
} from '../value/calendar.ts';
import { makeInterval, negateInterval } from '../value/interval.ts';
import { intervalZone, type TimeZone, timeZone, toLocal, toUtc } from '../value/time-zone.ts';
import { valueOrder } from '../value/value-order.ts';
import { type GenericFunction, generic } from './generic.ts';
import { ageBetween } from './interval.ts';
import { type FunctionOverload, overload } from './overload.ts';
import { extractMoment, extractOfDate, extractOfTime, extractTimestamp, truncateTimestamp } from './time-field.ts';

type Stamp = 'timestamp' | 'timestamptz';

function stampFunctions(kind: Stamp): FunctionOverload[] {
  const extract = kind === 'timestamp' ? extractTimestamp : extractMoment;
  return [
    overload('add', [kind, 'interval'], kind, addInterval),
    overload('add', ['interval', kind], kind, (a: Interval, b: bigint) => addInterval(b, a)),
    overload('subtract', [kind, 'interval'], kind, (a: bigint, b: Interval) => addInterval(a, negateInterval(b))),
    overload('subtract', [kind, kind], 'interval', (a: bigint, b: bigint) =>
      makeInterval(0, Number((a - b) / MICROS_PER_DAY), (a - b) % MICROS_PER_DAY),
    ),
    overload('date_trunc', ['text', kind], kind, truncateTimestamp),
    overload('extract', ['text', kind], 'numeric', extract),
    overload('date_part', ['text', kind], 'float8', (field: string, a: bigint) => extract(field, a).toNumber()),
    overload('date_bin', ['interval', kind, kind], kind, binOf),
    overload('age', [kind, kind], 'interval', ageBetween),
    overload('isfinite', [kind], 'boolean', () => true),
  ];
}

/** The beginning of the stride that a time lies in, strides being counted from an origin. */
function binOf(stride: Interval, source: bigint, origin: bigint): bigint {
  if (stride.months !== 0) {
    throw evaluationError(
      'PLAN_INVALID_ARGUMENT',
      'timestamps cannot be binned into intervals containing months or years',
    );
  }
  const step = BigInt(stride.days) * MICROS_PER_DAY + stride.micros;
  if (step <= 0n) throw evaluationError('PLAN_INVALID_ARGUMENT', 'stride must be greater than zero');
  const rest = (source - origin) % step;
  return checkedTimestamp(source - (rest < 0n ? rest + step : rest));
}

const zoneOfInterval = (zone: Interval): TimeZone => intervalZone(zone.months, zone.days, zone.micros);

/** Cut in the local time of a zone. */
function truncateIn(field: string, micros: bigint, zoneName: string): bigint {
  const zone = timeZone(zoneName);
  return checkedTimestamp(toUtc(zone, truncateTimestamp(field, toLocal(zone, micros))));
}

const dayStart = (days: number): bigint => checkedTimestamp(BigInt(days) * MICROS_PER_DAY);

function fieldOutOfRange(shown: string): Error {
  return evaluationError('PLAN_OUT_OF_RANGE', `date/time field value out of range: ${shown}`);
}

function makeDate(year: number, month: number, day: number): number {
  const astronomical = year < 0 ? year + 1 : year;
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(astronomical, month)) {
    throw fieldOutOfRange(`${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`);
  }
  return checkedDate(daysOfDate(astronomical, month, day));
}

function makeTime(hour: number, minute: number, second: number): bigint {
  const micros = Number.isFinite(second) ? BigInt(Math.round(second * 1e6)) : -1n;
  const total = BigInt(hour) * MICROS_PER_HOUR + BigInt(minute) * MICROS_PER_MINUTE + micros;
  const isInside = hour >= 0 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
  if (!isInside || total > MICROS_PER_DAY)
    throw fieldOutOfRange(`${hour}:${String(minute).padStart(2, '0')}:${second}`);
  return total;
}

function makeTimestamp(year: number, month: number, day: number, hour: number, minute: number, second: number): bigint {
  return checkedTimestamp(dayStart(makeDate(year, month, day)) + makeTime(hour, minute, second));
}

/** A time of day goes round. */
function shiftTime(time: bigint, by: bigint): bigint {
  const moved = (time + by) % MICROS_PER_DAY;
  return moved < 0n ? moved + MICROS_PER_DAY : moved;
}

const SIX = ['int4', 'int4', 'int4', 'int4', 'int4', 'float8'] as const;

/** Date and time functions (PostgreSQL manual, section 9.9); the time zone of the session is UTC. */
export const TIME_FUNCTIONS: readonly FunctionOverload[] = [
  ...stampFunctions('timestamp'),
  ...stampFunctions('timestamptz'),
  overload('now', [], 'timestamptz', () => null, { volatility: 'stable' }),
  overload('date_trunc', ['text', 'timestamptz', 'text'], 'timestamptz', truncateIn),
  overload('timezone', ['text', 'timestamptz'], 'timestamp', (zone: string, a: bigint) => toLocal(timeZone(zone), a)),
  overload('timezone', ['text', 'timestamp'], 'timestamptz', (zone: string, a: bigint) =>
    checkedTimestamp(toUtc(timeZone(zone), a)),
  ),
  overload('timezone', ['interval', 'timestamptz'], 'timestamp', (zone: Interval, a: bigint) =>
    toLocal(zoneOfInterval(zone), a),
  ),
  overload('timezone', ['interval', 'timestamp'], 'timestamptz', (zone: Interval, a: bigint) =>
    toUtc(zoneOfInterval(zone), a),
  ),
  overload('add', ['date', 'int4'], 'date', (a: number, b: number) => checkedDate(a + b)),
  overload('add', ['int4', 'date'], 'date', (a: number, b: number) => checkedDate(a + b)),
  overload('subtract', ['date', 'int4'], 'date', (a: number, b: number) => checkedDate(a - b)),
  overload('subtract', ['date', 'date'], 'int4', (a: number, b: number) => a - b),
  overload('add', ['date', 'interval'], 'timestamp', (a: number, b: Interval) => addInterval(dayStart(a), b)),
  overload('add', ['interval', 'date'], 'timestamp', (a: Interval, b: number) => addInterval(dayStart(b), a)),
  overload('subtract', ['date', 'interval'], 'timestamp', (a: number, b: Interval) =>
    addInterval(dayStart(a), negateInterval(b)),
  ),
  overload('add', ['date', 'time'], 'timestamp', (a: number, b: bigint) => checkedTimestamp(dayStart(a) + b)),
  overload('add', ['time', 'date'], 'timestamp', (a: bigint, b: number) => checkedTimestamp(dayStart(b) + a)),
  overload('add', ['time', 'interval'], 'time', (a: bigint, b: Interval) => shiftTime(a, b.micros)),
  overload('add', ['interval', 'time'], 'time', (a: Interval, b: bigint) => shiftTime(b, a.micros)),
  overload('subtract', ['time', 'interval'], 'time', (a: bigint, b: Interval) => shiftTime(a, -b.micros)),
  overload('subtract', ['time', 'time'], 'interval', (a: bigint, b: bigint) => makeInterval(0, 0, a - b)),
  overload('extract', ['text', 'date'], 'numeric', extractOfDate),
  overload('date_part', ['text', 'date'], 'float8', (field: string, a: number) =>
    extractTimestamp(field, dayStart(a)).toNumber(),
  ),
  overload('extract', ['text', 'time'], 'numeric', extractOfTime),
  overload('date_part', ['text', 'time'], 'float8', (field: string, a: bigint) => extractOfTime(field, a).toNumber()),
  overload('isfinite', ['date'], 'boolean', () => true),
  overload('to_timestamp', ['float8'], 'timestamptz', (seconds: number) => {
    if (!Number.isFinite(seconds)) throw outOfRange('timestamp');
    return checkedTimestamp(BigInt(Math.round(seconds * 1e6)));
  }),
  overload('make_date', ['int4', 'int4', 'int4'], 'date', makeDate),
  overload('make_time', ['int4', 'int4', 'float8'], 'time', makeTime),
  overload('make_timestamp', SIX, 'timestamp', makeTimestamp),
  overload('make_timestamptz', SIX, 'timestamptz', makeTimestamp),
  overload(
    'make_timestamptz',
    [...SIX, 'text'],
    'timestamptz',
    (y: number, mon: number, d: number, h: number, min: number, s: number, zone: string) =>
      checkedTimestamp(toUtc(timeZone(zone), makeTimestamp(y, mon, d, h, min, s))),
  ),
];

/** Whether two periods share a moment; an end may be null, and may lie before its start. */
export const TIME_GENERICS: readonly GenericFunction[] = [
  generic(
    'overlaps',
    ['element', 'element', 'element', 'element'],
    TYPE.boolean,
    (element) => {
      const order = valueOrder(element);
      const period = (a: unknown, b: unknown): readonly [unknown, unknown] => {
        if (a === null) return [b, null];
        return b !== null && order(a, b) > 0 ? [b, a] : [a, b];
      };
      return (a: unknown, b: unknown, c: unknown, d: unknown) => {
        const [firstStart, firstEnd] = period(a, b);
        const [secondStart, secondEnd] = period(c, d);
        if (firstStart === null || secondStart === null) return null;
        const which = order(firstStart, secondStart);
        if (which === 0) return firstEnd === null || secondEnd === null ? null : true;
        const [late, earlyEnd, lateEnd] =
          which > 0 ? [firstStart, secondEnd, firstEnd] : [secondStart, firstEnd, secondEnd];
        if (earlyEnd === null) return null;
        if (order(late, earlyEnd) < 0) return true;
        return lateEnd === null ? null : false;
      };
    },
    { strict: false, nullable: true },
  ),
];
