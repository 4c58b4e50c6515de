/**
 * Generated queries over generated tables, against DuckDB as a batch over what is committed. Says every half minute how far it is. A
 * failure is shrunk and, with --write, put into test/differential/regression/, where `npm test` runs it from then on.
 *
 *   npm run test:differential:relational -- --rounds 1000 [--seed 1] [--pipelines 10] [--failures 5] [--write]
 *   npm run test:differential:relational -- --minutes 30 --processes 2
 *   npm run test:differential:relational -- --workers 2     with exchanges between tasks
 */
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Oracle } from './comparison.ts';
import { randomCase } from './random-case.ts';
import { type PipelineVerdict, type RelationalCase, runCase } from './relational-case.ts';
import { added, EMPTY_TALLY, sorted, type Tally, tallied } from './relational-tally.ts';
import { shrunk } from './shrink.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    /** From one seed to the next: that many processes share the seeds. */
    step: { type: 'string', default: '1' },
    processes: { type: 'string', default: '1' },
    pipelines: { type: 'string', default: '10' },
    failures: { type: 'string', default: '1' },
    /** Of each pipeline. */
    workers: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
});
const FOLDER = join(process.cwd(), 'test/differential/regression');
const REPORT_MS = 30_000;
const ROUNDS = 100;
const first = Number(flags.seed);
const processes = Number(flags.processes);
const workers = Number(flags.workers);
const startedAt = performance.now();
const untilMs = flags.minutes === undefined ? Number.POSITIVE_INFINITY : startedAt + Number(flags.minutes) * 60_000;
const rounds = flags.minutes === undefined || flags.rounds !== undefined ? Number(flags.rounds ?? ROUNDS) : Infinity;

/** What a process tells the one that started it. */
interface Report {
  readonly tally: Tally;
  readonly seed: number;
}

const tally = processes === 1 ? await run() : await runShared();
if (process.send === undefined) print(tally);
process.exitCode = tally.failures > 0 ? 1 : 0;
process.disconnect?.();

async function run(): Promise<Tally> {
  const oracle = await Oracle.open();
  let sum = EMPTY_TALLY;
  let reportedAt = startedAt;
  let seed = first;
  while (sum.rounds < rounds && sum.failures < Number(flags.failures) && performance.now() < untilMs) {
    const { case: random, operators } = randomCase(seed, Number(flags.pipelines));
    const made = workers === 1 ? random : { ...random, workers };
    const verdicts = await runCase(made, oracle.connection);
    for (const [i, verdict] of verdicts.entries()) {
      sum = added(sum, tallied(verdict, operators[i]!));
      if (verdict.kind === 'different') await explain(oracle, made, i, verdict, operators[i]!);
    }
    sum = { ...sum, rounds: sum.rounds + 1 };
    process.send?.({ tally: sum, seed } satisfies Report);
    if (process.send === undefined && performance.now() - reportedAt >= REPORT_MS) {
      reportedAt = performance.now();
      say(sum, String(seed));
    }
    seed += Number(flags.step);
  }
  oracle.close();
  return sum;
}

function say(now: Tally, seeds: string): void {
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  console.error(`${minutes} minutes: ${now.pairs} pairs, ${now.failures} failures, at seed ${seeds}`);
}

/** Several processes, each with every n-th seed. */
async function runShared(): Promise<Tally> {
  const latest: (Report | undefined)[] = Array.from({ length: processes });
  const sum = (): Tally => latest.reduce((total, one) => added(total, one?.tally ?? EMPTY_TALLY), EMPTY_TALLY);
  const timer = setInterval(() => {
    say(sum(), latest.map((one) => one?.seed ?? '-').join(', '));
  }, REPORT_MS);
  const codes = await Promise.all(latest.map((_, at) => started(at, (told) => (latest[at] = told))));
  clearInterval(timer);
  const died = codes.findIndex((code, at) => code !== 0 && (latest[at]?.tally.failures ?? 0) === 0);
  if (died >= 0) throw new Error(`comparing in ${processes} processes: number ${died} ended with ${codes[died]}`);
  return sum();
}

function started(at: number, heard: (report: Report) => void): Promise<number | null> {
  const { pipelines, failures, minutes, workers: tasks, write } = flags;
  const given = { seed: first + at, step: processes, pipelines, failures, minutes, workers: tasks };
  const own = rounds === Infinity ? {} : { rounds: Math.ceil((rounds - at) / processes) };
  const options = Object.entries({ ...given, ...own }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)],
  );
  const child = fork('scripts/run-ts.mjs', [process.argv[1]!, ...options, ...(write ? ['--write'] : [])]);
  child.on('message', (message) => heard(message as Report));
  return new Promise((resolve) => child.once('exit', resolve));
}

function print(total: Tally): void {
  const seconds = (performance.now() - startedAt) / 1000;
  const { operators, reasons, ...counts } = total;
  console.log('pairs by operator', sorted(operators));
  if (total.unsupported > 0) console.log('not run as streams', sorted(reasons));
  console.log(
    JSON.stringify({
      bench: 'differential-relational',
      value: counts.pairs,
      unit: 'pairs',
      against: 'DuckDB',
      ratio: null,
      detail: {
        ...counts,
        firstSeed: first,
        processes,
        workers,
        pairsPerMinute: Math.round((counts.pairs / seconds) * 60),
      },
    }),
  );
}

async function explain(
  oracle: Oracle,
  made: RelationalCase,
  at: number,
  verdict: PipelineVerdict & { kind: 'different' },
  operators: readonly string[],
): Promise<void> {
  const small = await shrunk(made, at, oracle.connection);
  const [said] = await runCase(small, oracle.connection);
  console.error(`seed ${made.seed}, pipeline ${at} (${[...new Set(operators)].join(', ')}):`);
  console.error(said?.kind === 'different' ? said.difference : verdict.difference);
  for (const view of small.pipelines[0]!) console.error(`${view.name} AS ${view.ours}`);
  console.error(JSON.stringify(small.steps));
  if (!flags.write) return;
  const name = `seed-${made.seed}-${at}.json`;
  writeFileSync(join(FOLDER, name), `${JSON.stringify(small, undefined, 2)}\n`);
  console.error(`written to test/differential/regression/${name}`);
}
