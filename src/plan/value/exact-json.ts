const LONG_NUMBER = /\d{16}|\d\.\d{15}|[eE][+-]?\d{3}/;
const QUOTE = 34;
const BACKSLASH = 92;
const NUMBER_TOKEN = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** A JSON value, and the same with every number that a double cannot hold as a string of its digits; mostly one and the same. */
export interface ExactJson {
  readonly value: unknown;
  readonly exact: unknown;
}

/** @throws SyntaxError when the text is not JSON */
export function parseExactly(text: string): ExactJson {
  const value: unknown = JSON.parse(text);
  return { value, exact: hasLongNumbers(text) ? JSON.parse(quoteLongNumbers(text)) : value };
}

/** The elements of an array; any other value is the only one. */
export function elementsOf({ value, exact }: ExactJson): readonly ExactJson[] {
  if (!Array.isArray(value)) return [{ value, exact }];
  return value.map((element: unknown, i) => ({ value: element, exact: (exact as readonly unknown[])[i] }));
}

/** False for text in which every number is held exactly, nearly all of it; true may be a mistake. */
export function hasLongNumbers(text: string): boolean {
  return LONG_NUMBER.test(text);
}

/** JSON text whose numbers that a double cannot hold are strings, with their digits as written. */
export function quoteLongNumbers(text: string): string {
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
