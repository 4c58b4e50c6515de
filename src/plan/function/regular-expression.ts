import { evaluationError } from '../evaluation-error.ts';
import type { TextSpan } from '../pattern/regular-expression-run.ts';
import {
  type RegularExpressionMatch,
  RegularExpressionSearch,
  type SearchText,
} from '../pattern/regular-expression-search.ts';
import { NO_FLAGS, withFlagLetters } from '../pattern/regular-expression-syntax.ts';
import { compiledOnce } from './compiled-cache.ts';
import { ITEMS_MAX } from './limits.ts';
import { type FunctionOverload, NULLABLE, overload } from './overload.ts';
import { similarPattern } from './similar-pattern.ts';

const invalid = (message: string): Error => evaluationError('PLAN_INVALID_ARGUMENT', message);

interface Search {
  readonly search: RegularExpressionSearch;
  /** The flag `g`. */
  readonly isGlobal: boolean;
}

/** By flags, a line end and the pattern. */
const compiled = compiledOnce((key): Search => {
  const cut = key.indexOf('\n');
  const letters = key.slice(0, cut);
  const flags = withFlagLetters(NO_FLAGS, letters.replaceAll('g', ''));
  if (flags === undefined) throw invalid(`invalid regular expression option: "${letters}"`);
  return { search: new RegularExpressionSearch(key.slice(cut + 1), flags), isGlobal: letters.includes('g') };
});

const SURROGATE = /[\ud800-\udfff]/;

let lastSearch: { readonly pattern: string; readonly flags: string; readonly search: Search } | undefined;

/** Nearly always the pattern is a constant: that of the row before. */
function searchOf(pattern: string, flags: string): Search {
  if (lastSearch?.pattern === pattern && lastSearch.flags === flags) return lastSearch.search;
  const search = compiled(`${flags}\n${pattern}`);
  lastSearch = { pattern, flags, search };
  return search;
}

/** For the functions that have no use for `g`. */
function plainSearch(name: string, pattern: string, flags: string): RegularExpressionSearch {
  const { search, isGlobal } = searchOf(pattern, flags);
  if (isGlobal) throw invalid(`${name} does not support the "global" option`);
  return search;
}

/** A text with its code points, made once for all searches in it, if they are asked for. */
class Subject implements SearchText {
  readonly #text: string;
  #points: ArrayLike<number> | undefined;
  /** The text when each of its code points is one UTF-16 unit. */
  readonly plain: string | undefined;

  constructor(text: string) {
    this.#text = text;
    this.plain = SURROGATE.test(text) ? undefined : text;
  }

  get points(): ArrayLike<number> {
    this.#points ??= this.plain === undefined ? codePoints(this.#text) : codeUnits(this.plain);
    return this.#points;
  }

  get #length(): number {
    return this.plain?.length ?? this.points.length;
  }

  part({ start, end }: TextSpan): string {
    if (this.plain !== undefined) return this.plain.slice(start, end);
    let part = '';
    for (let at = start; at < end; at++) part += String.fromCodePoint(this.points[at]!);
    return part;
  }

  /** Matches that do not overlap, from a position from 0 on. After an empty one the search goes on behind the next code point. */
  *matches(search: RegularExpressionSearch, from = 0): Generator<RegularExpressionMatch> {
    let at = from;
    while (at <= this.#length) {
      const match = search.find(this, at);
      if (match === undefined) return;
      yield match;
      at = match.end === match.start ? match.end + 1 : match.end;
    }
  }
}

function codePoints(text: string): ArrayLike<number> {
  return Array.from(text, (point) => point.codePointAt(0)!);
}

function codeUnits(text: string): ArrayLike<number> {
  const units = new Uint16Array(text.length);
  for (let at = 0; at < text.length; at++) units[at] = text.charCodeAt(at);
  return units;
}

function groupsOrWhole(subject: Subject, match: RegularExpressionMatch): readonly (string | null)[] {
  if (match.groups.length === 0) return [subject.part(match)];
  return match.groups.map((group) => (group === undefined ? null : subject.part(group)));
}

interface FirstMatch {
  readonly text: string;
  readonly pattern: string;
  readonly flags: string;
  readonly found: readonly (string | null)[] | null;
}
/** A query often asks the same thing twice about a row: whether there is a match, and which. */
let lastMatch: FirstMatch | undefined;

function firstMatch(text: string, pattern: string, flags = ''): readonly (string | null)[] | null {
  if (lastMatch?.text === text && lastMatch.pattern === pattern && lastMatch.flags === flags) return lastMatch.found;
  const search = plainSearch('regexp_match()', pattern, flags);
  const subject = new Subject(text);
  const match = search.find(subject, 0);
  const found = match === undefined ? null : groupsOrWhole(subject, match);
  lastMatch = { text, pattern, flags, found };
  return found;
}

/** As `regexp_matches`: the groups of each match with flag `g`, else of the first alone. */
export function* regularExpressionMatches(
  text: string,
  pattern: string,
  flags = '',
): Generator<readonly (string | null)[]> {
  const { search, isGlobal } = searchOf(pattern, flags);
  const subject = new Subject(text);
  for (const match of subject.matches(search)) {
    yield groupsOrWhole(subject, match);
    if (!isGlobal) return;
  }
}

/** `substring(text from pattern)`: the first group if there is one, else the whole. */
function substringByPattern(text: string, pattern: string): string | null {
  return firstMatch(text, pattern)?.[0] ?? null;
}

/** `\1` to `\9` are groups, `\&` is the match, `\\` a backslash. */
function replacementText(subject: Subject, match: RegularExpressionMatch, replacement: string): string {
  if (!replacement.includes('\\')) return replacement;
  return replacement.replace(/\\(.?)/gs, (whole, escaped: string) => {
    if (escaped === '&') return subject.part(match);
    if (escaped === '\\') return '\\';
    if (!/[1-9]/.test(escaped)) return whole;
    const group = match.groups[Number(escaped) - 1];
    return group === undefined ? '' : subject.part(group);
  });
}

/** Replaces the n-th match, or all from it on when `count` is 0. */
function replaceMatches(text: string, search: RegularExpressionSearch, to: string, start: number, nth: number): string {
  const subject = new Subject(text);
  let result = '';
  let kept = 0;
  let number = 0;
  for (const match of subject.matches(search, start - 1)) {
    number++;
    if (nth > 0 && number < nth) continue;
    result += subject.part({ start: kept, end: match.start }) + replacementText(subject, match, to);
    kept = match.end;
    if (nth > 0) break;
  }
  return result + subject.part({ start: kept, end: subject.points.length });
}

function replaceByFlags(text: string, pattern: string, to: string, flags = ''): string {
  if (/^\d/.test(flags)) {
    throw invalid(`invalid regular expression option: "${flags[0]}"; to give a start position, cast it to integer`);
  }
  const { search, isGlobal } = searchOf(pattern, flags);
  return replaceMatches(text, search, to, 1, isGlobal ? 0 : 1);
}

function checkStart(start: number): number {
  if (start <= 0) throw invalid(`invalid value for parameter "start": ${start}`);
  return start;
}

function replaceFrom(text: string, pattern: string, to: string, start: number, nth?: number, flags = ''): string {
  const { search, isGlobal } = searchOf(pattern, flags);
  if (nth !== undefined && nth < 0) throw invalid(`invalid value for parameter "n": ${nth}`);
  return replaceMatches(text, search, to, checkStart(start), nth ?? (isGlobal ? 0 : 1));
}

function countMatches(text: string, pattern: string, start = 1, flags = ''): number {
  const search = plainSearch('regexp_count()', pattern, flags);
  let count = 0;
  for (const _ of new Subject(text).matches(search, checkStart(start) - 1)) count++;
  return count;
}

interface Wanted {
  readonly start: number;
  readonly nth: number;
  readonly group: number;
}

/** The n-th match, or a group of it. */
function nthMatch(
  subject: Subject,
  search: RegularExpressionSearch,
  { start, nth, group }: Wanted,
): TextSpan | undefined {
  checkStart(start);
  if (nth <= 0) throw invalid(`invalid value for parameter "n": ${nth}`);
  if (group < 0) throw invalid(`invalid value for parameter "subexpr": ${group}`);
  let number = 0;
  for (const match of subject.matches(search, start - 1)) {
    if (++number === nth) return group === 0 ? match : match.groups[group - 1];
  }
  return undefined;
}

function positionOfMatch(text: string, pattern: string, start = 1, nth = 1, end = 0, flags = '', group = 0): number {
  if (end !== 0 && end !== 1) throw invalid(`invalid value for parameter "endoption": ${end}`);
  const search = plainSearch('regexp_instr()', pattern, flags);
  const span = nthMatch(new Subject(text), search, { start, nth, group });
  if (span === undefined) return 0;
  return (end === 1 ? span.end : span.start) + 1;
}

function partOfMatch(text: string, pattern: string, start = 1, nth = 1, flags = '', group = 0): string | null {
  const search = plainSearch('regexp_substr()', pattern, flags);
  const subject = new Subject(text);
  const span = nthMatch(subject, search, { start, nth, group });
  return span === undefined ? null : subject.part(span);
}

/** Empty matches at the ends, and right after a match, part nothing. */
function split(text: string, pattern: string, flags = ''): readonly string[] {
  const search = plainSearch('regexp_split_to_array()', pattern, flags);
  const subject = new Subject(text);
  const parts: string[] = [];
  let kept = 0;
  for (const match of subject.matches(search)) {
    const isEmpty = match.start === match.end;
    if (isEmpty && (match.start === kept || match.start >= subject.points.length)) continue;
    parts.push(subject.part({ start: kept, end: match.start }));
    kept = match.end;
    if (parts.length > ITEMS_MAX) throw evaluationError('PLAN_OUT_OF_RANGE', 'array size exceeds the maximum allowed');
  }
  parts.push(subject.part({ start: kept, end: subject.points.length }));
  return parts;
}

/** As Flink's REGEXP_EXTRACT: a group by its number, the whole match being 0. */
function extract(text: string, pattern: string, group = 0): string | null {
  const { search } = searchOf(pattern, '');
  if (group < 0 || group > search.groups) return null;
  const subject = new Subject(text);
  const match = search.find(subject, 0);
  const span = group === 0 ? match : match?.groups[group - 1];
  return span === undefined ? null : subject.part(span);
}

const similar = (text: string, pattern: string, escapeWith?: string): boolean =>
  searchOf(similarPattern(pattern, escapeWith), 's').search.find(new Subject(text), 0) !== undefined;

/** `substring(text similar pattern escape '#')`: what lies between two `#"`, or the whole. */
const substringSimilar = (text: string, pattern: string, escapeWith: string): string | null =>
  substringByPattern(text, similarPattern(pattern, escapeWith));

/** The declarations of a function whose last arguments may be left out. */
function withOptional(
  name: string,
  required: readonly ('text' | 'int4')[],
  optional: readonly ('text' | 'int4')[],
  result: 'text' | 'int4' | 'boolean' | 'text[]',
  apply: (...values: never[]) => unknown,
  nullable = false,
): FunctionOverload[] {
  return Array.from({ length: optional.length + 1 }, (_, count) =>
    overload(name, [...required, ...optional.slice(0, count)], result, apply, { nullable }),
  );
}

const two = ['text', 'text'] as const;

/** Functions of regular expressions (PostgreSQL manual, section 9.7). */
export const REGULAR_EXPRESSION_FUNCTIONS: readonly FunctionOverload[] = [
  ...withOptional('regexp_match', two, ['text'], 'text[]', firstMatch, true),
  ...withOptional('regexp_replace', ['text', 'text', 'text'], ['text'], 'text', replaceByFlags),
  ...withOptional('regexp_replace', ['text', 'text', 'text', 'int4'], ['int4', 'text'], 'text', replaceFrom),
  ...withOptional(
    'regexp_like',
    two,
    ['text'],
    'boolean',
    (text: string, pattern: string, flags = '') =>
      plainSearch('regexp_like()', pattern, flags).find(new Subject(text), 0) !== undefined,
  ),
  ...withOptional('regexp_count', two, ['int4', 'text'], 'int4', countMatches),
  ...withOptional('regexp_instr', two, ['int4', 'int4', 'int4', 'text', 'int4'], 'int4', positionOfMatch),
  ...withOptional('regexp_substr', two, ['int4', 'int4', 'text', 'int4'], 'text', partOfMatch, true),
  ...withOptional('regexp_split_to_array', two, ['text'], 'text[]', split),
  ...withOptional('regexp_extract', two, ['int4'], 'text', extract, true),
  overload('substring', two, 'text', substringByPattern, NULLABLE),
  overload('substring', ['text', 'text', 'text'], 'text', substringSimilar, NULLABLE),
  ...withOptional('similar_to', two, ['text'], 'boolean', similar),
];
