import type { DataType } from '../../plan/data-type.ts';
import type { CastExpression } from '../../plan/expression.ts';
import { typesEqual } from '../../plan/type-name.ts';
import { narrow } from './emit-arithmetic.ts';
import { fitNumeric, wholeOf } from './emit-numeric.ts';
import { emitBoolean, emitStrict } from './emit-strict.ts';
import { emitFromText, emitToText } from './emit-text-cast.ts';
import { emitTimeCast } from './emit-time.ts';
import type { Emitter } from './emitter.ts';
import { f64, i32, i64 } from './instruction.ts';
import {
  asDecimal,
  asF64,
  asI32,
  asI64,
  decimalOperand,
  f64Operand,
  I64_BOUND,
  i32Operand,
  i64Operand,
  notCompilable,
  type Operand,
  ZERO,
} from './operand.ts';

const INTEGERS: ReadonlySet<string> = new Set(['int2', 'int4', 'int8']);
const NUMBERS: ReadonlySet<string> = new Set([...INTEGERS, 'float4', 'float8', 'numeric']);
/** Whole numbers up to here are doubles exactly. */
const EXACT_DOUBLE_MAX = 2n ** 53n;
/** Powers of ten up to here are doubles exactly, so that a quotient by one is rounded once. */
const EXACT_POWER_MAX = 22;
const TWO_TO_63 = 2 ** 63;

export function emitCast(emitter: Emitter, expression: CastExpression): Operand {
  const from = expression.input.type;
  const to = expression.type;
  if (typesEqual(from, to)) return emitter.compile(expression.input);
  const operand = emitStrict(emitter, [expression.input], (inner, [value]) => castOf(inner, value!, from, to));
  return to.kind === 'boolean' ? emitBoolean(emitter, asI32(operand), operand.isNull) : operand;
}

function castOf(emitter: Emitter, operand: Operand, from: DataType, to: DataType): Operand {
  if (to.kind === 'text') return emitToText(emitter, operand, from);
  // A jsonb number is its digits, and a boolean its word: what PostgreSQL reads from text too.
  const isJsonScalar = from.kind === 'jsonb' && (NUMBERS.has(to.kind) || to.kind === 'boolean');
  if (from.kind === 'text' || isJsonScalar) return emitFromText(emitter, operand, to);
  if (NUMBERS.has(from.kind) && NUMBERS.has(to.kind)) return numberCast(emitter, operand, from, to);
  if (from.kind === 'boolean' && to.kind === 'int4') return i32Operand(asI32(operand), undefined);
  if (from.kind === 'int4' && to.kind === 'boolean') {
    return i32Operand(emitter.keep(i32.ne(asI32(operand), ZERO)), undefined);
  }
  return emitTimeCast(emitter, operand, from.kind, to.kind);
}

function numberCast(emitter: Emitter, operand: Operand, from: DataType, to: DataType): Operand {
  switch (to.kind) {
    case 'int2':
    case 'int4':
      if (operand.physical === 'f64') return fromDouble(emitter, operand, to.kind);
      return i32Operand(narrow(emitter, integerOf(emitter, operand, from), to.kind), undefined);
    case 'int8':
      if (operand.physical === 'f64') return fromDouble(emitter, operand, to.kind);
      return i64Operand(integerOf(emitter, operand, from), undefined);
    case 'float8':
      return f64Operand(doubleOf(emitter, operand, from), undefined);
    case 'float4': {
      const exact = doubleOf(emitter, operand, from);
      const single = emitter.keep(f64.single(exact));
      const infinite = f64.eq(f64.abs(single), f64.const(Number.POSITIVE_INFINITY));
      emitter.bailIf(infinite);
      return f64Operand(single, undefined);
    }
    case 'numeric': {
      if (operand.physical === 'f64') return notCompilable('a float as numeric');
      const decimal =
        from.kind === 'numeric'
          ? asDecimal(operand)
          : { value: integerOf(emitter, operand, from), scale: 0, bound: boundOf(from) };
      const { value, scale, bound } = fitNumeric(emitter, decimal, to);
      return decimalOperand(value, scale, bound, undefined);
    }
    default:
      return notCompilable(`a cast to ${to.kind}`);
  }
}

function boundOf(type: DataType): bigint {
  return type.kind === 'int2' ? 2n ** 15n : type.kind === 'int4' ? 2n ** 31n : I64_BOUND;
}

/** An integer or a numeric, rounded half away from zero, as 64 bits. */
function integerOf(emitter: Emitter, operand: Operand, from: DataType) {
  if (from.kind === 'numeric') return wholeOf(emitter, operand);
  return operand.physical === 'i32' ? emitter.keep(i64.extend(operand.value)) : asI64(operand);
}

/** Rounds half to even; NaN fails every comparison and so is out of range too. */
function fromDouble(emitter: Emitter, operand: Operand, to: 'int2' | 'int4' | 'int8'): Operand {
  const whole = emitter.keep(f64.nearest(asF64(operand)));
  const [low, high] = to === 'int8' ? [-TWO_TO_63, TWO_TO_63] : to === 'int4' ? [-(2 ** 31), 2 ** 31] : [-32768, 32768];
  emitter.bailIf(i32.eqz(i32.and(f64.ge(whole, f64.const(low)), f64.lt(whole, f64.const(high)))));
  if (to === 'int8') return i64Operand(emitter.keep(i64.truncate(whole)), undefined);
  return i32Operand(emitter.keep(i32.truncate(whole)), undefined);
}

function doubleOf(emitter: Emitter, operand: Operand, from: DataType) {
  if (operand.physical === 'f64') return operand.value;
  if (operand.physical === 'i32') return emitter.keep(f64.convert32(operand.value));
  if (from.kind !== 'numeric') return emitter.keep(f64.convert64(asI64(operand)));
  const { value, scale, bound } = asDecimal(operand);
  if (scale > EXACT_POWER_MAX) return notCompilable(`a numeric of scale ${scale} as double`);
  if (scale > 0 && bound > EXACT_DOUBLE_MAX) {
    const beyond = i32.or(i64.gt(value, i64.const(EXACT_DOUBLE_MAX)), i64.lt(value, i64.const(-EXACT_DOUBLE_MAX)));
    emitter.bailIf(beyond);
  }
  const whole = f64.convert64(value);
  return emitter.keep(scale === 0 ? whole : f64.div(whole, f64.const(10 ** scale)));
}
