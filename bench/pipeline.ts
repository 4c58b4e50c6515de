/**
 * End to end over HTTP: ingest (acknowledged after fsync) -> validate -> deduplicate by event_id -> windows of 1 min,
 * 5 min and 1 h by (event_type, metadata.source) with count and sum -> a subscriber. The load generator runs on the same
 * cores.
 *
 *   npm run bench:pipeline [-- --seconds 8 --rate 100000 --sustained --reserve 7 --connections 16 --profile FOLDER]
 *
 * Sustained rate: all events acknowledged, over the time until the last of them is counted in the views (so a backlog at the
 * end of the load counts against it), after some seconds of the same load; and the counts must be right. Latency: at half
 * that load and at 20,000 events/s, from the intended send of a probe event to the frame of its window on a WebSocket.
 * `--reserve 7`: see load/memory-reserve.ts.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { reserveMemory } from './load/memory-reserve.ts';
import { drain, lagOf, pipelinesOf } from './load/pipelines.ts';
import { Probe } from './load/probe.ts';
import { report, rounded } from './load/report.ts';
import { runLoad } from './load/run-load.ts';
import { cpuSecondsByThread, type Server, startServer } from './load/server.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    /** The sustained rate alone, without the latencies. */
    sustained: { type: 'boolean', default: false },
    /** Begins with memory that is full of cached files, as on a server that has run for a while. */
    /** GiB of memory made ready before (`load/memory-reserve.ts`); 0 for none. */
    reserve: { type: 'string', default: '7' },
    /** Instead of half the sustained rate. */
    rate: { type: 'string' },
    /** Each has one request in flight. */
    connections: { type: 'string', default: '16' },
    /** Folder for V8 CPU profiles of the server's threads; bench/load/profile.ts reads them. */
    profile: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const PROJECT = 'bench/projects/pipeline';
const EVENTS_PER_BODY = 1000;
/** The generator repeats one id in each hundred. */
const UNIQUE_PART = 0.99;
/** At a low rate, bodies of this many milliseconds of events: a body of 1,000 would be 50 ms at 20,000 events/s. */
const BODY_MS = 5;
const WARMUP_SECONDS = 1;
/** Load before the sustained rate is measured, in which V8 compiles what is hot: a fifth of a core for some seconds. */
const COMPILE_SECONDS = 5;
const PROBE_EVERY_MS = 10;
const FLINK_EVENTS_PER_SECOND = 153_000;
const FLINK_P99_MS = 150;
const AIM_EVENTS_PER_SECOND = 1_200_000;

async function countedEvents(server: Server): Promise<number> {
  const response = await fetch(`${server.url}/api/v2/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: 'SELECT sum(events) AS events FROM events_1h' }),
  });
  const answer = (await response.json()) as { readonly rows: readonly (readonly unknown[])[] };
  return Number(answer.rows[0]?.[0] ?? 0);
}

function load(server: Server, firstEvent: number, eventsPerSecond?: number, forSeconds = seconds) {
  const paced = eventsPerSecond === undefined ? EVENTS_PER_BODY : Math.round((eventsPerSecond * BODY_MS) / 1000);
  return runLoad({
    port: server.port,
    path: '/api/v2/ingest/events',
    connections: Number(values.connections),
    eventsPerBody: Math.min(EVENTS_PER_BODY, Math.max(1, paced)),
    seconds: forSeconds,
    warmupSeconds: WARMUP_SECONDS,
    firstEvent,
    ...(eventsPerSecond === undefined ? {} : { eventsPerSecond }),
  });
}

/** Cores used per thread between two readings. */
function coresOf(server: Server, before: Readonly<Record<string, number>>, elapsed: number) {
  const after = cpuSecondsByThread(server.process.pid ?? 0);
  const cores = Object.entries(after).map(([name, s]) => [name, rounded((s - (before[name] ?? 0)) / elapsed)] as const);
  return Object.fromEntries(cores.filter(([, value]) => value >= 0.01).sort((a, b) => b[1] - a[1]));
}

async function sustainedRate(server: Server): Promise<number> {
  const compiling = await load(server, 1, undefined, COMPILE_SECONDS);
  await drain(server);
  const before = cpuSecondsByThread(server.process.pid ?? 0);
  const full = await load(server, 1 + compiling.sent);
  const lagAtEnd = await lagOf(server);
  const drainSeconds = await drain(server);
  const elapsed = full.seconds + WARMUP_SECONDS + drainSeconds;
  const sustained = Math.round(full.accepted / elapsed);
  const [status] = await pipelinesOf(server);
  report({
    bench: 'pipeline, sustained',
    value: sustained,
    unit: 'events/s',
    against: 'Flink 2.3, deduplicate and one window from Kafka, without HTTP, on this kind of machine: 153,000',
    ratio: rounded(sustained / FLINK_EVENTS_PER_SECOND),
    detail: {
      ingestEventsPerSecond: full.eventsPerSecond,
      accepted: full.accepted,
      counted: await countedEvents(server),
      expected: Math.round((compiling.accepted + full.accepted) * UNIQUE_PART),
      lateRows: status?.lateRows,
      duplicateRows: status?.duplicateRows,
      lagAtEnd,
      drainSeconds: rounded(drainSeconds),
      ackLatencyMs: full.latencyMs,
      epochMs: status?.epochMs,
      epochs: status?.epoch,
      serverCores: coresOf(server, before, elapsed),
      generatorCores: full.generatorCores,
      failures: full.failures,
      firstFailure: full.firstFailure,
      refusedBusy: full.refusedBusy,
      ofAim: rounded(sustained / AIM_EVENTS_PER_SECOND, 3),
    },
  });
  return sustained;
}

async function latencyAt(server: Server, eventsPerSecond: number, firstEvent: number): Promise<void> {
  const before = cpuSecondsByThread(server.process.pid ?? 0);
  const probe = new Probe({ port: server.port, topic: 'events', stream: 'events_1m', everyMs: PROBE_EVERY_MS });
  await probe.start();
  const background = await load(server, firstEvent, eventsPerSecond);
  const lagAtEnd = await lagOf(server);
  const probed = await probe.stop();
  const [status] = await pipelinesOf(server);
  report({
    bench: `pipeline, latency at ${eventsPerSecond} events/s`,
    value: rounded(probed.effectMs.p99, 1),
    unit: 'ms p99',
    against: 'Flink 2.3 at 20,000 events/s from Kafka: p50 63 ms, p99 150 ms',
    ratio: rounded(probed.effectMs.p99 / FLINK_P99_MS, 3),
    detail: {
      sendToEffectMs: probed.effectMs,
      sendToAckMs: probed.ackMs,
      ackToEffectMs: probed.ackToEffectMs,
      probes: probed.sent,
      unseen: probed.unseen,
      epochMs: status?.epochMs,
      loadEventsPerSecond: background.eventsPerSecond,
      loadAckMs: background.latencyMs,
      lagAtEnd,
      serverCores: coresOf(server, before, seconds + WARMUP_SECONDS),
      generatorCores: background.generatorCores,
      failures: background.failures,
      firstFailure: background.firstFailure,
    },
  });
  await drain(server);
}

const nodeFlags = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(values.profile)}`];
const reserve = reserveMemory(Number(values.reserve) * 1024 ** 3);
const server = await startServer({ project: PROJECT, nodeFlags });
const sustained = await sustainedRate(server);
if (!values.sustained) {
  const half = values.rate === undefined ? Math.round(sustained / 2) : Number(values.rate);
  await latencyAt(server, half, 1e9);
  await latencyAt(server, 20_000, 2e9);
}
await server.stop();
server.removeData();
reserve.release();
