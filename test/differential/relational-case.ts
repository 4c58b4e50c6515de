import { HeadraceError, messageOf } from '../../src/base/error.ts';
import type { RunningPipeline } from '../../src/engine/engine.ts';
import { EngineWorld, seededRandom, sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import type { Pipeline } from '../../src/plan/node.ts';
import { standingRows } from '../standing-rows.ts';
import { type ComparedColumn, type Connection, comparableRow, difference } from './comparison.ts';
import type { RandomTables, TableRow } from './random-tables.ts';

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
  readonly pipelines: readonly ComparedPipeline[];
}

/** How a pipeline differs from the batch; `unsupported` when it does not run as a stream. */
export type PipelineVerdict =
  | { readonly kind: 'equal'; readonly comparisons: number }
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
    ...(given.snapshotIntervalMs === undefined ? {} : { snapshotIntervalMs: given.snapshotIntervalMs }),
  });
  try {
    for (const { name, partitions } of given.tables) {
      await world.createTopic(name, { partitions });
      await connection.run(
        `CREATE OR REPLACE TABLE ${name} (k INTEGER, s VARCHAR, i INTEGER, l BIGINT, f DOUBLE, d DECIMAL(12, 2), b BOOLEAN)`,
      );
    }
    const all = await Promise.all(given.pipelines.map((views, i) => compiled(given, views, `p${i}`)));
    await startAll(world, all);
    for (const step of given.steps) {
      for (const { table, partition, rows } of step.writes) {
        await world.write(table, rows, partition);
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
  const sources = given.tables.map(
    (table) => `CREATE SOURCE ${table.name} (${SOURCE_COLUMNS}) WITH (topic = '${table.name}', format = 'json');`,
  );
  const statements = views.map((view) => `CREATE MATERIALIZED VIEW ${view.name} AS\n${view.ours};`);
  const verdict: PipelineVerdict = { kind: 'equal', comparisons: 0 };
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

async function insert(connection: Connection, table: string, rows: readonly TableRow[]): Promise<void> {
  const value = (cell: unknown): string =>
    cell === null ? 'NULL' : typeof cell === 'string' ? `'${cell.replaceAll("'", "''")}'` : String(cell);
  const lines = rows.map(({ k, s, i, l, f, d, b }) => `(${[k, s, i, l].map(value).join(', ')}, CAST(${f === null ? 'NULL' : `'${f}'`} AS DOUBLE), ${[d, b].map(value).join(', ')})`);
  await connection.run(`INSERT INTO ${table} VALUES ${lines.join(', ')}`);
}

async function compare(world: EngineWorld, connection: Connection, each: Running): Promise<void> {
  if (each.verdict.kind !== 'equal') return;
  let { comparisons } = each.verdict;
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
    defined.push(`${view.name} AS (${view.duck})`);
  }
  each.verdict = { kind: 'equal', comparisons };
}
