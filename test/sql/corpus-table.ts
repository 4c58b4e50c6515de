import type { Column, DataType } from '../../src/plan/data-type.ts';
import { toJsonText } from '../../src/plan/value/json-value.ts';
import { textToValue, valueToText } from '../../src/plan/value/value-text.ts';
import { compilePipeline } from '../../src/sql/statement/pipeline-compiler.ts';
import type { CorpusTable } from './corpus-file.ts';

/** The table as a source of a pipeline: one line. */
export function sourceStatement({ name, columns, watermark }: CorpusTable): string {
  const [, column, delay] = /^(\w+) (.*)$/.exec(watermark ?? '') ?? [];
  const clause = column === undefined ? '' : `, WATERMARK FOR ${column} AS ${column} - INTERVAL '${delay}'`;
  return `CREATE SOURCE ${name} (${columns}${clause}) WITH (topic = '${name}', format = 'json');`;
}

/** As a relation of a view: what JSON has no form for comes as text, and is cast. */
export function relationStatement(table: CorpusTable): string {
  const columns = table.columns.split(/, (?=\w+ )/);
  if (!columns.some((column) => NO_JSON.test(column))) return sourceStatement(table);
  const texts = columns.map((column) => column.replace(NO_JSON, ' text')).join(', ');
  const source = sourceStatement({ ...table, columns: texts }).replace(
    `SOURCE ${table.name} `,
    `SOURCE ${table.name}_text `,
  );
  const casts = columns.map((column) => {
    const [name = ''] = column.split(' ');
    const type = NO_JSON.exec(column)?.[0].trim();
    return type === undefined ? name : `${name}::${type} AS ${name}`;
  });
  return `${source} CREATE VIEW ${table.name} AS SELECT ${casts.join(', ')} FROM ${table.name}_text;`;
}

const NO_JSON = / (?:interval|bytea)$/;

export interface LoadedTable {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Values of the rows, by the columns' types. */
export async function loadTable(table: CorpusTable): Promise<LoadedTable> {
  const pipeline = await compilePipeline(sourceStatement({ ...table, watermark: undefined }), { name: 'table' });
  const columns = pipeline.sources[0]!.columns.map(({ name, type, nullable }) => ({ name, type, nullable }));
  const rows = table.rows.map((row) =>
    row.map((text, i) => (text === null ? null : textToValue(text, columns[i]!.type))),
  );
  return { name: table.name, columns, rows };
}

/** The rows as JSON records of the table's topic. */
export function jsonRecords({ columns, rows }: LoadedTable): readonly string[] {
  return rows.map((row) => {
    const members = columns.map(({ name, type }, i) => `${JSON.stringify(name)}:${memberText(row[i], type)}`);
    return `{${members.join(',')}}`;
  });
}

function memberText(value: unknown, type: DataType): string {
  return NO_JSON.test(` ${type.kind}`) && value !== null
    ? JSON.stringify(valueToText(value, type))
    : toJsonText(value, type);
}
