import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { offset, timestampMs } from '../base/brand.ts';
import { utf8 } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import type { Append, Log, TopicConfig } from './log.ts';
import { openLog } from './open.ts';
import { decodeRecordBatches, encodeRecordBatch } from './record-batch.ts';

let dataDir: string;
let log: Log;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'headrace-log-'));
  log = await openLog({ dataDir, clock: systemClock });
});

afterEach(async () => {
  await log.close();
  rmSync(dataDir, { recursive: true });
});

const topicOf = (name: string, partitions = 1): TopicConfig => ({
  name,
  partitions,
  kind: 'append',
  retentionMs: undefined,
  retentionBytes: undefined,
  segmentBytesMax: 1024 * 1024,
  keyPath: undefined,
  properties: {},
});

function appendOf(topic: string, partition: number, values: readonly string[], timestamp = 1): Append {
  const records = values.map((value) => ({ key: null, value: utf8(value), timestamp }));
  return { topic, partition, ...encodeRecordBatch(records) };
}

function valuesOf(of: Log, topic: string, partition: number): string[] {
  const reader = of.reader(topic, partition, offset(0));
  const target = new Uint8Array(1024 * 1024);
  const values: string[] = [];
  for (;;) {
    const bytes = reader.readInto(target);
    if (bytes === 0) break;
    for (const batch of decodeRecordBatches(target.subarray(0, bytes))) {
      for (const record of batch.entries()) values.push(Buffer.from(record.value!).toString());
    }
  }
  reader.close();
  return values;
}

async function reopen(): Promise<void> {
  await log.close();
  log = await openLog({ dataDir, clock: systemClock });
}

test('a commit is readable when it resolves, and after a restart', async () => {
  await log.createTopic(topicOf('t', 2));
  const big = 'x'.repeat(200_000);
  const first = await log.commit({ appends: [appendOf('t', 0, ['a', 'b']), appendOf('t', 1, [big])], puts: [] });
  const second = await log.commit({
    appends: [appendOf('t', 0, ['c'])],
    puts: [{ space: 's', key: 'k', value: utf8('v') }],
  });
  expect(first.baseOffsets).toEqual([0, 0]);
  expect(second.baseOffsets).toEqual([2]);
  expect(valuesOf(log, 't', 0)).toEqual(['a', 'b', 'c']);
  await reopen();
  expect(valuesOf(log, 't', 0)).toEqual(['a', 'b', 'c']);
  expect(valuesOf(log, 't', 1)).toEqual([big]);
  expect(log.ledgerGet('s', 'k')).toEqual(utf8('v'));
});

test('concurrent commits share rounds and keep their order', async () => {
  await log.createTopic(topicOf('t'));
  const before = log.stats().rounds;
  const values = Array.from({ length: 500 }, (_, i) => String(i));
  const results = await Promise.all(values.map((v) => log.commit({ appends: [appendOf('t', 0, [v])], puts: [] })));
  expect(results.map((r) => r.baseOffsets[0])).toEqual(values.map(Number));
  expect(valuesOf(log, 't', 0)).toEqual(values);
  expect(log.stats().rounds - before).toBeLessThan(10);
});

test('a second owner is refused', async () => {
  await expect(openLog({ dataDir, clock: systemClock })).rejects.toMatchObject({ code: 'LOG_LOCKED' });
});

test('a lock file that a power cut left empty does not keep its directory closed', async () => {
  await log.close();
  writeFileSync(join(dataDir, 'LOCK'), '');
  log = await openLog({ dataDir, clock: systemClock });
  await expect(openLog({ dataDir, clock: systemClock })).rejects.toMatchObject({ code: 'LOG_LOCKED' });
});

test('a deleted topic is gone, and its name can be used again', async () => {
  await log.createTopic(topicOf('t'));
  await log.commit({ appends: [appendOf('t', 0, ['old'])], puts: [] });
  await log.deleteTopic('t');
  expect(log.topic('t')).toBeUndefined();
  await log.createTopic(topicOf('t'));
  await log.commit({ appends: [appendOf('t', 0, ['new'])], puts: [] });
  await reopen();
  expect(valuesOf(log, 't', 0)).toEqual(['new']);
});

test('a time leads to the first record at or after it', async () => {
  await log.createTopic({ ...topicOf('t'), segmentBytesMax: 4096 });
  for (let i = 0; i < 100; i++) {
    await log.commit({ appends: [appendOf('t', 0, ['x'.repeat(100), 'y'], i * 10)], puts: [] });
  }
  expect(log.offsetAtTime('t', 0, timestampMs(500))).toBe(100);
  expect(log.offsetAtTime('t', 0, timestampMs(501))).toBe(102);
  expect(log.offsetAtTime('t', 0, timestampMs(5000))).toBe(200);
  expect(valuesOf(log, 't', 0)).toHaveLength(200);
});

test('checkpoints and indexes are made behind the commits, and a restart goes on from them', async () => {
  await log.close();
  const limits = { commitLogBytesMax: 50_000, commitSpaceBytes: 4096, indexIntervalBytes: 2048 };
  const open = (): Promise<Log> => openLog({ dataDir, clock: systemClock, limits });
  const commitFiles = (): string[] => readdirSync(join(dataDir, 'commit')).sort();
  log = await open();
  await log.createTopic({ ...topicOf('t', 2), segmentBytesMax: 50_000 });
  for (let i = 0; i < 400; i++) {
    const size = i % 10 === 0 ? 70_000 : 300;
    const appends = [appendOf('t', 0, ['x'.repeat(300)], i), appendOf('t', 1, ['y'.repeat(size)], i)];
    await log.commit({ appends, puts: [{ space: 's', key: String(i % 7), value: utf8(String(i)) }] });
  }
  expect(commitFiles().at(-1)).not.toBe('0000000000.log');
  const indexes = (): string[] =>
    readdirSync(join(dataDir, 'topics/t/0')).flatMap((name) => {
      const path = join(dataDir, 'topics/t/0', name);
      return name.endsWith('.index') ? [`${name} ${readFileSync(path).toString('hex')}`] : [];
    });
  const before = indexes();
  await log.close();
  for (const line of before) rmSync(join(dataDir, 'topics/t/0', line.split(' ')[0]!));
  log = await open();
  expect(valuesOf(log, 't', 0)).toHaveLength(400);
  expect(valuesOf(log, 't', 1)).toHaveLength(400);
  expect(log.ledgerGet('s', '3')).toEqual(utf8('395'));
  expect(log.offsetAtTime('t', 0, timestampMs(123))).toBe(123);
  await log.close();
  expect(indexes()).toEqual(before);
  expect(commitFiles().length).toBeLessThanOrEqual(4);
  log = await open();
});

test('a data directory that cannot be written is told with the path and what to do', async () => {
  const path = join(dataDir, 'a-file');
  writeFileSync(path, '');
  await expect(openLog({ dataDir: join(path, 'data'), clock: systemClock })).rejects.toMatchObject({
    code: 'LOG_OPEN_FAILED',
    message: expect.stringContaining('opening the data directory'),
  });
});
