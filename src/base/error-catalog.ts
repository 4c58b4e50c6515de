/**
 * Every error code that a user can meet: what it means, and what to do. `docs/reference/errors.md` is made from this, and
 * a test finds codes of the source that are missing here, and entries that nothing throws any more.
 */
export const ERROR_CATALOG: Readonly<Record<string, string>> = {
  ALERT_UNKNOWN_VIEW: 'The view of an alert rule does not exist. Name a materialized view that the project declares.',
  ALERT_WEBHOOK_UNDELIVERED:
    'A webhook did not take an alert, also after the retries. Look at what its server answered; the alert is in the stream `_alerts`.',

  CLI_BENCH_REFUSED: 'The server refused events of `headrace bench`. Send fewer at a time with `--batch`.',
  CLI_BENCH_TOPIC: 'The topic that `headrace bench` makes exists already. Delete it, or let the other run end.',
  CLI_FILE: 'A file that was named on the command line cannot be read. Check its path and what is in it.',
  CLI_FOLDER_NOT_EMPTY: '`headrace init` does not write into a folder that holds something. Name another.',
  CLI_INTERNAL: 'An error that nobody foresaw. Please report it, with what `HEADRACE_DEBUG=1` prints.',
  CLI_NOT_FOUND: 'What was asked for is not there. List what there is first.',
  CLI_NO_PROJECT: 'The folder is no project. Name the right one, or make one with `headrace init`.',
  CLI_NO_RECORDS: 'The data file holds no records. Give a file with at least one.',
  CLI_NO_TESTS: 'The project has no `tests/*.test.yaml`. Write one; `headrace init` makes an example.',
  CLI_PIPELINE_FAILED: 'A pipeline failed while bounded input was read. The log of the run says why.',
  CLI_REFUSED: 'The server answered with something that is not Headrace’s. Check `--url`.',
  CLI_UNREACHABLE: 'Nothing answers at `--url`. Start Headrace, or say where it is.',
  CLI_USAGE: 'The command line is wrong. `--help` shows how the command is written.',

  CONFIG_CONNECTOR_UNKNOWN: 'A connector is of a kind that does not exist. See the kinds in options.md.',
  CONFIG_DURATION_INVALID: 'A duration cannot be read. Write a number with a unit, as in `5s` or `1 hour`.',
  CONFIG_FUNCTION_NOT_EXPORTED:
    'A pipeline in TypeScript calls a user function that its file does not export. Export it under its name.',
  CONFIG_METRIC_CONFLICT: 'Two metrics have one name. Give one of them another.',
  CONFIG_METRIC_NAME: 'A metric has a name that Prometheus does not take. Use letters, digits and underscores.',
  CONFIG_MODULE_FAILED: 'A TypeScript file threw an error when it was loaded. Correct the file.',
  CONFIG_MODULE_INVALID: 'A TypeScript file cannot be bundled. Correct it at the line and column of the message.',
  CONFIG_MODULE_MISSING: 'The file that CREATE FUNCTION names does not exist. The path is relative to the SQL file.',
  CONFIG_NOT_A_PIPELINE: 'A file in `pipelines/` does not export a pipeline. Write `export default pipeline(...)`.',
  CONFIG_PIPELINE_TWICE: 'Two files make a pipeline of one name. Rename one of them.',
  CONFIG_PROJECT_MISSING: 'There is no such project folder or file. Check the path.',
  CONFIG_SECRET_IN_FILE:
    'A secret stands in `headrace.yaml`. Put it into the environment, or into a file of its own named by `<option>_file`.',
  CONFIG_SECRET_IN_FLAG:
    'A secret was given as a flag, which other users of the machine can read. Put it into the environment or a file.',
  CONFIG_TEST_INVALID: 'A `*.test.yaml` is not a test. It holds `input` (topic to rows) and `expect` (view to rows).',
  CONFIG_TOPIC_PARTITIONS:
    'A topic has another number of partitions than is declared, and keys would move. Declare what it has, or use a new topic.',
  CONFIG_UNKNOWN_KEY: 'A key, flag or `HEADRACE_` variable is not known. The message has the nearest right one.',
  CONFIG_VALUE_INVALID:
    'A value is not valid for its option. The message says what would be, and where the value stands.',
  CONFIG_YAML_INVALID: '`headrace.yaml` is not valid YAML. Correct it at the line and column of the message.',

  CONNECTOR_FILE_EMPTY: 'A file to replay holds no records. Name another as `path`.',
  CONNECTOR_FILE_CHANGED:
    'The file of a sink is shorter than what was written to it. Put it back, or give the sink another name to write everything anew.',
  CONNECTOR_FILE_EXISTS:
    'A new sink finds its file holding something already. Move it away, or set `existing` to `append` or `replace`.',
  CONNECTOR_FILE_TOO_LARGE: 'A file to replay does not fit into memory. Read it with `mode: bounded`.',
  CONNECTOR_FILE_UNREADABLE: 'A file cannot be opened. Check the path (relative to the project) and its permissions.',
  CONNECTOR_FILE_UNWRITABLE:
    'The file of a sink cannot be written; it is tried again. Check the space on the disk and the rights.',
  CONNECTOR_OPTION_MISSING: 'A connector lacks an option that it needs. Set it.',
  CONNECTOR_PACKAGE_MISSING:
    'A connector needs a package that is optional and not installed. Install it beside Headrace.',
  CONNECTOR_POSITION_AHEAD:
    'A sink has had more of its topic than there is: the data directory is not the one that it read. Bring that one back, or give the sink another name to begin anew.',
  CONNECTOR_POSITION_GONE:
    'What a sink has to deliver next is past retention, or its position is gone from the target. Give the sink another name to begin anew.',
  CONNECTOR_RECORD_TOO_LARGE: 'A record of a file does not end. Check the format of the file.',
  CONNECTOR_SINK_FENCED:
    'Another process has taken over a sink, and this one may not write any more. Stop one of the two; the one that is started last goes on.',
  CONNECTOR_SINK_MISFIT:
    'What a sink delivers does not fit the table that it writes: a column, a type or the key. Change the view or the table as the message says.',
  CONNECTOR_TARGET_BUSY:
    'The target of a sink did not take what was sent; it is sent again. See its answer in the message.',
  CONNECTOR_TARGET_REFUSED:
    'The target of a sink refuses to work with it: rights, a password, a database or a column that is not there. Correct that, and start anew.',

  ENGINE_AGGREGATE_UNSUPPORTED: 'An aggregate does not take a value of this type. Cast the argument.',
  ENGINE_APPEND_RETRACTION:
    'A row must be taken back, and the output can only append. Give the view a key, or emit on window close.',
  ENGINE_BUILD_GIVEN_UP: 'What was built beside a running pipeline was given up. Nothing has changed; apply again.',
  ENGINE_COLUMN_UNSUPPORTED: 'A column of a source has a type that JSON cannot hold. Declare it as text and cast it.',
  ENGINE_EPOCH_OUT_OF_ORDER:
    'An epoch was processed out of its order. The pipeline recovers from its snapshot by itself.',
  ENGINE_FAILED: 'A pipeline stopped at an error that nobody foresaw. The log of the process has it; please report it.',
  ENGINE_FINAL_NEEDS_WINDOW: '`EMIT ON WINDOW CLOSE` needs a grouping by window. Group by `window_start, window_end`.',
  ENGINE_INPUT_GONE:
    'Input that a pipeline must read again is gone. Restore the topic from a copy, or rebuild the pipeline.',
  ENGINE_INPUT_LOST:
    'A pipeline would be built anew from inputs whose beginning retention has taken. Apply with `--accept-loss` if that is meant.',
  ENGINE_INPUT_UNREADABLE:
    'A record batch of an input topic cannot be read. Write uncompressed batches, or restore the topic.',
  ENGINE_JOURNAL_INVALID:
    'The journal of a pipeline cannot be read. Restore the data directory, or rebuild the pipeline.',
  ENGINE_MODULE_MISSING:
    'The user functions of a stored version of a pipeline are gone. Apply the project: the pipeline is built anew.',
  ENGINE_MUST_REBUILD: 'The state of a pipeline was made by another version of it. Rebuild it from its inputs.',
  ENGINE_NODE_UNSUPPORTED: 'This operation does not run as a stream. Ask it as a query over the result table.',
  ENGINE_NOT_BUILT: 'The compiled worker is missing. Run `npm run build`.',
  ENGINE_OUT_OF_MEMORY:
    'The state of a pipeline needs more memory than its worker may have. Raise `engine.worker_memory_max`, or keep less state.',
  ENGINE_OUTPUT_KIND:
    'The topic of a view holds records of another kind, of an earlier version of the view. Name another topic, or delete it.',
  ENGINE_PIPELINE_NEEDED:
    'Other pipelines, sinks or alerts need a pipeline that is to be dropped. Drop them first, or with it.',
  ENGINE_PIPELINE_BUSY: 'A pipeline is being changed already. Wait until that has ended, or give it up.',
  ENGINE_PIPELINE_RUNNING: 'A pipeline of this name runs already. Stop it first.',
  ENGINE_PIPELINE_UNKNOWN: 'There is no such pipeline in this process. Look at the list of those that run.',
  ENGINE_PATTERN_TOO_LARGE:
    'The bounds of repetitions in a pattern multiply to too many parts. Use smaller bounds, or none.',
  ENGINE_REPLAY_MISMATCH:
    'Replaying a journaled epoch gave other results than were committed. Start the version that made the state, or rebuild.',
  ENGINE_REPLAY_START: 'Where a replay is to begin is not clear, or not there. The message says what may be written.',
  ENGINE_REPLAY_TARGET: 'A replay cannot write into this topic. The message says why; name a topic that is new.',
  ENGINE_ROWS_UNWRITTEN:
    'A pipeline has ended with rows that it had read and not written, and another version of it would go on without them. Let it go on first, or write to a new topic.',
  ENGINE_SNAPSHOT_INVALID:
    'A snapshot cannot be read. It is left aside, or the pipeline is rebuilt; the message says which.',
  ENGINE_STATE_NOT_CARRIED:
    'The state of a pipeline could not be taken over into another version of it. Nothing has changed; apply again.',
  ENGINE_STOPPED: 'The pipeline was stopped while something waited for it. Start it again.',
  ENGINE_UNKNOWN_TOPIC: 'The input topic of a pipeline does not exist. Create it.',
  ENGINE_USER_FUNCTION_ASYNC:
    'A user function gives a promise and is not declared so. Declare it with `async = true`, or make it return its value at once.',
  ENGINE_USER_FUNCTION_FAILED: 'A user function threw an error; its row is a dead letter. Correct the function.',
  ENGINE_USER_STATE_INVALID:
    'The state of a user-defined aggregate holds what a snapshot cannot keep. Make it of plain data.',
  ENGINE_USER_FUNCTION_MISSING: 'A user function is not exported by its module. Export it.',
  ENGINE_USER_FUNCTION_TIMEOUT:
    'A call of a user function took longer than its timeout; its row is a dead letter. Make it faster, or give it a longer timeout.',
  ENGINE_USER_MODULE_INVALID: 'The module of a user function cannot be loaded. Correct it.',

  HTTP_BODY_EMPTY: 'The request has no body. Send at least one event.',
  HTTP_BODY_INVALID: 'The body is not what its headers say. The message says where.',
  HTTP_BODY_TOO_LARGE: 'The body is over the limit (`http.body_bytes_max`). Send it in parts.',
  HTTP_BODY_TRUNCATED: 'The body ended before it was whole; nothing was kept. Send it again.',
  HTTP_ENCODING: 'The `Content-Encoding` is not known. Use gzip, zstd, or none.',
  HTTP_HOST_REFUSED: 'The `Host` of the request is not a name of this server. List it in `http.allowed_hosts`.',
  HTTP_INTERNAL: 'An error that nobody foresaw. The log of the process has it; please report it.',
  HTTP_LISTEN: 'The door cannot listen at this address. Choose another with `--http-host` or `--http-port`.',
  HTTP_MEDIA_TYPE: 'The `Content-Type` is not taken here. The message has those that are.',
  HTTP_METHOD_NOT_ALLOWED: 'The path does not take this method. `Allow` has those that it takes.',
  HTTP_NOT_FOUND: 'There is nothing at this path. See rest.md.',
  HTTP_NOT_READY: 'The project is starting. Ask again in a moment.',
  HTTP_ORIGIN_REFUSED: 'A web page of another origin asked. List the origin in `http.allowed_origins`.',
  HTTP_OVERLOADED: 'Too many request bodies are in memory. Come back after `Retry-After`.',
  HTTP_PARAMETER_INVALID: 'A parameter of the request is not valid. The message says what would be.',
  HTTP_PATH_INVALID: 'The path is not valid percent-encoding. Encode it as UTF-8.',
  HTTP_PORT_TAKEN:
    'Another process has the port; the message says which, if it can. Choose another with `--http-port`.',
  HTTP_SLOW_CLIENT: 'The client of a live stream took nothing for too long. Resume from the offset in the message.',
  HTTP_STREAMS_FULL: 'Too many live streams are open. Close one, or come back later.',

  INGEST_ALL_REFUSED: 'Every record of the body was refused. They are in the dead letters, with the reasons.',
  INGEST_BODY_MALFORMED: 'The body is not a JSON document or array; nothing was kept. The message has line and column.',
  INGEST_IDEMPOTENCY_CONFLICT:
    'An `Idempotency-Key` was used for another body before. Send new content with a new key.',
  INGEST_IDEMPOTENCY_KEY_INVALID: 'An `Idempotency-Key` is empty or too long. Send a UUID, for example.',
  INGEST_OVERLOADED: 'More comes than can be made durable in time. Send the same request again after `Retry-After`.',
  INGEST_REFUSALS_TOO_MANY:
    'Too many records of one body are refused; nothing was kept. Check the format and the topic.',
  INGEST_TOPIC_RESERVED: 'Topics that begin with `_` are written by the system only. Choose another.',
  INGEST_UNKNOWN_TOPIC: 'There is no such topic. Create it, or declare it in `headrace.yaml`.',

  KERNEL_ABORTED: 'The WebAssembly kernel stopped itself. Please report it, with the data if you can.',
  KERNEL_BATCH_TOO_LARGE: 'More bytes than one record batch may hold. Send smaller bodies.',
  KERNEL_FIELD_INVALID: 'The fields that are to be decoded contradict each other. Correct the columns of the source.',
  KERNEL_MEMORY_LIMIT_INVALID: 'The memory limit of a worker is too small. Raise `engine.worker_memory_max`.',
  KERNEL_NOT_BUILT: 'The compiled kernel is missing. Run `npm run build`.',
  KERNEL_OUT_OF_MEMORY: 'The memory of a worker is used up. Raise `engine.worker_memory_max`, or keep less state.',
  KERNEL_STATE_INVALID: 'A block of state is not valid. Restore the snapshot from a copy, or rebuild the pipeline.',

  LOG_BATCH_COMPRESSED: 'A record batch is compressed in a way that is not read here. Write it uncompressed.',
  LOG_BATCH_INVALID: 'A record batch is not valid. Check the client that made it.',
  LOG_BATCH_TOO_LARGE: 'A record batch is over the limit. Send smaller batches.',
  LOG_CLOSED: 'The log is closed: the process is shutting down. Send again when it is back.',
  LOG_CORRUPT: 'Stored data are damaged; the message says where. Restore the file from a copy; reads before it go on.',
  LOG_DISK_FULL: 'No space is left. Free some, or shorten the retention; writing goes on by itself.',
  LOG_LOCKED: 'Another process has the data directory. Stop it, or use another directory.',
  LOG_OFFSET_OUT_OF_RANGE: 'The offset is not in the log any more, or not yet. Begin at the first offset there is.',
  LOG_OPEN_FAILED: 'The data directory cannot be opened. Check its path and its permissions.',
  LOG_OUT_OF_SEQUENCE: 'An idempotent producer left out a batch. Restart the producer.',
  LOG_PRODUCER_FENCED: 'A newer instance of the producer has taken over. Stop the old one.',
  LOG_READ_FAILED:
    'The disk does not give what was written. Check it (dmesg, smartctl), and restore the file from a copy.',
  LOG_SPACE_RESERVED: 'The name belongs to the log itself. Choose another.',
  LOG_TOO_MANY_PARTITIONS: 'The log cannot hold more partitions. Use fewer, or restart after deleting topics.',
  LOG_TOPIC_CONFIG_INVALID: 'A topic cannot have this configuration. The message says what it may have.',
  LOG_TOPIC_EXISTS: 'There is a topic of this name. Use it, or choose another name.',
  LOG_TOPIC_IN_USE: 'A pipeline uses the topic. Stop or change the pipeline first.',
  LOG_TOPIC_NAME_INVALID: 'That cannot be the name of a topic. Use letters, digits, `.`, `_` and `-`.',
  LOG_UNKNOWN_TOPIC: 'There is no such topic or partition. Check the name.',
  LOG_VERSION_UNKNOWN: 'The data were written by a newer version. Start that one.',
  LOG_WRITE_FAILED:
    'Writing or fsync failed: the process ends. Check the disk, then start it again: what was acknowledged is recovered.',

  PLAN_CALL_UNSUPPORTED:
    'An asynchronous, volatile or pooled function is called where it cannot be. Compute it as a column of a query first.',
  PLAN_DIVISION_BY_ZERO: 'A division by zero. Guard it with `NULLIF(divisor, 0)`.',
  PLAN_FORMAT_UNKNOWN: 'A plan was written by a newer version. Run that one.',
  PLAN_INVALID_ARGUMENT: 'A function does not take this value. The message says why.',
  PLAN_INVALID_NODE: 'A plan contradicts itself. The message says where.',
  PLAN_INVALID_TEXT: 'A text is not a value of the type that it is cast to. Clean it, or keep it as text.',
  PLAN_MORE_THAN_ONE_ROW:
    'A sub-query that is a value gave two rows. Add `LIMIT 1`, aggregate it (for example with `max`), or compare with `IN`.',
  PLAN_OUT_OF_RANGE: 'A value does not fit its type. Cast to a larger type first.',
  PLAN_TYPE_MISMATCH: 'The types do not go together. Cast one of them.',
  PLAN_UNKNOWN_COLUMN: 'There is no such column. The message has the nearest one.',
  PLAN_UNKNOWN_FUNCTION: 'There is no such function for these types. See docs/sql/functions.md.',
  PLAN_USER_FUNCTION_MISSING: 'A user function cannot be called here. Queries do not know the functions of a pipeline.',

  SCHEMA_INVALID: 'A JSON Schema does not compile. Correct it at the pointer of the message.',
  SCHEMA_UNREADABLE: 'A schema file cannot be read. Correct the file, or its path in `headrace.yaml`.',

  SECURITY_FORBIDDEN: 'The token does not allow this. Use one with the scope in the message.',
  SECURITY_TLS_INVALID: 'Certificate or key cannot be used. The message says which, and why.',
  SECURITY_TOKENS_INVALID: 'The tokens file cannot be read. Make its entries with `headrace tokens create`.',
  SECURITY_UNAUTHENTICATED: 'The token is missing, wrong or expired. Send `Authorization: Bearer <token>`.',
  SECURITY_UNSAFE_BIND: 'Beyond loopback the door needs TLS and tokens. Configure both, or bind to 127.0.0.1.',

  SERVING_CHECKPOINT_INVALID:
    'A checkpoint of a table cannot be read. The table is read from its topic again, by itself.',
  SERVING_CLOSED: 'The process is shutting down. Connect again, and resume from the last offset.',
  SERVING_OFFSET_GONE: 'The offset to resume from is past retention. Open the stream without it.',
  SERVING_OFFSET_INVALID: 'The offset to resume from is not one of this stream. Give one as the frames carry it.',
  SERVING_QUERY_CANCELLED: 'The query was cancelled: whoever asked has gone.',
  SERVING_QUERY_FAILED: 'The query failed while it ran. The message says why.',
  SERVING_QUERY_MEMORY: 'The query needs more memory than it may have. Ask for less, or make it a materialized view.',
  SERVING_QUERY_OVERLOADED: 'Too many queries wait. Ask again in a moment.',
  SERVING_QUERY_TIMEOUT: 'The query took longer than it may. Ask for less, or make it a materialized view.',
  SERVING_QUERY_TOO_LARGE: 'The query, or a topic that it reads, is too large. Make it a materialized view.',
  SERVING_QUERY_UNSUPPORTED: 'Queries cannot do this. The message says what.',
  SERVING_READ_FAILED: 'A topic cannot be read. The message says why.',
  SERVING_SLOW_CONSUMER: 'The client takes changes more slowly than they come. Resume from the offset in the message.',
  SERVING_TOO_MANY_STREAMS: 'Too many live streams are open. Close one, or come back later.',
  SERVING_UNKNOWN_RELATION: 'There is no such view or topic. The message has the nearest one.',
  SERVING_UNKNOWN_STREAM: 'There is no view or topic of this name to follow. The message has the nearest one.',
  SERVING_UNKNOWN_TABLE: 'There is no such table. The message has those there are.',
  SERVING_UNKNOWN_TOPIC: 'There is no such topic. Check the name.',

  SQL_AMBIGUOUS_COLUMN: 'Two relations have a column of this name. Put the name of the relation before it.',
  SQL_DUPLICATE_NAME: 'A name is declared twice. Choose another.',
  SQL_GROUPING: 'A column is neither grouped nor aggregated. Add it to GROUP BY, or aggregate it.',
  SQL_INVALID_CLAUSE:
    'A clause has what it cannot have: a window function in WHERE, an ORDER BY that does not fit DISTINCT, a negative LIMIT. The message says what.',
  SQL_LOOKUP: 'A look-up is declared or joined as it cannot be. It has a primary key, and is joined by all of it.',
  SQL_NOT_SUPPORTED:
    'This part of SQL is not supported. The message says what to write instead, where there is something.',
  SQL_READ_ONLY: 'Queries only read. Change data by sending events.',
  SQL_SYNTAX: 'The text is not SQL. Correct it at the line and column of the message.',
  SQL_TOO_COMPLEX: 'The query is nested too deeply, or too long. Split it.',
  SQL_UNKNOWN_COLUMN: 'There is no such column. The message has the nearest one.',
  SQL_UNKNOWN_FUNCTION: 'CREATE FUNCTION names an export that its file does not have. Correct the name.',
  SQL_UNKNOWN_OPTION: 'An option of WITH (...) is not known. The message has the nearest one.',
  SQL_UNKNOWN_RELATION: 'There is no such source, view or topic. The message has the nearest one.',
  SQL_UNKNOWN_TYPE: 'There is no such type. See docs/sql/functions.md for the types.',
  SQL_UNKNOWN_WINDOW: 'OVER names a window that the query does not have. Add it to the WINDOW clause.',
};
