import type { DataType } from '../data-type.ts';
import { evaluationError } from '../evaluation-error.ts';
import { likeMatcher } from '../pattern/like-pattern.ts';
import { regularExpressionMatcher } from '../pattern/regular-expression.ts';
import { TYPE } from '../type-name.ts';
import { hasSurrogates, textLength } from '../value/text-order.ts';
import { itemText } from '../value/value-text.ts';
import { compiledOnce } from './compiled-cache.ts';
import { type GenericFunction, generic } from './generic.ts';
import { TEXT_LENGTH_MAX } from './limits.ts';
import { type FunctionOverload, overload } from './overload.ts';
import { formatText, quoteIdentifier, quoteLiteral } from './text-format.ts';

const like = compiledOnce((pattern) => likeMatcher(pattern, false));
const ilike = compiledOnce((pattern) => likeMatcher(pattern, true));
const regex = compiledOnce((pattern) => regularExpressionMatcher(pattern, false));
const iregex = compiledOnce((pattern) => regularExpressionMatcher(pattern, true));

/** Simple case mapping, code point by code point, as PostgreSQL's C.UTF-8: the number of code points never changes. */
function mapCase(text: string, map: (point: string) => string): string {
  const whole = map(text);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII
  if (/^[\x00-\x7f]*$/.test(text)) return whole;
  let result = '';
  for (const point of text) {
    const mapped = map(point);
    result += textLength(mapped) === 1 ? mapped : point === '\u0130' ? 'i' : point;
  }
  return result;
}

/** The part from code point `from` (0-based) up to `to`, clamped. */
function slice(text: string, from: number, to: number): string {
  const start = Math.max(0, from);
  const end = Math.max(start, to);
  if (!hasSurrogates(text)) return text.slice(start, end);
  return Array.from(text).slice(start, end).join('');
}

function substring(text: string, start: number, length?: number): string {
  if (length !== undefined && length < 0) {
    throw evaluationError('PLAN_INVALID_ARGUMENT', 'negative substring length not allowed');
  }
  return slice(text, start - 1, length === undefined ? Number.POSITIVE_INFINITY : start - 1 + length);
}

/** Position of a part, in code points from 1; 0 when it is not there; 1 for the empty part. */
function position(text: string, part: string): number {
  const at = text.indexOf(part);
  return at < 0 ? 0 : textLength(text.slice(0, at)) + 1;
}

function splitPart(text: string, delimiter: string, field: number): string {
  if (field === 0) throw evaluationError('PLAN_INVALID_ARGUMENT', 'field position must not be zero');
  if (delimiter === '') return field === 1 || field === -1 ? text : '';
  const parts = text === '' ? [] : text.split(delimiter);
  return parts[field > 0 ? field - 1 : parts.length + field] ?? '';
}

function trim(text: string, characters: string, left: boolean, right: boolean): string {
  const points = Array.from(text);
  const cut = new Set(characters);
  let start = 0;
  let end = points.length;
  while (left && start < end && cut.has(points[start]!)) start++;
  while (right && end > start && cut.has(points[end - 1]!)) end--;
  return start === 0 && end === points.length ? text : points.slice(start, end).join('');
}

function padText(text: string, length: number, fill: string, left: boolean): string {
  const points = Array.from(text);
  const wanted = checkedLength(Math.max(0, length));
  if (points.length >= wanted) return points.slice(0, wanted).join('');
  const filler = Array.from(fill);
  if (filler.length === 0) return text;
  const missing = wanted - points.length;
  const padding =
    filler.join('').repeat(Math.floor(missing / filler.length)) + filler.slice(0, missing % filler.length).join('');
  return left ? padding + text : text + padding;
}

function checkedLength(length: number): number {
  if (length > TEXT_LENGTH_MAX) throw evaluationError('PLAN_OUT_OF_RANGE', 'requested length too large');
  return length;
}

function replace(text: string, from: string, to: string): string {
  return from === '' ? text : text.replaceAll(from, () => to);
}

function leftPart(text: string, count: number): string {
  return slice(text, 0, count >= 0 ? count : textLength(text) + count);
}

function rightPart(text: string, count: number): string {
  const length = textLength(text);
  return slice(text, count >= 0 ? length - count : -count, length);
}

/** The pattern with `\` as its escape character. */
function standardEscape(pattern: string, escapeWith: string): string {
  const points = Array.from(escapeWith);
  if (points.length > 1) {
    throw evaluationError('PLAN_INVALID_ARGUMENT', 'invalid escape string: it must be empty or one character');
  }
  if (escapeWith === '\\') return pattern;
  if (escapeWith === '') return pattern.replaceAll('\\', '\\\\');
  let result = '';
  let isEscaped = false;
  for (const point of pattern) {
    if (point === escapeWith && !isEscaped) {
      isEscaped = true;
      continue;
    }
    result += isEscaped || point === '\\' ? `\\${point}` : point;
    isEscaped = false;
  }
  return isEscaped ? `${result}\\` : result;
}

/** A capital at the beginning of every word, words being letters and digits. */
function capitalized(text: string): string {
  let isInside = false;
  let result = '';
  for (const point of text) {
    result += mapCase(point, (one) => (isInside ? one.toLowerCase() : one.toUpperCase()));
    isInside = /[\p{L}\p{N}]/u.test(point);
  }
  return result;
}

function translate(text: string, from: string, to: string): string {
  const targets = Array.from(to);
  const map = new Map<string, string>();
  for (const [index, point] of Array.from(from).entries()) if (!map.has(point)) map.set(point, targets[index] ?? '');
  return Array.from(text, (point) => map.get(point) ?? point).join('');
}

function overlay(text: string, placed: string, start: number, count = textLength(placed)): string {
  if (start <= 0) throw evaluationError('PLAN_INVALID_ARGUMENT', 'negative substring length not allowed');
  return slice(text, 0, start - 1) + placed + slice(text, start - 1 + count, Number.POSITIVE_INFINITY);
}

function characterOf(code: number): string {
  if (code === 0) throw evaluationError('PLAN_INVALID_ARGUMENT', 'null character not permitted');
  if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    throw evaluationError('PLAN_OUT_OF_RANGE', `requested character not valid for encoding: ${code}`);
  }
  return String.fromCodePoint(code);
}

function normalForm(form: string): 'NFC' | 'NFD' | 'NFKC' | 'NFKD' {
  const name = form.toUpperCase();
  if (name === 'NFC' || name === 'NFD' || name === 'NFKC' || name === 'NFKD') return name;
  throw evaluationError('PLAN_INVALID_ARGUMENT', `invalid normalization form: ${form}`);
}

const oneText = ['text'] as const;
const twoTexts = ['text', 'text'] as const;

/** Text functions. Positions and lengths count code points. */
export const TEXT_FUNCTIONS: readonly FunctionOverload[] = [
  overload('concat', twoTexts, 'text', (a: string, b: string) => a + b),
  overload('length', oneText, 'int4', textLength),
  overload('octet_length', oneText, 'int4', (a: string) => Buffer.byteLength(a)),
  overload('lower', oneText, 'text', (a: string) => mapCase(a, (point) => point.toLowerCase())),
  overload('upper', oneText, 'text', (a: string) => mapCase(a, (point) => point.toUpperCase())),
  overload('reverse', oneText, 'text', (a: string) => Array.from(a).reverse().join('')),
  overload('repeat', ['text', 'int4'], 'text', (a: string, count: number) => {
    checkedLength(a.length * Math.max(0, count));
    return a.repeat(Math.max(0, count));
  }),
  overload('substring', ['text', 'int4'], 'text', substring),
  overload('substring', ['text', 'int4', 'int4'], 'text', substring),
  overload('position', twoTexts, 'int4', position),
  overload('starts_with', twoTexts, 'boolean', (a: string, b: string) => a.startsWith(b)),
  overload('split_part', ['text', 'text', 'int4'], 'text', splitPart),
  overload('replace', ['text', 'text', 'text'], 'text', replace),
  overload('left', ['text', 'int4'], 'text', leftPart),
  overload('right', ['text', 'int4'], 'text', rightPart),
  overload('initcap', oneText, 'text', capitalized),
  overload('translate', ['text', 'text', 'text'], 'text', translate),
  overload('overlay', ['text', 'text', 'int4'], 'text', overlay),
  overload('overlay', ['text', 'text', 'int4', 'int4'], 'text', overlay),
  overload('bit_length', oneText, 'int4', (a: string) => Buffer.byteLength(a) * 8),
  overload('ascii', oneText, 'int4', (a: string) => a.codePointAt(0) ?? 0),
  overload('unicode', oneText, 'int4', (a: string) => a.codePointAt(0) ?? 0),
  overload('chr', ['int4'], 'text', characterOf),
  overload('normalize', oneText, 'text', (a: string) => a.normalize('NFC')),
  overload('normalize', twoTexts, 'text', (a: string, form: string) => a.normalize(normalForm(form))),
  overload('is_normalized', oneText, 'boolean', (a: string) => a === a.normalize('NFC')),
  overload('is_normalized', twoTexts, 'boolean', (a: string, form: string) => a === a.normalize(normalForm(form))),
  overload('quote_ident', oneText, 'text', quoteIdentifier),
  overload('quote_literal', oneText, 'text', quoteLiteral),
  overload('quote_nullable', oneText, 'text', (a: string | null) => (a === null ? 'NULL' : quoteLiteral(a)), {
    strict: false,
  }),
  overload('to_hex', ['int4'], 'text', (a: number) => (a >>> 0).toString(16)),
  overload('to_hex', ['int8'], 'text', (a: bigint) => BigInt.asUintN(64, a).toString(16)),
  overload('btrim', oneText, 'text', (a: string) => trim(a, ' ', true, true)),
  overload('btrim', twoTexts, 'text', (a: string, b: string) => trim(a, b, true, true)),
  overload('ltrim', oneText, 'text', (a: string) => trim(a, ' ', true, false)),
  overload('ltrim', twoTexts, 'text', (a: string, b: string) => trim(a, b, true, false)),
  overload('rtrim', oneText, 'text', (a: string) => trim(a, ' ', false, true)),
  overload('rtrim', twoTexts, 'text', (a: string, b: string) => trim(a, b, false, true)),
  overload('lpad', ['text', 'int4'], 'text', (a: string, n: number) => padText(a, n, ' ', true)),
  overload('lpad', ['text', 'int4', 'text'], 'text', (a: string, n: number, fill: string) => padText(a, n, fill, true)),
  overload('rpad', ['text', 'int4'], 'text', (a: string, n: number) => padText(a, n, ' ', false)),
  overload('rpad', ['text', 'int4', 'text'], 'text', (a: string, n: number, fill: string) =>
    padText(a, n, fill, false),
  ),
  overload('like', twoTexts, 'boolean', (a: string, pattern: string) => like(pattern)(a)),
  overload('like', ['text', 'text', 'text'], 'boolean', (a: string, pattern: string, escapeWith: string) =>
    like(standardEscape(pattern, escapeWith))(a),
  ),
  overload('ilike', ['text', 'text', 'text'], 'boolean', (a: string, pattern: string, escapeWith: string) =>
    ilike(standardEscape(pattern, escapeWith))(a),
  ),
  overload('ilike', twoTexts, 'boolean', (a: string, pattern: string) => ilike(pattern)(a)),
  overload('matches', twoTexts, 'boolean', (a: string, pattern: string) => regex(pattern)(a)),
  overload('imatches', twoTexts, 'boolean', (a: string, pattern: string) => iregex(pattern)(a)),
];

/** A value as functions of any type write it; a boolean is one letter. */
function shortTexts(types: readonly DataType[], values: readonly unknown[]): (string | null)[] {
  return values.map((value, index) => (value === null ? null : itemText(value, types[index]!)));
}

const ANY_TEXTS = { strict: false, variadic: true } as const;

/** Text functions that take values of any type. */
export const TEXT_GENERICS: readonly GenericFunction[] = [
  generic(
    'concat_ws',
    [TYPE.text, 'any'],
    TYPE.text,
    (_, types) =>
      (separator: string | null, ...values: unknown[]) =>
        separator === null
          ? null
          : shortTexts(types.slice(1), values)
              .filter((text) => text !== null)
              .join(separator),
    { ...ANY_TEXTS, nullable: true },
  ),
  generic(
    'format',
    [TYPE.text, 'any'],
    TYPE.text,
    (_, types) =>
      (template: string | null, ...values: unknown[]) =>
        template === null ? null : formatText(template, shortTexts(types.slice(1), values)),
    { ...ANY_TEXTS, nullable: true },
  ),
  generic(
    'quote_literal',
    ['any'],
    TYPE.text,
    (_, types) => (value: unknown) => quoteLiteral(itemText(value, types[0]!)),
  ),
  generic('format', [TYPE.text], TYPE.text, () => (template: string) => formatText(template, [])),
];
