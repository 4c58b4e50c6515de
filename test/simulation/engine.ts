/**
 * Crashes the engine at random disk operations of a virtual disk, in processing and in recovery, and checks after each that
 * every row counts once. The whole of a round follows from its seed.
 *
 *   npm run test:simulation:engine -- --rounds 1000 [--seed 1]
 */
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { simulate } from '../../src/engine/crash-simulation.fixture.ts';
import { seededRandom } from '../../src/engine/engine-world.fixture.ts';

const LIVES_MAX = 5;
const OPERATIONS_MAX = 300;

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
});
const first = Number(flags.seed);
const rounds = Number(flags.rounds);
const startedAt = performance.now();
let lives = 0;
for (let seed = first; seed < first + rounds; seed++) {
  const random = seededRandom(seed + 5e8);
  const crashes = Array.from({ length: 1 + Math.floor(random() * LIVES_MAX) }, () =>
    Math.floor(random() ** 2 * OPERATIONS_MAX),
  );
  try {
    const result = await simulate({ seed, crashes, power: random() < 0.5 });
    lives += result.lives;
    if (!isDeepStrictEqual(result.actual, result.expected)) {
      throw new Error(`the outputs are ${JSON.stringify(result.actual)}, not ${JSON.stringify(result.expected)}`);
    }
  } catch (error) {
    console.error(`simulation of seed ${seed}, crashes after ${crashes.join(', ')} operations, failed:`, error);
    console.error(`replay it with: npm run test:simulation:engine -- --rounds 1 --seed ${seed}`);
    process.exit(1);
  }
}
const seconds = Math.round((performance.now() - startedAt) / 1000);
console.log(
  JSON.stringify({
    bench: 'engine-simulation',
    value: rounds,
    unit: 'rounds',
    against: null,
    ratio: null,
    detail: { crashes: lives - rounds, failures: 0, seconds },
  }),
);
