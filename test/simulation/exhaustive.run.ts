/**
 * One fault at every place of a short run: a crash in the middle of every operation, a file that ends at every byte, a flipped
 * bit in every byte.
 *
 *   npm run test:exhaustive [-- --stride 10] [--only snapshot]
 */
import { parseArgs } from 'node:util';
import { crashEngineEverywhere, damageSnapshotEverywhere, flipBelowEngine } from './exhaustive-engine.ts';
import {
  crashLogEverywhere,
  type DamageTally,
  emptyDamage,
  flipLogEverywhere,
  tearLogEverywhere,
} from './exhaustive-log.ts';

const ENGINE_SEEDS = [7, 8];

const { values: flags } = parseArgs({
  options: { stride: { type: 'string', default: '1' }, only: { type: 'string', default: '' } },
});
const stride = Number(flags.stride);

const damaged = (run: (stride: number, tally: DamageTally) => Promise<void>) => async () => {
  const tally = emptyDamage();
  await run(stride, tally);
  return { ...tally };
};
const PARTS: Readonly<Record<string, () => Promise<Record<string, number>>>> = {
  'crashes of the log': async () => ({ crashes: await crashLogEverywhere(stride) }),
  'torn tails of the log': damaged(tearLogEverywhere),
  'flipped bits of the log': damaged(flipLogEverywhere),
  'crashes of a pipeline': async () => {
    let crashes = 0;
    for (const seed of ENGINE_SEEDS) crashes += await crashEngineEverywhere(seed, stride);
    return { crashes };
  },
  'damaged snapshots': damaged(damageSnapshotEverywhere),
  'flipped bits below a pipeline': damaged(flipBelowEngine),
};

const detail: Record<string, unknown> = {};
let places = 0;
for (const [name, run] of Object.entries(PARTS)) {
  if (!name.includes(flags.only)) continue;
  const began = performance.now();
  const counts = await run();
  places += counts.places ?? counts.crashes ?? 0;
  detail[name] = { ...counts, seconds: Math.round((performance.now() - began) / 1000) };
  console.log(`${name}: ${JSON.stringify(detail[name])}`);
}
console.log(JSON.stringify({ bench: 'exhaustive', value: places, unit: 'places', against: null, ratio: null, detail }));
