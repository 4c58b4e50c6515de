/**
 * The engine alone on a preloaded log: reference events in 1 and in 2 partitions (by user; the second has a fifth of them, so it
 * is read far ahead), with and without deduplication by event_id -> 1-minute windows by (event_type, metadata.source) with count
 * and sum; three windows at once; then the latency at a steady 20,000 events/s.
 *
 *   npm run bench:replay [-- --events 3000000]        about two minutes; needs 2.5 GB of disk in the temporary folder
 *
 * Every result table is compared, row by row and to the last bit of the sums, with a computation that has nothing to do with
 * the engine; no row may be late. A figure counts only then, else the command fails. Time is from the pipeline being ready to
 * the commit of its last result; CPU time is that of all threads, and tells more where the machine is shared.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/base/clock.ts';
import type { Engine } from '../src/engine/engine.ts';
import { createEngine } from '../src/engine/host.ts';
import { ENGINE_DEFAULTS } from '../src/engine/options.ts';
import type { Log } from '../src/log/log.ts';
import { openLog } from '../src/log/open.ts';
import { report, rounded } from './load/report.ts';
import { differences, ExpectedResult } from './replay/expected.ts';
import { runLatency } from './replay/latency-run.ts';
import { MINUTE_US, outputTopic, replayPipeline } from './replay/plan.ts';
import { createTopic, outputTable, preload } from './replay/preload.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '3000000' },
    seconds: { type: 'string', default: '10' },
    only: { type: 'string' },
  },
});
const events = Number(values.events);
const AGAINST = 'JSON.parse, a Set and a Map; one thread, nothing durable';
/** Flink 2.3 with Kafka on such a machine. */
const FLINK = { deduplicated: 153_000, plain: 290_000, p50: 63, p99: 150 };
const LIVE_EVENTS_PER_SECOND = 20_000;
const WARMUP_SECONDS = 2;
const ALL_WINDOWS = [MINUTE_US, 5n * MINUTE_US, 60n * MINUTE_US];

interface Case {
  readonly name: string;
  readonly partitions: number;
  readonly deduplicates: boolean;
  readonly windowsUs: readonly bigint[];
}

const CASES: readonly Case[] = [
  { name: 'replay', partitions: 1, deduplicates: true, windowsUs: [MINUTE_US] },
  { name: 'replay-2-partitions', partitions: 2, deduplicates: true, windowsUs: [MINUTE_US] },
  { name: 'replay-plain', partitions: 1, deduplicates: false, windowsUs: [MINUTE_US] },
  { name: 'replay-plain-2-partitions', partitions: 2, deduplicates: false, windowsUs: [MINUTE_US] },
  { name: 'replay-3-windows', partitions: 1, deduplicates: true, windowsUs: ALL_WINDOWS },
];

async function withLog<T>(use: (log: Log, dataDir: string) => Promise<T>): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'headrace-replay-'));
  const log = await openLog({ dataDir, clock: systemClock });
  try {
    return await use(log, dataDir);
  } finally {
    await log.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function runCase(log: Log, engine: Engine, spec: Case, expected: ExpectedResult): Promise<void> {
  const { partitions, deduplicates, windowsUs } = spec;
  const from = performance.now();
  const running = await engine.start(replayPipeline(spec.name, `events_${partitions}`, deduplicates, windowsUs));
  const ready = performance.now();
  const cpuFrom = process.cpuUsage();
  await running.idle();
  const seconds = (performance.now() - ready) / 1000;
  const cpu = process.cpuUsage(cpuFrom);
  const status = running.status();
  const failures = windowsUs.flatMap((sizeUs) =>
    differences(outputTable(log, outputTopic(sizeUs)), expected.rows(Number(sizeUs / 1000n))),
  );
  if (status.lateRows > 0) failures.push(`${status.lateRows} rows were called late`);
  if (failures.length > 0) throw new Error(`${spec.name}: the result is wrong: ${failures.slice(0, 5).join('; ')}`);
  const value = Math.round(events / seconds);
  const perCpuSecond = (events * 1e6) / (cpu.user + cpu.system);
  const flink = deduplicates ? FLINK.deduplicated : FLINK.plain;
  report({
    bench: spec.name,
    value,
    unit: 'events/s',
    against: AGAINST,
    ratio: rounded(value / expected.eventsPerSecond),
    detail: {
      events,
      partitions,
      deduplicated: deduplicates,
      windows: windowsUs.map((size) => `${size / MINUTE_US} min`),
      seconds: rounded(seconds, 3),
      readySeconds: rounded((ready - from) / 1000, 3),
      againstValue: Math.round(expected.eventsPerSecond),
      perCpuSecond: Math.round(perCpuSecond),
      againstPerCpuSecond: Math.round(expected.eventsPerCpuSecond),
      ratioOfCpu: rounded(perCpuSecond / expected.eventsPerCpuSecond),
      timesFlink: rounded(value / flink),
      rowsCompared: windowsUs.reduce((sum, size) => sum + expected.rows(Number(size / 1000n)).size, 0),
      duplicates: status.duplicateRows,
      late: status.lateRows,
      stateMegabytes: rounded(status.stateBytes / 1e6, 1),
    },
  });
  await running.stop({ snapshot: false });
}

async function replayAll(): Promise<void> {
  const expected = new Map([true, false].map((deduplicates) => [deduplicates, new ExpectedResult(deduplicates)]));
  const wanted = CASES.filter(({ name }) => values.only === undefined || values.only.split(',').includes(name));
  let computed = false;
  for (const partitions of new Set(wanted.map((spec) => spec.partitions))) {
    await withLog(async (log) => {
      await createTopic(log, `events_${partitions}`, partitions);
      await preload(log, `events_${partitions}`, partitions, { seed: 1, count: events }, (lines) => {
        if (!computed) for (const result of expected.values()) result.take(lines);
      });
      computed = true;
      for (const spec of wanted.filter((candidate) => candidate.partitions === partitions)) {
        const engine = createEngine({ log, clock: systemClock, options: ENGINE_DEFAULTS });
        await runCase(log, engine, spec, expected.get(spec.deduplicates)!);
        await engine.close();
        for (const name of log.topics().map((topic) => topic.name)) {
          if (name.startsWith('by_')) await log.deleteTopic(name);
        }
      }
    });
  }
}

async function measureLatency(): Promise<void> {
  await withLog(async (log) => {
    const engine = createEngine({ log, clock: systemClock, options: ENGINE_DEFAULTS });
    const run = await runLatency(log, engine, LIVE_EVENTS_PER_SECOND, Number(values.seconds), WARMUP_SECONDS);
    await engine.close();
    const { p50, p99, p999, max } = run.latency.summary();
    report({
      bench: 'replay-latency',
      value: p99,
      unit: 'ms',
      against: 'Flink 2.3 with Kafka at this rate, p99 in ms',
      ratio: rounded(FLINK.p99 / p99),
      detail: {
        eventsPerSecond: LIVE_EVENTS_PER_SECOND,
        events: run.events,
        p50,
        p99,
        p999,
        max,
        acknowledged: run.acknowledged.summary(),
        flink: { p50: FLINK.p50, p99: FLINK.p99 },
      },
    });
  });
}

await replayAll();
if (values.only === undefined || values.only.includes('latency')) await measureLatency();
