import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Oracle } from './comparison.ts';
import { randomCase } from './random-case.ts';
import { type RelationalCase, runCase } from './relational-case.ts';

const ROUNDS = 20;
const PIPELINES = 10;
const FOLDER = join(process.cwd(), 'test/differential/regression');

let oracle: Oracle;
beforeAll(async () => {
  oracle = await Oracle.open();
});
afterAll(() => oracle.close());

describe('generated queries over generated tables give at every commit what DuckDB gives as a batch', () => {
  it(`from ${ROUNDS} seeds`, async () => {
    const different: string[] = [];
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const verdicts = await runCase(randomCase(seed, PIPELINES).case, oracle.connection);
      for (const [i, verdict] of verdicts.entries()) {
        if (verdict.kind === 'different') different.push(`seed ${seed}, pipeline ${i}: ${verdict.difference}`);
      }
    }
    expect(different).toEqual([]);
  }, 120_000);
});

it('what failed once is equal now', async () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));
  for (const file of files) {
    const found = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as RelationalCase;
    for (const verdict of await runCase(found, oracle.connection)) {
      expect(verdict, file).toMatchObject({ kind: 'equal' });
    }
  }
});
