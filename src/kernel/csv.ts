import { isUtf8 } from 'node:buffer';

/** Columns of a CSV record, at most. */
export const CSV_COLUMNS_MAX = 4_096;

/**
 * What a column's text becomes in the JSON value; `guess`: a number or a boolean if it looks like one and is not quoted. Text
 * that does not fit stays a string, for the schema to refuse with its place.
 */
export type CsvType = 'string' | 'number' | 'boolean' | 'json' | 'guess';

export interface CsvColumn {
  /** Where the value goes in the JSON object; default: one key, the header's name. */
  readonly path?: readonly string[];
  readonly type: CsvType;
}

export interface CsvOptions {
  /** By name in the header row; columns that are not here are of the default type, under their name. */
  readonly columns?: ReadonlyMap<string, CsvColumn>;
  /** Of columns that `columns` does not name. Default: `string`. */
  readonly defaultType?: CsvType;
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

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const HEX = Buffer.from('0123456789abcdef');
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Reads one record at a time (RFC 4180); its fields are places in the input, so that none is an object. */
class CsvReader {
  readonly bytes: Buffer;
  readonly #delimiter: number;
  /** Of the record that was read last: where each field's text begins and ends, and whether it was quoted. */
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly quoted: boolean[] = [];
  fields = 0;
  /** Where the next record begins. */
  next = 0;

  constructor(bytes: Buffer, delimiter: number) {
    this.bytes = bytes;
    this.#delimiter = delimiter;
  }

  /** What is wrong with the record at `from`, or undefined. A broken record ends with its first line. */
  read(from: number): string | undefined {
    const { bytes } = this;
    this.fields = 0;
    for (let at = from; ; at++) {
      const isQuoted = bytes[at] === QUOTE;
      const start = isQuoted ? at + 1 : at;
      const end = isQuoted ? this.#quotedEnd(start) : this.#plainEnd(start);
      if (end < 0) return this.#broken(from, 'a quoted field is not closed');
      if (!isQuoted && this.#hasQuote(start, end)) {
        return this.#broken(from, 'a quote inside a field that does not begin with one');
      }
      if (this.fields === CSV_COLUMNS_MAX) return this.#broken(from, `more than ${CSV_COLUMNS_MAX} columns`);
      this.starts[this.fields] = start;
      this.ends[this.fields] = end;
      this.quoted[this.fields++] = isQuoted;
      at = isQuoted ? end + 1 : end;
      if (bytes[at] === this.#delimiter) continue;
      const isLineEnd = bytes[at] === CR && (bytes[at + 1] ?? LF) === LF;
      if (bytes[at] !== undefined && bytes[at] !== LF && !isLineEnd) {
        return this.#broken(from, 'text after the closing quote of a field');
      }
      this.next = Math.min(at + (isLineEnd ? 2 : 1), bytes.length);
      return undefined;
    }
  }

  #broken(from: number, message: string): string {
    const newline = this.bytes.indexOf(LF, from);
    this.next = newline < 0 ? this.bytes.length : newline + 1;
    return message;
  }

  #plainEnd(from: number): number {
    const { bytes } = this;
    let at = from;
    for (; at < bytes.length; at++) {
      const c = bytes[at];
      if (c === this.#delimiter || c === LF) break;
      if (c === CR && (bytes[at + 1] ?? LF) === LF) break;
    }
    return at;
  }

  /** Place of the closing quote, or -1. */
  #quotedEnd(from: number): number {
    let at = from;
    for (;;) {
      at = this.bytes.indexOf(QUOTE, at);
      if (at < 0 || this.bytes[at + 1] !== QUOTE) return at;
      at += 2;
    }
  }

  #hasQuote(from: number, to: number): boolean {
    for (let at = from; at < to; at++) if (this.bytes[at] === QUOTE) return true;
    return false;
  }

  get isBlank(): boolean {
    return this.fields === 1 && !this.quoted[0] && this.starts[0] === this.ends[0];
  }

  text(field: number): string {
    const text = this.bytes.toString('utf8', this.starts[field], this.ends[field]);
    return this.quoted[field] ? text.replaceAll('""', '"') : text;
  }
}

/** Where columns go: a key with the number of its column, or with the keys inside of it. */
interface Place {
  /** `"key":` */
  readonly key: Uint8Array;
  readonly to: number | readonly Place[];
}

interface Tree {
  readonly keys: Map<string, Tree | number>;
}

/** Of two columns of one place the last counts; columns without a name have no place. */
function placesOf(header: readonly string[], columns: ReadonlyMap<string, CsvColumn> | undefined): readonly Place[] {
  const root: Tree = { keys: new Map() };
  header.forEach((name, index) => {
    if (name === '') return;
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
  return placesIn(root);
}

function placesIn(tree: Tree): readonly Place[] {
  return [...tree.keys].map(([key, target]) => ({
    key: Buffer.from(`${JSON.stringify(key)}:`),
    to: typeof target === 'number' ? target : placesIn(target),
  }));
}

/** Writes records as lines of JSON into memory that grows; nothing is allocated per record but what numbers take. */
class LineWriter {
  readonly #reader: CsvReader;
  readonly #places: readonly Place[];
  readonly #types: readonly CsvType[];
  #out: Uint8Array;
  #length = 0;

  constructor(reader: CsvReader, places: readonly Place[], types: readonly CsvType[]) {
    this.#reader = reader;
    this.#places = places;
    this.#types = types;
    this.#out = new Uint8Array(reader.bytes.length * 2 + 256);
  }

  written(): Uint8Array {
    return this.#out.subarray(0, this.#length);
  }

  line(): void {
    this.#object(this.#places);
    this.#byte(LF);
  }

  #object(places: readonly Place[]): void {
    const { starts, ends, quoted } = this.#reader;
    this.#byte(OPEN);
    let isFirst = true;
    for (const { key, to } of places) {
      // An empty field that is not quoted has no value: its key is left out, as in PostgreSQL's COPY.
      if (typeof to === 'number' && !quoted[to] && starts[to] === ends[to]) continue;
      if (!isFirst) this.#byte(COMMA);
      isFirst = false;
      this.#bytes(key);
      if (typeof to === 'number') this.#value(to);
      else this.#object(to);
    }
    this.#byte(CLOSE);
  }

  #value(field: number): void {
    const type = this.#types[field]!;
    const isPlain = type === 'string' || (type === 'guess' && this.#reader.quoted[field]);
    const literal = isPlain ? undefined : literalOf(this.#reader.text(field), type);
    if (literal === undefined) this.#string(field);
    else this.#bytes(Buffer.from(literal));
  }

  /** The text is UTF-8: only quotes, backslashes and control characters are escaped (RFC 8259, section 7). */
  #string(field: number): void {
    const { bytes, starts, ends, quoted } = this.#reader;
    const end = ends[field]!;
    const isQuoted = quoted[field]!;
    this.#byte(QUOTE);
    for (let at = starts[field]!; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE && isQuoted) at++;
      if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) this.#byte(byte);
      else this.#escape(byte);
    }
    this.#byte(QUOTE);
  }

  #escape(byte: number): void {
    this.#byte(BACKSLASH);
    if (byte === QUOTE || byte === BACKSLASH) {
      this.#byte(byte);
      return;
    }
    this.#bytes(CONTROL);
    this.#byte(HEX[byte >> 4]!);
    this.#byte(HEX[byte & 15]!);
  }

  #bytes(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) this.#byte(bytes[i]!);
  }

  #byte(byte: number): void {
    if (this.#length === this.#out.length) {
      const larger = new Uint8Array(this.#out.length * 2);
      larger.set(this.#out);
      this.#out = larger;
    }
    this.#out[this.#length++] = byte;
  }
}

const CONTROL = Buffer.from('u00');

/** The JSON text of a field that is not a string; undefined when it is one after all. */
function literalOf(text: string, type: CsvType): string | undefined {
  if (type === 'json') {
    try {
      return JSON.stringify(JSON.parse(text));
    } catch {
      return undefined;
    }
  }
  const trimmed = text.trim();
  if (type !== 'boolean' && JSON_NUMBER.test(trimmed)) return trimmed;
  if (type === 'number') return undefined;
  const lowered = trimmed.toLowerCase();
  if (lowered === 'true' || lowered === 'false') return lowered;
  if (type === 'guess') return undefined;
  if (lowered === 't' || lowered === '1') return 'true';
  return lowered === 'f' || lowered === '0' ? 'false' : undefined;
}

function countLines(bytes: Buffer, from: number, to: number): number {
  let lines = 0;
  for (let at = bytes.indexOf(LF, from); at >= 0 && at < to; at = bytes.indexOf(LF, at + 1)) lines++;
  return lines;
}

/** The record without its line end. */
function recordBytes(bytes: Buffer, from: number, next: number): Uint8Array {
  let end = next;
  if (bytes[end - 1] === LF) end -= bytes[end - 2] === CR ? 2 : 1;
  return bytes.subarray(from, Math.max(end, from));
}

/**
 * CSV (RFC 4180) to NDJSON, so that the rows go the way of all events: the decoder checks types and schema, and the log keeps JSON.
 * Numbers keep their exact text. Columns without a name are left out; blank lines are no records. A broken record is reported
 * with its line and bytes, and reading goes on at the next line.
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
  const lines: number[] = [];
  const errors: CsvError[] = [];
  let header = options.header;
  let writer = header === undefined ? undefined : writerOf(reader, header, options);
  let line = 1;
  for (let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0; at < bytes.length; ) {
    const broken = reader.read(at);
    const { next } = reader;
    const refuse = (reason: CsvError['reason'], message: string) =>
      errors.push({ line, reason, message, value: recordBytes(bytes, at, next) });
    if (broken !== undefined) refuse('malformed', broken);
    else if (!isAllUtf8 && !isUtf8(bytes.subarray(at, next))) refuse('utf8', 'the bytes are no UTF-8');
    else if (reader.isBlank) {
      // An empty line is no record.
    } else if (header === undefined || writer === undefined) {
      header = Array.from({ length: reader.fields }, (_, field) => reader.text(field).trim());
      writer = writerOf(reader, header, options);
    } else if (reader.fields !== header.length) {
      refuse('malformed', `${reader.fields} fields where the header has ${header.length}`);
    } else {
      writer.line();
      lines.push(line);
    }
    line += countLines(bytes, at, next);
    at = next;
  }
  return { ndjson: writer?.written() ?? new Uint8Array(0), lines, errors };
}

function writerOf(reader: CsvReader, header: readonly string[], options: CsvOptions): LineWriter {
  const types = header.map((name) => options.columns?.get(name)?.type ?? options.defaultType ?? 'string');
  return new LineWriter(reader, placesOf(header, options.columns), types);
}
