import { type MockTraffic, seeded } from './traffic.ts';

/** Answers of the test double, in the shapes of the public API. */

const COLUMNS = [
  { name: 'window_start', type: { kind: 'timestamptz' }, nullable: false },
  { name: 'window_end', type: { kind: 'timestamptz' }, nullable: false },
  { name: 'section', type: { kind: 'text' }, nullable: false },
  { name: 'status_class', type: { kind: 'text' }, nullable: false },
  { name: 'requests', type: { kind: 'int8' }, nullable: false },
  { name: 'bytes', type: { kind: 'numeric' }, nullable: false },
  { name: 'errors', type: { kind: 'int8' }, nullable: false },
  { name: 'visitors', type: { kind: 'int8' }, nullable: false },
];
const VIEWS = ['requests_1m', 'requests_5m', 'requests_1h', 'error_rate'];

export function metricsAnswer(traffic: MockTraffic, nowMs: number, epochMs: readonly [number, number]): unknown {
  const random = seeded(7);
  return {
    at: nowMs,
    version: '0.1.0',
    project: 'web-traffic',
    uptimeSeconds: 731,
    throughput: { recordsPerSecond: 300 + 40 * Math.sin(nowMs / 9000), bytesPerSecond: 81_000 },
    latency: { fsyncMs: { p50: 0.8, p99: 2.2 + Math.sin(nowMs / 5000), max: 6 } },
    lag: { records: 3 },
    history: Array.from({ length: 300 }, (_, i) => {
      const at = nowMs - (300 - i) * 1000;
      return {
        at,
        recordsPerSecond: 300 + 40 * Math.sin(at / 9000) + 30 * random(),
        bytesPerSecond: 81_000,
        processedPerSecond: 298 + 40 * Math.sin((at - 900) / 9000) + 20 * random(),
        deadLettersPerSecond: 0.2 * random(),
        lagRecords: Math.floor(9 * random()),
        latencyMs: { p50: 3 + random(), p99: 8 + 6 * random() },
        fsyncP99Ms: 2 + random(),
        memoryBytes: 131_000_000,
      };
    }),
    samples: [
      { name: 'headrace_dead_letters_total', labels: { reason: 'malformed' }, value: 38 },
      { name: 'headrace_dead_letters_total', labels: { reason: 'late' }, value: 4 },
      { name: 'headrace_end_to_end_latency_seconds', labels: { quantile: '0.5' }, value: epochMs[0] / 1000 },
      { name: 'headrace_end_to_end_latency_seconds', labels: { quantile: '0.99' }, value: epochMs[1] / 1000 },
      { name: 'process_resident_memory_bytes', labels: {}, value: 131_000_000 + traffic.offset },
    ],
  };
}

export function pipelinesAnswer(traffic: MockTraffic, nowMs: number): unknown {
  const all = traffic.requests;
  const watermark = new Date(nowMs - 6200).toISOString();
  const operator = (id: string, label: string, share = 1, stateKeys = 0) => ({
    id,
    kind: id.split(':')[0],
    label,
    rowsIn: Math.floor(all * share),
    rowsOut: Math.floor(all * share),
    watermark,
    stateKeys,
    stateBytes: stateKeys * 86,
  });
  const edge = (from: string, to: string, share = 1) => ({ from, to, rows: Math.floor(all * share) });
  return {
    pipelines: [
      {
        name: 'web-traffic',
        state: 'running',
        epoch: 18_233 + Math.floor((nowMs / 100) % 1000),
        error: null,
        lagRecords: 3,
        watermark,
        operators: [
          operator('source:requests', 'requests'),
          operator('deduplicate:1', 'by id, 1 hour', 0.99, 184_220),
          operator('project:2', 'section, status_class', 0.99),
          ...VIEWS.map((view, i) =>
            operator(
              `aggregate:${view}`,
              ['1 minute by section, status', '5 minutes by section, status', '1 hour by section, status', '1 minute'][
                i
              ] ?? view,
              0.99,
              640,
            ),
          ),
          ...VIEWS.map((view) => operator(`output:${view}`, view, 0.21)),
        ],
        edges: [
          edge('source:requests', 'deduplicate:1'),
          edge('deduplicate:1', 'project:2', 0.99),
          ...VIEWS.flatMap((view) => [
            edge('project:2', `aggregate:${view}`, 0.99),
            edge(`aggregate:${view}`, `output:${view}`, 0.21),
          ]),
        ],
        lateRows: 4,
        duplicateRows: 48_100,
        epochMs: { p50: 2.1, p99: 7.4 },
        stateBytes: 15_843_000,
        stateKeys: 184_860,
        snapshotEpoch: 18_100,
      },
      {
        name: 'rides',
        state: 'recovering',
        epoch: 12,
        error: null,
        lagRecords: 10_000,
        watermark: null,
        operators: [operator('source:rides', 'rides', 0), operator('output:by_zone', 'by_zone', 0)],
        edges: [edge('source:rides', 'output:by_zone', 0)],
        lateRows: 0,
        duplicateRows: 0,
        epochMs: { p50: 0, p99: 0 },
        stateBytes: 0,
        stateKeys: 0,
        snapshotEpoch: null,
      },
    ],
  };
}

export function tablesAnswer(traffic: MockTraffic, nowMs: number): unknown {
  const freshness = {
    commit: 90_211,
    asOf: nowMs - 40,
    watermark: new Date(nowMs - 6200).toISOString(),
    lagRecords: 3,
  };
  const keyColumns = ['window_start', 'window_end', 'section', 'status_class'];
  return { tables: VIEWS.map((name) => ({ name, columns: COLUMNS, keyColumns, size: traffic.rows.size, freshness })) };
}

export function topicsAnswer(traffic: MockTraffic): unknown {
  const topic = (name: string, kind: string, records: number, writtenBy: string | null, readBy: readonly string[]) => ({
    name,
    kind,
    partitions: [{ partition: 0, logStart: 0, highWatermark: records, bytes: records * 91 }],
    records,
    bytes: records * 91,
    retentionMs: writtenBy === null ? 604_800_000 : null,
    retentionBytes: null,
    keyPath: null,
    writtenBy,
    readBy,
  });
  return {
    topics: [
      topic('requests', 'append', traffic.requests, null, ['web-traffic']),
      ...VIEWS.map((view) => topic(view, 'upsert', traffic.offset, 'web-traffic', [])),
      topic('_dead_letters', 'append', 42, null, []),
      topic('_alerts', 'upsert', 12, null, []),
    ],
  };
}

export function deadLettersAnswer(nowMs: number): unknown {
  const minute = Math.floor(nowMs / 60_000) * 60_000;
  const reasons = ['malformed', 'schema', 'late', 'malformed', 'future'];
  const deadLetters = Array.from({ length: 42 }, (_, i) => {
    const reason = reasons[i % reasons.length] ?? 'malformed';
    const bytes =
      i === 3
        ? { base64: btoa('\xff\xfe\x00{"id":"7f\x80"') }
        : {
            value:
              reason === 'malformed'
                ? '{"id":"a81","time":"2026-01-31T12:00:0'
                : '{"id":"a82","time":"2026-01-31T11:00:00Z","status":"two hundred"}',
          };
    return {
      id: `0:${41 - i}`,
      topic: 'requests',
      ...(reason === 'late' && {
        partition: 0,
        offset: 1200 + i,
        pipeline: 'web-traffic',
        operator: 'aggregate:requests_1m',
      }),
      reason,
      ...(reason === 'schema' && { pointer: '/status' }),
      message: MESSAGES[reason],
      receivedAt: minute - i * 7300,
      ...bytes,
    };
  });
  return { total: 42, deadLetters };
}

const MESSAGES: Readonly<Record<string, string>> = {
  malformed: 'parsing the record: the text ends inside a string at byte 38',
  schema: 'checking the record against the schema of "requests": /status must be an integer',
  late: 'the window that the row belongs to was closed by the watermark of its partition',
  future: 'the event time is 3 hours ahead of the receipt',
};

export function alertsOf(nowMs: number): readonly Readonly<Record<string, unknown>>[] {
  const alert = (id: string, state: string, severity: string, times: object) => ({
    id: `high_error_rate{section=${id}}`,
    rule: 'high_error_rate',
    view: 'error_rate',
    state,
    severity,
    summary: 'More than 5 % of the requests of a minute failed',
    keys: { section: id },
    row: { section: id, requests: 512, errors: 41 },
    pendingSince: nowMs - 130_000,
    ...times,
  });
  return [
    alert('/blog', 'firing', 'critical', { firingSince: nowMs - 74_000 }),
    alert('/files', 'pending', 'warning', {}),
    alert('/images', 'resolved', 'info', { firingSince: nowMs - 900_000, resolvedAt: nowMs - 600_000 }),
  ];
}

export function queryAnswer(
  sql: string,
  traffic: MockTraffic,
  nowMs: number,
): { readonly status: number; readonly body: unknown } {
  const wrong = sql.indexOf('sectoin');
  if (wrong >= 0) {
    const before = sql.slice(0, wrong).split('\n');
    const position = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
    const detail = `planning the query: there is no column "sectoin"; did you mean "section"?`;
    return {
      status: 400,
      body: { type: 'about:blank', title: 'Bad request', status: 400, detail, code: 'SQL_UNKNOWN_COLUMN', position },
    };
  }
  const rows = [...traffic.rows.values()].reverse().slice(0, 50);
  return {
    status: 200,
    body: {
      columns: COLUMNS.map((column) => ({ name: column.name, type: column.type.kind })),
      rows: rows.map((row) => COLUMNS.map((column) => row[column.name])),
      freshness: { commit: 90_211, asOf: nowMs - 40, watermark: new Date(nowMs - 6200).toISOString(), lagRecords: 0 },
      elapsedMs: 14.2,
      truncated: false,
    },
  };
}
