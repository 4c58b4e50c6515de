import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageVersion } from '../../app/version.ts';
import { messageOf } from '../../base/error.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { Command, CommandContext } from '../command.ts';
import { csvRecords } from '../csv-records.ts';
import { EXIT } from '../exit-code.ts';
import { inferSchema } from '../inferred-schema.ts';
import { type ProjectDesign, projectFiles } from '../project-files.ts';

/** Records that the schema is inferred from. */
const INFERRED_RECORDS_MAX = 10_000;
/** Of these the test uses the first. */
const TEST_RECORDS = 6;

type JsonObject = Readonly<Record<string, unknown>>;

const STARTER: readonly JsonObject[] = [
  { id: 'e1', time: '2026-01-31T12:00:05Z', kind: 'signup', amount: 0 },
  { id: 'e2', time: '2026-01-31T12:00:20Z', kind: 'order', amount: 19.5 },
  { id: 'e3', time: '2026-01-31T12:00:40Z', kind: 'order', amount: 7.25 },
  { id: 'e4', time: '2026-01-31T12:01:10Z', kind: 'signup', amount: 0 },
];

export const init: Command = {
  name: 'init',
  usage: '<folder> [--from events.ndjson|events.csv]',
  wordsMax: 1,
  summary: 'Make a project that runs and whose test passes',
  description: 'With --from, the schema and the time field are inferred from your own data.',
  flags: { from: { type: 'string', value: 'file', help: 'infer the project from this data: NDJSON or CSV' } },
  examples: [
    { line: 'headrace init app', does: 'a project to begin with' },
    { line: 'headrace init shop --from orders.csv', does: 'from your own data' },
  ],
  async run(context) {
    const [folder, ...more] = context.words;
    if (folder === undefined || more.length > 0)
      throw usageError('making a project: name one folder', 'write "headrace init app"');
    const dir = resolve(context.cwd, folder);
    if (existsSync(dir) && readdirSync(dir).length > 0) {
      throw new CliError(
        EXIT.failed,
        'CLI_FOLDER_NOT_EMPTY',
        `making a project in ${dir}: the folder is not empty`,
        'name another',
      );
    }
    const from = context.flags.from === undefined ? undefined : resolve(context.cwd, String(context.flags.from));
    const design =
      from === undefined
        ? starterDesign(basename(dir), ownDependency(dir))
        : designFrom(from, basename(dir), ownDependency(dir));
    const files = projectFiles(design);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    if (from !== undefined) {
      mkdirSync(join(dir, 'data'), { recursive: true });
      copyFileSync(from, join(dir, 'data', basename(from)));
    }
    report(context, folder, design, Object.keys(files));
    return EXIT.ok;
  },
};

function starterDesign(name: string, dependency: string): ProjectDesign {
  return {
    name,
    topic: 'events',
    schema: inferSchema(STARTER, false),
    dataFile: undefined,
    sample: STARTER,
    dependency,
  };
}

function designFrom(file: string, name: string, dependency: string): ProjectDesign {
  const format = extname(file) === '.csv' ? 'csv' : 'ndjson';
  const records = format === 'csv' ? csvRecords(readText(file), INFERRED_RECORDS_MAX) : ndjsonRecords(file);
  if (records.length === 0)
    throw new CliError(
      EXIT.failed,
      'CLI_NO_RECORDS',
      `reading ${file}: there are no records in it`,
      'give a file with at least one',
    );
  if (format === 'csv') requireCommas(file, Object.keys(records[0]!));
  const schema = inferSchema(records, format === 'csv');
  const topic =
    basename(file, extname(file))
      .toLowerCase()
      .replace(/[^a-z0-9_]+/g, '_')
      .replace(/^(\d)/, '_$1') || 'events';
  const sample = records
    .slice(0, TEST_RECORDS)
    .map((record) => (format === 'csv' ? typedRecord(record, schema) : record));
  return { name, topic, schema, dataFile: { name: basename(file), format }, sample, dependency };
}

/** The version that runs; its folder when that is a checkout, which no registry knows. */
function ownDependency(dir: string): string {
  const own = fileURLToPath(new URL('../../..', import.meta.url));
  if (own.split(sep).includes('node_modules')) return `^${packageVersion()}`;
  return `file:${relative(dir, own).split(sep).join('/')}`;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\ufeff/, '');
  } catch (error) {
    throw new CliError(EXIT.failed, 'CLI_FILE', `reading ${file}: ${messageOf(error)}`, 'check the path', error);
  }
}

function requireCommas(file: string, names: readonly string[]): void {
  const [separator] = names.length === 1 ? (/[;\t|]/.exec(names[0]!) ?? []) : [];
  if (separator === undefined) return;
  const shown = separator === '\t' ? 'tabs' : `"${separator}"`;
  throw new CliError(
    EXIT.failed,
    'CLI_FILE',
    `reading ${file}: its columns are separated by ${shown}`,
    'write commas between them',
  );
}

function ndjsonRecords(file: string): readonly JsonObject[] {
  const records: JsonObject[] = [];
  const lines = readText(file).split('\n');
  for (let i = 0; i < lines.length && records.length < INFERRED_RECORDS_MAX; i++) {
    if (lines[i]!.trim() === '') continue;
    try {
      const value: unknown = JSON.parse(lines[i]!);
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw new Error('it is not a JSON object');
      records.push(value as JsonObject);
    } catch (error) {
      throw new CliError(
        EXIT.failed,
        'CLI_FILE',
        `reading ${file}, line ${i + 1}: ${messageOf(error)}`,
        lines[0]!.trimStart().startsWith('[')
          ? `give one object a line, as "jq -c '.[]' ${basename(file)}" writes them`
          : 'give one JSON object a line',
        error,
      );
    }
  }
  return records;
}

/** CSV values as their inferred types: what the file source makes of them. */
function typedRecord(record: JsonObject, schema: ReturnType<typeof inferSchema>): JsonObject {
  const typed: Record<string, unknown> = {};
  for (const { path, type } of schema.fields) {
    const text = String(record[path[0]!] ?? '');
    if (text === '') continue;
    typed[path[0]!] = type === 'int8' || type === 'float8' ? Number(text) : type === 'boolean' ? text === 'true' : text;
  }
  return typed;
}

function report(
  { terminal, json }: CommandContext,
  folder: string,
  { schema, topic }: ProjectDesign,
  files: readonly string[],
): void {
  const { timeField, fields } = schema;
  if (json) {
    terminal.out(`${JSON.stringify({ folder, files, topic, fields, timeField: timeField?.name ?? null })}\n`);
    return;
  }
  const time =
    timeField === undefined
      ? 'no field holds a time: windows are left out'
      : `event time is "${timeField.path.join('.')}"`;
  terminal.out(
    `made ${folder}: ${fields.length} fields, ${time}\n${files.map((file) => `  ${file}\n`).join('')}\nNext:\n  npx headrace test ${folder}\n  npx headrace dev ${folder}\n`,
  );
}
