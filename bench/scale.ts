/**
 * One pipeline on one worker and on two: reference events, as JSON in four partitions of the log, counted and summed by 1-minute window and
 * type and source (28 groups a window), and by user (10,000 of them: the results are many). The log is written before the clock starts;
 * all runs read the same.
 *
 *   npm run bench:scale [-- --events 6000000]        some minutes; needs 2.5 GB of disk in the temporary folder
 *
 * The tables are compared with one that was computed without the engine, row by row and to the last bit of the sums; no row may be late.
 * A figure counts only then, else the command fails.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { offset } from '../src/base/brand.ts';
import { textOf, utf8 } from '../src/base/bytes.ts';
import { systemClock } from '../src/base/clock.ts';
import { createEngine } from '../src/engine/host.ts';
import { ENGINE_DEFAULTS } from '../src/engine/options.ts';
import type { Append, Log } from '../src/log/log.ts';
import { openLog } from '../src/log/open.ts';
import { decodeRecordBatches, encodeRecordBatch, type LogRecord } from '../src/log/record-batch.ts';
import type { Pipeline } from '../src/plan/node.ts';
import { compilePipeline } from '../src/sql/statement/pipeline-compiler.ts';
import { report, rounded } from './load/report.ts';
import { generateReferenceLines } from './reference-events.ts';

const { values } = parseArgs({
  options: { events: { type: 'string', default: '6000000' }, runs: { type: 'string', default: '2' } },
});
const EVENTS = Number(values.events);
const PARTITIONS = 4;
const BATCH_RECORDS = 1000;
const READ_BYTES = 8 * 1024 ** 2;
const MINUTE_MS = 60_000;
/** Amounts are kept in multiples of 2^-60, which all doubles from 2^-8 on that are below 2^53 are. */
const UNIT_BITS = 60n;
const UNIT = 2 ** Number(UNIT_BITS);

/** What is grouped by besides the window. */
const CASES = [
  { name: 'scale', keys: ['event_type', 'source'] },
  { name: 'scale-many-keys', keys: ['user_id'] },
] as const;
type Case = (typeof CASES)[number];

const sqlOf = (keys: readonly string[]): string => `
CREATE SOURCE events (user_id text, event_type text, source text FROM '$.metadata.source', "timestamp" timestamptz,
  amount float8 FROM '$.data.amount', WATERMARK FOR "timestamp" AS "timestamp" - INTERVAL '30 seconds'
) WITH (topic = 'events', format = 'json');
CREATE MATERIALIZED VIEW result AS
SELECT window_start, window_end, ${keys.join(', ')}, count(*) AS n, sum(amount) AS total
FROM TUMBLE(events, "timestamp", INTERVAL '1 minute') GROUP BY window_start, window_end, ${keys.join(', ')};
`;

interface Event {
  readonly user_id: string;
  readonly event_type: string;
  readonly timestamp: string;
  readonly data: { readonly amount: number };
  readonly metadata: { readonly source: string };
}

interface Sum {
  count: number;
  exact: bigint;
}

/** What a table must hold, by window and keys. */
type Expected = Map<string, Sum>;

async function preload(log: Log): Promise<ReadonlyMap<Case, Expected>> {
  await log.createTopic({
    name: 'events',
    partitions: PARTITIONS,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: 2 ** 28,
    keyPath: ['user_id'],
    properties: {},
  });
  const expected = new Map(CASES.map((each): [Case, Expected] => [each, new Map()]));
  const waiting: LogRecord[][] = Array.from({ length: PARTITIONS }, () => []);
  let appends: Append[] = [];
  const timestamp = Date.now();
  for (const line of generateReferenceLines({ seed: 1, count: EVENTS })) {
    const event = JSON.parse(line) as Event;
    for (const [{ keys }, sums] of expected) count(sums, event, keys);
    const partition = Number(event.user_id.replace(/\D/g, '')) % PARTITIONS;
    const records = waiting[partition]!;
    records.push({ key: null, value: utf8(line.trimEnd()), timestamp });
    if (records.length < BATCH_RECORDS) continue;
    appends.push({ topic: 'events', partition, ...encodeRecordBatch(records) });
    waiting[partition] = [];
    if (appends.length < 32) continue;
    await log.commit({ appends, puts: [] });
    appends = [];
  }
  waiting.forEach((records, partition) => {
    if (records.length > 0) appends.push({ topic: 'events', partition, ...encodeRecordBatch(records) });
  });
  await log.commit({ appends, puts: [] });
  return expected;
}

function count(expected: Expected, event: Event, keys: readonly string[]): void {
  const { timestamp, data, metadata } = event;
  const time = Date.parse(timestamp);
  const columns: Readonly<Record<string, unknown>> = { ...event, source: metadata.source };
  const key = `${time - (time % MINUTE_MS)}|${keys.map((name) => columns[name]).join('|')}`;
  const whole = Math.floor(data.amount);
  const exact = (BigInt(whole) << UNIT_BITS) + BigInt((data.amount - whole) * UNIT);
  const sum = expected.get(key);
  if (sum === undefined) expected.set(key, { count: 1, exact });
  else {
    sum.count++;
    sum.exact += exact;
  }
}

/** How the table of a topic differs from what it must be; undefined when it does not. */
function differenceOf(log: Log, keys: readonly string[], expected: Expected): string | undefined {
  const found = new Map<string, { n: number; total: number }>();
  const reader = log.reader('result', 0, offset(0));
  const buffer = new Uint8Array(READ_BYTES);
  for (let length = reader.readInto(buffer); length > 0; length = reader.readInto(buffer)) {
    for (const batch of decodeRecordBatches(buffer.subarray(0, length))) {
      for (const { value } of batch.entries()) {
        if (value === null) continue;
        const row = JSON.parse(textOf(value)) as Record<string, unknown> & { n: number; total: number };
        found.set(`${Date.parse(String(row.window_start))}|${keys.map((name) => row[name]).join('|')}`, row);
      }
    }
  }
  reader.close();
  if (found.size !== expected.size) return `${found.size} rows instead of ${expected.size}`;
  for (const [key, { count, exact }] of expected) {
    const row = found.get(key);
    if (row?.n !== count || row.total !== Number(exact) / UNIT) return `${key}: ${JSON.stringify(row)}`;
  }
  return undefined;
}

interface Run {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function run(log: Log, pipeline: Pipeline, workers: number, keys: readonly string[], expected: Expected) {
  const engine = createEngine({ log, clock: systemClock, options: { ...ENGINE_DEFAULTS, workers } });
  const running = await engine.start(pipeline, { bounded: true });
  const from = performance.now();
  const cpuFrom = process.cpuUsage();
  await running.idle();
  const seconds = (performance.now() - from) / 1000;
  const cpu = process.cpuUsage(cpuFrom);
  const difference = differenceOf(log, keys, expected);
  const { lateRows } = running.status();
  await engine.drop(pipeline.name, { topics: true });
  await engine.close();
  if (difference !== undefined) throw new Error(`${workers} workers: the result is wrong: ${difference}`);
  if (lateRows > 0) throw new Error(`${workers} workers: ${lateRows} rows were called late`);
  return { seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
}

async function measure(log: Log, { name, keys }: Case, expected: Expected): Promise<void> {
  const pipeline = await compilePipeline(sqlOf(keys), {
    name: 'scale',
    loadModule: (path) => {
      throw new Error(`no module ${path}`);
    },
  });
  const best = new Map<number, Run>();
  // By turns, the best of each: what else the machine does hits both.
  for (let round = 0; round < Number(values.runs); round++) {
    for (const workers of [1, 2]) {
      const made = await run(log, pipeline, workers, keys, expected);
      const known = best.get(workers);
      if (known === undefined || made.seconds < known.seconds) best.set(workers, made);
    }
  }
  const [one, two] = [best.get(1)!, best.get(2)!];
  const rate = ({ seconds }: Run): number => Math.round(EVENTS / seconds);
  report({
    bench: name,
    value: rate(two),
    unit: 'events/s',
    against: 'the same pipeline on one worker',
    ratio: rounded(one.seconds / two.seconds),
    detail: {
      events: EVENTS,
      partitions: PARTITIONS,
      keys,
      rowsCompared: expected.size,
      againstValue: rate(one),
      cpuSeconds: { one: rounded(one.cpuSeconds), two: rounded(two.cpuSeconds) },
      aim: 1.7,
    },
  });
}

const dataDir = mkdtempSync(join(tmpdir(), 'headrace-scale-'));
const log = await openLog({ dataDir, clock: systemClock });
try {
  const expected = await preload(log);
  for (const [each, rows] of expected) await measure(log, each, rows);
} finally {
  await log.close();
  rmSync(dataDir, { recursive: true, force: true });
}
