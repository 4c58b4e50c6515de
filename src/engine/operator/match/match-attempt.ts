import type { PatternProgram } from './pattern-program.ts';

/** Ways that one attempt follows at once. */
export const MATCH_THREADS_MAX = 1_000;

/** The rows of a match so far, last first: which variable each was taken as. Ways that began alike share what they have in common. */
export interface Label {
  readonly variable: string;
  readonly before: Label | undefined;
  /** Rows up to this one. */
  readonly length: number;
}

interface Thread {
  readonly at: number;
  readonly labels: Label | undefined;
}

/** Whether the row that was taken last (the first of the labels) meets the condition of its variable. */
export type LabelCondition = (labels: Label) => boolean;

/** What an attempt is when it is written down. */
export interface AttemptState {
  readonly rows: number;
  readonly threads: readonly { readonly at: number; readonly variables: readonly string[] }[];
  readonly best: readonly string[] | undefined;
}

/**
 * Looks for the match that SQL prefers among those that begin at one row, row by row. It is decided when no way is left that would be
 * preferred to the match that was found; until then more rows may change it.
 */
export class MatchAttempt {
  readonly #program: PatternProgram;
  /** Ways that stand at the same place have the same future: the preferred one is enough. */
  readonly #forgetful: boolean;
  #threads: Thread[] = [];
  #rows = 0;
  #best: Label | undefined;
  #tooMany = false;

  constructor(program: PatternProgram, forgetful: boolean) {
    this.#program = program;
    this.#forgetful = forgetful;
    this.#follow({ at: program.entry, labels: undefined }, this.#threads, new Set());
  }

  /** Rows seen. */
  get rows(): number {
    return this.#rows;
  }

  get decided(): boolean {
    return this.#threads.length === 0;
  }

  /** The match found so far; the one when {@link decided}. */
  get best(): Label | undefined {
    return this.#best;
  }

  /** There were more ways than {@link MATCH_THREADS_MAX}: the attempt was given up. */
  get tooMany(): boolean {
    return this.#tooMany;
  }

  /** Takes the next row. */
  feed(holds: LabelCondition): void {
    this.#rows++;
    const next: Thread[] = [];
    const seen = new Set<number>();
    for (const { at, labels } of this.#threads) {
      const instruction = this.#program.instructions[at]!;
      if (instruction.kind !== 'row') continue;
      const taken: Label = { variable: instruction.variable, before: labels, length: this.#rows };
      if (!holds(taken)) continue;
      // Whoever comes after a match is less preferred than it.
      if (this.#follow({ at: instruction.next, labels: taken }, next, seen)) break;
      if (next.length > MATCH_THREADS_MAX) {
        this.#tooMany = true;
        this.#best = undefined;
        next.length = 0;
        break;
      }
    }
    this.#threads = next;
  }

  /** No more rows: what was found is the match. */
  finish(): void {
    this.#threads = [];
  }

  /** Adds the ways on from a place, in order of preference; true when one of them is a match. */
  #follow(thread: Thread, into: Thread[], seen: Set<number>): boolean {
    const visited = this.#forgetful ? seen : new Set<number>();
    const waiting = [thread.at];
    while (waiting.length > 0) {
      const at = waiting.pop()!;
      if (visited.has(at)) continue;
      visited.add(at);
      const instruction = this.#program.instructions[at]!;
      if (instruction.kind === 'split') waiting.push(instruction.second, instruction.first);
      else if (instruction.kind === 'row') into.push({ at, labels: thread.labels });
      else {
        this.#best = thread.labels;
        return true;
      }
    }
    return false;
  }

  state(): AttemptState {
    const threads = this.#threads.map(({ at, labels }) => ({ at, variables: variablesOf(labels) }));
    return { rows: this.#rows, threads, best: this.#best && variablesOf(this.#best) };
  }

  static of(program: PatternProgram, forgetful: boolean, state: AttemptState): MatchAttempt {
    const attempt = new MatchAttempt(program, forgetful);
    attempt.#rows = state.rows;
    attempt.#threads = state.threads.map(({ at, variables }) => ({ at, labels: labelsOf(variables) }));
    attempt.#best = state.best && labelsOf(state.best);
    return attempt;
  }
}

/** The variables of the rows, first row first. */
export function variablesOf(labels: Label | undefined): string[] {
  const variables: string[] = [];
  for (let label = labels; label !== undefined; label = label.before) variables.push(label.variable);
  return variables.reverse();
}

function labelsOf(variables: readonly string[]): Label | undefined {
  let labels: Label | undefined;
  for (const variable of variables) labels = { variable, before: labels, length: (labels?.length ?? 0) + 1 };
  return labels;
}
