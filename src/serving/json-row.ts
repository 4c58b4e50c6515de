import type { JsonRow } from './serving.ts';

const LONG_NUMBER = /\d{16}|\d\.\d{15}|[eE][+-]?\d{3}/;
const QUOTE = 34;
const BACKSLASH = 92;
const NUMBER_TOKEN = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Parses JSON without losing digits: a number that a double cannot hold becomes a string with the digits as written
 * (the contract of {@link JsonRow}). Text without long numbers, nearly all of it, goes to `JSON.parse` as it is.
 *
 * @throws SyntaxError when the text is not JSON
 */
export function parseJson(text: string): unknown {
  return JSON.parse(LONG_NUMBER.test(text) ? quoteLongNumbers(text) : text);
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

function quoteLongNumbers(text: string): string {
  let result = '';
  let copied = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    if (code !== 45 && (code < 48 || code > 57)) {
      at++;
      continue;
    }
    NUMBER_TOKEN.lastIndex = at;
    const token = NUMBER_TOKEN.exec(text)?.[0];
    if (token === undefined) {
      at++;
      continue;
    }
    if (losesDigits(token)) {
      result += `${text.slice(copied, at)}"${token}"`;
      copied = at + token.length;
    }
    at += token.length;
  }
  return result + text.slice(copied);
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at + 1;
  }
  return text.length;
}

/** True when the double nearest to the token does not print as the token's digits. */
function losesDigits(token: string): boolean {
  const double = Number(token);
  if (!Number.isFinite(double)) return true;
  return significantDigits(token) > 15 && decimalForm(String(double)) !== decimalForm(token);
}

function significantDigits(token: string): number {
  const mantissa = /^-?([\d.]+)/.exec(token)?.[1] ?? '';
  return mantissa.replace('.', '').replace(/^0+/, '').length;
}

/** Digits without leading and trailing zeros, and the power of ten of the first: equal for equal numbers. */
function decimalForm(token: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token);
  if (match === null) return token;
  const [, sign = '', integer = '', fraction = '', exponent = '0'] = match;
  const digits = integer + fraction;
  const leading = /^0*/.exec(digits)?.[0].length ?? 0;
  const significant = digits.slice(leading).replace(/0+$/, '');
  return significant === '' ? '0' : `${sign}${significant}e${Number(exponent) + integer.length - leading}`;
}
