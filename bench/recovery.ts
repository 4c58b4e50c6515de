/**
 * Time from the start of the process to serving after `kill -9`, with a deduplication that holds 1 M and 10 M keys:
 * `npm run bench:recovery [-- --keys 1000000,10000000]`. The process is killed while it takes in events, so that there is
 * something to replay. Beside it, in the same run: the start of the same project without state.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/base/clock.ts';
import { openLog } from '../src/log/open.ts';
import { encodeRecordBatch } from '../src/log/record-batch.ts';
import { createEventBody } from './load/event-body.ts';
import { report, rounded } from './load/report.ts';
import { type Server, startServer } from './load/server.ts';

const PROJECT = 'bench/projects/recovery';
const BATCH_RECORDS = 2_000;
const BATCHES_PER_COMMIT = 20;
/** Event time of the preloaded events goes back this far: less than the time-to-live of their keys. */
const SPAN_MS = 600_000;
const BODY_EVENTS = 1_000;
const LIVE_MS = 3_000;
const IDLE_MS_MAX = 300_000;

interface PipelineAnswer {
  readonly state: string;
  readonly lagRecords: number;
  readonly stateKeys: number;
  readonly epoch: number;
  readonly snapshotEpoch?: number | null;
}

async function pipelineOf(server: Server): Promise<PipelineAnswer | undefined> {
  const answer = (await (await fetch(`${server.url}/api/v2/pipelines`)).json()) as {
    readonly pipelines: readonly PipelineAnswer[];
  };
  return answer.pipelines[0];
}

async function until(server: Server, done: (pipeline: PipelineAnswer) => boolean): Promise<PipelineAnswer> {
  const deadline = performance.now() + IDLE_MS_MAX;
  for (;;) {
    const pipeline = await pipelineOf(server);
    if (pipeline !== undefined && done(pipeline)) return pipeline;
    if (performance.now() > deadline) throw new Error(`waiting for the pipeline: it is ${JSON.stringify(pipeline)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Events with ids of their own, written to the log itself: the way over HTTP is another benchmark. */
async function preload(dataDir: string, keys: number): Promise<void> {
  const log = await openLog({ dataDir, clock: systemClock });
  const now = Date.now();
  const encoder = new TextEncoder();
  for (let first = 0; first < keys; ) {
    const appends = [];
    for (let b = 0; b < BATCHES_PER_COMMIT && first < keys; b++) {
      const count = Math.min(BATCH_RECORDS, keys - first);
      const records = Array.from({ length: count }, (_, i) => {
        const at = first + i;
        const time = new Date(now - SPAN_MS + Math.floor((at / keys) * SPAN_MS)).toISOString();
        const id = `${at.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
        const type = at % 7 === 0 ? 'purchase' : 'user_action';
        const value = `{"event_id":"${id}","event_type":"${type}","timestamp":"${time}","data":{"amount":12.34},"metadata":{"source":"web"}}`;
        return { key: null, value: encoder.encode(value), timestamp: now };
      });
      appends.push({ topic: 'events', partition: 0, ...encodeRecordBatch(records) });
      first += count;
    }
    await log.commit({ appends, puts: [] });
  }
  await log.close();
}

/** Sends for a while, and dies in the middle of it. */
async function killUnderLoad(server: Server, firstId: number): Promise<void> {
  const body = createEventBody(BODY_EVENTS, 1);
  const end = performance.now() + LIVE_MS;
  for (let sent = 0; performance.now() < end; sent += BODY_EVENTS) {
    body.patch(firstId + sent, Date.now());
    await fetch(`${server.url}/api/v2/ingest/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: new Uint8Array(body.bytes),
    });
  }
  await server.stop('SIGKILL');
}

function snapshotBytes(dataDir: string): number {
  const directory = join(dataDir, 'snapshots');
  let bytes = 0;
  for (const pipeline of readdirSync(directory)) {
    for (const file of readdirSync(join(directory, pipeline))) {
      if (file.endsWith('.snapshot')) bytes += statSync(join(directory, pipeline, file)).size;
    }
  }
  return bytes;
}

async function measure(keys: number): Promise<void> {
  const first = await startServer({ project: PROJECT });
  const { dataDir, port } = first;
  await first.stop();
  await preload(dataDir, keys);
  const loading = await startServer({ project: PROJECT, dataDir, port });
  await until(loading, ({ lagRecords, stateKeys }) => lagRecords === 0 && stateKeys >= keys);
  await until(loading, ({ epoch, snapshotEpoch }) => epoch === snapshotEpoch);
  await killUnderLoad(loading, 2 ** 32 + keys);
  const bytes = snapshotBytes(dataDir);
  const again = await startServer({ project: PROJECT, dataDir, port });
  const { readyMs } = again;
  const recovered = await until(again, ({ lagRecords }) => lagRecords === 0);
  await again.stop();
  again.removeData();
  report({
    bench: 'recovery after kill -9',
    value: Math.round(readyMs),
    unit: 'ms',
    against: 'the same project without state',
    ratio: rounded(readyMs / first.readyMs),
    detail: {
      keys: recovered.stateKeys,
      snapshotMB: Math.round(bytes / 1e6),
      emptyMs: Math.round(first.readyMs),
      epochs: recovered.epoch,
    },
  });
}

const { values: flags } = parseArgs({ options: { keys: { type: 'string', default: '1000000,10000000' } } });
for (const keys of flags.keys.split(',')) await measure(Number(keys));
