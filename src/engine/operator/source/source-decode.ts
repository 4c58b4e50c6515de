import { HeadraceError } from '../../../base/error.ts';
import { type ColumnVector, physicalOf } from '../../../kernel/column.ts';
import { createJsonDecoder, type DecodedBatch, type JsonDecoder } from '../../../kernel/json-decoder.ts';
import { JSON_FIELD_KINDS, type JsonField } from '../../../kernel/json-shape.ts';
import type { SourceColumn, SourceNode } from '../../../plan/node.ts';
import type { SourceChunk } from '../../task/task-source.ts';
import type { Batch, RowOrigin } from '../batch.ts';
import type { OperatorContext } from '../operator.ts';
import type { SourceWatermark } from '../watermark.ts';
import { changeColumns, withTombstones } from './change-columns.ts';

const STATE_BYTES = 16;

/**
 * Decodes record batches of a source topic into column batches, reads event time off them, and keeps the watermarks of the
 * partitions. Records that cannot be decoded, and rows too far in the future, go to dead letters. Of a source of changes, what
 * change-columns.ts says comes after the columns, and tombstones are among the rows: a {@link ChangesOperator} follows.
 */
export class SourceDecodeOperator {
  readonly node: SourceNode;
  readonly #watermark: SourceWatermark;
  readonly #context: OperatorContext;
  readonly #decoder: JsonDecoder;
  /** Of each column, its position among the decoder's fields; undefined when nothing reads it. */
  readonly #fieldAt: readonly (number | undefined)[];
  readonly #state: number;

  /** `needed`: positions of the columns that the pipeline reads; others are not decoded and appear as null. */
  constructor(
    node: SourceNode,
    watermark: SourceWatermark,
    context: OperatorContext,
    needed: (position: number) => boolean,
  ) {
    this.node = node;
    this.#watermark = watermark;
    this.#context = context;
    const fields: JsonField[] = [];
    const places = new Map<string, number>();
    this.#fieldAt = node.columns.map((column, position) => {
      const isKey = node.changes?.keys.includes(position) ?? false;
      if (!needed(position) && position !== node.watermark?.columnIndex && !isKey) return undefined;
      const field = fieldOf(column, node.name);
      const key = JSON.stringify([field.path, field.kind, field.precision, field.scale]);
      const known = places.get(key);
      if (known !== undefined) return known;
      places.set(key, fields.length);
      return fields.push(field) - 1;
    });
    this.#decoder = createJsonDecoder(context.kernel, fields);
    this.#state = context.kernel.alloc(STATE_BYTES);
  }

  /** Decodes a chunk, batch by batch; returns the rows taken from it. */
  process(chunk: SourceChunk): number {
    this.#decoder.begin();
    let at = 0;
    let rows = 0;
    while (at < chunk.length) {
      const decoded = this.#decoder.decode('records', chunk.address, chunk.length, at);
      if (decoded.inputError !== undefined) throw this.#unreadable(chunk, decoded.inputError.reason);
      rows += this.#emitBatch(decoded, chunk);
      if (decoded.consumed <= at) break;
      at = decoded.consumed;
    }
    return rows;
  }

  #emitBatch(decoded: DecodedBatch, chunk: SourceChunk): number {
    if (decoded.rows === 0) return 0;
    const { kernel } = this.#context;
    const { rows, facts } = decoded;
    const offsets = kernel.i64();
    const first = Number(offsets[facts.offset / 8]!);
    const last = Number(offsets[facts.offset / 8 + rows - 1]!);
    const { changes } = this.node;
    const { selection, selected } = changes?.mode === 'upsert' ? withTombstones(kernel, decoded) : decoded;
    const raw: Batch = {
      rows,
      columns: [...this.#columns(decoded), ...(changes === undefined ? [] : changeColumns(kernel, decoded))],
      selection,
      selected,
      weights: 0,
      origin: this.#originOf(decoded, chunk.partition),
      times: 0,
      watermarks: 0,
    };
    this.#reportRefused(decoded, raw, chunk);
    const inRange = first >= chunk.from && last < chunk.to ? raw : this.#within(raw, facts.offset, chunk);
    this.#readTimes(inRange, facts.timestamp, chunk);
    return rows;
  }

  #columns(decoded: DecodedBatch): ColumnVector[] {
    const { kernel } = this.#context;
    let allNull = 0;
    return this.node.columns.map((column, i) => {
      const field = this.#fieldAt[i];
      if (field !== undefined) return decoded.columns[field]!;
      if (allNull === 0) {
        allNull = kernel.arenaAlloc(decoded.rows);
        kernel.u8().fill(1, allNull, allNull + decoded.rows);
      }
      return { physical: physicalOf(column.type), data: 0, nulls: allNull };
    });
  }

  #originOf(decoded: DecodedBatch, partition: number): RowOrigin {
    const { kernel } = this.#context;
    const decoder = this.#decoder;
    return {
      source: this.node,
      partition,
      offset: (row) => Number(kernel.i64()[decoded.facts.offset / 8 + row]),
      timestamp: (row) => Number(kernel.i64()[decoded.facts.timestamp / 8 + row]),
      value: (row) => decoder.valueOf(decoded, row),
    };
  }

  #reportRefused(decoded: DecodedBatch, batch: Batch, chunk: SourceChunk): void {
    if (decoded.refused === 0) return;
    for (const error of this.#decoder.errors(decoded)) {
      const offset = batch.origin!.offset(error.row);
      if (offset < chunk.from || offset >= chunk.to) continue;
      if (error.reason === 'absent_value' && this.node.changes?.mode === 'upsert') continue;
      const where = error.path === undefined ? '' : ` at /${error.path.join('/')}`;
      const message = `decoding source ${this.node.name}: ${error.reason}${where}`;
      this.#context.deadLetter({ reason: 'malformed', message, batch, row: error.row });
    }
  }

  /** A batch that begins before the range, or ends after it. */
  #within(batch: Batch, offsets: number, chunk: SourceChunk): Batch {
    const { kernel } = this.#context;
    const selection = kernel.arenaAlloc(batch.rows * 4);
    const words = kernel.u32();
    const longs = kernel.i64();
    let selected = 0;
    for (let i = 0; i < batch.selected; i++) {
      const row = batch.selection === 0 ? i : words[(batch.selection >>> 2) + i]!;
      const offset = Number(longs[offsets / 8 + row]);
      if (offset >= chunk.from && offset < chunk.to) words[(selection >>> 2) + selected++] = row;
    }
    return { ...batch, selection, selected };
  }

  #readTimes(batch: Batch, receipts: number, { partition, bounded }: SourceChunk): void {
    if (batch.selected === 0) return;
    const { kernel } = this.#context;
    const { exports } = kernel;
    const { watermark } = this.node;
    let times: number;
    let nulls = 0;
    if (watermark === undefined) {
      times = kernel.arenaAlloc(batch.rows * 8);
      exports.scaleTimes(receipts, batch.rows, times);
    } else {
      const column = batch.columns[watermark.columnIndex]!;
      times = column.data;
      nulls = column.nulls;
    }
    const watermarks = kernel.arenaAlloc(batch.rows * 8);
    const kept = kernel.arenaAlloc(batch.selected * 4);
    const future = kernel.arenaAlloc(batch.selected * 4);
    kernel.i64()[this.#state / 8] = this.#watermark.largest(partition);
    const selected = exports.sourceTimes(
      times,
      nulls,
      receipts,
      batch.selection,
      batch.selected,
      watermark?.delayUs ?? 0n,
      watermark === undefined || bounded ? -1n : BigInt(watermark.futureLimitMs) * 1000n,
      watermarks,
      kept,
      future,
      this.#state,
    );
    this.#watermark.setLargest(partition, kernel.i64()[this.#state / 8]!);
    const timed: Batch = { ...batch, times, timeNulls: nulls, watermarks };
    this.#reportFuture(timed, future);
    if (selected === 0) return;
    const whole = selected === batch.selected;
    this.#context.emit(whole ? timed : { ...timed, selection: kept, selected });
  }

  #reportFuture(batch: Batch, future: number): void {
    const { kernel, deadLetter } = this.#context;
    const count = kernel.u32()[(this.#state >>> 2) + 2]!;
    for (let i = 0; i < count; i++) {
      const row = kernel.u32()[(future >>> 2) + i]!;
      const message = `reading event time of source ${this.node.name}: it is further ahead of the receipt than the limit`;
      deadLetter({ reason: 'future', message, batch, row });
    }
  }

  #unreadable(chunk: SourceChunk, reason: string): HeadraceError {
    return new HeadraceError(
      `reading ${this.node.topic}/${chunk.partition} from offset ${chunk.from}: the record batch is ${reason}`,
      {
        code: 'ENGINE_INPUT_UNREADABLE',
        domain: 'engine',
        next: reason === 'compressed' ? 'write it uncompressed' : 'check the disk, and restore the topic from a copy',
      },
    );
  }

  close(): void {
    this.#context.kernel.free(this.#state);
  }
}

function fieldOf(column: SourceColumn, source: string): JsonField {
  const kind = JSON_FIELD_KINDS[column.type.kind];
  if (kind === undefined) {
    throw new HeadraceError(`reading column "${column.name}" of source ${source}: JSON has no ${column.type.kind}`, {
      code: 'ENGINE_COLUMN_UNSUPPORTED',
      domain: 'engine',
      next: 'declare it as text and cast it',
    });
  }
  const { type } = column;
  if (type.kind !== 'numeric' || type.precision === undefined) return { path: column.path, kind };
  return { path: column.path, kind, precision: type.precision, scale: type.scale ?? 0 };
}
