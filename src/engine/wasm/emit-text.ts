import type { CallExpression, Expression } from '../../plan/expression.ts';
import { caseTable } from './case-table.ts';
import { emitBoolean, emitStrict } from './emit-strict.ts';
import type { Emitter, KernelFunction } from './emitter.ts';
import { type Code, i32, i64, type ValueType } from './instruction.ts';
import { type LikePattern, likePattern } from './like-pattern.ts';
import { asI32, asText, i32Operand, notCompilable, ONE, type Operand, textOperand, ZERO } from './operand.ts';
import { patternTable } from './pattern-table.ts';

/** Further than any text reaches. */
const END = i64.const(2n ** 40n);
const ONE64 = i64.const(1n);

/** Text functions: what the kernel knows; anything beyond ASCII that it does not is left to the interpreter. */
export function emitText(emitter: Emitter, call: CallExpression): Operand {
  const { args } = call;
  if (call.function === 'like' || call.function === 'ilike') return emitLike(emitter, call);
  if (call.function === 'matches' || call.function === 'imatches') return emitMatch(emitter, call);
  const strict = emitStrict(emitter, args, (inner, operands) => textFunction(inner, call, operands));
  return call.type.kind === 'boolean' ? emitBoolean(emitter, asI32(strict), strict.isNull) : strict;
}

function textFunction(emitter: Emitter, call: CallExpression, operands: readonly Operand[]): Operand {
  const text = asText(operands[0]!);
  const second = operands[1];
  const into = (name: KernelFunction, args: readonly Code<ValueType>[]): Operand => {
    const out = emitter.reference();
    emitter.callInto(name, [...args, out]);
    return textOperand(out, undefined);
  };
  const number = (name: KernelFunction, args: readonly Code<ValueType>[]): Operand =>
    i32Operand(emitter.keep(emitter.call(name, args, 'i32')), undefined);
  switch (call.function) {
    case 'concat':
      return into('concatText', [text, asText(second!)]);
    case 'length':
      return number('pointLength', [text]);
    case 'octet_length':
      return i32Operand(emitter.keep(i32.load(text)), undefined);
    case 'lower':
    case 'upper': {
      const isLower = call.function === 'lower';
      const out = emitter.reference();
      emitter.callOrBail(isLower ? 'lowerText' : 'upperText', [text, emitter.bytes(caseTable(isLower)), out]);
      return textOperand(out, undefined);
    }
    case 'substring':
      return substring(emitter, text, operands);
    case 'left':
      return into('leftText', [text, asI32(second!)]);
    case 'right':
      return into('rightText', [text, asI32(second!)]);
    case 'position':
      return number('position', [text, asText(second!)]);
    case 'starts_with':
      return number('startsWith', [text, asText(second!)]);
    case 'split_part': {
      const field = asI32(operands[2]!);
      emitter.bailIf(i32.eqz(field));
      return into('splitPart', [text, asText(second!), field]);
    }
    case 'replace':
      return into('replaceText', [text, asText(second!), asText(operands[2]!)]);
    case 'btrim':
    case 'ltrim':
    case 'rtrim':
      return trim(emitter, call, text, second);
    default:
      return notCompilable(call.function);
  }
}

function substring(emitter: Emitter, text: Code<'i32'>, operands: readonly Operand[]): Operand {
  const from = emitter.keep(i64.sub(i64.extend(asI32(operands[1]!)), ONE64));
  let to = END;
  if (operands.length > 2) {
    const length = asI32(operands[2]!);
    emitter.bailIf(i32.lt(length, ZERO));
    to = i64.add(from, i64.extend(length));
  }
  const out = emitter.reference();
  emitter.callInto('sliceText', [text, from, to, out]);
  return textOperand(out, undefined);
}

const SIDES = { ltrim: 1, rtrim: 2, btrim: 3 } as const;

function trim(emitter: Emitter, call: CallExpression, text: Code<'i32'>, set: Operand | undefined): Operand {
  const characters = set === undefined ? emitter.text(Buffer.from(' ')) : asText(set);
  if (set !== undefined) emitter.callOrBail('isAscii', [characters]);
  const out = emitter.reference();
  emitter.callInto('trimText', [text, characters, i32.const(SIDES[call.function as keyof typeof SIDES]), out]);
  return textOperand(out, undefined);
}

/** LIKE with a constant pattern; one that is only a prefix, a suffix or a part is looked for as such. */
function emitLike(emitter: Emitter, call: CallExpression): Operand {
  const [text, pattern] = call.args as [Expression, Expression];
  const ignoreCase = call.function === 'ilike';
  if (pattern.kind !== 'literal' || pattern.value === null) return notCompilable('LIKE with a pattern that varies');
  const compiled = likePattern(pattern.value as string, ignoreCase) ?? notCompilable('a pattern that is no pattern');
  const strict = emitStrict(emitter, [text], (inner, [operand]) => {
    const reference = asText(operand!);
    if (ignoreCase) inner.callOrBail('isAscii', [reference]);
    const name = ignoreCase ? 'likeFolded' : LIKE_FUNCTIONS[compiled.kind];
    const bytes = ignoreCase ? compiled.bytes : compiled.plain;
    return i32Operand(inner.keep(inner.call(name, [reference, inner.text(bytes)], 'i32')), undefined);
  });
  return emitBoolean(emitter, asI32(strict), strict.isNull);
}

/** A constant regular expression, as a table. */
function emitMatch(emitter: Emitter, call: CallExpression): Operand {
  const [text, pattern] = call.args as [Expression, Expression];
  if (pattern.kind !== 'literal' || pattern.value === null) return notCompilable('a pattern that varies');
  const table =
    patternTable(pattern.value as string, call.function === 'imatches') ?? notCompilable('so large a pattern');
  const strict = emitStrict(emitter, [text], (inner, [operand]) => {
    const args = [asText(operand!), inner.bytes(table.bytes), i32.const(table.first)];
    const answer = inner.keep(inner.call('matchPattern', args, 'i32'));
    inner.bailIf(i32.gt(answer, ONE));
    return i32Operand(answer, undefined);
  });
  return emitBoolean(emitter, asI32(strict), strict.isNull);
}

const LIKE_FUNCTIONS: Readonly<Record<LikePattern['kind'], KernelFunction>> = {
  exact: 'equalStr',
  prefix: 'startsWith',
  suffix: 'endsWith',
  part: 'contains',
  general: 'likeText',
};
