import { type ByteReader, type ByteWriter, textOf, utf8 } from '../../base/bytes.ts';
import type { DataType } from '../../plan/data-type.ts';
import { textToValue, valueToText } from '../../plan/value/value-text.ts';

/** A value in a snapshot: 0 for null, else 1 and its text; of an array how many values, and those. */
export function writeValue(writer: ByteWriter, value: unknown, type: DataType): void {
  const isNull = value === null || value === undefined;
  writer.u8(isNull ? 0 : 1);
  if (isNull) return;
  if (type.kind !== 'array') {
    writer.prefixed(utf8(valueToText(value, type)));
    return;
  }
  const items = value as readonly unknown[];
  writer.varint(items.length);
  for (const item of items) writeValue(writer, item, type.element);
}

export function readValue(reader: ByteReader, type: DataType): unknown {
  if (reader.u8() === 0) return null;
  if (type.kind !== 'array') return textToValue(textOf(reader.prefixed()), type);
  return Array.from({ length: reader.unsigned() }, () => readValue(reader, type.element));
}

/** The values of one row, in the order of their types. */
export function writeRow(writer: ByteWriter, row: readonly unknown[], types: readonly DataType[]): void {
  for (let i = 0; i < types.length; i++) writeValue(writer, row[i], types[i]!);
}

export function readRow(reader: ByteReader, types: readonly DataType[]): unknown[] {
  return types.map((type) => readValue(reader, type));
}

/** An event time that may not be there. */
export function writeTime(writer: ByteWriter, time: bigint | undefined): void {
  writer.u8(time === undefined ? 0 : 1);
  if (time !== undefined) writer.i64(time);
}

export function readTime(reader: ByteReader): bigint | undefined {
  return reader.u8() === 0 ? undefined : reader.i64();
}
