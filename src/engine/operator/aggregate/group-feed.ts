import type { Batch } from '../batch.ts';
import type { OperatorContext } from '../operator.ts';

/** Takes batches into groups of the kernel. */
export interface GroupFeed {
  /** `watermark`: windows that end at or before it are closed, and their rows late. */
  take(batch: Batch, watermark: bigint): void;
  close(): void;
}

/** Puts rows whose window was closed to dead letters: `count` row numbers (u32) at an address. */
export function reportLate({ kernel, deadLetter }: OperatorContext, batch: Batch, late: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const row = kernel.u32()[(late >>> 2) + i]!;
    deadLetter({ reason: 'late', message: 'aggregate: the window of the row was closed', batch, row });
  }
}
