import { evaluationError } from '../evaluation-error.ts';
import {
  NO_FLAGS,
  type PlaceTest,
  type PointTest,
  parseRegularExpression,
  type RegularExpressionTree,
} from './regular-expression-syntax.ts';

/**
 * Regular expressions whose matching time is linear in the text: a set of states is advanced code point by code point (K. Thompson,
 * "Regular Expression Search Algorithm", 1968). The language is PostgreSQL's without what no such machine can do: back references
 * and look-around are refused.
 */
const STATES_MAX = 5000;

/** A state of the machine of a regular expression; `test` asks about a code point. */
export type RegularExpressionState =
  | { readonly kind: 'test'; readonly test: PointTest; next: number }
  | { readonly kind: 'split'; readonly next: number[] }
  | { readonly kind: 'start' | 'end'; next: number }
  | { readonly kind: 'place'; readonly test: PlaceTest; next: number }
  /** Where a group begins (twice its number) or ends (one more). */
  | { readonly kind: 'save'; readonly slot: number; next: number }
  | { readonly kind: 'accept' };

/** Builds the machine backwards: each part is given the state that follows it. */
class Machine {
  readonly #saves: boolean;
  readonly states: RegularExpressionState[] = [{ kind: 'accept' }];
  readonly #pattern: string;

  constructor(pattern: string, saves: boolean) {
    this.#pattern = pattern;
    this.#saves = saves;
  }

  build(tree: RegularExpressionTree, next: number): number {
    switch (tree.kind) {
      case 'empty':
        return next;
      case 'test':
        return this.#push({ kind: 'test', test: tree.test, next });
      case 'start':
      case 'end':
        return this.#push({ kind: tree.kind, next });
      case 'place':
        return this.#push({ kind: 'place', test: tree.test, next });
      case 'group':
        return this.#group(tree, next);
      case 'sequence':
        return tree.items.reduceRight((following, item) => this.build(item, following), next);
      case 'choice':
        return this.#push({ kind: 'split', next: tree.items.map((item) => this.build(item, next)) });
      case 'repeat':
        return this.#repeat(tree, next);
    }
  }

  #group(tree: RegularExpressionTree & { kind: 'group' }, next: number): number {
    if (!this.#saves) return this.build(tree.item, next);
    const end = this.#push({ kind: 'save', slot: tree.number * 2 + 1, next });
    return this.#push({ kind: 'save', slot: tree.number * 2, next: this.build(tree.item, end) });
  }

  /** The first of a split is what it prefers. */
  #repeat(tree: RegularExpressionTree & { kind: 'repeat' }, next: number): number {
    const preferred = (more: number, stop: number): number[] => (tree.lazy ? [stop, more] : [more, stop]);
    let following = next;
    if (Number.isFinite(tree.max)) {
      for (let i = tree.min; i < tree.max; i++) {
        following = this.#push({ kind: 'split', next: preferred(this.build(tree.item, following), next) });
      }
    } else {
      const loop: RegularExpressionState & { kind: 'split' } = { kind: 'split', next: [] };
      following = this.#push(loop);
      loop.next.push(...preferred(this.build(tree.item, following), next));
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

/**
 * Of a parsed pattern; with `saves`, groups are recorded.
 * @throws HeadraceError `PLAN_INVALID_ARGUMENT` when it would be too large
 */
export function machineOfTree(pattern: string, tree: RegularExpressionTree, saves: boolean): RegularExpressionMachine {
  const machine = new Machine(pattern, saves);
  const first = machine.build(tree, 0);
  return { states: machine.states, first };
}

/** @throws HeadraceError `PLAN_INVALID_ARGUMENT` */
export function regularExpressionMachine(pattern: string, ignoreCase: boolean): RegularExpressionMachine {
  return machineOfTree(pattern, parseRegularExpression(pattern, { ...NO_FLAGS, ignoreCase }).tree, false);
}

/** Compiles the pattern into a search: true when any part of the text matches. */
export function regularExpressionMatcher(pattern: string, ignoreCase: boolean): (text: string) => boolean {
  const { states, first } = regularExpressionMachine(pattern, ignoreCase);
  return (text) => search(states, first, Array.from(text));
}

/** Whether a state that reads nothing lets pass between these code points. */
export function letsPass(
  state: RegularExpressionState & { kind: 'start' | 'end' | 'place' },
  before: number | undefined,
  after: number | undefined,
): boolean {
  if (state.kind === 'place') return state.test(before, after);
  return (state.kind === 'start' ? before : after) === undefined;
}

function search(states: readonly RegularExpressionState[], first: number, points: readonly string[]): boolean {
  let current: number[] = [];
  let before: number | undefined;
  for (let at = 0; at <= points.length; at++) {
    const code = points[at]?.codePointAt(0);
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
      else if (state.kind === 'save' || letsPass(state, before, code)) pending.push(state.next);
    }
    if (code === undefined) return false;
    current = [];
    for (const index of tests) {
      const state = states[index]!;
      if (state.kind === 'test' && state.test(code)) current.push(state.next);
    }
    before = code;
  }
  return false;
}
