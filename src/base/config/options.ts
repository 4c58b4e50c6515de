import { option } from './option.ts';
import type { OptionValues } from './option-set.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Every option of a project. `docs/reference/options.md` is generated from this (`npm run docs`). */
export const OPTIONS = {
  dataDir: option.path({
    name: 'data_dir',
    fallback: '.headrace/data',
    help: 'Where the log, snapshots and metadata are kept; relative to the project.',
  }),
  httpHost: option.text({ name: 'http.host', fallback: '127.0.0.1', help: 'Address that the HTTP door listens on.' }),
  httpPort: option.integer({
    name: 'http.port',
    fallback: 8080,
    min: 0,
    max: 65_535,
    help: 'Port of the HTTP door; 0 takes any free one.',
  }),
  httpTlsCert: option.path({
    name: 'http.tls.cert',
    fallback: undefined,
    help: 'Certificate chain of the HTTP door, a PEM file.',
  }),
  httpTlsKey: option.path({
    name: 'http.tls.key',
    fallback: undefined,
    help: 'Private key of the HTTP door, a PEM file.',
  }),
  httpAllowedHosts: option.list({
    name: 'http.allowed_hosts',
    fallback: [],
    help: 'Host names beside loopback under which the HTTP door may be asked.',
  }),
  httpAllowedOrigins: option.list({
    name: 'http.allowed_origins',
    fallback: [],
    help: 'Origins of web pages elsewhere that may ask from a browser.',
  }),
  httpBodyBytesMax: option.bytes({
    name: 'http.body_bytes_max',
    fallback: 16 * MiB,
    max: GiB,
    min: 1024,
    help: 'Largest request body, decompressed; a larger one is answered with 413.',
  }),
  httpInFlightBytesMax: option.bytes({
    name: 'http.in_flight_bytes_max',
    fallback: 128 * MiB,
    min: MiB,
    help: 'Bytes of all bodies under way; beyond it requests are answered with 429.',
  }),
  authTokensFile: option.path({
    name: 'auth.tokens_file',
    fallback: undefined,
    help: 'File of hashed bearer tokens, written by "headrace tokens create".',
  }),
  logSegmentBytes: option.bytes({
    name: 'log.segment_bytes',
    fallback: 256 * MiB,
    max: GiB,
    min: MiB,
    help: 'Size of a segment file.',
  }),
  logRetention: option.duration({
    name: 'log.retention',
    fallback: 7 * 24 * 3600 * SECOND,
    min: MINUTE,
    help: 'How long topics keep records that say nothing of it themselves.',
  }),
  logRetentionBytes: option.bytes({
    name: 'log.retention_bytes',
    fallback: undefined,
    help: 'Bytes that a partition keeps at most; without it, only time counts.',
  }),
  logCompactionLag: option.duration({
    name: 'log.compaction_lag',
    fallback: 5 * MINUTE,
    min: 2 * MINUTE,
    help: 'Records of topics of views that are younger are not compacted: a reader that is not further behind sees each change. Longer than any query.',
  }),
  logDeleteRetention: option.duration({
    name: 'log.delete_retention',
    fallback: 24 * 3600 * SECOND,
    min: MINUTE,
    help: 'How long compaction keeps the deletion of a row; who resumes after that opens the stream anew.',
  }),
  engineWorkers: option.integer({
    name: 'engine.workers',
    fallback: 1,
    min: 1,
    max: 64,
    help: 'Tasks of each stage of a pipeline, each in a thread of its own. A pipeline that has another number is built anew beside when the project is applied.',
  }),
  enginePipelineWorkers: option.list({
    name: 'engine.pipeline_workers',
    fallback: [],
    help: 'Pipelines that are to have another number of workers: `NAME=NUMBER`, such as `traffic=2`.',
  }),
  engineSnapshotInterval: option.duration({
    name: 'engine.snapshot_interval',
    fallback: 10 * SECOND,
    min: 100,
    help: 'Longest time between two snapshots of a pipeline that has something new.',
  }),
  engineMemory: option.bytes({
    name: 'engine.worker_memory_max',
    fallback: 2048 * MiB,
    max: 4 * GiB,
    min: 64 * MiB,
    help: 'State and buffers of one worker thread, at most 4 GiB.',
  }),
  apply: option.choice({
    name: 'apply',
    fallback: 'auto',
    choices: ['auto', 'manual'],
    help: 'What a start does with pipelines whose files have changed: "auto" applies the change, "manual" runs what ran before until "headrace apply".',
  }),
  engineFunctionThreads: option.integer({
    name: 'engine.function_threads',
    fallback: 2,
    min: 1,
    max: 64,
    help: 'Threads that user functions declared with pool = true share, over all pipelines.',
  }),
  queryTimeout: option.duration({
    name: 'query.timeout',
    fallback: 30 * SECOND,
    max: 2 * MINUTE,
    min: 1,
    help: 'An ad-hoc query that takes longer is stopped.',
  }),
  queryMemory: option.bytes({
    name: 'query.memory_max',
    fallback: 1024 * MiB,
    min: 64 * MiB,
    help: 'Memory that ad-hoc queries may take together.',
  }),
  queryRowsMax: option.integer({
    name: 'query.rows_max',
    fallback: 10_000,
    min: 1,
    max: 100_000,
    help: 'Rows of an answer; what lies beyond is cut, and the answer says so.',
  }),
  liveBufferFramesMax: option.integer({
    name: 'live.buffer_frames_max',
    fallback: 16_384,
    min: 64,
    max: 1_000_000,
    help: 'Frames that wait in memory for one live client; one that takes nothing while they wait is let go.',
  }),
  ingestLineBytesMax: option.bytes({
    name: 'ingest.line_bytes_max',
    fallback: 1 * MiB,
    max: 64 * MiB,
    min: 16,
    help: 'Largest record; a larger one goes to the dead letters as "too_large".',
  }),
  ingestDepthMax: option.integer({
    name: 'ingest.depth_max',
    fallback: 128,
    min: 1,
    max: 512,
    help: 'Levels of nesting of a record; a deeper one goes to the dead letters as "depth".',
  }),
  ingestPendingBytesMax: option.bytes({
    name: 'ingest.pending_bytes_max',
    fallback: 256 * MiB,
    min: 1 * MiB,
    help: 'Bytes of events that may wait for the disk; above it, requests are answered 429 with Retry-After.',
  }),
  ingestWaitTarget: option.duration({
    name: 'ingest.wait_target',
    fallback: 50,
    min: 1,
    help: 'When requests wait longer than this for their commit, and not only for a moment, the rest is answered 429 with Retry-After.',
  }),
  logLevel: option.choice({
    name: 'telemetry.log_level',
    fallback: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
    help: 'The least important messages that are logged.',
  }),
  logFormat: option.choice({
    name: 'telemetry.log_format',
    fallback: 'text',
    choices: ['text', 'json'],
    help: 'How messages are logged.',
  }),
} as const;

export type Options = OptionValues<typeof OPTIONS>;

/** One entry of `topics:`. */
export const TOPIC_OPTIONS = {
  partitions: option.integer({
    name: 'partitions',
    fallback: 1,
    min: 1,
    max: 1024,
    help: 'Partitions; records of one key stay in one.',
  }),
  key: option.text({
    name: 'key',
    fallback: undefined,
    help: 'Field whose value is the record key, dots for nesting (data.user_id).',
  }),
  retention: option.duration({ name: 'retention', fallback: undefined, help: 'How long records are kept.' }),
  retentionBytes: option.bytes({
    name: 'retention_bytes',
    fallback: undefined,
    help: 'Bytes that a partition keeps at most.',
  }),
  schema: option.path({
    name: 'schema',
    fallback: undefined,
    help: 'JSON Schema file that records must satisfy; relative to the project.',
  }),
} as const;
