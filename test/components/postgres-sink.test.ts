import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { SINK_CERTIFICATION } from '../../src/connector/sink-certification.fixture.ts';
import { blocksOf } from '../docs/page.ts';
import { PageRun } from '../docs/page-run.ts';
import { BREAKS, breakAt } from './postgres-breaks.ts';
import { connected, postgresIn, postgresProgram } from './postgres-server.ts';
import { postgresSubject } from './postgres-subject.ts';
import type { RealServer } from './real-server.ts';

let dir: string;
let server: RealServer;
let port: number;

const isThere = postgresProgram() !== undefined;
if (!isThere)
  console.warn('the PostgreSQL sink is not tested: PostgreSQL is not installed (npm run test:components installs it)');

/** The component test has all places. */
const BREAK_EVERY = 9;

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

  it('is kept as the how-to page prints', async () => {
    const client = await connected(port);
    await client.query("CREATE ROLE writer LOGIN PASSWORD 'secret'");
    await client.query('CREATE DATABASE shop OWNER writer');
    await client.end();
    const page = readFileSync('docs/how-to/write-to-postgresql.md', 'utf8');
    const run = await PageRun.open(new Map([['5432', String(port)]]));
    try {
      await run.run(blocksOf(page));
    } finally {
      await run.close();
    }
  }, 120_000);

  it.each(BREAKS.map((one, at) => ({ ...one, at })))(
    'writes each change once when its connection breaks (statements $how, restart: $restarts)',
    async ({ at, ...one }) => {
      for (let place = 1 + at; await breakAt(place, one, port, dir); place += BREAK_EVERY);
    },
    120_000,
  );
});
