/**
 * The 23 queries of Nexmark (github.com/nexmark/nexmark) on the engine.
 *
 *   npm run bench:nexmark [-- q5 q7] [--events 2000000] [--check-events 200000] [--rate 10000] [--only check|time]
 *
 * Each query is first checked: over a shorter run of the same events, through the log and in 20 epochs, its table must be what DuckDB
 * says. Then it is timed on one thread, from rows that are columns in memory already (`rows`) and from JSON texts in record batches
 * as they lie in the log (`json`); results are counted and thrown away, as in the published measurements. Figures are events per
 * second of CPU time of the whole process: per core. About four minutes for all.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/base/error.ts';
import { sqlPipeline } from '../src/engine/engine-world.fixture.ts';
import { report, rounded } from './load/report.ts';
import { check, NexmarkOracle, type Verdict } from './nexmark/check.ts';
import { type Chunk, chunksOf, QueryDriver } from './nexmark/driver.ts';
import { nexmarkEvents } from './nexmark/generator.ts';
import { NEXMARK_QUERIES, NEXMARK_SOURCES, type NexmarkQuery } from './nexmark/queries.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    events: { type: 'string', default: '2000000' },
    'check-events': { type: 'string', default: '200000' },
    rate: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const events = Number(values.events);
const checkEvents = Number(values['check-events']);
const eventsPerSecond = Number(values.rate);
const seed = Number(values.seed);
const queries = NEXMARK_QUERIES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const unknown = positionals.find((name) => !NEXMARK_QUERIES.some((query) => query.name === name));
if (unknown !== undefined) {
  console.error(
    `running Nexmark: there is no query "${unknown}"; there are ${NEXMARK_QUERIES.map((q) => q.name).join(', ')}`,
  );
  process.exit(2);
}

/** Published per core: the geometric means of the queries that both ran. */
const PEERS = { flink: 65_000, feldera: 229_000 };
const AIM = 650_000;
const WARMUP_SHARE = 0.1;

interface Timing {
  readonly eventsPerCpuSecond: number;
  readonly eventsPerSecond: number;
  readonly results: number;
  readonly stateBytes: number;
}

async function time(query: NexmarkQuery, chunks: readonly Chunk[], input: 'rows' | 'json'): Promise<Timing> {
  const pipeline = await sqlPipeline(NEXMARK_SOURCES + query.sql, query.name);
  const run = (chosen: readonly Chunk[]): Timing => {
    const driver = new QueryDriver(pipeline);
    const rows = input === 'rows' ? chosen.map((chunk) => driver.rowsOf(chunk)) : [];
    const cpu = process.cpuUsage();
    const started = performance.now();
    if (input === 'rows') for (const captured of rows) driver.processRows(captured);
    else for (const chunk of chosen) driver.processJson(chunk);
    driver.finish();
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    if (driver.deadLetters > 0) throw new Error(`${driver.deadLetters} dead letters`);
    const count = chosen.reduce((sum, chunk) => sum + chunk.rows, 0);
    const timing = {
      eventsPerCpuSecond: Math.round((count * 1e6) / (user + system)),
      eventsPerSecond: Math.round(count / seconds),
      results: driver.results,
      stateBytes: driver.stateBytes(),
    };
    driver.close();
    return timing;
  };
  run(chunks.slice(0, Math.max(1, Math.floor(chunks.length * WARMUP_SHARE))));
  return run(chunks);
}

function show(query: NexmarkQuery, input: 'rows' | 'json', timing: Timing, verdict: Verdict | undefined): void {
  const { flink, title, note } = query;
  report({
    bench: `nexmark-${query.name}-${input}`,
    value: timing.eventsPerCpuSecond,
    unit: 'events/s/core',
    against: flink === undefined ? null : `Flink 1.13 as published: ${flink}`,
    ratio: flink === undefined ? null : rounded(timing.eventsPerCpuSecond / flink, 1),
    detail: { title, ...timing, events, eventsPerSecondOfEventTime: eventsPerSecond, checkedRows: verdict?.rows, note },
  });
}

function mean(figures: readonly number[]): number {
  return Math.round(Math.exp(figures.reduce((sum, figure) => sum + Math.log(figure), 0) / figures.length));
}

const folder = mkdtempSync(join(tmpdir(), 'headrace-nexmark-'));
const verdicts = new Map<string, Verdict>();
let failed = 0;
const fail = (query: NexmarkQuery, what: string, why: string): void => {
  failed++;
  console.error(`${query.name} (${query.title}): ${what}: ${why}`);
};
if (values.only !== 'time') {
  const texts = [...nexmarkEvents({ seed, events: checkEvents, eventsPerSecond })];
  const oracle = await NexmarkOracle.open(texts, join(folder, 'events.ndjson'));
  for (const query of queries) {
    try {
      const verdict = await check(query, texts, oracle);
      verdicts.set(query.name, verdict);
      if (verdict.difference !== undefined) fail(query, 'not what DuckDB says', verdict.difference);
      else console.error(`${query.name} (${query.title}): ${verdict.rows} rows, as DuckDB has them`);
    } catch (error) {
      fail(query, 'it does not run', messageOf(error));
    }
  }
  oracle.close();
}
rmSync(folder, { recursive: true, force: true });
if (values.only !== 'check') {
  const chunks = chunksOf(nexmarkEvents({ seed, events, eventsPerSecond }));
  const figures = { rows: [] as number[], json: [] as number[] };
  for (const query of queries) {
    for (const input of ['rows', 'json'] as const) {
      try {
        const timing = await time(query, chunks, input);
        figures[input].push(timing.eventsPerCpuSecond);
        show(query, input, timing, verdicts.get(query.name));
      } catch (error) {
        fail(query, `timing ${input}`, messageOf(error));
      }
    }
  }
  for (const input of ['rows', 'json'] as const) {
    if (figures[input].length === 0) continue;
    const value = mean(figures[input]);
    report({
      bench: `nexmark-${input}`,
      value,
      unit: 'events/s/core, geometric mean',
      against: `as published, per core: Flink ${PEERS.flink}, Feldera ${PEERS.feldera}`,
      ratio: rounded(value / PEERS.flink, 1),
      detail: { queries: figures[input].length, aim: AIM, againstFeldera: rounded(value / PEERS.feldera, 1) },
    });
  }
}
if (failed > 0) process.exitCode = 1;
