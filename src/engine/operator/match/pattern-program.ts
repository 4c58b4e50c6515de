import { HeadraceError } from '../../../base/error.ts';
import type { RowPattern } from '../../../plan/row-pattern.ts';

/** Instructions of one pattern: repetitions with bounds are written out. */
export const PATTERN_INSTRUCTIONS_MAX = 10_000;

/** `row`: takes a row as the variable; `split`: tries the first way before the second; `accept`: a match. */
export type PatternInstruction =
  | { readonly kind: 'row'; readonly variable: string; readonly next: number }
  | { readonly kind: 'split'; readonly first: number; readonly second: number }
  | { readonly kind: 'accept' };

export interface PatternProgram {
  readonly instructions: readonly PatternInstruction[];
  readonly entry: number;
}

/**
 * A row pattern as instructions of a virtual machine with prioritised threads (Thompson 1968; Pike's, in Cox, "Regular Expression
 * Matching: the Virtual Machine Approach", 2009): what SQL prefers, of alternatives the first and of greedy repetitions the longest, is
 * tried first.
 *
 * @throws HeadraceError `ENGINE_PATTERN_TOO_LARGE`
 */
export function compilePattern(pattern: RowPattern): PatternProgram {
  const instructions: PatternInstruction[] = [{ kind: 'accept' }];
  return { entry: new PatternCompiler(instructions).compile(pattern, 0), instructions };
}

/** Backwards: the way on is known when a part is compiled. */
class PatternCompiler {
  readonly #instructions: PatternInstruction[];

  constructor(instructions: PatternInstruction[]) {
    this.#instructions = instructions;
  }

  #add(instruction: PatternInstruction): number {
    if (this.#instructions.length >= PATTERN_INSTRUCTIONS_MAX) {
      throw new HeadraceError(
        `planning a pattern: with its repetitions written out it has more than ${PATTERN_INSTRUCTIONS_MAX} parts`,
        { code: 'ENGINE_PATTERN_TOO_LARGE', domain: 'engine', next: 'use smaller bounds, or none' },
      );
    }
    return this.#instructions.push(instruction) - 1;
  }

  /** Where the pattern begins when `next` follows it. */
  compile(pattern: RowPattern, next: number): number {
    switch (pattern.kind) {
      case 'variable':
        return this.#add({ kind: 'row', variable: pattern.name, next });
      case 'sequence':
        return pattern.items.reduceRight((following, item) => this.compile(item, following), next);
      case 'alternation': {
        const ways = pattern.items.map((item) => this.compile(item, next));
        return ways.reduceRight((second, first) => this.#add({ kind: 'split', first, second }));
      }
      case 'repeat':
        return this.#repeat(pattern, next);
    }
  }

  #repeat(pattern: RowPattern & { kind: 'repeat' }, next: number): number {
    const { item, min, max, greedy } = pattern;
    let entry = next;
    if (max === undefined) {
      entry = this.#add({ kind: 'accept' });
      const once = this.compile(item, entry);
      this.#instructions[entry] = choice(greedy, once, next);
    } else {
      for (let optional = max - min; optional > 0; optional--) {
        const once = this.compile(item, entry);
        entry = this.#add(choice(greedy, once, next));
      }
    }
    for (let required = min; required > 0; required--) entry = this.compile(item, entry);
    return entry;
  }
}

function choice(greedy: boolean, again: number, on: number): PatternInstruction {
  return greedy ? { kind: 'split', first: again, second: on } : { kind: 'split', first: on, second: again };
}
