import { beforeEach, expect, test } from 'vitest';
import { offset, timestampMs } from '../base/brand.ts';
import { textOf, utf8 } from '../base/bytes.ts';
import { ManualClock } from '../base/clock.ts';
import { LOG_LIMITS } from './limits.ts';
import type { Append, Log, ProducerStamp, TopicConfig } from './log.ts';
import { openLog } from './open.ts';
import { ReadBuffer } from './read-buffer.ts';
import { decodeRecordBatches, encodeRecordBatch } from './record-batch.ts';
import { VirtualDisk } from './virtual-disk.ts';

let disk: VirtualDisk;
let clock: ManualClock;
let log: Log;

const open = (): Promise<Log> => openLog({ dataDir: '/data', clock, disk, limits: { commitLogBytesMax: 3000 } });

beforeEach(async () => {
  disk = new VirtualDisk({ random: () => 0.5 });
  clock = new ManualClock(1_000_000);
  log = await open();
});

const TOPIC: TopicConfig = {
  name: 't',
  partitions: 1,
  kind: 'append',
  retentionMs: undefined,
  retentionBytes: undefined,
  segmentBytesMax: 1024,
  keyPath: undefined,
  properties: {},
};

function appendOf(value: string, stamp?: ProducerStamp, timestamp = clock.now()): Append {
  const record = { key: null, value: utf8(value), timestamp };
  return { topic: 't', partition: 0, ...encodeRecordBatch([record], stamp) };
}

async function commit(value: string, stamp?: ProducerStamp): Promise<number> {
  return (await log.commit({ appends: [appendOf(value, stamp)], puts: [] })).baseOffsets[0]!;
}

const stampOf = (baseSequence: number, epoch = 0): ProducerStamp => ({ id: 7n, epoch, baseSequence });

test('a repeated batch of an idempotent producer gets its first offset, and is stored once', async () => {
  await log.createTopic(TOPIC);
  expect(await commit('a', stampOf(0))).toBe(0);
  expect(await commit('b', stampOf(1))).toBe(1);
  expect(await commit('a', stampOf(0))).toBe(0);
  expect(log.bounds('t', 0).highWatermark).toBe(2);
});

test('a repetition in the same round waits for the same fsync and gets the same offset', async () => {
  await log.createTopic(TOPIC);
  expect(await Promise.all([commit('a', stampOf(0)), commit('a', stampOf(0)), commit('b', stampOf(1))])).toEqual([
    0, 0, 1,
  ]);
});

test('a gap in the sequence and an old epoch are refused; nothing else of the request happens', async () => {
  await log.createTopic(TOPIC);
  await commit('a', stampOf(0, 1));
  await expect(commit('c', stampOf(2, 1))).rejects.toMatchObject({ code: 'LOG_OUT_OF_SEQUENCE' });
  const request = {
    appends: [appendOf('free'), appendOf('z', stampOf(1, 0))],
    puts: [{ space: 's', key: 'k', value: utf8('v') }],
  };
  await expect(log.commit(request)).rejects.toMatchObject({ code: 'LOG_PRODUCER_FENCED' });
  expect(log.bounds('t', 0).highWatermark).toBe(1);
  expect(log.ledgerGet('s', 'k')).toBeUndefined();
  expect(await commit('x', stampOf(0, 2))).toBe(1);
});

test('the log remembers producers over restarts and checkpoints', async () => {
  await log.createTopic(TOPIC);
  for (let i = 0; i < 60; i++) await commit(`${i}`, stampOf(i));
  await log.close();
  log = await open();
  expect(await commit('59', stampOf(59))).toBe(59);
  await expect(commit('62', stampOf(62))).rejects.toMatchObject({ code: 'LOG_OUT_OF_SEQUENCE' });
  expect(await commit('60', stampOf(60))).toBe(60);
});

test('the last five batches are recognised, an older one is out of sequence', async () => {
  await log.createTopic(TOPIC);
  for (let i = 0; i < 8; i++) await commit(`${i}`, stampOf(i));
  for (let i = 3; i < 8; i++) expect(await commit(`${i}`, stampOf(i))).toBe(i);
  await expect(commit('2', stampOf(2))).rejects.toMatchObject({ code: 'LOG_OUT_OF_SEQUENCE' });
  expect(log.bounds('t', 0).highWatermark).toBe(8);
});

test('a new epoch begins at sequence 0 and fences the old one, over restarts too', async () => {
  await log.createTopic(TOPIC);
  await commit('a', stampOf(0, 3));
  await expect(commit('b', stampOf(5, 4))).rejects.toMatchObject({ code: 'LOG_OUT_OF_SEQUENCE' });
  expect(await commit('b', stampOf(0, 4))).toBe(1);
  await log.close();
  log = await open();
  await expect(commit('c', stampOf(1, 3))).rejects.toMatchObject({
    code: 'LOG_PRODUCER_FENCED',
    message: expect.stringContaining('producer 7 has epoch 4 now, not 3'),
  });
});

test.each(['running', 'restarted'])(
  'a producer that was silent for longer than the limit is forgotten: %s',
  async (mode) => {
    await log.createTopic(TOPIC);
    await commit('a', stampOf(0, 2));
    clock.advance(LOG_LIMITS.producerExpiryMs);
    await expect(commit('x', stampOf(9, 2))).rejects.toMatchObject({ code: 'LOG_OUT_OF_SEQUENCE' });
    clock.advance(1);
    if (mode === 'restarted') {
      await log.close();
      log = await open();
    } else {
      await log.applyRetention();
    }
    expect(await commit('b', stampOf(9, 1))).toBe(1);
  },
);

test('retention that runs while rows are appended takes nothing that is newer', async () => {
  await log.createTopic({ ...TOPIC, retentionMs: 1000, segmentBytesMax: 100_000 });
  await commit('old');
  clock.advance(5000);
  const appended = commit('new');
  await log.applyRetention();
  await appended;
  expect(log.bounds('t', 0)).toMatchObject({ logStart: 1, highWatermark: 2 });
  const reader = log.reader('t', 0, offset(1));
  expect(reader.readInto(new Uint8Array(4096))).toBeGreaterThan(0);
  await log.close();
  log = await open();
  expect(log.reader('t', 0, offset(1)).readInto(new Uint8Array(4096))).toBeGreaterThan(0);
  expect(log.offsetAtTime('t', 0, timestampMs(0))).toBe(1);
});

test('a reader that retention overtakes is told the first offset that is left', async () => {
  await log.createTopic({ ...TOPIC, retentionBytes: 2048 });
  for (let i = 0; i < 40; i++) await commit('x'.repeat(200));
  const reader = log.reader('t', 0, offset(0));
  const target = new Uint8Array(600);
  expect(reader.readInto(target)).toBeGreaterThan(0);
  await log.applyRetention();
  const { logStart } = log.bounds('t', 0);
  expect(() => reader.readInto(target)).toThrow(
    expect.objectContaining({
      code: 'LOG_OFFSET_OUT_OF_RANGE',
      message: expect.stringContaining(`the first offset left is ${logStart}`),
    }),
  );
  reader.seek(logStart);
  expect(reader.readInto(target)).toBeGreaterThan(0);
});

test('retention by size drops the oldest segments, stops at a pin, and survives a restart', async () => {
  await log.createTopic({ ...TOPIC, retentionBytes: 2048 });
  for (let i = 0; i < 40; i++) await commit('x'.repeat(200));
  log.pin('reader', 't', 0, offset(5));
  await log.applyRetention();
  expect(log.bounds('t', 0).logStart).toBeLessThanOrEqual(5);
  log.pin('reader', 't', 0, undefined);
  const { deletedBytes } = await log.applyRetention();
  expect(deletedBytes).toBeGreaterThan(0);
  const { logStart, bytes } = log.bounds('t', 0);
  expect(logStart).toBeGreaterThan(5);
  expect(bytes).toBeGreaterThanOrEqual(2048);
  expect(() => log.reader('t', 0, offset(0)).readInto(new Uint8Array(4096))).toThrow(/retention has deleted it/);
  expect(log.reader('t', 0, logStart).readInto(new Uint8Array(4096))).toBeGreaterThan(0);
  await log.close();
  log = await open();
  expect(log.bounds('t', 0)).toMatchObject({ logStart, bytes });
});

test('retention by time drops what is wholly older, the active segment too; offsets go on', async () => {
  await log.createTopic({ ...TOPIC, retentionMs: 1000 });
  for (let i = 0; i < 10; i++) await commit('x'.repeat(200));
  clock.advance(5000);
  await log.applyRetention();
  expect(log.bounds('t', 0)).toMatchObject({ logStart: 10, highWatermark: 10, bytes: 0 });
  expect(await commit('new')).toBe(10);
  const target = new Uint8Array(4096);
  const read = log.reader('t', 0, offset(10)).readInto(target);
  const [batch] = decodeRecordBatches(target.subarray(0, read));
  expect(textOf([...batch!.entries()][0]!.value!)).toBe('new');
});

test('properties of a topic are durable', async () => {
  await log.createTopic(TOPIC);
  await log.setTopicProperties('t', { schema: '{}' });
  await log.close();
  log = await open();
  expect(log.topic('t')).toEqual({ ...TOPIC, properties: { schema: '{}' } });
});

test('damage in an acknowledged segment is told with its place; reads before and after it go on', async () => {
  await log.createTopic(TOPIC);
  for (let i = 0; i < 12; i++) await commit('x'.repeat(200));
  const [path] = disk.paths().filter((p) => p.endsWith('.log') && p.includes('topics'));
  disk.content(path!)[300 + 16]! = 9;
  disk.content(path!).fill(9, 290, 330);
  const reader = log.reader('t', 0, offset(0));
  const target = new Uint8Array(65536);
  expect(reader.readInto(target)).toBeGreaterThan(0);
  expect(() => reader.readInto(target)).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT' }));
  reader.seek(offset(8));
  expect(reader.readInto(target)).toBeGreaterThan(0);
});

test('a buffer too small for one batch is told the size that it needs', async () => {
  await log.createTopic(TOPIC);
  await commit('x'.repeat(200));
  const reader = log.reader('t', 0, offset(0));
  expect(() => reader.readInto(new Uint8Array(100))).toThrow(expect.objectContaining({ code: 'LOG_BATCH_TOO_LARGE' }));
});

test('a buffer that grows reads a batch of any size that the log takes', async () => {
  await log.createTopic(TOPIC);
  await commit('x'.repeat(2000));
  await commit('y');
  const buffer = new ReadBuffer(16);
  const reader = log.reader('t', 0, offset(0));
  expect(buffer.read(reader).length).toBeGreaterThan(2000);
  while (buffer.read(reader).length > 0);
  expect(reader.position).toBe(log.bounds('t', 0).highWatermark);
});

test('wrong names, batches and ledger spaces are refused', async () => {
  await expect(log.createTopic({ ...TOPIC, name: '../x' })).rejects.toMatchObject({ code: 'LOG_TOPIC_NAME_INVALID' });
  await log.createTopic(TOPIC);
  await expect(log.createTopic(TOPIC)).rejects.toMatchObject({ code: 'LOG_TOPIC_EXISTS' });
  const short = { ...appendOf('x'), batch: new Uint8Array(10) };
  await expect(log.commit({ appends: [short], puts: [] })).rejects.toMatchObject({ code: 'LOG_BATCH_INVALID' });
  const put = { space: 'log.topics', key: 't', value: undefined };
  await expect(log.commit({ appends: [], puts: [put] })).rejects.toMatchObject({ code: 'LOG_SPACE_RESERVED' });
  await expect(log.commit({ appends: [{ ...appendOf('x'), topic: 'no' }], puts: [] })).rejects.toMatchObject({
    code: 'LOG_UNKNOWN_TOPIC',
  });
});
