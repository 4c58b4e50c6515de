import { ALIGNMENT_BACKLOG_RECORDS, ALIGNMENT_US, CHUNK_BYTES } from '../limits.ts';

/** One partition that an epoch may read from. */
export interface InputState {
  /** Records that are there and not yet read. */
  readonly available: number;
  /** Its own watermark (µs); WATERMARK_MIN before any event time. */
  readonly watermark: bigint;
}

/**
 * How many bytes of each partition an epoch reads. Partitions with a backlog are read by event time: one that is further ahead
 * of the last of them than `ALIGNMENT_US` is read slowly, a chunk an epoch, so that windows do not stay open for partitions that
 * are read too far, and nobody waits for ever. The rest share the budget evenly. A partition that is nearly at its end holds
 * nobody back, however old its events are. Pure.
 */
export function chooseInputs(inputs: readonly InputState[], budgetBytes: number): readonly number[] {
  let least: bigint | undefined;
  for (const { available, watermark } of inputs) {
    if (available >= ALIGNMENT_BACKLOG_RECORDS && (least === undefined || watermark < least)) least = watermark;
  }
  const isAhead = ({ watermark }: InputState): boolean => least !== undefined && watermark > least + ALIGNMENT_US;
  const sharing = inputs.filter((input) => input.available > 0 && !isAhead(input)).length;
  return inputs.map((input) => {
    if (input.available === 0) return 0;
    return isAhead(input) ? Math.min(CHUNK_BYTES, budgetBytes) : Math.max(1, Math.floor(budgetBytes / sharing));
  });
}
