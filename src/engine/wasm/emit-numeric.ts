import type { DataType } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import type { Emitter } from './emitter.ts';
import { type Code, i32, i64, select } from './instruction.ts';
import { asDecimal, decimalOperand, I64_BOUND, notCompilable, type Operand, ZERO64 } from './operand.ts';

/** A numeric as a whole number of 10^-scale. */
export interface Decimal64 {
  readonly value: Code<'i64'>;
  readonly scale: number;
  /** The value is never larger, nor less than its negative. */
  readonly bound: bigint;
}

/** Digits of a bigint that fits 64 bits for certain, as a scale. */
const SCALE_MAX = 18;

export function power10(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

function lesser(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

function operandOf({ value, scale, bound }: Decimal64): Operand {
  return decimalOperand(value, scale, bound, undefined);
}

/** Leaves a row to the interpreter when the value is beyond a limit that is less than its bound. */
function bailBeyond(emitter: Emitter, value: Code<'i64'>, bound: bigint, limit: bigint): void {
  if (bound <= limit) return;
  emitter.bailIf(i32.or(i64.gt(value, i64.const(limit)), i64.lt(value, i64.const(-limit))));
}

/** The same number at a finer scale. */
export function rescale(emitter: Emitter, decimal: Decimal64, scale: number): Decimal64 {
  if (scale === decimal.scale) return decimal;
  if (scale > SCALE_MAX) return notCompilable(`a numeric of scale ${scale}`);
  const factor = power10(scale - decimal.scale);
  const limit = (I64_BOUND - 1n) / factor;
  bailBeyond(emitter, decimal.value, decimal.bound, limit);
  const value = emitter.keep(i64.mul(decimal.value, i64.const(factor)));
  return { value, scale, bound: decimal.bound < limit ? decimal.bound * factor : I64_BOUND };
}

/** Rounded half away from zero, at a coarser scale. */
function roundTo(emitter: Emitter, decimal: Decimal64, scale: number): Decimal64 {
  if (scale >= decimal.scale) return rescale(emitter, decimal, scale);
  if (decimal.scale - scale > SCALE_MAX) return notCompilable('rounding so many digits away');
  const factor = power10(decimal.scale - scale);
  const value = emitter.keep(emitter.call('divideRounded', [decimal.value, i64.const(factor)], 'i64'));
  return { value, scale, bound: decimal.bound / factor + 1n };
}

/** As numeric(precision, scale) holds it; a value with too many digits is left to the interpreter, which refuses it. */
export function fitNumeric(emitter: Emitter, decimal: Decimal64, type: DataType & { kind: 'numeric' }): Decimal64 {
  if (type.precision === undefined) return decimal;
  if (type.precision > SCALE_MAX) return notCompilable(`numeric of precision ${type.precision}`);
  const rounded = roundTo(emitter, decimal, type.scale ?? 0);
  const limit = power10(type.precision) - 1n;
  bailBeyond(emitter, rounded.value, rounded.bound, limit);
  return { ...rounded, bound: lesser(rounded.bound, limit) };
}

/** Rounded to a whole number, half away from zero. */
export function wholeOf(emitter: Emitter, operand: Operand): Code<'i64'> {
  return roundTo(emitter, asDecimal(operand), 0).value;
}

/** The overflow of a 64-bit sum shows in the signs: it differs from both operands. */
export function sumOverflows(a: Code<'i64'>, b: Code<'i64'>, sum: Code<'i64'>): Code<'i32'> {
  return i64.lt(i64.and(i64.xor(a, sum), i64.xor(b, sum)), ZERO64);
}

/** The overflow of a 64-bit difference: the operands differ in sign, and so does it from the first. */
export function differenceOverflows(a: Code<'i64'>, b: Code<'i64'>, difference: Code<'i64'>): Code<'i32'> {
  return i64.lt(i64.and(i64.xor(a, b), i64.xor(a, difference)), ZERO64);
}

/** A product of 64-bit integers; a row where it overflows is left to the interpreter. */
export function checkedProduct(emitter: Emitter, a: Code<'i64'>, b: Code<'i64'>): Code<'i64'> {
  // Factors that fit 32 bits cannot overflow; only for others the costly check is made.
  const small = i32.and(i64.eq(i64.extend32(a), a), i64.eq(i64.extend32(b), b));
  const check = emitter.capture(() => emitter.bailIf(emitter.call('multiplyOverflows', [a, b], 'i32')));
  emitter.when(i32.eqz(small), { ...check, calls: false });
  return emitter.keep(i64.mul(a, b));
}

export function emitNumericArithmetic(
  emitter: Emitter,
  name: 'add' | 'subtract' | 'multiply' | 'modulo',
  operands: readonly Operand[],
): Operand {
  let [a, b] = [asDecimal(operands[0]!), asDecimal(operands[1]!)];
  if (name === 'multiply') {
    const scale = a.scale + b.scale;
    if (scale > SCALE_MAX) return notCompilable(`a product of scale ${scale}`);
    const bound = a.bound * b.bound;
    const fits = bound < I64_BOUND;
    const value = fits ? emitter.keep(i64.mul(a.value, b.value)) : checkedProduct(emitter, a.value, b.value);
    return operandOf({ value, scale, bound: fits ? bound : I64_BOUND });
  }
  const scale = Math.max(a.scale, b.scale);
  a = rescale(emitter, a, scale);
  b = rescale(emitter, b, scale);
  if (name === 'modulo') {
    emitter.bailIf(i64.eqz(b.value));
    return operandOf({ value: emitter.keep(i64.rem(a.value, b.value)), scale, bound: a.bound });
  }
  const value = emitter.keep(i64[name === 'add' ? 'add' : 'sub'](a.value, b.value));
  const bound = a.bound + b.bound;
  if (bound >= I64_BOUND) {
    const overflows = name === 'add' ? sumOverflows : differenceOverflows;
    emitter.bailIf(overflows(a.value, b.value, value));
  }
  return operandOf({ value, scale, bound: lesser(bound, I64_BOUND) });
}

export function emitNumericNegate(emitter: Emitter, operand: Operand): Operand {
  const { value, scale, bound } = asDecimal(operand);
  if (bound === I64_BOUND) emitter.bailIf(i64.eq(value, i64.const(-I64_BOUND)));
  return operandOf({ value: emitter.keep(i64.sub(ZERO64, value)), scale, bound });
}

export function emitNumericAbs(emitter: Emitter, operand: Operand): Operand {
  const { value, scale, bound } = asDecimal(operand);
  if (bound === I64_BOUND) emitter.bailIf(i64.eq(value, i64.const(-I64_BOUND)));
  const size = select(i64.sub(ZERO64, value), value, i64.lt(value, ZERO64));
  return operandOf({ value: emitter.keep(size), scale, bound });
}

/** `round`, `trunc`, with a constant number of digits, not negative; `ceil` and `floor`. */
export function emitNumericRounding(
  emitter: Emitter,
  name: 'round' | 'trunc' | 'ceil' | 'floor',
  operand: Operand,
  digits: Expression | undefined,
): Operand {
  const decimal = asDecimal(operand);
  const scale = digits === undefined ? 0 : constantDigits(digits);
  if (name === 'round') return operandOf(roundTo(emitter, decimal, scale));
  if (scale >= decimal.scale) return operandOf(rescale(emitter, decimal, scale));
  if (decimal.scale - scale > SCALE_MAX) return notCompilable('cutting so many digits off');
  const factor = i64.const(power10(decimal.scale - scale));
  const cut = emitter.keep(i64.div(decimal.value, factor));
  const bound = decimal.bound / power10(decimal.scale - scale) + 1n;
  if (name === 'trunc') return operandOf({ value: cut, scale, bound });
  const rest = i64.rem(decimal.value, factor);
  const value =
    name === 'floor' ? i64.sub(cut, i64.extend(i64.lt(rest, ZERO64))) : i64.add(cut, i64.extend(i64.gt(rest, ZERO64)));
  return operandOf({ value: emitter.keep(value), scale, bound });
}

function constantDigits(digits: Expression): number {
  if (digits.kind !== 'literal' || typeof digits.value !== 'number' || digits.value < 0) {
    return notCompilable('rounding to a number of digits that is not a constant');
  }
  return digits.value;
}

export function emitNumericSign(emitter: Emitter, operand: Operand): Operand {
  const { value } = asDecimal(operand);
  const sign = i32.sub(i64.gt(value, ZERO64), i64.lt(value, ZERO64));
  return operandOf({ value: emitter.keep(i64.extend(sign)), scale: 0, bound: 1n });
}
