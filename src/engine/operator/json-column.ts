import type { ColumnVector } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { DataType } from '../../plan/data-type.ts';
import { toJsonText } from '../../plan/value/json-value.ts';
import { valueReader } from './column-access.ts';

/** JSON text of one value of a column, as `toJsonText` has it. */
export type JsonReader = (vector: ColumnVector, row: number) => string;

/**
 * Reads values of a type as JSON text. The common types go from the bytes of the column to text without a BigInt or another
 * object between; bounds of windows, which repeat from row to row, are formatted once.
 */
export function jsonReader(kernel: Kernel, type: DataType): JsonReader {
  const read = presentReader(kernel, type);
  return (vector, row) => (vector.nulls !== 0 && kernel.u8()[vector.nulls + row] === 1 ? 'null' : read(vector, row));
}

function presentReader(kernel: Kernel, type: DataType): JsonReader {
  switch (type.kind) {
    case 'boolean':
      return ({ data }, row) => (kernel.i32()[(data >>> 2) + row] === 0 ? 'false' : 'true');
    case 'int2':
    case 'int4':
      return ({ data }, row) => String(kernel.i32()[(data >>> 2) + row]);
    case 'int8':
      return ({ data }, row) => longText(kernel, data + row * 8);
    case 'float4':
    case 'float8':
      return ({ data }, row) => {
        const value = kernel.f64()[data / 8 + row]!;
        if (Object.is(value, -0)) return '-0';
        return Number.isFinite(value) ? String(value) : `"${value}"`;
      };
    case 'text':
    case 'uuid':
      return ({ data }, row) => JSON.stringify(kernel.textOfReference(data + row * 16));
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return repeatingReader(kernel, type);
    default: {
      const read = valueReader(kernel, type);
      return (vector, row) => toJsonText(read(vector, row), type);
    }
  }
}

/** A 64-bit integer: those of 32 bits without a BigInt. */
function longText(kernel: Kernel, address: number): string {
  const words = kernel.i32();
  const low = words[address >>> 2]!;
  const high = words[(address >>> 2) + 1]!;
  if (high === 0) return String(low >>> 0);
  if (high === -1 && low < 0) return String(low);
  return String(kernel.i64()[address / 8]);
}

function repeatingReader(kernel: Kernel, type: DataType): JsonReader {
  let knownLow = 0;
  let knownHigh = 0;
  let known: string | undefined;
  return ({ data }, row) => {
    const words = kernel.i32();
    const at = (data >>> 2) + row * 2;
    const low = words[at]!;
    const high = words[at + 1]!;
    if (known !== undefined && low === knownLow && high === knownHigh) return known;
    known = toJsonText(kernel.i64()[data / 8 + row], type);
    knownLow = low;
    knownHigh = high;
    return known;
  };
}
