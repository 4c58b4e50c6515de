import { evaluationError } from './evaluation-error.ts';

/**
 * Regular expressions whose matching time is linear in the text: a set of states is advanced code point by code point (K. Thompson,
 * "Regular Expression Search Algorithm", 1968). The language is the common part of PostgreSQL's and RE2's: literals, `.`, classes,
 * `\d \s \w` and their complements, `^ $`, groups, `|`, `* + ? {m,n}`. Back references and look-around are refused.
 */
const STATES_MAX = 5000;
const REPEAT_MAX = 255;
/** Groups in groups. */
const DEPTH_MAX = 200;

type Test = (point: number) => boolean;

type Tree =
  | { readonly kind: 'empty' }
  | { readonly kind: 'test'; readonly test: Test }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'sequence' | 'choice'; readonly items: readonly Tree[] }
  | { readonly kind: 'repeat'; readonly item: Tree; readonly min: number; readonly max: number };

const EMPTY: Tree = { kind: 'empty' };

class Parser {
  readonly #pattern: string;
  readonly #points: readonly string[];
  readonly #fold: boolean;
  #at = 0;
  #depth = 0;

  constructor(pattern: string, fold: boolean) {
    this.#pattern = pattern;
    this.#points = Array.from(pattern);
    this.#fold = fold;
  }

  parse(): Tree {
    const tree = this.#choice();
    if (this.#at < this.#points.length) throw this.#refuse('parentheses () not balanced');
    return tree;
  }

  #refuse(why: string): Error {
    return evaluationError(
      'PLAN_INVALID_ARGUMENT',
      `invalid regular expression "${this.#pattern.slice(0, 200)}": ${why}`,
    );
  }

  #peek(): string | undefined {
    return this.#points[this.#at];
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
    if (this.#peek() === '?') this.#at++;
    if (/^[*+?{]$/.test(this.#peek() ?? '')) throw this.#refuse('quantifier operand invalid');
    return { kind: 'repeat', item, min: bounds[0], max: bounds[1] };
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
        return { kind: 'test', test: () => true };
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
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
        return { kind: 'test', test: this.#literal(point) };
    }
  }

  #group(): Tree {
    if (this.#peek() === '?') {
      if (this.#points[this.#at + 1] !== ':') throw this.#refuse('look-around and flags are not supported');
      this.#at += 2;
    }
    if (++this.#depth > DEPTH_MAX) throw this.#refuse('too complex');
    const tree = this.#choice();
    this.#depth--;
    if (this.#points[this.#at++] !== ')') throw this.#refuse('parentheses () not balanced');
    return tree;
  }

  #escape(): Tree {
    const point = this.#points[this.#at++];
    if (point === undefined) throw this.#refuse('invalid escape \\ sequence');
    if (point === 'A') return { kind: 'start' };
    if (point === 'Z') return { kind: 'end' };
    return { kind: 'test', test: this.#escapedTest(point) };
  }

  #escapedTest(point: string): Test {
    const shorthand = SHORTHANDS[point];
    if (shorthand !== undefined) return shorthand;
    const control = CONTROLS[point];
    if (control !== undefined) return (code) => code === control;
    if (/[A-Za-z0-9]/.test(point)) throw this.#refuse(`escape \\${point} is not supported`);
    return this.#literal(point);
  }

  #literal(point: string): Test {
    const code = point.codePointAt(0)!;
    if (!this.#fold) return (other) => other === code;
    const folded = foldCase(code);
    return (other) => foldCase(other) === folded;
  }

  #class(): Test {
    const negated = this.#peek() === '^';
    if (negated) this.#at++;
    const tests: Test[] = [];
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      if (this.#peek() === undefined) throw this.#refuse('brackets [] not balanced');
      tests.push(this.#classItem());
    }
    this.#at++;
    return (code) => tests.some((test) => test(code)) !== negated;
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
    if (this.#peek() !== '-' || this.#points[this.#at + 1] === ']' || this.#points[this.#at + 1] === undefined) {
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
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11 };

/** A state of the machine of a regular expression; `test` asks about a code point. */
export type RegularExpressionState =
  | { readonly kind: 'test'; readonly test: Test; next: number }
  | { readonly kind: 'split'; readonly next: number[] }
  | { readonly kind: 'start' | 'end'; next: number }
  | { readonly kind: 'accept' };

/** Builds the machine backwards: each part is given the state that follows it. */
class Machine {
  readonly states: RegularExpressionState[] = [{ kind: 'accept' }];
  readonly #pattern: string;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  build(tree: Tree, next: number): number {
    switch (tree.kind) {
      case 'empty':
        return next;
      case 'test':
        return this.#push({ kind: 'test', test: tree.test, next });
      case 'start':
      case 'end':
        return this.#push({ kind: tree.kind, next });
      case 'sequence':
        return tree.items.reduceRight((following, item) => this.build(item, following), next);
      case 'choice':
        return this.#push({ kind: 'split', next: tree.items.map((item) => this.build(item, next)) });
      case 'repeat':
        return this.#repeat(tree, next);
    }
  }

  #repeat(tree: Tree & { kind: 'repeat' }, next: number): number {
    let following = next;
    if (Number.isFinite(tree.max)) {
      for (let i = tree.min; i < tree.max; i++) {
        following = this.#push({ kind: 'split', next: [this.build(tree.item, following), next] });
      }
    } else {
      const loop: RegularExpressionState & { kind: 'split' } = { kind: 'split', next: [next] };
      following = this.#push(loop);
      loop.next.push(this.build(tree.item, following));
    }
    for (let i = 0; i < tree.min; i++) {
      const built = this.build(tree.item, following);
      // Without a state of its own it is empty: once or a thousand times is the same.
      if (built === following) break;
      following = built;
    }
    return following;
  }

  #push(state: RegularExpressionState): number {
    if (this.states.length >= STATES_MAX) {
      throw evaluationError(
        'PLAN_INVALID_ARGUMENT',
        `invalid regular expression "${this.#pattern.slice(0, 200)}": too complex`,
      );
    }
    this.states.push(state);
    return this.states.length - 1;
  }
}

/** The states of a pattern and the one that it begins in. */
export interface RegularExpressionMachine {
  readonly states: readonly RegularExpressionState[];
  readonly first: number;
}

/** @throws HeadraceError `PLAN_INVALID_ARGUMENT` */
export function regularExpressionMachine(pattern: string, ignoreCase: boolean): RegularExpressionMachine {
  const machine = new Machine(pattern);
  const first = machine.build(new Parser(pattern, ignoreCase).parse(), 0);
  return { states: machine.states, first };
}

/** Compiles the pattern into a search: true when any part of the text matches. */
export function regularExpressionMatcher(pattern: string, ignoreCase: boolean): (text: string) => boolean {
  const { states, first } = regularExpressionMachine(pattern, ignoreCase);
  return (text) => search(states, first, Array.from(text));
}

function search(states: readonly RegularExpressionState[], first: number, points: readonly string[]): boolean {
  let current: number[] = [];
  for (let at = 0; at <= points.length; at++) {
    const reached = new Set<number>();
    const tests: number[] = [];
    const pending = [first, ...current];
    while (pending.length > 0) {
      const index = pending.pop()!;
      if (reached.has(index)) continue;
      reached.add(index);
      const state = states[index]!;
      if (state.kind === 'accept') return true;
      if (state.kind === 'test') tests.push(index);
      else if (state.kind === 'split') pending.push(...state.next);
      else if (state.kind === 'start' ? at === 0 : at === points.length) pending.push(state.next);
    }
    const code = points[at]?.codePointAt(0);
    if (code === undefined) return false;
    current = [];
    for (const index of tests) {
      const state = states[index]!;
      if (state.kind === 'test' && state.test(code)) current.push(state.next);
    }
  }
  return false;
}
