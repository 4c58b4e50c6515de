/**
 * Runs connectors against the real systems, started here on the loopback address in a temporary folder, killed and started again in the
 * middle:
 *
 *   npm run test:components [-- redis-lookup postgres-lookup postgres-sink --rounds 7 --seed 1]
 *
 * What is missing is installed by apt; a component that cannot be had is skipped, and the last lines say why.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ComponentFlags } from './component-flags.ts';
import { postgresLookup } from './postgres-lookup.ts';
import { postgresSink } from './postgres-sink.ts';
import { Unavailable } from './real-server.ts';
import { redisLookup } from './redis-lookup.ts';

const COMPONENTS: Readonly<Record<string, (dir: string, flags: ComponentFlags) => Promise<void>>> = {
  'redis-lookup': redisLookup,
  'postgres-lookup': postgresLookup,
  'postgres-sink': postgresSink,
};

const { values, positionals: named } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '7' }, seed: { type: 'string', default: '1' } },
});
const flags: ComponentFlags = { rounds: Number(values.rounds), seed: Number(values.seed) };
const unknown = named.find((name) => !(name in COMPONENTS));
if (unknown !== undefined) {
  console.error(`running components: "${unknown}" is none of ${Object.keys(COMPONENTS).join(', ')}`);
  process.exit(2);
}

const skipped: string[] = [];
for (const name of named.length === 0 ? Object.keys(COMPONENTS) : named) {
  const dir = mkdtempSync(join(tmpdir(), `headrace-${name}-`));
  const startMs = performance.now();
  try {
    await COMPONENTS[name]!(dir, flags);
    console.log(`${name}: passed in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  } catch (error) {
    if (error instanceof Unavailable) {
      skipped.push(`${name}: SKIPPED: ${error.message}`);
    } else {
      console.error(`${name}: FAILED`, error);
      process.exitCode = 1;
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
for (const line of skipped) console.log(line);
