/**
 * Does to the real process what the world does, under load, and checks each time that no acknowledged event is lost, none
 * is there twice, and every window equals a batch computation over the log.
 *
 *   npm run test:faults [-- NAME...] [--rounds N] [--seed S] [--list]
 *
 * One fault is one file of test/faults/fault. A fault that this machine cannot do is skipped, with the reason. A JSON line
 * per fault; the exit code is 1 when an invariant did not hold.
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../../bench/load/event-body.ts';
import { report } from '../../bench/load/report.ts';
import { clock } from './fault/clock.ts';
import { descriptors } from './fault/descriptors.ts';
import { snapshotError, syncError, writeError } from './fault/disk-error.ts';
import { fullDisk } from './fault/full-disk.ts';
import { kill } from './fault/kill.ts';
import { memory } from './fault/memory.ts';
import { overload } from './fault/overload.ts';
import { pause } from './fault/pause.ts';
import { readOnlyDisk } from './fault/read-only-disk.ts';
import { slowClients } from './fault/slow-clients.ts';
import type { Fault } from './fault.ts';
import { inMountNamespace } from './small-disk.ts';

const FAULTS: readonly Fault[] = [
  kill,
  pause,
  fullDisk,
  readOnlyDisk,
  writeError,
  syncError,
  snapshotError,
  descriptors,
  clock,
  memory,
  overload,
  slowClients,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    list: { type: 'boolean', default: false },
  },
});

function chosen(): readonly Fault[] {
  for (const name of positionals) {
    if (FAULTS.some((fault) => fault.name === name)) continue;
    console.error(`choosing faults: there is none named "${name}"; there are ${FAULTS.map((f) => f.name).join(', ')}`);
    process.exit(2);
  }
  return positionals.length === 0 ? FAULTS : FAULTS.filter((fault) => positionals.includes(fault.name));
}

async function runFault(fault: Fault): Promise<'held' | 'skipped' | 'failed'> {
  const startedMs = performance.now();
  const missing = fault.missing?.();
  const line = { bench: `faults, ${fault.name}`, unit: 'rounds', against: null, ratio: null };
  if (missing !== undefined) {
    console.error(`${fault.name}: SKIPPED: ${missing}`);
    report({ ...line, value: 0, detail: { skipped: missing } });
    return 'skipped';
  }
  const seed = Number(values.seed);
  const rounds = values.rounds === undefined ? fault.rounds : Number(values.rounds);
  try {
    const detail = await fault.run({ rounds, seed, random: seededRandom(seed) });
    const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
    report({ ...line, value: rounds, detail: { does: fault.does, ...detail, failures: 0, seconds } });
    return 'held';
  } catch (error) {
    console.error(`${fault.name}: FAILED: ${error instanceof Error ? error.stack : error}`);
    console.error(`once more with: npm run test:faults -- ${fault.name} --seed ${seed} --rounds ${rounds}`);
    report({ ...line, value: rounds, detail: { does: fault.does, failures: 1 } });
    return 'failed';
  }
}

if (values.list) {
  for (const { name, does } of FAULTS) console.log(`${name.padEnd(16)} ${does}`);
  process.exit(0);
}
const faults = chosen();
const elsewhere = inMountNamespace(['scripts/run-ts.mjs', ...process.argv.slice(1)]);
if (elsewhere !== undefined) process.exit(elsewhere);
const outcomes: string[] = [];
for (const fault of faults) outcomes.push(await runFault(fault));
const count = (outcome: string): number => outcomes.filter((each) => each === outcome).length;
console.log(`${count('held')} held, ${count('failed')} failed, ${count('skipped')} skipped`);
process.exit(count('failed') === 0 ? 0 : 1);
