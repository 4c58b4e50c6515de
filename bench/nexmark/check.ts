import { writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { EngineWorld, sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import { NEXMARK_ORACLE_TABLES, NEXMARK_SOURCES, type NexmarkQuery } from './queries.ts';

type Connection = Awaited<ReturnType<DuckDBInstance['connect']>>;
type Row = readonly string[];

const BATCH_EVENTS = 1000;
/** Epochs that the events are spread over: results change many times before they stand. */
const EPOCHS = 20;
const SEGMENT_BYTES = 2 ** 28;
const DIGITS = 12;
/** Rows of a difference that are shown. */
const SHOWN_MAX = 3;

export interface Verdict {
  readonly rows: number;
  /** Undefined: the same. */
  readonly difference: string | undefined;
}

/** DuckDB over the events, as NDJSON in a file. */
export class NexmarkOracle {
  readonly #instance: DuckDBInstance;
  readonly #connection: Connection;

  private constructor(instance: DuckDBInstance, connection: Connection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  static async open(events: readonly string[], file: string): Promise<NexmarkOracle> {
    writeFileSync(file, events.join('\n'));
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    for (const statement of NEXMARK_ORACLE_TABLES.replace('FILE', file).split(';\n')) {
      if (statement.trim() !== '') await connection.run(statement);
    }
    return new NexmarkOracle(instance, connection);
  }

  async rows(query: NexmarkQuery): Promise<Row[]> {
    const reader = await this.#connection.runAndReadAll(query.oracle);
    return reader.getRowsJson().map((row) => row.map(canonical));
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

/** Runs the query over the events, through the log and in many epochs, and compares its table with the oracle's rows. */
export async function check(query: NexmarkQuery, events: readonly string[], oracle: NexmarkOracle): Promise<Verdict> {
  const found = await engineRows(query, events);
  const expected = await oracle.rows(query);
  const [left, right] = query.name === 'q12' ? [sumByKey(found), sumByKey(expected)] : [found, expected];
  return { rows: expected.length, difference: differenceOf(left, right) };
}

async function engineRows(query: NexmarkQuery, events: readonly string[]): Promise<Row[]> {
  const pipeline = await sqlPipeline(NEXMARK_SOURCES + query.sql, query.name);
  const world = await EngineWorld.open();
  try {
    await world.createTopic('nexmark', { segmentBytesMax: SEGMENT_BYTES });
    const running = await world.startPipeline(pipeline, { bounded: true });
    const step = Math.ceil(events.length / EPOCHS);
    for (let from = 0; from < events.length; from += step) {
      for (let at = from; at < from + step; at += BATCH_EVENTS) {
        await world.write('nexmark', events.slice(at, Math.min(at + BATCH_EVENTS, from + step)));
      }
      await running.idle();
      const { error } = running.status();
      if (error !== undefined) throw error;
    }
    const letters = world.letters();
    if (letters.length > 0) throw new Error(`${letters.length} dead letters, the first: ${JSON.stringify(letters[0])}`);
    const names = pipeline.outputs.find(({ name }) => name === 'result')!.input.columns.map(({ name }) => name);
    const isTable = pipeline.outputs[0]!.mode === 'upsert';
    const rows = isTable ? world.table('result') : world.values('result');
    return rows.map((row) => names.map((name) => canonical(row[name])));
  } finally {
    await world.stop();
  }
}

/** Numbers by their first digits, so that a decimal and a double that mean the same are the same. */
function canonical(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  const text = String(value);
  return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text).toPrecision(DIGITS) : text;
}

/** Rows `[key, count, ...]` as one row per key. */
function sumByKey(rows: readonly Row[]): Row[] {
  const sums = new Map<string, number>();
  for (const [key, count] of rows) sums.set(key!, (sums.get(key!) ?? 0) + Number(count));
  return [...sums].map(([key, sum]) => [key, String(sum)]);
}

function differenceOf(found: readonly Row[], expected: readonly Row[]): string | undefined {
  const counts = new Map<string, number>();
  for (const row of expected) counts.set(JSON.stringify(row), (counts.get(JSON.stringify(row)) ?? 0) + 1);
  const unexpected: string[] = [];
  for (const row of found) {
    const text = JSON.stringify(row);
    const left = counts.get(text) ?? 0;
    if (left === 0) unexpected.push(text);
    else counts.set(text, left - 1);
  }
  const missing = [...counts].flatMap(([text, count]) => Array.from({ length: count }, () => text));
  if (unexpected.length === 0 && missing.length === 0) return undefined;
  const show = (rows: readonly string[]): string => rows.slice(0, SHOWN_MAX).join(' ');
  return `${found.length} rows for ${expected.length}; ${missing.length} missing: ${show(missing)}; ${unexpected.length} unexpected: ${show(unexpected)}`;
}
