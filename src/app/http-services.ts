import type { Alerts } from '../alert/alerts.ts';
import type { Clock } from '../base/clock.ts';
import type { Engine } from '../engine/engine.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { Log } from '../log/log.ts';
import type { PipelineChanges, PipelineVersionInfo } from '../protocol/http/pipeline-changes.ts';
import type { HttpServices, ProcessInfo } from '../protocol/http/services.ts';
import type { Authenticator } from '../security/authentication.ts';
import type { Authorizer } from '../security/principal.ts';
import type { LiveStreams } from '../serving/live.ts';
import type { QueryService } from '../serving/query.ts';
import type { Tables } from '../serving/tables.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { reportFailures } from './failure-report.ts';
import type { TopicCatalogue } from './topic-setup.ts';

/** The running parts of the process that the doors lead to. */
export interface Parts {
  readonly clock: Clock;
  readonly log: Log;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly topics: TopicCatalogue;
  readonly ingest: Ingest;
  readonly engine: Engine;
  readonly tables: Tables;
  readonly live: LiveStreams;
  readonly query: QueryService;
  readonly alerts: () => Alerts | undefined;
  readonly control: () => PipelineChanges;
  readonly info: ProcessInfo;
  readonly queryLimits: { readonly rowsMax: number; readonly timeoutMs: number };
  readonly notReady: () => readonly string[];
  readonly problems: HttpServices['problems'];
  readonly defaultTopic: () => string | undefined;
}

/** The HTTP door's view of the process. */
export function httpServices(parts: Parts): HttpServices {
  return {
    clock: parts.clock,
    log: parts.log,
    ingest: parts.ingest,
    metrics: parts.metrics,
    authenticator: parts.authenticator,
    authorizer: parts.authorizer,
    tables: parts.tables,
    live: { open: (request) => parts.live.open(request) },
    query: {
      run: ({ sql, principal, signal }) =>
        parts.query.query(sql, {
          principal,
          signal,
          ...parts.queryLimits,
          authorize: (relation) => parts.authorizer.authorize(principal, 'read', { kind: 'query', name: relation }),
        }),
    },
    pipelines: () => parts.engine.pipelines(),
    versionOf: (name) => versionOf(parts.engine, name),
    get changes() {
      return parts.control();
    },
    createTopic: (declaration) => parts.topics.create(declaration),
    alerts: () => parts.alerts()?.list() ?? [],
    info: () => parts.info,
    notReady: parts.notReady,
    problems: parts.problems,
    defaultTopic: parts.defaultTopic,
    report: reportFailures(parts.logger, parts.clock),
  };
}

function versionOf(engine: Engine, name: string): PipelineVersionInfo | undefined {
  const stored = engine.stored().find((candidate) => candidate.name === name);
  if (stored === undefined) return undefined;
  const { version, paused, building } = stored;
  const status = engine
    .builds()
    .find(({ pipeline }) => pipeline.name === name)
    ?.status();
  if (building === undefined) return { version, paused, building };
  const { state = 'stopped', lagRecords = 0 } = status ?? {};
  return { version, paused, building: { version: building.version, state, lagRecords, begunAtMs: building.begunAtMs } };
}
