import type { RegularExpressionMachine, RegularExpressionState } from './regular-expression.ts';
import type { TextSpan } from './regular-expression-run.ts';

type TestState = RegularExpressionState & { kind: 'test' };

/** Where a code point leads, and the slots that are set to the place before it. */
interface Transition {
  readonly test: TestState['test'];
  readonly saves: readonly number[];
  /** The state of the machine behind it. */
  readonly next: number;
}

/** What can follow one state of the machine: of several transitions at most one takes a code point. */
interface Node {
  readonly transitions: readonly Transition[];
  /** Slots that are set when the match ends here; undefined when it cannot. */
  readonly accept: readonly number[] | undefined;
  /** It ends here at the end of the text alone. */
  readonly acceptsAtEnd: boolean;
}

const ASCII = 128;
const NODES_MAX = 200;
/** Steps for each unit of the text, at most, before another way to search is taken: so the time stays linear. */
const STEPS_PER_UNIT = 4;
const STEPS_LEAST = 64;

/** What a search came to: `undecided` when it would take too long, or a code point leads two ways. */
export type OnePassResult =
  | { readonly kind: 'match'; readonly span: TextSpan; readonly slots: ArrayLike<number> }
  | { readonly kind: 'none' | 'undecided' };

const NONE: OnePassResult = { kind: 'none' };
const UNDECIDED: OnePassResult = { kind: 'undecided' };

/**
 * Matches an expression of which the next code point alone says which way to go: one path, whose places of groups are kept as it goes,
 * without sets of states (RE2's "one-pass", in R. Cox, "Regular Expression Matching in the Wild"). Of such an expression the longest match
 * from a place is where its path ended last. Not for two searches at a time.
 */
export class OnePassMatcher {
  readonly #nodes: readonly Node[];
  /** Per node and ASCII code point: the number of the transition and one more; 0 for none. */
  readonly #table: Uint8Array;
  readonly #numbers: ReadonlyMap<number, number>;
  /** Node at the start of the text, and elsewhere. */
  readonly #first: readonly [number, number];
  readonly #slots: Int32Array;
  #steps = 0;
  /** Where the last run ended, and in which node. */
  #stopped = 0;
  #stoppedAt = 0;

  private constructor(nodes: readonly Node[], numbers: ReadonlyMap<number, number>, first: readonly [number, number]) {
    this.#nodes = nodes;
    this.#numbers = numbers;
    this.#first = first;
    const slots = nodes.flatMap((node) => [...(node.accept ?? []), ...node.transitions.flatMap(({ saves }) => saves)]);
    this.#slots = new Int32Array(Math.max(0, ...slots.map((slot) => slot + 1)));
    this.#table = new Uint8Array(nodes.length * ASCII);
    nodes.forEach(({ transitions }, node) => {
      transitions.forEach(({ test }, at) => {
        for (let code = 0; code < ASCII; code++) if (test(code)) this.#table[node * ASCII + code] = at + 1;
      });
    });
  }

  /** Undefined for a machine that is not of this kind. */
  static of(machine: RegularExpressionMachine): OnePassMatcher | undefined {
    const builder = new Builder(machine);
    const first = builder.node(machine.first, true);
    const elsewhere = builder.node(machine.first, false);
    if (first === undefined || elsewhere === undefined || !builder.complete()) return undefined;
    return new OnePassMatcher(builder.nodes, builder.numbers, [first, elsewhere]);
  }

  /** The earliest match from `from` on, and of those the longest, or the shortest when `isLazy`. The text has no surrogates. */
  search(text: string, from: number, isLazy: boolean): OnePassResult {
    const { length } = text;
    const limit = STEPS_LEAST + STEPS_PER_UNIT * (length - from);
    this.#steps = 0;
    for (let start = from; start <= length; start++) {
      const end = this.#endFrom(text, start, isLazy);
      if (end === -2 || this.#steps > limit) return UNDECIDED;
      if (end >= 0) return { kind: 'match', span: { start, end }, slots: this.#slots };
    }
    return NONE;
  }

  /** The end of the match that begins here, with the slots; -1 for none, -2 when two ways lead on. */
  #endFrom(text: string, start: number, isLazy: boolean): number {
    const last = this.#run(text, start, text.length, isLazy);
    if (last < 0) return last;
    // Where the path went on for nothing: again, up to the match.
    if (this.#stopped !== last) this.#run(text, start, last, false);
    for (const slot of this.#nodes[this.#stoppedAt]!.accept!) this.#slots[slot] = last;
    return last;
  }

  /** Follows the path up to a place; gives where it could last have ended. */
  #run(text: string, start: number, end: number, isLazy: boolean): number {
    const [slots, table, nodes] = [this.#slots, this.#table, this.#nodes];
    slots.fill(-1);
    let number = this.#first[start === 0 ? 0 : 1];
    let last = -1;
    let at = start;
    for (; ; at++) {
      const node = nodes[number]!;
      if (node.accept !== undefined && (!node.acceptsAtEnd || at === text.length)) {
        last = at;
        if (isLazy) break;
      }
      if (at >= end) break;
      const code = text.charCodeAt(at);
      const found = code < ASCII ? table[number * ASCII + code]! : beyondAscii(node, code);
      if (found === 0) break;
      if (found < 0) return -2;
      const { saves, next } = node.transitions[found - 1]!;
      for (let i = 0; i < saves.length; i++) slots[saves[i]!] = at;
      number = this.#numbers.get(next)!;
    }
    this.#steps += at - start;
    this.#stopped = at;
    this.#stoppedAt = number;
    return last;
  }
}

/** The number of the transition and one more; 0 for none, -1 when there are two. */
function beyondAscii({ transitions }: Node, code: number): number {
  let found = 0;
  for (let at = 0; at < transitions.length; at++) {
    if (!transitions[at]!.test(code)) continue;
    if (found > 0) return -1;
    found = at + 1;
  }
  return found;
}

class Builder {
  readonly nodes: Node[] = [];
  /** Node of a state of the machine that a transition leads to. */
  readonly numbers = new Map<number, number>();
  readonly #machine: RegularExpressionMachine;

  constructor(machine: RegularExpressionMachine) {
    this.#machine = machine;
  }

  /** Undefined when the code point that follows does not say which way to go. */
  node(state: number, atStart: boolean): number | undefined {
    const transitions: Transition[] = [];
    let accept: readonly number[] | undefined;
    let acceptsAtEnd = false;
    const seen = new Set<number>();
    const pending: { state: number; saves: readonly number[]; atEnd: boolean }[] = [{ state, saves: [], atEnd: false }];
    while (pending.length > 0) {
      const { state: index, saves, atEnd } = pending.pop()!;
      if (seen.has(index)) return undefined;
      seen.add(index);
      const found = this.#machine.states[index]!;
      switch (found.kind) {
        case 'test':
          if (!atEnd) transitions.push({ test: found.test, saves, next: found.next });
          break;
        case 'split':
          for (const next of found.next) pending.push({ state: next, saves, atEnd });
          break;
        case 'save':
          pending.push({ state: found.next, saves: [...saves, found.slot], atEnd });
          break;
        case 'start':
          if (atStart) pending.push({ state: found.next, saves, atEnd });
          break;
        case 'end':
          pending.push({ state: found.next, saves, atEnd: true });
          break;
        case 'place':
          return undefined;
        case 'accept':
          accept = saves;
          acceptsAtEnd = atEnd;
      }
    }
    if (transitions.length >= ASCII || this.nodes.length >= NODES_MAX || overlap(transitions)) return undefined;
    this.nodes.push({ transitions, accept, acceptsAtEnd });
    return this.nodes.length - 1;
  }

  /** Makes the nodes behind all transitions; false when one cannot be made. */
  complete(): boolean {
    for (let at = 0; at < this.nodes.length; at++) {
      for (const { next } of this.nodes[at]!.transitions) {
        if (this.numbers.has(next)) continue;
        const number = this.node(next, false);
        if (number === undefined) return false;
        this.numbers.set(next, number);
      }
    }
    return true;
  }
}

function overlap(transitions: readonly Transition[]): boolean {
  for (let code = 0; code < ASCII; code++) {
    let taking = 0;
    for (const { test } of transitions) if (test(code)) taking++;
    if (taking > 1) return true;
  }
  return false;
}
