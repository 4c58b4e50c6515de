import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Column, DataType } from '../../plan/data-type.ts';
import type { SourceNode } from '../../plan/node.ts';
import { DEAD_LETTER_VALUE_BYTES_MAX } from '../limits.ts';
import type { Batch, RowOrigin } from '../operator/batch.ts';
import { batchOfValues, RowReader } from '../operator/row-batch.ts';
import { readRow, writeRow } from '../operator/state-value.ts';

/** The record that a row was made of: what a dead letter says of it. */
interface RecordOrigin {
  readonly source: SourceNode;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly value: Uint8Array;
}

/** A row that is kept beyond its batch, with all that the batch knew of it. */
export interface HeldRow {
  readonly values: readonly unknown[];
  readonly weight: number;
  /** Event time, µs. */
  readonly time: bigint | undefined;
  /** Watermark of its source partition just before it, µs. */
  readonly watermark: bigint | undefined;
  readonly origin: RecordOrigin | undefined;
}

/** About the bytes of a held row beside its record. */
const ROW_BYTES = 200;

export function heldBytes(row: HeldRow): number {
  return ROW_BYTES + (row.origin?.value.length ?? 0);
}

/** Takes rows out of batches, and puts them back into batches. `sources` are those below the operator. */
export class RowHolder {
  readonly #kernel: Kernel;
  readonly #types: readonly DataType[];
  readonly #reader: RowReader;
  readonly #sources: readonly SourceNode[];

  constructor(kernel: Kernel, columns: readonly Column[], sources: readonly SourceNode[]) {
    this.#kernel = kernel;
    this.#types = columns.map((column) => column.type);
    this.#reader = new RowReader(kernel, columns);
    this.#sources = sources;
  }

  forEach(batch: Batch, visit: (row: HeldRow, at: number) => void): void {
    const { origin } = batch;
    this.#reader.forEach(batch, (row, at) => {
      visit({ ...row, origin: origin === undefined ? undefined : recordOrigin(origin, at) }, at);
    });
  }

  /** Rows of one origin as a batch of the arena, `appended` (values by column) after their own columns. */
  batch(rows: readonly HeldRow[], types: readonly DataType[], appended: readonly (readonly unknown[])[]): Batch {
    const dated = rows.some(({ time }) => time !== undefined);
    const made = batchOfValues(this.#kernel, [...this.#types, ...types], {
      values: rows.map(({ values }, at) => [...values, ...(appended[at] ?? [])]),
      weights: rows.some(({ weight }) => weight !== 1) ? rows.map(({ weight }) => weight) : undefined,
      times: dated ? rows.map(({ time }) => time) : undefined,
    });
    return { ...made, watermarks: this.#watermarks(rows), origin: originOf(rows) };
  }

  #watermarks(rows: readonly HeldRow[]): number {
    if (rows.some(({ watermark }) => watermark === undefined)) return 0;
    const address = this.#kernel.arenaAlloc(rows.length * 8);
    this.#kernel.i64().set(
      rows.map(({ watermark }) => watermark!),
      address / 8,
    );
    return address;
  }

  write(writer: ByteWriter, { values, weight, time, watermark, origin }: HeldRow): void {
    writeRow(writer, values, this.#types);
    writer.u8((time === undefined ? 0 : 1) | (watermark === undefined ? 0 : 2) | (origin === undefined ? 0 : 4));
    writer.u8(weight > 0 ? 1 : 0);
    if (time !== undefined) writer.i64(time);
    if (watermark !== undefined) writer.i64(watermark);
    if (origin === undefined) return;
    writer.varint(this.#sources.indexOf(origin.source));
    writer.varint(origin.partition);
    writer.u64(origin.offset);
    writer.u64(origin.timestamp);
    writer.prefixed(origin.value);
  }

  read(reader: ByteReader): HeldRow {
    const values = readRow(reader, this.#types);
    const flags = reader.u8();
    const weight = reader.u8() === 1 ? 1 : -1;
    const time = flags & 1 ? reader.i64() : undefined;
    const watermark = flags & 2 ? reader.i64() : undefined;
    if (!(flags & 4)) return { values, weight, time, watermark, origin: undefined };
    const source = this.#sources[reader.unsigned()]!;
    const partition = reader.unsigned();
    const [offset, timestamp] = [reader.u64(), reader.u64()];
    const origin = { source, partition, offset, timestamp, value: reader.prefixed().slice() };
    return { values, weight, time, watermark, origin };
  }
}

/** Whether two rows may stand in one batch. */
export function sameOrigin(a: HeldRow, b: HeldRow): boolean {
  return (
    a.origin?.source === b.origin?.source &&
    a.origin?.partition === b.origin?.partition &&
    (a.watermark === undefined) === (b.watermark === undefined)
  );
}

function recordOrigin(origin: RowOrigin, row: number): RecordOrigin {
  return {
    source: origin.source,
    partition: origin.partition,
    offset: origin.offset(row),
    timestamp: origin.timestamp(row),
    value: origin.value(row).slice(0, DEAD_LETTER_VALUE_BYTES_MAX),
  };
}

function originOf(rows: readonly HeldRow[]): RowOrigin | undefined {
  const first = rows[0]?.origin;
  if (first === undefined) return undefined;
  return {
    source: first.source,
    partition: first.partition,
    offset: (row) => rows[row]!.origin!.offset,
    timestamp: (row) => rows[row]!.origin!.timestamp,
    value: (row) => rows[row]!.origin!.value,
  };
}
