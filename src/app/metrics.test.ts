import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningApp, startRuntime } from './runtime.ts';

const PIPELINE = `
CREATE SOURCE visits (
  page text NOT NULL,
  at   timestamptz NOT NULL,
  WATERMARK FOR at AS at - INTERVAL '1 second'
) WITH (topic = 'visits', format = 'json');
CREATE MATERIALIZED VIEW pages AS
SELECT window_start, page, count(*) AS hits FROM TUMBLE(visits, at, INTERVAL '1 minute') GROUP BY page, window_start;
`;

const METRICS = [
  // Records and bytes
  'headrace_ingest_records_total{topic="visits"} 3',
  'headrace_ingest_bytes_total{topic="visits"}',
  'headrace_pipeline_records_total{pipeline="visits"} 3',
  'headrace_log_written_bytes_total',
  'headrace_topic_size_bytes{topic="visits"}',
  // Lag
  'headrace_pipeline_lag_records{pipeline="visits"} 0',
  'headrace_table_lag_records{table="pages"} 0',
  // Latency
  'headrace_end_to_end_latency_seconds_count{pipeline="visits"} 3',
  'headrace_end_to_end_latency_seconds_bucket{pipeline="visits",le="0.001"}',
  'headrace_pipeline_watermark_delay_seconds{pipeline="visits"}',
  'headrace_pipeline_epoch_seconds_count{pipeline="visits"}',
  'headrace_pipeline_commit_seconds_count{pipeline="visits"}',
  'headrace_log_fsync_seconds_count',
  // Dead letters
  'headrace_dead_letters_total{reason="malformed"} 1',
  'headrace_dead_letters_total{reason="late"} 1',
  // Process
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'nodejs_eventloop_lag_p99_seconds',
  'headrace_disk_free_bytes',
];

describe('the metrics of a process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'metrics-'));
  let app: RunningApp;

  beforeAll(async () => {
    writeFileSync(join(folder, 'visits.sql'), PIPELINE);
    app = await startRuntime({ projectDir: join(folder, 'visits.sql'), flags: {}, env: {}, until: 'idle' });
    const now = Date.now();
    const visit = (page: string, at: number): string => JSON.stringify({ page, at: new Date(at).toISOString() });
    const send = (lines: readonly string[]) =>
      app.parts.ingest.accept({
        topic: 'visits',
        principal: { id: 'test', scopes: ['admin'] },
        body: Buffer.from(lines.join('\n')),
        format: 'ndjson',
        idempotencyKey: undefined,
      });
    await send([visit('/a', now), visit('/b', now), '{"page":']);
    await app.idle();
    await send([visit('/a', now)]);
    await app.idle();
  });

  afterAll(async () => {
    await app.stop();
    rmSync(folder, { recursive: true });
  });

  it.each(METRICS)('have %s', (line) => {
    expect(app.parts.metrics.expose()).toContain(line);
  });

  it('give the quantiles of the end-to-end latency', () => {
    const quantiles = app.parts.metrics
      .snapshot()
      .filter(({ name }) => name === 'headrace_end_to_end_latency_seconds')
      .map(({ labels }) => labels);
    expect(quantiles).toEqual([
      { pipeline: 'visits', quantile: '0.5' },
      { pipeline: 'visits', quantile: '0.99' },
    ]);
  });
});
