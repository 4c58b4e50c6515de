/**
 * End to end over HTTP: ingest (acknowledged after fsync) -> validate -> deduplicate by event_id -> windows of 1 min,
 * 5 min and 1 h by (event_type, metadata.source) with count and sum -> a subscriber. The load generator runs on the same
 * cores.
 *
 *   npm run bench:pipeline [-- --seconds 10]
 *
 * Sustained rate: what the pipeline has processed, not only what ingest has accepted; the run counts only if the lag at
 * its end is below a second of input. Latency: at half that load, from the send of a probe event to the frame of its
 * window on a WebSocket.
 */
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { LatencyHistogram } from './load/latency.ts';
import { report, rounded } from './load/report.ts';
import { runLoad } from './load/run-load.ts';
import { type Server, startServer } from './load/server.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '10' }, rate: { type: 'string' } },
});
const seconds = Number(values.seconds);
const PROJECT = 'bench/projects/pipeline';
const EVENTS_PER_BODY = 1000;
const CONNECTIONS = 8;
const WARMUP_SECONDS = 2;
const PROBE_EVERY_MS = 20;
const FLINK_EVENTS_PER_SECOND = 153_000;
const AIM_EVENTS_PER_SECOND = 1_200_000;

interface PipelinesAnswer {
  readonly pipelines: readonly { readonly lagRecords: number }[];
}

async function lag(server: Server): Promise<number> {
  const answer = (await (await fetch(`${server.url}/api/v2/pipelines`)).json()) as PipelinesAnswer;
  return answer.pipelines.reduce((sum, p) => sum + p.lagRecords, 0);
}

async function drain(server: Server): Promise<number> {
  const from = performance.now();
  while ((await lag(server)) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  return (performance.now() - from) / 1000;
}

function load(server: Server, firstEvent: number, eventsPerSecond?: number) {
  return runLoad({
    port: server.port,
    path: '/api/v2/ingest/events',
    connections: CONNECTIONS,
    eventsPerBody: EVENTS_PER_BODY,
    seconds,
    warmupSeconds: WARMUP_SECONDS,
    firstEvent,
    ...(eventsPerSecond === undefined ? {} : { eventsPerSecond }),
  });
}

/** Sends one event of its own type at a time, and waits for its window's row on a WebSocket. */
async function probe(server: Server, stopped: () => boolean): Promise<LatencyHistogram> {
  const histogram = new LatencyHistogram();
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/api/v2/stream/events_1m?snapshot=false`);
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const sentAt = new Map<string, number>();
  socket.on('message', (data) => {
    const seen = performance.now();
    for (const match of data.toString().matchAll(/"event_type":"(probe-\d+)"/g)) {
      const sent = sentAt.get(match[1] ?? '');
      if (sent === undefined) continue;
      histogram.record(seen - sent);
      sentAt.delete(match[1] ?? '');
    }
  });
  for (let i = 0; !stopped(); i++) {
    const type = `probe-${i}`;
    const body = JSON.stringify({
      event_id: `10000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
      event_type: type,
      timestamp: new Date().toISOString(),
      user_id: 'probe',
      data: { amount: 1 },
      metadata: { source: 'probe', version: '1.0' },
    });
    sentAt.set(type, performance.now());
    void fetch(`${server.url}/api/v2/ingest/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
  socket.close();
  return histogram;
}

const server = await startServer({ project: PROJECT });
const full = await load(server, 1);
const lagAtEnd = await lag(server);
const drainSeconds = await drain(server);
const processed = full.sent - lagAtEnd;
const sustained = Math.round(full.sent / (full.seconds + WARMUP_SECONDS + drainSeconds));
report({
  bench: 'pipeline, sustained',
  value: sustained,
  unit: 'events/s',
  against: 'Flink 2.3, deduplicate and one window from Kafka, without HTTP, on this kind of machine: 153,000',
  ratio: rounded(sustained / FLINK_EVENTS_PER_SECOND),
  detail: {
    ingestEventsPerSecond: full.eventsPerSecond,
    processedAtEnd: processed,
    lagAtEnd,
    drainSeconds: rounded(drainSeconds),
    ackLatencyMs: full.latencyMs,
    failures: full.failures,
    firstFailure: full.firstFailure,
    refusedBusy: full.refusedBusy,
    ofAim: rounded(sustained / AIM_EVENTS_PER_SECOND, 3),
  },
});
const rate = values.rate === undefined ? Math.round(sustained / 2) : Number(values.rate);
for (const eventsPerSecond of [rate, 20_000]) {
  let loading = true;
  const probing = probe(server, () => !loading);
  const half = await load(server, full.sent + eventsPerSecond * 1000, eventsPerSecond);
  loading = false;
  const latency = await probing;
  report({
    bench: `pipeline, latency at ${eventsPerSecond} events/s`,
    value: rounded(latency.quantile(0.99), 1),
    unit: 'ms p99',
    against: 'Flink 2.3 at 20,000 events/s: p50 63 ms, p99 150 ms',
    ratio: rounded(latency.quantile(0.99) / 150, 3),
    detail: {
      latencyMs: latency.summary(),
      ackLatencyMs: half.latencyMs,
      failures: half.failures,
      lag: await lag(server),
    },
  });
}
await server.stop();
server.removeData();
