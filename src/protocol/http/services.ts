import type { Alert } from '../../alert/alert.ts';
import type { TimestampMs } from '../../base/brand.ts';
import type { Clock } from '../../base/clock.ts';
import type { RunningPipeline } from '../../engine/engine.ts';
import type { Ingest } from '../../ingest/ingest.ts';
import type { Log, TopicKind } from '../../log/log.ts';
import type { Authenticator } from '../../security/authentication.ts';
import type { Authorizer, Principal } from '../../security/principal.ts';
import type { LiveFrame, QueryResult, Table } from '../../serving/serving.ts';
import type { MetricRegistry } from '../../telemetry/metrics.ts';
import type { PipelineChanges, PipelineVersionInfo } from './pipeline-changes.ts';

/** What the HTTP door asks of the rest of the process; the app makes it from its running parts. */
export interface HttpServices {
  readonly clock: Clock;
  readonly log: Log;
  readonly ingest: Ingest;
  readonly metrics: MetricRegistry;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly tables: TableDirectory;
  readonly live: LiveStreams;
  readonly query: QueryRunner;
  pipelines(): readonly RunningPipeline[];
  versionOf(pipeline: string): PipelineVersionInfo | undefined;
  readonly changes: PipelineChanges;
  /** @throws HeadraceError `LOG_TOPIC_EXISTS`, `LOG_TOPIC_NAME_INVALID`, domain `schema` when its schema does not compile */
  createTopic(declaration: TopicDeclaration): Promise<void>;
  alerts(): readonly Alert[];
  info(): ProcessInfo;
  /** What is not ready yet, in words; empty when the process serves. */
  notReady(): readonly string[];
  /** What does not work at present while the rest serves; empty when all is well. */
  problems(): readonly PresentProblem[];
  /** Topic of `POST /ingest` without a name: the only input topic, if there is only one. */
  defaultTopic(): string | undefined;
  /** An error that no client is told about in full; for the process log. */
  report(error: unknown, request: string): void;
}

/** Something that does not work at present, though the process serves. */
export interface PresentProblem {
  /** Of the error catalogue. */
  readonly code: string;
  readonly message: string;
}

export interface TableDirectory {
  list(): readonly Table[];
  get(name: string): Table | undefined;
}

export interface LiveRequest {
  /** A view or a topic. */
  readonly id: string;
  /** `LiveFrame.offset` of the last frame that the client has seen; undefined starts anew. */
  readonly resume: string | undefined;
  /** Without a resume offset: the present rows first (true), or only what comes from now on. */
  readonly snapshot: boolean;
  readonly principal: Principal;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/**
 * Frames are pulled: the door asks for more when its client has taken the last ones, and the log waits meanwhile. So a
 * slow client costs no memory.
 */
export interface LiveStreams {
  /**
   * @throws HeadraceError `SERVING_UNKNOWN_STREAM`, `SERVING_OFFSET_INVALID`, `LOG_OFFSET_OUT_OF_RANGE` (retention has
   * passed the resume offset)
   */
  open(request: LiveRequest): Promise<AsyncIterable<readonly LiveFrame[]>>;
}

export interface QueryRequest {
  readonly sql: string;
  readonly principal: Principal;
  readonly signal: AbortSignal;
}

export interface QueryRunner {
  /** @throws HeadraceError of domain `sql` with its position, `SERVING_QUERY_TIMEOUT`, `SERVING_QUERY_MEMORY` */
  run(request: QueryRequest): Promise<QueryResult>;
}

export interface ProcessInfo {
  readonly version: string;
  /** Name of the project that runs. */
  readonly project: string;
  readonly startedAt: TimestampMs;
  readonly dataDir: string;
}

/** A topic as a client declares it; what is left out has the configured default. */
export interface TopicDeclaration {
  readonly name: string;
  readonly kind?: TopicKind;
  readonly partitions?: number;
  readonly retentionMs?: number;
  readonly retentionBytes?: number;
  readonly keyPath?: readonly string[];
  /** JSON Schema (draft 2020-12) of its records. */
  readonly schema?: unknown;
}
