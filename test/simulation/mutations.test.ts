import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MUTATIONS, mutated } from './mutations.ts';

test.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))(
  'the source can still be broken: %s',
  (_, mutation) => {
    const source = readFileSync(mutation.file, 'utf8');
    expect(mutated(mutation, source)).not.toBe(source);
  },
);
