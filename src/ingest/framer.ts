import type { TimestampMs } from '../base/brand.ts';
import type { Append, TopicConfig } from '../log/log.ts';
import type { TopicSchema } from '../schema/topic-schema.ts';
import type { BodyBytes, IngestFormat, Refusal } from './ingest.ts';
import type { IngestLimits } from './limits.ts';

export interface FrameInput {
  readonly body: BodyBytes;
  readonly format: IngestFormat;
  readonly topic: TopicConfig;
  readonly schema: TopicSchema | undefined;
  readonly limits: IngestLimits;
  /** Receipt: the timestamp of every record. */
  readonly timestamp: TimestampMs;
}

/** A row that did not pass, with a copy of its bytes. */
export interface RefusedRow extends Refusal {
  readonly bytes: Uint8Array;
}

export interface FramedBody {
  readonly accepted: number;
  readonly appends: readonly Append[];
  readonly refused: readonly RefusedRow[];
}

/** Checks the rows of a body and frames those that pass as record batches, by partition. */
export interface Framer {
  /** @throws HeadraceError `INGEST_BODY_MALFORMED` when the body has no rows that could be told apart; `INGEST_REFUSALS_TOO_MANY` */
  frame(input: FrameInput): FramedBody;
  /** The log has answered for these batches: their memory may be used again. */
  release(appends: readonly Append[]): void;
}
