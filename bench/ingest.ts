/**
 * HTTP ingest with an fsync before every acknowledgement; the load generator runs on the same cores. Beside it in the
 * same run, in turns: a bare `node:http` server that discards the body; and before each turn the disk's own sequential rate.
 *
 *   npm run bench:ingest [-- --seconds 5 --turns 3 --shape single --connections 64 --rate 500000 --reserve 7]
 *
 * Of the turns the best counts; all are in the detail. `--reserve 7`: see load/memory-reserve.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureDisk } from './load/disk-bound.ts';
import type { LoadReport } from './load/http-load.ts';
import { reserveMemory } from './load/memory-reserve.ts';
import { report, rounded } from './load/report.ts';
import { runLoad } from './load/run-load.ts';
import { cpuSecondsByThread, freePort, ROOT, type Server, startServer } from './load/server.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    turns: { type: 'string', default: '3' },
    /** Part of the name of the shapes to run. */
    shape: { type: 'string', default: '' },
    connections: { type: 'string' },
    /** Events a second to send; without it as many as are answered. */
    rate: { type: 'string' },
    /** Folder for the data, e.g. on a memory disk to leave the disk out of a comparison. */
    data: { type: 'string', default: tmpdir() },
    /** Begins with memory that is full of cached files, as on a server that has run for a while. */
    /** GiB of memory made ready before (`load/memory-reserve.ts`); 0 for none. */
    reserve: { type: 'string', default: '7' },
    /** Folder for V8 CPU profiles of the server's threads; bench/load/profile.ts reads them. */
    profile: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const WARMUP_SECONDS = 1;
const DISK_BLOCK_BYTES = 1 << 20;

interface Shape {
  readonly name: string;
  readonly eventsPerBody: number;
  readonly connections: number;
}

const SHAPES: readonly Shape[] = [
  { name: 'bodies of 1,000 events', eventsPerBody: 1000, connections: 8 },
  { name: 'single events', eventsPerBody: 1, connections: 128 },
];

let nextEvent = 1;

async function load(port: number, shape: Shape): Promise<LoadReport> {
  const result = await runLoad({
    port,
    path: '/api/v2/ingest/events',
    connections: Number(values.connections ?? shape.connections),
    eventsPerBody: shape.eventsPerBody,
    seconds,
    warmupSeconds: WARMUP_SECONDS,
    firstEvent: nextEvent,
    ...(values.rate === undefined ? {} : { eventsPerSecond: Number(values.rate) }),
  });
  nextEvent += result.sent;
  return result;
}

interface Turn {
  readonly report: LoadReport;
  /** Cores used by each busy thread of the server. */
  readonly cores: Readonly<Record<string, number>>;
  /** CPU seconds of the server, all of its threads. */
  readonly cpuSeconds: number;
  readonly diskBytesPerSecond: number;
}

async function turn(server: { readonly port: number; readonly process: ChildProcess }, shape: Shape): Promise<Turn> {
  const disk = measureDisk(values.data, DISK_BLOCK_BYTES, 0.5);
  const pid = server.process.pid ?? 0;
  const before = cpuSecondsByThread(pid);
  const result = await load(server.port, shape);
  const after = cpuSecondsByThread(pid);
  return {
    report: result,
    cores: coresBetween(before, after, seconds + WARMUP_SECONDS),
    cpuSeconds: sum(after) - sum(before),
    diskBytesPerSecond: disk.bytesPerSecond,
  };
}

/** Threads below a hundredth of a core are left out. */
function coresBetween(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
  elapsed: number,
) {
  const cores = Object.entries(after).map(([name, s]) => [name, rounded((s - (before[name] ?? 0)) / elapsed)] as const);
  return Object.fromEntries(cores.filter(([, value]) => value >= 0.01).sort((a, b) => b[1] - a[1]));
}

function sum(seconds: Readonly<Record<string, number>>): number {
  return Object.values(seconds).reduce((total, one) => total + one, 0);
}

async function startBare(): Promise<{ readonly port: number; readonly process: ChildProcess }> {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [join(ROOT, 'scripts/run-ts.mjs'), join(ROOT, 'bench/load/bare-server.ts'), String(port)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await new Promise((started) => child.stdout.once('data', started));
  return { port, process: child };
}

/** What a second of the server's CPU time takes in, all of its threads together: a figure that other work beside it hardly moves. */
function perCpuSecond(turns: readonly Turn[]): number {
  const events = turns.reduce((total, one) => total + one.report.accepted, 0);
  return Math.round(events / turns.reduce((total, one) => total + one.cpuSeconds, 0));
}

function best(turns: readonly Turn[]): Turn {
  return turns.reduce((a, b) => (b.report.eventsPerSecond > a.report.eventsPerSecond ? b : a));
}

function figures(shape: Shape, ours: readonly Turn[], peers: readonly Turn[]): void {
  const { report: top, cores, diskBytesPerSecond } = best(ours);
  const peer = best(peers).report;
  const bytesPerSecond = top.bytes / top.seconds;
  report({
    bench: `ingest, ${shape.name}`,
    value: top.eventsPerSecond,
    unit: 'events/s',
    against: 'bare node:http server that discards the body',
    ratio: rounded(top.eventsPerSecond / peer.eventsPerSecond, 3),
    detail: {
      connections: Number(values.connections ?? shape.connections),
      latencyMs: top.latencyMs,
      turns: ours.map((one) => ({ eventsPerSecond: one.report.eventsPerSecond, p99Ms: one.report.latencyMs.p99 })),
      failures: ours.reduce((total, one) => total + one.report.failures, 0),
      firstFailure: ours.find((one) => one.report.firstFailure !== undefined)?.report.firstFailure,
      refusedBusy: ours.reduce((total, one) => total + one.report.refusedBusy, 0),
      durableMBPerSecond: rounded(bytesPerSecond / 1e6),
      diskMBPerSecond: rounded(diskBytesPerSecond / 1e6),
      ofDisk: rounded(bytesPerSecond / diskBytesPerSecond, 3),
      serverCores: cores,
      generatorCores: top.generatorCores,
      eventsPerServerCpuSecond: perCpuSecond(ours),
      peerEventsPerServerCpuSecond: perCpuSecond(peers),
      peerEventsPerSecond: peers.map((one) => one.report.eventsPerSecond),
      peerLatencyMs: peer.latencyMs,
      peerCores: best(peers).cores,
    },
  });
}

async function measure(shape: Shape): Promise<void> {
  const nodeFlags = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(values.profile)}`];
  const dataDir = mkdtempSync(join(values.data, 'headrace-bench-'));
  const server: Server = await startServer({ project: 'bench/projects/ingest', nodeFlags, dataDir });
  const bare = await startBare();
  const ours: Turn[] = [];
  const peers: Turn[] = [];
  for (let i = 0; i < Number(values.turns); i++) {
    ours.push(await turn(server, shape));
    peers.push(await turn(bare, shape));
  }
  bare.process.kill('SIGTERM');
  await server.stop();
  server.removeData();
  figures(shape, ours, peers);
}

const reserve = reserveMemory(Number(values.reserve) * 1024 ** 3);
for (const shape of SHAPES.filter(({ name }) => name.includes(values.shape))) await measure(shape);
reserve.release();
