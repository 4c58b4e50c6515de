import { acceptUserValue } from '../../plan/value/user-value.ts';
import { textToValue, valueToText } from '../../plan/value/value-text.ts';
import type { UserFunction } from '../operator/row-evaluator.ts';
import type { Answer, Ask, AskTarget } from './effect.ts';

/** A user function on texts: arguments and result as messages and journals carry them. Rejects when the function fails. */
export function textCall(
  called: UserFunction,
  { name, argTypes, type }: Omit<AskTarget & { kind: 'function' }, 'options'>,
): (args: Ask['args']) => Promise<Answer> {
  return async (args) => {
    const values = args.map((text, at) => (text === null ? null : textToValue(text, argTypes[at]!)));
    const value = acceptUserValue(await called(...values), type, name);
    return [value === null ? null : valueToText(value, type)];
  };
}
