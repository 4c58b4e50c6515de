/**
 * From an event that comes in over HTTP to its result that can be seen: by a subscriber of a view (WebSocket, SSE) and by a
 * read of the table, at 10 %, 50 % and 80 % of the sustained rate, which is measured first in the same run. Ingest is
 * acknowledged after the fsync, results are shown after theirs, and snapshots are taken meanwhile.
 *
 *   npm run bench:latency [-- --seconds 10 --rate 200000 --shares 10,50,80 --reserve 7]
 *
 * Latencies count from the intended send (no coordinated omission). The load generator runs on the same cores. Beside them
 * stands the time of an fsync of the log in the same run: an effect takes two, one for the event and one for its result.
 */
import { parseArgs } from 'node:util';
import { reserveMemory } from './load/memory-reserve.ts';
import { drain, lagOf, pipelinesOf } from './load/pipelines.ts';
import { Probe } from './load/probe.ts';
import { report, rounded } from './load/report.ts';
import { runLoad } from './load/run-load.ts';
import { cpuSecondsByThread, type Server, startServer } from './load/server.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    /** Instead of the sustained rate. */
    rate: { type: 'string' },
    /** Percent of it. */
    shares: { type: 'string', default: '10,50,80' },
    /** Time between two snapshots at most. */
    snapshots: { type: 'string', default: '2s' },
    /** GiB of memory made ready before (`load/memory-reserve.ts`); 0 for none. */
    reserve: { type: 'string', default: '7' },
  },
});
const seconds = Number(values.seconds);
const PROJECT = 'bench/projects/pipeline';
const EVENTS_PER_BODY = 1000;
const CONNECTIONS = 8;
/** Bodies of this many milliseconds of events: larger ones would be a delay of the generator's own. */
const BODY_MS = 5;
const WARMUP_SECONDS = 1;
const PROBE_EVERY_MS = 10;
const READ_EVERY = 5;
const AIM_P50_MS = 2;
const AIM_P99_MS = 10;

function load(server: Server, firstEvent: number, eventsPerSecond?: number) {
  const paced = eventsPerSecond === undefined ? EVENTS_PER_BODY : Math.round((eventsPerSecond * BODY_MS) / 1000);
  return runLoad({
    port: server.port,
    path: '/api/v2/ingest/events',
    connections: CONNECTIONS,
    eventsPerBody: Math.min(EVENTS_PER_BODY, Math.max(1, paced)),
    seconds,
    warmupSeconds: WARMUP_SECONDS,
    firstEvent,
    ...(eventsPerSecond === undefined ? {} : { eventsPerSecond }),
  });
}

async function sustainedRate(server: Server): Promise<number> {
  const full = await load(server, 1);
  const drainSeconds = await drain(server);
  const sustained = Math.round(full.sent / (full.seconds + WARMUP_SECONDS + drainSeconds));
  report({
    bench: 'latency, sustained rate',
    value: sustained,
    unit: 'events/s',
    against: null,
    ratio: null,
    detail: { ackLatencyMs: full.latencyMs, drainSeconds: rounded(drainSeconds), refusedBusy: full.refusedBusy },
  });
  return sustained;
}

async function fsyncMs(server: Server): Promise<{ readonly p50: number; readonly p99: number; readonly max: number }> {
  const answer = (await (await fetch(`${server.url}/api/v2/metrics`)).json()) as {
    readonly latency: { readonly fsyncMs: { readonly p50: number; readonly p99: number; readonly max: number } };
  };
  return answer.latency.fsyncMs;
}

/** Counts the snapshots that a pipeline takes. */
async function countSnapshots(server: Server, stopped: () => boolean): Promise<number> {
  let count = 0;
  let last = (await pipelinesOf(server))[0]?.snapshotEpoch;
  while (!stopped()) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const now = (await pipelinesOf(server))[0]?.snapshotEpoch;
    if (now !== last) count++;
    last = now;
  }
  return count;
}

async function latencyAt(server: Server, share: number, eventsPerSecond: number): Promise<void> {
  const stream = 'events_1m';
  const common = { port: server.port, topic: 'events', stream, everyMs: PROBE_EVERY_MS };
  const probes = [new Probe({ ...common, readEvery: READ_EVERY }), new Probe({ ...common, via: 'sse' })] as const;
  const before = cpuSecondsByThread(server.process.pid ?? 0);
  const beganAt = performance.now();
  let over = false;
  const snapshots = countSnapshots(server, () => over);
  const loading = load(server, share * 1e9, eventsPerSecond);
  for (const probe of probes) await probe.start();
  const background = await loading;
  over = true;
  const lagAtEnd = await lagOf(server);
  const [socket, events] = [await probes[0].stop(), await probes[1].stop()];
  const elapsed = (performance.now() - beganAt) / 1000;
  const after = cpuSecondsByThread(server.process.pid ?? 0);
  const cores = Object.entries(after).map(([name, s]) => [name, rounded((s - (before[name] ?? 0)) / elapsed)] as const);
  const sync = await fsyncMs(server);
  const [status] = await pipelinesOf(server);
  report({
    bench: `latency at ${share} % load`,
    value: rounded(socket.effectMs.p50, 2),
    unit: 'ms p50',
    against: 'two fsyncs of the log in the same run, p50',
    ratio: sync.p50 > 0 ? rounded(socket.effectMs.p50 / (2 * sync.p50)) : null,
    detail: {
      eventsPerSecond,
      websocketMs: socket.effectMs,
      sseMs: events.effectMs,
      tableReadMs: socket.readMs,
      ackMs: socket.ackMs,
      ackToEffectMs: socket.ackToEffectMs,
      longestPauseMs: Math.max(socket.longestPauseMs, events.longestPauseMs),
      aim: { p50Ms: AIM_P50_MS, p99Ms: AIM_P99_MS, reached: share === 50 ? reachesAim(socket.effectMs) : null },
      snapshots: await snapshots,
      probes: socket.sent + events.sent,
      unseen: socket.unseen + events.unseen,
      fsyncMs: sync,
      epochMs: status?.epochMs,
      loadAckMs: background.latencyMs,
      lagAtEnd,
      failures: background.failures,
      refusedBusy: background.refusedBusy,
      serverCores: Object.fromEntries(cores.filter(([, value]) => value >= 0.01).sort((a, b) => b[1] - a[1])),
      generatorCores: background.generatorCores,
    },
  });
  await drain(server);
}

function reachesAim({ p50, p99 }: { readonly p50: number; readonly p99: number }): boolean {
  return p50 <= AIM_P50_MS && p99 <= AIM_P99_MS;
}

const reserve = reserveMemory(Number(values.reserve) * 1024 ** 3);
const server = await startServer({ project: PROJECT, flags: ['--engine-snapshot-interval', values.snapshots] });
try {
  const rate = values.rate === undefined ? await sustainedRate(server) : Number(values.rate);
  for (const share of values.shares.split(',').map(Number)) {
    await latencyAt(server, share, Math.round((rate * share) / 100));
  }
} finally {
  await server.stop();
  server.removeData();
  reserve.release();
}
