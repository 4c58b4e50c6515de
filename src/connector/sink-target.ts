import type { Offset } from '../base/brand.ts';

/** A record on its way out; the bytes are views that live until the batch has been delivered. */
export interface SinkRecord {
  readonly partition: number;
  readonly offset: Offset;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  /** Null deletes the key (upsert topics). */
  readonly value: Uint8Array | null;
}

/** Records of one partition, one after another. */
export interface SinkBatch {
  readonly topic: string;
  readonly records: readonly SinkRecord[];
}

/** A record that the target will never take. */
export interface SinkRefusal {
  readonly record: SinkRecord;
  readonly message: string;
}

export interface SinkDelivery<State> {
  /** What {@link SinkTarget.open} is to be given if this delivery turns out to be the last one committed. */
  readonly state: State;
  readonly refused: readonly SinkRefusal[];
}

/** The system that a sink writes to; plain JSON as its state. */
export interface SinkTarget<State> {
  /**
   * The batch is recorded before it is sent: after a crash the very same one is sent again, for a target that knows a
   * repeated request by its key.
   */
  readonly fixedBatches: boolean;
  /** Takes back what was written after `state`; without one, at the first start, finds the state to begin with. */
  open(state: State | undefined): Promise<State>;
  /**
   * Delivers the batch. May be given the same one again after it has thrown.
   * @throws HeadraceError retryable when it may succeed later
   */
  write(batch: SinkBatch, state: State, signal: AbortSignal): Promise<SinkDelivery<State>>;
  close(): Promise<void>;
}
