import { HeadraceError, messageOf } from '../../src/base/error.ts';
import type { Column, DataType } from '../../src/plan/data-type.ts';
import { valueToText } from '../../src/plan/value/value-text.ts';
import { type CorpusRecord, rowLine } from './corpus-file.ts';
import { ROW_ERROR, saysTheSame } from './sqlstate.ts';

/** What a mode makes of a record. */
export type Outcome =
  | { readonly kind: 'rows'; readonly types: readonly string[]; readonly rows: readonly string[] }
  /** `place` in the SQL of the record. */
  | { readonly kind: 'error'; readonly code: string; readonly place: string | undefined; readonly message: string };

export function rowsOutcome(columns: readonly Column[], rows: readonly (readonly unknown[])[]): Outcome {
  const lines = rows.map((row) =>
    rowLine(row.map((value, i) => (value === null ? null : outputText(value, columns[i]!.type)))),
  );
  return { kind: 'rows', types: columns.map(({ type }) => corpusTypeName(type)), rows: lines };
}

/** As PostgreSQL prints a value: `t` and `f` for booleans, else as a cast to text. */
function outputText(value: unknown, type: DataType): string {
  if (type.kind === 'boolean') return value === true ? 't' : 'f';
  return valueToText(value, type);
}

function corpusTypeName(type: DataType): string {
  if (type.kind === 'array') return `${corpusTypeName(type.element)}[]`;
  return type.kind === 'boolean' ? 'bool' : type.kind;
}

/** `lines`: how many lines of ours stand before the SQL. */
export function errorOutcome(error: unknown, lines = 0): Outcome {
  if (!(error instanceof HeadraceError)) {
    return { kind: 'error', code: 'INTERNAL', place: undefined, message: messageOf(error).split('\n')[0]! };
  }
  const { position, code } = error;
  const place = position === undefined ? undefined : `${position.line - lines}:${position.column}`;
  return { kind: 'error', code, place, message: error.message.replace(/^reading SQL at [^ ]*: /, '').split('\n')[0]! };
}

/**
 * The line of an error record that holds what Headrace says: where the query is read, or of a row of a view. Undefined when it does
 * not say what PostgreSQL says.
 */
export function headraceLine(postgres: string, query: Outcome, view: Outcome | undefined): string | undefined {
  const sqlstate = postgres.slice(0, postgres.indexOf(' '));
  for (const outcome of [query, view]) {
    if (outcome?.kind !== 'error' || !saysTheSame(sqlstate, outcome.code)) continue;
    const { code, place, message } = outcome;
    if (code === ROW_ERROR) return `${code} ${rowWords(message)}`;
    if (place !== undefined) return `${code} ${place} ${withoutAdvice(message)}`;
  }
  return undefined;
}

interface ExpectedError {
  readonly code: string;
  readonly place: string | undefined;
  readonly message: string;
}

function parseErrorLine(line: string | undefined): ExpectedError | undefined {
  const found = /^(\w+) (?:(\d+:\d+) )?(.*)$/.exec(line ?? '');
  return found === null ? undefined : { code: found[1]!, place: found[2], message: found[3]! };
}

/** Why the outcome is not what the record expects; undefined when it is. */
export function mismatch(record: CorpusRecord, outcome: Outcome): string | undefined {
  if (record.expected === undefined) return 'the record has no expectation';
  if (record.kind === 'error') return errorMismatch(record, outcome);
  if (outcome.kind === 'error') return `${outcome.code} ${outcome.message}`;
  const wanted = record.expected.map((row) => comparable(row, record.types));
  const found = outcome.rows.map((row) => comparable(row, outcome.types));
  const [expected, actual] = record.rowsort ? [wanted.sort(), found.sort()] : [wanted, found];
  if (actual.join('\n') !== expected.join('\n')) {
    const at = expected.findIndex((row, i) => row !== actual[i]);
    const i = at < 0 ? expected.length : at;
    const counted = actual.length === expected.length ? '' : ` (${actual.length} rows instead of ${expected.length})`;
    return `row ${i + 1} is ${shown(actual[i])} instead of ${shown(expected[i])}${counted}`;
  }
  if (outcome.types.join(' ') !== record.types.join(' ')) {
    return `types are ${outcome.types.join(' ')} instead of ${record.types.join(' ')}`;
  }
  return undefined;
}

/** How many zeros a numeric has at its end is compared where it is cast to text. */
function comparable(row: string, types: readonly string[]): string {
  if (!types.includes('numeric')) return row;
  return row
    .split('\t')
    .map((value, i) => (types[i] === 'numeric' && value.includes('.') ? value.replace(/\.?0+$/, '') : value))
    .join('\t');
}

const shown = (row: string | undefined): string => (row === undefined ? 'missing' : JSON.stringify(row));

function errorMismatch(record: CorpusRecord, outcome: Outcome): string | undefined {
  if (outcome.kind === 'rows') return `it gives ${outcome.rows.length} rows instead of an error`;
  const postgres = parseErrorLine(record.expected?.[0]);
  const ours = parseErrorLine(record.expected?.[1]);
  if (postgres === undefined || ours === undefined) return 'the record does not say what the error is';
  const said = `${outcome.code} ${outcome.place ?? '-'} ${outcome.message}`;
  if (!saysTheSame(postgres.code, ours.code)) return `${ours.code} is not what ${postgres.code} stands for`;
  if (ours.code === ROW_ERROR) {
    const isQuery = outcome.code === 'SERVING_QUERY_FAILED';
    return isQuery || (outcome.code === ROW_ERROR && rowWords(outcome.message) === ours.message)
      ? undefined
      : `it says: ${said}`;
  }
  if (!record.placeDiffers && postgres.place !== undefined && ours.place !== postgres.place) {
    return `the place is ${ours.place}, PostgreSQL's ${postgres.place}`;
  }
  const same =
    outcome.code === ours.code && outcome.place === ours.place && withoutAdvice(outcome.message) === ours.message;
  return same ? undefined : `it says: ${said}`;
}

/** What to do next names what there is, which grows. */
const withoutAdvice = (message: string): string => message.replace(/; .*$/, '');

/** The words about a row's value, without what stands around them. */
const rowWords = (message: string): string => withoutAdvice(message.replace(/^.*evaluating expression: /, ''));
