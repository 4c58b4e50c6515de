import { ByteWriter } from '../../base/bytes.ts';
import { type ColumnVector, PHYSICAL_WIDTH, type PhysicalType } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { EXCHANGE_BLOCK_ROWS } from '../limits.ts';
import { type Batch, WATERMARK_MIN } from '../operator/batch.ts';
import { BLOCK_FLAG, type BlockOrigin, ROWS_RECORD } from './block-format.ts';

/** Room for texts that a builder begins with. */
const TEXT_BYTES = 64 * 1024;

/** One column of the rows that wait for their block to be full. */
interface BuiltColumn {
  readonly physical: PhysicalType;
  /** Values; of texts their lengths. */
  readonly data: number;
  readonly nulls: number;
  anyNull: boolean;
  text: number;
  textRoom: number;
  textBytes: number;
}

/**
 * Gathers rows for one task into blocks (block-format.ts) of a fixed number of rows, in the kernel's memory. Where a block ends follows from
 * the rows alone, not from the batches that they came in.
 */
export class BlockBuilder {
  readonly #kernel: Kernel;
  readonly #columns: readonly BuiltColumn[];
  readonly #times: number;
  readonly #timeNulls: number;
  readonly #watermarks: number;
  readonly #weights: number;
  readonly #offsets: number;
  #origin: BlockOrigin | undefined;
  #rows = 0;
  #anyTime = false;
  #anyTimeNull = false;
  #anyWatermark = false;
  #anyWeight = false;

  constructor(kernel: Kernel, columns: readonly PhysicalType[]) {
    this.#kernel = kernel;
    const rows = EXCHANGE_BLOCK_ROWS;
    this.#columns = columns.map((physical) => ({
      physical,
      data: kernel.alloc(rows * (physical === 'str' ? 4 : PHYSICAL_WIDTH[physical])),
      nulls: kernel.alloc(rows),
      anyNull: false,
      text: physical === 'str' ? kernel.alloc(TEXT_BYTES) : 0,
      textRoom: TEXT_BYTES,
      textBytes: 0,
    }));
    this.#times = kernel.alloc(rows * 8);
    this.#timeNulls = kernel.alloc(rows);
    this.#watermarks = kernel.alloc(rows * 8);
    this.#weights = kernel.alloc(rows * 4);
    this.#offsets = kernel.alloc(rows * 8);
  }

  get rows(): number {
    return this.#rows;
  }

  get room(): number {
    return EXCHANGE_BLOCK_ROWS - this.#rows;
  }

  /** Whether rows of this origin can go on with the block; an empty one takes any. */
  takes(origin: BlockOrigin | undefined): boolean {
    if (this.#rows === 0) return true;
    const own = this.#origin;
    return own?.source === origin?.source && own?.partition === origin?.partition;
  }

  /** Appends `count` rows, no more than there is room; `rows`: address of their numbers in the batch. */
  append(
    batch: Batch,
    columns: readonly ColumnVector[],
    origin: BlockOrigin | undefined,
    rows: number,
    count: number,
  ): void {
    const at = this.#rows;
    this.#origin = origin;
    for (let i = 0; i < columns.length; i++) this.#appendColumn(this.#columns[i]!, columns[i]!, rows, at, count);
    this.#appendTimes(batch, rows, at, count);
    this.#appendWatermarks(batch, rows, at, count);
    this.#appendWeights(batch, rows, at, count);
    if (origin !== undefined) this.#appendOffsets(batch, rows, at, count);
    this.#rows += count;
  }

  #appendColumn(built: BuiltColumn, column: ColumnVector, rows: number, at: number, count: number): void {
    const { exports } = this.#kernel;
    if (built.physical === 'str') {
      const bytes = exports.textBytes(column.data, rows, count) >>> 0;
      this.#growText(built, bytes);
      exports.gatherTexts(column.data, rows, count, built.data + at * 4, built.text + built.textBytes);
      built.textBytes += bytes;
    } else {
      const width = PHYSICAL_WIDTH[built.physical];
      exports.gatherValues(column.data, width, rows, count, built.data + at * width);
    }
    if (this.#flags(column.nulls, rows, built.nulls + at, count)) built.anyNull = true;
  }

  #growText(built: BuiltColumn, bytes: number): void {
    if (built.textBytes + bytes <= built.textRoom) return;
    const room = Math.max(built.textRoom * 2, built.textBytes + bytes);
    built.text = this.#kernel.exports.realloc(built.text, built.textBytes, room) >>> 0;
    built.textRoom = room;
  }

  #flags(source: number, rows: number, target: number, count: number): boolean {
    if (source !== 0) return this.#kernel.exports.gatherFlags(source, rows, count, target) > 0;
    this.#kernel.u8().fill(0, target, target + count);
    return false;
  }

  /** A row without a time has 0, and a flag. */
  #appendTimes({ times, timeNulls = 0 }: Batch, rows: number, at: number, count: number): void {
    const kernel = this.#kernel;
    const target = this.#times + at * 8;
    if (times === 0) {
      kernel.u8().fill(0, target, target + count * 8);
      kernel.u8().fill(1, this.#timeNulls + at, this.#timeNulls + at + count);
      this.#anyTimeNull = true;
      return;
    }
    kernel.exports.gatherValues(times, 8, rows, count, target);
    if (this.#flags(timeNulls, rows, this.#timeNulls + at, count)) {
      this.#anyTimeNull = true;
      const flags = kernel.u8();
      for (let i = 0; i < count; i++) {
        if (flags[this.#timeNulls + at + i] === 1) kernel.i64()[this.#times / 8 + at + i] = 0n;
        else this.#anyTime = true;
      }
    } else this.#anyTime = true;
  }

  #appendWatermarks({ watermarks }: Batch, rows: number, at: number, count: number): void {
    const target = this.#watermarks + at * 8;
    if (watermarks === 0) {
      this.#kernel.i64().fill(WATERMARK_MIN, target / 8, target / 8 + count);
      return;
    }
    this.#anyWatermark = true;
    this.#kernel.exports.gatherValues(watermarks, 8, rows, count, target);
  }

  #appendWeights({ weights }: Batch, rows: number, at: number, count: number): void {
    const kernel = this.#kernel;
    const target = this.#weights + at * 4;
    if (weights === 0) {
      kernel.i32().fill(1, target / 4, target / 4 + count);
      return;
    }
    kernel.exports.gatherValues(weights, 4, rows, count, target);
    this.#anyWeight ||= kernel
      .i32()
      .subarray(target / 4, target / 4 + count)
      .includes(-1);
  }

  #appendOffsets({ origin }: Batch, rows: number, at: number, count: number): void {
    const kernel = this.#kernel;
    const offsets = kernel.f64();
    const words = kernel.u32();
    for (let i = 0; i < count; i++) offsets[this.#offsets / 8 + at + i] = origin!.offset(words[rows / 4 + i]!);
  }

  /** The block as the value of a record; the builder is empty then. */
  take(): Uint8Array {
    const rows = this.#rows;
    const origin = this.#origin;
    const flags =
      (origin === undefined ? 0 : BLOCK_FLAG.origin) |
      (this.#anyTime ? BLOCK_FLAG.times : 0) |
      (this.#anyTime && this.#anyTimeNull ? BLOCK_FLAG.timeNulls : 0) |
      (this.#anyWatermark ? BLOCK_FLAG.watermarks : 0) |
      (this.#anyWeight ? BLOCK_FLAG.weights : 0);
    const writer = new ByteWriter(Buffer.allocUnsafeSlow(this.#sizeOf(rows)));
    writer.u8(ROWS_RECORD);
    writer.u8(flags);
    writer.varint(rows);
    if (origin !== undefined) {
      writer.varint(origin.source);
      writer.varint(origin.partition);
      this.#copy(writer, this.#offsets, rows * 8);
    }
    if (flags & BLOCK_FLAG.times) this.#copy(writer, this.#times, rows * 8);
    if (flags & BLOCK_FLAG.timeNulls) this.#copy(writer, this.#timeNulls, rows);
    if (flags & BLOCK_FLAG.watermarks) this.#copy(writer, this.#watermarks, rows * 8);
    if (flags & BLOCK_FLAG.weights) this.#copy(writer, this.#weights, rows * 4);
    for (const column of this.#columns) this.#writeColumn(writer, column, rows);
    this.#clear();
    return writer.written();
  }

  #writeColumn(writer: ByteWriter, column: BuiltColumn, rows: number): void {
    writer.u8(column.anyNull ? 1 : 0);
    if (column.anyNull) this.#copy(writer, column.nulls, rows);
    if (column.physical === 'str') {
      this.#copy(writer, column.data, rows * 4);
      writer.u32(column.textBytes);
      this.#copy(writer, column.text, column.textBytes);
    } else this.#copy(writer, column.data, rows * PHYSICAL_WIDTH[column.physical]);
  }

  #copy(writer: ByteWriter, address: number, bytes: number): void {
    writer.raw(this.#kernel.u8().subarray(address, address + bytes));
  }

  #sizeOf(rows: number): number {
    let bytes = 64 + rows * 29;
    for (const column of this.#columns) bytes += 8 + rows * (1 + PHYSICAL_WIDTH[column.physical]) + column.textBytes;
    return bytes;
  }

  #clear(): void {
    this.#rows = 0;
    this.#origin = undefined;
    this.#anyTime = false;
    this.#anyTimeNull = false;
    this.#anyWatermark = false;
    this.#anyWeight = false;
    for (const column of this.#columns) {
      column.anyNull = false;
      column.textBytes = 0;
    }
  }

  close(): void {
    const kernel = this.#kernel;
    for (const { data, nulls, text } of this.#columns) {
      kernel.free(data);
      kernel.free(nulls);
      if (text !== 0) kernel.free(text);
    }
    for (const address of [this.#times, this.#timeNulls, this.#watermarks, this.#weights, this.#offsets]) {
      kernel.free(address);
    }
  }
}
