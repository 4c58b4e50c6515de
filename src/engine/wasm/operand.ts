import { type Code, i32, i64 } from './instruction.ts';

/**
 * The value of an expression for the row at hand, as instructions that may be written any number of times: they read
 * locals or are constants.
 */
export type Operand = I32Operand | I64Operand | F64Operand | TextOperand | IntervalOperand;

interface Nullable {
  /** 1 for null; undefined when it never is. The value of a null has no meaning, but that of a boolean is 0. */
  readonly isNull: Code<'i32'> | undefined;
}

/** boolean, int2, int4, date */
export interface I32Operand extends Nullable {
  readonly physical: 'i32';
  readonly value: Code<'i32'>;
}

/** int8, time, timestamp(tz), and a numeric whose scale is known: its value times 10^scale. */
export interface I64Operand extends Nullable {
  readonly physical: 'i64';
  readonly value: Code<'i64'>;
  /** Undefined for what is no numeric, and for NULL, which has any scale. */
  readonly scale: number | undefined;
  /** The value is never larger, nor less than its negative. */
  readonly bound: bigint;
}

/** float4, float8 */
export interface F64Operand extends Nullable {
  readonly physical: 'f64';
  readonly value: Code<'f64'>;
}

/** Anything that lies in memory as a string reference: its address. */
export interface TextOperand extends Nullable {
  readonly physical: 'str';
  readonly value: Code<'i32'>;
}

/** An interval with a constant number of months; days count as 24 hours, which is so in UTC. Never stored. */
export interface IntervalOperand extends Nullable {
  readonly physical: 'interval';
  readonly months: number;
  /** Days and time, µs. */
  readonly value: Code<'i64'>;
}

export const I64_BOUND = 2n ** 63n;

/** Part of a plan that has no WebAssembly form: the interpreter runs it. Thrown and caught by the compiler alone. */
export class NotCompilable extends Error {}

export function notCompilable(what: string): never {
  throw new NotCompilable(`compiling an expression: ${what} has no WebAssembly form`);
}

export function i32Operand(value: Code<'i32'>, isNull: Code<'i32'> | undefined): I32Operand {
  return { physical: 'i32', value, isNull };
}

export function i64Operand(value: Code<'i64'>, isNull: Code<'i32'> | undefined): I64Operand {
  return { physical: 'i64', value, isNull, scale: undefined, bound: I64_BOUND };
}

export function decimalOperand(
  value: Code<'i64'>,
  scale: number,
  bound: bigint,
  isNull: Code<'i32'> | undefined,
): I64Operand {
  return { physical: 'i64', value, isNull, scale, bound };
}

export function f64Operand(value: Code<'f64'>, isNull: Code<'i32'> | undefined): F64Operand {
  return { physical: 'f64', value, isNull };
}

export function textOperand(value: Code<'i32'>, isNull: Code<'i32'> | undefined): TextOperand {
  return { physical: 'str', value, isNull };
}

export function asI32(operand: Operand): Code<'i32'> {
  return operand.physical === 'i32' ? operand.value : notCompilable(`${operand.physical} as i32`);
}

export function asI64(operand: Operand): Code<'i64'> {
  return operand.physical === 'i64' ? operand.value : notCompilable(`${operand.physical} as i64`);
}

export function asF64(operand: Operand): Code<'f64'> {
  return operand.physical === 'f64' ? operand.value : notCompilable(`${operand.physical} as f64`);
}

export function asText(operand: Operand): Code<'i32'> {
  return operand.physical === 'str' ? operand.value : notCompilable(`${operand.physical} as text`);
}

/** A numeric as its unscaled value; NULL has scale 0. */
export function asDecimal(operand: Operand): { value: Code<'i64'>; scale: number; bound: bigint } {
  if (operand.physical !== 'i64') return notCompilable(`a numeric in ${operand.physical}`);
  return { value: operand.value, scale: operand.scale ?? 0, bound: operand.bound };
}

/** Null when either is. */
export function eitherNull(a: Code<'i32'> | undefined, b: Code<'i32'> | undefined): Code<'i32'> | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : i32.or(a, b);
}

export const ZERO = i32.const(0);
export const ONE = i32.const(1);
export const ZERO64 = i64.const(0n);
