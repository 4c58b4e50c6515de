import { ALIGNMENT_US } from './limits.ts';

/** One partition that an epoch may read from. */
export interface InputState {
  /** Records that are there and not yet read. */
  readonly available: number;
  /** Its own watermark (µs); WATERMARK_MIN before any event time. */
  readonly watermark: bigint;
}

/**
 * How many bytes of each partition an epoch reads. The one that is furthest behind in event time is always read; those
 * that are further ahead of it than `ALIGNMENT_US` wait, so that windows do not stay open for partitions that are read
 * too far. The rest share the budget evenly. A partition that has been read to its end holds nobody back. Pure.
 */
export function chooseInputs(inputs: readonly InputState[], budgetBytes: number): readonly number[] {
  let least: bigint | undefined;
  for (const { available, watermark } of inputs) {
    if (available > 0 && (least === undefined || watermark < least)) least = watermark;
  }
  if (least === undefined) return inputs.map(() => 0);
  const limit = least + ALIGNMENT_US;
  const reads = inputs.map(({ available, watermark }) => available > 0 && watermark <= limit);
  const share = Math.floor(budgetBytes / reads.filter(Boolean).length);
  return reads.map((read) => (read ? share : 0));
}
