import { parseArgs } from 'node:util';
import { LogSimulation } from '../../src/log/log-simulation.fixture.ts';

/**
 * The log through years of bad luck: `npm run test:simulation -- --rounds 10000`. Every round has a seed of its own; one
 * that fails is printed with the command that replays it; `--trace` shows what the disk was asked.
 */
const STEPS = 60;
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10000' },
    from: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    trace: { type: 'boolean' },
  },
});
const first = Number(values.seed ?? values.from);
const rounds = values.seed === undefined ? Number(values.rounds) : 1;
const began = performance.now();
for (let seed = first; seed < first + rounds; seed++) {
  try {
    await new LogSimulation(seed, values.trace === true ? console.log : undefined).run(STEPS);
  } catch (error) {
    console.error(error);
    console.error(`seed ${seed} fails; again: npm run test:simulation -- --seed ${seed}`);
    process.exit(1);
  }
}
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ test: 'log-simulation', rounds, seconds: Number(seconds.toFixed(1)), failed: 0 }));
