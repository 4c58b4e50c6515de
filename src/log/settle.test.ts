import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { ManualClock, systemClock } from '../base/clock.ts';
import type { Append, CommitRequest, CommitResult, Log, TopicConfig } from './log.ts';
import { openLog } from './open.ts';
import { encodeRecordBatch } from './record-batch.ts';
import { VirtualDisk } from './virtual-disk.ts';

/** The promise of a commit is settled whatever happens: nobody waits for ever on a log that closed or failed. */

const TOPIC: TopicConfig = {
  name: 't',
  partitions: 1,
  kind: 'append',
  retentionMs: undefined,
  retentionBytes: undefined,
  segmentBytesMax: 1024 * 1024,
  keyPath: undefined,
  properties: {},
};

const appendOf = (value: string): Append => ({
  topic: 't',
  partition: 0,
  ...encodeRecordBatch([{ key: null, value: utf8(value), timestamp: 1 }]),
});
const requestOf = (value: string): CommitRequest => ({ appends: [appendOf(value)], puts: [] });

interface Outcomes {
  readonly codes: string[];
  readonly all: Promise<unknown>;
}

/** Notes how each commit ended: `done`, or the code of its error. */
function outcomesOf(promises: readonly Promise<CommitResult>[]): Outcomes {
  const codes: string[] = [];
  const all = Promise.all(
    promises.map((promise, i) =>
      promise.then(
        () => {
          codes[i] = 'done';
        },
        (error: { code: string }) => {
          codes[i] = error.code;
        },
      ),
    ),
  );
  return { codes, all };
}

async function microtasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

async function openVirtual(disk: VirtualDisk, warnings: string[] = []): Promise<Log> {
  const log = await openLog({ dataDir: '/d', clock: new ManualClock(), disk, onWarning: (w) => warnings.push(w) });
  await log.createTopic(TOPIC);
  return log;
}

test('commits before, during and after a close are all answered, wherever the close falls', async () => {
  for (let ticks = 0; ticks < 40; ticks++) {
    const log = await openVirtual(new VirtualDisk({ random: () => 0.5 }));
    const promises = [log.commit(requestOf('a')), log.commit(requestOf('b'))];
    await microtasks(ticks);
    if (ticks % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    promises.push(log.commit(requestOf('c')));
    const closed = log.close();
    promises.push(log.commit(requestOf('d')));
    await microtasks(ticks % 7);
    promises.push(log.commit(requestOf('e')));
    const { codes, all } = outcomesOf(promises);
    await Promise.all([all, closed]);
    expect(codes).toEqual(['done', 'done', 'done', 'LOG_CLOSED', 'LOG_CLOSED']);
    expect(log.pendingBytes()).toBe(0);
  }
});

test('when writing ends, every commit that waits is told, and a close returns', async () => {
  for (let at = 0; at < 12; at++) {
    let armed = -1;
    const disk: VirtualDisk = new VirtualDisk({
      random: () => 0.5,
      fault: (_, number) => (armed >= 0 && number === armed ? 'EIO' : undefined),
    });
    const log = await openVirtual(disk);
    armed = disk.operations + (at % 4);
    const promises = Array.from({ length: 5 }, (_, i) => log.commit(requestOf(String(i))));
    await microtasks(at);
    promises.push(log.commit(requestOf('late')));
    const { codes, all } = outcomesOf(promises);
    await all;
    expect(new Set(codes)).toEqual(codes.includes('done') ? new Set(['done']) : new Set(['LOG_WRITE_FAILED']));
    expect(log.pendingBytes()).toBe(0);
    await log.close();
  }
});

test('a listener that throws is told about; the commit stands, and later ones too', async () => {
  const warnings: string[] = [];
  const log = await openVirtual(new VirtualDisk({ random: () => 0.5 }), warnings);
  let heard = 0;
  log.onCommit(() => {
    throw new Error('a mistake');
  });
  log.onCommit(() => {
    heard++;
  });
  await log.commit(requestOf('a'));
  await log.commit(requestOf('b'));
  expect(heard).toBe(2);
  expect(warnings.join()).toContain('telling a listener of commit');
  await log.close();
});

test('a buffer given twice, or taken away before its round, harms nobody else', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'headrace-log-'));
  const log = await openLog({ dataDir, clock: systemClock });
  await log.createTopic(TOPIC);
  const twice = appendOf('x'.repeat(100_000));
  const gone = appendOf('y'.repeat(100_000));
  const promises = [
    log.commit({ appends: [twice, twice], puts: [] }),
    log.commit({ appends: [gone], puts: [] }),
    log.commit(requestOf('other')),
  ];
  structuredClone(gone.batch, { transfer: [gone.batch.buffer as ArrayBuffer] });
  const { codes, all } = outcomesOf(promises);
  await all;
  expect(codes).toEqual(['done', 'LOG_BATCH_INVALID', 'done']);
  await log.close();
  rmSync(dataDir, { recursive: true });
});
