/**
 * Every limit of the HTTP door, with the reason for its value. Those that an operator may want to move are options of
 * the door ({@link HttpDoorOptions}) and have these as their defaults.
 */

/** A request body, before and after decompression: 60,000 reference events, far below what one commit round may hold. */
export const BODY_BYTES_MAX = 16 * 1024 * 1024;
/** Request bodies held in memory at once, over all connections; above it the door answers 429. */
export const IN_FLIGHT_BYTES_MAX = 128 * 1024 * 1024;
/** Body of a request that is not ingest: a query, a topic declaration. */
export const JSON_BODY_BYTES_MAX = 1024 * 1024;
/** All header lines of a request. */
export const HEADER_BYTES_MAX = 16 * 1024;
/** From the first byte of a request to the last. */
export const REQUEST_TIMEOUT_MS = 60_000;
export const HEADERS_TIMEOUT_MS = 15_000;
/** How often the server looks for requests that have taken too long. */
export const TIMEOUT_CHECK_MS = 5_000;
/** The express lane takes heads up to this; larger ones are the full server's. */
export const LANE_HEAD_BYTES_MAX = 4 * 1024;
/** The same for bodies. */
export const LANE_BODY_BYTES_MAX = 1024 * 1024;
/** Bodies above this are checked in turns of the event loop; below it, others have the same batch anyway. */
export const TURN_BODY_BYTES_MIN = 16 * 1024;
/** Time that one turn of the event loop gives to checking bodies, milliseconds: so long an acknowledgement or a result may wait for them. */
export const WORK_TURN_MS = 1;
/** A request that has not come whole after this long is read by the full server, which times it. */
export const LANE_PATIENCE_MS = 1_000;
/** How often the lane looks for connections that are idle or slow. */
export const LANE_SWEEP_MS = 1_000;
/** Longer than the 60 s of common load balancers, so that it is they who close an idle connection. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** A connection on which nothing moves for this long is closed; live streams are exempt, they have heartbeats. */
export const IDLE_SOCKET_TIMEOUT_MS = 120_000;
/** At most; fewer where the process may have fewer open files (half of them). One more is closed at once. */
export const CONNECTIONS_MAX = 8_192;
/** What is read and thrown away after a refusal, so that the client sees the answer and not a reset connection. */
export const DISCARD_BYTES_MAX = 64 * 1024 * 1024;
/** Said in Retry-After when the door is overloaded. */
export const RETRY_AFTER_SECONDS = 1;

/** Live streams open at once. */
export const STREAMS_MAX = 1_024;
export const HEARTBEAT_MS = 15_000;
/** A client whose connection takes nothing for this long is let go, with the offset to resume from. */
export const SLOW_CLIENT_MS = 10_000;
/** After it was told, its connection is cut. */
export const SLOW_CLIENT_GRACE_MS = 5_000;
/** Bytes that may wait in the process for one live client; the log keeps the rest. */
export const STREAM_BUFFER_BYTES_MAX = 1024 * 1024;
/** A WebSocket client has nothing to tell us; larger messages end the connection. */
export const WEBSOCKET_MESSAGE_BYTES_MAX = 4 * 1024;

/** Records or dead letters in one answer. */
export const PAGE_RECORDS_MAX = 1_000;
/** Rows of a table in one answer; SQL is the way to more. */
export const TABLE_ROWS_MAX = 10_000;
/** Window of a zstd frame: what RFC 8878 (section 3.1.1.1.2) asks every decoder to support. */
export const ZSTD_WINDOW_BYTES_MAX = 8 * 1024 * 1024;
/** At a clean stop, requests under way get this long to finish. */
export const CLOSE_GRACE_MS = 5_000;
/** Bodies decompressed at once: bounds what is allocated before it can be counted. */
export const DECOMPRESSIONS_MAX = 4;
/** Distinct Host headers whose verdict is remembered. */
export const VERDICTS_MAX = 1_024;
