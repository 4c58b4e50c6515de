import { divisionByZero, evaluationError, outOfRange } from '../evaluation-error.ts';
import { TYPE } from '../type-name.ts';
import { Decimal } from '../value/decimal.ts';
import { decimalExp, decimalLn, decimalLog, decimalPower } from '../value/decimal-transcendental.ts';
import { roundHalfEven } from '../value/value-cast.ts';
import { valueOrder } from '../value/value-order.ts';
import { INTEGER_RANGE } from '../value/value-text.ts';
import { checkedFloat } from './arithmetic.ts';
import { type GenericFunction, generic } from './generic.ts';
import { FACTORIAL_MAX } from './limits.ts';
import { type FunctionOverload, overload } from './overload.ts';

const invalid = (message: string): Error => evaluationError('PLAN_INVALID_ARGUMENT', message);

function underflow(): Error {
  return evaluationError('PLAN_OUT_OF_RANGE', 'value out of range: underflow');
}

function power(base: number, exponent: number): number {
  if (base === 0 && exponent < 0) throw invalid('zero raised to a negative power is undefined');
  if (base < 0 && Number.isFinite(base) && Number.isFinite(exponent) && !Number.isInteger(exponent)) {
    throw invalid('a negative number raised to a non-integer power yields a complex result');
  }
  if (base === 1 || exponent === 0) return 1;
  if (base === -1 && !Number.isFinite(exponent) && !Number.isNaN(exponent)) return 1;
  const result = checkedFloat(base ** exponent, base, exponent);
  if (result === 0 && base !== 0 && Number.isFinite(base) && Number.isFinite(exponent)) throw underflow();
  return result;
}

function exponential(value: number): number {
  const result = checkedFloat(Math.exp(value), value, 0);
  if (result === 0 && Number.isFinite(value)) throw underflow();
  return result;
}

function squareRoot(value: number): number {
  if (value < 0) throw invalid('cannot take square root of a negative number');
  return Math.sqrt(value);
}

const logarithm =
  (of: (value: number) => number) =>
  (value: number): number => {
    if (value === 0) throw invalid('cannot take logarithm of zero');
    if (value < 0) throw invalid('cannot take logarithm of a negative number');
    return of(value);
  };

const TEN = Decimal.of(10);
const log10 = logarithm(Math.log10);

/** PostgreSQL's limits on the second argument of round and trunc. */
function clampDigits(digits: number): number {
  return Math.min(Math.max(digits, -2000), 2000);
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function greatestDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [absolute(a), absolute(b)];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

const leastMultiple = (a: bigint, b: bigint): bigint =>
  a === 0n || b === 0n ? 0n : absolute((a / greatestDivisor(a, b)) * b);

function wholeFunctions(kind: 'int4' | 'int8'): FunctionOverload[] {
  const { min, max } = INTEGER_RANGE[kind];
  const checked = (value: bigint): number | bigint => {
    if (value < min || value > max) throw outOfRange(kind === 'int4' ? 'integer' : 'bigint');
    return kind === 'int4' ? Number(value) : value;
  };
  type Whole = number | bigint;
  const two = [kind, kind] as const;
  return [
    overload('gcd', two, kind, (a: Whole, b: Whole) => checked(greatestDivisor(BigInt(a), BigInt(b)))),
    overload('lcm', two, kind, (a: Whole, b: Whole) => checked(leastMultiple(BigInt(a), BigInt(b)))),
  ];
}

function sameScale(a: Decimal, b: Decimal, of: (a: bigint, b: bigint) => bigint): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return new Decimal(of(a.round(scale).unscaled, b.round(scale).unscaled), scale);
}

function factorial(n: bigint): Decimal {
  if (n < 0n) throw invalid('factorial of a negative number is undefined');
  if (n > BigInt(FACTORIAL_MAX)) throw evaluationError('PLAN_OUT_OF_RANGE', 'value overflows numeric format');
  let product = 1n;
  for (let i = 2n; i <= n; i++) product *= i;
  return Decimal.of(product);
}

/** The quotient without its fraction. */
function wholeQuotient(a: Decimal, b: Decimal): Decimal {
  if (b.unscaled === 0n) throw divisionByZero();
  const scale = Math.max(a.scale, b.scale);
  return Decimal.of(a.round(scale).unscaled / b.round(scale).unscaled);
}

const INT4_MAX = Number(INTEGER_RANGE.int4.max);

function checkedBucket(bucket: number): number {
  if (bucket > INT4_MAX) throw outOfRange('integer');
  return bucket;
}

function checkBuckets(count: number, sameBounds: boolean): void {
  if (count <= 0) throw invalid('count must be greater than zero');
  if (sameBounds) throw invalid('lower bound cannot equal upper bound');
}

function floatBucket(value: number, low: number, high: number, count: number): number {
  if (Number.isNaN(value) || Number.isNaN(low) || Number.isNaN(high)) {
    throw invalid('operand, lower bound, and upper bound cannot be NaN');
  }
  if (!Number.isFinite(low) || !Number.isFinite(high)) throw invalid('lower and upper bounds must be finite');
  checkBuckets(count, low === high);
  const [from, to, at] = low < high ? [low, high, value] : [-low, -high, -value];
  if (at < from) return 0;
  return at >= to ? checkedBucket(count + 1) : Math.min(Math.floor(((at - from) / (to - from)) * count), count - 1) + 1;
}

function numericBucket(value: Decimal, low: Decimal, high: Decimal, count: number): number {
  checkBuckets(count, low.equals(high));
  const isUp = low.compare(high) < 0;
  const [from, to, at] = isUp ? [low, high, value] : [low.negate(), high.negate(), value.negate()];
  if (at.compare(from) < 0) return 0;
  if (at.compare(to) >= 0) return checkedBucket(count + 1);
  const share = at.subtract(from).multiply(Decimal.of(count));
  return Number(wholeQuotient(share, to.subtract(from)).unscaled) + 1;
}

/** Rounding, roots, powers and logarithms (PostgreSQL manual, section 9.3). A float rounds half to even, a numeric half away from zero. */
export const MATHEMATICS: readonly FunctionOverload[] = [
  overload('ceil', ['numeric'], 'numeric', (a: Decimal) => a.ceil()),
  overload('ceil', ['float8'], 'float8', (a: number) => Math.ceil(a)),
  overload('floor', ['numeric'], 'numeric', (a: Decimal) => a.floor()),
  overload('floor', ['float8'], 'float8', (a: number) => Math.floor(a)),
  overload('round', ['numeric'], 'numeric', (a: Decimal) => a.round()),
  overload('round', ['float8'], 'float8', (a: number) => (Number.isFinite(a) ? roundHalfEven(a) : a)),
  overload('round', ['numeric', 'int4'], 'numeric', (a: Decimal, digits: number) => a.round(clampDigits(digits))),
  overload('trunc', ['numeric'], 'numeric', (a: Decimal) => a.truncate()),
  overload('trunc', ['float8'], 'float8', (a: number) => Math.trunc(a)),
  overload('trunc', ['numeric', 'int4'], 'numeric', (a: Decimal, digits: number) => a.truncate(clampDigits(digits))),
  overload('sign', ['numeric'], 'numeric', (a: Decimal) => a.sign()),
  overload('sign', ['float8'], 'float8', (a: number) => Math.sign(a) + 0),
  overload('sqrt', ['numeric'], 'numeric', (a: Decimal) => a.sqrt()),
  overload('sqrt', ['float8'], 'float8', squareRoot),
  overload('cbrt', ['float8'], 'float8', Math.cbrt),
  overload('power', ['numeric', 'numeric'], 'numeric', decimalPower),
  overload('power', ['float8', 'float8'], 'float8', power),
  overload('exp', ['numeric'], 'numeric', decimalExp),
  overload('exp', ['float8'], 'float8', exponential),
  overload('ln', ['numeric'], 'numeric', decimalLn),
  overload('ln', ['float8'], 'float8', logarithm(Math.log)),
  overload('log', ['numeric'], 'numeric', (a: Decimal) => decimalLog(TEN, a)),
  overload('log', ['float8'], 'float8', log10),
  overload('log', ['numeric', 'numeric'], 'numeric', decimalLog),
  overload('log10', ['numeric'], 'numeric', (a: Decimal) => decimalLog(TEN, a)),
  overload('log10', ['float8'], 'float8', log10),
  overload('pi', [], 'float8', () => Math.PI),
  overload('degrees', ['float8'], 'float8', (a: number) => checkedFloat(a / (Math.PI / 180), a, 0)),
  overload('radians', ['float8'], 'float8', (a: number) => a * (Math.PI / 180)),
  ...wholeFunctions('int4'),
  ...wholeFunctions('int8'),
  overload('gcd', ['numeric', 'numeric'], 'numeric', (a: Decimal, b: Decimal) => sameScale(a, b, greatestDivisor)),
  overload('lcm', ['numeric', 'numeric'], 'numeric', (a: Decimal, b: Decimal) => sameScale(a, b, leastMultiple)),
  overload('factorial', ['int8'], 'numeric', factorial),
  overload('div', ['numeric', 'numeric'], 'numeric', wholeQuotient),
  overload('scale', ['numeric'], 'int4', (a: Decimal) => a.scale),
  overload('min_scale', ['numeric'], 'int4', (a: Decimal) => a.withoutTrailingZeros().scale),
  overload('trim_scale', ['numeric'], 'numeric', (a: Decimal) => a.withoutTrailingZeros()),
  overload('width_bucket', ['float8', 'float8', 'float8', 'int4'], 'int4', floatBucket),
  overload('width_bucket', ['numeric', 'numeric', 'numeric', 'int4'], 'int4', numericBucket),
  overload('isfinite', ['float8'], 'boolean', Number.isFinite),
  overload('isnan', ['float8'], 'boolean', Number.isNaN),
];

export const MATHEMATICS_GENERICS: readonly GenericFunction[] = [
  generic('width_bucket', ['element', 'array'], TYPE.int4, (element) => {
    const order = valueOrder(element);
    return (value: unknown, thresholds: readonly unknown[]) => {
      if (thresholds.includes(null)) throw invalid('thresholds array must not contain NULLs');
      let [low, high] = [0, thresholds.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (order(value, thresholds[middle]) < 0) high = middle;
        else low = middle + 1;
      }
      return low;
    };
  }),
  generic(
    'num_nulls',
    ['any'],
    TYPE.int4,
    () =>
      (...values: unknown[]) =>
        values.filter((v) => v === null).length,
    {
      strict: false,
      variadic: true,
    },
  ),
  generic(
    'num_nonnulls',
    ['any'],
    TYPE.int4,
    () =>
      (...values: unknown[]) =>
        values.filter((v) => v !== null).length,
    {
      strict: false,
      variadic: true,
    },
  ),
];
