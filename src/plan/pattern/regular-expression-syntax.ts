import { evaluationError } from '../evaluation-error.ts';

const REPEAT_MAX = 255;
/** Groups in groups. */
const DEPTH_MAX = 200;

/** A question about one code point. */
export type PointTest = (point: number) => boolean;
type Test = PointTest;

/** A question about the code points before and after a place; undefined at the ends of the text. */
export type PlaceTest = (before: number | undefined, after: number | undefined) => boolean;

/** A regular expression, taken apart. */
export type RegularExpressionTree =
  | { readonly kind: 'empty' }
  /** `point`: the only one that passes, where there is only one; as text. */
  | { readonly kind: 'test'; readonly test: PointTest; readonly point?: string }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'place'; readonly test: PlaceTest }
  | { readonly kind: 'group'; readonly number: number; readonly item: RegularExpressionTree }
  | { readonly kind: 'sequence' | 'choice'; readonly items: readonly RegularExpressionTree[] }
  | {
      readonly kind: 'repeat';
      readonly item: RegularExpressionTree;
      readonly min: number;
      readonly max: number;
      /** Prefers the fewest. */
      readonly lazy: boolean;
    };
type Tree = RegularExpressionTree;

/** How PostgreSQL's flags change the meaning of a pattern (its manual, tables 9.24 and 9.25). */
export interface RegularExpressionFlags {
  readonly ignoreCase: boolean;
  /** `.` and negated classes do not match a newline. */
  readonly pointStopsAtLine: boolean;
  /** `^` and `$` match at lines too. */
  readonly anchorsAtLine: boolean;
  /** Blanks and comments in the pattern mean nothing. */
  readonly expanded: boolean;
  /** The pattern is a text, not an expression. */
  readonly literal: boolean;
}

export const NO_FLAGS: RegularExpressionFlags = {
  ignoreCase: false,
  pointStopsAtLine: false,
  anchorsAtLine: false,
  expanded: false,
  literal: false,
};

/** The flags with those of these letters; undefined when one is not known. */
export function withFlagLetters(flags: RegularExpressionFlags, letters: string): RegularExpressionFlags | undefined {
  let result = flags;
  for (const letter of letters) {
    const change = FLAG_LETTERS[letter];
    if (change === undefined) return undefined;
    result = { ...result, ...change };
  }
  return result;
}

const FLAG_LETTERS: Readonly<Record<string, Partial<RegularExpressionFlags>>> = {
  i: { ignoreCase: true },
  c: { ignoreCase: false },
  m: { pointStopsAtLine: true, anchorsAtLine: true },
  n: { pointStopsAtLine: true, anchorsAtLine: true },
  p: { pointStopsAtLine: true, anchorsAtLine: false },
  w: { pointStopsAtLine: false, anchorsAtLine: true },
  s: { pointStopsAtLine: false, anchorsAtLine: false },
  x: { expanded: true },
  t: { expanded: false },
  q: { literal: true },
};

const EMPTY: Tree = { kind: 'empty' };
const NEWLINE = 10;

/**
 * Takes a pattern apart. `groups` is the number of capturing ones.
 * @throws HeadraceError `PLAN_INVALID_ARGUMENT`
 */
export function parseRegularExpression(
  pattern: string,
  flags: RegularExpressionFlags,
): { readonly tree: RegularExpressionTree; readonly groups: number } {
  const embedded = /^\(\?([a-z]+)\)/.exec(pattern);
  if (flags.literal || pattern.startsWith('***=')) {
    return new Parser(pattern.replace(/^\*\*\*=/, ''), flags).parseLiteral();
  }
  if (embedded === null) return new Parser(pattern, flags).parse();
  const changed = withFlagLetters(flags, embedded[1]!);
  const rest = pattern.slice(embedded[0].length);
  if (changed === undefined) return new Parser(pattern, flags).parse();
  return changed.literal ? new Parser(rest, changed).parseLiteral() : new Parser(rest, changed).parse();
}

class Parser {
  readonly #pattern: string;
  readonly #points: readonly string[];
  readonly #flags: RegularExpressionFlags;
  readonly #fold: boolean;
  #at = 0;
  #depth = 0;
  #groups = 0;

  constructor(pattern: string, flags: RegularExpressionFlags) {
    this.#pattern = pattern;
    this.#points = Array.from(pattern);
    this.#flags = flags;
    this.#fold = flags.ignoreCase;
  }

  parse(): { tree: Tree; groups: number } {
    const tree = this.#choice();
    if (this.#at < this.#points.length) throw this.#refuse('parentheses () not balanced');
    return { tree, groups: this.#groups };
  }

  parseLiteral(): { tree: Tree; groups: number } {
    const items = this.#points.map((point) => this.#point(point));
    return { tree: { kind: 'sequence', items }, groups: 0 };
  }

  #refuse(why: string): Error {
    return evaluationError(
      'PLAN_INVALID_ARGUMENT',
      `invalid regular expression "${this.#pattern.slice(0, 200)}": ${why}`,
    );
  }

  #peek(): string | undefined {
    if (this.#flags.expanded) this.#skipBlanks();
    return this.#points[this.#at];
  }

  #skipBlanks(): void {
    for (;;) {
      const point = this.#points[this.#at];
      if (point === '#') {
        while (this.#at < this.#points.length && this.#points[this.#at] !== '\n') this.#at++;
      } else if (point === undefined || !/\s/.test(point)) return;
      else this.#at++;
    }
  }

  #choice(): Tree {
    const items = [this.#sequence()];
    while (this.#peek() === '|') {
      this.#at++;
      items.push(this.#sequence());
    }
    return items.length === 1 ? items[0]! : { kind: 'choice', items };
  }

  #sequence(): Tree {
    const items: Tree[] = [];
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek()) {
      items.push(this.#repeat(this.#atom()));
    }
    return items.length === 0 ? EMPTY : { kind: 'sequence', items };
  }

  #repeat(item: Tree): Tree {
    const sign = this.#peek();
    let bounds: readonly [number, number] | undefined;
    if (sign === '*') bounds = [0, Number.POSITIVE_INFINITY];
    else if (sign === '+') bounds = [1, Number.POSITIVE_INFINITY];
    else if (sign === '?') bounds = [0, 1];
    else if (sign === '{') bounds = this.#braces();
    if (bounds === undefined) return item;
    this.#at++;
    const lazy = this.#peek() === '?';
    if (lazy) this.#at++;
    if (/^[*+?{]$/.test(this.#peek() ?? '')) throw this.#refuse('quantifier operand invalid');
    return { kind: 'repeat', item, min: bounds[0], max: bounds[1], lazy };
  }

  #braces(): readonly [number, number] {
    const end = this.#points.indexOf('}', this.#at);
    const match = /^(\d{1,3})(,(\d{0,3}))?$/.exec(this.#points.slice(this.#at + 1, end).join(''));
    if (end < 0 || match === null) throw this.#refuse('invalid repetition count(s)');
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (min > REPEAT_MAX || (Number.isFinite(max) && max > REPEAT_MAX) || max < min)
      throw this.#refuse('invalid repetition count(s)');
    this.#at = end;
    return [min, max];
  }

  #atom(): Tree {
    const point = this.#points[this.#at++]!;
    switch (point) {
      case '.':
        return { kind: 'test', test: this.#flags.pointStopsAtLine ? (code) => code !== NEWLINE : () => true };
      case '^':
        return this.#flags.anchorsAtLine ? LINE_START : { kind: 'start' };
      case '$':
        return this.#flags.anchorsAtLine ? LINE_END : { kind: 'end' };
      case '(':
        return this.#group();
      case '[':
        return { kind: 'test', test: this.#class() };
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
      case '{':
        throw this.#refuse('quantifier operand invalid');
      default:
        return this.#point(point);
    }
  }

  #group(): Tree {
    const isCapturing = this.#points[this.#at] !== '?';
    if (!isCapturing) {
      if (this.#points[this.#at + 1] !== ':') throw this.#refuse('look-around is not supported');
      this.#at += 2;
    }
    const number = isCapturing ? ++this.#groups : 0;
    if (++this.#depth > DEPTH_MAX) throw this.#refuse('too complex');
    const tree = this.#choice();
    this.#depth--;
    if (this.#points[this.#at++] !== ')') throw this.#refuse('parentheses () not balanced');
    return isCapturing ? { kind: 'group', number, item: tree } : tree;
  }

  #escape(): Tree {
    const point = this.#points[this.#at++];
    if (point === undefined) throw this.#refuse('invalid escape \\ sequence');
    if (point === 'A') return { kind: 'start' };
    if (point === 'Z') return { kind: 'end' };
    const place = PLACES[point];
    if (place !== undefined) return { kind: 'place', test: place };
    return { kind: 'test', test: this.#escapedTest(point) };
  }

  #escapedTest(point: string): Test {
    const shorthand = SHORTHANDS[point];
    if (shorthand !== undefined) return shorthand;
    const control = CONTROLS[point];
    if (control !== undefined) return (code) => code === control;
    const digits = point === 'x' ? 255 : point === 'u' ? 4 : point === 'U' ? 8 : 0;
    if (digits > 0) return this.#codePoint(digits);
    if (point === 'B') return this.#literal('\\');
    if (/[1-9]/.test(point)) throw this.#refuse('back references are not supported');
    if (/[A-Za-z0-9]/.test(point)) throw this.#refuse(`escape \\${point} is not supported`);
    return this.#literal(point);
  }

  /** `\u` and `\U` take so many hexadecimal digits, `\x` as many as come. */
  #codePoint(digits: number): Test {
    let text = '';
    while (text.length < digits && /^[0-9a-f]$/i.test(this.#points[this.#at] ?? '')) text += this.#points[this.#at++];
    const code = Number.parseInt(text, 16);
    if (!(code <= 0x10ffff) || (digits !== 255 && text.length !== digits))
      throw this.#refuse('invalid escape \\ sequence');
    return this.#literal(String.fromCodePoint(code));
  }

  #point(point: string): Tree {
    const test = this.#literal(point);
    return this.#flags.ignoreCase ? { kind: 'test', test } : { kind: 'test', test, point };
  }

  #literal(point: string): Test {
    const code = point.codePointAt(0)!;
    if (!this.#fold) return (other) => other === code;
    const folded = foldCase(code);
    return (other) => foldCase(other) === folded;
  }

  #class(): Test {
    const negated = this.#points[this.#at] === '^';
    if (negated) this.#at++;
    const tests: Test[] = [];
    for (let first = true; first || this.#points[this.#at] !== ']'; first = false) {
      if (this.#points[this.#at] === undefined) throw this.#refuse('brackets [] not balanced');
      tests.push(this.#classItem());
    }
    this.#at++;
    const stops = negated && this.#flags.pointStopsAtLine;
    return (code) => tests.some((test) => test(code)) !== negated && !(stops && code === NEWLINE);
  }

  #classItem(): Test {
    const named = /^\[:(\^?)([a-z]+):\]/.exec(this.#points.slice(this.#at, this.#at + 12).join(''));
    if (named !== null) {
      const test = CLASSES[named[2]!];
      if (test === undefined || named[1] !== '') throw this.#refuse('invalid character class');
      this.#at += named[0].length;
      return test;
    }
    const point = this.#points[this.#at++]!;
    if (point === '\\') {
      const escaped = this.#points[this.#at++];
      if (escaped === undefined) throw this.#refuse('invalid escape \\ sequence');
      return this.#escapedTest(escaped);
    }
    if (
      this.#points[this.#at] !== '-' ||
      this.#points[this.#at + 1] === ']' ||
      this.#points[this.#at + 1] === undefined
    ) {
      return this.#literal(point);
    }
    const low = point.codePointAt(0)!;
    const high = this.#points[this.#at + 1]!.codePointAt(0)!;
    if (high < low || this.#points[this.#at + 1] === '\\' || this.#points[this.#at + 1] === '[')
      throw this.#refuse('invalid character range');
    this.#at += 2;
    const inside = (code: number): boolean => code >= low && code <= high;
    if (!this.#fold) return inside;
    return (code) =>
      inside(code) ||
      [...String.fromCodePoint(code).toLowerCase(), ...String.fromCodePoint(code).toUpperCase()].some((c) =>
        inside(c.codePointAt(0)!),
      );
  }
}

function foldCase(code: number): number {
  if (code < 128) return code >= 65 && code <= 90 ? code + 32 : code;
  const lower = String.fromCodePoint(code).toLowerCase();
  return lower.codePointAt(0)!;
}

const matching =
  (pattern: RegExp): Test =>
  (code) =>
    pattern.test(String.fromCodePoint(code));
const not =
  (test: Test): Test =>
  (code) =>
    !test(code);

const CLASSES: Readonly<Record<string, Test>> = {
  alpha: matching(/\p{L}/u),
  digit: matching(/\p{Nd}/u),
  alnum: matching(/[\p{L}\p{Nd}]/u),
  upper: matching(/\p{Lu}/u),
  lower: matching(/\p{Ll}/u),
  space: matching(/\s/u),
  punct: matching(/[\p{P}\p{S}]/u),
  xdigit: matching(/[0-9A-Fa-f]/),
};
const WORD = matching(/[\p{L}\p{Nd}_]/u);
const SHORTHANDS: Readonly<Record<string, Test>> = {
  d: CLASSES.digit!,
  D: not(CLASSES.digit!),
  s: CLASSES.space!,
  S: not(CLASSES.space!),
  w: WORD,
  W: not(WORD),
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, b: 8, e: 27, '0': 0 };

const isWord = (code: number | undefined): boolean => code !== undefined && WORD(code);
/** PostgreSQL's constraint escapes (its manual, table 9.22). */
const PLACES: Readonly<Record<string, PlaceTest>> = {
  m: (before, after) => !isWord(before) && isWord(after),
  M: (before, after) => isWord(before) && !isWord(after),
  y: (before, after) => isWord(before) !== isWord(after),
  Y: (before, after) => isWord(before) === isWord(after),
};
const LINE_START: Tree = { kind: 'place', test: (before) => before === undefined || before === NEWLINE };
const LINE_END: Tree = { kind: 'place', test: (_, after) => after === undefined || after === NEWLINE };
