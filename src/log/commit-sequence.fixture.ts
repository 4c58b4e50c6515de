import { isDeepStrictEqual } from 'node:util';
import { offset } from '../base/brand.ts';
import { textOf, utf8 } from '../base/bytes.ts';
import { ManualClock } from '../base/clock.ts';
import type { LogLimits } from './limits.ts';
import type { Append, CommitRequest, Log, TopicConfig } from './log.ts';
import { randomOf } from './log-simulation.fixture.ts';
import { openLog } from './open.ts';
import { decodeRecordBatches, encodeRecordBatch } from './record-batch.ts';
import { VirtualDisk } from './virtual-disk.ts';

/** A short run of a log whose every commit is the same in three partitions and in the ledger: what is left of it shows what was lost. */

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
export function commitOf(k: number): CommitRequest {
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

export const open = (disk: VirtualDisk, warnings: string[] = []): Promise<Log> =>
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
        requireSame('offset', record.offset, commits.length);
        commits.push(Number(textOf(record.value!).split(':')[0]));
      }
    }
  }
  requireSame('high watermark', log.bounds(topic, partition).highWatermark, commits.length);
  return commits;
}

/** What is there must be the first so many commits, the same in every partition and in the ledger; returns how many. */
export function wholeCommits(log: Log): number {
  const [first, ...others] = PARTITIONS.map(([topic, partition]) => commitsIn(log, topic, partition));
  for (const other of others) requireSame('commits of a partition', other, first);
  const count = first!.length;
  requireSame(
    'commits',
    first,
    Array.from({ length: count }, (_, k) => k),
  );
  const last = log.ledgerGet('s', 'last');
  requireSame('last entry of the ledger', last === undefined ? -1 : Number(textOf(last)), count - 1);
  const odd = [...log.ledgerEntries('s').keys()].filter((key) => key.startsWith('odd-'));
  const left = [count - 2, count - 1].filter((k) => k >= 0);
  requireSame('entries of the ledger', odd.sort(), left.map((k) => `odd-${k}`).sort());
  return count;
}

/** Runs commits `from` to `to`, up to the first that fails; returns how many were acknowledged in all. */
export async function runCommits(log: Log, from: number, to: number): Promise<number> {
  for (let k = from; k < to; k++) {
    try {
      await log.commit(commitOf(k));
    } catch {
      return k;
    }
  }
  return to;
}

export async function runFresh(
  disk: VirtualDisk,
  commits: number,
): Promise<{ acknowledged: number; log: Log | undefined }> {
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

/** After a crash: everything acknowledged is there, nothing in part, and the log goes on. */
export async function verifyAfterCrash(disk: VirtualDisk, acknowledged: number, power: boolean): Promise<void> {
  const crash = (): void => (power ? disk.powerLoss() : disk.restart());
  crash();
  const log = await open(disk);
  const found = wholeCommits(log);
  if (found < acknowledged || found > acknowledged + 1) {
    throw new Error(`${acknowledged} commits were acknowledged, and ${found} are there`);
  }
  if (log.topic('a') === undefined) await log.createTopic(topicOf('a', 2));
  if (log.topic('b') === undefined) await log.createTopic(topicOf('b', 1));
  requireSame('commits that go on', await runCommits(log, found, found + 2), found + 2);
  crash();
  requireSame('commits after another crash', wholeCommits(await open(disk)), found + 2);
}

/** A disk with so many commits, closed as it should be. */
export async function finished(commits: number): Promise<VirtualDisk> {
  const disk = new VirtualDisk({ random: randomOf(7) });
  const { log } = await runFresh(disk, commits);
  await log!.close();
  return disk;
}

export const COMMIT_LOG = `${DIR}/commit/0000000000.log`;
export const copyOf = (disk: VirtualDisk): VirtualDisk => disk.copy({ random: randomOf(1) });

function requireSame(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(`${what}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
}
