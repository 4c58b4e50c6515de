import { evaluationError } from '../evaluation-error.ts';
import { Decimal } from './decimal.ts';

/**
 * Exponentials and logarithms of decimals. How many digits a result has is PostgreSQL's choice (`numeric_exp`, `numeric_ln`,
 * `log_var`, `power_var` of its numeric.c); the digits are computed with enough more that rounding gives the right ones.
 */
const SIGNIFICANT_DIGITS_MIN = 16;
const DISPLAY_SCALE_MAX = 1000;
/** PostgreSQL's NUMERIC_MAX_RESULT_SCALE. */
const RESULT_SCALE_MAX = 2000;
const INTEGER_DIGITS_MAX = 131_072;
const INT4_MAX = 2_147_483_647n;
const LOG10_E = Math.LOG10E;
const LN_10 = Math.LN10;
const GUARD_DIGITS = 12;

const clampScale = (scale: number): number => Math.min(Math.max(scale, 0), DISPLAY_SCALE_MAX);
const power10 = (exponent: number): bigint => 10n ** BigInt(exponent);

/** @throws HeadraceError `PLAN_OUT_OF_RANGE` */
export function decimalExp(value: Decimal): Decimal {
  const weight = Math.max(Math.min(value.toNumber() * LOG10_E, RESULT_SCALE_MAX), -RESULT_SCALE_MAX);
  return expAt(value, clampScale(Math.max(SIGNIFICANT_DIGITS_MIN - Math.trunc(weight), value.scale)));
}

/** @throws HeadraceError `PLAN_INVALID_ARGUMENT` */
export function decimalLn(value: Decimal): Decimal {
  const scale = clampScale(Math.max(SIGNIFICANT_DIGITS_MIN - lnWeight(checkedLogarithm(value)), value.scale));
  return atScale(lnFixed(value, scale + GUARD_DIGITS), scale + GUARD_DIGITS, scale);
}

/** The logarithm of the second to the first as base. */
export function decimalLog(base: Decimal, value: Decimal): Decimal {
  const weight = lnWeight(checkedLogarithm(value)) - lnWeight(checkedLogarithm(base));
  const scale = clampScale(Math.max(SIGNIFICANT_DIGITS_MIN - weight, base.scale, value.scale));
  const digits = scale + GUARD_DIGITS + Math.abs(weight) + 8;
  const divisor = lnFixed(base, digits);
  if (divisor === 0n) throw evaluationError('PLAN_DIVISION_BY_ZERO', 'division by zero');
  return atScale((lnFixed(value, digits) * power10(digits)) / divisor, digits, scale);
}

/** @throws HeadraceError `PLAN_INVALID_ARGUMENT`, `PLAN_OUT_OF_RANGE` */
export function decimalPower(base: Decimal, exponent: Decimal): Decimal {
  const whole = exponent.truncate();
  const isWhole = whole.equals(exponent);
  if (base.unscaled === 0n && exponent.unscaled < 0n) {
    throw evaluationError('PLAN_INVALID_ARGUMENT', 'zero raised to a negative power is undefined');
  }
  if (base.unscaled < 0n && !isWhole) {
    throw evaluationError(
      'PLAN_INVALID_ARGUMENT',
      'a negative number raised to a non-integer power yields a complex result',
    );
  }
  if (isWhole && whole.unscaled <= INT4_MAX && whole.unscaled >= -INT4_MAX - 1n) {
    return wholePower(base, Number(whole.unscaled), exponent.scale);
  }
  if (base.unscaled === 0n) return new Decimal(0n, SIGNIFICANT_DIGITS_MIN).round(SIGNIFICANT_DIGITS_MIN);
  const size = base.abs();
  const power = fractionalPower(size, exponent);
  return base.unscaled < 0n && whole.unscaled % 2n !== 0n ? power.negate() : power;
}

function fractionalPower(base: Decimal, exponent: Decimal): Decimal {
  const roughDigits = Math.max(8 - lnWeight(base), 0) + 4;
  const rough = new Decimal(lnFixed(base, roughDigits), roughDigits).multiply(exponent).toNumber();
  if (rough > RESULT_SCALE_MAX * 3.01) throw overflow();
  if (rough < -RESULT_SCALE_MAX * 3.01) return new Decimal(0n, DISPLAY_SCALE_MAX);
  const weight = rough * LOG10_E;
  const scale = clampScale(Math.max(SIGNIFICANT_DIGITS_MIN - Math.trunc(weight), base.scale, exponent.scale));
  const exponentDigits = exponent.abs().truncate().toString().length;
  const digits = scale + GUARD_DIGITS + Math.max(0, Math.ceil(weight)) + exponentDigits;
  const logarithm = new Decimal(lnFixed(base, digits), digits);
  return expAt(new Decimal(logarithm.unscaled * exponent.unscaled, digits + exponent.scale), scale);
}

function wholePower(base: Decimal, exponent: number, exponentScale: number): Decimal {
  const weight = base.unscaled === 0n ? 0 : exponent * approximateLog10(base);
  if (weight > INTEGER_DIGITS_MAX) throw overflow();
  if (weight + 1 < -DISPLAY_SCALE_MAX) return new Decimal(0n, DISPLAY_SCALE_MAX);
  const scale = clampScale(Math.max(SIGNIFICANT_DIGITS_MIN - Math.trunc(weight), base.scale, exponentScale));
  if (exponent === 0) return new Decimal(power10(scale), scale);
  if (base.unscaled === 0n) return new Decimal(0n, scale);
  const size = Math.abs(exponent);
  const precision = Math.ceil(Math.abs(weight)) + scale + GUARD_DIGITS + String(size).length;
  const power = repeatedSquare(base, size, precision);
  if (exponent > 0) return power.round(scale);
  const numerator = power10(scale + 1 + power.scale);
  return new Decimal(numerator / power.unscaled, scale + 1).round(scale);
}

/** Keeps no more digits than the result needs. */
function repeatedSquare(base: Decimal, exponent: number, precision: number): Decimal {
  const shorten = (value: Decimal): Decimal => {
    const excess = value.abs().unscaled.toString().length - precision * 2;
    return excess > 0 && value.scale > 0 ? value.round(Math.max(0, value.scale - excess)) : value;
  };
  let result = new Decimal(1n, 0);
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) {
      result = shorten(new Decimal(result.unscaled * square.unscaled, result.scale + square.scale));
    }
    if (rest > 1) square = shorten(new Decimal(square.unscaled * square.unscaled, square.scale * 2));
  }
  return result;
}

function overflow(): Error {
  return evaluationError('PLAN_OUT_OF_RANGE', 'value overflows numeric format');
}

function checkedLogarithm(value: Decimal): Decimal {
  if (value.unscaled === 0n) throw evaluationError('PLAN_INVALID_ARGUMENT', 'cannot take logarithm of zero');
  if (value.unscaled < 0n) throw evaluationError('PLAN_INVALID_ARGUMENT', 'cannot take logarithm of a negative number');
  return value;
}

/** The first 16 digits as a number, and the power of ten that they are to be multiplied with. */
function leading(value: Decimal): { readonly digits: number; readonly power: number } {
  const text = value.abs().unscaled.toString();
  return { digits: Number(text.slice(0, 16)), power: text.length - Math.min(16, text.length) - value.scale };
}

function approximateLog10(value: Decimal): number {
  const { digits, power } = leading(value);
  return Math.log10(digits) + power;
}

/** PostgreSQL's estimate_ln_dweight: the decimal weight of the logarithm of a positive number. */
function lnWeight(value: Decimal): number {
  const number = value.toNumber();
  if (number >= 0.9 && number <= 1.1) {
    const rest = value.subtract(Decimal.of(1)).abs();
    if (rest.unscaled === 0n) return 0;
    return rest.unscaled.toString().length - rest.scale - 1;
  }
  const { digits, power } = leading(value);
  return Math.trunc(Math.log10(Math.abs(Math.log(digits) + power * LN_10)));
}

function atScale(fixed: bigint, digits: number, scale: number): Decimal {
  return new Decimal(fixed, digits).round(scale);
}

/** e to the value, rounded to the scale. */
function expAt(value: Decimal, scale: number): Decimal {
  const number = value.toNumber();
  if (Math.abs(number) >= RESULT_SCALE_MAX * 3) {
    if (number > 0) throw overflow();
    return new Decimal(0n, scale);
  }
  const halvings = Math.max(0, Math.ceil(Math.log2(Math.max(Math.abs(number), 1))) + 8);
  const digits = scale + GUARD_DIGITS + Math.max(0, Math.ceil(number * LOG10_E)) + halvings;
  const one = power10(digits);
  const shift = digits - value.scale;
  const fixed = shift >= 0 ? value.unscaled * power10(shift) : value.unscaled / power10(-shift);
  const reduced = fixed / (1n << BigInt(halvings));
  let sum = one + reduced;
  let term = reduced;
  for (let n = 2n; term !== 0n; n++) {
    term = (term * reduced) / one / n;
    sum += term;
  }
  for (let i = 0; i < halvings; i++) sum = (sum * sum) / one;
  return atScale(sum, digits, scale);
}

/** The natural logarithm of a positive number, times 10^digits; the last few digits are not exact. */
function lnFixed(value: Decimal, digits: number): bigint {
  const extra = digits + GUARD_DIGITS + Math.max(0, value.scale - digits);
  const one = power10(extra);
  let mantissa =
    value.scale <= extra
      ? value.unscaled * power10(extra - value.scale)
      : value.unscaled / power10(value.scale - extra);
  const twos = Math.round(approximateLog10(value) / Math.log10(2));
  mantissa = twos > 0 ? mantissa >> BigInt(twos) : mantissa << BigInt(-twos);
  const logarithm = areaTangent(((mantissa - one) * one) / (mantissa + one), one) * 2n;
  const ln2 = twos === 0 ? 0n : areaTangent(one / 3n, one) * 2n;
  return (logarithm + ln2 * BigInt(twos)) / power10(extra - digits);
}

/** The inverse hyperbolic tangent by its series, fixed-point. */
function areaTangent(x: bigint, one: bigint): bigint {
  const square = (x * x) / one;
  let term = x;
  let sum = x;
  for (let n = 3n; term !== 0n; n += 2n) {
    term = (term * square) / one;
    sum += term / n;
  }
  return sum;
}
