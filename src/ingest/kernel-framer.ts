import { HeadraceError } from '../base/error.ts';
import { type CsvColumn, type CsvRows, csvToNdjson } from '../kernel/csv.ts';
import type { DecodedBatch, JsonDecoder, JsonInputFormat, RowError } from '../kernel/json-decoder.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { encodeRecordBatches } from '../kernel/record-batch.ts';
import type { Append } from '../log/log.ts';
import { BatchMemory } from './batch-memory.ts';
import { lengthOf, partsOf } from './body-bytes.ts';
import type { FramedBody, FramedGroup, FrameGroupInput, FrameInput, Framer, RefusedRow } from './framer.ts';
import { frameGroup } from './group-framer.ts';
import type { BodyBytes } from './ingest.ts';
import { REFUSED_ROWS_MAX, SMALL_BODY_BYTES_MAX } from './limits.ts';
import { refusalOf } from './row-refusal.ts';
import { type TopicDecoder, TopicDecoders } from './topic-decoder.ts';

const NOTHING_FRAMED: FramedGroup = { appends: [], rows: [] };
const LEFT_BRACKET = 0x5b;
const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

/**
 * Checks and frames bodies in the kernel: the body is copied into its memory once, scanned once, and copied out once as
 * record batches. No object is made per row that passes, unless the schema has keywords that only the fallback knows.
 */
export class KernelFramer implements Framer {
  readonly #kernel: Kernel;
  readonly #decoders: TopicDecoders;
  readonly #memory = new BatchMemory();
  /** Rows without a key go to one partition a body, in turn. */
  #turn = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#decoders = new TopicDecoders(kernel);
  }

  frame(input: FrameInput): FramedBody {
    this.#kernel.arenaReset();
    const topicDecoder = this.#decoders.of(input.topic, input.schema, input.limits.depthMax);
    const turn = this.#turn++ % input.topic.partitions;
    const pass = new FramePass(this.#kernel, topicDecoder, input, turn, (bytes) => this.#memory.take(bytes));
    try {
      this.#run(pass, input, topicDecoder);
    } catch (error) {
      this.release(pass.appends);
      throw error;
    }
    return pass;
  }

  #run(pass: FramePass, input: FrameInput, topicDecoder: TopicDecoder): void {
    if (input.format === 'csv') {
      pass.csv(csvToNdjson(wholeOf(input.body), { columns: csvColumns(topicDecoder), defaultType: 'guess' }));
    } else {
      const parts = partsOf(input.body);
      const bytes = lengthOf(input.body);
      const pointer = this.#place(parts, bytes);
      const mark = byteOrderMarkBytes(this.#kernel.u8().subarray(pointer, pointer + bytes));
      const format = formatOf(input.format, this.#kernel.u8().subarray(pointer + mark, pointer + bytes));
      pass.json(format, pointer + mark, bytes - mark);
    }
  }

  frameGroup(input: FrameGroupInput): FramedGroup {
    const { topic, schema, limits } = input;
    if (schema?.fallback !== undefined || limits.lineBytesMax < SMALL_BODY_BYTES_MAX) return NOTHING_FRAMED;
    this.#kernel.arenaReset();
    const topicDecoder = this.#decoders.of(topic, schema, limits.depthMax);
    const turn = this.#turn++ % topic.partitions;
    return frameGroup(this.#kernel, topicDecoder, input, turn, (bytes) => this.#memory.take(bytes));
  }

  release(appends: readonly Append[]): void {
    for (const { batch } of appends) this.#memory.release(batch);
  }

  /** The parts of a body, one after another in the kernel's arena. */
  #place(parts: readonly Uint8Array[], bytes: number): number {
    const pointer = this.#kernel.arenaInput(bytes);
    const memory = this.#kernel.u8();
    let at = pointer;
    for (const part of parts) {
      memory.set(part, at);
      at += part.length;
    }
    return pointer;
  }
}

function wholeOf(body: BodyBytes): Uint8Array {
  const parts = partsOf(body);
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function byteOrderMarkBytes(body: Uint8Array): number {
  return BYTE_ORDER_MARK.every((byte, at) => body[at] === byte) ? BYTE_ORDER_MARK.length : 0;
}

function formatOf(format: 'json' | 'ndjson', body: Uint8Array): JsonInputFormat {
  if (format === 'ndjson') return 'lines';
  let at = 0;
  while (body[at] === 0x20 || body[at] === 0x09 || body[at] === 0x0a || body[at] === 0x0d) at++;
  return body[at] === LEFT_BRACKET ? 'array' : 'one';
}

/** How the columns that the schema knows become JSON. */
function csvColumns(topicDecoder: TopicDecoder): ReadonlyMap<string, CsvColumn> {
  const columns = new Map<string, CsvColumn>();
  for (const { path, types } of topicDecoder.fields.values()) {
    const [name] = path;
    if (name === undefined || path.length > 1) continue;
    if (types.includes('string')) columns.set(name, { type: 'string' });
    else if (types.includes('number') || types.includes('integer')) columns.set(name, { type: 'number' });
    else if (types.includes('boolean')) columns.set(name, { type: 'boolean' });
  }
  return columns;
}

/** One body on its way: what was taken and what was refused so far. */
class FramePass implements FramedBody {
  accepted = 0;
  readonly appends: Append[] = [];
  readonly refused: RefusedRow[] = [];
  readonly #kernel: Kernel;
  readonly #topicDecoder: TopicDecoder;
  readonly #decoder: JsonDecoder;
  readonly #input: FrameInput;
  readonly #stickyPartition: number;
  readonly #allocate: (bytes: number) => Uint8Array;
  /** Line in the body of the first row of the batch, less one; and the line of a row where rows are not lines. */
  #rowsBefore = 0;
  #lineOfRow: ((row: number) => number) | undefined;

  constructor(
    kernel: Kernel,
    topicDecoder: TopicDecoder,
    input: FrameInput,
    stickyPartition: number,
    allocate: (bytes: number) => Uint8Array,
  ) {
    this.#kernel = kernel;
    this.#topicDecoder = topicDecoder;
    this.#decoder = topicDecoder.decoder;
    this.#input = input;
    this.#stickyPartition = stickyPartition;
    this.#allocate = allocate;
  }

  csv(csv: CsvRows): void {
    for (const { line, reason, message, value } of csv.errors) {
      this.#refuse({ line, reason, pointer: undefined, message, bytes: value });
    }
    this.#lineOfRow = (row) => csv.lines[row] ?? 0;
    this.json('lines', this.#kernel.arenaCopy(csv.ndjson), csv.ndjson.length);
    this.refused.sort((a, b) => a.line - b.line);
  }

  /** The input of `bytes` at `pointer` in the arena, with the padding after it. */
  json(format: JsonInputFormat, pointer: number, bytes: number): void {
    this.#decoder.begin();
    let from = 0;
    do {
      const batch = this.#decoder.decode(format, pointer, bytes, from);
      this.#refuseErrors(format, batch);
      if (batch.inputError !== undefined) this.#inputError(format, batch.inputError.position, pointer, bytes);
      this.#take(format, batch, bytes);
      this.#rowsBefore += batch.rows;
      if (batch.consumed <= from) break;
      from = batch.consumed;
    } while (from < bytes);
  }

  /** Frames the rows that passed, in batches of at most `batchBytesMax`. */
  #take(format: JsonInputFormat, batch: DecodedBatch, bodyBytes: number): void {
    const { limits, schema, topic, timestamp } = this.#input;
    let { selection, selected } = batch;
    if (bodyBytes > limits.lineBytesMax || schema?.fallback !== undefined) {
      selection = this.#recheck(format, batch);
      selected = this.#recheckedRows;
    }
    let at = 0;
    while (at < selected) {
      const count = bodyBytes <= limits.batchBytesMax ? selected : this.#fitting(batch, selection, at, selected);
      const encoded = encodeRecordBatches(this.#kernel, {
        rows: batch.rows,
        values: batch.facts.valueStart,
        lengths: batch.facts.valueLength,
        selection: selection === 0 ? 0 : selection + at * 4,
        selected: count,
        keys: this.#topicDecoder.hasKey ? batch.columns[0] : undefined,
        timestamp,
        partitions: topic.partitions,
        stickyPartition: this.#stickyPartition,
        allocate: this.#allocate,
      });
      for (const { partition, batch: bytes, records, maxTimestamp } of encoded) {
        this.appends.push({ topic: topic.name, partition, batch: bytes, records, maxTimestamp });
      }
      at += count;
    }
    this.accepted += selected;
  }

  #recheckedRows = 0;

  /** A selection without the rows that are too long or that the schema's fallback refuses. */
  #recheck(format: JsonInputFormat, batch: DecodedBatch): number {
    const { limits, schema } = this.#input;
    const kernel = this.#kernel;
    const fresh = kernel.arenaAlloc(Math.max(batch.rows, 1) * 4);
    const words = kernel.u32();
    const lengths = batch.facts.valueLength >>> 2;
    let kept = 0;
    for (let i = 0; i < batch.selected; i++) {
      const row = batch.selection === 0 ? i : words[(batch.selection >>> 2) + i]!;
      if (words[lengths + row]! > limits.lineBytesMax) this.#refuseLong(format, batch, row);
      else if (schema?.fallback !== undefined && !this.#passesFallback(format, batch, row)) continue;
      else words[(fresh >>> 2) + kept++] = row;
    }
    this.#recheckedRows = kept;
    return fresh;
  }

  #passesFallback(format: JsonInputFormat, batch: DecodedBatch, row: number): boolean {
    const bytes = this.#decoder.valueOf(batch, row);
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
    const violation = this.#input.schema?.fallback?.(value)[0];
    if (violation === undefined) return true;
    const { pointer, message } = violation;
    this.#refuse({ line: this.#line(format, batch, row), reason: 'schema', pointer, message, bytes: bytes.slice() });
    return false;
  }

  #refuseLong(format: JsonInputFormat, batch: DecodedBatch, row: number): void {
    const bytes = this.#decoder.valueOf(batch, row);
    this.#refuse({
      line: this.#line(format, batch, row),
      reason: 'too_large',
      pointer: undefined,
      message: `the record has ${bytes.length} bytes, ${this.#input.limits.lineBytesMax} are allowed (ingest.line_bytes_max)`,
      bytes: bytes.slice(),
    });
  }

  #refuseErrors(format: JsonInputFormat, batch: DecodedBatch): void {
    if (batch.refused === 0) return;
    this.#boundRefusals(batch.refused);
    for (const error of this.#decoder.errors(batch)) this.#refuseError(format, batch, error);
  }

  #refuseError(format: JsonInputFormat, batch: DecodedBatch, error: RowError): void {
    const length = this.#kernel.u32()[(batch.facts.valueLength >>> 2) + error.row]!;
    if (length > this.#input.limits.lineBytesMax) {
      this.#refuseLong(format, batch, error.row);
      return;
    }
    const { reason, pointer, message } = refusalOf(error, this.#topicDecoder.fields, this.#input.limits.depthMax);
    const bytes = this.#decoder.valueOf(batch, error.row).slice();
    this.#refuse({ line: this.#line(format, batch, error.row), reason, pointer, message, bytes });
  }

  #refuse(row: RefusedRow): void {
    this.#boundRefusals(1);
    this.refused.push(row);
  }

  #boundRefusals(more: number): void {
    if (this.refused.length + more <= REFUSED_ROWS_MAX) return;
    throw new HeadraceError(
      `ingesting into "${this.#input.topic.name}": more than ${REFUSED_ROWS_MAX} records of one body are refused`,
      {
        code: 'INGEST_REFUSALS_TOO_MANY',
        domain: 'ingest',
        next: 'nothing was taken: check the format and the topic, or send smaller bodies',
      },
    );
  }

  /** An array or a document that breaks off has no rows to tell apart beyond that point: all of it is refused. */
  #inputError(format: JsonInputFormat, position: number, pointer: number, bytes: number): never {
    const body = this.#kernel.u8().subarray(pointer, pointer + bytes);
    let line = 1;
    let column = 1;
    for (let i = 0; i < Math.min(position, body.length); i++) {
      column = body[i] === NEWLINE ? 1 : column + 1;
      if (body[i] === NEWLINE) line++;
    }
    const what = format === 'array' ? 'array' : 'document';
    const where = position >= body.length ? 'it ends too early' : 'it is malformed';
    throw new HeadraceError(
      `ingesting into "${this.#input.topic.name}": reading the JSON ${what}: ${where}, at line ${line}, column ${column}`,
      {
        code: 'INGEST_BODY_MALFORMED',
        domain: 'ingest',
        position: { line, column },
        next: 'nothing was taken: correct the body, or send NDJSON (application/x-ndjson), where one bad line harms no other',
      },
    );
  }

  #line(format: JsonInputFormat, batch: DecodedBatch, row: number): number {
    if (format !== 'lines') return this.#rowsBefore + row + 1;
    const line = this.#kernel.u32()[(batch.facts.line >>> 2) + row]!;
    return this.#lineOfRow === undefined ? line : this.#lineOfRow(line - 1);
  }

  /** How many rows from `at` on fit into one batch; at least one. */
  #fitting(batch: DecodedBatch, selection: number, at: number, selected: number): number {
    const words = this.#kernel.u32();
    const lengths = batch.facts.valueLength >>> 2;
    let bytes = 0;
    for (let i = at; i < selected; i++) {
      bytes += words[lengths + (selection === 0 ? i : words[(selection >>> 2) + i]!)]!;
      if (bytes > this.#input.limits.batchBytesMax && i > at) return i - at;
    }
    return selected - at;
  }
}
