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

/** Records of one partition, one after another; those that were refused before are left out. */
export interface SinkBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly SinkRecord[];
  /** Everything below has been delivered or refused. */
  readonly from: Offset;
  /** As {@link from}, when this batch has been delivered. */
  readonly next: Offset;
}

/** A record that the target will never take. */
export interface SinkRefusal {
  readonly record: SinkRecord;
  readonly message: string;
}

export type SinkDelivery<State> =
  | {
      readonly kind: 'delivered';
      /** What {@link SinkTarget.open} is to be given if this delivery turns out to be the last one committed. */
      readonly state: State;
      /** Of the batch; everything else of it was taken. */
      readonly refused: readonly SinkRefusal[];
    }
  /**
   * Nothing of the batch was taken, since it holds these: they are to be journaled as dead letters, and the rest given again. That is
   * how a target that commits the position itself refuses: position and letters are in two systems, so the letters come first.
   */
  | { readonly kind: 'refused'; readonly refused: readonly SinkRefusal[] };

/** How far a sink is, as its target is told when it is opened. */
export interface SinkProgress<State> {
  readonly offsets: readonly number[];
  readonly state: State;
}

export interface SinkOpening<State> {
  readonly state: State;
  /** Where to go on, of a target that keeps the position. */
  readonly offsets?: readonly number[];
}

/** The system that a sink writes to; plain JSON as its state. */
export interface SinkTarget<State> {
  /**
   * The batch is recorded before it is sent: after a crash the very same one is sent again, for a target that knows a
   * repeated request by its key.
   */
  readonly fixedBatches: boolean;
  /**
   * Rows and position are committed together by the target, whose position is the truth: ours is set to it when it is opened. It is
   * given batches without records too, so that its position passes what is no data.
   */
  readonly keepsPosition: boolean;
  /**
   * Takes back what was written after `stored`, or says how far it is; at the first start finds the state to begin with.
   * @param begin where each partition is to begin that the target and `stored` do not know
   * @param signal given when the sink is stopped
   */
  open(
    stored: SinkProgress<State> | undefined,
    begin: readonly number[],
    signal: AbortSignal,
  ): Promise<SinkOpening<State>>;
  /**
   * Delivers the batch. May be given the same one again after it has thrown.
   * @throws HeadraceError retryable when it may succeed later
   */
  write(batch: SinkBatch, state: State, signal: AbortSignal): Promise<SinkDelivery<State>>;
  close(): Promise<void>;
}
