import { hasLongNumbers, quoteLongNumbers } from '../plan/value/exact-json.ts';
import type { JsonRow } from './serving.ts';

/**
 * Parses JSON without losing digits: a number that a double cannot hold becomes a string with the digits as written
 * (the contract of {@link JsonRow}). Text without long numbers, nearly all of it, goes to `JSON.parse` as it is.
 *
 * @throws SyntaxError when the text is not JSON
 */
export function parseJson(text: string): unknown {
  return JSON.parse(hasLongNumbers(text) ? quoteLongNumbers(text) : text);
}

/** A row of a topic whose value is a JSON object; any other value is found under `_value`. */
export function parseJsonRow(text: string): JsonRow {
  const value = parseOrText(text);
  return isJsonObject(value) ? value : { _value: value };
}

function parseOrText(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

function isJsonObject(value: unknown): value is JsonRow {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
