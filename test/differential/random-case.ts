import { RelationMaker } from './random-relation.ts';
import { RandomSource } from './random-source.ts';
import { randomTables } from './random-tables.ts';
import type { ComparedView, RelationalCase } from './relational-case.ts';

export interface RandomCase {
  readonly case: RelationalCase;
  /** What each pipeline is made of. */
  readonly operators: readonly (readonly string[])[];
}

/** A case from its seed: the deeper its queries, the larger the seed's remainder. */
export function randomCase(seed: number, pipelines: number): RandomCase {
  const random = new RandomSource(seed);
  const tables = randomTables(random);
  const made = Array.from({ length: pipelines }, () => randomPipelineViews(random, 1 + random.below(1 + (seed % 4))));
  return {
    case: { ...tables, seed, pipelines: made.map(({ views }) => views) },
    operators: made.map(({ operators }) => operators),
  };
}

function randomPipelineViews(
  random: RandomSource,
  depth: number,
): { readonly views: readonly ComparedView[]; readonly operators: readonly string[] } {
  const first = new RelationMaker(random).of(depth);
  const view: ComparedView = { name: 'v1', ours: first.query.ours, duck: first.query.duck, columns: first.columns };
  if (!random.chance(0.25)) return { views: [view], operators: first.operators };
  const second = new RelationMaker(random, [{ name: 'v1', columns: first.columns }]).of(Math.max(1, depth - 1));
  const { ours, duck } = second.query;
  return {
    views: [view, { name: 'v2', ours, duck, columns: second.columns }],
    operators: [...first.operators, ...second.operators],
  };
}
