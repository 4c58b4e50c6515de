import { parseDurationMs, parseDurationUs } from '../../base/duration.ts';
import { nearestName } from '../../base/nearest-name.ts';
import type { DataType } from '../../plan/data-type.ts';
import type { EmitPolicy } from '../../plan/node.ts';
import type { SourceText } from '../text/source-text.ts';
import { TokenReader } from '../text/token-reader.ts';
import { type Token, tokenize } from '../text/tokenizer.ts';
import { createLookup } from './lookup-statement.ts';
import type {
  ColumnDefinition,
  CreateAlert,
  CreateFunction,
  CreateMaterializedView,
  CreateSink,
  CreateSource,
  CreateView,
  NameAt,
  Statement,
  WatermarkDefinition,
} from './statement.ts';

/** Cuts a text at its semicolons and reads each statement of the streaming vocabulary. */
export function parseStatements(source: SourceText): readonly Statement[] {
  return splitStatements(tokenize(source)).map((tokens) => parseStatement(new TokenReader(source, tokens)));
}

/** Token runs between semicolons, each with its own `end`; empty ones are left out. */
export function splitStatements(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const statements: Token[][] = [];
  let current: Token[] = [];
  for (const token of tokens) {
    const closes = token.kind === 'end' || (token.kind === 'symbol' && token.value === ';');
    if (!closes) current.push(token);
    else if (current.length > 0) {
      statements.push([...current, { kind: 'end', value: '', start: token.start, end: token.start }]);
      current = [];
    }
  }
  return statements;
}

const STATEMENTS: Readonly<Record<string, (reader: TokenReader) => Statement>> = {
  source: (reader) => createSource(reader, false),
  table: (reader) => createSource(reader, true),
  view: createView,
  materialized: createMaterializedView,
  sink: createSink,
  function: createFunction,
  aggregate: createAggregate,
  lookup: (reader) => createLookup(reader, columnDefinition),
  alert: createAlert,
};

function parseStatement(reader: TokenReader): Statement {
  const first = reader.peek();
  if (reader.atWord('select') || reader.atWord('with')) {
    throw reader.source.error(first.start, 'a pipeline file holds CREATE statements, not queries', {
      next: 'write CREATE MATERIALIZED VIEW name AS SELECT ..., or ask the query with "headrace sql"',
    });
  }
  reader.expectWords('create');
  const what = reader.peek();
  const parse = what.kind === 'word' ? STATEMENTS[what.value] : undefined;
  if (parse === undefined) {
    const near = nearestName(what.value, Object.keys(STATEMENTS));
    throw reader.source.error(what.start, `CREATE ${what.value.toUpperCase()} is not known`, {
      next:
        near === undefined
          ? 'use CREATE SOURCE, TABLE, VIEW, MATERIALIZED VIEW, LOOKUP, SINK, FUNCTION, AGGREGATE or ALERT'
          : `did you mean CREATE ${near.toUpperCase()}?`,
    });
  }
  reader.take();
  const statement = parse(reader);
  reader.expectEnd();
  return statement;
}

/** A source of events, or with a primary key, a table that its topic keeps: of each key the last record. */
function createSource(reader: TokenReader, isTable: boolean): CreateSource {
  const name = reader.name();
  const columns: ColumnDefinition[] = [];
  let watermark: WatermarkDefinition | undefined;
  let primaryKey: readonly NameAt[] | undefined;
  const setKey = (keys: readonly NameAt[], at: number): void => {
    if (!isTable) {
      throw reader.source.error(at, 'a source has no PRIMARY KEY', { next: 'write CREATE TABLE' });
    }
    if (primaryKey !== undefined) {
      throw reader.source.error(at, 'the primary key is declared already', { next: 'write PRIMARY KEY (a, b)' });
    }
    primaryKey = keys;
  };
  reader.expectSymbol('(');
  do {
    const { start } = reader.peek();
    if (reader.atWord('watermark', 'for')) {
      if (watermark !== undefined) throw reader.expected('a column (the watermark is declared already)');
      watermark = watermarkDefinition(reader);
    } else if (reader.skipWords('primary', 'key')) setKey(reader.nameList(), start);
    else columns.push(columnDefinition(reader, setKey));
  } while (reader.skipSymbol(','));
  reader.expectSymbol(')');
  if (isTable && primaryKey === undefined) {
    throw reader.source.error(name.at, `table "${name.name}" has no PRIMARY KEY`, {
      next: 'add PRIMARY KEY (column), or write CREATE SOURCE for rows that are only added',
    });
  }
  return { kind: 'create-source', name, columns, watermark, primaryKey, options: reader.options() };
}

/** `name type [NOT NULL] [PRIMARY KEY] [FROM '$.json.path']`. */
function columnDefinition(
  reader: TokenReader,
  setKey?: (keys: readonly NameAt[], at: number) => void,
): ColumnDefinition {
  const { name, at } = reader.name();
  const type = reader.type();
  let nullable = true;
  let path: readonly string[] = [name];
  for (;;) {
    const { start } = reader.peek();
    if (reader.skipWords('not', 'null')) nullable = false;
    else if (setKey !== undefined && reader.skipWords('primary', 'key')) setKey([{ name, at }], start);
    else if (reader.skipWords('from')) {
      const text = reader.text("a JSON path such as '$.data.amount'");
      path = jsonPath(reader.source, text.value, text.at);
    } else if (!reader.skipWords('null')) return { name, at, type, nullable, path };
  }
}

const PATH_STEP = /\.([\p{L}_$][\p{L}\p{N}_$-]*)|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/uy;

/** The member steps of a JSON path (RFC 9535): `$.data.amount`, `$['user id']`. */
function jsonPath(source: SourceText, text: string, at: number): readonly string[] {
  const steps: string[] = [];
  let index = text.startsWith('$') ? 1 : -1;
  while (index >= 0 && index < text.length) {
    PATH_STEP.lastIndex = index;
    const match = PATH_STEP.exec(text);
    if (match === null) break;
    steps.push((match[1] ?? match[2] ?? match[3] ?? '').replace(/\\(.)/g, '$1'));
    index = PATH_STEP.lastIndex;
  }
  if (steps.length > 0 && index === text.length) return steps;
  throw source.error(at, `"${text}" is not a path of members`, { next: "write for example '$.data.amount'" });
}

/** `WATERMARK FOR column AS column [- INTERVAL 'delay']`. */
function watermarkDefinition(reader: TokenReader): WatermarkDefinition {
  const { at } = reader.name();
  reader.expectWords('for');
  const column = reader.name();
  reader.expectWords('as');
  const second = reader.name();
  if (second.name !== column.name) {
    throw reader.source.error(second.at, `the watermark for "${column.name}" must be made of "${column.name}"`);
  }
  if (!reader.skipSymbol('-')) return { column, delayUs: 0n, at };
  return { column, delayUs: interval(reader), at };
}

/** `INTERVAL 'duration'`, in microseconds. */
function interval(reader: TokenReader): bigint {
  reader.expectWords('interval');
  const text = reader.text('a duration');
  return reader.source.locate(text.at, () => parseDurationUs(text.value));
}

function createView(reader: TokenReader): CreateView {
  const name = reader.name();
  const options = reader.options();
  reader.expectWords('as');
  return { kind: 'create-view', name, options, query: reader.rangeUntil(() => false) };
}

function createMaterializedView(reader: TokenReader): CreateMaterializedView {
  reader.expectWords('view');
  const name = reader.name();
  const options = reader.options();
  reader.expectWords('as');
  const query = reader.rangeUntil((at) => EMIT_WORDS.some((word) => at.atWord('emit', word)));
  const emit = emitPolicy(reader);
  return { kind: 'create-materialized-view', name, options, query, emit };
}

const EMIT_WORDS = ['on', 'changes', 'every'] as const;

/** `EMIT CHANGES` (the default), `EMIT ON WINDOW CLOSE` or `EMIT EVERY [INTERVAL] 'duration'`. */
function emitPolicy(reader: TokenReader): EmitPolicy | undefined {
  if (reader.skipWords('emit', 'on')) {
    reader.expectWords('window', 'close');
    return { kind: 'final' };
  }
  if (!reader.skipWords('emit', 'every')) {
    return reader.skipWords('emit', 'changes') ? { kind: 'updates' } : undefined;
  }
  reader.skipWords('interval');
  const { value, at } = reader.text("a duration such as '5 seconds'");
  const intervalMs = reader.source.locate(at, () => parseDurationMs(value));
  if (intervalMs > 0) return { kind: 'every', intervalMs };
  throw reader.source.error(at, 'the interval must be longer than zero', {
    next: 'write EMIT CHANGES for every change',
  });
}

function createSink(reader: TokenReader): CreateSink {
  const name = reader.name();
  reader.expectWords('from');
  const from = reader.name();
  return { kind: 'create-sink', name, from, options: reader.options() };
}

/** `CREATE AGGREGATE name(arg type, ...) RETURNS type LANGUAGE typescript AS './file.ts#export'`. */
function createAggregate(reader: TokenReader): CreateFunction {
  const statement = createFunction(reader);
  if (!Array.isArray(statement.returns) && statement.options.size === 0) return { ...statement, isAggregate: true };
  const { name } = statement.name;
  throw reader.source.error(statement.name.at, `an aggregate gives one value, and has no options: "${name}"`, {
    code: 'SQL_NOT_SUPPORTED',
    next: 'declare RETURNS type, without WITH',
  });
}

/** `CREATE FUNCTION name(arg type, ...) RETURNS type | TABLE (...) LANGUAGE typescript AS './file.ts#export' [WITH (...)]`. */
function createFunction(reader: TokenReader): CreateFunction {
  const name = reader.name();
  const args: { name: string; type: DataType }[] = [];
  reader.expectSymbol('(');
  if (!reader.atSymbol(')')) {
    do args.push({ name: reader.name().name, type: reader.type() });
    while (reader.skipSymbol(','));
  }
  reader.expectSymbol(')');
  reader.expectWords('returns');
  const returns = reader.skipWords('table') ? tableColumns(reader) : reader.type();
  reader.expectWords('language', 'typescript', 'as');
  const { value, at } = reader.text("the file and export, such as './functions.ts#score'");
  const hash = value.lastIndexOf('#');
  if (value === '' || hash === 0 || hash === value.length - 1) {
    throw reader.source.error(at, `"${value}" does not name an export`, { next: "write './functions.ts#exportName'" });
  }
  const [file, exportName] = hash < 0 ? [value, name.name] : [value.slice(0, hash), value.slice(hash + 1)];
  return { kind: 'create-function', name, args, returns, file, exportName, options: reader.options(), at };
}

/** `(name type, ...)`. */
function tableColumns(reader: TokenReader): { name: string; type: DataType; at: number }[] {
  const columns: { name: string; type: DataType; at: number }[] = [];
  reader.expectSymbol('(');
  do columns.push({ ...reader.name(), type: reader.type() });
  while (reader.skipSymbol(','));
  reader.expectSymbol(')');
  return columns;
}

function createAlert(reader: TokenReader): CreateAlert {
  const name = reader.name();
  reader.expectWords('on');
  const view = reader.name();
  reader.expectWords('when');
  const clauseEnds = (at: TokenReader): boolean =>
    at.atWord('for', 'interval') ||
    (at.atWord('keys') && at.peek(1).value === '(') ||
    (at.atWord('with') && at.peek(1).value === '(');
  const condition = reader.rangeUntil(clauseEnds);
  const forMs = reader.skipWords('for') ? Number(interval(reader)) / 1000 : 0;
  const keys = reader.skipWords('keys') ? reader.nameList() : undefined;
  return { kind: 'create-alert', name, view, condition, forMs, keys, options: reader.options() };
}
