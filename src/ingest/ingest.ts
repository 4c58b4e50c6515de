import type { Offset } from '../base/brand.ts';
import type { LedgerPut } from '../log/log.ts';
import type { Principal } from '../security/principal.ts';

export type IngestFormat = 'json' | 'ndjson' | 'csv';

/** A body whole, or in the parts that it came in. */
export type BodyBytes = Uint8Array | readonly Uint8Array[];

export interface IngestRequest {
  readonly topic: string;
  readonly principal: Principal;
  /** Decompressed body, within the body limit. */
  readonly body: BodyBytes;
  readonly format: IngestFormat;
  readonly idempotencyKey: string | undefined;
  /** Written in the same commit as the events: how a connector keeps its position exactly once. */
  readonly puts?: readonly LedgerPut[];
  /** Records that the caller could not even turn into a line of the body; they go to dead letters in the same commit. */
  readonly rejects?: readonly Reject[];
  /** Checks the body when the thread has time for it; at once when left out. Waiting for that is part of what overload is judged by. */
  readonly turn?: Turn | undefined;
}

/** Does a piece of work when its turn has come. */
export type Turn = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** A record that was refused before it came here. */
export interface Reject {
  readonly bytes: Uint8Array;
  readonly reason: string;
  readonly message: string;
  /** 1-based line in the caller's own source. */
  readonly line: number;
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
  /** Where the accepted records went; empty in an answer that is repeated after a restart. */
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

export { DEAD_LETTER_TOPIC, type DeadLetter } from '../log/dead-letter.ts';
