import { expect, test } from 'vitest';
import { offset } from '../base/brand.ts';
import { textOf, utf8 } from '../base/bytes.ts';
import { ManualClock } from '../base/clock.ts';
import type { LogLimits } from './limits.ts';
import type { Append, CommitRequest, Log, TopicConfig } from './log.ts';
import { openLog } from './open.ts';
import { decodeRecordBatches, encodeRecordBatch } from './record-batch.ts';
import { type DiskFault, VirtualDisk } from './virtual-disk.ts';

const DIR = '/data';
/** Small, so that a short run rolls segments, goes both ways (inline or not) and replaces its commit log. */
const LIMITS: Partial<LogLimits> = {
  inlineBytesMax: 400,
  extendBytes: 2048,
  commitLogBytesMax: 6000,
  commitSpaceBytes: 1024,
  commitReserveBytes: 256,
  indexIntervalBytes: 256,
  partitionsMax: 64,
};

/** mulberry32: small, seeded, good enough for choosing. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const topicOf = (name: string, partitions: number): TopicConfig => ({
  name,
  partitions,
  kind: 'append',
  retentionMs: undefined,
  retentionBytes: undefined,
  segmentBytesMax: 3000,
  keyPath: undefined,
  properties: {},
});

function appendOf(topic: string, partition: number, value: string): Append {
  return { topic, partition, ...encodeRecordBatch([{ key: null, value: utf8(value), timestamp: 1 }]) };
}

const PARTITIONS = [
  ['a', 0],
  ['a', 1],
  ['b', 0],
] as const;

/** Commit `k` of the run: one record in each partition, some of them large, and a ledger entry. */
function commitOf(k: number): CommitRequest {
  return {
    appends: PARTITIONS.map(([topic, partition], i) =>
      appendOf(topic, partition, `${k}:${'x'.repeat((k + i) % 3 === 0 ? 900 : 20)}`),
    ),
    puts: [
      { space: 's', key: 'last', value: utf8(String(k)) },
      { space: 's', key: `odd-${k}`, value: utf8('1') },
      { space: 's', key: `odd-${k - 2}`, value: undefined },
    ],
  };
}

const open = (disk: VirtualDisk, warnings: string[] = []): Promise<Log> =>
  openLog({
    dataDir: DIR,
    clock: new ManualClock(),
    disk: disk.session(),
    limits: LIMITS,
    random: () => 12345,
    onWarning: (w) => warnings.push(w),
  });

/** Numbers of the commits whose records a partition holds; checks that offsets are contiguous. */
function commitsIn(log: Log, topic: string, partition: number): number[] {
  if (log.topic(topic) === undefined) return [];
  const reader = log.reader(topic, partition, offset(0));
  const target = new Uint8Array(8192);
  const commits: number[] = [];
  for (;;) {
    const bytes = reader.readInto(target);
    if (bytes === 0) break;
    for (const batch of decodeRecordBatches(target.subarray(0, bytes))) {
      for (const record of batch.entries()) {
        expect(record.offset).toBe(commits.length);
        commits.push(Number(textOf(record.value!).split(':')[0]));
      }
    }
  }
  expect(log.bounds(topic, partition).highWatermark).toBe(commits.length);
  return commits;
}

/** What is there must be the first so many commits, the same in every partition and in the ledger; returns how many. */
function wholeCommits(log: Log): number {
  const [first, ...others] = PARTITIONS.map(([topic, partition]) => commitsIn(log, topic, partition));
  for (const other of others) expect(other).toEqual(first);
  const count = first!.length;
  expect(first).toEqual(Array.from({ length: count }, (_, k) => k));
  const last = log.ledgerGet('s', 'last');
  expect(last === undefined ? -1 : Number(textOf(last))).toBe(count - 1);
  const odd = [...log.ledgerEntries('s').keys()].filter((key) => key.startsWith('odd-'));
  expect(odd.sort()).toEqual(
    [count - 2, count - 1]
      .filter((k) => k >= 0)
      .map((k) => `odd-${k}`)
      .sort(),
  );
  return count;
}

/** Runs commits `from` to `to`, up to the first that fails; returns how many were acknowledged in all. */
async function runCommits(log: Log, from: number, to: number): Promise<number> {
  for (let k = from; k < to; k++) {
    try {
      await log.commit(commitOf(k));
    } catch {
      return k;
    }
  }
  return to;
}

async function runFresh(disk: VirtualDisk, commits: number): Promise<{ acknowledged: number; log: Log | undefined }> {
  let log: Log | undefined;
  try {
    log = await open(disk);
    await log.createTopic(topicOf('a', 2));
    await log.createTopic(topicOf('b', 1));
  } catch {
    return { acknowledged: 0, log };
  }
  return { acknowledged: await runCommits(log, 0, commits), log };
}

/** The machine lost its power: everything acknowledged is there, nothing in part, and the log goes on. */
async function verifyAfterPowerLoss(disk: VirtualDisk, acknowledged: number): Promise<void> {
  disk.powerLoss();
  const log = await open(disk);
  const found = wholeCommits(log);
  expect(found).toBeGreaterThanOrEqual(acknowledged);
  expect(found).toBeLessThanOrEqual(acknowledged + 1);
  if (log.topic('a') === undefined) await log.createTopic(topicOf('a', 2));
  if (log.topic('b') === undefined) await log.createTopic(topicOf('b', 1));
  expect(await runCommits(log, found, found + 2)).toBe(found + 2);
  disk.powerLoss();
  expect(wholeCommits(await open(disk))).toBe(found + 2);
}

test('a crash at any disk operation loses nothing acknowledged and leaves nothing in part', async () => {
  const COMMITS = 12;
  const counting = new VirtualDisk({ random: randomOf(0) });
  expect((await runFresh(counting, COMMITS)).acknowledged).toBe(COMMITS);
  expect(counting.operations).toBeGreaterThan(100);
  const SEEDS = 4;
  for (let at = 0; at <= counting.operations; at++) {
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = randomOf(at * SEEDS + seed);
      let armed = true;
      const fault = (_: unknown, number: number): DiskFault | undefined =>
        armed && number === at ? 'crash' : undefined;
      const disk = new VirtualDisk({ random, fault });
      const { acknowledged } = await runFresh(disk, COMMITS);
      armed = false;
      try {
        await verifyAfterPowerLoss(disk, acknowledged);
      } catch (error) {
        throw new Error(`crash at operation ${at}, seed ${seed}`, { cause: error });
      }
    }
  }
}, 120_000);

test('a second crash during recovery changes nothing', async () => {
  for (let seed = 0; seed < 150; seed++) {
    const random = randomOf(seed);
    let crashAt = 40 + Math.floor(random() * 100);
    const disk = new VirtualDisk({ random, fault: (_, number) => (number === crashAt ? 'crash' : undefined) });
    const { acknowledged } = await runFresh(disk, 12);
    for (let again = 0; again < 3; again++) {
      disk.powerLoss();
      crashAt = disk.operations + Math.floor(random() * 8);
      await open(disk).catch(() => undefined);
    }
    crashAt = -1;
    await verifyAfterPowerLoss(disk, acknowledged);
  }
}, 120_000);

test('a failed write or fsync ends writing, and a restart recovers what was acknowledged', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = randomOf(1000 + seed);
    const at = 20 + Math.floor(random() * 100);
    const disk = new VirtualDisk({ random, fault: (_, number) => (number === at ? 'EIO' : undefined) });
    const { acknowledged, log } = await runFresh(disk, 12);
    if (acknowledged === 12) continue;
    await expect(log!.commit(commitOf(acknowledged))).rejects.toMatchObject({
      code: 'LOG_WRITE_FAILED',
      retryable: false,
    });
    expect(wholeCommits(log!)).toBe(acknowledged);
    if (random() < 0.5) disk.restart();
    else disk.powerLoss();
    await verifyAfterPowerLoss(disk, acknowledged).catch((error) => {
      throw new Error(`EIO at operation ${at}, seed ${seed}`, { cause: error });
    });
  }
}, 120_000);

test('a full disk refuses, keeps serving reads, and writing goes on when space returns', async () => {
  for (let spare = 0; spare < 3000; spare += 37) {
    const disk = new VirtualDisk({ random: randomOf(spare) });
    const { log } = await runFresh(disk, 3);
    disk.capacity = disk.usedBytes() + spare;
    let acknowledged = 3;
    for (;;) {
      const error: unknown = await log!.commit(commitOf(acknowledged)).then(
        () => undefined,
        (e: unknown) => e,
      );
      if (error !== undefined) {
        expect(error).toMatchObject({ code: 'LOG_DISK_FULL', retryable: true });
        break;
      }
      acknowledged++;
    }
    expect(log!.stats().diskFull).toBe(true);
    expect(wholeCommits(log!)).toBe(acknowledged);
    disk.capacity = Number.POSITIVE_INFINITY;
    expect(await runCommits(log!, acknowledged, acknowledged + 3)).toBe(acknowledged + 3);
    expect(log!.stats().diskFull).toBe(false);
    await verifyAfterPowerLoss(disk, acknowledged + 3);
  }
}, 60_000);

async function finished(commits: number): Promise<VirtualDisk> {
  const disk = new VirtualDisk({ random: randomOf(7) });
  const { log } = await runFresh(disk, commits);
  await log!.close();
  return disk;
}

const COMMIT_LOG = `${DIR}/commit/0000000000.log`;
const copyOf = (disk: VirtualDisk): VirtualDisk => disk.copy({ random: randomOf(1) });

test('a commit log that ends at any byte is a torn tail: whole rounds before it stand', async () => {
  const disk = await finished(3);
  const bytes = disk.content(COMMIT_LOG).slice();
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  for (let cut = 64; cut < end; cut += 3) {
    const torn = copyOf(disk);
    torn.setContent(COMMIT_LOG, bytes.subarray(0, cut));
    const log = await open(torn);
    expect(wholeCommits(log)).toBeLessThanOrEqual(3);
    await log.close();
  }
}, 60_000);

test('a flipped bit before the last round is damage: nothing is cut, reads up to it go on, writes are refused', async () => {
  const disk = await finished(6);
  const bytes = disk.content(COMMIT_LOG).slice();
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  for (let at = 64; at < end - 400; at += 101) {
    const damaged = copyOf(disk);
    const changed = bytes.slice();
    changed[at]! ^= 4;
    damaged.setContent(COMMIT_LOG, changed);
    const warnings: string[] = [];
    const log = await open(damaged, warnings);
    expect(wholeCommits(log)).toBeLessThan(6);
    expect(warnings.join()).toContain('damaged');
    await expect(log.commit({ appends: [], puts: [{ space: 's', key: 'k', value: utf8('v') }] })).rejects.toMatchObject(
      {
        code: 'LOG_CORRUPT',
      },
    );
    expect(Buffer.compare(damaged.content(COMMIT_LOG), changed)).toBe(0);
    await log.close();
  }
}, 60_000);

test('a newer format version is refused and left untouched', async () => {
  const disk = await finished(1);
  const bytes = disk.content(COMMIT_LOG).slice();
  bytes[8] = 9;
  disk.setContent(COMMIT_LOG, bytes);
  await expect(open(disk)).rejects.toMatchObject({ code: 'LOG_VERSION_UNKNOWN' });
  expect(Buffer.compare(disk.content(COMMIT_LOG), bytes)).toBe(0);
});
