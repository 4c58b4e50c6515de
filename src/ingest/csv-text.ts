import type { RefusedRow } from './framer.ts';

/** What the values of a column become; `guess`: a JSON number or boolean if they look like one, else a string. */
export type CsvColumnType = 'string' | 'number' | 'boolean' | 'guess';

export interface CsvText {
  /** One JSON object a row. */
  readonly ndjson: Uint8Array;
  /** Of each row of `ndjson`, its first line in the CSV, from 1. */
  readonly lines: readonly number[];
  /** Rows whose number of fields is not that of the header, or whose quotes do not end. */
  readonly refused: readonly RefusedRow[];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;
const BACKSLASH = 0x5c;
const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const HEX = '0123456789abcdef';

/**
 * CSV (RFC 4180; first row is the header) to NDJSON. Numbers keep their exact text. An empty field without quotes is
 * no value, as in PostgreSQL's COPY: its key is left out. Columns without a name are left out. Blank lines are no rows.
 */
export function convertCsv(csv: Uint8Array, typeOf: (column: string) => CsvColumnType): CsvText {
  return new CsvConverter(csv, typeOf).convert();
}

/** A converter works on bytes and makes no object per row. */
class CsvConverter {
  readonly #csv: Uint8Array;
  readonly #typeOf: (column: string) => CsvColumnType;
  #out: Uint8Array;
  #length = 0;
  #at = 0;
  #line = 1;
  /** Of the row that was read last: where each field's text begins and ends, and whether it was quoted. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #quoted: boolean[] = [];
  #fields = 0;

  constructor(csv: Uint8Array, typeOf: (column: string) => CsvColumnType) {
    this.#csv = csv;
    this.#typeOf = typeOf;
    this.#out = new Uint8Array(csv.length * 2 + 256);
  }

  convert(): CsvText {
    const lines: number[] = [];
    const refused: RefusedRow[] = [];
    const columns = this.#header();
    while (columns.length > 0 && this.#at < this.#csv.length) {
      const [start, line] = [this.#at, this.#line];
      const complete = this.#readRow();
      if (complete && this.#isBlank()) continue;
      if (complete && this.#fields === columns.length) {
        this.#writeRow(columns);
        lines.push(line);
        continue;
      }
      const message = complete
        ? `the row has ${this.#fields} fields, the header has ${columns.length}`
        : 'a quoted field does not end';
      refused.push({ line, reason: 'malformed', pointer: undefined, message, bytes: this.#rowBytes(start) });
    }
    return { ndjson: this.#out.subarray(0, this.#length), lines, refused };
  }

  #header(): readonly { readonly key: Uint8Array; readonly type: CsvColumnType }[] {
    this.#readRow();
    const columns: { key: Uint8Array; type: CsvColumnType }[] = [];
    for (let field = 0; field < this.#fields; field++) {
      const name = this.#text(field).trim();
      const key = name === '' ? new Uint8Array() : Buffer.from(`${JSON.stringify(name)}:`);
      columns.push({ key, type: this.#typeOf(name) });
    }
    return columns.some((column) => column.key.length > 0) ? columns : [];
  }

  /** Finds the fields of one row and goes past its end; false when a quote does not end. */
  #readRow(): boolean {
    const csv = this.#csv;
    this.#fields = 0;
    for (;;) {
      const quoted = csv[this.#at] === QUOTE;
      const start = quoted ? this.#at + 1 : this.#at;
      const end = quoted ? this.#endOfQuoted(start) : this.#endOfPlain(start);
      if (end < 0) {
        this.#at = csv.length;
        return false;
      }
      this.#starts[this.#fields] = start;
      this.#ends[this.#fields] = end;
      this.#quoted[this.#fields++] = quoted;
      // Text between a closing quote and the comma belongs to nobody: the row is told apart by its next separator.
      this.#at = quoted ? this.#endOfPlain(end + 1) : end;
      const separator = csv[this.#at];
      this.#at++;
      if (separator === COMMA) continue;
      if (separator === CR && csv[this.#at] === LF) this.#at++;
      this.#line++;
      return true;
    }
  }

  #endOfPlain(from: number): number {
    const csv = this.#csv;
    let at = from;
    while (at < csv.length) {
      const byte = csv[at]!;
      if (byte === COMMA || byte === LF || (byte === CR && csv[at + 1] === LF)) break;
      at++;
    }
    return at;
  }

  #endOfQuoted(from: number): number {
    const csv = this.#csv;
    for (let at = from; at < csv.length; at++) {
      if (csv[at] === LF) this.#line++;
      if (csv[at] !== QUOTE) continue;
      if (csv[at + 1] !== QUOTE) return at;
      at++;
    }
    return -1;
  }

  #isBlank(): boolean {
    return this.#fields === 1 && !this.#quoted[0] && this.#starts[0] === this.#ends[0];
  }

  #rowBytes(start: number): Uint8Array {
    let end = Math.min(this.#at, this.#csv.length);
    while (end > start && (this.#csv[end - 1] === LF || this.#csv[end - 1] === CR)) end--;
    return this.#csv.slice(start, end);
  }

  #writeRow(columns: readonly { readonly key: Uint8Array; readonly type: CsvColumnType }[]): void {
    this.#byte(0x7b);
    let first = true;
    for (let field = 0; field < columns.length; field++) {
      const { key, type } = columns[field]!;
      if (key.length === 0 || (!this.#quoted[field] && this.#starts[field] === this.#ends[field])) continue;
      if (!first) this.#byte(COMMA);
      first = false;
      this.#bytes(key, 0, key.length);
      this.#writeValue(field, type);
    }
    this.#byte(0x7d);
    this.#byte(LF);
  }

  #writeValue(field: number, type: CsvColumnType): void {
    if (type !== 'string' && !(type === 'guess' && this.#quoted[field])) {
      const text = this.#text(field).trim();
      const literal = literalOf(text, type);
      if (literal !== undefined) {
        this.#ascii(literal);
        return;
      }
    }
    this.#writeString(field);
  }

  /** The bytes as a JSON string; bytes that are no UTF-8 stay, and are refused by whoever reads the row. */
  #writeString(field: number): void {
    const end = this.#ends[field]!;
    const quoted = this.#quoted[field]!;
    this.#byte(QUOTE);
    for (let at = this.#starts[field]!; at < end; at++) {
      const byte = this.#csv[at]!;
      if (byte === QUOTE && quoted) at++;
      if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) this.#byte(byte);
      else this.#escape(byte);
    }
    this.#byte(QUOTE);
  }

  #escape(byte: number): void {
    if (byte === QUOTE || byte === BACKSLASH) {
      this.#byte(BACKSLASH);
      this.#byte(byte);
    } else this.#ascii(`\\u00${HEX[byte >> 4]!}${HEX[byte & 15]!}`);
  }

  #text(field: number): string {
    const { buffer, byteOffset } = this.#csv;
    const start = this.#starts[field]!;
    const text = Buffer.from(buffer, byteOffset + start, this.#ends[field]! - start).toString('utf8');
    return this.#quoted[field] ? text.replaceAll('""', '"') : text;
  }

  #ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.#byte(text.charCodeAt(i));
  }

  #bytes(source: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; at++) this.#byte(source[at]!);
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

/** The JSON number or boolean that a text is, if its column may be one. */
function literalOf(text: string, type: CsvColumnType): string | undefined {
  if (type !== 'boolean' && JSON_NUMBER.test(text)) return text;
  if (type === 'number') return undefined;
  const isBoolean = type === 'boolean' ? /^(true|false|t|f)$/i : /^(true|false)$/i;
  if (!isBoolean.test(text)) return undefined;
  return /^t/i.test(text) ? 'true' : 'false';
}
