import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemClock } from '../base/clock.ts';
import type { Log } from './log.ts';
import { openLog } from './open.ts';
import { encodeRecordBatch } from './record-batch.ts';

/**
 * The log against the disk below it, in the same run: `npm run bench:log -- [directory] [megabytes]`.
 *
 * - `log-append`: 1,000-event batches (268 KB) by 32 callers, against raw sequential writes with one fdatasync for as many
 *   bytes as a round takes.
 * - `log-commit-latency`: one small commit after another, against a write and an fdatasync of as many bytes.
 * - `log-commit-small`: small commits by 256 callers, against one write and one fdatasync for each commit.
 * - `log-checkpoint-pause`: the slowest small commit while commit logs are replaced by checkpoints.
 */
const BATCH_RECORDS = 1000;
const RECORD_BYTES = 262;
const CALLERS = 32;
const SMALL_CALLERS = 256;
const SMALL_COMMITS = 2000;
const SMALL_MANY_COMMITS = 40_000;
const CHECKPOINT_COMMITS = 30_000;
const TOPIC = {
  name: 't',
  partitions: 1,
  kind: 'append',
  segmentBytesMax: 256 * 1024 * 1024,
  retentionMs: undefined,
  retentionBytes: undefined,
  keyPath: undefined,
  properties: {},
} as const;

const directory = mkdtempSync(join(resolve(process.argv[2] ?? '.'), '.log-bench-'));
const totalBytes = Number(process.argv[3] ?? 512) * 1024 * 1024;

const value = new Uint8Array(RECORD_BYTES).fill(120);
const sample = encodeRecordBatch(Array.from({ length: BATCH_RECORDS }, () => ({ key: null, value, timestamp: 1 })));
const small = encodeRecordBatch([{ key: null, value, timestamp: 1 }]);

function report(
  bench: string,
  line: { value: number; unit: string; against: string; of: number; detail: object },
): void {
  const { value: measured, unit, against, of, detail } = line;
  const round = (n: number): number => Number(n.toPrecision(3));
  const ratio = round(measured / of);
  console.log(
    JSON.stringify({
      bench,
      value: round(measured),
      unit,
      against: { what: against, value: round(of) },
      ratio,
      detail,
    }),
  );
}

function quantiles(times: number[]): { p50: number; p99: number; max: number } {
  const sorted = times.sort((a, b) => a - b);
  const at = (q: number): number => Number((sorted[Math.floor(q * (sorted.length - 1))] ?? 0).toFixed(3));
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Writes of `chunkBytes` into a file that is there already, each followed by an fdatasync. */
function rawSyncs(chunkBytes: number, count: number): { seconds: number; times: number[] } {
  const path = join(directory, 'raw');
  const file = openSync(path, 'w');
  const chunk = new Uint8Array(chunkBytes).fill(120);
  const times: number[] = [];
  const began = performance.now();
  for (let i = 0; i < count; i++) {
    const at = performance.now();
    writeSync(file, chunk, 0, chunkBytes, i * chunkBytes);
    fdatasyncSync(file);
    times.push(performance.now() - at);
  }
  const seconds = (performance.now() - began) / 1000;
  closeSync(file);
  rmSync(path);
  return { seconds, times };
}

async function withLog<T>(work: (log: Log) => Promise<T>, limits = {}): Promise<T> {
  const dataDir = join(directory, 'data');
  const log = await openLog({ dataDir, clock: systemClock, limits });
  await log.createTopic(TOPIC);
  const result = await work(log);
  await log.close();
  rmSync(dataDir, { recursive: true });
  return result;
}

/** `callers` at once, `commits` in all; the time of each from its call to its answer. */
async function commitAll(log: Log, encoded: typeof small, callers: number, commits: number): Promise<number[]> {
  const times: number[] = [];
  let left = commits;
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const sent = performance.now();
      await log.commit({ appends: [{ topic: 't', partition: 0, ...encoded, batch: encoded.batch.slice() }], puts: [] });
      times.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return times;
}

async function benchAppend(): Promise<void> {
  const commits = Math.ceil(totalBytes / sample.batch.length);
  const { rate, detail, chunk } = await withLog(async (log) => {
    const loop = performance.eventLoopUtilization();
    const began = performance.now();
    const times = await commitAll(log, sample, CALLERS, commits);
    const seconds = (performance.now() - began) / 1000;
    const { rounds, bytesWritten, fsyncMs } = log.stats();
    const mainThreadBusy = Number(performance.eventLoopUtilization(loop).utilization.toFixed(2));
    return {
      rate: (commits * sample.batch.length) / seconds,
      chunk: Math.round(bytesWritten / rounds),
      detail: { rounds, acknowledgedMs: quantiles(times), fsyncMs, mainThreadBusy },
    };
  });
  const raw = rawSyncs(chunk, Math.ceil(totalBytes / chunk));
  const of = (Math.ceil(totalBytes / chunk) * chunk) / raw.seconds / 1e6;
  const against = 'raw writes with fdatasync, same bytes each';
  report('log-append', { value: rate / 1e6, unit: 'MB/s', against, of, detail: { ...detail, bytesPerRound: chunk } });
}

async function benchLatency(): Promise<void> {
  const { times, chunk } = await withLog(async (log) => {
    await commitAll(log, small, 1, 200);
    const before = log.stats();
    const measured = await commitAll(log, small, 1, SMALL_COMMITS);
    const after = log.stats();
    return { times: measured, chunk: Math.round((after.bytesWritten - before.bytesWritten) / SMALL_COMMITS) };
  });
  const log = quantiles(times);
  const raw = quantiles(rawSyncs(chunk, SMALL_COMMITS).times);
  const detail = { p99: log.p99, rawP99: raw.p99, ratioP99: Number((log.p99 / raw.p99).toFixed(2)), max: log.max };
  const against = 'p50 of a raw write with fdatasync';
  report('log-commit-latency', {
    value: log.p50,
    unit: 'ms p50',
    against,
    of: raw.p50,
    detail: { ...detail, bytes: chunk },
  });
}

async function benchSmall(): Promise<void> {
  const result = await withLog(async (log) => {
    const began = performance.now();
    const times = await commitAll(log, small, SMALL_CALLERS, SMALL_MANY_COMMITS);
    return { seconds: (performance.now() - began) / 1000, times, rounds: log.stats().rounds };
  });
  const raw = rawSyncs(small.batch.length, SMALL_COMMITS);
  const detail = { commitsPerRound: Math.round(SMALL_MANY_COMMITS / result.rounds), ms: quantiles(result.times) };
  const value = SMALL_MANY_COMMITS / result.seconds;
  const against = 'raw writes with one fdatasync each';
  report('log-commit-small', { value, unit: 'commits/s', against, of: SMALL_COMMITS / raw.seconds, detail });
}

/** A large ledger makes each checkpoint long; commits go on beside it. */
async function benchCheckpoint(): Promise<void> {
  const { times, quiet } = await withLog(
    async (log) => {
      for (let i = 0; i < 20; i++) {
        const puts = Array.from({ length: 1000 }, (_, k) => ({ space: 's', key: `${i}/${k}`, value }));
        await log.commit({ appends: [], puts });
      }
      const before = await commitAll(log, small, 4, 2000);
      return { quiet: quantiles(before), times: await commitAll(log, small, 4, CHECKPOINT_COMMITS) };
    },
    { commitLogBytesMax: 4 * 1024 * 1024 },
  );
  const { p50, p99, max } = quantiles(times);
  const against = 'p99 of the same commits';
  report('log-checkpoint-pause', { value: max, unit: 'ms max', against, of: p99, detail: { p50, p99, before: quiet } });
}

try {
  await benchAppend();
  await benchSmall();
  await benchLatency();
  await benchCheckpoint();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
