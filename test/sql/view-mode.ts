import { EngineWorld, sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import type { DataType } from '../../src/plan/data-type.ts';
import { pipelineOf } from '../../src/plan/factory.ts';
import type { OutputNode, Pipeline } from '../../src/plan/node.ts';
import { shareNodes } from '../../src/plan/pipeline-text.ts';
import { fromJsonValue } from '../../src/plan/value/json-value.ts';
import { parseJson } from '../../src/serving/json-row.ts';
import { loadQueryParser, parseQuery } from '../../src/sql/text/query-parser.ts';
import { SourceText } from '../../src/sql/text/source-text.ts';
import { standingRows } from '../standing-rows.ts';
import type { CorpusFile, CorpusRecord, CorpusTable } from './corpus-file.ts';
import { jsonRecords, type LoadedTable, loadTable, relationStatement } from './corpus-table.ts';
import { errorOutcome, type Outcome, rowsOutcome } from './expectation.ts';

/** What a query without FROM reads in a view. */
const ONE_ROW: CorpusTable = { name: 'one_row', columns: 'only int4', watermark: undefined, rows: [['1']] };

interface CompiledView {
  readonly record: CorpusRecord;
  readonly pipeline: Pipeline;
}

/**
 * The queries of a file as materialized views of one pipeline, fed in two epochs; a query that stops the pipeline is found by running
 * halves of it.
 */
export async function runViews(
  file: CorpusFile,
  records: readonly CorpusRecord[],
): Promise<ReadonlyMap<CorpusRecord, Outcome>> {
  await loadQueryParser();
  const outcomes = new Map<CorpusRecord, Outcome>();
  const tables = await Promise.all([...file.tables, ONE_ROW].map(loadTable));
  const sources = [...file.tables, ONE_ROW].map(relationStatement).join('\n');
  const together: CompiledView[] = [];
  const alone: CompiledView[] = [];
  for (const [i, record] of records.entries()) {
    const name = `v${i}`;
    try {
      const pipeline = await sqlPipeline(viewText(sources, name, record), 'corpus');
      (record.kind === 'error' ? alone : together).push({ record, pipeline });
    } catch (error) {
      outcomes.set(record, errorOutcome(error, sources.split('\n').length + 1));
    }
  }
  for (const view of alone) await runTogether([view], tables, outcomes);
  await runTogether(together, tables, outcomes);
  return outcomes;
}

/** The query on lines of its own; over a row when it has no FROM; with names of its own when names are given twice. */
function viewText(sources: string, name: string, { sql, types }: CorpusRecord): string {
  const emit = /\s+EMIT (?:ON WINDOW CLOSE|CHANGES)$/i.exec(sql)?.[0] ?? '';
  const query = sql.slice(0, sql.length - emit.length).replace(/;\s*$/, '');
  const from = readsNothing(query) ? `\nFROM ${ONE_ROW.name}` : '';
  const columns = types.map((_, i) => `c${i}`).join(', ');
  const plain = `${sources}\nCREATE MATERIALIZED VIEW ${name} AS\n${query}${from}${emit};`;
  if (types.length === 0 || emit !== '') return plain;
  return `${sources}\nCREATE MATERIALIZED VIEW ${name} AS SELECT * FROM (\n${query}${from}\n) AS q(${columns})${emit};`;
}

function readsNothing(query: string): boolean {
  try {
    const source = new SourceText(query);
    const { select } = parseQuery(source, { start: 0, end: query.replace(/;\s*$/, '').length });
    const { fromClause, valuesLists, larg, whereClause, sortClause, limitCount } = select;
    if (/^SELECT \*$/i.test(query)) return false;
    return [fromClause, valuesLists, larg, whereClause, sortClause, limitCount].every((part) => part === undefined);
  } catch {
    return false;
  }
}

async function runTogether(
  views: readonly CompiledView[],
  tables: readonly LoadedTable[],
  outcomes: Map<CorpusRecord, Outcome>,
): Promise<void> {
  if (views.length === 0) return;
  const world = await EngineWorld.open();
  try {
    const outputs = views.flatMap(({ pipeline }) => pipeline.outputs);
    const { sources } = views[0]!.pipeline;
    const parts = { name: 'corpus', sources, outputs, sinks: [], alerts: [], modules: [] };
    await feed(world, shareNodes(pipelineOf(parts)), tables);
    for (const { record, pipeline } of views) outcomes.set(record, readView(world, pipeline.outputs[0]!, record));
  } catch (error) {
    if (views.length === 1) {
      outcomes.set(views[0]!.record, errorOutcome(error));
      return;
    }
    const half = views.length >> 1;
    await runTogether(views.slice(0, half), tables, outcomes);
    await runTogether(views.slice(half), tables, outcomes);
  } finally {
    await world.stop();
  }
}

async function feed(world: EngineWorld, pipeline: Pipeline, tables: readonly LoadedTable[]): Promise<void> {
  for (const { name } of tables) await world.createTopic(name);
  const running = await world.startPipeline(pipeline, { bounded: true });
  for (const part of [0, 1]) {
    for (const table of tables) {
      const records = jsonRecords(table);
      const half = Math.ceil(records.length / 2);
      const rows = part === 0 ? records.slice(0, half) : records.slice(half);
      if (rows.length > 0) await world.write(table.name, rows);
    }
    await running.idle();
  }
  await running.idle({ closeWindows: true });
}

function readView(world: EngineWorld, output: OutputNode, record: CorpusRecord): Outcome {
  const letter = world.letters()[0];
  if (record.kind === 'error' && letter !== undefined) {
    return { kind: 'error', code: letter.reason, place: undefined, message: letter.message };
  }
  const { columns } = output.input;
  const rows = standingRows(world, output).map((text) => {
    const row = parseJson(text) as Readonly<Record<string, unknown>>;
    const digits = parseJson(text.replace(STRING_OR_NUMBER, quoted)) as Readonly<Record<string, unknown>>;
    return columns.map(({ name, type }) => fromJsonValue((isNumeric(type) ? digits : row)[name], type));
  });
  return rowsOutcome(columns, rows);
}

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** A number as a text of its digits, which a double may not have. */
const quoted = (token: string): string => (token.startsWith('"') ? token : `"${token}"`);

function isNumeric(type: DataType): boolean {
  return type.kind === 'array' ? isNumeric(type.element) : type.kind === 'numeric';
}
