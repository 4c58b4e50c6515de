import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeadLetter } from '../log/dead-letter.ts';
import { type RunningApp, startRuntime } from './runtime.ts';

const FUNCTIONS = `export function careful(id: string): string {
  while (id === 'b') {}
  return id.toUpperCase();
}
export const slow = async (id: string): Promise<string> => {
  await new Promise((resolve) => setTimeout(resolve, id === 'a' ? 50 : 1));
  if (id === 'b') throw new TypeError('b is not served');
  return id + id;
};
export function ran(id: string): string {
  while (id === 'b') {}
  return 'pool ' + id;
}
`;
const HEAD = "CREATE SOURCE ids (id text NOT NULL) WITH (topic = 'ids');\n";

let dir: string;
let app: RunningApp | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'user-call-'));
});
afterEach(async () => {
  await app?.stop();
  app = undefined;
  rmSync(dir, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

async function start(): Promise<RunningApp> {
  app = await startRuntime({ projectDir: dir, flags: { 'http-port': '0' }, env: {}, until: 'stopped' });
  return app;
}

async function get<Answer>({ url }: RunningApp, path: string): Promise<Answer> {
  return (await (await fetch(`${url}/api/v2/${path}`)).json()) as Answer;
}

/** The rows of view `v` and the dead letters for a, b and c with this function; rows in threads and processes as they really are. */
async function run(declaration: string): Promise<{ rows: string[]; letters: DeadLetter[] }> {
  write('functions/f.ts', FUNCTIONS);
  write('pipelines/p.sql', `${HEAD}${declaration}\nCREATE MATERIALIZED VIEW v AS SELECT f(id) AS x FROM ids;`);
  const running = await start();
  const headers = { 'content-type': 'application/x-ndjson' };
  const body = ['a', 'b', 'c'].map((id) => JSON.stringify({ id })).join('\n');
  await fetch(`${running.url}/api/v2/ingest/ids`, { method: 'POST', headers, body });
  await running.idle();
  const { records } = await get<{ records: { value: string }[] }>(running, 'topics/v/records');
  const { deadLetters } = await get<{ deadLetters: DeadLetter[] }>(running, 'dead-letters');
  return { rows: records.map(({ value }) => (JSON.parse(value) as { x: string }).x), letters: deadLetters };
}

describe('a user function', () => {
  it('that never returns is ended, and its row alone is a dead letter', async () => {
    const { rows, letters } = await run(
      "CREATE FUNCTION f(id text) RETURNS text LANGUAGE typescript AS '../functions/f.ts#careful' WITH (timeout = '1 s');",
    );
    expect(rows).toEqual(['A', 'C']);
    expect(letters).toMatchObject([{ reason: 'user-function', topic: 'ids', offset: 1, value: '{"id":"b"}' }]);
    expect(letters[0]!.message).toContain('timeout');
  });

  it('that gives promises keeps the order of rows, and says where it failed', async () => {
    const { rows, letters } = await run(
      "CREATE FUNCTION f(id text) RETURNS text LANGUAGE typescript AS '../functions/f.ts#slow' WITH (async = true, retries = 0);",
    );
    expect(rows).toEqual(['aa', 'cc']);
    expect(letters).toMatchObject([{ reason: 'user-function', topic: 'ids', offset: 1 }]);
    expect(letters[0]!.message).toContain('b is not served');
    expect(letters[0]!.message).toContain('functions/f.ts:7:');
  });

  it('runs on the pool, where one that never returns is ended too', async () => {
    const { rows, letters } = await run(
      "CREATE FUNCTION f(id text) RETURNS text LANGUAGE typescript AS '../functions/f.ts#ran' WITH (pool = true, timeout = '1 s');",
    );
    expect(rows).toEqual(['pool a', 'pool c']);
    expect(letters).toMatchObject([{ reason: 'user-function', topic: 'ids', offset: 1 }]);
    expect(letters[0]!.message).toContain('timeout');
  });
});
