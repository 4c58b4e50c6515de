import { utf8 } from '../../src/base/bytes.ts';
import type { Batch } from '../../src/engine/operator/batch.ts';
import { WATERMARK_MAX } from '../../src/engine/operator/batch.ts';
import type { OperatorContext } from '../../src/engine/operator/operator.ts';
import { RecordSink } from '../../src/engine/operator/record-sink.ts';
import { SourceDecodeOperator } from '../../src/engine/operator/source/source-decode.ts';
import { SourceWatermark } from '../../src/engine/operator/watermark.ts';
import { columnsNeeded } from '../../src/engine/task/columns-needed.ts';
import { compilePipeline, type Vertex } from '../../src/engine/task/compile.ts';
import { type ColumnVector, PHYSICAL_WIDTH } from '../../src/kernel/column.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { encodeRecordBatch } from '../../src/log/record-batch.ts';
import type { Pipeline, SourceNode } from '../../src/plan/node.ts';

const BATCH_RECORDS = 1000;
/** Bytes of record batches in one epoch: what a task reads when it has a backlog, more or less. */
const CHUNK_BYTES = 4 * 1024 ** 2;

/** Record batches of JSON texts, as they lie in a segment. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly rows: number;
}

/** What a chunk decodes to, and event time after it. */
export interface CapturedRows {
  readonly batches: readonly Batch[];
  readonly watermark: bigint;
}

export function chunksOf(events: Iterable<string>): Chunk[] {
  const chunks: Chunk[] = [];
  let batches: Uint8Array[] = [];
  let bytes = 0;
  let rows = 0;
  let offset = 0;
  let texts: string[] = [];
  const frame = (): void => {
    if (texts.length === 0) return;
    const { batch } = encodeRecordBatch(texts.map((text) => ({ key: null, value: utf8(text), timestamp: Date.now() })));
    // The base offset of a batch is its first eight bytes, which no checksum covers.
    new DataView(batch.buffer, batch.byteOffset).setBigInt64(0, BigInt(offset));
    offset += texts.length;
    batches.push(batch);
    bytes += batch.length;
    rows += texts.length;
    texts = [];
  };
  const close = (): void => {
    if (bytes > 0) chunks.push({ bytes: Buffer.concat(batches), rows });
    batches = [];
    bytes = 0;
    rows = 0;
  };
  for (const event of events) {
    texts.push(event);
    if (texts.length < BATCH_RECORDS) continue;
    frame();
    if (bytes >= CHUNK_BYTES) close();
  }
  frame();
  close();
  return chunks;
}

/**
 * The operators of one pipeline on the calling thread, fed by hand: results are counted and thrown away, as by the black hole of
 * the published measurements. What is left out is what every query has in common: log, journal, output topic.
 */
export class QueryDriver {
  readonly kernel = Kernel.create();
  results = 0;
  deadLetters = 0;
  readonly #vertices: readonly Vertex[];
  readonly #source: Vertex;
  readonly #decoder: SourceDecodeOperator;
  readonly #watermark: SourceWatermark;
  readonly #watermarks = new Map<Vertex, bigint>();
  #capture: Batch[] | undefined;
  #offset = 0;

  constructor(pipeline: Pipeline) {
    const clockMs = (): number => Date.now();
    this.#vertices = compilePipeline(pipeline, {
      expressions: {
        clockMs,
        userFunction: (_, name) => {
          throw new Error(`no query calls a user function, and this one calls ${name}`);
        },
      },
      sink: (topic) => new RecordSink(topic),
    });
    for (const vertex of this.#vertices) {
      if (vertex.kind !== 'output') vertex.operator?.open(this.#contextOf(vertex));
    }
    this.#source = this.#vertices.find((vertex) => vertex.source !== undefined)!;
    const source: SourceNode = this.#source.source!;
    this.#watermark = new SourceWatermark(1, source.watermark?.delayUs ?? 0n);
    const needed = columnsNeeded(pipeline).get(source);
    const context = this.#contextOf(this.#source);
    this.#decoder = new SourceDecodeOperator(source, this.#watermark, context, (at) => needed?.has(at) ?? false);
  }

  #contextOf(vertex: Vertex): OperatorContext {
    return {
      kernel: this.kernel,
      clockMs: () => Date.now(),
      emit: (batch) => this.#emit(vertex, batch),
      deadLetter: () => {
        this.deadLetters++;
      },
    };
  }

  #emit(vertex: Vertex, batch: Batch): void {
    if (vertex === this.#source && this.#capture !== undefined) {
      this.#capture.push(kept(this.kernel, batch));
      return;
    }
    for (const { vertex: next, input } of vertex.outputs) {
      if (next.kind === 'output') this.results += batch.selected;
      else next.operator!.processBatch(batch, input);
    }
  }

  /** One epoch over JSON texts. */
  processJson(chunk: Chunk): void {
    this.#decode(chunk);
    this.#endEpoch();
  }

  /** One epoch over rows that are columns already. */
  processRows({ batches, watermark }: CapturedRows): void {
    for (const batch of batches) {
      this.kernel.arenaReset();
      this.#emit(this.#source, batch);
    }
    this.#pass(watermark);
  }

  /** Decodes without processing: the source's rows, in memory that stays. */
  rowsOf(chunk: Chunk): CapturedRows {
    const batches: Batch[] = [];
    this.#capture = batches;
    this.#decode(chunk);
    this.#capture = undefined;
    return { batches, watermark: this.#watermark.advance({ clockMs: Date.now(), idle: () => false }) };
  }

  #decode({ bytes, rows }: Chunk): void {
    this.kernel.arenaReset();
    const address = this.kernel.arenaCopy(bytes);
    const [from, to] = [this.#offset, this.#offset + rows];
    this.#decoder.process({ partition: 0, address, length: bytes.length, from, to, bounded: true });
    this.#offset = to;
  }

  #endEpoch(): void {
    this.#pass(this.#watermark.advance({ clockMs: Date.now(), idle: () => false }));
  }

  /** The end of the input: every window closes. */
  finish(): void {
    this.#pass(WATERMARK_MAX);
  }

  #pass(source: bigint): void {
    for (const vertex of this.#vertices) {
      let watermark = source;
      for (const input of vertex.inputs) {
        const passed = this.#watermarks.get(input)!;
        if (passed < watermark) watermark = passed;
      }
      this.#watermarks.set(vertex, watermark);
      if (vertex.operator === undefined || vertex.kind === 'output') continue;
      this.kernel.arenaReset();
      vertex.operator.endEpoch();
      this.kernel.arenaReset();
      vertex.operator.onWatermark(watermark);
      this.#watermarks.set(vertex, vertex.operator.outputWatermark?.(watermark) ?? watermark);
    }
  }

  /** What the operators hold. */
  stateBytes(): number {
    return this.#vertices.reduce((sum, { operator }) => sum + (operator?.state().bytes ?? 0), 0);
  }

  close(): void {
    for (const vertex of this.#vertices) if (vertex.kind !== 'output') vertex.operator?.close();
  }
}

/** A copy of a batch in memory that no arena takes back. */
function kept(kernel: Kernel, batch: Batch): Batch {
  const { rows } = batch;
  const copy = (address: number, bytes: number): number => {
    if (address === 0) return 0;
    const target = kernel.alloc(Math.max(16, bytes));
    kernel.u8().copyWithin(target, address, address + bytes);
    return target;
  };
  const columns = batch.columns.map(({ physical, data, nulls }): ColumnVector => {
    const vector = { physical, data: copy(data, rows * PHYSICAL_WIDTH[physical]), nulls: copy(nulls, rows) };
    if (physical === 'str' && data !== 0) keepStrings(kernel, vector.data, rows);
    return vector;
  });
  const selection = copy(batch.selection, batch.selected * 4);
  const times = copy(batch.times, rows * 8);
  const watermarks = copy(batch.watermarks, rows * 8);
  return { ...batch, columns, selection, times, timeNulls: 0, watermarks, origin: undefined };
}

/** Moves what the references of a column point to into one block that stays. */
function keepStrings(kernel: Kernel, references: number, rows: number): void {
  const lengthAt = (row: number): number => kernel.u32()[(references >>> 2) + row * 4]!;
  let total = 0;
  for (let row = 0; row < rows; row++) total += lengthAt(row);
  let target = kernel.alloc(Math.max(16, total + 16));
  for (let row = 0; row < rows; row++) {
    const length = lengthAt(row);
    if (length === 0) continue;
    const place = (references >>> 2) + row * 4 + 2;
    const from = kernel.u32()[place]!;
    kernel.u8().copyWithin(target, from, from + length);
    kernel.u32()[place] = target;
    target += length;
  }
}
