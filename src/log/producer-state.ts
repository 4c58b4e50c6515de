import { PRODUCER_BATCHES_KEPT } from './limits.ts';
import type { ProducerStamp } from './log.ts';

/** A batch that an idempotent producer wrote, to recognise its repetition. */
export interface ProducerBatch {
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
}

/** What a partition remembers of an idempotent producer (KIP-98). Immutable. */
export interface ProducerState {
  readonly epoch: number;
  readonly lastTimestamp: number;
  /** The most recent ones of this epoch, oldest first. */
  readonly batches: readonly ProducerBatch[];
}

export type SequenceVerdict =
  | { readonly kind: 'accept' }
  | { readonly kind: 'duplicate'; readonly baseOffset: number }
  | { readonly kind: 'fenced'; readonly epoch: number }
  | { readonly kind: 'out-of-sequence'; readonly expected: number };

const ACCEPT: SequenceVerdict = { kind: 'accept' };
const SEQUENCE_COUNT = 2 ** 31;

/** Sequences wrap from 2^31 - 1 to 0. */
export const sequenceAfter = (sequence: number, records: number): number => (sequence + records) % SEQUENCE_COUNT;

/** Kafka's rules: an unknown producer may begin anywhere, a new epoch begins at 0, otherwise the next sequence follows the last. */
export function checkSequence(
  state: ProducerState | undefined,
  stamp: ProducerStamp,
  records: number,
): SequenceVerdict {
  if (state === undefined) return ACCEPT;
  if (stamp.epoch < state.epoch) return { kind: 'fenced', epoch: state.epoch };
  if (stamp.epoch > state.epoch) {
    return stamp.baseSequence === 0 ? ACCEPT : { kind: 'out-of-sequence', expected: 0 };
  }
  const lastSequence = sequenceAfter(stamp.baseSequence, records - 1);
  for (const batch of state.batches) {
    if (batch.baseSequence === stamp.baseSequence && batch.lastSequence === lastSequence) {
      return { kind: 'duplicate', baseOffset: batch.baseOffset };
    }
  }
  const last = state.batches[state.batches.length - 1];
  const expected = last === undefined ? 0 : sequenceAfter(last.lastSequence, 1);
  return stamp.baseSequence === expected ? ACCEPT : { kind: 'out-of-sequence', expected };
}

/** What is remembered of a producer at `timestamp`: nothing, once it was silent for longer than `expiryMs`. */
export function unexpired(
  state: ProducerState | undefined,
  timestamp: number,
  expiryMs: number,
): ProducerState | undefined {
  return state !== undefined && timestamp - state.lastTimestamp > expiryMs ? undefined : state;
}

/** The state after an accepted batch. */
export function afterBatch(
  state: ProducerState | undefined,
  stamp: ProducerStamp,
  records: number,
  baseOffset: number,
  timestamp: number,
): ProducerState {
  const earlier = state !== undefined && state.epoch === stamp.epoch ? state.batches : [];
  const lastSequence = sequenceAfter(stamp.baseSequence, records - 1);
  const batch: ProducerBatch = { baseSequence: stamp.baseSequence, lastSequence, baseOffset };
  return {
    epoch: stamp.epoch,
    lastTimestamp: timestamp,
    batches: [...earlier.slice(1 - PRODUCER_BATCHES_KEPT), batch],
  };
}
