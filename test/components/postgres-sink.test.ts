import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { SINK_CERTIFICATION } from '../../src/connector/sink-certification.fixture.ts';
import { postgresIn, postgresProgram } from './postgres-server.ts';
import { postgresSubject } from './postgres-subject.ts';
import type { RealServer } from './real-server.ts';

let dir: string;
let server: RealServer;
let port: number;

const isThere = postgresProgram() !== undefined;
if (!isThere)
  console.warn('the PostgreSQL sink is not tested: PostgreSQL is not installed (npm run test:components installs it)');

describe.skipIf(!isThere)('a PostgreSQL sink', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'headrace-postgres-sink-'));
    ({ server, port } = await postgresIn(dir));
    await server.start();
  }, 120_000);
  afterAll(async () => {
    await server.kill('SIGINT');
    rmSync(dir, { recursive: true, force: true });
  });

  it.each(SINK_CERTIFICATION)('$title', ({ run }) => run(postgresSubject(port, dir)), 60_000);
});
