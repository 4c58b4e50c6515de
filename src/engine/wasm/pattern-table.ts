import { HeadraceError } from '../../base/error.ts';
import {
  type RegularExpressionMachine,
  type RegularExpressionState,
  regularExpressionMachine,
} from '../../plan/pattern/regular-expression.ts';

/** A regular expression as the kernel takes it (kernel/assembly/functions/pattern.ts). */
export interface PatternTable {
  readonly bytes: Uint8Array;
  /** The state before the first character. */
  readonly first: number;
}

/** A state's number is a byte. */
const STATES_MAX = 256;
/** Larger machines would take long to turn into a table, and would hardly fit. */
const MACHINE_STATES_MAX = 400;
const FLAGS_BYTES = 256;
const ASCII = 128;
const MATCHED = 0;
const NEVER = 1;

/**
 * Turns the machine of a pattern into a deterministic one over ASCII, by the construction of subsets (M. Rabin, D. Scott,
 * "Finite Automata and Their Decision Problems", 1959). Undefined for a pattern that is refused, or too large for a table.
 */
export function patternTable(pattern: string, ignoreCase: boolean): PatternTable | undefined {
  try {
    const machine = regularExpressionMachine(pattern, ignoreCase);
    const asksAround = machine.states.some(({ kind }) => kind === 'place');
    return asksAround || machine.states.length > MACHINE_STATES_MAX ? undefined : new TableBuilder(machine).build();
  } catch (error) {
    if (error instanceof HeadraceError) return undefined;
    throw error;
  }
}

interface Reached {
  readonly accepts: boolean;
  readonly tests: readonly (RegularExpressionState & { kind: 'test' })[];
}

class TableBuilder {
  readonly #machine: RegularExpressionMachine;
  readonly #numbers = new Map<string, number>();
  /** Of each numbered state but the first two: the machine's states that it stands for. */
  readonly #sets: { readonly set: readonly number[]; readonly isStart: boolean }[] = [];
  readonly #passes = new Map<RegularExpressionState, Uint8Array>();

  constructor(machine: RegularExpressionMachine) {
    this.#machine = machine;
  }

  build(): PatternTable | undefined {
    const first = this.#numberOf([], true);
    const rows: Uint8Array[] = [];
    const flags = new Uint8Array(FLAGS_BYTES);
    flags[MATCHED] = 1;
    for (let at = 0; at < this.#sets.length; at++) {
      if (this.#sets.length + 2 > STATES_MAX) return undefined;
      const { set, isStart } = this.#sets[at]!;
      flags[at + 2] = this.#reach(set, isStart, true).accepts ? 1 : 0;
      rows.push(this.#row(this.#reach(set, isStart, false).tests));
    }
    if (this.#sets.length + 2 > STATES_MAX) return undefined;
    const bytes = new Uint8Array(FLAGS_BYTES + (rows.length + 2) * ASCII);
    bytes.set(flags);
    bytes.fill(NEVER, FLAGS_BYTES + NEVER * ASCII, FLAGS_BYTES + 2 * ASCII);
    rows.forEach((row, at) => {
      bytes.set(row, FLAGS_BYTES + (at + 2) * ASCII);
    });
    return { bytes, first };
  }

  /** Where each character leads. */
  #row(tests: Reached['tests']): Uint8Array {
    const row = new Uint8Array(ASCII);
    for (let code = 0; code < ASCII; code++) {
      const next = new Set<number>();
      for (const test of tests) if (this.#passesOf(test)[code] === 1) next.add(test.next);
      row[code] = this.#numberOf([...next], false);
    }
    return row;
  }

  #passesOf(state: RegularExpressionState & { kind: 'test' }): Uint8Array {
    const known = this.#passes.get(state);
    if (known !== undefined) return known;
    const passes = Uint8Array.from({ length: ASCII }, (_, code) => (state.test(code) ? 1 : 0));
    this.#passes.set(state, passes);
    return passes;
  }

  /** The number of a set of the machine's states; new ones are put at the end of the list. */
  #numberOf(states: readonly number[], isStart: boolean): number {
    const set = [...states].sort((a, b) => a - b);
    const key = `${isStart ? '^' : ''}${set.join()}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const { accepts, tests } = this.#reach(set, isStart, false);
    // Without a test to pass, a text can only match by ending here.
    const isDead = tests.length === 0 && !this.#reach(set, isStart, true).accepts;
    let number = NEVER;
    if (accepts) number = MATCHED;
    else if (!isDead) number = this.#sets.push({ set, isStart }) + 1;
    this.#numbers.set(key, number);
    return number;
  }

  /** What can be reached without reading: from a set, and from the beginning, since a match may begin anywhere. */
  #reach(set: readonly number[], isStart: boolean, isEnd: boolean): Reached {
    const { states, first } = this.#machine;
    const reached = new Set<number>();
    const tests: (RegularExpressionState & { kind: 'test' })[] = [];
    const pending = [first, ...set];
    let accepts = false;
    while (pending.length > 0) {
      const index = pending.pop()!;
      if (reached.has(index)) continue;
      reached.add(index);
      const state = states[index]!;
      if (state.kind === 'accept') accepts = true;
      else if (state.kind === 'test') tests.push(state);
      else if (state.kind === 'split') pending.push(...state.next);
      else if (state.kind === 'start' ? isStart : isEnd) pending.push(state.next);
    }
    return { accepts, tests };
  }
}
