import type { RandomSource } from './random-source.ts';

/** A pattern: a variable, or others one after the other, one of several, or again and again. */
export type PatternTree =
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternTree[] }
  | { readonly kind: 'choice'; readonly parts: readonly PatternTree[] }
  | {
      readonly kind: 'repeat';
      readonly part: PatternTree;
      readonly least: number;
      readonly most: number;
      readonly reluctant: boolean;
    };

/** A row as conditions see it; `before` is the row of the partition before it, `first` the first of the match. */
export interface MatchedRow {
  readonly id: string;
  readonly v: number | null;
}

type Condition = (row: MatchedRow, before: MatchedRow | undefined, first: MatchedRow) => boolean;

export interface MatchSpec {
  readonly sql: string;
  readonly pattern: PatternTree;
  readonly conditions: Readonly<Record<string, Condition>>;
  readonly withinSeconds: number | undefined;
  readonly toNextRow: boolean;
}

/** Conditions in SQL and as the model has them; a null is never true. */
const CONDITIONS: readonly { readonly sql: (x: string) => string; readonly holds: Condition }[] = [
  { sql: () => 'true', holds: () => true },
  { sql: (x) => `${x}.v > 4`, holds: ({ v }) => v !== null && v > 4 },
  { sql: (x) => `${x}.v <= 5`, holds: ({ v }) => v !== null && v <= 5 },
  { sql: (x) => `${x}.v % 2 = 0`, holds: ({ v }) => v !== null && v % 2 === 0 },
  {
    sql: (x) => `${x}.v > PREV(${x}.v)`,
    holds: ({ v }, before) => v !== null && before !== undefined && before.v !== null && v > before.v,
  },
  {
    sql: (x) => `${x}.v >= FIRST(v)`,
    holds: ({ v }, _, first) => v !== null && first.v !== null && v >= first.v,
  },
];

export function randomMatch(random: RandomSource): MatchSpec {
  const names = ['x', 'y', 'z'].slice(0, 2 + random.below(2));
  const chosen = names.map((name) => ({ name, condition: random.pick(CONDITIONS) }));
  const pattern: PatternTree = {
    kind: 'sequence',
    parts: names.map((name, at) => (at === 0 ? { kind: 'variable', name } : part(random, names, name))),
  };
  const withinSeconds = random.chance(0.6) ? random.pick([5, 30, 120]) : undefined;
  const toNextRow = random.chance(0.4);
  const within = withinSeconds === undefined ? '' : ` WITHIN INTERVAL '${withinSeconds} seconds'`;
  const define = chosen.map(({ name, condition }) => `${name} AS ${condition.sql(name)}`).join(', ');
  return {
    sql: `SELECT first_id, last_id, n, last_is FROM a MATCH_RECOGNIZE (
      PARTITION BY k ORDER BY ts, id
      MEASURES FIRST(id) AS first_id, LAST(id) AS last_id, count(*) AS n, CLASSIFIER() AS last_is
      ONE ROW PER MATCH AFTER MATCH SKIP ${toNextRow ? 'TO NEXT ROW' : 'PAST LAST ROW'}
      PATTERN (${textOf(pattern)})${within}
      DEFINE ${define}) AS m`,
    pattern,
    conditions: Object.fromEntries(chosen.map(({ name, condition }) => [name, condition.holds])),
    withinSeconds,
    toNextRow,
  };
}

function part(random: RandomSource, names: readonly string[], name: string): PatternTree {
  const own: PatternTree = { kind: 'variable', name };
  if (random.chance(0.2)) {
    const other: PatternTree = { kind: 'variable', name: random.pick(names) };
    return { kind: 'choice', parts: random.chance(0.5) ? [own, other] : [other, own] };
  }
  if (random.chance(0.3)) return own;
  const [least, most] = random.pick([
    [0, 1],
    [0, Number.POSITIVE_INFINITY],
    [1, Number.POSITIVE_INFINITY],
    [1, 3],
    [2, 2],
  ] as const);
  return { kind: 'repeat', part: own, least, most, reluctant: least !== most && random.chance(0.3) };
}

function textOf(tree: PatternTree): string {
  switch (tree.kind) {
    case 'variable':
      return tree.name;
    case 'sequence':
      return tree.parts.map(textOf).join(' ');
    case 'choice':
      return `(${tree.parts.map(textOf).join(' | ')})`;
    case 'repeat': {
      const { least, most, reluctant } = tree;
      const range = most === Number.POSITIVE_INFINITY ? `{${least},}` : `{${least},${most}}`;
      const times = least === most ? `{${least}}` : range;
      return `${textOf(tree.part)}${times}${reluctant ? '?' : ''}`;
    }
  }
}
