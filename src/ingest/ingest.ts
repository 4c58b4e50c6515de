import type { Offset } from '../base/brand.ts';
import type { Principal } from '../security/principal.ts';

export type IngestFormat = 'json' | 'ndjson' | 'csv';

export interface IngestRequest {
  readonly topic: string;
  readonly principal: Principal;
  /** Decompressed body, within the body limit. */
  readonly body: Uint8Array;
  readonly format: IngestFormat;
  readonly idempotencyKey: string | undefined;
}

export interface Refusal {
  /** 1-based line (NDJSON, CSV) or 1-based element of the array. */
  readonly line: number;
  /** Stable reason: `malformed`, `schema`, `too_large`, `depth`, `utf8`, ... */
  readonly reason: string;
  /** JSON pointer into the record, when the reason has a place. */
  readonly pointer: string | undefined;
  readonly message: string;
}

export interface IngestResult {
  readonly topic: string;
  readonly accepted: number;
  readonly refused: number;
  /** At most `INGEST_REFUSALS_MAX` of them; all are in the dead-letter topic. */
  readonly refusals: readonly Refusal[];
  /** Where the accepted records went. */
  readonly placements: readonly { readonly partition: number; readonly baseOffset: Offset; readonly records: number }[];
  /** True when this is the stored answer of an earlier request with the same idempotency key. */
  readonly replayed: boolean;
}

/**
 * The one way in for events: validates, refuses to dead letters, frames as RecordBatch v2, commits (events, dead letters
 * and the idempotent answer in one round).
 * @throws HeadraceError `INGEST_UNKNOWN_TOPIC`, `INGEST_OVERLOADED` (retryable), `INGEST_IDEMPOTENCY_CONFLICT`, `LOG_DISK_FULL`
 */
export interface Ingest {
  accept(request: IngestRequest): Promise<IngestResult>;
}

/** Name of the dead-letter topic; its records are {@link DeadLetter} as JSON. */
export const DEAD_LETTER_TOPIC = '_dead_letters';

/** The value of a dead-letter record. */
export interface DeadLetter {
  /** Topic that the record was meant for. */
  readonly topic: string;
  /** Partition and offset, when it had been in the log. */
  readonly partition?: number;
  readonly offset?: number;
  /** `malformed`, `schema`, `late`, `future`, `expression`, `user-function`, ... */
  readonly reason: string;
  readonly pointer?: string;
  readonly message: string;
  /** Pipeline and operator, when it came from the engine. */
  readonly pipeline?: string;
  readonly operator?: string;
  /** Milliseconds since the Unix epoch. */
  readonly receivedAt: number;
  /** The bytes as text when they are valid UTF-8, else undefined and `base64` set. */
  readonly value?: string;
  readonly base64?: string;
}
