import { beforeEach, expect, test } from 'vitest';
import { offset } from '../base/brand.ts';
import { utf8 } from '../base/bytes.ts';
import { ManualClock } from '../base/clock.ts';
import type { PlainOperation } from './disk.ts';
import type { Log, TopicConfig } from './log.ts';
import { openLog } from './open.ts';
import { encodeRecordBatch } from './record-batch.ts';
import { type DiskFault, VirtualDisk } from './virtual-disk.ts';

/** What each operation of the log does when the disk is full, or fails. */

const TOPIC: TopicConfig = {
  name: 't',
  partitions: 1,
  kind: 'append',
  retentionMs: undefined,
  retentionBytes: 4096,
  segmentBytesMax: 2048,
  keyPath: undefined,
  properties: {},
};

let disk: VirtualDisk;
let clock: ManualClock;
let log: Log;
let warnings: string[];
let fault: ((operation: PlainOperation) => DiskFault | undefined) | undefined;

const open = (): Promise<Log> =>
  openLog({ dataDir: '/d', clock, disk: disk.session(), onWarning: (warning) => warnings.push(warning) });

beforeEach(async () => {
  fault = undefined;
  warnings = [];
  disk = new VirtualDisk({ random: () => 0.4, fault: (operation) => fault?.(operation) });
  clock = new ManualClock(1_000_000);
  log = await open();
  await log.createTopic(TOPIC);
});

async function append(bytes = 900): Promise<void> {
  const batch = encodeRecordBatch([{ key: null, value: new Uint8Array(bytes), timestamp: clock.now() }]);
  await log.commit({ appends: [{ topic: 't', partition: 0, ...batch }], puts: [] });
}

const isReadable = (): boolean => log.reader('t', 0, offset(0)).readInto(new Uint8Array(65_536)) > 0;
const put = (key: string): Promise<unknown> =>
  log.commit({ appends: [], puts: [{ space: 's', key, value: utf8('v') }] });

/** The next operation of this kind on a path that holds `part` fails so. */
function failNext(kind: PlainOperation['kind'], part: string, how: DiskFault): void {
  fault = (operation) => {
    if (operation.kind !== kind || operation.kind === 'rename' || !operation.path.includes(part)) return undefined;
    fault = undefined;
    return how;
  };
}

test('creating a topic on a full disk says so, changes nothing, and works when space returns', async () => {
  failNext('make-directory', 'topics/u', 'ENOSPC');
  await expect(log.createTopic({ ...TOPIC, name: 'u' })).rejects.toMatchObject({
    code: 'LOG_DISK_FULL',
    retryable: true,
    message: expect.stringMatching(/^creating topic "u": .*; free space/),
  });
  expect(log.topic('u')).toBeUndefined();
  await append();
  await log.createTopic({ ...TOPIC, name: 'u' });
  expect(log.topic('u')).toBeDefined();
});

test('creating a topic whose directory cannot be synced ends writing; reads go on; a restart recovers', async () => {
  await append();
  failNext('sync-directory', 'topics/u', 'EIO');
  await expect(log.createTopic({ ...TOPIC, name: 'u' })).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' });
  await expect(append()).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' });
  await expect(log.createTopic({ ...TOPIC, name: 'u' })).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' });
  expect(isReadable()).toBe(true);
  disk.restart();
  log = await open();
  expect(log.topic('u')).toBeUndefined();
  await log.createTopic({ ...TOPIC, name: 'u' });
});

test('a topic whose files cannot be removed is deleted all the same; the next start removes them', async () => {
  await append();
  failNext('remove', 'topics/t', 'EIO');
  await log.deleteTopic('t');
  expect(log.topic('t')).toBeUndefined();
  expect(warnings.join()).toContain('removing the files of the deleted topic "t"');
  await append().catch((error) => expect(error.code).toBe('LOG_UNKNOWN_TOPIC'));
  disk.restart();
  log = await open();
  expect(disk.paths().filter((path) => path.includes('topics/t'))).toEqual([]);
  await log.createTopic(TOPIC);
});

test('retention and deletes work on a full disk, and make room for writes', async () => {
  for (let i = 0; i < 20; i++) await append();
  disk.capacity = disk.usedBytes();
  // The commit log has room in advance; when it is used up, writes are refused and the reserve is left.
  let refusal: unknown;
  for (let i = 0; refusal === undefined; i++) {
    refusal = await put(`k${i}${'x'.repeat(4000)}`).then(
      () => undefined,
      (error: unknown) => error,
    );
  }
  expect(refusal).toMatchObject({ code: 'LOG_DISK_FULL', retryable: true });
  expect(log.stats().diskFull).toBe(true);
  expect(isReadable()).toBe(true);
  const { deletedBytes } = await log.applyRetention();
  expect(deletedBytes).toBeGreaterThan(4096);
  clock.advance(5_000);
  await append();
  expect(log.stats().diskFull).toBe(false);
  disk.capacity = disk.usedBytes();
  await log.deleteTopic('t');
  await log.createTopic(TOPIC);
});

test('a small write that finds room does not make the disk count as having space, until nothing was refused for a while', async () => {
  disk.capacity = disk.usedBytes() + 4_000;
  await expect(append(100_000)).rejects.toMatchObject({ code: 'LOG_DISK_FULL' });
  await put('small');
  expect(log.stats().diskFull).toBe(true);
  clock.advance(5_000);
  await put('small');
  expect(log.stats().diskFull).toBe(false);
});

test('a refused round does not come to life after a crash', async () => {
  await append(200);
  disk.capacity = disk.usedBytes() + 100;
  await expect(append(200)).rejects.toMatchObject({ code: 'LOG_DISK_FULL' });
  disk.powerLoss();
  disk.capacity = Number.POSITIVE_INFINITY;
  log = await open();
  expect(log.bounds('t', 0).highWatermark).toBe(1);
});

test('a failed fsync is never retried as if it had worked: what it covered is not acknowledged and not exposed', async () => {
  await append(200);
  failNext('sync', 'commit', 'EIO');
  await expect(append(200)).rejects.toMatchObject({
    code: 'LOG_WRITE_FAILED',
    retryable: false,
    message: expect.stringMatching(/^writing the log in \/d: .*; nothing more is written; check the disk/),
  });
  expect(log.bounds('t', 0).highWatermark).toBe(1);
  await expect(append(200)).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' });
  expect(isReadable()).toBe(true);
});

test('opening on a full disk says what to do, and loses nothing', async () => {
  for (let i = 0; i < 3; i++) await append(200);
  disk.powerLoss();
  fault = (operation) => (operation.kind === 'write' ? 'ENOSPC' : undefined);
  await expect(open()).rejects.toMatchObject({
    code: 'LOG_DISK_FULL',
    message: expect.stringMatching(/^opening the data directory \/d: .*free space, then start again/),
  });
  fault = undefined;
  disk.restart();
  log = await open();
  expect(log.bounds('t', 0).highWatermark).toBe(3);
});

test('opening on a disk that fails is told with the action and the cause', async () => {
  await append(200);
  disk.powerLoss();
  fault = (operation) => (operation.kind === 'sync' ? 'EIO' : undefined);
  await expect(open()).rejects.toMatchObject({
    code: 'LOG_OPEN_FAILED',
    message: expect.stringMatching(/^opening the data directory \/d: .*EIO; check the path and the disk/),
  });
});
