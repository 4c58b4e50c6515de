import type { Expression } from '../../plan/expression.ts';
import type { Emitter } from './emitter.ts';
import { type Code, i32 } from './instruction.ts';
import { eitherNull, type Operand } from './operand.ts';

/** A function whose result is null when an argument is: what it makes of arguments that are not. */
export type StrictBody = (emitter: Emitter, operands: readonly Operand[]) => Operand;

/**
 * Evaluates the arguments and the function. With two arguments, the second is not evaluated behind a null first, as in
 * the interpreter; with more, all are. What is cheap and cannot bail is computed for nulls too: without a branch.
 */
export function emitStrict(emitter: Emitter, args: readonly Expression[], body: StrictBody): Operand {
  const operands: Operand[] = [];
  let isNull: Code<'i32'> | undefined;
  for (const arg of args) {
    const captured = emitter.capture(() => emitter.compile(arg));
    if (isNull !== undefined && args.length === 2 && (captured.bails || captured.calls)) {
      emitter.when(i32.eqz(isNull), captured);
    } else {
      emitter.append(captured);
    }
    operands.push(captured.result);
    const both = eitherNull(isNull, captured.result.isNull);
    isNull = both === undefined || both === isNull || both === captured.result.isNull ? both : emitter.keep(both);
  }
  return emitGuarded(emitter, isNull, () => body(emitter, operands));
}

/** Computes a value that has no meaning when `isNull`: behind a branch if it may bail or calls something. */
export function emitGuarded(emitter: Emitter, isNull: Code<'i32'> | undefined, make: () => Operand): Operand {
  const captured = emitter.capture(make);
  if (isNull === undefined) {
    emitter.append(captured);
    return captured.result;
  }
  if (captured.bails || captured.calls) emitter.when(i32.eqz(isNull), captured);
  else emitter.append(captured);
  return withNull(captured.result, isNull);
}

export function withNull(operand: Operand, isNull: Code<'i32'> | undefined): Operand {
  return { ...operand, isNull: eitherNull(operand.isNull, isNull) };
}

/** A boolean that is 0 where it is null. */
export function emitBoolean(emitter: Emitter, value: Code<'i32'>, isNull: Code<'i32'> | undefined): Operand {
  const kept = emitter.keep(isNull === undefined ? value : i32.and(value, i32.eqz(isNull)));
  return { physical: 'i32', value: kept, isNull };
}

/** Whether a boolean is true: neither false nor null. */
export function isTrue(operand: Operand): Code<'i32'> {
  return operand.value as Code<'i32'>;
}
