import { expect, test } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import type { Disk, DiskOperation } from './disk.ts';
import type { Log } from './log.ts';
import { openLog } from './open.ts';
import { VirtualDisk } from './virtual-disk.ts';

/** Checkpoints replace old commit logs behind the commits. */

const limits = { commitLogBytesMax: 4000, commitSpaceBytes: 512, commitReserveBytes: 128 };
const openOn = (disk: Disk, warnings: string[] = []): Promise<Log> =>
  openLog({ dataDir: '/d', clock: new ManualClock(), disk, limits, onWarning: (warning) => warnings.push(warning) });

const put = (log: Log, key: string, bytes = 200): Promise<unknown> =>
  log.commit({ appends: [], puts: [{ space: 's', key, value: new Uint8Array(bytes) }] });

const commitFiles = (disk: VirtualDisk): string[] =>
  disk.paths().flatMap((path) => (path.startsWith('/d/commit/') ? path.slice('/d/commit/'.length) : []));

/** Lets what runs behind come to its end. */
async function idle(): Promise<void> {
  for (let i = 0; i < 2000; i++) await Promise.resolve();
}

test('commits do not wait for a checkpoint, however long it takes', async () => {
  const disk = new VirtualDisk({ random: () => 0.5 });
  const session = disk.session();
  let release = (): void => {};
  const slow: Disk = {
    ...session,
    async runBehind(operations: readonly DiskOperation[]) {
      if (operations.some((operation) => operation.kind === 'derive')) await new Promise<void>((r) => (release = r));
      return session.runBehind(operations);
    },
  };
  const log = await openOn(slow);
  for (let i = 0; i < 100; i++) await put(log, `k${i}`);
  await idle();
  expect(commitFiles(disk)).toEqual(['0000000000.checkpoint', '0000000000.log', '0000000001.log']);
  release();
  await idle();
  expect(commitFiles(disk)).toEqual(['0000000001.checkpoint', '0000000001.log']);
  disk.powerLoss();
  expect((await openOn(disk.session())).ledgerEntries('s').size).toBe(100);
});

test('old commit logs go, and the state stays, over many checkpoints', async () => {
  const disk = new VirtualDisk({ random: () => 0.5 });
  let log = await openOn(disk.session());
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 60; i++) await put(log, `k${i % 20}`, 100 + round);
    await idle();
    expect(commitFiles(disk).length).toBeLessThanOrEqual(4);
    if (round % 2 === 0) disk.powerLoss();
    else await log.close();
    log = await openOn(disk.session());
    expect(log.ledgerEntries('s').size).toBe(20);
    expect(log.ledgerGet('s', 'k7')).toHaveLength(100 + round);
  }
});

test('a full disk puts a checkpoint off; nothing is lost', async () => {
  const warnings: string[] = [];
  let full = false;
  const disk = new VirtualDisk({
    random: () => 0.5,
    fault: (operation) =>
      full && operation.kind === 'write' && operation.path.endsWith('checkpoint.unfinished') ? 'ENOSPC' : undefined,
  });
  const log = await openOn(disk.session(), warnings);
  full = true;
  for (let i = 0; i < 60; i++) await put(log, `k${i}`);
  await idle();
  expect(warnings.join()).toContain('the disk is full; it is tried again later');
  full = false;
  for (let i = 60; i < 120; i++) await put(log, `k${i}`);
  await idle();
  expect(commitFiles(disk)).not.toContain('0000000000.log');
  disk.powerLoss();
  expect((await openOn(disk.session())).ledgerEntries('s').size).toBe(120);
});

test('a commit log that is damaged while it is in use is told of, and healed from memory', async () => {
  const warnings: string[] = [];
  const disk = new VirtualDisk({ random: () => 0.5 });
  const log = await openOn(disk.session(), warnings);
  for (let i = 0; i < 5; i++) await put(log, `k${i}`);
  disk.content('/d/commit/0000000000.log')[100]! ^= 1;
  for (let i = 5; i < 80; i++) await put(log, `k${i}`);
  await idle();
  expect(warnings.join()).toContain('the next checkpoint is made from memory');
  for (let i = 0; i < 3; i++) await put(log, `more${i}`);
  await idle();
  disk.powerLoss();
  const again = await openOn(disk.session());
  expect(again.ledgerEntries('s').size).toBe(83);
  await put(again, 'last');
});

test('damage to the last round of a commit log that is over is no torn tail: the checkpoint is made from memory', async () => {
  const warnings: string[] = [];
  const disk = new VirtualDisk({ random: () => 0.5 });
  const session = disk.session();
  let release = (): void => {};
  const slow: Disk = {
    ...session,
    async runBehind(operations: readonly DiskOperation[]) {
      if (operations.some((operation) => operation.kind === 'derive')) await new Promise<void>((r) => (release = r));
      return session.runBehind(operations);
    },
  };
  const log = await openOn(slow, warnings);
  for (let i = 0; i < 30; i++) {
    await put(log, `k${i}`);
    await idle();
  }
  const old = disk.content('/d/commit/0000000000.log');
  old[old.findLastIndex((byte) => byte !== 0)]! ^= 1;
  release();
  for (let i = 30; i < 35; i++) {
    await put(log, `k${i}`);
    await idle();
  }
  expect(warnings.join()).toContain('the next checkpoint is made from memory');
  disk.powerLoss();
  expect((await openOn(disk.session())).ledgerEntries('s').size).toBe(35);
});

test('a failed fsync of the next commit log ends writing; what was acknowledged is there after a restart', async () => {
  const disk: VirtualDisk = new VirtualDisk({
    random: () => 0.5,
    fault: (operation) => (operation.kind === 'sync' && operation.path.endsWith('0000000001.log') ? 'EIO' : undefined),
  });
  const log = await openOn(disk.session());
  let acknowledged = 0;
  const outcome = (async () => {
    for (; acknowledged < 100; acknowledged++) {
      await put(log, `k${acknowledged}`);
      await idle();
    }
  })();
  await expect(outcome).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' });
  disk.powerLoss();
  expect((await openOn(disk.session())).ledgerEntries('s').size).toBe(acknowledged);
});
