/**
 * Generated events through generated pipelines, against DuckDB as a batch over the same input: one after another, and joins, frames
 * and patterns in time. Says every half minute how far it is. A failure prints the seed that makes it again.
 *
 *   npm run test:differential -- --rounds 1000 [--seed 1] [--pipelines 10]
 *   npm run test:differential -- --minutes 30
 */
import { parseArgs } from 'node:util';
import { Oracle } from './comparison.ts';
import { runRound } from './round.ts';
import { runTimedRound } from './timed-round.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    pipelines: { type: 'string', default: '10' },
  },
});
const REPORT_MS = 30_000;
const ROUNDS = 100;
const first = Number(flags.seed);
const pipelines = Number(flags.pipelines);
const startedAt = performance.now();
const untilMs = flags.minutes === undefined ? Number.POSITIVE_INFINITY : startedAt + Number(flags.minutes) * 60_000;
const rounds = flags.rounds === undefined && flags.minutes !== undefined ? Infinity : Number(flags.rounds ?? ROUNDS);
const oracle = await Oracle.open();
let compared = 0;
let reportedAt = startedAt;
let seed = first;
const byOperator = new Map<string, number>();
for (; seed < first + rounds && performance.now() < untilMs; seed++) {
  try {
    const covered = [...(await runRound(seed, pipelines, oracle)), ...(await runTimedRound(seed, pipelines, oracle))];
    for (const operators of covered) {
      compared++;
      for (const operator of new Set(operators)) byOperator.set(operator, (byOperator.get(operator) ?? 0) + 1);
    }
  } catch (error) {
    console.error(error);
    console.error(`replay it with: npm run test:differential -- --rounds 1 --seed ${seed} --pipelines ${pipelines}`);
    process.exit(1);
  }
  if (performance.now() - reportedAt < REPORT_MS) continue;
  reportedAt = performance.now();
  const minutes = ((reportedAt - startedAt) / 60_000).toFixed(1);
  console.error(`${minutes} minutes: ${compared} pairs, 0 failures, at seed ${seed}`);
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
    detail: {
      rounds: seed - first,
      failures: 0,
      seconds,
      pairsPerMinute: Math.round((compared / Math.max(1, seconds)) * 60),
    },
  }),
);
