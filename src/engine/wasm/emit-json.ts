import type { CallExpression } from '../../plan/expression.ts';
import { emitStrict } from './emit-strict.ts';
import type { Emitter, KernelFunction } from './emitter.ts';
import { type Code, i32 } from './instruction.ts';
import { asI32, asText, type Operand, textOperand, ZERO } from './operand.ts';

const INTERPRET = i32.const(2);

/** `->`, `->>`, `#>` and `#>>`: a part of the JSON text, which no step copies. */
export function emitJson(emitter: Emitter, call: CallExpression): Operand {
  const isPath = call.function.startsWith('json_path');
  const isText = call.function.endsWith('_text');
  return emitStrict(emitter, call.args, (inner, [json, ...steps]) => {
    let current: Operand = json!;
    for (const [at, step] of steps.entries()) {
      const isIndex = call.args[at + 1]!.type.kind === 'int4';
      const name = isPath ? 'jsonStep' : isIndex ? 'jsonElement' : 'jsonMember';
      current = emitStep(inner, name, current, isIndex ? asI32(step) : asText(step));
    }
    return isText ? emitStep(inner, 'jsonText', current) : current;
  });
}

/** One call into the kernel, unless there is nothing to look into. */
function emitStep(emitter: Emitter, name: KernelFunction, json: Operand, step?: Code<'i32'>): Operand {
  const out = emitter.reference();
  const answer = emitter.local('i32');
  const looked = emitter.capture(() => {
    const args = step === undefined ? [asText(json), out] : [asText(json), step, out];
    emitter.push(answer.set(emitter.call(name, args, 'i32')));
    emitter.bailIf(i32.eq(answer.get, INTERPRET));
  });
  emitter.push(answer.set(ZERO));
  if (json.isNull === undefined) emitter.append(looked);
  else emitter.when(i32.eqz(json.isNull), looked);
  return textOperand(out, emitter.keep(i32.eqz(answer.get)));
}
