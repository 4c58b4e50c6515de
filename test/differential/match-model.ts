import type { MatchedRow, MatchSpec, PatternTree } from './random-match.ts';

/** A row of one partition, in the order of the pattern. */
export interface OrderedRow extends MatchedRow {
  readonly time: number;
}

interface Match {
  readonly first_id: string;
  readonly last_id: string;
  readonly n: number;
  readonly last_is: string;
}

/** The ways to match a pattern from a row on, the preferred one first: the variables of the rows, one by one. */
type Ways = Generator<readonly string[]>;

/** All matches among the rows of one partition, by trying every way in the order of SQL's preferences. */
export function matchesOf(spec: MatchSpec, rows: readonly OrderedRow[]): readonly Match[] {
  const matches: Match[] = [];
  for (let start = 0; start < rows.length; ) {
    const [way] = waysOf(spec, rows, start, { tree: spec.pattern, taken: [] });
    if (way === undefined || way.length === 0) {
      start++;
      continue;
    }
    const last = rows[start + way.length - 1]!;
    matches.push({ first_id: rows[start]!.id, last_id: last.id, n: way.length, last_is: way[way.length - 1]! });
    start += spec.toNextRow ? 1 : way.length;
  }
  return matches;
}

interface Step {
  readonly tree: PatternTree;
  readonly taken: readonly string[];
}

function* waysOf(spec: MatchSpec, rows: readonly OrderedRow[], start: number, { tree, taken }: Step): Ways {
  switch (tree.kind) {
    case 'variable': {
      const row = rows[start + taken.length];
      const first = rows[start]!;
      if (row === undefined) return;
      if (spec.withinSeconds !== undefined && row.time - first.time > spec.withinSeconds * 1000) return;
      if (spec.conditions[tree.name]!(row, rows[start + taken.length - 1], first)) yield [...taken, tree.name];
      return;
    }
    case 'choice':
      for (const part of tree.parts) yield* waysOf(spec, rows, start, { tree: part, taken });
      return;
    case 'sequence': {
      const [head, ...rest] = tree.parts;
      if (head === undefined) {
        yield taken;
        return;
      }
      for (const way of waysOf(spec, rows, start, { tree: head, taken })) {
        yield* waysOf(spec, rows, start, { tree: { kind: 'sequence', parts: rest }, taken: way });
      }
      return;
    }
    case 'repeat':
      yield* repeats(spec, rows, start, { tree, taken });
  }
}

function* repeats(
  spec: MatchSpec,
  rows: readonly OrderedRow[],
  start: number,
  { tree, taken }: Step & { readonly tree: PatternTree & { readonly kind: 'repeat' } },
): Ways {
  const { part, least, most, reluctant } = tree;
  const again = { ...tree, least: Math.max(0, least - 1), most: most - 1 };
  const mayEnd = least === 0;
  if (mayEnd && reluctant) yield taken;
  if (most > 0) {
    for (const way of waysOf(spec, rows, start, { tree: part, taken })) {
      yield* waysOf(spec, rows, start, { tree: again, taken: way });
    }
  }
  if (mayEnd && !reluctant) yield taken;
}
