import { evaluationError } from '../evaluation-error.ts';
import { likeMatcher } from '../like-pattern.ts';
import { regularExpressionMatcher } from '../regular-expression.ts';
import { hasSurrogates, textLength } from '../text-order.ts';
import { compiledOnce } from './compiled-cache.ts';
import { TEXT_LENGTH_MAX } from './limits.ts';
import { type FunctionOverload, overload } from './overload.ts';

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
  overload('ilike', twoTexts, 'boolean', (a: string, pattern: string) => ilike(pattern)(a)),
  overload('matches', twoTexts, 'boolean', (a: string, pattern: string) => regex(pattern)(a)),
  overload('imatches', twoTexts, 'boolean', (a: string, pattern: string) => iregex(pattern)(a)),
];
