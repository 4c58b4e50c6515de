import type { Interval } from '../../plan/data-type.ts';
import type { CallExpression, Expression, LiteralExpression } from '../../plan/expression.ts';
import { isComparison } from '../../plan/function/comparison.ts';
import type { Decimal } from '../../plan/value/decimal.ts';
import { emitArithmetic } from './emit-arithmetic.ts';
import { emitCast } from './emit-cast.ts';
import { emitComparison } from './emit-comparison.ts';
import { emitJson } from './emit-json.ts';
import {
  emitCase,
  emitCoalesce,
  emitConnective,
  emitDistinct,
  emitExtreme,
  emitNot,
  emitNullIf,
  emitTest,
} from './emit-logic.ts';
import { emitText } from './emit-text.ts';
import { emitDateTrunc, emitExtract, emitTimeArithmetic, emitToTimestamp, intervalLiteral } from './emit-time.ts';
import { emitTimestampFormat } from './emit-timestamp-format.ts';
import type { Emitter } from './emitter.ts';
import { f64, i32, i64 } from './instruction.ts';
import {
  decimalOperand,
  f64Operand,
  I64_BOUND,
  i32Operand,
  i64Operand,
  notCompilable,
  ONE,
  type Operand,
  textOperand,
  ZERO,
  ZERO64,
} from './operand.ts';

/**
 * Emits the value of an expression for the row at hand. What the interpreter (plan/evaluate.ts) gives is what this must
 * give, errors included: those it leaves to the interpreter by bailing.
 *
 * @throws NotCompilable when some part that is always evaluated has no WebAssembly form
 */
export function compileOperand(emitter: Emitter, expression: Expression): Operand {
  switch (expression.kind) {
    case 'literal':
      return literalOperand(emitter, expression);
    case 'case':
      return emitCase(emitter, expression);
    case 'cast':
      return emitCast(emitter, expression);
    case 'call':
      return callOperand(emitter, expression);
    case 'user-function':
      return notCompilable('a user function');
    case 'column':
      return notCompilable('a column that is not read');
  }
}

function literalOperand(emitter: Emitter, { type, value }: LiteralExpression): Operand {
  const isNull = value === null ? ONE : undefined;
  switch (type.kind) {
    case 'boolean':
    case 'int2':
    case 'int4':
    case 'date':
      return i32Operand(value === null ? ZERO : i32.const(Number(value)), isNull);
    case 'int8':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return i64Operand(value === null ? ZERO64 : i64.const(value as bigint), isNull);
    case 'float4':
    case 'float8':
      return f64Operand(f64.const(value === null ? 0 : (value as number)), isNull);
    case 'numeric': {
      if (value === null) return i64Operand(ZERO64, isNull);
      const { unscaled, scale } = value as Decimal;
      const size = unscaled < 0n ? -unscaled : unscaled;
      if (size >= I64_BOUND) return notCompilable('a numeric of so many digits');
      return decimalOperand(i64.const(unscaled), scale, size, undefined);
    }
    case 'text':
    case 'uuid':
      return textOperand(emitter.text(Buffer.from(value === null ? '' : (value as string), 'utf8')), isNull);
    case 'bytea':
      return textOperand(emitter.text(value === null ? new Uint8Array(0) : (value as Uint8Array)), isNull);
    case 'interval':
      return intervalLiteral(value as Interval | null);
    default:
      return notCompilable(`a constant ${type.kind}`);
  }
}

const TIME_KINDS: ReadonlySet<string> = new Set(['date', 'time', 'timestamp', 'timestamptz', 'interval']);
const TEXT_FUNCTIONS: ReadonlySet<string> = new Set([
  'concat',
  'length',
  'octet_length',
  'lower',
  'upper',
  'substring',
  'left',
  'right',
  'position',
  'starts_with',
  'split_part',
  'replace',
  'btrim',
  'ltrim',
  'rtrim',
  'like',
  'ilike',
  'matches',
  'imatches',
]);

const STAMPS: ReadonlySet<string> = new Set(['timestamp', 'timestamptz']);

/** These names have forms for bytea, for patterns and with an escape character too, which the interpreter runs. */
function takesText({ function: name, args }: CallExpression): boolean {
  const kinds = args.map((arg) => arg.type.kind);
  if (name === 'substring' && kinds[1] === 'text') return false;
  if ((name === 'like' || name === 'ilike') && kinds.length > 2) return false;
  return kinds.every((kind) => kind === 'text' || kind === 'int4');
}

function callOperand(emitter: Emitter, call: CallExpression): Operand {
  const { function: name, args } = call;
  if (isComparison(name)) return emitComparison(emitter, name, args);
  if (TEXT_FUNCTIONS.has(name)) {
    return takesText(call) ? emitText(emitter, call) : notCompilable(`${name} of other types`);
  }
  switch (name) {
    case 'and':
    case 'or':
      return emitConnective(emitter, args, name === 'and');
    case 'not':
      return emitNot(emitter, args[0]!);
    case 'is_null':
    case 'is_not_null':
    case 'is_true':
    case 'is_not_true':
    case 'is_false':
    case 'is_not_false':
      return emitTest(emitter, name, args[0]!);
    case 'is_distinct_from':
    case 'is_not_distinct_from':
      return emitDistinct(emitter, args, name === 'is_distinct_from');
    case 'coalesce':
      return emitCoalesce(emitter, args);
    case 'nullif':
      return emitNullIf(emitter, args);
    case 'greatest':
    case 'least':
      return emitExtreme(emitter, args, name === 'greatest');
    case 'json_get':
    case 'json_get_text':
    case 'json_path':
    case 'json_path_text':
      if (args.some((arg) => arg.type.kind === 'array')) return notCompilable('a computed path');
      return emitJson(emitter, call);
    case 'now':
      return i64Operand(emitter.now, undefined);
    case 'date_trunc':
      if (args.length > 2 || args[1]?.type.kind === 'interval') return notCompilable('date_trunc of that kind');
      return emitDateTrunc(emitter, call);
    case 'extract':
    case 'date_part':
      return emitExtract(emitter, call);
    case 'to_char':
      if (!STAMPS.has(args[0]!.type.kind)) return notCompilable('to_char of another type');
      return emitTimestampFormat(emitter, call);
    case 'to_timestamp':
      if (args.length > 1) return notCompilable('to_timestamp of a text');
      return emitToTimestamp(emitter, call);
    case 'add':
    case 'subtract':
      if (args.some((arg) => arg.type.kind === 'jsonb')) return notCompilable(`${name} of jsonb`);
      return args.some((arg) => TIME_KINDS.has(arg.type.kind))
        ? emitTimeArithmetic(emitter, call)
        : emitArithmetic(emitter, call);
    case 'multiply':
    case 'divide':
    case 'modulo':
    case 'negate':
    case 'abs':
    case 'ceil':
    case 'floor':
    case 'round':
    case 'trunc':
    case 'sign':
    case 'sqrt':
      return emitArithmetic(emitter, call);
    default:
      return notCompilable(name);
  }
}
