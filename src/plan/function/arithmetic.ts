import { divisionByZero, evaluationError, outOfRange } from '../evaluation-error.ts';
import type { Decimal } from '../value/decimal.ts';
import { INTEGER_RANGE } from '../value/value-text.ts';
import { type FunctionOverload, overload } from './overload.ts';

type SmallInteger = 'int2' | 'int4';
const NAMES = { int2: 'smallint', int4: 'integer' } as const;

/** Arithmetic of the number types. Both operands have the same type: coercion.ts has promoted the smaller one. */
export const ARITHMETIC: readonly FunctionOverload[] = [
  ...smallIntegers('int2'),
  ...smallIntegers('int4'),
  ...bigIntegers(),
  ...floats('float4'),
  ...floats('float8'),
  ...numerics(),
];

function smallIntegers(kind: SmallInteger): FunctionOverload[] {
  const min = Number(INTEGER_RANGE[kind].min);
  const max = Number(INTEGER_RANGE[kind].max);
  const checked = (value: number): number => {
    if (value < min || value > max) throw outOfRange(NAMES[kind]);
    return value + 0;
  };
  const two = [kind, kind] as const;
  return [
    overload('add', two, kind, (a: number, b: number) => checked(a + b)),
    overload('subtract', two, kind, (a: number, b: number) => checked(a - b)),
    overload('multiply', two, kind, (a: number, b: number) => checked(a * b)),
    overload('divide', two, kind, (a: number, b: number) => {
      if (b === 0) throw divisionByZero();
      return checked(Math.trunc(a / b));
    }),
    overload('modulo', two, kind, (a: number, b: number) => {
      if (b === 0) throw divisionByZero();
      return (a % b) + 0;
    }),
    overload('negate', [kind], kind, (a: number) => checked(0 - a)),
    overload('abs', [kind], kind, (a: number) => checked(Math.abs(a))),
  ];
}

const { min: INT8_MIN, max: INT8_MAX } = INTEGER_RANGE.int8;

function checkedInt8(value: bigint): bigint {
  if (value < INT8_MIN || value > INT8_MAX) throw outOfRange('bigint');
  return value;
}

function bigIntegers(): FunctionOverload[] {
  const two = ['int8', 'int8'] as const;
  return [
    overload('add', two, 'int8', (a: bigint, b: bigint) => checkedInt8(a + b)),
    overload('subtract', two, 'int8', (a: bigint, b: bigint) => checkedInt8(a - b)),
    overload('multiply', two, 'int8', (a: bigint, b: bigint) => checkedInt8(a * b)),
    overload('divide', two, 'int8', (a: bigint, b: bigint) => {
      if (b === 0n) throw divisionByZero();
      return checkedInt8(a / b);
    }),
    overload('modulo', two, 'int8', (a: bigint, b: bigint) => {
      if (b === 0n) throw divisionByZero();
      return a % b;
    }),
    overload('negate', ['int8'], 'int8', (a: bigint) => checkedInt8(-a)),
    overload('abs', ['int8'], 'int8', (a: bigint) => checkedInt8(a < 0n ? -a : a)),
  ];
}

/** An infinite result of finite operands is an overflow, a zero product of others an underflow, as in PostgreSQL. */
export function checkedFloat(result: number, a: number, b: number): number {
  if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b)) {
    throw evaluationError('PLAN_OUT_OF_RANGE', 'value out of range: overflow');
  }
  return result;
}

function checkedScaling(result: number, a: number, zeroAllowed: boolean): number {
  if (result === 0 && a !== 0 && !zeroAllowed)
    throw evaluationError('PLAN_OUT_OF_RANGE', 'value out of range: underflow');
  return result;
}

function floats(kind: 'float4' | 'float8'): FunctionOverload[] {
  const fit = kind === 'float4' ? Math.fround : (value: number) => value;
  const two = [kind, kind] as const;
  return [
    overload('add', two, kind, (a: number, b: number) => checkedFloat(fit(a + b), a, b)),
    overload('subtract', two, kind, (a: number, b: number) => checkedFloat(fit(a - b), a, b)),
    overload('multiply', two, kind, (a: number, b: number) =>
      checkedScaling(checkedFloat(fit(a * b), a, b), a, b === 0),
    ),
    overload('divide', two, kind, (a: number, b: number) => {
      if (b === 0 && !Number.isNaN(a)) throw divisionByZero();
      return checkedScaling(checkedFloat(fit(a / b), a, b), a, !Number.isFinite(b));
    }),
    overload('negate', [kind], kind, (a: number) => -a),
    overload('abs', [kind], kind, (a: number) => Math.abs(a)),
  ];
}

function numerics(): FunctionOverload[] {
  const two = ['numeric', 'numeric'] as const;
  return [
    overload('add', two, 'numeric', (a: Decimal, b: Decimal) => a.add(b)),
    overload('subtract', two, 'numeric', (a: Decimal, b: Decimal) => a.subtract(b)),
    overload('multiply', two, 'numeric', (a: Decimal, b: Decimal) => a.multiply(b)),
    overload('divide', two, 'numeric', (a: Decimal, b: Decimal) => a.divide(b)),
    overload('modulo', two, 'numeric', (a: Decimal, b: Decimal) => a.modulo(b)),
    overload('negate', ['numeric'], 'numeric', (a: Decimal) => a.negate()),
    overload('abs', ['numeric'], 'numeric', (a: Decimal) => a.abs()),
  ];
}
