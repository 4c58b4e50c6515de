// Engine alone on a preloaded log: deduplicate by event_id, 1-minute windows by (type, source) with count and sum.
// Prints a JSON line. Run it from source: `node scripts/run-ts.mjs src/engine/pipeline.bench.ts [events]`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { openLog } from '../log/open.ts';
import { encodeRecordBatch } from '../log/record-batch.ts';
import { columnReference } from '../plan/expression-factory.ts';
import { aggregateNode, deduplicateNode, outputNode, pipelineOf, sourceNode, windowNode } from '../plan/factory.ts';
import type { Pipeline } from '../plan/node.ts';
import { TYPE } from '../plan/type-name.ts';
import { createEngine } from './host.ts';
import { ENGINE_DEFAULTS } from './options.ts';

const BATCH = 1000;
const START = Date.UTC(2024, 0, 1);
const TYPES = ['user_action', 'purchase', 'page_view', 'login'];
const SOURCES = ['web', 'ios', 'android'];

function value(i: number): Uint8Array {
  const id = `00000000-0000-4000-8000-${String(i % 100 === 99 ? i - 1 : i).padStart(12, '0')}`;
  return utf8(
    JSON.stringify({
      event_id: id,
      event_type: TYPES[i % 4],
      timestamp: new Date(START + i).toISOString(),
      user_id: `user${i % 10_000}`,
      data: { action: 'click', page: '/home', session_id: `session${i % 997}`, amount: (i % 1000) / 100 },
      metadata: { source: SOURCES[i % 3], version: '1.0' },
    }),
  );
}

function plan(): Pipeline {
  const source = sourceNode({
    name: 'events',
    topic: 'events',
    columns: [
      { name: 'event_id', type: TYPE.text, nullable: true, path: ['event_id'] },
      { name: 'event_type', type: TYPE.text, nullable: true, path: ['event_type'] },
      { name: 'ts', type: TYPE.timestamptz, nullable: true, path: ['timestamp'] },
      { name: 'amount', type: TYPE.float8, nullable: true, path: ['data', 'amount'] },
      { name: 'source', type: TYPE.text, nullable: true, path: ['metadata', 'source'] },
    ],
    watermark: { columnIndex: 2, delayUs: 5_000_000n, idleTimeoutMs: 60_000, futureLimitMs: 60_000 },
  });
  const input = deduplicateNode(source, [0], 600_000);
  const window = windowNode(input, { kind: 'tumbling', sizeUs: 60_000_000n, offsetUs: 0n }, 2);
  const column = (name: string) => {
    const index = window.columns.findIndex((candidate) => candidate.name === name);
    return { name, expression: columnReference(window.columns, index) };
  };
  const common = { distinct: false, filter: undefined };
  const aggregated = aggregateNode(window, ['window_start', 'window_end', 'event_type', 'source'].map(column), [
    { name: 'n', call: { ...common, function: 'count', argument: undefined, type: TYPE.int8 } },
    { name: 'total', call: { ...common, function: 'sum', argument: column('amount').expression, type: TYPE.float8 } },
  ]);
  const keys = [0, 1, 2, 3];
  const output = outputNode({
    name: 'r',
    topic: 'r',
    input: aggregated,
    mode: 'upsert',
    keys,
    emit: { kind: 'updates' },
  });
  return pipelineOf({ name: 'bench', sources: [source], outputs: [output], sinks: [], alerts: [], modules: [] });
}

const events = Number(process.argv[2] ?? 200_000);
const dataDir = mkdtempSync(join(tmpdir(), 'headrace-bench-'));
const log = await openLog({ dataDir, clock: systemClock });
await log.createTopic({
  name: 'events',
  partitions: 1,
  kind: 'append',
  retentionMs: undefined,
  retentionBytes: undefined,
  segmentBytesMax: 2 ** 28,
  keyPath: undefined,
  properties: {},
});
for (let i = 0; i < events; i += BATCH) {
  const records = Array.from({ length: BATCH }, (_, j) => ({ key: null, value: value(i + j), timestamp: Date.now() }));
  await log.commit({ appends: [{ topic: 'events', partition: 0, ...encodeRecordBatch(records) }], puts: [] });
}
const engine = createEngine({ log, clock: systemClock, options: ENGINE_DEFAULTS });
const started = performance.now();
const running = await engine.start(plan());
await running.idle();
const seconds = (performance.now() - started) / 1000;
const { duplicateRows, lateRows } = running.status();
const detail = { events, seconds, duplicateRows, lateRows };
process.stdout.write(
  `${JSON.stringify({ bench: 'engine', value: Math.round(events / seconds), unit: 'events/s', detail })}\n`,
);
await engine.close();
await log.close();
rmSync(dataDir, { recursive: true, force: true });
