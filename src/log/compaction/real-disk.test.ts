import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { offset } from '../../base/brand.ts';
import { utf8 } from '../../base/bytes.ts';
import { systemClock } from '../../base/clock.ts';
import { openLog } from '../open.ts';
import { decodeRecordBatches, encodeRecordBatch } from '../record-batch.ts';
import { TOPIC } from './compaction.fixture.ts';

test('in a thread of its own, on a real disk, while a reader goes on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'compaction-'));
  const limits = { compactionLagMs: 0, compactionDirtyRatio: 0 };
  const log = await openLog({ dataDir: folder, clock: systemClock, limits });
  await log.createTopic({ ...TOPIC, segmentBytesMax: 8 * 1024 });
  for (let i = 0; i < 60; i++) {
    const records = Array.from({ length: 50 }, (_, k) => ({ key: utf8(`k${k}`), value: utf8(`${i}`), timestamp: 1 }));
    await log.commit({ appends: [{ topic: 't', partition: 0, ...encodeRecordBatch(records) }], puts: [] });
  }
  const reader = log.reader('t', 0, offset(0));
  const buffer = new Uint8Array(2048);
  reader.readInto(buffer);
  await new Promise((resolve) => setImmediate(resolve));
  const { removedBytes } = await log.compact();
  const rows = new Map<string, string>();
  for (let length = reader.readInto(buffer); length > 0; length = reader.readInto(buffer)) {
    for (const batch of decodeRecordBatches(buffer.subarray(0, length))) {
      for (const { key, value } of batch.entries()) rows.set(String(key), String(value));
    }
  }
  expect(removedBytes).toBeGreaterThan(10_000);
  expect(rows.size).toBe(50);
  expect(new Set(rows.values())).toEqual(new Set([String(utf8('59'))]));
  expect(readdirSync(join(folder, 'topics', 't', '0')).filter((name) => name.includes('unfinished'))).toEqual([]);
  await log.close();
  rmSync(folder, { recursive: true });
});
