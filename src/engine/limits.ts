/** Sharding of state: fixed for the life of a pipeline's state (ARCHITECTURE, section 4). */
export const KEY_GROUPS = 128;
/** Rows in a block of an exchange: part of what a replay must come to again, so it changes with the semantics' version only. */
export const EXCHANGE_BLOCK_ROWS = 4_096;
/** Segments of exchanges: what has been processed goes a segment at a time. */
export const EXCHANGE_SEGMENT_BYTES = 16 * 1024 ** 2;
/** Bytes of an exchange that one task of the next stage has not processed yet, at which those that feed it read no more. */
export const EXCHANGE_AHEAD_BYTES_MAX = 64 * 1024 ** 2;
/** Input bytes that one epoch takes at most, over all partitions. */
export const EPOCH_BYTES_MAX = 32 * 1024 ** 2;
/** Input bytes decoded at a time: the columns of one chunk stay in the cache. */
export const CHUNK_BYTES = 2 * 1024 ** 2;
/** The largest record batch that is read; a larger one fails the pipeline with the log's message. */
export const CHUNK_BYTES_MAX = 128 * 1024 ** 2;
/** Epochs that are processed and not yet durable, at most. */
export const EPOCHS_IN_FLIGHT_MAX = 4;
/** Records in one record batch of an output. */
export const OUTPUT_BATCH_RECORDS_MAX = 10_000;
/** Bytes in one record batch of an output, about. */
export const OUTPUT_BATCH_BYTES_MAX = 1024 ** 2;
/** JavaScript heap of a worker beyond what its state may take, MiB: code, batches on their way, garbage. */
export const HEAP_HEADROOM_MB = 256;
/** Bytes of a dead letter's value that are kept. */
export const DEAD_LETTER_VALUE_BYTES_MAX = 1024 ** 2;
/** Groups of a partial aggregate after which its rows are handed on before the epoch ends. */
export const PARTIAL_GROUPS_MAX = 131_072;
/** Rows of one operator that wait for the results of calls; with more, no input is read. */
export const WAITING_ROWS_MAX = 10_000;
/** Bytes of these rows, about. */
export const WAITING_BYTES_MAX = 64 * 1024 ** 2;
/** Input bytes that one epoch of a pipeline that waits for calls takes at most: what comes beyond the limits above. */
export const WAITING_EPOCH_BYTES_MAX = 256 * 1024;
/** Threads of the pool of user functions when nothing else is configured. */
export const FUNCTION_THREADS = 2;
/** Calls with V8's timeout after one that did not return, before calls are trusted again. */
export const GUARDED_CALLS = 10_000;
/** Calls that did not return which are known at a time: they fail at once when they come again. */
export const POISON_CALLS_MAX = 1_000;
/** How often the watchdog looks at a thread, milliseconds: a call that hangs is found so much after its timeout at most. */
export const WATCHDOG_INTERVAL_MS = 250;
/** Rows that one attempt of a pattern takes at most; it is given up then. */
export const MATCH_ROWS_MAX = 1_000_000;
/** Silence after which a partition of a source without a watermark stops holding back the receipt-time watermark. */
export const RECEIPT_IDLE_TIMEOUT_MS = 10_000;
/** A status is sent to the main thread at most this often while epochs run. */
export const STATUS_INTERVAL_MS = 100;
/** Epoch times kept for the quantiles of the status. */
export const EPOCH_SAMPLES = 512;
/** Journal entries after which a snapshot is taken whatever the interval: bounds replay. */
export const JOURNAL_ENTRIES_MAX = 4_000;
/** Processing time since the last snapshot, milliseconds, after which the next is due: about what a recovery replays at most. */
export const SNAPSHOT_REPLAY_MS = 250;
/** Silence after which a pipeline that has something new takes a snapshot, so that a restart replays nothing. Milliseconds. */
export const SNAPSHOT_QUIET_MS = 1_000;
/** A snapshot follows the one before no sooner than after so many times what that one took. */
export const SNAPSHOT_COST_PART = 10;
/** About the bytes of a part of a snapshot: a few milliseconds of work between two epochs. */
export const SNAPSHOT_PART_BYTES = 1024 ** 2;
/** About the bytes of a part of state that JavaScript keeps: serialising it takes longer. */
export const SNAPSHOT_ENTRIES_BYTES = 256 * 1024;
/** What has changed is written alone until that comes to so much of what was written whole; then all is written again. */
export const SNAPSHOT_DELTA_SHARE = 0.5;
/** Files of one snapshot, at most: the one with the oldest part is written anew. */
export const SNAPSHOT_FILES_MAX = 16;
/** What a snapshot that the disk refused counts as having taken: it is tried again after ten times as long. Milliseconds. */
export const SNAPSHOT_REFUSED_COST_MS = 1_000;
/** How much further ahead in event time than the last with a backlog a partition is read at full speed, microseconds. */
export const ALIGNMENT_US = 60_000_000n;
/** Records that are not yet read which make a partition hold back those that are ahead of it. */
export const ALIGNMENT_BACKLOG_RECORDS = 10_000;
/** Input that is kept for a pipeline which is paused or not declared any more, about; with more, retention takes it, and the pipeline must be built anew. */
export const WAITING_INPUT_BYTES_MAX = 16 * 1024 ** 3;
/** Wait before a pipeline is recovered after a commit was refused; doubled each time it is refused again. */
export const RETRY_DELAY_MS = 500;
/** The longest of these waits. */
export const RETRY_DELAY_MS_MAX = 10_000;
/** Segments of output topics and of the dead letters; the newest one of a partition is not compacted. */
export const OUTPUT_SEGMENT_BYTES = 16 * 1024 ** 2;
/** The longest wait of one timer: Node's own limit, at which a longer one would fire at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;
/** Bits of a hash that choose a register of `approx_count_distinct`: 16,384 registers, a standard error of 0.8 %. Part of the snapshot format. */
export const HYPERLOGLOG_PRECISION = 14;
/** Pairs that a join makes at a time: what it emits in one batch is no more than twice as many. */
export const JOINED_ROWS_MAX = 16_384;
