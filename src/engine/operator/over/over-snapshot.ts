import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { OverNode } from '../../../plan/node.ts';
import { readRow, readTime, writeRow, writeTime } from '../state-value.ts';
import type { OverPartition } from './over-partition.ts';
import type { OverRow } from './over-row.ts';
import type { WindowFunction } from './window-function.ts';

const COMPUTED = 1;
const FAILED = 2;

/** How the partitions of an OVER lie in a snapshot: the key, the rows in their order, and what cursors know of rows that are gone. */
export class OverSnapshot {
  readonly #partition: readonly DataType[];
  readonly #values: readonly DataType[];
  readonly #keys: readonly DataType[];
  readonly #args: readonly (readonly DataType[])[];
  readonly #results: readonly DataType[];

  constructor(node: OverNode, functions: readonly WindowFunction[]) {
    this.#partition = node.partition.map((key) => key.type);
    this.#values = node.input.columns.map((column) => column.type);
    this.#keys = node.keys.map((key) => key.expression.type);
    this.#args = functions.map((one) => one.inputs.map((input) => input.type));
    this.#results = node.calls.map((call) => call.type);
  }

  write(writer: ByteWriter, partition: OverPartition): void {
    writeRow(writer, partition.values, this.#partition);
    writer.u64(partition.dropped);
    writer.u64(partition.settled);
    for (const cursor of partition.cursors) cursor?.snapshot(writer);
    writer.varint(partition.rows.size);
    for (const row of partition.rows) this.#writeRow(writer, row);
  }

  #writeRow(writer: ByteWriter, row: OverRow): void {
    writeRow(writer, row.values, this.#values);
    writeRow(writer, row.keys, this.#keys);
    row.args.forEach((args, at) => {
      writeRow(writer, args, this.#args[at]!);
    });
    writer.u64(row.sequence);
    writeTime(writer, row.time);
    writer.u8((row.results === undefined ? 0 : COMPUTED) | (row.failed ? FAILED : 0));
    if (row.results !== undefined) writeRow(writer, row.results, this.#results);
  }

  readKey(reader: ByteReader): readonly unknown[] {
    return readRow(reader, this.#partition);
  }

  /** Reads what follows the key into a partition that is empty. */
  read(reader: ByteReader, partition: OverPartition): void {
    partition.dropped = reader.u64();
    partition.settled = reader.u64();
    for (const cursor of partition.cursors) cursor?.restore(reader);
    for (let rows = reader.unsigned(); rows > 0; rows--) partition.rows.insert(this.#readRow(reader));
  }

  #readRow(reader: ByteReader): OverRow {
    const values = readRow(reader, this.#values);
    const keys = readRow(reader, this.#keys);
    const args = this.#args.map((types) => readRow(reader, types));
    const sequence = reader.u64();
    const time = readTime(reader);
    const flags = reader.u8();
    const results = (flags & COMPUTED) === 0 ? undefined : readRow(reader, this.#results);
    return { values, keys, args, sequence, time, results, failed: (flags & FAILED) !== 0 };
  }
}
