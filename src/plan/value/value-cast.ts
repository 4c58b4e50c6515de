import type { DataType, Interval } from '../data-type.ts';
import { evaluationError, outOfRange } from '../evaluation-error.ts';
import { type TypeKind, typeName, typesEqual } from '../type-name.ts';
import { MICROS_PER_DAY, splitTimestamp } from './calendar.ts';
import { Decimal } from './decimal.ts';
import { makeInterval } from './interval.ts';
import { INTEGER_RANGE, textToValue, valueToText } from './value-text.ts';

/** Casts a value that is not null. */
export type ValueCast = (value: unknown) => unknown;

const INTEGERS: ReadonlySet<TypeKind> = new Set(['int2', 'int4', 'int8']);
const FLOATS: ReadonlySet<TypeKind> = new Set(['float4', 'float8']);

/** The explicit cast from one type to another, or undefined where PostgreSQL has none. */
export function valueCast(from: DataType, to: DataType): ValueCast | undefined {
  if (typesEqual(from, to)) return (value) => value;
  if (to.kind === 'text') return (value) => valueToText(value, from);
  if (from.kind === 'text') return (value) => textToValue(value as string, to);
  if (from.kind === 'array' && to.kind === 'array') return arrayCast(from.element, to.element);
  if (isNumber(from.kind) && isNumber(to.kind)) return numberCast(from, to);
  if (from.kind === 'boolean' && to.kind === 'int4') return (value) => Number(value);
  if (from.kind === 'int4' && to.kind === 'boolean') return (value) => value !== 0;
  if (from.kind === 'jsonb') return jsonCast(to);
  return timeCast(from.kind, to.kind);
}

function arrayCast(from: DataType, to: DataType): ValueCast | undefined {
  const cast = valueCast(from, to);
  if (cast === undefined) return undefined;
  return (value) => (value as readonly unknown[]).map((item) => (item === null ? null : cast(item)));
}

const isNumber = (kind: TypeKind): boolean => INTEGERS.has(kind) || FLOATS.has(kind) || kind === 'numeric';

function numberCast(from: DataType, to: DataType): ValueCast {
  if (to.kind === 'int2' || to.kind === 'int4' || to.kind === 'int8') return integerCast(from, to.kind);
  if (to.kind === 'float4') {
    if (from.kind === 'numeric') return (value) => checkedSingle((value as Decimal).toNumber());
    return (value) => checkedSingle(Number(value));
  }
  if (to.kind === 'float8') {
    return from.kind === 'numeric' ? (value) => checkedDouble((value as Decimal).toNumber()) : (value) => Number(value);
  }
  const fit = (value: Decimal): Decimal =>
    to.kind === 'numeric' && to.precision !== undefined ? value.fit(to.precision, to.scale ?? 0) : value;
  if (from.kind === 'numeric') return (value) => fit(value as Decimal);
  if (FLOATS.has(from.kind)) {
    const digits = from.kind === 'float4' ? 6 : 15;
    return (value) => fit(Decimal.fromFloat(value as number, digits));
  }
  return (value) => fit(Decimal.of(value as number | bigint));
}

function integerCast(from: DataType, to: 'int2' | 'int4' | 'int8'): ValueCast {
  const { min, max } = INTEGER_RANGE[to];
  const name = typeName({ kind: to });
  const wrap: (value: bigint) => unknown = to === 'int8' ? (value) => value : Number;
  return (value) => {
    const whole = wholeOf(value, from.kind, name);
    if (whole < min || whole > max) throw outOfRange(name);
    return wrap(whole);
  };
}

/** Floats round half to even, numerics half away from zero. */
function wholeOf(value: unknown, from: TypeKind, name: string): bigint {
  if (from === 'numeric') return (value as Decimal).toBigInt();
  if (!FLOATS.has(from)) return BigInt(value as number | bigint);
  if (!Number.isFinite(value)) throw outOfRange(name);
  return BigInt(roundHalfEven(value as number));
}

/** As C's rint: what rounds to zero from below is minus zero. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  const isDown = fraction < 0.5 || (fraction === 0.5 && floor % 2 === 0);
  const rounded = isDown ? floor : floor + 1;
  return rounded === 0 && value < 0 ? -0 : rounded;
}

export function checkedSingle(value: number): number {
  const single = Math.fround(value);
  if (!Number.isFinite(single) && Number.isFinite(value)) throw outOfRange('real');
  return single;
}

function checkedDouble(value: number): number {
  if (!Number.isFinite(value)) throw outOfRange('double precision');
  return value;
}

function jsonCast(to: DataType): ValueCast | undefined {
  if (!isNumber(to.kind) && to.kind !== 'boolean') return undefined;
  const fromNumber = isNumber(to.kind) ? numberCast({ kind: 'numeric' }, to) : undefined;
  return (value) => {
    if (to.kind === 'boolean' && typeof value === 'boolean') return value;
    if (fromNumber !== undefined && typeof value === 'number') return fromNumber(Decimal.parse(String(value)));
    const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
    throw evaluationError('PLAN_INVALID_ARGUMENT', `cannot cast jsonb ${kind} to type ${typeName(to)}`);
  };
}

function timeCast(from: TypeKind, to: TypeKind): ValueCast | undefined {
  const stamps = (kind: TypeKind): boolean => kind === 'timestamp' || kind === 'timestamptz';
  if (stamps(from) && stamps(to)) return (value) => value;
  if (from === 'date' && stamps(to)) return (value) => BigInt(value as number) * MICROS_PER_DAY;
  if (stamps(from) && to === 'date') return (value) => splitTimestamp(value as bigint).days;
  if (stamps(from) && to === 'time') return (value) => splitTimestamp(value as bigint).timeOfDay;
  if (from === 'interval' && to === 'time') {
    return (value) => (((value as Interval).micros % MICROS_PER_DAY) + MICROS_PER_DAY) % MICROS_PER_DAY;
  }
  if (from === 'time' && to === 'interval') return (value) => makeInterval(0, 0, value as bigint);
  return undefined;
}
