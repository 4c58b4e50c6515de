/**
 * Fills the expected rows of corpus files with what PostgreSQL 15 answers, so that no expectation is our own output. Run by hand,
 * with a server of its own (trust, and a database with the order of code points and the letters of Unicode:
 * `CREATE DATABASE corpus TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'`):
 *
 *   node scripts/run-ts.mjs test/sql/golden.ts --socket /path/.s.PGSQL.5432 [FILE ...]
 *
 * Records with `golden hand: ...` are left as they are; those with `golden sql: ...` ask that instead. Of an error the first line is PostgreSQL's; what Headrace says is written by hand,
 * or, where it is missing, filled with what Headrace says now, to be read before it is committed.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { corpusFiles, corpusPath } from './corpus.ts';
import { type CorpusFile, type CorpusRecord, formatCorpusFile, rowLine } from './corpus-file.ts';
import { headraceLine, type Outcome } from './expectation.ts';
import { type PostgresAnswer, PostgresClient } from './postgres.ts';
import { QueryMode } from './query-mode.ts';
import { runViews } from './view-mode.ts';

const { values: flags, positionals } = parseArgs({
  options: { socket: { type: 'string' }, database: { type: 'string', default: 'corpus' } },
  allowPositionals: true,
});
if (flags.socket === undefined)
  throw new Error('filling golden rows: --socket is missing; name the socket of a server');

const client = await PostgresClient.open(flags.socket, flags.database);
const typeNames = await readTypeNames();
const mode = await QueryMode.open();
for (const file of corpusFiles(positionals)) {
  await createTables(file);
  await mode.load(file);
  const records: CorpusRecord[] = [];
  for (const record of file.records) records.push(await filled(file, record));
  writeFileSync(corpusPath(file.name), formatCorpusFile({ ...file, records }));
}
client.close();
mode.close();

async function readTypeNames(): Promise<ReadonlyMap<number, string>> {
  const answer = await client.ask('SELECT oid, typname FROM pg_type');
  if (answer.kind === 'error') throw new Error(answer.message);
  return new Map(answer.rows.map(([oid, name]) => [Number(oid), corpusType(name!)]));
}

/** The name that the corpus has for a type of PostgreSQL. */
function corpusType(name: string): string {
  if (name.startsWith('_')) return `${corpusType(name.slice(1))}[]`;
  return ['varchar', 'bpchar', 'name', 'unknown'].includes(name) ? 'text' : name;
}

async function createTables(file: CorpusFile): Promise<void> {
  for (const { name, columns, rows } of file.tables) {
    const values = rows.map((row) => `(${row.map(quoted).join(', ')})`).join(', ');
    const insert = rows.length === 0 ? '' : `INSERT INTO ${name} VALUES ${values};`;
    const answer = await client.ask(
      `DROP TABLE IF EXISTS ${name}; CREATE TEMPORARY TABLE ${name} (${columns}); ${insert}`,
    );
    if (answer.kind === 'error') throw new Error(`${file.name}: table ${name}: ${answer.message}`);
  }
}

function quoted(value: string | null): string {
  return value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`;
}

async function filled(file: CorpusFile, record: CorpusRecord): Promise<CorpusRecord> {
  const instead = /^sql: (.*)$/.exec(record.golden ?? '')?.[1];
  if (record.golden !== undefined && instead === undefined) return record;
  const answer = await client.ask(instead ?? record.sql);
  const place = `${file.name}:${record.line}`;
  if (record.kind === 'error') {
    if (answer.kind === 'rows') {
      console.error(`${place}: PostgreSQL has no objection to ${record.sql}`);
      return record;
    }
    const line = postgresLine(record.sql, answer);
    const ours = record.expected?.[1] ?? headraceLine(line, await mode.run(record), await viewed(file, record));
    return { ...record, expected: [line, ...(ours === undefined ? [] : [ours])] };
  }
  if (answer.kind === 'error') {
    console.error(`${place}: PostgreSQL refuses: ${answer.message} in ${record.sql}`);
    return record;
  }
  const ordered = /\border by\b(?![^()]*\))/i.test(record.sql);
  const rowsort = record.rowsort || (!ordered && answer.rows.length > 1);
  const lines = answer.rows.map(rowLine);
  const types = answer.types.map((oid) => typeNames.get(oid) ?? String(oid));
  return { ...record, types, rowsort, expected: rowsort ? lines.sort() : lines };
}

async function viewed(file: CorpusFile, record: CorpusRecord): Promise<Outcome | undefined> {
  return (await runViews(file, [record])).get(record);
}

function postgresLine(sql: string, error: PostgresAnswer & { kind: 'error' }): string {
  const [message] = error.message.split('\n');
  return `${error.code} ${error.position === undefined ? '' : `${placeOf(sql, error.position)} `}${message}`;
}

/** Line and column of a position that counts code points. */
function placeOf(sql: string, position: number): string {
  const before = Array.from(sql)
    .slice(0, position - 1)
    .join('');
  const line = before.split('\n').length;
  return `${line}:${before.length - before.lastIndexOf('\n')}`;
}
