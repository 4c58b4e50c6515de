import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { openLog } from './open.ts';
import { encodeRecordBatch } from './record-batch.ts';

/**
 * Appends of 1,000-event batches (268 KB) by many concurrent callers, each durable when acknowledged, against raw
 * sequential writes with one fdatasync for as many bytes as a round takes. Arguments: directory, megabytes.
 */
const BATCH_RECORDS = 1000;
const RECORD_BYTES = 262;
const CALLERS = 32;

const directory = mkdtempSync(join(resolve(process.argv[2] ?? '.'), '.log-bench-'));
const totalBytes = Number(process.argv[3] ?? 1024) * 1024 * 1024;

const value = new Uint8Array(RECORD_BYTES).fill(120);
const sample = encodeRecordBatch(Array.from({ length: BATCH_RECORDS }, () => ({ key: null, value, timestamp: 1 })));

function rawBytesPerSecond(chunkBytes: number): number {
  const path = join(directory, 'raw');
  const file = openSync(path, 'w');
  const chunk = new Uint8Array(chunkBytes).fill(120);
  const began = performance.now();
  let at = 0;
  while (at < totalBytes) {
    writeSync(file, chunk, 0, chunk.length, at);
    fdatasyncSync(file);
    at += chunk.length;
  }
  const seconds = (performance.now() - began) / 1000;
  closeSync(file);
  rmSync(path);
  return at / seconds;
}

async function logBytesPerSecond(): Promise<{
  rate: number;
  detail: { bytesPerRound: number } & Record<string, number>;
}> {
  const log = await openLog({ dataDir: join(directory, 'data'), clock: systemClock });
  const topic = { name: 't', partitions: 1, kind: 'append', segmentBytesMax: 256 * 1024 * 1024 } as const;
  await log.createTopic({
    ...topic,
    retentionMs: undefined,
    retentionBytes: undefined,
    keyPath: undefined,
    properties: {},
  });
  const latencies: number[] = [];
  let left = Math.ceil(totalBytes / sample.batch.length);
  const cpu = performance.eventLoopUtilization();
  const began = performance.now();
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const sent = performance.now();
      await log.commit({ appends: [{ topic: 't', partition: 0, ...sample, batch: sample.batch.slice() }], puts: [] });
      latencies.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const seconds = (performance.now() - began) / 1000;
  const loop = performance.eventLoopUtilization(cpu).utilization;
  const stats = log.stats();
  latencies.sort((a, b) => a - b);
  const at = (q: number): number => latencies[Math.floor(q * (latencies.length - 1))] ?? 0;
  await log.close();
  const detail = {
    rounds: stats.rounds,
    bytesPerRound: Math.round(stats.bytesWritten / stats.rounds),
    fsyncMsP50: stats.fsyncMs.p50,
    fsyncMsP99: stats.fsyncMs.p99,
    ackMsP50: at(0.5),
    ackMsP99: at(0.99),
    mainThreadBusy: loop,
  };
  return { rate: (latencies.length * sample.batch.length) / seconds, detail };
}

try {
  const { rate, detail } = await logBytesPerSecond();
  const raw = rawBytesPerSecond(detail.bytesPerRound);
  console.log(
    JSON.stringify({
      bench: 'log-append',
      value: Math.round(rate / 1e6),
      unit: 'MB/s',
      against: { what: 'raw writes with fdatasync, same size', value: Math.round(raw / 1e6) },
      ratio: Number((rate / raw).toFixed(2)),
      detail,
    }),
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
