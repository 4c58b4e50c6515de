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

export interface FrameGroupInput extends Omit<FrameInput, 'body' | 'format'> {
  /** Each one line without its newline, probably a JSON object. */
  readonly bodies: readonly Uint8Array[];
}

/** Where the one row of a body went: the append, and its place in it. */
export interface GroupedRow {
  readonly append: number;
  readonly position: number;
}

export interface FramedGroup {
  readonly appends: readonly Append[];
  /** By body; undefined for one that is not exactly one row that passes: it is to be framed alone. */
  readonly rows: readonly (GroupedRow | undefined)[];
}

/** Checks the rows of a body and frames those that pass as record batches, by partition. */
export interface Framer {
  /** @throws HeadraceError `INGEST_BODY_MALFORMED` when the body has no rows that could be told apart; `INGEST_REFUSALS_TOO_MANY` */
  frame(input: FrameInput): FramedBody;
  /** Frames the bodies that are one good row each, together. */
  frameGroup(input: FrameGroupInput): FramedGroup;
  /** The log has answered for these batches: their memory may be used again. */
  release(appends: readonly Append[]): void;
}
