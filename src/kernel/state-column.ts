import { type ColumnVector, PHYSICAL_CODE } from './column.ts';
import type { Kernel } from './kernel.ts';

/** Bytes of a column's description, as in assembly/state/key.ts. */
export const COLUMN_BYTES = 16;

/** Describes columns to the kernels of state: address of the values, of the null bytes, and the physical type. */
export function putColumns(kernel: Kernel, target: number, columns: readonly ColumnVector[]): void {
  const words = kernel.u32();
  let at = target >>> 2;
  for (const { data, nulls, physical } of columns) {
    words[at] = data;
    words[at + 1] = nulls;
    words[at + 2] = PHYSICAL_CODE[physical];
    at += COLUMN_BYTES >>> 2;
  }
}
