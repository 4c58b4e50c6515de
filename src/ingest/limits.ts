/** Every limit of ingest, in one place; `createIngest` takes changes to the first five. */
export interface IngestLimits {
  /** Bytes queued in the log above which requests are refused with `INGEST_OVERLOADED`. */
  readonly pendingBytesMax: number;
  /** Wait for a commit above which, when it lasts, no more requests are let in than are committed in that time. */
  readonly waitTargetMs: number;
  /** One record; a longer one is refused as `too_large`. */
  readonly lineBytesMax: number;
  /** Levels of nesting in one record; a deeper one is refused as `depth`. */
  readonly depthMax: number;
  /** Uncompressed bytes of one record batch; a body is cut into as many as it takes. */
  readonly batchBytesMax: number;
}

export const INGEST_LIMITS: IngestLimits = {
  pendingBytesMax: 256 * 1024 * 1024,
  waitTargetMs: 50,
  lineBytesMax: 1024 * 1024,
  depthMax: 128,
  batchBytesMax: 8 * 1024 * 1024,
};

/** What a request costs beside its bytes, in bytes: small ones are bound by their number. */
export const ADMISSION_REQUEST_COST = 2 * 1024;
/** So much may always wait, however slow the disk. */
export const ADMISSION_FLOOR = 1024 * 1024;
/** Record batches on their way to the disk share blocks of this size; a larger one has memory of its own. */
export const BATCH_BLOCK_BYTES = 4 * 1024 * 1024;
/** Blocks kept for reuse. */
export const BATCH_BLOCKS_KEPT = 8;
/** A body of one event up to this size shares its record batch with others that arrive beside it. */
export const SMALL_BODY_BYTES_MAX = 16 * 1024;
/** Small bodies that are gathered into one record batch. */
export const GROUP_BODIES_MAX = 4_096;
/** Bytes of small bodies that are gathered into one record batch. */
export const GROUP_BYTES_MAX = 1024 * 1024;
/** Refusals listed in an answer; all of them are in the dead-letter topic. */
export const INGEST_REFUSALS_MAX = 100;
/** Memory of the kernel that checks and frames bodies. */
export const INGEST_KERNEL_BYTES_MAX = 1024 ** 3;
/** Refused records of one body; beyond it the whole body is refused, since it is of another kind than the topic. */
export const REFUSED_ROWS_MAX = 100_000;
/** Bytes of a refused record that its dead letter keeps; what is cut is said in its message. */
export const DEAD_LETTER_BYTES_MAX = 8 * 1024 * 1024;
/** How long the answer to an idempotent request is kept. */
export const IDEMPOTENCY_KEEP_MS = 24 * 60 * 60 * 1000;
/** Answers kept at most; the oldest go first when the sweep finds more. */
export const IDEMPOTENCY_ENTRIES_MAX = 1_000_000;
/** Characters of an idempotency key. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 255;
/** Removals in one commit of the sweep. */
export const IDEMPOTENCY_SWEEP_CHUNK = 10_000;
/** Whole answers, with offsets, kept in memory for a repeat soon after. */
export const IDEMPOTENCY_RECENT_MAX = 1_000;
