import { expect, test } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import type { Disk, DiskOperation } from './disk.ts';
import { openLog } from './open.ts';
import { VirtualDisk } from './virtual-disk.ts';

/** Rounds are one after another: recovery takes only the last for one that may be incomplete. */

test('what is submitted while a round is gathered is in that round, and begins none beside it', async () => {
  const disk = new VirtualDisk({ random: () => 0.5 });
  const session = disk.session();
  let running = 0;
  let most = 0;
  const slow: Disk = {
    ...session,
    async run(operations: readonly DiskOperation[]) {
      most = Math.max(most, ++running);
      for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
      running--;
      return session.run(operations);
    },
  };
  const log = await openLog({ dataDir: '/d', clock: new ManualClock(), disk: slow });
  const submit = (key: string) => log.commit({ appends: [], puts: [{ space: 's', key, value: new Uint8Array(8) }] });
  const gathered: Promise<unknown>[] = [];
  const stop = log.beforeRound(() => {
    if (gathered.length < 20) gathered.push(submit(`gathered ${gathered.length}`));
  });
  const asked: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    asked.push(submit(`asked ${i}`));
    for (let turn = 0; turn < i % 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(asked);
  stop();
  await Promise.all(gathered);
  expect(most).toBe(1);
  disk.powerLoss();
  const again = await openLog({ dataDir: '/d', clock: new ManualClock(), disk: disk.session() });
  expect(gathered.length).toBeGreaterThan(1);
  expect(again.ledgerEntries('s').size).toBe(asked.length + gathered.length);
});
