import { timestampMs } from '../../base/brand.ts';
import { systemClock } from '../../base/clock.ts';
import { partsOf } from '../../ingest/body-bytes.ts';
import type { Ingest, IngestRequest, IngestResult } from '../../ingest/ingest.ts';
import { createAuthenticator } from '../../security/authentication.ts';
import { createAuthorizer } from '../../security/authorization.ts';
import { createLiveStreams } from '../../serving/live.ts';
import { MemoryLog } from '../../serving/memory-log.fixture.ts';
import { createTables, type Tables } from '../../serving/tables.ts';
import { PAGE_COLUMNS, viewNode } from '../../serving/view.fixture.ts';
import { createMetrics } from '../../telemetry/registry.ts';
import { createHttpDoor, type HttpDoor } from './door.ts';
import type { HttpDoorOptions } from './options.ts';
import type { HttpServices } from './services.ts';

/** Ingest that remembers what it was given and answers as it is told. */
export class RecordingIngest implements Ingest {
  readonly requests: (IngestRequest & { readonly body: Uint8Array })[] = [];
  answer: (request: IngestRequest) => Promise<IngestResult> = async ({ topic }) => ingestResult(topic, 1, 0);

  accept(request: IngestRequest): Promise<IngestResult> {
    this.requests.push({ ...request, body: Buffer.concat(partsOf(request.body)) });
    return this.answer(request);
  }
}

export function ingestResult(topic: string, accepted: number, refused: number): IngestResult {
  const refusals = Array.from({ length: refused }, (_, i) => ({
    line: accepted + i + 1,
    reason: 'malformed',
    pointer: undefined,
    message: 'it is not JSON',
  }));
  return { topic, accepted, refused, refusals, placements: [], replayed: false };
}

export interface TestDoor {
  readonly url: string;
  readonly log: MemoryLog;
  readonly ingest: RecordingIngest;
  readonly tables: Tables;
  readonly reported: unknown[];
  close(): Promise<void>;
}

const NO_CHANGES: HttpServices['changes'] = {
  plan: async () => ({ changes: [] }),
  apply: async () => ({ changes: [] }),
  pause: async () => {},
  resume: async () => {},
  restart: async () => {},
  abandon: async () => {},
  drop: async (name) => [name],
  replay: async () => {},
};

/** A door on any free port over a log in memory, with topic `requests` and view `pages`. */
export async function openTestDoor(
  options: Partial<HttpDoorOptions> = {},
  change: (services: HttpServices) => HttpServices = (services) => services,
): Promise<TestDoor> {
  const log = new MemoryLog();
  log.addTopic('requests');
  log.addTopic('pages', 'upsert');
  log.addTopic('_dead_letters');
  const clock = systemClock;
  const ingest = new RecordingIngest();
  const tables = createTables({ log, clock });
  tables.add('traffic', viewNode('pages', PAGE_COLUMNS, [0]));
  const live = createLiveStreams({ log, clock, tables });
  const reported: unknown[] = [];
  const services: HttpServices = {
    clock,
    log,
    ingest,
    tables,
    live,
    metrics: createMetrics(),
    authenticator: createAuthenticator({ tokens: [], localAllowed: true, clock }),
    authorizer: createAuthorizer(),
    query: {
      run: async () => ({
        columns: [
          { name: 'page', type: 'text' },
          { name: 'hits', type: 'int8' },
        ],
        rows: [
          ['/a, "b"', 9007199254740993n],
          [null, 2n],
        ],
        freshness: tables.get('pages')!.freshness(),
        elapsedMs: 1,
        truncated: false,
      }),
    },
    pipelines: () => [],
    versionOf: () => undefined,
    changes: NO_CHANGES,
    createTopic: (declaration) => log.createTopic({ ...log.topic('requests')!, name: declaration.name }),
    alerts: () => [],
    info: () => ({ version: '0.1.0', project: 'test', startedAt: timestampMs(0), dataDir: 'memory' }),
    notReady: () => [],
    problems: () => [],
    defaultTopic: () => 'requests',
    report: (error) => reported.push(error),
  };
  const door: HttpDoor = createHttpDoor(change(services), {
    host: '127.0.0.1',
    port: 0,
    authConfigured: false,
    ...options,
  });
  const { url } = await door.listen();
  return {
    url,
    log,
    ingest,
    tables,
    reported,
    async close() {
      await door.close();
      live.close();
      tables.close();
    },
  };
}
