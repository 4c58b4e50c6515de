/**
 * One pipeline on one worker and on two: reference events, as JSON in four partitions of the log, counted and summed by 1-minute window and
 * type and source (20 groups a window), and by user (10,000 of them: the results are many).
 *
 *   npm run bench:scale [-- --events 24000000 --turns 3 --reserve 4]     about six minutes; needs 8 GB of disk in the temporary folder, 16 GB of memory
 *
 * On one worker the pipeline is one task in one thread, without exchange: the best that there is for one. On two it is two stages of two
 * tasks. The log is written before the clock starts, and all runs read it from the page cache: a base of generated events, repeated, each
 * time so many minutes later. Runs are long, so that starting threads and compiling their code counts for little; one worker and two
 * run by turns, and the median of each counts. Of every run each row is compared with a table that was computed without the engine, the
 * sums to the last bit, and no row may be late: else the command fails.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { offset } from '../src/base/brand.ts';
import { textOf } from '../src/base/bytes.ts';
import { systemClock } from '../src/base/clock.ts';
import { createEngine } from '../src/engine/host.ts';
import { ENGINE_DEFAULTS } from '../src/engine/options.ts';
import type { Log } from '../src/log/log.ts';
import { openLog } from '../src/log/open.ts';
import { decodeRecordBatches } from '../src/log/record-batch.ts';
import type { Pipeline } from '../src/plan/node.ts';
import { compilePipeline } from '../src/sql/statement/pipeline-compiler.ts';
import { reserveMemory } from './load/memory-reserve.ts';
import { report, rounded } from './load/report.ts';
import { ExpectedTable } from './scale/expected-table.ts';
import { RepeatedEvents } from './scale/repeated-events.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '24000000' },
    turns: { type: 'string', default: '3' },
    /** GiB of memory made ready before (`load/memory-reserve.ts`); 0 for none. */
    reserve: { type: 'string', default: '4' },
  },
});
const TURNS = Number(values.turns);
const PARTITIONS = 4;
const READ_BYTES = 8 * 1024 ** 2;
const AIM = 1.7;

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

interface Prepared {
  /** Events in the log. */
  readonly count: number;
  readonly tables: ReadonlyMap<Case, ExpectedTable>;
}

/** Writes the log. What is kept is small: the collector, which runs beside the engine, has nothing to do with it. */
async function prepare(log: Log): Promise<Prepared> {
  const events = new RepeatedEvents({ count: Number(values.events), partitions: PARTITIONS });
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
  for (const appends of events.appends('events')) await log.commit({ appends, puts: [] });
  return { count: events.count, tables: new Map(CASES.map((each) => [each, new ExpectedTable(events, each.keys)])) };
}

/** How the table of a topic differs from what it must be; undefined when it does not. */
function differenceOf(log: Log, expected: ExpectedTable): string | undefined {
  const found = expected.comparison();
  const reader = log.reader('result', 0, offset(0));
  const buffer = new Uint8Array(READ_BYTES);
  for (let length = reader.readInto(buffer); length > 0; length = reader.readInto(buffer)) {
    for (const batch of decodeRecordBatches(buffer.subarray(0, length))) {
      for (const { value } of batch.entries()) if (value !== null) found.take(JSON.parse(textOf(value)));
    }
  }
  reader.close();
  return found.difference();
}

interface Run {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function run(log: Log, pipeline: Pipeline, workers: number, expected: ExpectedTable): Promise<Run> {
  const engine = createEngine({ log, clock: systemClock, options: { ...ENGINE_DEFAULTS, workers } });
  const running = await engine.start(pipeline, { bounded: true });
  const from = performance.now();
  const cpuFrom = process.cpuUsage();
  await running.idle();
  const seconds = (performance.now() - from) / 1000;
  const cpu = process.cpuUsage(cpuFrom);
  const difference = differenceOf(log, expected);
  const { lateRows } = running.status();
  await engine.drop(pipeline.name, { topics: true });
  await engine.close();
  if (difference !== undefined) throw new Error(`${workers} workers: the result is wrong: ${difference}`);
  if (lateRows > 0) throw new Error(`${workers} workers: ${lateRows} rows were called late`);
  return { seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}

async function measure(log: Log, { name, keys }: Case, expected: ExpectedTable, events: number): Promise<void> {
  const loadModule = (path: string): never => {
    throw new Error(`no module ${path}`);
  };
  const pipeline = await compilePipeline(sqlOf(keys), { name: 'scale', loadModule });
  const one: Run[] = [];
  const two: Run[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    one.push(await run(log, pipeline, 1, expected));
    two.push(await run(log, pipeline, 2, expected));
  }
  const secondsOf = (runs: readonly Run[]): number => median(runs.map(({ seconds }) => seconds));
  const cpuOf = (runs: readonly Run[]): number => rounded(median(runs.map(({ cpuSeconds }) => cpuSeconds)));
  const rate = (runs: readonly Run[]): number => Math.round(events / secondsOf(runs));
  report({
    bench: name,
    value: rate(two),
    unit: 'events/s',
    against: 'the same pipeline on one worker',
    ratio: rounded(secondsOf(one) / secondsOf(two)),
    detail: {
      events,
      partitions: PARTITIONS,
      keys,
      rowsCompared: expected.rows,
      againstValue: rate(one),
      seconds: { one: one.map((each) => rounded(each.seconds)), two: two.map((each) => rounded(each.seconds)) },
      cpuSeconds: { one: cpuOf(one), two: cpuOf(two) },
      /** What there would be if nothing else ran on two cores, and they were never idle. */
      ratioByCpu: rounded(secondsOf(one) / (cpuOf(two) / 2)),
      aim: AIM,
    },
  });
}

const dataDir = mkdtempSync(join(tmpdir(), 'headrace-scale-'));
const log = await openLog({ dataDir, clock: systemClock });
try {
  const { count, tables } = await prepare(log);
  const reserve = reserveMemory(Number(values.reserve) * 1024 ** 3);
  for (const [each, expected] of tables) await measure(log, each, expected, count);
  reserve.release();
} finally {
  await log.close();
  rmSync(dataDir, { recursive: true, force: true });
}
