import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { HeadraceError } from '../../base/error.ts';
import { type ColumnVector, PHYSICAL_WIDTH, physicalOf } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { decodeRecordBatches } from '../../log/record-batch.ts';
import type { Column } from '../../plan/data-type.ts';
import type { SourceNode } from '../../plan/node.ts';
import { type Batch, type RowOrigin, WATERMARK_MAX } from '../operator/batch.ts';
import type { OperatorContext } from '../operator/operator.ts';
import { SourceWatermark } from '../operator/watermark.ts';
import type { SourceChunk, TaskSource } from '../task/task-source.ts';
import { BLOCK_FLAG, MARK_RECORD } from './block-format.ts';
import { BlockReader } from './block-reader.ts';
import { decodeMark, type Mark, type SourcePosition } from './mark.ts';

/** A record of a source's topic, as it stands in the log. */
export interface FetchedRecord {
  readonly value: Uint8Array | null;
  /** Milliseconds. */
  readonly timestamp: number;
}

export type FetchRecord = (topic: string, partition: number, offset: number) => FetchedRecord | undefined;

export interface ExchangeSourceOptions {
  readonly topic: string;
  readonly columns: readonly Column[];
  /** Positions of the columns that come over. */
  readonly sent: readonly number[];
  /** Partitions of the topic that the task reads: one for each task of the stage before. */
  readonly partitions: readonly number[];
  /** How many sources the marks tell of. */
  readonly marked: number;
  /** All of the pipeline. */
  readonly sources: readonly SourceNode[];
  readonly context: OperatorContext;
  /** For dead letters: what came over has not the bytes of the record. */
  readonly fetch: FetchRecord;
}

/**
 * The begin of a stage: blocks become batches again. Event time is what the marks say: the least over the tasks of the stage before, less
 * those that are idle; as in one task over all partitions.
 */
export class ExchangeSource implements TaskSource {
  readonly #options: ExchangeSourceOptions;
  readonly #watermarks: readonly SourceWatermark[];
  /** By partition: which sources are idle. */
  readonly #idle = new Map<number, readonly boolean[]>();
  /** Up to where the stage before had read its inputs, by partition of the exchange. */
  readonly #origins = new Map<number, readonly SourcePosition[]>();

  constructor(options: ExchangeSourceOptions) {
    this.#options = options;
    const { marked, partitions } = options;
    const count = Math.max(...partitions) + 1;
    this.#watermarks = Array.from(
      { length: marked },
      () => new SourceWatermark(count, 0n, (partition) => partitions.includes(partition)),
    );
  }

  /** The values lie in the kernel's memory already, which may grow while they are decoded: their addresses stay. */
  process(chunk: SourceChunk): number {
    let rows = 0;
    for (const { address, length } of this.#valuesOf(chunk)) rows += this.#take(address, length, chunk.partition);
    return rows;
  }

  #valuesOf({ address, length, from, to }: SourceChunk): readonly { address: number; length: number }[] {
    const { kernel } = this.#options.context;
    const bytes = kernel.u8().subarray(address, address + length);
    const found: { address: number; length: number }[] = [];
    const checksum = (_: Uint8Array, start: number, end: number): number =>
      kernel.exports.crc32c(address + start, end - start) >>> 0;
    for (const batch of decodeRecordBatches(bytes, checksum)) {
      for (const { offset, value } of batch.entries()) {
        if (offset < from || offset >= to || value === null) continue;
        found.push({ address: value.byteOffset, length: value.length });
      }
    }
    return found;
  }

  #take(address: number, length: number, partition: number): number {
    const { context, sources } = this.#options;
    const { kernel } = context;
    if (kernel.u8()[address] === MARK_RECORD) {
      this.#takeMark(decodeMark(kernel.u8().slice(address, address + length)), partition);
      return 0;
    }
    const position = kernel.arenaPosition();
    const batch = this.#decode(new BlockReader(kernel, address, length), sources);
    context.emit(batch);
    kernel.arenaRewind(position);
    return batch.rows;
  }

  #takeMark({ sources, positions }: Mark, partition: number): void {
    sources.forEach(({ watermark }, i) => {
      this.#watermarks[i]!.setLargest(partition, watermark);
    });
    this.#idle.set(
      partition,
      sources.map(({ idle }) => idle),
    );
    this.#origins.set(partition, positions);
  }

  #decode(reader: BlockReader, sources: readonly SourceNode[]): Batch {
    const { context, columns, sent, fetch } = this.#options;
    const { kernel } = context;
    reader.u8();
    const flags = reader.u8();
    const rows = reader.unsigned();
    let origin: RowOrigin | undefined;
    if (flags & BLOCK_FLAG.origin) {
      const source = sources[reader.unsigned()];
      const partition = reader.unsigned();
      const offsets = reader.copy(rows * 8);
      if (source !== undefined) origin = originOf(source, partition, offsets, fetch);
    }
    const times = flags & BLOCK_FLAG.times ? reader.place(rows * 8) : 0;
    const timeNulls = flags & BLOCK_FLAG.timeNulls ? reader.place(rows) : 0;
    const watermarks = flags & BLOCK_FLAG.watermarks ? reader.place(rows * 8) : 0;
    const weights = flags & BLOCK_FLAG.weights ? reader.place(rows * 4) : 0;
    const vectors: ColumnVector[] = new Array<ColumnVector>(columns.length);
    for (const at of sent) vectors[at] = readColumn(kernel, reader, columns[at]!, rows);
    if (sent.length < columns.length) fillUnread(kernel, columns, vectors, rows);
    return { rows, columns: vectors, selection: 0, selected: rows, weights, origin, times, timeNulls, watermarks };
  }

  advance(clockMs: number): void {
    this.#watermarks.forEach((watermark, i) => {
      watermark.advance({ clockMs, idle: (partition) => this.#idle.get(partition)?.[i] ?? false });
    });
  }

  get current(): bigint {
    let least = WATERMARK_MAX;
    for (const { current } of this.#watermarks) if (current < least) least = current;
    return least;
  }

  /** What the task of the stage before said. */
  ofPartition(partition: number): bigint {
    let least = WATERMARK_MAX;
    for (const watermark of this.#watermarks) {
      const own = watermark.ofPartition(partition);
      if (own < least) least = own;
    }
    return least;
  }

  /** Every task of the stage before says that it waits for nobody. */
  get isIdle(): boolean {
    return this.#options.partitions.every((partition) => this.#idle.get(partition)?.every((idle) => idle) ?? false);
  }

  /** From where the rows come that have not come over yet, by task of the stage before; undefined for one that has not said. */
  origins(): readonly (readonly SourcePosition[] | undefined)[] {
    return this.#options.partitions.map((partition) => this.#origins.get(partition));
  }

  raise(time: bigint): void {
    for (const watermark of this.#watermarks) watermark.raise(time);
  }

  reachesAtMs(time: bigint): number | undefined {
    let most = 0;
    for (const watermark of this.#watermarks) {
      if (watermark.current >= time) continue;
      const at = watermark.reachesAtMs(time);
      if (at === undefined) return undefined;
      if (at > most) most = at;
    }
    return most;
  }

  snapshot(writer: ByteWriter): void {
    for (const watermark of this.#watermarks) watermark.snapshot(writer);
    writer.varint(this.#idle.size);
    for (const [partition, idle] of this.#idle) {
      writer.varint(partition);
      writer.varint(idle.length);
      for (const flag of idle) writer.u8(flag ? 1 : 0);
      const positions = this.#origins.get(partition) ?? [];
      writer.varint(positions.length);
      for (const { source, partition: own, offset } of positions) {
        writer.varint(source);
        writer.varint(own);
        writer.u64(offset);
      }
    }
  }

  restore(reader: ByteReader): void {
    for (const watermark of this.#watermarks) watermark.restore(reader);
    for (let left = reader.unsigned(); left > 0; left--) {
      const partition = reader.unsigned();
      this.#idle.set(
        partition,
        Array.from({ length: reader.unsigned() }, () => reader.u8() === 1),
      );
      const positions = Array.from({ length: reader.unsigned() }, () => ({
        source: reader.unsigned(),
        partition: reader.unsigned(),
        offset: reader.u64(),
      }));
      this.#origins.set(partition, positions);
    }
  }

  close(): void {}
}

function readColumn(kernel: Kernel, reader: BlockReader, { type }: Column, rows: number): ColumnVector {
  const physical = physicalOf(type);
  const nulls = reader.u8() === 1 ? reader.place(rows) : 0;
  if (physical !== 'str') return { physical, data: reader.place(rows * PHYSICAL_WIDTH[physical]), nulls };
  const lengths = reader.place(rows * 4);
  const bytes = reader.skip(reader.u32());
  const data = kernel.arenaAlloc(rows * PHYSICAL_WIDTH.str);
  kernel.exports.referTexts(lengths, rows, bytes, data);
  return { physical, data, nulls };
}

/** Columns that nobody reads are null. */
function fillUnread(kernel: Kernel, columns: readonly Column[], vectors: ColumnVector[], rows: number): void {
  const allNull = kernel.arenaAlloc(rows);
  kernel.u8().fill(1, allNull, allNull + rows);
  columns.forEach(({ type }, at) => {
    vectors[at] ??= { physical: physicalOf(type), data: 0, nulls: allNull };
  });
}

function originOf(source: SourceNode, partition: number, offsets: Uint8Array, fetch: FetchRecord): RowOrigin {
  const view = new DataView(offsets.buffer, offsets.byteOffset, offsets.byteLength);
  const offset = (row: number): number => view.getFloat64(row * 8, true);
  const record = (row: number): FetchedRecord => {
    const found = fetch(source.topic, partition, offset(row));
    if (found === undefined) throw recordGone(source.topic, partition, offset(row));
    return found;
  };
  return {
    source,
    partition,
    offset,
    timestamp: (row) => record(row).timestamp,
    value: (row) => record(row).value ?? new Uint8Array(0),
  };
}

function recordGone(topic: string, partition: number, offset: number): HeadraceError {
  return new HeadraceError(
    `reading the record of a dead letter: offset ${offset} of ${topic}/${partition} is not there any more`,
    {
      code: 'ENGINE_INPUT_GONE',
      domain: 'engine',
      next: 'restore the topic from a copy, or rebuild the pipeline from what is left of its inputs',
    },
  );
}
