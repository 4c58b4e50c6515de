import type { DataType } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import type { ComparisonName } from '../../plan/function/comparison.ts';
import { rescale } from './emit-numeric.ts';
import { emitBoolean, emitStrict } from './emit-strict.ts';
import type { Emitter } from './emitter.ts';
import { type Code, f64, i32, i64 } from './instruction.ts';
import {
  asDecimal,
  asF64,
  asI32,
  asI64,
  asText,
  type IntervalOperand,
  i32Operand,
  notCompilable,
  type Operand,
  ZERO,
} from './operand.ts';
import { prefixOf } from './program-memory.ts';

const MICROS_PER_MONTH = 30n * 86_400_000_000n;

type Kind = 'i32' | 'i64' | 'f64' | 'text' | 'numeric' | 'interval';

/** How values of a type are compared. @throws NotCompilable for jsonb and arrays */
function kindOf(type: DataType): Kind {
  switch (type.kind) {
    case 'boolean':
    case 'int2':
    case 'int4':
    case 'date':
      return 'i32';
    case 'int8':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return 'i64';
    case 'float4':
    case 'float8':
      return 'f64';
    case 'text':
    case 'uuid':
    case 'bytea':
      return 'text';
    case 'numeric':
    case 'interval':
      return type.kind;
    default:
      return notCompilable(`comparing ${type.kind}`);
  }
}

export function emitComparison(emitter: Emitter, name: ComparisonName, args: readonly Expression[]): Operand {
  const type = args[0]!.type;
  const constant = constantText(args[0]!) ?? constantText(args[1]!);
  const strict = emitStrict(emitter, args, (inner, [a, b]) => {
    if (constant !== undefined && (name === 'eq' || name === 'ne')) {
      const other = constantText(args[0]!) === undefined ? a! : b!;
      const equal = equalConstant(inner, asText(other), constant);
      return i32Operand(inner.keep(name === 'eq' ? equal : i32.eqz(equal)), undefined);
    }
    return i32Operand(inner.keep(compare(inner, name, a!, b!, type)), undefined);
  });
  return emitBoolean(emitter, asI32(strict), strict.isNull);
}

function constantText(expression: Expression): Uint8Array | undefined {
  const isText = expression.type.kind === 'text' || expression.type.kind === 'uuid';
  if (expression.kind !== 'literal' || !isText || expression.value === null) return undefined;
  return Buffer.from(expression.value as string, 'utf8');
}

/** Length and prefix of a reference are one word: it alone decides for short texts, and nearly always for long ones. */
function equalConstant(emitter: Emitter, reference: Code<'i32'>, constant: Uint8Array): Code<'i32'> {
  const head = (BigInt(prefixOf(constant)) << 32n) | BigInt(constant.length);
  const same = i64.eq(i64.load(reference), i64.const(head));
  if (constant.length <= 4) return same;
  const equal = emitter.local('i32');
  emitter.push(equal.set(same));
  const rest = emitter.capture(() => {
    const bytes = i32.load(emitter.text(constant), 8);
    const length = i32.const(constant.length);
    emitter.push(equal.set(emitter.call('equalBytes', [i32.load(reference, 8), bytes, length], 'i32')));
  });
  emitter.when(equal.get, { ...rest, calls: false });
  return equal.get;
}

function equalTexts(emitter: Emitter, a: Code<'i32'>, b: Code<'i32'>): Code<'i32'> {
  const equal = emitter.local('i32');
  emitter.push(equal.set(i64.eq(i64.load(a), i64.load(b))));
  const rest = emitter.capture(() => emitter.push(equal.set(emitter.call('equalStr', [a, b], 'i32'))));
  emitter.when(equal.get, rest);
  return equal.get;
}

function compare(emitter: Emitter, name: ComparisonName, a: Operand, b: Operand, type: DataType): Code<'i32'> {
  switch (kindOf(type)) {
    case 'i32':
      return i32[name](asI32(a), asI32(b));
    case 'i64':
      return i64[name](asI64(a), asI64(b));
    case 'f64':
      return compareDoubles(name, asF64(a), asF64(b));
    case 'numeric': {
      const [x, y] = sameScale(emitter, a, b);
      return i64[name](x, y);
    }
    case 'interval':
      return i64[name](intervalOrder(a), intervalOrder(b));
    case 'text':
      if (name === 'eq') return equalTexts(emitter, asText(a), asText(b));
      if (name === 'ne') return i32.eqz(equalTexts(emitter, asText(a), asText(b)));
      return i32[name](emitter.call('compareText', [asText(a), asText(b)], 'i32'), ZERO);
  }
}

/** NaN equals NaN and lies above all other numbers. */
function compareDoubles(name: ComparisonName, a: Code<'f64'>, b: Code<'f64'>): Code<'i32'> {
  const aIsNaN = f64.ne(a, a);
  const bIsNaN = f64.ne(b, b);
  switch (name) {
    case 'eq':
      return i32.or(f64.eq(a, b), i32.and(aIsNaN, bIsNaN));
    case 'ne':
      return i32.eqz(compareDoubles('eq', a, b));
    case 'gt':
      return compareDoubles('lt', b, a);
    case 'lt':
      return i32.or(f64.lt(a, b), i32.and(bIsNaN, f64.eq(a, a)));
    case 'le':
      return i32.or(f64.le(a, b), bIsNaN);
    case 'ge':
      return i32.or(f64.ge(a, b), aIsNaN);
  }
}

/** Two numerics as whole numbers of the finer one's unit. */
export function sameScale(emitter: Emitter, a: Operand, b: Operand): [Code<'i64'>, Code<'i64'>] {
  const x = asDecimal(a);
  const y = asDecimal(b);
  const scale = Math.max(x.scale, y.scale);
  return [rescale(emitter, x, scale).value, rescale(emitter, y, scale).value];
}

/** For comparison a month counts as 30 days, as in PostgreSQL. */
function intervalOrder(operand: Operand): Code<'i64'> {
  if (operand.physical !== 'interval') return notCompilable('a stored interval');
  const { months, value }: IntervalOperand = operand;
  return months === 0 ? value : i64.add(value, i64.const(BigInt(months) * MICROS_PER_MONTH));
}

/** Whether two values, neither null, are equal. */
export function equalOperands(emitter: Emitter, a: Operand, b: Operand, type: DataType): Code<'i32'> {
  return emitter.keep(compare(emitter, 'eq', a, b, type));
}

/** Negative, zero or positive for two values, neither null. */
export function orderOperands(emitter: Emitter, a: Operand, b: Operand, type: DataType): Code<'i32'> {
  if (kindOf(type) === 'text') return emitter.keep(emitter.call('compareText', [asText(a), asText(b)], 'i32'));
  const above = emitter.keep(compare(emitter, 'gt', a, b, type));
  const below = emitter.keep(compare(emitter, 'lt', a, b, type));
  return i32.sub(above, below);
}
