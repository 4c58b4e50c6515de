import type { DataType } from '../../plan/data-type.ts';
import { narrow } from './emit-arithmetic.ts';
import { fitNumeric } from './emit-numeric.ts';
import type { Emitter, KernelFunction } from './emitter.ts';
import { type Code, f64, i32, i64, select, type ValueType } from './instruction.ts';
import {
  asDecimal,
  asF64,
  asI32,
  asI64,
  asText,
  decimalOperand,
  f64Operand,
  I64_BOUND,
  i32Operand,
  i64Operand,
  notCompilable,
  type Operand,
  textOperand,
  ZERO,
} from './operand.ts';

/** Powers of ten that a double holds exactly, as many as a text of 15 digits may need. */
const POWERS = Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);

/** Digits that fit 64 bits for certain. */
const NUMERIC_PRECISION_MAX = 18;

const constant = (emitter: Emitter, text: string): Code<'i32'> => emitter.text(Buffer.from(text, 'utf8'));

/** A value as PostgreSQL writes it. */
export function emitToText(emitter: Emitter, operand: Operand, from: DataType): Operand {
  const made = (name: KernelFunction, args: readonly Code<ValueType>[], mayBail: boolean): Operand => {
    const out = emitter.reference();
    if (mayBail) emitter.callOrBail(name, [...args, out]);
    else emitter.callInto(name, [...args, out]);
    return textOperand(out, undefined);
  };
  switch (from.kind) {
    case 'uuid':
      return textOperand(asText(operand), undefined);
    case 'boolean': {
      const text = select(constant(emitter, 'true'), constant(emitter, 'false'), asI32(operand));
      return textOperand(emitter.keep(text), undefined);
    }
    case 'int2':
    case 'int4':
      return made('intText', [i64.extend(asI32(operand))], false);
    case 'int8':
      return made('intText', [asI64(operand)], false);
    case 'numeric': {
      const { value, scale } = asDecimal(operand);
      return made('decimalText', [value, i32.const(scale)], false);
    }
    case 'float8':
      return made('doubleText', [asF64(operand)], true);
    case 'date':
      return made('dateText', [asI32(operand)], true);
    case 'timestamp':
    case 'timestamptz':
      return made('timestampText', [asI64(operand), i32.const(from.kind === 'timestamptz' ? 1 : 0)], true);
    default:
      return notCompilable(`${from.kind} as text`);
  }
}

/** The common forms; any other text is left to the interpreter. */
export function emitFromText(emitter: Emitter, operand: Operand, to: DataType): Operand {
  const text = asText(operand);
  const parsed = (): Code<'i64'> => emitter.keep(emitter.call('parsedValue', [], 'i64'));
  switch (to.kind) {
    case 'boolean': {
      const isTrue = isConstant(text, 'true');
      emitter.bailIf(i32.eqz(i32.or(isTrue, isFalse(emitter, text))));
      return i32Operand(emitter.keep(isTrue), undefined);
    }
    case 'int2':
    case 'int4':
      emitter.callOrBail('parseWhole', [text]);
      return i32Operand(narrow(emitter, parsed(), to.kind), undefined);
    case 'int8':
      emitter.callOrBail('parseWhole', [text]);
      return i64Operand(parsed(), undefined);
    case 'float8': {
      emitter.callOrBail('parseDecimal', [text]);
      const scale = emitter.call('parsedScale', [], 'i32');
      const power = f64.load(i32.add(emitter.doubles(POWERS), i32.shl(scale, i32.const(3))));
      return f64Operand(emitter.keep(f64.div(f64.convert64(parsed()), power)), undefined);
    }
    case 'numeric': {
      // Without a declared scale, the scale is that of each text.
      if (to.precision === undefined || to.precision > NUMERIC_PRECISION_MAX) return notCompilable('text as numeric');
      const scale = to.scale ?? 0;
      emitter.callOrBail('parseNumeric', [text, i32.const(scale)]);
      const decimal = { value: parsed(), scale, bound: I64_BOUND };
      const fitted = fitNumeric(emitter, decimal, to);
      return decimalOperand(fitted.value, scale, fitted.bound, undefined);
    }
    case 'date':
      emitter.callOrBail('parseDateText', [text]);
      return i32Operand(emitter.keep(i32.wrap(parsed())), undefined);
    case 'timestamp':
    case 'timestamptz':
      emitter.callOrBail('parseTimestampText', [text]);
      return i64Operand(parsed(), undefined);
    default:
      return notCompilable(`text as ${to.kind}`);
  }
}

/** Whether a text is one of at most four bytes: its length and prefix in one comparison. */
function isConstant(text: Code<'i32'>, constantText: string): Code<'i32'> {
  const bytes = Buffer.from(constantText, 'latin1');
  const head = (BigInt(bytes.readUInt32LE(0)) << 32n) | BigInt(bytes.length);
  return i64.eq(i64.load(text), i64.const(head));
}

function isFalse(emitter: Emitter, text: Code<'i32'>): Code<'i32'> {
  const same = emitter.local('i32');
  emitter.push(same.set(i32.eq(i32.load(text), i32.const(5))));
  const compared = emitter.capture(() => {
    emitter.push(same.set(emitter.call('equalStr', [text, constant(emitter, 'false')], 'i32')));
  });
  emitter.when(i32.ne(same.get, ZERO), compared);
  return same.get;
}
