import type { CallExpression, Expression } from '../../plan/expression.ts';
import {
  checkedProduct,
  differenceOverflows,
  emitNumericAbs,
  emitNumericArithmetic,
  emitNumericNegate,
  emitNumericRounding,
  emitNumericSign,
  sumOverflows,
} from './emit-numeric.ts';
import { emitStrict } from './emit-strict.ts';
import type { Emitter } from './emitter.ts';
import { type Code, f64, i32, i64, select } from './instruction.ts';
import {
  asF64,
  asI32,
  asI64,
  f64Operand,
  I64_BOUND,
  i32Operand,
  i64Operand,
  notCompilable,
  type Operand,
  ZERO64,
} from './operand.ts';

type Binary = 'add' | 'subtract' | 'multiply' | 'divide' | 'modulo';
const OPERATIONS: ReadonlySet<string> = new Set<Binary>(['add', 'subtract', 'multiply', 'divide', 'modulo']);
const I64_MIN = i64.const(-I64_BOUND);
const INFINITY = f64.const(Number.POSITIVE_INFINITY);

/** Arithmetic and mathematics on two arguments of one number type, or one. */
export function emitArithmetic(emitter: Emitter, call: CallExpression): Operand {
  const { args } = call;
  const kind = args[0]!.type.kind;
  return emitStrict(emitter, args, (inner, operands) => {
    if (OPERATIONS.has(call.function)) return binaryOf(inner, call.function as Binary, kind, operands);
    return unaryOf(inner, call.function, kind, operands[0]!, args[1]);
  });
}

function binaryOf(emitter: Emitter, name: Binary, kind: string, operands: readonly Operand[]): Operand {
  const [a, b] = operands;
  switch (kind) {
    case 'int2':
    case 'int4':
      return smallInteger(emitter, name, kind, asI32(a!), asI32(b!));
    case 'int8':
      return bigInteger(emitter, name, asI64(a!), asI64(b!));
    case 'float4':
    case 'float8':
      return double(emitter, name, kind, asF64(a!), asF64(b!));
    case 'numeric':
      // The scale of a quotient depends on the values.
      return name === 'divide' ? notCompilable('division of numerics') : emitNumericArithmetic(emitter, name, operands);
    default:
      return notCompilable(`${name} of ${kind}`);
  }
}

function smallInteger(emitter: Emitter, name: Binary, kind: 'int2' | 'int4', a: Code<'i32'>, b: Code<'i32'>): Operand {
  if (name === 'divide' || name === 'modulo') {
    emitter.bailIf(i32.eqz(b));
    if (name === 'modulo') return i32Operand(emitter.keep(i32.rem(a, b)), undefined);
    const quotient = emitter.keep(i64.div(i64.extend(a), i64.extend(b)));
    return i32Operand(narrow(emitter, quotient, kind), undefined);
  }
  const operation = name === 'add' ? i64.add : name === 'subtract' ? i64.sub : i64.mul;
  return i32Operand(narrow(emitter, emitter.keep(operation(i64.extend(a), i64.extend(b))), kind), undefined);
}

/** A 64-bit value as int2 or int4; out of range it is left to the interpreter. */
export function narrow(emitter: Emitter, value: Code<'i64'>, kind: 'int2' | 'int4'): Code<'i32'> {
  const low = emitter.keep(i32.wrap(value));
  const held = kind === 'int4' ? low : i32.extend16(low);
  emitter.bailIf(i64.ne(i64.extend(held), value));
  return low;
}

function bigInteger(emitter: Emitter, name: Binary, a: Code<'i64'>, b: Code<'i64'>): Operand {
  switch (name) {
    case 'add': {
      const sum = emitter.keep(i64.add(a, b));
      emitter.bailIf(sumOverflows(a, b, sum));
      return i64Operand(sum, undefined);
    }
    case 'subtract': {
      const difference = emitter.keep(i64.sub(a, b));
      emitter.bailIf(differenceOverflows(a, b, difference));
      return i64Operand(difference, undefined);
    }
    case 'multiply':
      return i64Operand(checkedProduct(emitter, a, b), undefined);
    case 'modulo':
      emitter.bailIf(i64.eqz(b));
      return i64Operand(emitter.keep(i64.rem(a, b)), undefined);
    case 'divide':
      emitter.bailIf(i32.or(i64.eqz(b), i32.and(i64.eq(b, i64.const(-1n)), i64.eq(a, I64_MIN))));
      return i64Operand(emitter.keep(i64.div(a, b)), undefined);
  }
}

const finite = (value: Code<'f64'>): Code<'i32'> => f64.lt(f64.abs(value), INFINITY);

/** An infinite result of finite operands, or a zero one that should not be, is left to the interpreter, which refuses it. */
function double(emitter: Emitter, name: Binary, kind: 'float4' | 'float8', a: Code<'f64'>, b: Code<'f64'>): Operand {
  if (name === 'modulo') return notCompilable('modulo of floats');
  if (name === 'divide') emitter.bailIf(f64.eq(b, f64.const(0)));
  const operation = name === 'add' ? f64.add : name === 'subtract' ? f64.sub : name === 'multiply' ? f64.mul : f64.div;
  const exact = operation(a, b);
  const result = emitter.keep(kind === 'float4' ? f64.single(exact) : exact);
  // Infinite or NaN results are rare: the interpreter looks at them all.
  emitter.bailIf(i32.eqz(finite(result)));
  if (name === 'multiply' || name === 'divide') {
    const notZero = f64.ne(a, f64.const(0));
    const underflow = name === 'multiply' ? i32.and(notZero, f64.ne(b, f64.const(0))) : notZero;
    emitter.bailIf(i32.and(f64.eq(result, f64.const(0)), underflow));
  }
  return f64Operand(result, undefined);
}

function unaryOf(
  emitter: Emitter,
  name: string,
  kind: string,
  operand: Operand,
  digits: Expression | undefined,
): Operand {
  switch (kind) {
    case 'int2':
    case 'int4': {
      const wide = i64.extend(asI32(operand));
      const result = name === 'negate' ? i64.sub(ZERO64, wide) : name === 'abs' ? absolute(wide) : notCompilable(name);
      return i32Operand(narrow(emitter, emitter.keep(result), kind), undefined);
    }
    case 'int8': {
      const value = asI64(operand);
      const result =
        name === 'negate' ? i64.sub(ZERO64, value) : name === 'abs' ? absolute(value) : notCompilable(name);
      emitter.bailIf(i64.eq(value, I64_MIN));
      return i64Operand(emitter.keep(result), undefined);
    }
    case 'float4':
    case 'float8':
      return doubleFunction(emitter, name, asF64(operand));
    case 'numeric':
      return numericFunction(emitter, name, operand, digits);
    default:
      return notCompilable(`${name} of ${kind}`);
  }
}

const absolute = (value: Code<'i64'>): Code<'i64'> => select(i64.sub(ZERO64, value), value, i64.lt(value, ZERO64));

function doubleFunction(emitter: Emitter, name: string, value: Code<'f64'>): Operand {
  switch (name) {
    case 'negate':
      return f64Operand(emitter.keep(f64.neg(value)), undefined);
    case 'abs':
      return f64Operand(emitter.keep(f64.abs(value)), undefined);
    case 'ceil':
      return f64Operand(emitter.keep(f64.ceil(value)), undefined);
    case 'floor':
      return f64Operand(emitter.keep(f64.floor(value)), undefined);
    case 'trunc':
      return f64Operand(emitter.keep(f64.trunc(value)), undefined);
    case 'round':
      return f64Operand(emitter.keep(f64.nearest(value)), undefined);
    case 'sqrt':
      emitter.bailIf(f64.lt(value, f64.const(0)));
      return f64Operand(emitter.keep(f64.sqrt(value)), undefined);
    default:
      return notCompilable(`${name} of floats`);
  }
}

function numericFunction(emitter: Emitter, name: string, operand: Operand, digits: Expression | undefined): Operand {
  switch (name) {
    case 'negate':
      return emitNumericNegate(emitter, operand);
    case 'abs':
      return emitNumericAbs(emitter, operand);
    case 'sign':
      return emitNumericSign(emitter, operand);
    case 'round':
    case 'trunc':
    case 'ceil':
    case 'floor':
      return emitNumericRounding(emitter, name, operand, digits);
    default:
      return notCompilable(`${name} of numerics`);
  }
}
