import type { Kernel } from '../../kernel/kernel.ts';
import type { Column } from '../../plan/data-type.ts';
import { type Batch, WATERMARK_MIN } from './batch.ts';
import { columnOfValues, forEachRow, selectionOf, valueReader, weightOf } from './column-access.ts';
import type { Operator, OperatorContext } from './operator.ts';

/** One input row of an operator under test. */
export interface TestRow {
  readonly values: readonly unknown[];
  /** µs. */
  readonly time?: bigint;
  /** Watermark of the row's own partition, µs. */
  readonly watermark?: bigint;
  readonly weight?: number;
}

/** A batch in the arena. Every third row is followed by one that is not alive when `holes` is set. */
export function batchOfRows(
  kernel: Kernel,
  columns: readonly Column[],
  rows: readonly TestRow[],
  holes = false,
): Batch {
  const physical: (TestRow | undefined)[] = rows.flatMap((row, i) => (holes && i % 3 === 2 ? [row, undefined] : [row]));
  const count = physical.length;
  const vectors = columns.map((column, i) =>
    columnOfValues(
      kernel,
      column.type,
      physical.map((row) => row?.values[i]),
      count,
    ),
  );
  const times = kernel.arenaAlloc(count * 8);
  const watermarks = kernel.arenaAlloc(count * 8);
  const weights = kernel.arenaAlloc(count * 4);
  physical.forEach((row, i) => {
    kernel.i64()[times / 8 + i] = row?.time ?? 0n;
    kernel.i64()[watermarks / 8 + i] = row?.watermark ?? WATERMARK_MIN;
    kernel.i32()[(weights >>> 2) + i] = row?.weight ?? 1;
  });
  const alive = physical.flatMap((row, i) => (row === undefined ? [] : [i]));
  const selection = alive.length === count ? 0 : selectionOf(kernel, alive);
  const weighted = rows.some((row) => row.weight === -1);
  const selected = alive.length;
  const origin = undefined;
  return {
    rows: count,
    columns: vectors,
    selection,
    selected,
    weights: weighted ? weights : 0,
    origin,
    times,
    watermarks,
  };
}

/** What an operator has said so far: rows as it emitted them, with weights, and dead letters as reason and row. */
export interface Observed {
  readonly rows: { readonly values: readonly unknown[]; readonly weight: number }[];
  readonly letters: { readonly reason: string; readonly row: number }[];
}

/** Opens an operator and collects what it emits. */
export function observe(kernel: Kernel, operator: Operator, columns: readonly Column[]): Observed {
  const observed: Observed = { rows: [], letters: [] };
  const readers = columns.map((column) => valueReader(kernel, column.type));
  const context: OperatorContext = {
    kernel,
    clockMs: () => 0,
    emit: (batch) => {
      forEachRow(kernel, batch, (row) => {
        const values = readers.map((read, i) => read(batch.columns[i]!, row));
        observed.rows.push({ values, weight: weightOf(kernel, batch, row) });
      });
    },
    deadLetter: ({ reason, row }) => observed.letters.push({ reason, row }),
  };
  operator.open(context);
  return observed;
}
