import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { workerEntry } from '../base/worker-entry.ts';
import { openLog } from './open.ts';
import { encodeRecordBatch } from './record-batch.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'headrace-log-'));
});

afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const READER = `
const { parentPort, workerData } = require('node:worker_threads');
import(workerData.module).then(({ openPartitionReader }) => {
  const reader = openPartitionReader(workerData.view, 't', 0, 0, { verifyChecksums: true });
  const word = new Int32Array(workerData.view.vector, 0, 1);
  const target = new Uint8Array(65536);
  let bytes = 0;
  while (reader.position < workerData.records) {
    const seen = Atomics.load(word, 0);
    const read = reader.readInto(target);
    bytes += read;
    if (read === 0) Atomics.wait(word, 0, seen);
  }
  parentPort.postMessage({ position: reader.position, bytes });
});`;

test('a reader in another thread follows the tail over segments, woken by each round', async () => {
  const log = await openLog({ dataDir, clock: systemClock });
  const RECORDS = 300;
  await log.createTopic({
    name: 't',
    partitions: 1,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: 4096,
    keyPath: undefined,
    properties: {},
  });
  const module = workerEntry(import.meta.url, './partition-reader').href;
  const worker = new Worker(READER, { eval: true, workerData: { module, view: log.view(), records: RECORDS } });
  const answer = once(worker, 'message');
  const encoded = encodeRecordBatch([{ key: null, value: utf8('x'.repeat(300)), timestamp: 1 }]);
  for (let i = 0; i < RECORDS; i++) {
    await log.commit({ appends: [{ topic: 't', partition: 0, ...encoded, batch: encoded.batch.slice() }], puts: [] });
  }
  expect(await answer).toEqual([{ position: RECORDS, bytes: RECORDS * encoded.batch.length }]);
  await worker.terminate();
  await log.close();
});

test('a data directory whose owner was killed can be opened at once; a living owner is respected', async () => {
  const open = workerEntry(import.meta.url, './open').href;
  const clock = workerEntry(import.meta.url, '../base/clock').href;
  const script = `
    const { openLog } = await import(${JSON.stringify(open)});
    const { systemClock } = await import(${JSON.stringify(clock)});
    await openLog({ dataDir: ${JSON.stringify(dataDir)}, clock: systemClock });
    console.log('open');
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(owner.stdout, 'data');
  await expect(openLog({ dataDir, clock: systemClock })).rejects.toMatchObject({ code: 'LOG_LOCKED' });
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  const log = await openLog({ dataDir, clock: systemClock });
  await log.close();
});
