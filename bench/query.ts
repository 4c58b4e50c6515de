/**
 * A group-by over events in a topic, asked as a user would ask it: `npm run bench:query [-- events]` (10,000,000 by default).
 * Against DuckDB with the same threads over the same events as an NDJSON file. The events are generated once, into a folder
 * under the system's temporary directory, and kept.
 */

import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { offset } from '../src/base/brand.ts';
import { systemClock } from '../src/base/clock.ts';
import { createIngest } from '../src/ingest/create-ingest.ts';
import { COMMIT_FORMAT_VERSION } from '../src/log/commit-file.ts';
import type { Log } from '../src/log/log.ts';
import { openLog } from '../src/log/open.ts';
import type { SourceNode } from '../src/plan/node.ts';
import { TYPE } from '../src/plan/type-name.ts';
import { createQueryService, type QueryService } from '../src/serving/query.ts';
import { createTables } from '../src/serving/tables.ts';
import { createMetrics } from '../src/telemetry/registry.ts';
import { report, rounded } from './load/report.ts';
import { generateReferenceEvents } from './reference-events.ts';

const EVENTS = Number(process.argv[2] ?? 10_000_000);
/** Kept between runs; data of another format of the log is not taken for it. */
const FOLDER = join(tmpdir(), `headrace-bench-query-${COMMIT_FORMAT_VERSION}-${EVENTS}`);
const NDJSON = join(FOLDER, 'events.ndjson');
const DONE = join(FOLDER, 'complete');
const TOPIC = 'events';
const RUNS = 3;
const THREADS = 2;
const TIMEOUT_MS = 120_000;

const source: SourceNode = {
  kind: 'source',
  name: TOPIC,
  topic: TOPIC,
  format: 'json',
  columns: [
    { name: 'event_type', type: TYPE.text, nullable: true, path: ['event_type'] },
    { name: 'timestamp', type: TYPE.timestamptz, nullable: true, path: ['timestamp'] },
    { name: 'user_id', type: TYPE.text, nullable: true, path: ['user_id'] },
    { name: 'amount', type: { kind: 'numeric', precision: 12, scale: 2 }, nullable: true, path: ['data', 'amount'] },
    { name: 'origin', type: TYPE.text, nullable: true, path: ['metadata', 'source'] },
  ],
  watermark: undefined,
};

/** The same questions to both. */
const QUESTIONS = [
  {
    name: 'group by two columns',
    ours: 'SELECT event_type, origin, count(*), sum(amount) FROM events GROUP BY event_type, origin',
    theirs: 'SELECT event_type, metadata.source, count(*), sum(data.amount) FROM events GROUP BY ALL',
  },
  {
    name: 'filter, 10,000 groups, the largest ten',
    ours: "SELECT user_id, sum(amount) AS total FROM events WHERE event_type = 'purchase' GROUP BY user_id ORDER BY total DESC, user_id LIMIT 10",
    theirs:
      "SELECT user_id, sum(data.amount) AS total FROM events WHERE event_type = 'purchase' GROUP BY user_id ORDER BY total DESC, user_id LIMIT 10",
  },
  {
    name: 'one-minute windows',
    ours: "SELECT window_start, count(*), max(amount) FROM TUMBLE(events, timestamp, INTERVAL '1 minute') GROUP BY window_start",
    theirs: "SELECT time_bucket(INTERVAL '1 minute', timestamp), count(*), max(data.amount) FROM events GROUP BY ALL",
  },
];

async function prepare(): Promise<void> {
  if (existsSync(DONE)) return;
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const log = await openLog({ dataDir: join(FOLDER, 'data'), clock: systemClock });
  await log.createTopic({
    name: TOPIC,
    partitions: 1,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: 256 * 1024 ** 2,
    keyPath: undefined,
    properties: {},
  });
  const ingest = await createIngest({ log, clock: systemClock, metrics: createMetrics(), schemas: () => undefined });
  const file = createWriteStream(NDJSON);
  for (const body of generateReferenceEvents({ seed: 1, count: EVENTS, bufferBytes: 256 * 1024 })) {
    if (!file.write(body)) await once(file, 'drain');
    const principal = { id: 'bench', scopes: ['admin'] as const };
    // Ingest may keep the body for itself.
    await ingest.accept({ topic: TOPIC, principal, body: body.slice(), format: 'ndjson', idempotencyKey: undefined });
  }
  file.end();
  await once(file, 'close');
  await log.close();
  writeFileSync(DONE, '');
}

interface Measured<T> {
  readonly ms: readonly number[];
  /** Of all threads, in the run that needed the least: other processes on the machine do not show in it. */
  readonly cpuMs: number;
  readonly answer: T;
}

async function fastest<T>(ask: () => Promise<T>): Promise<Measured<T>> {
  const ms: number[] = [];
  const cpu: number[] = [];
  for (let run = 0; ; run++) {
    const from = performance.now();
    const cpuFrom = process.cpuUsage();
    const answer = await ask();
    ms.push(Math.round(performance.now() - from));
    const { user, system } = process.cpuUsage(cpuFrom);
    cpu.push(Math.round((user + system) / 1000));
    if (run === RUNS - 1) return { ms, cpuMs: Math.min(...cpu), answer };
  }
}

/** What no query can beat on this thread: copying the segments from the page cache. */
function readMs(log: Log): number {
  const buffer = new Uint8Array(1024 ** 2);
  const reader = log.reader(TOPIC, 0, offset(0));
  const from = performance.now();
  while (reader.readInto(buffer) > 0);
  reader.close();
  return performance.now() - from;
}

function sameAnswers(ours: readonly (readonly unknown[])[], theirs: readonly (readonly unknown[])[]): boolean {
  // Times are shown differently; all else is compared.
  const text = (rows: readonly (readonly unknown[])[]): string =>
    rows
      .map((row) =>
        row
          .map((cell) =>
            Number.isNaN(Number(cell)) ? (/^\d{4}-/.test(String(cell)) ? 'time' : String(cell)) : Number(cell),
          )
          .join(),
      )
      .sort()
      .join('\n');
  return text(ours) === text(theirs);
}

async function main(): Promise<void> {
  await prepare();
  const log = await openLog({ dataDir: join(FOLDER, 'data'), clock: systemClock });
  const tables = createTables({ log, clock: systemClock });
  const service: QueryService = createQueryService({ log, clock: systemClock, tables, sources: () => [source] });
  const duckdb = await (await DuckDBInstance.create(':memory:', { threads: String(THREADS) })).connect();
  const { bytes } = log.bounds(TOPIC, 0);
  await duckdb.run(
    `CREATE VIEW events AS SELECT * FROM read_json('${NDJSON}', format = 'newline_delimited', columns = {
      event_type: 'VARCHAR', timestamp: 'TIMESTAMP', user_id: 'VARCHAR',
      data: 'STRUCT(amount DECIMAL(12,2))', metadata: 'STRUCT(source VARCHAR)'})`,
  );
  const copyMs = Math.round(readMs(log));
  for (const { name, ours, theirs } of QUESTIONS) {
    const mine = await fastest(() => service.query(ours, { timeoutMs: TIMEOUT_MS, rowsMax: 100_000 }));
    const other = await fastest(async () => (await duckdb.run(theirs)).getRows());
    const [value, against] = [Math.min(...mine.ms), Math.min(...other.ms)];
    report({
      bench: `query, ${EVENTS} events: ${name}`,
      value,
      unit: 'ms',
      against: `DuckDB over NDJSON, ${THREADS} threads`,
      ratio: rounded(against / value),
      detail: {
        runsMs: mine.ms,
        duckdbMs: other.ms,
        cpuMs: mine.cpuMs,
        duckdbCpuMs: other.cpuMs,
        eventsPerSecond: Math.round((EVENTS / value) * 1000),
        gigabytesPerSecond: rounded(bytes / value / 1e6),
        copyOfSegmentsMs: copyMs,
        ndjsonBytes: statSync(NDJSON).size,
        same: sameAnswers(mine.answer.rows, other.answer as readonly (readonly unknown[])[]),
      },
    });
  }
  service.close();
  tables.close();
  await log.close();
}

await main();
