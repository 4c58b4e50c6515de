import { type ColumnVector, physicalOf } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { DataType } from '../../plan/data-type.ts';
import { TYPE } from '../../plan/type-name.ts';
import { groupingKey } from '../../plan/value/value-order.ts';
import type { Batch } from './batch.ts';
import { columnOfValues, forEachRow, valueReader } from './column-access.ts';

/** Whether values of the type that are equal are the same bytes in a column (but for -0 and NaN, which kernels know). */
export function isCanonical(type: DataType): boolean {
  return physicalOf(type) !== 'str' || type.kind === 'text' || type.kind === 'uuid' || type.kind === 'bytea';
}

/** A column in which equal values have equal bytes: the column itself, or one made row by row for the types that need it. */
export type KeyColumn = (batch: Batch, vector: ColumnVector) => ColumnVector;

export function keyColumn(kernel: Kernel, type: DataType): KeyColumn {
  if (isCanonical(type)) return (_, vector) => vector;
  const read = valueReader(kernel, type);
  return (batch, vector) => {
    const keys = new Array<string | null>(batch.rows).fill(null);
    forEachRow(kernel, batch, (row) => {
      const value = read(vector, row);
      keys[row] = value === null ? null : groupingKey(value, type);
    });
    return columnOfValues(kernel, TYPE.text, keys, batch.rows);
  };
}
