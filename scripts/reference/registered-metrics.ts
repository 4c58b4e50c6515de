import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRuntime } from '../../src/app/runtime.ts';
import type { MetricDescription } from '../../src/telemetry/metrics.ts';

const PIPELINE = `CREATE SOURCE events (id text NOT NULL, time timestamptz NOT NULL, WATERMARK FOR time AS time);
CREATE MATERIALIZED VIEW counts AS SELECT id, count(*) AS n FROM events GROUP BY id;
CREATE ALERT many ON counts WHEN n > 1;
CREATE SINK lines FROM counts WITH (connector = 'file', path = 'lines.ndjson');
`;

/** What a running process registers: a small project is started, asked, and stopped. */
export async function registeredMetrics(): Promise<readonly MetricDescription[]> {
  const projectDir = mkdtempSync(join(tmpdir(), 'headrace-docs-'));
  try {
    mkdirSync(join(projectDir, 'pipelines'));
    writeFileSync(join(projectDir, 'pipelines', 'events.sql'), PIPELINE);
    const flags = { 'http-port': '0', 'telemetry-log-level': 'error' };
    const app = await startRuntime({ projectDir, flags, env: {}, until: 'stopped' });
    try {
      return app.parts.metrics.describe();
    } finally {
      await app.stop();
    }
  } finally {
    rmSync(projectDir, { recursive: true, force: true });
  }
}
