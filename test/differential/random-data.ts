import { WORLD_START } from '../../src/engine/engine-world.fixture.ts';
import type { RandomSource } from './random-source.ts';

/** What is written to one partition at once. */
export interface WrittenBatch {
  readonly partition: number;
  readonly rows: readonly object[];
}

export interface RandomData {
  readonly partitions: number;
  /** Between groups, the pipelines process what is there. */
  readonly groups: readonly (readonly WrittenBatch[])[];
  readonly delaySeconds: number;
}

const WORDS = ['alpha', 'beta', 'gamma', 'Delta', 'éclair', '', 'a%b_c', 'zeta'];

/** Events that are out of order, late, repeated under the same id with other values, and full of nulls. */
export function randomData(random: RandomSource): RandomData {
  const partitions = 1 + random.below(3);
  const delaySeconds = random.pick([0, 1, 10, 60]);
  const speed = Array.from({ length: partitions }, () => random.pick([1, 3, 20]));
  const clocks = speed.map(() => 0);
  const ids: string[] = [];
  const rowOf = (partition: number): object => {
    clocks[partition]! += random.below(speed[partition]! * 2);
    const behind = random.chance(0.1) ? random.below(400) : random.chance(0.4) ? random.below(10) : 0;
    const id = ids.length > 0 && random.chance(0.25) ? random.pick(ids) : `id${ids.length}`;
    ids.push(id);
    const orNull = (value: unknown): unknown => (random.chance(0.15) ? null : value);
    const row: Record<string, unknown> = {
      id,
      ts: new Date(WORLD_START + (clocks[partition]! - behind) * 1000 + random.below(2) * 500).toISOString(),
      k: orNull(random.pick(WORDS)),
      i: orNull(random.below(201) - 100),
      l: orNull((random.below(2001) - 1000) * 1_000_003),
      f: orNull((random.below(801) - 400) / 4),
      d: orNull((random.below(200_001) - 100_000) / 100),
      b: orNull(random.chance(0.5)),
    };
    if (random.chance(0.03)) row.ts = null;
    if (random.chance(0.05)) delete row[random.pick(['k', 'i', 'f'])];
    return row;
  };
  const groups = Array.from({ length: 1 + random.below(3) }, () =>
    Array.from({ length: 1 + random.below(4) }, (): WrittenBatch => {
      const partition = random.below(partitions);
      return { partition, rows: Array.from({ length: 1 + random.below(40) }, () => rowOf(partition)) };
    }),
  );
  return { partitions, groups, delaySeconds };
}
