/**
 * Generated data through generated pipelines, against DuckDB as a batch over the same input. A failure prints the seed that
 * makes it again.
 *
 *   npm run test:differential -- --rounds 1000 [--seed 1] [--pipelines 10]
 */
import { parseArgs } from 'node:util';
import { Oracle } from './comparison.ts';
import { runRound } from './round.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    pipelines: { type: 'string', default: '10' },
  },
});
const first = Number(flags.seed);
const rounds = Number(flags.rounds);
const pipelines = Number(flags.pipelines);
const startedAt = performance.now();
const oracle = await Oracle.open();
let compared = 0;
const byOperator = new Map<string, number>();
for (let seed = first; seed < first + rounds; seed++) {
  try {
    for (const operators of await runRound(seed, pipelines, oracle)) {
      compared++;
      for (const operator of new Set(operators)) byOperator.set(operator, (byOperator.get(operator) ?? 0) + 1);
    }
  } catch (error) {
    console.error(error);
    console.error(`replay it with: npm run test:differential -- --rounds 1 --seed ${seed} --pipelines ${pipelines}`);
    process.exit(1);
  }
}
oracle.close();
const seconds = Math.round((performance.now() - startedAt) / 1000);
console.log('pairs by operator', Object.fromEntries([...byOperator].sort(([, a], [, b]) => b - a)));
console.log(
  JSON.stringify({
    bench: 'differential',
    value: compared,
    unit: 'pairs',
    against: 'DuckDB',
    ratio: null,
    detail: { rounds, failures: 0, seconds, pairsPerMinute: Math.round((compared / seconds) * 60) },
  }),
);
