import { isUtf8 } from 'node:buffer';

/** Columns of a CSV record, at most. */
export const CSV_COLUMNS_MAX = 4_096;

/** What a column's text becomes in the JSON value. Text that does not fit stays a string, for the schema to refuse with its place. */
export type CsvType = 'string' | 'number' | 'boolean' | 'json';

export interface CsvColumn {
  /** Where the value goes in the JSON object; default: one key, the header's name. */
  readonly path?: readonly string[];
  readonly type: CsvType;
}

export interface CsvOptions {
  /** By name in the header row; columns that are not here become strings under their name. */
  readonly columns?: ReadonlyMap<string, CsvColumn>;
  /** Names of the columns when the input has no header row. */
  readonly header?: readonly string[];
  /** One character. Default: a comma. */
  readonly delimiter?: string;
}

export interface CsvError {
  /** 1-based line on which the record begins. */
  readonly line: number;
  readonly reason: 'malformed' | 'utf8';
  readonly message: string;
  readonly value: Uint8Array;
}

export interface CsvRows {
  /** One JSON object a line. */
  readonly ndjson: Uint8Array;
  /** Line of the input on which each of them begins; 1-based. */
  readonly lines: readonly number[];
  readonly errors: readonly CsvError[];
}

const LF = 10;
const CR = 13;
const QUOTE = 0x22;
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

interface Field {
  readonly text: string;
  readonly isQuoted: boolean;
}

type CsvRecord =
  | { readonly kind: 'fields'; readonly fields: readonly Field[]; readonly next: number }
  | { readonly kind: 'broken'; readonly message: string };

/** Reads records by RFC 4180: quoted fields may hold delimiters, doubled quotes and line breaks; lines end in CRLF or LF. */
class CsvReader {
  readonly #bytes: Buffer;
  readonly #delimiter: number;

  constructor(bytes: Buffer, delimiter: number) {
    this.#bytes = bytes;
    this.#delimiter = delimiter;
  }

  record(from: number): CsvRecord {
    const fields: Field[] = [];
    let at = from;
    for (;;) {
      const isQuoted = this.#bytes[at] === QUOTE;
      const end = isQuoted ? this.#quotedEnd(at) : this.#plainEnd(at);
      if (end < 0) return { kind: 'broken', message: 'a quoted field is not closed' };
      const isPlainWithQuote = !isQuoted && this.#bytes.subarray(at, end).includes(QUOTE);
      if (isPlainWithQuote) return { kind: 'broken', message: 'a quote inside a field that does not begin with one' };
      fields.push({ text: this.#text(at, end, isQuoted), isQuoted });
      if (fields.length > CSV_COLUMNS_MAX) return { kind: 'broken', message: `more than ${CSV_COLUMNS_MAX} columns` };
      const stop = this.#bytes[end];
      if (stop === this.#delimiter) {
        at = end + 1;
        continue;
      }
      if (stop === undefined || stop === LF) return { kind: 'fields', fields, next: end + 1 };
      if (stop === CR && (this.#bytes[end + 1] ?? LF) === LF) return { kind: 'fields', fields, next: end + 2 };
      return { kind: 'broken', message: 'text after the closing quote of a field' };
    }
  }

  #plainEnd(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    for (; at < bytes.length; at++) {
      const c = bytes[at];
      if (c === this.#delimiter || c === LF) break;
      if (c === CR && (bytes[at + 1] ?? LF) === LF) break;
    }
    return at;
  }

  /** Address after the closing quote, or -1. */
  #quotedEnd(from: number): number {
    let at = from + 1;
    for (;;) {
      at = this.#bytes.indexOf(QUOTE, at);
      if (at < 0) return -1;
      if (this.#bytes[at + 1] !== QUOTE) return at + 1;
      at += 2;
    }
  }

  #text(from: number, end: number, isQuoted: boolean): string {
    if (!isQuoted) return this.#bytes.toString('utf8', from, end);
    return this.#bytes.toString('utf8', from + 1, end - 1).replaceAll('""', '"');
  }
}

/** The JSON text of a field; undefined leaves the key out: an empty field that is not quoted has no value. */
function jsonOf(field: Field, type: CsvType): string | undefined {
  if (field.text === '' && !field.isQuoted) return undefined;
  if (type === 'number') {
    const trimmed = field.text.trim();
    if (JSON_NUMBER.test(trimmed)) return trimmed;
  } else if (type === 'boolean') {
    const lowered = field.text.trim().toLowerCase();
    if (lowered === 'true' || lowered === 't' || lowered === '1') return 'true';
    if (lowered === 'false' || lowered === 'f' || lowered === '0') return 'false';
  } else if (type === 'json') {
    try {
      return JSON.stringify(JSON.parse(field.text));
    } catch {
      // It stays a string.
    }
  }
  return JSON.stringify(field.text);
}

interface Tree {
  readonly keys: Map<string, Tree | number>;
}

/** Where each column goes: a tree of keys with the columns' numbers at its ends; of two columns of one place the last counts. */
function treeOf(header: readonly string[], columns: ReadonlyMap<string, CsvColumn> | undefined): Tree {
  const root: Tree = { keys: new Map() };
  header.forEach((name, index) => {
    const path = columns?.get(name)?.path ?? [name];
    let tree = root;
    for (const key of path.slice(0, -1)) {
      let inner = tree.keys.get(key);
      if (inner === undefined || typeof inner === 'number') {
        inner = { keys: new Map() };
        tree.keys.set(key, inner);
      }
      tree = inner;
    }
    tree.keys.set(path.at(-1) ?? name, index);
  });
  return root;
}

function objectText(tree: Tree, values: readonly (string | undefined)[]): string {
  const members: string[] = [];
  for (const [key, target] of tree.keys) {
    const text = typeof target === 'number' ? values[target] : objectText(target, values);
    if (text !== undefined) members.push(`${JSON.stringify(key)}:${text}`);
  }
  return `{${members.join(',')}}`;
}

function countLines(bytes: Buffer, from: number, to: number): number {
  let lines = 0;
  for (let at = bytes.indexOf(LF, from); at >= 0 && at < to; at = bytes.indexOf(LF, at + 1)) lines++;
  return lines;
}

/**
 * CSV (RFC 4180) to NDJSON, so that the rows go the way of all events: the decoder checks types and schema, and the log keeps JSON.
 * A broken record is reported with its line and bytes, and reading goes on at the next line.
 *
 * @example
 * ```ts
 * const rows = csvToNdjson(Buffer.from('id,amount\na,1.5\n'), { columns: new Map([['amount', { type: 'number' }]]) });
 * Buffer.from(rows.ndjson).toString(); // '{"id":"a","amount":1.5}\n'
 * ```
 */
export function csvToNdjson(input: Uint8Array, options: CsvOptions = {}): CsvRows {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  const reader = new CsvReader(bytes, (options.delimiter ?? ',').charCodeAt(0));
  const isAllUtf8 = isUtf8(bytes);
  const out: string[] = [];
  const lines: number[] = [];
  const errors: CsvError[] = [];
  let header = options.header;
  let tree = header === undefined ? undefined : treeOf(header, options.columns);
  let types: CsvType[] = (header ?? []).map((name) => options.columns?.get(name)?.type ?? 'string');
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  let line = 1;
  while (at < bytes.length) {
    const record = reader.record(at);
    const newline = bytes.indexOf(LF, at);
    const next =
      record.kind === 'fields' ? Math.min(record.next, bytes.length) : newline < 0 ? bytes.length : newline + 1;
    const refuse = (reason: CsvError['reason'], message: string) => {
      let end = next;
      if (bytes[end - 1] === LF) end -= bytes[end - 2] === CR ? 2 : 1;
      errors.push({ line, reason, message, value: bytes.subarray(at, Math.max(end, at)) });
    };
    if (record.kind === 'broken') refuse('malformed', record.message);
    else if (!isAllUtf8 && !isUtf8(bytes.subarray(at, next))) refuse('utf8', 'the bytes are no UTF-8');
    else if (isBlank(record.fields)) {
      // An empty line is no record.
    } else if (header === undefined || tree === undefined) {
      header = record.fields.map((field) => field.text.trim());
      tree = treeOf(header, options.columns);
      types = header.map((name) => options.columns?.get(name)?.type ?? 'string');
    } else if (record.fields.length !== header.length) {
      refuse('malformed', `${record.fields.length} fields where the header has ${header.length}`);
    } else {
      out.push(
        objectText(
          tree,
          record.fields.map((field, index) => jsonOf(field, types[index]!)),
        ),
      );
      lines.push(line);
    }
    line += countLines(bytes, at, next);
    at = next;
  }
  return { ndjson: Buffer.from(out.length === 0 ? '' : `${out.join('\n')}\n`, 'utf8'), lines, errors };
}

function isBlank(fields: readonly Field[]): boolean {
  return fields.length === 1 && fields[0]!.text === '' && !fields[0]!.isQuoted;
}
