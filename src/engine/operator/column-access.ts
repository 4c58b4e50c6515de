import { utf8 } from '../../base/bytes.ts';
import { type ColumnVector, PHYSICAL_WIDTH, type PhysicalType, physicalOf } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { DataType } from '../../plan/data-type.ts';
import { Decimal } from '../../plan/value/decimal.ts';
import { fromJsonArrayText, toJsonText } from '../../plan/value/json-value.ts';
import { textToValue, valueToText } from '../../plan/value/value-text.ts';
import type { Batch } from './batch.ts';

/** The value of one row as in plan/data-type.ts. For output, the interpreter and dead letters: allocates. */
export type ValueReader = (vector: ColumnVector, row: number) => unknown;

export function valueReader(kernel: Kernel, type: DataType): ValueReader {
  const read = presentReader(kernel, type);
  return (vector, row) => (vector.nulls !== 0 && kernel.u8()[vector.nulls + row] === 1 ? null : read(vector, row));
}

function presentReader(kernel: Kernel, type: DataType): ValueReader {
  switch (physicalOf(type)) {
    case 'i32':
      return type.kind === 'boolean'
        ? (vector, row) => kernel.i32()[(vector.data >>> 2) + row] !== 0
        : (vector, row) => kernel.i32()[(vector.data >>> 2) + row];
    case 'i64': {
      const scale = type.kind === 'numeric' ? (type.scale ?? 0) : undefined;
      if (scale === undefined) return (vector, row) => kernel.i64()[vector.data / 8 + row];
      return (vector, row) => new Decimal(kernel.i64()[vector.data / 8 + row]!, scale);
    }
    case 'f64':
      return (vector, row) => kernel.f64()[vector.data / 8 + row];
    case 'str':
      return stringReader(kernel, type);
  }
}

function stringReader(kernel: Kernel, type: DataType): ValueReader {
  const text: (vector: ColumnVector, row: number) => string = (vector, row) =>
    kernel.textOfReference(vector.data + row * PHYSICAL_WIDTH.str);
  switch (type.kind) {
    case 'text':
    case 'uuid':
      return text;
    case 'jsonb':
      return (vector, row) => JSON.parse(text(vector, row)) as unknown;
    case 'array':
      return (vector, row) => fromJsonArrayText(text(vector, row), type);
    case 'bytea':
      return (vector, row) => bytesOfReference(kernel, vector.data + row * PHYSICAL_WIDTH.str).slice();
    default:
      return (vector, row) => textToValue(text(vector, row), type);
  }
}

/** A view of the bytes that a string reference points to. */
export function bytesOfReference(kernel: Kernel, reference: number): Uint8Array {
  const words = kernel.u32();
  const start = words[(reference >>> 2) + 2]!;
  return kernel.u8().subarray(start, start + words[reference >>> 2]!);
}

/** Puts a value into a `str` column: its bytes as kernel/column.ts says. */
function bytesOfValue(value: unknown, type: DataType): Uint8Array {
  switch (type.kind) {
    case 'bytea':
      return value as Uint8Array;
    case 'jsonb':
      return utf8(JSON.stringify(value));
    case 'array':
      return utf8(toJsonText(value, type));
    default:
      return utf8(valueToText(value, type));
  }
}

/** Makes a column in the arena from JavaScript values: `values[row]`, null or undefined for null. */
export function columnOfValues(kernel: Kernel, type: DataType, values: readonly unknown[], rows: number): ColumnVector {
  const physical = physicalOf(type);
  const data = kernel.arenaAlloc(Math.max(1, rows) * PHYSICAL_WIDTH[physical]);
  const nulls = kernel.arenaAlloc(Math.max(1, rows));
  let anyNull = false;
  const flags = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    const value = values[row];
    if (value === null || value === undefined) {
      flags[row] = 1;
      anyNull = true;
    }
  }
  kernel.u8().set(flags, nulls);
  fillData(kernel, type, physical, data, values, rows);
  return { physical, data, nulls: anyNull ? nulls : 0 };
}

function fillData(
  kernel: Kernel,
  type: DataType,
  physical: PhysicalType,
  data: number,
  values: readonly unknown[],
  rows: number,
): void {
  if (physical === 'str') {
    fillStrings(kernel, type, data, values, rows);
  } else if (physical === 'i32') {
    const target = kernel.i32();
    for (let row = 0; row < rows; row++) target[(data >>> 2) + row] = Number(values[row] ?? 0);
  } else if (physical === 'f64') {
    const target = kernel.f64();
    for (let row = 0; row < rows; row++) target[data / 8 + row] = (values[row] as number | null | undefined) ?? 0;
  } else {
    const target = kernel.i64();
    for (let row = 0; row < rows; row++) target[data / 8 + row] = scaled(values[row], type);
  }
}

/** Puts one value into a column of its own that has null flags. */
export function storeValue(kernel: Kernel, type: DataType, vector: ColumnVector, row: number, value: unknown): void {
  const isNull = value === null || value === undefined;
  kernel.u8()[vector.nulls + row] = isNull ? 1 : 0;
  const at = vector.data + row * PHYSICAL_WIDTH[vector.physical];
  fillData(kernel, type, vector.physical, at, [value], 1);
}

function scaled(value: unknown, type: DataType): bigint {
  if (value === null || value === undefined) return 0n;
  if (type.kind !== 'numeric') return value as bigint;
  const decimal = (value as Decimal).fit(type.precision!, type.scale ?? 0);
  return decimal.unscaled * 10n ** BigInt((type.scale ?? 0) - decimal.scale);
}

const NO_BYTES = new Uint8Array(0);

function fillStrings(kernel: Kernel, type: DataType, data: number, values: readonly unknown[], rows: number): void {
  const isText = type.kind === 'text' || type.kind === 'uuid';
  for (let row = 0; row < rows; row++) {
    const value = values[row];
    const reference = data + row * PHYSICAL_WIDTH.str;
    if (value === null || value === undefined) kernel.storeBytes(reference, NO_BYTES);
    else if (isText) kernel.storeText(reference, value as string);
    else kernel.storeBytes(reference, bytesOfValue(value, type));
  }
}

/** Calls back for each row that is alive, in order. */
export function forEachRow(kernel: Kernel, batch: Batch, visit: (row: number) => void): void {
  if (batch.selection === 0) {
    for (let row = 0; row < batch.rows; row++) visit(row);
    return;
  }
  // The callback may make the memory grow: take the view anew for each row.
  const at = batch.selection >>> 2;
  for (let i = 0; i < batch.selected; i++) visit(kernel.u32()[at + i]!);
}

/** A selection vector in the arena. */
export function selectionOf(kernel: Kernel, rows: readonly number[]): number {
  const address = kernel.arenaAlloc(Math.max(1, rows.length) * 4);
  kernel.u32().set(rows, address >>> 2);
  return address;
}

export function weightOf(kernel: Kernel, batch: Batch, row: number): number {
  return batch.weights === 0 ? 1 : kernel.i32()[(batch.weights >>> 2) + row]!;
}
