/** Every limit of serving, in one place. */

/** Rows that one table keeps; beyond it the row written longest ago is evicted (and counted). */
export const TABLE_ROWS_MAX = 1_000_000;
/** Newest rows that the table of an `append` topic keeps. */
export const TABLE_TAIL_ROWS_MAX = 10_000;

/** Characters of keys and values in one block of a table's checkpoint. */
export const TABLE_CHECKPOINT_BLOCK_CHARS = 1024 ** 2;
/** Time between two looks at which tables are due for a checkpoint, milliseconds. */
export const TABLE_CHECKPOINT_LOOK_MS = 60_000;
/** Records that a table applies between two checkpoints, at least; and as many as it has rows: writing stays a small part of the work. */
export const TABLE_CHECKPOINT_RECORDS_MIN = 100_000;
/** Records applied since the last checkpoint for which a clean stop writes one. */
export const TABLE_CHECKPOINT_STOP_RECORDS_MIN = 10_000;

/** Bytes read from a partition in one go; grows for a single batch that is larger. */
export const FEED_READ_BYTES = 256 * 1024;
/** Time that feeds may take before they give the event loop back, milliseconds. */
export const FEED_TURN_MS_MAX = 8;
/** Records handed to listeners between two looks at the clock. */
export const FEED_SLICE_RECORDS = 256;

/** Frames that wait in memory for one subscriber; what comes beyond is read from the log again. */
export const LIVE_BUFFER_FRAMES_MAX = 16_384;
/** A client whose buffer is full and that takes nothing for so long is let go, milliseconds. */
export const LIVE_SLOW_MS_MAX = 30_000;
/** Newest records per partition that a stream of a topic begins with. */
export const LIVE_TAIL_RECORDS = 100;
/** Live streams open at once. */
export const LIVE_STREAMS_MAX = 10_000;
/** Keys remembered for a filtered stream, to tell a row that leaves the filter from one that was never in it. */
export const LIVE_FILTER_KEYS_MAX = 100_000;

/** Rows of an answer unless the caller asks for fewer or more. */
export const QUERY_ROWS_DEFAULT = 1_000;
/** Rows of an answer at most. */
export const QUERY_ROWS_MAX = 100_000;
/** Milliseconds that a query may take unless the caller says otherwise. */
export const QUERY_TIMEOUT_MS_DEFAULT = 10_000;
/** Milliseconds that a query may take at most. */
export const QUERY_TIMEOUT_MS_MAX = 120_000;
/** Queries that wait; those beyond are refused. */
export const QUERY_QUEUE_MAX = 64;
/** Memory of the query database, megabytes. */
export const QUERY_MEMORY_MB = 1_024;
/** Threads of the query database. */
export const QUERY_THREADS = 2;
/** Records of a topic that one query may read. */
export const QUERY_TOPIC_RECORDS_MAX = 5_000_000;
/** Characters of a query. */
export const QUERY_TEXT_MAX = 100_000;
/** Relations that the query database keeps loaded. */
export const QUERY_RELATIONS_CACHED_MAX = 16;
/** Turns of the event loop that a query waits for its tables to catch up; then it answers with the lag that there is. */
export const QUERY_TURNS_TO_CATCH_UP_MAX = 1_000;

/** Records of a topic from which on aggregates are computed from its segments, and not from rows that the query database keeps. */
export const SCAN_RECORDS_MIN = 50_000;
/** Threads that scan the segments of a topic for one query. */
export const SCAN_THREADS = 2;
/** Memory of one of them, bytes. */
export const SCAN_MEMORY_BYTES_MAX = 512 * 1024 ** 2;
/** Threads that have nothing to scan for so long end, milliseconds. */
export const SCAN_THREADS_IDLE_MS = 30_000;
/** Records that a thread takes at a time. */
export const SCAN_RANGE_RECORDS = 250_000;
/** Bytes read at a time. */
export const SCAN_CHUNK_BYTES = 1024 ** 2;
/** The largest record batch that is read. */
export const SCAN_CHUNK_BYTES_MAX = 128 * 1024 ** 2;
/** Rows decoded at a time: their columns stay in the cache. */
export const SCAN_BATCH_ROWS = 4_096;
/** Groups of one query. */
export const SCAN_GROUPS_MAX = 1_000_000;
/** Rows that a scan hands over at a time, about. */
export const SCAN_BLOCK_ROWS = 2_048;
/** Blocks of rows that wait to be taken. */
export const SCAN_BLOCKS_AHEAD_MAX = 16;
