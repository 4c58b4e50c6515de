/** Cold start to ready, and idle memory, with an empty project: `npm run bench:start`. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { report, rounded } from './load/report.ts';
import { startServer } from './load/server.ts';

const RUNS = 5;
const IDLE_MS = 2_000;

function residentMB(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) / 1024;
}

function bareNodeMs(): number {
  const from = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - from;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const ready: number[] = [];
const bare: number[] = [];
const memory: number[] = [];
for (let run = 0; run < RUNS; run++) {
  bare.push(bareNodeMs());
  const server = await startServer({ project: 'bench/projects/empty' });
  ready.push(server.readyMs);
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  memory.push(residentMB(server.process.pid ?? 0));
  await server.stop();
  server.removeData();
}
report({
  bench: 'start, empty project',
  value: Math.round(median(ready)),
  unit: 'ms',
  against: 'node -e 0',
  ratio: rounded(median(ready) / median(bare)),
  detail: { runs: ready.map(Math.round), nodeMs: Math.round(median(bare)) },
});
report({
  bench: 'idle memory, empty project',
  value: Math.round(median(memory)),
  unit: 'MB',
  against: null,
  ratio: null,
  detail: { runs: memory.map(Math.round) },
});
