import {
  letsPass,
  machineOfTree,
  type RegularExpressionMachine,
  type RegularExpressionState,
} from './regular-expression.ts';
import {
  parseRegularExpression,
  type RegularExpressionFlags,
  type RegularExpressionTree,
} from './regular-expression-syntax.ts';

/** A part of a text, in code points; the end is not in it. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

/** The whole match, and what each capturing group took; undefined for a group that took no part. */
export interface RegularExpressionMatch extends TextSpan {
  readonly groups: readonly (TextSpan | undefined)[];
}

/**
 * Finds matches as PostgreSQL does (its manual, section 9.7.3.5): the earliest, and of those the longest, or the shortest if the
 * expression prefers that by its first quantifier. Both passes take time linear in the text. Within the match, groups take by the
 * preferences of their quantifiers and the order of alternatives, which differs from PostgreSQL where alternatives overlap.
 */
export class RegularExpressionSearch {
  readonly groups: number;
  readonly #shape: RegularExpressionMachine;
  readonly #capturing: RegularExpressionMachine;
  readonly #isLazy: boolean;

  /** @throws HeadraceError `PLAN_INVALID_ARGUMENT` */
  constructor(pattern: string, flags: RegularExpressionFlags) {
    const { tree, groups } = parseRegularExpression(pattern, flags);
    this.groups = groups;
    this.#shape = machineOfTree(pattern, tree, false);
    this.#capturing = groups === 0 ? this.#shape : machineOfTree(pattern, tree, true);
    this.#isLazy = preference(tree) === 'lazy';
  }

  /** The first match that begins at `from` or later. */
  find(points: readonly number[], from: number): RegularExpressionMatch | undefined {
    const span = findSpan(this.#shape, points, from, this.#isLazy);
    if (span === undefined) return undefined;
    return { ...span, groups: this.groups === 0 ? [] : capture(this.#capturing, points, span, this.groups) };
  }
}

type Preference = 'greedy' | 'lazy' | 'none';

function preference(tree: RegularExpressionTree): Preference {
  switch (tree.kind) {
    case 'group':
      return preference(tree.item);
    case 'repeat':
      if (tree.min === tree.max) return preference(tree.item);
      return tree.lazy ? 'lazy' : 'greedy';
    case 'choice':
      return 'greedy';
    case 'sequence':
      return tree.items.map(preference).find((found) => found !== 'none') ?? 'none';
    default:
      return 'none';
  }
}

/** Each state remembers the earliest place that a match through it can have begun at. */
function findSpan(
  { states, first }: RegularExpressionMachine,
  points: readonly number[],
  from: number,
  isLazy: boolean,
): TextSpan | undefined {
  let best: TextSpan | undefined;
  let current = new Map<number, number>();
  for (let at = from; at <= points.length; at++) {
    if (best === undefined) current.set(first, current.get(first) ?? at);
    const tests = new Map<number, number>();
    const accepted = follow(states, current, points[at - 1], points[at], tests);
    if (
      accepted !== undefined &&
      (best === undefined || accepted < best.start || (accepted === best.start && !isLazy))
    ) {
      best = { start: accepted, end: at };
    }
    if (at === points.length) break;
    current = new Map();
    for (const [index, start] of tests) {
      if (best !== undefined && (start > best.start || (isLazy && start === best.start))) continue;
      const state = states[index] as RegularExpressionState & { kind: 'test' };
      if (state.test(points[at]!)) current.set(state.next, Math.min(start, current.get(state.next) ?? start));
    }
    if (best !== undefined && current.size === 0) break;
  }
  return best;
}

/** Goes on without reading, earlier starts first; gives the start of a match that ends here. */
function follow(
  states: readonly RegularExpressionState[],
  current: ReadonlyMap<number, number>,
  before: number | undefined,
  after: number | undefined,
  tests: Map<number, number>,
): number | undefined {
  const reached = new Set<number>();
  let accepted: number | undefined;
  for (const [origin, start] of [...current].sort((a, b) => a[1] - b[1])) {
    const pending = [origin];
    while (pending.length > 0) {
      const index = pending.pop()!;
      if (reached.has(index)) continue;
      reached.add(index);
      const state = states[index]!;
      if (state.kind === 'accept') accepted ??= start;
      else if (state.kind === 'test') tests.set(index, start);
      else if (state.kind === 'split') pending.push(...state.next);
      else if (state.kind === 'save' || letsPass(state, before, after)) pending.push(state.next);
    }
  }
  return accepted;
}

type Slots = readonly (number | undefined)[];

/** Runs the machine over exactly the span, preferred ways first (R. Pike's construction, in R. Cox, "Regular Expression Matching: the Virtual Machine Approach"). */
function capture(
  { states, first }: RegularExpressionMachine,
  points: readonly number[],
  span: TextSpan,
  groups: number,
): readonly (TextSpan | undefined)[] {
  let threads: (readonly [number, Slots])[] = [[first, []]];
  for (let at = span.start; at <= span.end; at++) {
    const tests: (readonly [number, Slots])[] = [];
    const found = followOrdered(states, threads, at, points, tests);
    if (at === span.end) return spansOf(found ?? [], groups);
    threads = [];
    for (const [index, slots] of tests) {
      const state = states[index] as RegularExpressionState & { kind: 'test' };
      if (state.test(points[at]!)) threads.push([state.next, slots]);
    }
  }
  return spansOf([], groups);
}

function followOrdered(
  states: readonly RegularExpressionState[],
  threads: readonly (readonly [number, Slots])[],
  at: number,
  points: readonly number[],
  tests: (readonly [number, Slots])[],
): Slots | undefined {
  const reached = new Set<number>();
  let accepted: Slots | undefined;
  for (const thread of threads) {
    const pending: (readonly [number, Slots])[] = [thread];
    while (pending.length > 0) {
      const [index, slots] = pending.pop()!;
      if (reached.has(index)) continue;
      reached.add(index);
      const state = states[index]!;
      if (state.kind === 'accept') accepted ??= slots;
      else if (state.kind === 'test') tests.push([index, slots]);
      else if (state.kind === 'split') {
        for (const next of [...state.next].reverse()) pending.push([next, slots]);
      } else if (state.kind === 'save') {
        const saved = [...slots];
        saved[state.slot] = at;
        pending.push([state.next, saved]);
      } else if (letsPass(state, points[at - 1], points[at])) pending.push([state.next, slots]);
    }
  }
  return accepted;
}

function spansOf(slots: Slots, groups: number): readonly (TextSpan | undefined)[] {
  return Array.from({ length: groups }, (_, index) => {
    const [start, end] = [slots[index * 2 + 2], slots[index * 2 + 3]];
    return start === undefined || end === undefined ? undefined : { start, end };
  });
}
