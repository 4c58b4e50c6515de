import type { Batch } from './batch.ts';
import type { OperatorContext } from './operator.ts';

/** The rows whose time is known; the others go to dead letters. `nulls`: one byte a row, 1 where the time is null; 0 for none. */
export function datedRows(batch: Batch, nulls: number, context: OperatorContext, operator: string): Batch {
  if (nulls === 0) return batch;
  const { kernel, deadLetter } = context;
  const { selection, selected } = batch;
  const kept = kernel.arenaAlloc(selected * 4);
  const missing = kernel.arenaAlloc(selected * 4);
  const count = kernel.exports.partitionNulls(nulls, selection, selected, kept, missing);
  if (count === selected) return batch;
  for (let i = 0; i < selected - count; i++) {
    const row = kernel.u32()[(missing >>> 2) + i]!;
    deadLetter({ reason: 'no-event-time', message: `${operator}: the time of the row is null`, batch, row });
  }
  return { ...batch, selection: kept, selected: count };
}
