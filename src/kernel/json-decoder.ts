import { HeadraceError } from '../base/error.ts';
import { BATCH_ROWS_MAX, type ColumnBatch, type ColumnVector, PHYSICAL_WIDTH } from './column.ts';
import { buildJsonShape, type JsonField, type JsonShape, type JsonType, NODE, physicalOfField } from './json-shape.ts';
import type { Kernel } from './kernel.ts';

/** Nesting that is refused beyond this, unless the decoder was told otherwise. */
export const JSON_DEPTH_MAX = 512;
/** The most that a decoder can be told. */
export const JSON_DEPTH_LIMIT = 65_535;

/** Why a row was refused; by code, as in assembly/shape.ts. */
export const ROW_ERRORS = [
  'none',
  'malformed',
  'utf8',
  'depth',
  'type',
  'range',
  'missing',
  'null',
  'duplicate_key',
  'enum',
  'minimum',
  'maximum',
  'min_length',
  'max_length',
  'format',
  'absent_value',
] as const;
export type RowErrorReason = (typeof ROW_ERRORS)[number];

/** Why the input as a whole cannot be read on; by code, as in assembly/decoder.ts. */
export const INPUT_ERRORS = ['none', 'malformed', 'truncated', 'crc', 'compressed', 'magic', 'record'] as const;
export type InputErrorReason = (typeof INPUT_ERRORS)[number];

/**
 * `lines`: NDJSON; `array`: a JSON array, a row an element; `one`: a single JSON text, of any white space;
 * `records`: Kafka record batches (magic 2, not compressed), a row a record's value.
 */
export type JsonInputFormat = 'lines' | 'array' | 'one' | 'records';

export interface JsonDecoderOptions {
  /** Containers open at once, at most. Default {@link JSON_DEPTH_MAX}. */
  readonly depthMax?: number;
  /** Refuses a row in which a key of a field (or on its path) comes twice in one object; else the last one counts. */
  readonly refuseDuplicateKeys?: boolean;
  /** What the row itself may be. Default: an object. */
  readonly rootTypes?: readonly JsonType[];
  /** Rows a call, at most. Default and limit: BATCH_ROWS_MAX. */
  readonly rowsMax?: number;
  /** Compares the CRC-32C of every record batch. Default true. */
  readonly verifyCrc?: boolean;
}

/** Addresses of what is known about each row. */
export interface RowFacts {
  /** u32 error code, 0 for a row that was taken. */
  readonly status: number;
  /** u32 address and u32 length of the row's exact bytes. */
  readonly valueStart: number;
  readonly valueLength: number;
  /** u32 line (`lines`), counted on from call to call. */
  readonly line: number;
  /** i64; `records` only. */
  readonly offset: number;
  /** i64, milliseconds; `records` only. */
  readonly timestamp: number;
  /** The record's key; `records` only. */
  readonly key: ColumnVector;
}

/** A batch in the kernel's arena: the rows that were taken are selected. Valid until the arena is reset. */
export interface DecodedBatch extends ColumnBatch {
  readonly facts: RowFacts;
  /** Rows refused; their columns are null. */
  readonly refused: number;
  /** Where in the input the next call goes on, from its start; its length when all was read. */
  readonly consumed: number;
  /** Set when the rest of the input cannot be read. */
  readonly inputError: { readonly reason: InputErrorReason; readonly position: number } | undefined;
}

export interface RowError {
  readonly row: number;
  readonly reason: RowErrorReason;
  /** Byte in the row's value. */
  readonly position: number;
  /** Path of the value that is to blame, undefined for the row as a whole. */
  readonly path: readonly string[] | undefined;
}

/** Offsets as in assembly/decoder.ts. */
const CONTEXT_BYTES = 128;
const CONTEXT = {
  nodes: 0,
  nodesEnd: 4,
  rowsMax: 8,
  depthMax: 12,
  refuseDuplicates: 16,
  verifyCrc: 20,
  status: 24,
  errorAt: 28,
  errorNode: 32,
  valueStart: 36,
  valueLength: 40,
  offsets: 44,
  timestamps: 48,
  keys: 52,
  keyNulls: 56,
  next: 60,
  errorRows: 64,
  inputError: 68,
  inputErrorAt: 72,
  arrayState: 76,
  batchRecords: 80,
  batchLeft: 104,
  lines: 108,
  line: 112,
} as const;

/**
 * Decodes JSON into the columns of its fields, checking all of it (RFC 8259). Made by {@link createJsonDecoder}.
 *
 * A text that is no JSON refuses its row alone; in NDJSON the next row begins after the next newline. Of a key that comes
 * twice the last value counts, as with JSON.parse. An escaped surrogate without its other half becomes U+FFFD in text columns.
 * No object is made per row.
 */
export class JsonDecoder {
  readonly fields: readonly JsonField[];
  readonly #kernel: Kernel;
  readonly #shape: JsonShape;
  readonly #context: number;
  readonly #rowsMax: number;
  #errorAt = 0;
  #errorNode = 0;
  #status = 0;

  constructor(kernel: Kernel, fields: readonly JsonField[], options: JsonDecoderOptions) {
    this.fields = fields;
    this.#kernel = kernel;
    this.#rowsMax = Math.min(options.rowsMax ?? BATCH_ROWS_MAX, BATCH_ROWS_MAX);
    this.#shape = buildJsonShape(kernel, fields, options.rootTypes ?? ['object']);
    this.#context = kernel.exports.allocZeroed(CONTEXT_BYTES) >>> 0;
    this.#put('nodes', this.#shape.nodes);
    this.#put('nodesEnd', this.#shape.nodesEnd);
    this.#put('depthMax', Math.min(options.depthMax ?? JSON_DEPTH_MAX, JSON_DEPTH_LIMIT));
    this.#put('refuseDuplicates', options.refuseDuplicateKeys ? 1 : 0);
    this.#put('verifyCrc', (options.verifyCrc ?? true) ? 1 : 0);
  }

  #put(name: keyof typeof CONTEXT, value: number): void {
    this.#kernel.u32()[(this.#context + CONTEXT[name]) >>> 2] = value;
  }

  #get(name: keyof typeof CONTEXT): number {
    return this.#kernel.u32()[(this.#context + CONTEXT[name]) >>> 2]!;
  }

  /** Copies the input into the arena and decodes its first rows; for inputs that fit one call. */
  decodeBytes(format: JsonInputFormat, bytes: Uint8Array): DecodedBatch {
    this.begin();
    return this.decode(format, this.#kernel.arenaCopy(bytes), bytes.length);
  }

  /** Ahead of a new input: forgets where the last one was left. */
  begin(): void {
    this.#put('arrayState', 0);
    this.#put('batchRecords', 0);
    this.#put('batchLeft', 0);
    this.#put('line', 0);
  }

  /**
   * Decodes up to `rowsMax` rows of the input at `pointer`, which INPUT_PADDING_BYTES more must follow (`kernel.arenaInput`);
   * the byte after the input is overwritten. While `consumed` is below `length`, call again with `from` set to it.
   * Columns and facts are new ones in the arena at every call; strings point into the input.
   */
  decode(format: JsonInputFormat, pointer: number, length: number, from = 0): DecodedBatch {
    // The shortest row is a digit and its newline, or an empty record of 6 bytes.
    const rowsMax = Math.min(this.#rowsMax, ((length - from) >>> 1) + 1);
    const columns = this.#allocateColumns(rowsMax);
    const facts = this.#allocateFacts(format, rowsMax);
    const start = (pointer + from) >>> 0;
    const end = (pointer + length) >>> 0;
    const rows = this.#run(format, start, end);
    const refused = this.#get('errorRows');
    const reason = INPUT_ERRORS[this.#get('inputError')]!;
    return {
      rows,
      columns,
      selection: refused === 0 ? 0 : this.#select(rows, rows - refused),
      selected: rows - refused,
      weights: 0,
      facts,
      refused,
      consumed: this.#get('next') - pointer,
      inputError: reason === 'none' ? undefined : { reason, position: this.#get('inputErrorAt') - pointer },
    };
  }

  /** What was wrong with the refused rows of the last batch; to be asked before the arena is reset. */
  errors(batch: DecodedBatch): RowError[] {
    if (batch.refused === 0) return [];
    const words = this.#kernel.u32();
    const errors: RowError[] = [];
    for (let row = 0; row < batch.rows; row++) {
      const code = words[(this.#status >>> 2) + row]!;
      if (code === 0) continue;
      const node = words[(this.#errorNode >>> 2) + row]! | 0;
      const path = node < 0 ? undefined : this.#shape.paths[node];
      errors.push({ row, reason: ROW_ERRORS[code]!, position: words[(this.#errorAt >>> 2) + row]!, path });
    }
    return errors;
  }

  /** The exact bytes of a row, as a view: copy what is kept. */
  valueOf(batch: DecodedBatch, row: number): Uint8Array {
    const words = this.#kernel.u32();
    const start = words[(batch.facts.valueStart >>> 2) + row]!;
    return this.#kernel.u8().subarray(start, start + words[(batch.facts.valueLength >>> 2) + row]!);
  }

  #allocateColumns(rowsMax: number): ColumnVector[] {
    const kernel = this.#kernel;
    const columns: ColumnVector[] = [];
    this.#put('rowsMax', rowsMax);
    this.fields.forEach((field, index) => {
      const physical = physicalOfField(field);
      if (physical === undefined) return;
      const data = kernel.arenaAlloc(rowsMax * PHYSICAL_WIDTH[physical]);
      const nulls = kernel.arenaAlloc(rowsMax);
      const node = this.#shape.fieldNodes[index]!;
      kernel.u32()[(node + NODE.data) >>> 2] = data;
      kernel.u32()[(node + NODE.nulls) >>> 2] = nulls;
      columns.push({ physical, data, nulls });
    });
    return columns;
  }

  #allocateFacts(format: JsonInputFormat, rowsMax: number): RowFacts {
    const room = (name: keyof typeof CONTEXT, width: number) => {
      const pointer = this.#kernel.arenaAlloc(rowsMax * width);
      this.#put(name, pointer);
      return pointer;
    };
    this.#status = room('status', 4);
    this.#errorAt = room('errorAt', 4);
    this.#errorNode = room('errorNode', 4);
    const isRecords = format === 'records';
    return {
      status: this.#status,
      valueStart: room('valueStart', 4),
      valueLength: room('valueLength', 4),
      line: format === 'lines' ? room('lines', 4) : 0,
      offset: isRecords ? room('offsets', 8) : 0,
      timestamp: isRecords ? room('timestamps', 8) : 0,
      key: { physical: 'str', data: isRecords ? room('keys', 16) : 0, nulls: isRecords ? room('keyNulls', 1) : 0 },
    };
  }

  #run(format: JsonInputFormat, start: number, end: number): number {
    const { exports } = this.#kernel;
    switch (format) {
      case 'lines':
        return exports.decodeLines(this.#context, start, end);
      case 'array':
        return exports.decodeArray(this.#context, start, end);
      case 'one':
        return exports.decodeOne(this.#context, start, end);
      case 'records':
        return exports.decodeRecords(this.#context, start, end);
    }
  }

  #select(rows: number, selected: number): number {
    const selection = this.#kernel.arenaAlloc(Math.max(selected, 1) * 4);
    const words = this.#kernel.u32();
    let at = selection >>> 2;
    for (let row = 0; row < rows; row++) if (words[(this.#status >>> 2) + row] === 0) words[at++] = row;
    return selection;
  }
}

/**
 * A decoder for these fields; columns come in their order (`check` fields have none).
 *
 * @throws HeadraceError `KERNEL_FIELD_INVALID` for two fields of one path, or a row taken as anything but jsonb
 * @example
 * ```ts
 * const kernel = Kernel.create();
 * const decoder = createJsonDecoder(kernel, [{ path: ['data', 'amount'], kind: 'float8' }]);
 * const batch = decoder.decodeBytes('lines', Buffer.from('{"data":{"amount":12.5}}\n{"data":1}\n'));
 * kernel.f64()[batch.columns[0]!.data / 8]; // 12.5
 * ```
 */
export function createJsonDecoder(
  kernel: Kernel,
  fields: readonly JsonField[],
  options: JsonDecoderOptions = {},
): JsonDecoder {
  const known = new Set<string>();
  for (const field of fields) {
    const path = JSON.stringify(field.path);
    const isRow = field.path.length === 0 && field.kind !== 'jsonb' && field.kind !== 'check';
    if (known.has(path) || isRow) {
      throw new HeadraceError(
        isRow
          ? `decoding JSON: the row itself cannot be ${field.kind}`
          : `decoding JSON: two fields of the path ${path}`,
        { code: 'KERNEL_FIELD_INVALID', domain: 'kernel', next: isRow ? 'use jsonb' : 'name it once' },
      );
    }
    known.add(path);
  }
  return new JsonDecoder(kernel, fields, options);
}
