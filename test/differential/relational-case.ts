import { utf8 } from '../../src/base/bytes.ts';
import { HeadraceError, messageOf } from '../../src/base/error.ts';
import type { RunningPipeline } from '../../src/engine/engine.ts';
import { EngineWorld, seededRandom, sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import { encodeRecordBatch } from '../../src/log/record-batch.ts';
import type { Pipeline } from '../../src/plan/node.ts';
import { standingRows } from '../standing-rows.ts';
import { type ComparedColumn, type Connection, comparableRow, difference } from './comparison.ts';
import { KEYED_TABLE, type RandomTables, type TableRow } from './random-tables.ts';

/** A view in the engine's words and in DuckDB's. */
export interface ComparedView {
  readonly name: string;
  readonly ours: string;
  readonly duck: string;
  readonly columns: readonly ComparedColumn[];
}

/** Views of one pipeline; later ones may read earlier ones. */
export type ComparedPipeline = readonly ComparedView[];

/** Data, when they come and when the process dies, and pipelines over them: all that a failure is made again from. */
export interface RelationalCase extends RandomTables {
  readonly seed: number;
  /** Of each pipeline; 1 without it. */
  readonly workers?: number;
  readonly pipelines: readonly ComparedPipeline[];
}

/** How a pipeline differs from the batch; `unsupported` when it does not run as a stream. */
export type PipelineVerdict =
  | { readonly kind: 'equal'; readonly comparisons: number; readonly rows: number }
  | { readonly kind: 'unsupported'; readonly reason: string }
  | { readonly kind: 'different'; readonly difference: string };

const SOURCE_COLUMNS = 'k int4, s text, i int4, l int8, f float8, d numeric(12,2), b boolean';
const UNSUPPORTED = new Set(['SQL_NOT_SUPPORTED', 'ENGINE_NODE_UNSUPPORTED', 'PLAN_UNKNOWN_FUNCTION']);
const SNAPSHOT_TURN_MS = 1_000;

interface Running {
  readonly name: string;
  readonly views: ComparedPipeline;
  /** Undefined when it does not compile. */
  readonly pipeline: Pipeline | undefined;
  running: RunningPipeline | undefined;
  verdict: PipelineVerdict;
}

/** Runs the pipelines over the data and compares them with DuckDB wherever the case says. */
export async function runCase(given: RelationalCase, connection: Connection): Promise<readonly PipelineVerdict[]> {
  const world = await EngineWorld.open({
    random: seededRandom(given.seed),
    workers: given.workers ?? 1,
    ...(given.snapshotIntervalMs === undefined ? {} : { snapshotIntervalMs: given.snapshotIntervalMs }),
  });
  try {
    for (const { name, partitions } of given.tables) {
      await world.createTopic(name, { partitions });
      const id = name === KEYED_TABLE ? 'id INTEGER, ' : '';
      const columns = `${id}k INTEGER, s VARCHAR, i INTEGER, l BIGINT, f DOUBLE, d DECIMAL(12, 2), b BOOLEAN`;
      await connection.run(`CREATE OR REPLACE TABLE ${name} (${columns})`);
    }
    const all = await Promise.all(given.pipelines.map((views, i) => compiled(given, views, `p${i}`)));
    await startAll(world, all);
    for (const step of given.steps) {
      for (const { table, partition, rows } of step.writes) {
        await (table === KEYED_TABLE
          ? writeKeyed(world, rows, partition)
          : world.write(table, rows.map(rowText), partition));
        await insert(connection, table, rows);
      }
      world.clock.advance(SNAPSHOT_TURN_MS);
      await settleAll(all);
      if (step.compare) for (const each of all) await compare(world, connection, each);
      if (step.crash !== 'none') {
        await world.crash(step.crash === 'machine');
        await world.start();
        await startAll(world, all);
      }
    }
    return all.map(({ verdict }) => verdict);
  } finally {
    await world.stop().catch(() => {});
  }
}

async function compiled(given: RelationalCase, views: ComparedPipeline, name: string): Promise<Running> {
  const sources = given.tables.map((table) => {
    const columns = table.name === KEYED_TABLE ? `id int4 PRIMARY KEY, ${SOURCE_COLUMNS}` : SOURCE_COLUMNS;
    const what = table.name === KEYED_TABLE ? 'TABLE' : 'SOURCE';
    return `CREATE ${what} ${table.name} (${columns}) WITH (topic = '${table.name}', format = 'json');`;
  });
  const statements = views.map((view) => `CREATE MATERIALIZED VIEW ${view.name} AS\n${view.ours};`);
  const verdict: PipelineVerdict = { kind: 'equal', comparisons: 0, rows: 0 };
  try {
    const pipeline = await sqlPipeline([...sources, ...statements].join('\n'), name);
    const outputs = pipeline.outputs.map((output) => ({ ...output, topic: `${name}_${output.name}` }));
    return { name, views, pipeline: { ...pipeline, outputs }, running: undefined, verdict };
  } catch (error) {
    return { name, views, pipeline: undefined, running: undefined, verdict: verdictOf(error) };
  }
}

function verdictOf(error: unknown): PipelineVerdict {
  const isUnsupported = error instanceof HeadraceError && UNSUPPORTED.has(error.code);
  const said =
    error instanceof HeadraceError ? `${error.code} ${error.message}` : `${messageOf(error)} ${(error as Error).stack}`;
  return isUnsupported ? { kind: 'unsupported', reason: said } : { kind: 'different', difference: said };
}

async function startAll(world: EngineWorld, all: readonly Running[]): Promise<void> {
  for (const each of all) {
    if (each.verdict.kind !== 'equal') continue;
    try {
      each.running = await world.startPipeline(each.pipeline!, { bounded: true });
    } catch (error) {
      each.verdict = verdictOf(error);
    }
  }
}

async function settleAll(all: readonly Running[]): Promise<void> {
  for (const each of all) {
    if (each.verdict.kind !== 'equal') continue;
    try {
      await each.running!.idle();
    } catch (error) {
      each.verdict = verdictOf(error);
    }
  }
}

/** A row as JSON; the text -0 is the number, which JSON.stringify would make 0. */
const rowText = (row: TableRow): string => JSON.stringify(row).replace('"f":"-0"', '"f":-0');

/** Records with the key that tells rows apart; one without a value deletes. */
async function writeKeyed(world: EngineWorld, rows: readonly TableRow[], partition: number): Promise<void> {
  const records = rows.map(({ deleted, ...row }) => ({
    key: utf8(`key ${row.id}`),
    value: deleted === true ? null : utf8(rowText(row)),
    timestamp: world.clock.now(),
  }));
  await world.log.commit({ appends: [{ topic: KEYED_TABLE, partition, ...encodeRecordBatch(records) }], puts: [] });
}

async function insert(connection: Connection, table: string, rows: readonly TableRow[]): Promise<void> {
  const value = (cell: unknown): string =>
    cell === null ? 'NULL' : typeof cell === 'string' ? `'${cell.replaceAll("'", "''")}'` : String(cell);
  const line = ({ id, k, s, i, l, f, d, b }: TableRow): string => {
    const float = `CAST(${f === null ? 'NULL' : `'${f}'`} AS DOUBLE)`;
    return `(${[...(id === undefined ? [] : [id]), k, s, i, l].map(value).join(', ')}, ${float}, ${value(d)}, ${value(b)})`;
  };
  if (table !== KEYED_TABLE) {
    await connection.run(`INSERT INTO ${table} VALUES ${rows.map(line).join(', ')}`);
    return;
  }
  for (const row of rows) {
    await connection.run(`DELETE FROM ${table} WHERE id = ${value(row.id)}`);
    if (row.deleted !== true) await connection.run(`INSERT INTO ${table} VALUES ${line(row)}`);
  }
}

async function compare(world: EngineWorld, connection: Connection, each: Running): Promise<void> {
  if (each.verdict.kind !== 'equal') return;
  let { comparisons, rows: compared } = each.verdict;
  const letters = world.letters().filter(({ pipeline }) => pipeline === each.name);
  const defined: string[] = [];
  for (const view of each.views) {
    const query = `${defined.length === 0 ? '' : `WITH ${defined.join(',\n')}\n`}${view.duck}`;
    const answer = await connection.runAndReadAll(query).catch(messageOf);
    if (typeof answer === 'string') {
      each.verdict = { kind: 'unsupported', reason: `the oracle: ${answer.split('\n')[0]}` };
      return;
    }
    const expected = answer.getRowObjectsJS().map((row) => comparableRow(view.columns, (name) => row[name]));
    const output = each.pipeline!.outputs.find(({ name }) => name === view.name)!;
    const actual = standingRows(world, output).map((text) => {
      const row = JSON.parse(text) as Readonly<Record<string, unknown>>;
      return comparableRow(view.columns, (name) => row[name]);
    });
    const missing = difference(expected, actual);
    const extra = difference(actual, expected);
    if (missing.length > 0 || extra.length > 0 || letters.length > 0) {
      const said = [
        `view ${view.name}: ${missing.length} rows are missing, ${extra.length} are not expected, of ${expected.length}`,
        ...missing.slice(0, 5).map((row) => `  missing: ${row}`),
        ...extra.slice(0, 5).map((row) => `  extra:   ${row}`),
        ...letters.slice(0, 3).map(({ reason, message }) => `  letter:  ${reason}: ${message}`),
      ];
      each.verdict = { kind: 'different', difference: said.join('\n') };
      return;
    }
    comparisons++;
    compared += actual.length;
    defined.push(`${view.name} AS (${view.duck})`);
  }
  each.verdict = { kind: 'equal', comparisons, rows: compared };
}
