import { OnePassMatcher } from './one-pass.ts';
import { machineOfTree } from './regular-expression.ts';
import { type RequiredLiteral, requiredLiteral } from './regular-expression-literal.ts';
import { MachineRun, type TextSpan } from './regular-expression-run.ts';
import {
  parseRegularExpression,
  type RegularExpressionFlags,
  type RegularExpressionTree,
} from './regular-expression-syntax.ts';

/** The whole match, and what each capturing group took; undefined for a group that took no part. */
export interface RegularExpressionMatch extends TextSpan {
  readonly groups: readonly (TextSpan | undefined)[];
}

/** What is searched. */
export interface SearchText {
  readonly points: ArrayLike<number>;
  /** The text itself when each of its code points is one UTF-16 unit, so that places in it are places among the points. */
  readonly plain: string | undefined;
}

/**
 * Finds matches as PostgreSQL does (its manual, section 9.7.3.5): the earliest, and of those the longest, or the shortest if the
 * expression prefers that by its first quantifier. Both passes take time linear in the text. Within the match, groups take by the
 * preferences of their quantifiers and the order of alternatives, which differs from PostgreSQL where alternatives overlap.
 */
export class RegularExpressionSearch {
  readonly groups: number;
  readonly #shape: MachineRun;
  readonly #capturing: MachineRun;
  readonly #literal: RequiredLiteral | undefined;
  readonly #isLazy: boolean;
  readonly #onePass: OnePassMatcher | undefined;

  /** @throws HeadraceError `PLAN_INVALID_ARGUMENT` */
  constructor(pattern: string, flags: RegularExpressionFlags) {
    const { tree, groups } = parseRegularExpression(pattern, flags);
    this.groups = groups;
    this.#shape = new MachineRun(machineOfTree(pattern, tree, false));
    const capturing = machineOfTree(pattern, tree, true);
    this.#capturing = groups === 0 ? this.#shape : new MachineRun(capturing);
    this.#onePass = OnePassMatcher.of(capturing);
    this.#literal = requiredLiteral(tree);
    this.#isLazy = preference(tree) === 'lazy';
  }

  /** The first match that begins at `from` or later. */
  find(text: SearchText, from: number): RegularExpressionMatch | undefined {
    const start = this.#firstStart(text, from);
    if (start === undefined) return undefined;
    const result = text.plain === undefined ? undefined : this.#onePass?.search(text.plain, start, this.#isLazy);
    if (result?.kind === 'none') return undefined;
    if (result?.kind === 'match') return { ...result.span, groups: this.#groupsOf(result.slots) };
    const span = this.#shape.span(text.points, start, this.#isLazy);
    if (span === undefined) return undefined;
    return { ...span, groups: this.groups === 0 ? [] : this.#capturing.groups(text.points, span, this.groups) };
  }

  #groupsOf(slots: ArrayLike<number>): readonly (TextSpan | undefined)[] {
    const groups: (TextSpan | undefined)[] = [];
    for (let group = 1; group <= this.groups; group++) {
      const [start, end] = [slots[group * 2] ?? -1, slots[group * 2 + 1] ?? -1];
      groups.push(start < 0 || end < 0 ? undefined : { start, end });
    }
    return groups;
  }

  /** Where a match can begin at the earliest, by the text that it must hold. */
  #firstStart(text: SearchText, from: number): number | undefined {
    if (this.#literal === undefined || text.plain === undefined) return from;
    const place = text.plain.indexOf(this.#literal.text, from);
    return place < 0 ? undefined : Math.max(from, place - this.#literal.before);
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
