/**
 * A corpus file: tables, then queries with the rows that they give, and mistakes with what is said about them. Records are
 * parted by empty lines; a row is a line, its values are parted by tabs.
 *
 *   # Text functions                          what the file is about
 *   exclude-file view: reason                 the whole file is not run in this mode
 *
 *   table people (id int4, name text) watermark at 5 seconds
 *   1<tab>Ann
 *   2<tab>NULL
 *
 *   exclude view unsupported: reason          this record is not run in this mode
 *   golden sql: SELECT ...                    what PostgreSQL is asked instead, where the query is not PostgreSQL's
 *   golden hand: reason                       the rows are not PostgreSQL's, but the author's, who says why
 *   query text rowsort                        types of the columns; rowsort: the order of rows does not matter
 *   SELECT upper(name) FROM people
 *   ----
 *   ANN
 *   NULL
 *
 *   error
 *   SELECT nmae FROM people
 *   ----
 *   42703 1:8 column "nmae" does not exist    what PostgreSQL says: SQLSTATE, line:column, message
 *   SQL_UNKNOWN_COLUMN 1:8 column ...         what Headrace says: the same place unless `place differs: reason` stands before
 *
 * In values a backslash begins `\\`, `\t`, `\n`, `\r`; `NULL` is null and `\NULL` a text; `(empty)` is the empty text.
 */

export type Mode = 'query' | 'view';
export const MODES: readonly Mode[] = ['query', 'view'];

/** `unsupported`: refused with an error that says so. `wrong`: a defect. `differs`: on purpose, and docs/sql says so. */
export type ExclusionKind = 'unsupported' | 'wrong' | 'differs';

export interface Exclusion {
  readonly mode: Mode;
  readonly kind: ExclusionKind;
  readonly reason: string;
}

export interface CorpusTable {
  readonly name: string;
  /** As in CREATE TABLE. */
  readonly columns: string;
  /** `at 5 seconds`: the column and its delay. */
  readonly watermark: string | undefined;
  readonly rows: readonly (readonly (string | null)[])[];
}

export interface CorpusRecord {
  readonly kind: 'query' | 'error';
  /** Of its first line in the file, from 1. */
  readonly line: number;
  /** Comments and directives that are kept as they are. */
  readonly notes: readonly string[];
  readonly exclusions: readonly Exclusion[];
  /** Undefined: PostgreSQL's answer. */
  readonly golden: string | undefined;
  readonly placeDiffers: boolean;
  readonly types: readonly string[];
  readonly rowsort: boolean;
  readonly sql: string;
  /** Lines after `----`; undefined when there is none yet. */
  readonly expected: readonly string[] | undefined;
}

export interface CorpusFile {
  readonly name: string;
  /** Blocks before the records, as they are. */
  readonly header: readonly string[];
  readonly excludedModes: readonly Mode[];
  readonly tables: readonly CorpusTable[];
  readonly records: readonly CorpusRecord[];
}

export const NULL_TEXT = 'NULL';
const EMPTY_TEXT = '(empty)';
const RULE = '----';
const TABLE = /^table (\w+) \((.*)\)(?: watermark (.*))?$/;
const EXCLUDE = /^exclude (query|view) (unsupported|wrong|differs): (.+)$/;
const EXCLUDE_FILE = /^exclude-file (query|view): .+$/;
const HEAD = /^(query|error)\b ?(.*)$/;

export function parseCorpusFile(name: string, text: string): CorpusFile {
  const header: string[] = [];
  const excludedModes: Mode[] = [];
  const tables: CorpusTable[] = [];
  const records: CorpusRecord[] = [];
  let line = 1;
  for (const block of text.replace(/\n+$/, '').split('\n\n')) {
    const lines = block.split('\n').filter((each) => each !== '');
    const start = line;
    line += block.split('\n').length + 1;
    if (lines.length === 0) continue;
    if (lines.some((each) => HEAD.test(each))) {
      records.push(parseRecord(name, lines, start));
      continue;
    }
    header.push(lines.join('\n'));
    for (const each of lines) {
      const excluded = EXCLUDE_FILE.exec(each);
      if (excluded !== null) excludedModes.push(excluded[1] as Mode);
    }
    const table = lines.findIndex((each) => TABLE.test(each));
    if (table >= 0) tables.push(parseTable(lines.slice(table)));
  }
  return { name, header, excludedModes, tables, records };
}

function parseTable(lines: readonly string[]): CorpusTable {
  const [, name = '', columns = '', watermark] = TABLE.exec(lines[0]!)!;
  return { name, columns, watermark, rows: lines.slice(1).map((line) => line.split('\t').map(decodeValue)) };
}

function parseRecord(name: string, lines: readonly string[], line: number): CorpusRecord {
  const head = lines.findIndex((each) => HEAD.test(each));
  const [, kind, rest = ''] = HEAD.exec(lines[head]!)!;
  const words = rest.split(' ').filter((word) => word !== '');
  const before = lines.slice(0, head);
  const unknown = before.find((each) => !/^(# |exclude |golden |place differs: )/.test(each));
  if (unknown !== undefined) throw new Error(`${name}:${line}: "${unknown}" is no directive`);
  const rule = lines.indexOf(RULE, head);
  const golden = before.find((each) => each.startsWith('golden '));
  return {
    kind: kind as CorpusRecord['kind'],
    line,
    notes: before.filter((each) => !each.startsWith('exclude ')),
    exclusions: before.filter((each) => each.startsWith('exclude ')).map((each) => parseExclusion(name, line, each)),
    golden: golden?.slice('golden '.length),
    placeDiffers: before.some((each) => each.startsWith('place differs: ')),
    types: words.filter((word) => word !== 'rowsort'),
    rowsort: words.includes('rowsort'),
    sql: lines.slice(head + 1, rule < 0 ? undefined : rule).join('\n'),
    expected: rule < 0 ? undefined : lines.slice(rule + 1),
  };
}

function parseExclusion(name: string, line: number, text: string): Exclusion {
  const found = EXCLUDE.exec(text);
  if (found === null) throw new Error(`${name}:${line}: "${text}" names no mode, kind and reason`);
  return { mode: found[1] as Mode, kind: found[2] as ExclusionKind, reason: found[3]! };
}

export function formatCorpusFile(file: CorpusFile): string {
  const blocks = [...file.header, ...file.records.map(formatRecord)];
  return `${blocks.join('\n\n')}\n`;
}

function formatRecord(record: CorpusRecord): string {
  const { notes, exclusions, kind, types, rowsort, sql, expected } = record;
  const excluded = exclusions.map(({ mode, kind: why, reason }) => `exclude ${mode} ${why}: ${reason}`);
  const head = [kind, ...types, ...(rowsort ? ['rowsort'] : [])].join(' ');
  const after = expected === undefined ? [] : [RULE, ...expected];
  return [...notes, ...excluded, head, sql, ...after].join('\n');
}

export function encodeValue(value: string | null): string {
  if (value === null) return NULL_TEXT;
  if (value === '') return EMPTY_TEXT;
  if (value === NULL_TEXT || value === EMPTY_TEXT) return `\\${value}`;
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
  return escaped.replaceAll('\r', '\\r');
}

export function decodeValue(text: string): string | null {
  if (text === NULL_TEXT) return null;
  if (text === EMPTY_TEXT) return '';
  if (text === `\\${NULL_TEXT}` || text === `\\${EMPTY_TEXT}`) return text.slice(1);
  const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', '\\': '\\' };
  return text.replace(/\\([tnr\\])/g, (_, letter: string) => escapes[letter]!);
}

export const rowLine = (values: readonly (string | null)[]): string => values.map(encodeValue).join('\t');
