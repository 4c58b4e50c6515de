import { expect, test } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import {
  COMMIT_LOG,
  commitOf,
  copyOf,
  finished,
  open,
  runCommits,
  runFresh,
  verifyAfterCrash,
  wholeCommits,
} from './commit-sequence.fixture.ts';
import { randomOf } from './log-simulation.fixture.ts';
import { type DiskFault, VirtualDisk } from './virtual-disk.ts';

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
        await verifyAfterCrash(disk, acknowledged, true);
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
    await verifyAfterCrash(disk, acknowledged, true);
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
    await verifyAfterCrash(disk, acknowledged, true).catch((error) => {
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
    await verifyAfterCrash(disk, acknowledged + 3, true);
  }
}, 60_000);

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
