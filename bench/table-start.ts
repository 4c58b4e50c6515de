/**
 * How soon a table has its rows after a start, from its checkpoint and from its topic: `npm run bench:tables [-- rows]`
 * (1,000,000 by default, each written five times).
 */

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '../src/base/bytes.ts';
import { systemClock } from '../src/base/clock.ts';
import { openLog } from '../src/log/open.ts';
import { encodeRecordBatch } from '../src/log/record-batch.ts';
import type { OutputNode } from '../src/plan/node.ts';
import { TYPE } from '../src/plan/type-name.ts';
import { fileCheckpoints } from '../src/serving/checkpoint-store.ts';
import { createTables } from '../src/serving/tables.ts';
import { report, rounded } from './load/report.ts';

const ROWS = Number(process.argv[2] ?? 1_000_000);
const WRITES = 5;
const BATCH = 10_000;
const TOPIC = 'totals';
const columns = [
  { name: 'user_id', type: TYPE.text, nullable: false },
  { name: 'window_start', type: TYPE.timestamptz, nullable: false },
  { name: 'events', type: TYPE.int8, nullable: false },
  { name: 'total', type: TYPE.numeric, nullable: true },
];
const output: OutputNode = {
  kind: 'output',
  name: TOPIC,
  topic: TOPIC,
  input: { kind: 'values', columns, rows: [] },
  mode: 'upsert',
  keys: [0],
  emit: { kind: 'updates' },
};

const dataDir = mkdtempSync(join(tmpdir(), 'headrace-bench-tables-'));
const log = await openLog({ dataDir, clock: systemClock });
await log.createTopic({
  name: TOPIC,
  partitions: 1,
  kind: 'upsert',
  retentionMs: undefined,
  retentionBytes: undefined,
  segmentBytesMax: 256 * 1024 ** 2,
  keyPath: undefined,
  properties: {},
});
for (let write = 0; write < WRITES; write++) {
  for (let from = 0; from < ROWS; from += BATCH) {
    const records = Array.from({ length: Math.min(BATCH, ROWS - from) }, (_, at) => {
      const user = `user${from + at}`;
      const row = { user_id: user, window_start: '2024-01-01T00:00:00Z', events: write, total: (from + at) / 100 };
      return { key: utf8(JSON.stringify([user])), value: utf8(JSON.stringify(row)), timestamp: Date.now() };
    });
    await log.commit({ appends: [{ topic: TOPIC, partition: 0, ...encodeRecordBatch(records) }], puts: [] });
  }
}

/** A table of the topic, brought up to its end; how long that took. */
async function started(withCheckpoint: boolean) {
  const checkpoints = withCheckpoint ? fileCheckpoints(dataDir) : undefined;
  const tables = createTables({ log, clock: systemClock, ...(checkpoints && { checkpoints }) });
  const from = performance.now();
  const table = tables.add('bench', output);
  await tables.caughtUp();
  return { ms: performance.now() - from, tables, table };
}

const first = await started(true);
const writeFrom = performance.now();
await first.tables.checkpoint();
const writeMs = performance.now() - writeFrom;
const rows = first.table.size;
first.tables.close();
const loaded = await started(true);
const same = loaded.table.size === rows && loaded.table.recordsSinceCheckpoint === 0;
loaded.tables.close();
const replayed = await started(false);
replayed.tables.close();
report({
  bench: `table of ${rows} rows after a start`,
  value: Math.round(loaded.ms),
  unit: 'ms',
  against: `reading its topic of ${rows * WRITES} records`,
  ratio: rounded(replayed.ms / loaded.ms),
  detail: {
    topicMs: Math.round(replayed.ms),
    writeMs: Math.round(writeMs),
    checkpointBytes: statSync(join(dataDir, 'tables', `${TOPIC}.checkpoint`)).size,
    same,
  },
});
await log.close();
rmSync(dataDir, { recursive: true });
