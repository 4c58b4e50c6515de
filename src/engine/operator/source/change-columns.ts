import { textOf } from '../../../base/bytes.ts';
import type { ColumnVector } from '../../../kernel/column.ts';
import type { DecodedBatch } from '../../../kernel/json-decoder.ts';
import { ROW_ERRORS } from '../../../kernel/json-decoder.ts';
import type { Kernel } from '../../../kernel/kernel.ts';

/** What a record does to its table: the values of the column after the record's key. */
export const CHANGE = { set: 0, delete: 1 } as const;

const ABSENT_VALUE = ROW_ERRORS.indexOf('absent_value');
const OP_HEADER = 'op';
const OP_DELETE = 'd';

/** The two columns that follow those of a source of changes: the record's key (text), and what it does ({@link CHANGE}, i32). */
export function changeColumns(kernel: Kernel, decoded: DecodedBatch): readonly ColumnVector[] {
  const { rows, facts } = decoded;
  const operations = kernel.arenaAlloc(rows * 4);
  for (let row = 0; row < rows; row++) {
    const isTombstone = kernel.u32()[(facts.status >>> 2) + row] === ABSENT_VALUE;
    const deletes = isTombstone || operationOf(kernel, decoded, row) === OP_DELETE;
    kernel.i32()[(operations >>> 2) + row] = deletes ? CHANGE.delete : CHANGE.set;
  }
  return [facts.key, { physical: 'i32', data: operations, nulls: 0 }];
}

/** The rows that were decoded, and the records without a value. */
export function withTombstones(kernel: Kernel, decoded: DecodedBatch): { selection: number; selected: number } {
  const { rows, facts, refused } = decoded;
  if (refused === 0) return decoded;
  const selection = kernel.arenaAlloc(rows * 4);
  const words = kernel.u32();
  let selected = 0;
  for (let row = 0; row < rows; row++) {
    const status = words[(facts.status >>> 2) + row]!;
    if (status === 0 || status === ABSENT_VALUE) words[(selection >>> 2) + selected++] = row;
  }
  return { selection, selected };
}

/** Header `op` of a record: its headers follow the value (Kafka RecordBatch v2: a count, then lengths and bytes, all varints). */
function operationOf(kernel: Kernel, { facts }: DecodedBatch, row: number): string | undefined {
  const words = kernel.u32();
  const bytes = kernel.u8();
  let at = words[(facts.valueStart >>> 2) + row]! + words[(facts.valueLength >>> 2) + row]!;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
  };
  for (let left = varint(); left > 0; left--) {
    const nameLength = varint();
    const name = textOf(bytes.subarray(at, at + nameLength));
    at += nameLength;
    const length = varint();
    if (name === OP_HEADER && length > 0) return textOf(bytes.subarray(at, at + length));
    at += Math.max(0, length);
  }
  return undefined;
}
