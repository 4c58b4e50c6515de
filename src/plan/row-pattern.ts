/** A regular expression over the variables of MATCH_RECOGNIZE. */
export type RowPattern =
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'sequence'; readonly items: readonly RowPattern[] }
  | { readonly kind: 'alternation'; readonly items: readonly RowPattern[] }
  | {
      readonly kind: 'repeat';
      readonly item: RowPattern;
      readonly min: number;
      readonly max: number | undefined;
      readonly greedy: boolean;
    };

/** Whether the pattern can match without a row. */
export function matchesNothing(pattern: RowPattern): boolean {
  switch (pattern.kind) {
    case 'variable':
      return false;
    case 'sequence':
      return pattern.items.every(matchesNothing);
    case 'alternation':
      return pattern.items.some(matchesNothing);
    case 'repeat':
      return pattern.min === 0 || matchesNothing(pattern.item);
  }
}

/** Rows of a match: those that were matched to one of the variables; undefined for all. */
export type MatchVariables = readonly string[] | undefined;
