import type { Interval } from '../data-type.ts';
import { invalidText, outOfRange } from '../evaluation-error.ts';
import { MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, pad } from './calendar.ts';

/** For comparison and hashing only: a month counts as 30 days, a day as 24 hours, as in PostgreSQL. */
export function intervalOrder(interval: Interval): bigint {
  return (BigInt(interval.months) * 30n + BigInt(interval.days)) * MICROS_PER_DAY + interval.micros;
}

export function makeInterval(months: number, days: number, micros: bigint): Interval {
  if (Math.abs(months) > 0x7fffffff || Math.abs(days) > 0x7fffffff || BigInt.asIntN(64, micros) !== micros) {
    throw outOfRange('interval');
  }
  return Object.freeze({ months, days, micros });
}

export function addIntervals(a: Interval, b: Interval): Interval {
  return makeInterval(a.months + b.months, a.days + b.days, a.micros + b.micros);
}

export function negateInterval(a: Interval): Interval {
  return makeInterval(-a.months, -a.days, -a.micros);
}

/** The fraction of a month becomes days (30 a month), the fraction of a day becomes time, as in PostgreSQL. */
export function multiplyInterval(interval: Interval, factor: number): Interval {
  const months = interval.months * factor;
  const wholeMonths = Math.trunc(months);
  const daysOfMonths = roundMicro((months - wholeMonths) * 30);
  const days = interval.days * factor;
  const wholeDays = Math.trunc(days) + Math.trunc(daysOfMonths);
  let seconds = roundMicro((days - Math.trunc(days) + daysOfMonths - Math.trunc(daysOfMonths)) * 86_400);
  let carriedDays = 0;
  if (Math.abs(seconds) >= 86_400) {
    carriedDays = Math.trunc(seconds / 86_400);
    seconds -= carriedDays * 86_400;
  }
  const micros = Math.round(Number(interval.micros) * factor + seconds * 1e6);
  if (![wholeMonths, wholeDays, micros].every(Number.isFinite)) throw outOfRange('interval');
  return makeInterval(wholeMonths, wholeDays + carriedDays, BigInt(micros));
}

const roundMicro = (value: number): number => Math.round(value * 1e6) / 1e6;

type UnitSize = { readonly months: number } | { readonly days: number } | { readonly micros: bigint };

const UNITS: ReadonlyMap<string, UnitSize> = new Map(
  (
    [
      [{ micros: 1n }, ['us', 'usec', 'usecs', 'microsecond', 'microseconds']],
      [{ micros: 1000n }, ['ms', 'msec', 'msecs', 'millisecond', 'milliseconds']],
      [{ micros: MICROS_PER_SECOND }, ['s', 'sec', 'secs', 'second', 'seconds']],
      [{ micros: MICROS_PER_MINUTE }, ['m', 'min', 'mins', 'minute', 'minutes']],
      [{ micros: MICROS_PER_HOUR }, ['h', 'hr', 'hrs', 'hour', 'hours']],
      [{ days: 1 }, ['d', 'day', 'days']],
      [{ days: 7 }, ['w', 'week', 'weeks']],
      [{ months: 1 }, ['mon', 'mons', 'month', 'months']],
      [{ months: 12 }, ['y', 'yr', 'yrs', 'year', 'years']],
      [{ months: 120 }, ['decade', 'decades', 'dec', 'decs']],
      [{ months: 1200 }, ['century', 'centuries', 'c', 'cent']],
      [{ months: 12_000 }, ['millennium', 'millennia', 'mil', 'mils']],
    ] as readonly (readonly [UnitSize, readonly string[]])[]
  ).flatMap(([size, names]) => names.map((name): [string, UnitSize] => [name, size])),
);

const TERM = /\s*([+-]?)(\d*)(?:\.(\d+))?\s*([a-z]+)\s*/iy;
const YEAR_MONTH = /\s*([+-]?)(\d+)-(\d{1,2})(?=\s|$)\s*/y;
/** A number without a unit: days before a time of day, else seconds. */
const BARE = /\s*([+-]?)(\d+)(?:\.(\d+))?(?=\s+[+-]?\d+:|\s*$)\s*/y;
const CLOCK = /\s*([+-]?)(\d+):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?(?=\s|$)\s*/y;

/** PostgreSQL's interval text: `1 day 02:03:04`, `5 minutes`, `-1 mon`, `1 hour ago`, and ISO 8601 `P1DT2H`. */
export function parseInterval(text: string): Interval {
  const trimmed = text.trim();
  if (/^[+-]?P/i.test(trimmed)) return parseIsoInterval(trimmed);
  const ago = /\sago$/i.test(trimmed);
  const body = (ago ? trimmed.slice(0, -4) : trimmed).replace(/^@\s*/, '');
  if (body === '') throw invalidText('interval', text);
  let total = makeInterval(0, 0, 0n);
  for (let at = 0; at < body.length; ) {
    const read = readTerm(body, at);
    if (read === undefined) throw invalidText('interval', text);
    total = addIntervals(total, read.interval);
    at = read.end;
  }
  return ago ? negateInterval(total) : total;
}

function readTerm(body: string, at: number): { readonly interval: Interval; readonly end: number } | undefined {
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(body);
  };
  const clock = match(CLOCK);
  if (clock !== null) return { interval: clockInterval(clock), end: CLOCK.lastIndex };
  const yearMonth = match(YEAR_MONTH);
  if (yearMonth !== null) {
    const months = Number(yearMonth[2]) * 12 + Number(yearMonth[3]);
    return { interval: makeInterval(yearMonth[1] === '-' ? -months : months, 0, 0n), end: YEAR_MONTH.lastIndex };
  }
  const bare = match(BARE);
  if (bare !== null) {
    const size: UnitSize = BARE.lastIndex < body.length ? { days: 1 } : { micros: MICROS_PER_SECOND };
    return { interval: scaledUnit(size, `${bare[1]}${bare[2]}`, bare[3] ?? ''), end: BARE.lastIndex };
  }
  const term = match(TERM);
  const size = UNITS.get(term?.[4]?.toLowerCase() ?? '');
  if (term === null || size === undefined || `${term[2]}${term[3] ?? ''}` === '') return undefined;
  return { interval: scaledUnit(size, `${term[1]}${term[2] || '0'}`, term[3] ?? ''), end: TERM.lastIndex };
}

function clockInterval(match: RegExpExecArray): Interval {
  if (Number(match[3]) > 59 || Number(match[4] ?? 0) > 60) throw outOfRange('interval field value');
  const seconds = (Number(match[2]) * 60 + Number(match[3])) * 60 + Number(match[4] ?? 0);
  const micros = BigInt(seconds) * MICROS_PER_SECOND + BigInt((match[5] ?? '').padEnd(6, '0').slice(0, 6));
  return makeInterval(0, 0, match[1] === '-' ? -micros : micros);
}

function scaledUnit(size: UnitSize, whole: string, fraction: string): Interval {
  if (fraction !== '' && !('micros' in size)) {
    const unit = 'months' in size ? makeInterval(size.months, 0, 0n) : makeInterval(0, size.days, 0n);
    return multiplyInterval(unit, Number(`${whole}.${fraction}`));
  }
  const negative = whole.startsWith('-');
  const count = BigInt(whole.replace('+', ''));
  if ('months' in size) return makeInterval(Number(count) * size.months, 0, 0n);
  if ('days' in size) return makeInterval(0, Number(count) * size.days, 0n);
  const part = fraction === '' ? 0n : (BigInt(fraction) * size.micros * 10n) / 10n ** BigInt(fraction.length);
  const rounded = (part + 5n) / 10n;
  return makeInterval(0, 0, count * size.micros + (negative ? -rounded : rounded));
}

const ISO =
  /^([+-]?)P(?:([+-]?\d+)Y)?(?:([+-]?\d+)M)?(?:([+-]?\d+)W)?(?:([+-]?\d+)D)?(?:T(?:([+-]?\d+)H)?(?:([+-]?\d+)M)?(?:([+-]?)(\d+)(?:\.(\d{1,6}))?S)?)?$/i;

function parseIsoInterval(text: string): Interval {
  const match = ISO.exec(text);
  if (match === null || /[PT]$/i.test(text)) throw invalidText('interval', text);
  const part = (index: number): number => Number(match[index] ?? 0);
  const fraction = BigInt((match[10] ?? '').padEnd(6, '0'));
  const seconds = BigInt(match[9] ?? 0) * MICROS_PER_SECOND + fraction;
  const micros = BigInt(part(6) * 60 + part(7)) * MICROS_PER_MINUTE + (match[8] === '-' ? -seconds : seconds);
  const interval = makeInterval(part(2) * 12 + part(3), part(4) * 7 + part(5), micros);
  return match[1] === '-' ? negateInterval(interval) : interval;
}

function clockText(micros: bigint): string {
  const size = micros < 0n ? -micros : micros;
  const hours = size / MICROS_PER_HOUR;
  const minutes = Number((size / MICROS_PER_MINUTE) % 60n);
  const seconds = Number((size / MICROS_PER_SECOND) % 60n);
  const fraction = Number(size % MICROS_PER_SECOND);
  const tail = fraction === 0 ? '' : `.${pad(fraction, 6).replace(/0+$/, '')}`;
  return `${hours.toString().padStart(2, '0')}:${pad(minutes, 2)}:${pad(seconds, 2)}${tail}`;
}

/** PostgreSQL's output: `1 year 2 mons 3 days 04:05:06`. */
export function formatInterval(interval: Interval): string {
  const years = Math.trunc(interval.months / 12);
  const months = interval.months % 12;
  const parts: string[] = [];
  let afterNegative = false;
  const push = (count: number, one: string, many: string): void => {
    if (count === 0) return;
    parts.push(`${afterNegative && count > 0 ? '+' : ''}${count} ${count === 1 ? one : many}`);
    afterNegative = count < 0;
  };
  push(years, 'year', 'years');
  push(months, 'mon', 'mons');
  push(interval.days, 'day', 'days');
  if (interval.micros !== 0n || parts.length === 0) {
    const sign = interval.micros < 0n ? '-' : afterNegative ? '+' : '';
    parts.push(`${sign}${clockText(interval.micros)}`);
  }
  return parts.join(' ');
}

/** ISO 8601: `P1Y2M3DT4H5M6.5S`. */
export function formatIsoInterval(interval: Interval): string {
  const years = Math.trunc(interval.months / 12);
  const months = interval.months % 12;
  const negative = interval.micros < 0n;
  const size = negative ? -interval.micros : interval.micros;
  const sign = negative ? '-' : '';
  const hours = size / MICROS_PER_HOUR;
  const minutes = (size / MICROS_PER_MINUTE) % 60n;
  const seconds = (size / MICROS_PER_SECOND) % 60n;
  const fraction = Number(size % MICROS_PER_SECOND);
  const secondsText = fraction === 0 ? `${seconds}` : `${seconds}.${pad(fraction, 6).replace(/0+$/, '')}`;
  const date = `${years ? `${years}Y` : ''}${months ? `${months}M` : ''}${interval.days ? `${interval.days}D` : ''}`;
  const time = `${hours ? `${sign}${hours}H` : ''}${minutes ? `${sign}${minutes}M` : ''}${secondsText !== '0' ? `${sign}${secondsText}S` : ''}`;
  if (date === '' && time === '') return 'PT0S';
  return `P${date}${time === '' ? '' : `T${time}`}`;
}
