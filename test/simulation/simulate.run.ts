/**
 * The whole core on a virtual disk, clock and schedule, through faults of all kinds: each seed is a run of its own, and the
 * same one decides the same again.
 *
 *   npm run test:simulate -- --seeds 1..10000 [--processes 2] [--failures 1]
 *   npm run test:simulate -- --seeds 466 --trace      every decision and fault of one seed
 *   npm run test:simulate -- --mutations              breaks the code on purpose; each break must be found
 */
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { runMutations } from './mutations.ts';
import { Simulation } from './simulation.ts';
import { addTally, causesOf, emptyTally, runSeed, type Tally } from './tally.ts';

const { values: flags } = parseArgs({
  options: {
    /** One seed, or the first and the last of several: 1..1000. */
    seeds: { type: 'string', default: '1..200' },
    processes: { type: 'string', default: '1' },
    /** Which of the processes this is: it takes every so many-th seed. */
    shard: { type: 'string', default: '0' },
    /** Goes on until so many seeds have failed. */
    failures: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    mutations: { type: 'boolean', default: false },
    /** Only the mutations whose name holds this. */
    only: { type: 'string', default: '' },
  },
});
const [first, last = first] = flags.seeds.split('..').map(Number) as [number, number?];
const processes = Number(flags.processes);
const failuresMax = Number(flags.failures);
const isShard = process.send !== undefined;

process.on('unhandledRejection', (error) => {
  console.error('nobody waits for an error:', error);
  process.exit(1);
});

if (flags.mutations) process.exit((await runMutations({ seeds: last, only: flags.only })) ? 0 : 1);
if (flags.trace) await showTrace(first);
else if (isShard) process.send!(await runSeeds(Number(flags.shard)), () => process.exit(0));
else await runAll();

async function showTrace(seed: number): Promise<void> {
  const report = await new Simulation(seed, { show: (line) => console.log(line) }).run();
  console.log(`seed ${seed} is fine; its trace is ${report.trace}`);
}

async function runSeeds(shard: number): Promise<Tally> {
  const tally = emptyTally();
  for (let seed = first + shard; seed <= last && tally.failures.length < failuresMax; seed += processes) {
    try {
      await runSeed(seed, tally);
    } catch (error) {
      tally.seeds++;
      tally.failures.push({ seed, message: causesOf(error) });
      console.error(`seed ${seed} fails:`, error);
      console.error(`again: npm run test:simulate -- --seeds ${seed} [--trace]`);
    }
  }
  return tally;
}

async function runAll(): Promise<void> {
  const began = performance.now();
  const tally = emptyTally();
  const shards = processes === 1 ? [await runSeeds(0)] : await Promise.all(Array.from({ length: processes }, forked));
  for (const shard of shards) addTally(tally, shard);
  const seconds = (performance.now() - began) / 1000;
  for (const { seed, message } of tally.failures) console.error(`seed ${seed}: ${message}`);
  const { failures, seeds, ...detail } = tally;
  console.log(
    JSON.stringify({
      bench: 'simulate',
      value: Math.round((seeds / seconds) * 60),
      unit: 'seeds/min',
      against: null,
      ratio: null,
      detail: { seeds, failed: failures.length, seconds: Math.round(seconds), processes, ...detail },
    }),
  );
  if (failures.length > 0) process.exit(1);
}

function forked(_: unknown, shard: number): Promise<Tally> {
  const options = ['--seeds', flags.seeds, '--processes', flags.processes, '--failures', flags.failures];
  const child = fork('scripts/run-ts.mjs', [process.argv[1]!, ...options, '--shard', String(shard)]);
  return new Promise((resolve, reject) => {
    let tally: Tally | undefined;
    child.on('message', (message) => {
      tally = message as Tally;
    });
    child.on('exit', (code) => {
      if (tally !== undefined) resolve(tally);
      else reject(new Error(`simulating in ${processes} processes: number ${shard} ended with ${code}`));
    });
  });
}
