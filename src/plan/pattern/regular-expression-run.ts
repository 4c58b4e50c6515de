import { letsPass, type RegularExpressionMachine, type RegularExpressionState } from './regular-expression.ts';

/** A part of a text, in code points; the end is not in it. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

type Points = ArrayLike<number>;
type Slots = readonly (number | undefined)[];
type Passing = RegularExpressionState & { kind: 'start' | 'end' | 'place' };

const ASCII = 128;
/** States times places of a match for which it is remembered where groups were looked for. */
const VISITS_MAX = 65_536;
const [TEST, SPLIT, SAVE, PASS, ACCEPT] = [0, 1, 2, 3, 4];
const CODES = { test: TEST, split: SPLIT, save: SAVE, start: PASS, end: PASS, place: PASS, accept: ACCEPT } as const;

/**
 * Runs the machine of a regular expression over a text, each code point once. What a run needs is made once and used again: sets of
 * states are lists with a mark of the step in which a state was last reached (P. Briggs, L. Torczon, "An Efficient Representation for
 * Sparse Sets", 1993, in spirit). Not for two runs at a time.
 */
export class MachineRun {
  readonly #states: readonly RegularExpressionState[];
  readonly #first: number;
  readonly #codes: Uint8Array;
  /** The state that follows; of a split, its first way. */
  readonly #next: Int32Array;
  readonly #marks: Uint32Array;
  #step = 0;
  readonly #stack: Int32Array;
  /** Per test, which ASCII code points pass. */
  #visits = new Uint32Array(0);
  readonly #tables: (Uint8Array | undefined)[];
  #current: Int32Array;
  #starts: Int32Array;
  #tests: Int32Array;
  #testStarts: Int32Array;
  #testCount = 0;

  constructor({ states, first }: RegularExpressionMachine) {
    this.#states = states;
    this.#first = first;
    this.#codes = Uint8Array.from(states, ({ kind }) => CODES[kind]!);
    this.#next = Int32Array.from(states, (state) => {
      if (state.kind === 'accept') return -1;
      return state.kind === 'split' ? state.next[0]! : state.next;
    });
    const size = states.length + 1;
    const ways = states.reduce((sum, state) => sum + (state.kind === 'split' ? state.next.length : 1), 1);
    this.#marks = new Uint32Array(size);
    this.#stack = new Int32Array(ways + 1);
    this.#tables = new Array<Uint8Array | undefined>(size);
    this.#current = new Int32Array(size);
    this.#starts = new Int32Array(size);
    this.#tests = new Int32Array(size);
    this.#testStarts = new Int32Array(size);
  }

  /** The earliest match that begins at `from` or later, and of those the longest, or the shortest when `isLazy`. */
  span(points: Points, from: number, isLazy: boolean): TextSpan | undefined {
    let bestStart = -1;
    let bestEnd = -1;
    let count = 0;
    const { length } = points;
    for (let at = from; at <= length; at++) {
      if (bestStart < 0) {
        // Behind all that began earlier: the list stays in the order of the starts.
        this.#current[count] = this.#first;
        this.#starts[count++] = at;
      }
      const accepted = this.#follow(count, points, at);
      if (accepted >= 0 && (bestStart < 0 || accepted < bestStart || (accepted === bestStart && !isLazy))) {
        bestStart = accepted;
        bestEnd = at;
      }
      if (at === length) break;
      count = this.#advance(points[at]!, bestStart, isLazy);
      if (bestStart >= 0 && count === 0) break;
    }
    return bestStart < 0 ? undefined : { start: bestStart, end: bestEnd };
  }

  /** Goes on without reading, earlier starts first; gives the start of a match that ends here, or -1. */
  #follow(count: number, points: Points, at: number): number {
    const step = this.#nextStep();
    const [stack, marks, codes, next] = [this.#stack, this.#marks, this.#codes, this.#next];
    let accepted = -1;
    let tests = 0;
    for (let i = 0; i < count; i++) {
      const start = this.#starts[i]!;
      let height = 1;
      stack[0] = this.#current[i]!;
      while (height > 0) {
        const state = stack[--height]!;
        if (marks[state] === step) continue;
        marks[state] = step;
        const code = codes[state];
        if (code === TEST) {
          this.#tests[tests] = state;
          this.#testStarts[tests++] = start;
        } else if (code === SPLIT) {
          const ways = (this.#states[state] as RegularExpressionState & { kind: 'split' }).next;
          for (let way = ways.length - 1; way >= 0; way--) stack[height++] = ways[way]!;
        } else if (code === ACCEPT) {
          if (accepted < 0) accepted = start;
        } else if (code === SAVE || letsPass(this.#states[state] as Passing, points[at - 1], points[at])) {
          stack[height++] = next[state]!;
        }
      }
    }
    this.#testCount = tests;
    return accepted;
  }

  /** Reads a code point; returns how many states are left. What cannot become a better match is given up. */
  #advance(point: number, bestStart: number, isLazy: boolean): number {
    let count = 0;
    for (let i = 0; i < this.#testCount; i++) {
      const start = this.#testStarts[i]!;
      if (bestStart >= 0 && (start > bestStart || (isLazy && start === bestStart))) continue;
      const state = this.#tests[i]!;
      if (!this.#passes(state, point)) continue;
      this.#current[count] = this.#next[state]!;
      this.#starts[count++] = start;
    }
    return count;
  }

  #passes(state: number, point: number): boolean {
    if (point >= ASCII) return (this.#states[state] as RegularExpressionState & { kind: 'test' }).test(point);
    let table = this.#tables[state];
    if (table === undefined) {
      const { test } = this.#states[state] as RegularExpressionState & { kind: 'test' };
      table = Uint8Array.from({ length: ASCII }, (_, code) => Number(test(code)));
      this.#tables[state] = table;
    }
    return table[point] === 1;
  }

  #nextStep(): number {
    this.#step++;
    if (this.#step > 0xffff_fffe) {
      this.#marks.fill(0);
      this.#visits.fill(0);
      this.#step = 1;
    }
    return this.#step;
  }

  /** What the groups took when exactly the span is matched, preferred ways first. */
  groups(points: Points, span: TextSpan, groups: number): readonly (TextSpan | undefined)[] {
    const visits = this.#states.length * (span.end - span.start + 1);
    return visits <= VISITS_MAX ? this.#groupsByTrying(points, span, groups) : this.#groupsInStep(points, span, groups);
  }

  /**
   * Tries one way after the other and never a state twice at one place, so that the time is linear; for spans for which remembering
   * that takes little. (RE2's BitState, in R. Cox, "Regular Expression Matching in the Wild".)
   */
  #groupsByTrying(points: Points, { start, end }: TextSpan, groups: number): readonly (TextSpan | undefined)[] {
    const step = this.#nextStep();
    const width = end - start + 1;
    const visits = this.#visitsFor(this.#states.length * width);
    const slots: (number | undefined)[] = [];
    const pending: number[] = [this.#first, start];
    while (pending.length > 0) {
      const at = pending.pop()!;
      const index = pending.pop()!;
      if (index < 0) {
        // What a way saved that led nowhere.
        slots[-1 - index] = at < 0 ? undefined : at;
        continue;
      }
      const visit = index * width + at - start;
      if (visits[visit] === step) continue;
      visits[visit] = step;
      const code = this.#codes[index]!;
      if (code === TEST) {
        if (at < end && this.#passes(index, points[at]!)) pending.push(this.#next[index]!, at + 1);
      } else if (code === SPLIT) {
        const ways = (this.#states[index] as RegularExpressionState & { kind: 'split' }).next;
        for (let way = ways.length - 1; way >= 0; way--) pending.push(ways[way]!, at);
      } else if (code === ACCEPT) {
        if (at === end) return spansOf(slots, groups);
      } else if (code === SAVE) {
        const { slot } = this.#states[index] as RegularExpressionState & { kind: 'save' };
        pending.push(-1 - slot, slots[slot] ?? -1, this.#next[index]!, at);
        slots[slot] = at;
      } else if (letsPass(this.#states[index] as Passing, points[at - 1], points[at])) {
        pending.push(this.#next[index]!, at);
      }
    }
    return spansOf([], groups);
  }

  #visitsFor(count: number): Uint32Array {
    if (this.#visits.length < count) this.#visits = new Uint32Array(Math.min(VISITS_MAX, count * 2));
    return this.#visits;
  }

  /** All ways at once, in the order of preference (R. Pike's construction, in R. Cox, "Regular Expression Matching: the Virtual Machine Approach"). */
  #groupsInStep(points: Points, span: TextSpan, groups: number): readonly (TextSpan | undefined)[] {
    let threads: Thread[] = [{ state: this.#first, slots: [] }];
    for (let at = span.start; at <= span.end; at++) {
      const tests: Thread[] = [];
      const found = this.#followOrdered(threads, at, points, tests);
      if (at === span.end) return spansOf(found ?? [], groups);
      threads = [];
      for (const { state, slots } of tests) {
        if (this.#passes(state, points[at]!)) threads.push({ state: this.#next[state]!, slots });
      }
    }
    return spansOf([], groups);
  }

  #followOrdered(threads: readonly Thread[], at: number, points: Points, tests: Thread[]): Slots | undefined {
    const step = this.#nextStep();
    let accepted: Slots | undefined;
    for (const thread of threads) {
      const pending: Thread[] = [thread];
      while (pending.length > 0) {
        const { state: index, slots } = pending.pop()!;
        if (this.#marks[index] === step) continue;
        this.#marks[index] = step;
        const state = this.#states[index]!;
        if (state.kind === 'accept') accepted ??= slots;
        else if (state.kind === 'test') tests.push({ state: index, slots });
        else if (state.kind === 'split') {
          for (let way = state.next.length - 1; way >= 0; way--) pending.push({ state: state.next[way]!, slots });
        } else if (state.kind === 'save') {
          const saved = [...slots];
          saved[state.slot] = at;
          pending.push({ state: state.next, slots: saved });
        } else if (letsPass(state, points[at - 1], points[at])) pending.push({ state: state.next, slots });
      }
    }
    return accepted;
  }
}

interface Thread {
  readonly state: number;
  readonly slots: Slots;
}

function spansOf(slots: Slots, groups: number): readonly (TextSpan | undefined)[] {
  return Array.from({ length: groups }, (_, index) => {
    const [start, end] = [slots[index * 2 + 2], slots[index * 2 + 3]];
    return start === undefined || end === undefined ? undefined : { start, end };
  });
}
