import { expect, test } from 'vitest';
import { Oracle } from './comparison.ts';
import { runRound } from './round.ts';

const ROUNDS = 20;
const PIPELINES = 10;

test('generated pipelines give what DuckDB gives as a batch over the same input', async () => {
  const oracle = await Oracle.open();
  let compared = 0;
  for (let seed = 1; seed <= ROUNDS; seed++) compared += (await runRound(seed, PIPELINES, oracle)).length;
  oracle.close();
  expect(compared).toBe(ROUNDS * PIPELINES);
}, 120_000);
