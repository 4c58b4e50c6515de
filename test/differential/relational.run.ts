/**
 * Generated queries over generated tables, against DuckDB as a batch over what is committed. A failure is shrunk and written to
 * test/differential/regression/, where `npm test` runs it from then on.
 *
 *   npm run test:differential:relational -- --rounds 1000 [--seed 1] [--pipelines 10] [--failures 5]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Oracle } from './comparison.ts';
import { randomCase } from './random-case.ts';
import { type PipelineVerdict, type RelationalCase, runCase } from './relational-case.ts';
import { shrunk } from './shrink.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    pipelines: { type: 'string', default: '10' },
    failures: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
});
const FOLDER = join(process.cwd(), 'test/differential/regression');
const first = Number(flags.seed);
const rounds = Number(flags.rounds);
const startedAt = performance.now();
const oracle = await Oracle.open();
const counts = { pairs: 0, comparisons: 0, rows: 0, unsupported: 0, failures: 0 };
const byOperator = new Map<string, number>();
const byReason = new Map<string, number>();
for (let seed = first; seed < first + rounds && counts.failures < Number(flags.failures); seed++) {
  const { case: made, operators } = randomCase(seed, Number(flags.pipelines));
  const verdicts = await runCase(made, oracle.connection);
  for (const [i, verdict] of verdicts.entries()) await take(made, i, verdict, operators[i]!);
}
oracle.close();
const seconds = (performance.now() - startedAt) / 1000;
const table = (counted: ReadonlyMap<string, number>): object =>
  Object.fromEntries([...counted].sort(([, a], [, b]) => b - a));
console.log('pairs by operator', table(byOperator));
if (byReason.size > 0) console.log('not run as streams', table(byReason));
console.log(
  JSON.stringify({
    bench: 'differential-relational',
    value: counts.pairs,
    unit: 'pairs',
    against: 'DuckDB',
    ratio: null,
    detail: { ...counts, firstSeed: first, rounds, pairsPerMinute: Math.round((counts.pairs / seconds) * 60) },
  }),
);
process.exit(counts.failures > 0 ? 1 : 0);

async function take(
  made: RelationalCase,
  at: number,
  verdict: PipelineVerdict,
  operators: readonly string[],
): Promise<void> {
  if (verdict.kind === 'unsupported') {
    counts.unsupported++;
    const reason = verdict.reason.replace(/at \d+:\d+/, '').slice(0, 100);
    byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
    return;
  }
  counts.pairs++;
  for (const operator of new Set(operators)) byOperator.set(operator, (byOperator.get(operator) ?? 0) + 1);
  if (verdict.kind === 'equal') {
    counts.comparisons += verdict.comparisons;
    counts.rows += verdict.rows;
    return;
  }
  counts.failures++;
  const small = await shrunk(made, at, oracle.connection);
  const [said] = await runCase(small, oracle.connection);
  console.error(`seed ${made.seed}, pipeline ${at} (${[...new Set(operators)].join(', ')}):`);
  console.error(said?.kind === 'different' ? said.difference : verdict.difference);
  for (const view of small.pipelines[0]!) console.error(`${view.name} AS ${view.ours}`);
  console.error(JSON.stringify(small.steps));
  if (flags.write) {
    const name = `seed-${made.seed}-${at}.json`;
    writeFileSync(join(FOLDER, name), `${JSON.stringify(small, undefined, 2)}\n`);
    console.error(`written to test/differential/regression/${name}`);
  }
}
