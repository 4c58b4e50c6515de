/**
 * HTTP ingest with an fsync before every acknowledgement; the load generator runs on the same cores. Beside it in the
 * same run: a bare `node:http` server that discards the body, and the disk's own sequential rate.
 *
 *   npm run bench:ingest [-- --seconds 8]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureDisk } from './load/disk-bound.ts';
import type { LoadReport } from './load/http-load.ts';
import { report, rounded } from './load/report.ts';
import { runLoad } from './load/run-load.ts';
import { cpuSecondsByThread, freePort, ROOT, startServer } from './load/server.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    shape: { type: 'string', default: '' },
    connections: { type: 'string' },
    /** Folder for the data, e.g. on a memory disk to leave the disk out of a comparison. Default: the temporary folder. */
    data: { type: 'string' },
    /** Folder for V8 CPU profiles of the server's threads; bench/load/profile.ts reads them. */
    profile: { type: 'string' },
  },
});
const nodeFlags = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(values.profile)}`];
const seconds = Number(values.seconds);
const WARMUP_SECONDS = 2;
const DISK_BLOCK_BYTES = 1 << 20;

interface Shape {
  readonly name: string;
  readonly eventsPerBody: number;
  readonly connections: number;
}

const SHAPES: readonly Shape[] = [
  { name: 'bodies of 1,000 events', eventsPerBody: 1000, connections: 8 },
  { name: 'single events', eventsPerBody: 1, connections: 64 },
];

function load(port: number, shape: Shape, firstEvent: number): Promise<LoadReport> {
  return runLoad({
    port,
    path: '/api/v2/ingest/events',
    connections: Number(values.connections ?? shape.connections),
    eventsPerBody: shape.eventsPerBody,
    seconds,
    warmupSeconds: WARMUP_SECONDS,
    firstEvent,
  });
}

async function bare(shape: Shape): Promise<LoadReport> {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [join(ROOT, 'scripts/run-ts.mjs'), join(ROOT, 'bench/load/bare-server.ts'), String(port)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const result = await load(port, shape, 0);
  child.kill('SIGTERM');
  return result;
}

function dataDir() {
  return values.data === undefined ? {} : { dataDir: mkdtempSync(join(values.data, 'headrace-')) };
}

/** Cores used per thread; threads below a hundredth of a core are left out. */
function busiest(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>, elapsed: number) {
  const cores = Object.entries(after).map(([name, s]) => [name, rounded((s - (before[name] ?? 0)) / elapsed)] as const);
  return Object.fromEntries(cores.filter(([, value]) => value >= 0.01).sort((a, b) => b[1] - a[1]));
}

const disk = measureDisk(DISK_BLOCK_BYTES, 2);
for (const shape of SHAPES.filter(({ name }) => name.includes(values.shape))) {
  const server = await startServer({ project: 'bench/projects/ingest', nodeFlags, ...dataDir() });
  const before = cpuSecondsByThread(server.process.pid ?? 0);
  const ours = await load(server.port, shape, 1);
  const after = cpuSecondsByThread(server.process.pid ?? 0);
  await server.stop();
  server.removeData();
  const peer = await bare(shape);
  report({
    bench: `ingest, ${shape.name}`,
    value: ours.eventsPerSecond,
    unit: 'events/s',
    against: 'bare node:http server that discards the body',
    ratio: rounded(ours.eventsPerSecond / peer.eventsPerSecond, 3),
    detail: {
      latencyMs: ours.latencyMs,
      generatorCores: ours.generatorCores,
      serverCores: busiest(before, after, seconds + WARMUP_SECONDS),
      failures: ours.failures,
      firstFailure: ours.firstFailure,
      refusedBusy: ours.refusedBusy,
      durableMBPerSecond: rounded(ours.bytes / ours.seconds / 1e6),
      diskMBPerSecond: rounded(disk.bytesPerSecond / 1e6),
      ofDisk: rounded(ours.bytes / ours.seconds / disk.bytesPerSecond, 3),
      peerEventsPerSecond: peer.eventsPerSecond,
      peerLatencyMs: peer.latencyMs,
    },
  });
}
