import type { Interval } from '../../plan/data-type.ts';
import type { CallExpression, Expression } from '../../plan/expression.ts';
import { narrow } from './emit-arithmetic.ts';
import { differenceOverflows, sumOverflows } from './emit-numeric.ts';
import { emitStrict } from './emit-strict.ts';
import type { Emitter } from './emitter.ts';
import { type Code, f64, i32, i64, select } from './instruction.ts';
import {
  asI32,
  asI64,
  decimalOperand,
  f64Operand,
  I64_BOUND,
  type IntervalOperand,
  i32Operand,
  i64Operand,
  notCompilable,
  type Operand,
  ZERO64,
} from './operand.ts';

const MICROS_PER_DAY = 86_400_000_000n;
const DAY = i64.const(MICROS_PER_DAY);
/** As plan/calendar.ts: 4713 BC to 294276 AD; dates reach further. */
const DAYS_MIN = -2_440_588n;
const DAYS_MAX = 106_751_991n;
const DATE_DAYS_MAX = 2_145_042_541n;
const STAMP_MIN = DAYS_MIN * MICROS_PER_DAY;
/** The last day is longer than 64 bits reach. */
const STAMP_MAX = I64_BOUND - 1n;
/** A constant interval of more months than any two timestamps lie apart is left to the interpreter. */
const MONTHS_MAX = 12 * 300_000;

const isStamp = (kind: string): boolean => kind === 'timestamp' || kind === 'timestamptz';

/** A constant interval. @throws NotCompilable when days and time do not fit 64 bits together */
export function intervalLiteral(value: Interval | null): IntervalOperand {
  if (value === null) return { physical: 'interval', months: 0, value: ZERO64, isNull: i32.const(1) };
  const micros = BigInt(value.days) * MICROS_PER_DAY + value.micros;
  const isLarge = BigInt.asIntN(62, micros) !== micros || Math.abs(value.months) > MONTHS_MAX;
  if (isLarge) return notCompilable('so long an interval');
  return { physical: 'interval', months: value.months, value: i64.const(micros), isNull: undefined };
}

/** `+` and `-` among dates, times, timestamps and intervals. */
export function emitTimeArithmetic(emitter: Emitter, call: CallExpression): Operand {
  const [left, right] = call.args.map((arg) => arg.type.kind);
  const isAdd = call.function === 'add';
  return emitStrict(emitter, call.args, (inner, [a, b]) => {
    if (left === 'date' && right === 'date') return dateDifference(inner, asI32(a!), asI32(b!));
    if (left === 'int4' && right === 'date') return shiftDate(inner, asI32(b!), asI32(a!), true);
    if (left === 'date' && right === 'int4') return shiftDate(inner, asI32(a!), asI32(b!), isAdd);
    if (left === 'date' && right === 'time') return shiftBy(inner, dayStart(inner, asI32(a!)), asI64(b!));
    if (left === 'date') return shiftStamp(inner, dayStart(inner, asI32(a!)), b!, isAdd);
    if (left === 'interval' && isStamp(right!)) return shiftStamp(inner, asI64(b!), a!, true);
    if (isStamp(left!) && right === 'interval') return shiftStamp(inner, asI64(a!), b!, isAdd);
    if (isStamp(left!) && left === right) return stampDifference(inner, asI64(a!), asI64(b!));
    return notCompilable(`${call.function} of ${left} and ${right}`);
  });
}

function dateDifference(emitter: Emitter, a: Code<'i32'>, b: Code<'i32'>): Operand {
  const difference = emitter.keep(i64.sub(i64.extend(a), i64.extend(b)));
  return i32Operand(narrow(emitter, difference, 'int4'), undefined);
}

function shiftDate(emitter: Emitter, date: Code<'i32'>, days: Code<'i32'>, isAdd: boolean): Operand {
  const operation = isAdd ? i64.add : i64.sub;
  const shifted = emitter.keep(operation(i64.extend(date), i64.extend(days)));
  bailOutside(emitter, shifted, DAYS_MIN, DATE_DAYS_MAX);
  return i32Operand(emitter.keep(i32.wrap(shifted)), undefined);
}

function bailOutside(emitter: Emitter, value: Code<'i64'>, min: bigint, max: bigint): void {
  emitter.bailIf(i32.or(i64.lt(value, i64.const(min)), i64.gt(value, i64.const(max))));
}

/** Midnight of a date. */
function dayStart(emitter: Emitter, date: Code<'i32'>): Code<'i64'> {
  const days = emitter.keep(i64.extend(date));
  bailOutside(emitter, days, DAYS_MIN, DAYS_MAX);
  return emitter.keep(i64.mul(days, DAY));
}

function shiftBy(emitter: Emitter, stamp: Code<'i64'>, micros: Code<'i64'>, isAdd = true): Operand {
  const shifted = emitter.keep(isAdd ? i64.add(stamp, micros) : i64.sub(stamp, micros));
  const overflows = isAdd ? sumOverflows : differenceOverflows;
  emitter.bailIf(overflows(stamp, micros, shifted));
  bailOutside(emitter, shifted, STAMP_MIN, STAMP_MAX);
  return i64Operand(shifted, undefined);
}

/** Months first, a day that the month does not have becoming its last; then days and time. */
function shiftStamp(emitter: Emitter, stamp: Code<'i64'>, interval: Operand, isAdd: boolean): Operand {
  if (interval.physical !== 'interval') return notCompilable('a stored interval');
  if (interval.months === 0) return shiftBy(emitter, stamp, interval.value, isAdd);
  const days = dayOf(emitter, stamp);
  bailOutside(emitter, days, DAYS_MIN, DAYS_MAX);
  const months = i32.const(isAdd ? interval.months : -interval.months);
  const moved = emitter.keep(i64.extend(emitter.call('addMonths', [i32.wrap(days), months], 'i32')));
  bailOutside(emitter, moved, -DAYS_MAX, DAYS_MAX);
  const shifted = emitter.keep(i64.add(stamp, i64.mul(i64.sub(moved, days), DAY)));
  return shiftBy(emitter, shifted, interval.value, isAdd);
}

function stampDifference(emitter: Emitter, a: Code<'i64'>, b: Code<'i64'>): Operand {
  const difference = emitter.keep(i64.sub(a, b));
  emitter.bailIf(differenceOverflows(a, b, difference));
  return { physical: 'interval', months: 0, value: difference, isNull: undefined };
}

/** Rounds down to a multiple. */
export function floorTo(emitter: Emitter, value: Code<'i64'>, step: bigint): Code<'i64'> {
  const rest = emitter.keep(i64.rem(value, i64.const(step)));
  const over = select(i64.add(rest, i64.const(step)), rest, i64.lt(rest, ZERO64));
  return emitter.keep(i64.sub(value, over));
}

/** Days since 1970-01-01 of a timestamp. */
export function dayOf(emitter: Emitter, stamp: Code<'i64'>): Code<'i64'> {
  return emitter.keep(i64.div(floorTo(emitter, stamp, MICROS_PER_DAY), DAY));
}

/** Field names may be plural, as in PostgreSQL. */
function fieldName(field: Expression): string {
  if (field.kind !== 'literal' || typeof field.value !== 'string') return notCompilable('a field that varies');
  const name = field.value.toLowerCase();
  if (name === 'centuries') return 'century';
  if (name === 'millennia') return 'millennium';
  return name.endsWith('s') ? name.slice(0, -1) : name;
}

const TRUNCATION_STEPS: Readonly<Record<string, bigint>> = {
  microsecond: 1n,
  millisecond: 1000n,
  second: 1_000_000n,
  minute: 60_000_000n,
  hour: 3_600_000_000n,
  day: MICROS_PER_DAY,
};
/** The units of `truncateDays` in kernel/assembly/functions/calendar.ts, by number. */
const TRUNCATION_UNITS = ['week', 'month', 'quarter', 'year', 'decade', 'century', 'millennium'];

export function emitDateTrunc(emitter: Emitter, call: CallExpression): Operand {
  const name = fieldName(call.args[0]!);
  const step = TRUNCATION_STEPS[name];
  const unit = TRUNCATION_UNITS.indexOf(name);
  if (step === undefined && unit < 0) return notCompilable(`date_trunc of ${name}`);
  return emitStrict(emitter, [call.args[1]!], (inner, [operand]) => {
    const stamp = asI64(operand!);
    if (step !== undefined) return i64Operand(floorTo(inner, stamp, step), undefined);
    const day = i32.wrap(dayOf(inner, stamp));
    const first = inner.call('truncateDays', [day, i32.const(unit)], 'i32');
    return i64Operand(inner.keep(i64.mul(i64.extend(first), DAY)), undefined);
  });
}

/** The fields of `dateField` in kernel/assembly/functions/calendar.ts, by number. */
const DATE_FIELDS = [
  'day',
  'month',
  'year',
  'quarter',
  'dow',
  'isodow',
  'doy',
  'week',
  'isoyear',
  'decade',
  'century',
  'millennium',
];

interface Field {
  readonly value: Code<'i64'>;
  readonly scale: number;
  readonly bound: bigint;
}

/** `extract` (a numeric) and `date_part` (a double). */
export function emitExtract(emitter: Emitter, call: CallExpression): Operand {
  const name = fieldName(call.args[0]!);
  const input = call.args[1]!;
  return emitStrict(emitter, [input], (inner, [operand]) => {
    const { value, scale, bound } = fieldOf(inner, name, operand!, input.type.kind);
    if (call.function === 'extract') return decimalOperand(value, scale, bound, undefined);
    if (bound > 2n ** 53n) bailOutside(inner, value, -(2n ** 53n), 2n ** 53n);
    return f64Operand(inner.keep(f64.div(f64.convert64(value), f64.const(10 ** scale))), undefined);
  });
}

function fieldOf(emitter: Emitter, name: string, operand: Operand, kind: string): Field {
  if (kind === 'interval') return intervalField(name, operand);
  if (kind === 'time') return timeField(emitter, name, asI64(operand));
  if (kind === 'date') {
    const date = asI32(operand);
    if (name !== 'epoch') return dateField(emitter, name, date);
    return { value: emitter.keep(i64.mul(i64.extend(date), i64.const(86_400n))), scale: 0, bound: 2n ** 48n };
  }
  const stamp = asI64(operand);
  if (name === 'epoch') return { value: stamp, scale: 6, bound: I64_BOUND };
  if (DATE_FIELDS.includes(name)) return dateField(emitter, name, i32.wrap(dayOf(emitter, stamp)));
  return timeField(emitter, name, emitter.keep(i64.sub(stamp, floorTo(emitter, stamp, MICROS_PER_DAY))));
}

function dateField(emitter: Emitter, name: string, day: Code<'i32'>): Field {
  const field = DATE_FIELDS.indexOf(name);
  if (field < 0) return notCompilable(`extracting ${name}`);
  const value = emitter.keep(i64.extend(emitter.call('dateField', [day, i32.const(field)], 'i32')));
  return { value, scale: 0, bound: 2n ** 31n };
}

/** Of the microseconds since midnight. */
function timeField(emitter: Emitter, name: string, time: Code<'i64'>): Field {
  const minute = 60_000_000n;
  const rest = (step: bigint): Code<'i64'> => i64.rem(time, i64.const(step));
  switch (name) {
    case 'hour':
      return { value: emitter.keep(i64.div(time, i64.const(60n * minute))), scale: 0, bound: 24n };
    case 'minute': {
      const minutes = i64.div(time, i64.const(minute));
      return { value: emitter.keep(i64.rem(minutes, i64.const(60n))), scale: 0, bound: 60n };
    }
    case 'second':
      return { value: emitter.keep(rest(minute)), scale: 6, bound: minute };
    case 'millisecond':
      return { value: emitter.keep(rest(minute)), scale: 3, bound: minute };
    case 'microsecond':
      return { value: emitter.keep(rest(minute)), scale: 0, bound: minute };
    case 'epoch':
      return { value: time, scale: 6, bound: 2n ** 37n };
    default:
      return notCompilable(`extracting ${name}`);
  }
}

function intervalField(name: string, operand: Operand): Field {
  if (operand.physical !== 'interval' || operand.months !== 0 || name !== 'epoch') {
    return notCompilable(`extracting ${name} of an interval`);
  }
  return { value: operand.value, scale: 6, bound: I64_BOUND };
}

export function emitTimeCast(emitter: Emitter, operand: Operand, from: string, to: string): Operand {
  if (isStamp(from) && isStamp(to)) return i64Operand(asI64(operand), undefined);
  if (from === 'date' && isStamp(to)) return i64Operand(dayStart(emitter, asI32(operand)), undefined);
  if (isStamp(from) && to === 'date') {
    return i32Operand(emitter.keep(i32.wrap(dayOf(emitter, asI64(operand)))), undefined);
  }
  if (isStamp(from) && to === 'time') {
    const stamp = asI64(operand);
    return i64Operand(emitter.keep(i64.sub(stamp, floorTo(emitter, stamp, MICROS_PER_DAY))), undefined);
  }
  return notCompilable(`${from} as ${to}`);
}

/** Seconds since the epoch, rounded to microseconds as JavaScript rounds: half up. */
export function emitToTimestamp(emitter: Emitter, call: CallExpression): Operand {
  return emitStrict(emitter, call.args, (inner, [operand]) => {
    if (operand!.physical !== 'f64') return notCompilable('to_timestamp');
    const micros = inner.keep(f64.mul(operand!.value, f64.const(1e6)));
    const floor = inner.keep(f64.floor(micros));
    const up = f64.ge(f64.sub(micros, floor), f64.const(0.5));
    const rounded = inner.keep(f64.add(floor, f64.convert32(up)));
    const inRange = i32.and(f64.ge(rounded, f64.const(-2e17)), f64.le(rounded, f64.const(9.2e18)));
    inner.bailIf(i32.eqz(inRange));
    return i64Operand(inner.keep(i64.truncate(rounded)), undefined);
  });
}
