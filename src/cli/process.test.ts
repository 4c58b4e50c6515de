import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../../bin/headrace.js', import.meta.url));

let dir: string;
let server: ChildProcess;
let url: string;

const headrace = (line: readonly string[], env: Record<string, string> = {}): ChildProcess =>
  spawn(process.execPath, [BIN, ...line], { cwd: dir, env: { ...process.env, ...env }, stdio: 'pipe' });

/** What it wrote and its exit code; `readLines` closes its output after so many lines, as `| head` does. */
function ended(
  child: ChildProcess,
  readLines = Number.POSITIVE_INFINITY,
): Promise<{ code: number | null; out: string; err: string }> {
  let out = '';
  let err = '';
  child.stderr!.on('data', (chunk) => (err += String(chunk)));
  child.stdout!.on('data', (chunk) => {
    out += String(chunk);
    if (out.split('\n').length > readLines) child.stdout!.destroy();
  });
  if (readLines === 0) child.stdout!.destroy();
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cli-process-'));
  expect((await ended(headrace(['init', 'app']))).code).toBe(0);
  server = headrace(['start', 'app', '--http-port', '0', '--json']);
  url = await new Promise((resolve) => {
    server.stdout!.once('data', (line) => resolve((JSON.parse(String(line)) as { url: string }).url));
  });
});
afterAll(async () => {
  const gone = ended(server);
  server.kill('SIGTERM');
  await gone;
  rmSync(dir, { recursive: true });
});

describe('a command whose reader goes away', () => {
  it.each([
    ['help', ['help'], 0],
    ['run', ['run', 'app', '--until-idle', '--data-dir', 'other'], 0],
    ['start', ['start', 'app', '--http-port', '0', '--data-dir', 'third', '--json'], 0],
  ])('ends quietly: %s', async (_name, line, lines) => {
    const { code, err } = await ended(headrace(line), lines);
    expect([code, err.replace('stopping ...\n', '')]).toEqual([0, '']);
  });

  it('ends quietly at the next line that it has: tail', async () => {
    const following = ended(headrace(['tail', 'events', '--url', url]), 1);
    const send = async (): Promise<Response> =>
      fetch(`${url}/ingest`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ id: 'x', time: '2026-01-31T12:00:00Z', kind: 'order', amount: 1 }),
      });
    let over = false;
    const result = following.finally(() => {
      over = true;
    });
    while (!over) await send();
    expect(await result).toMatchObject({ code: 0, err: '' });
  });
});

describe('an older Node', () => {
  it('is told in one sentence which one is needed', async () => {
    const older = "Object.defineProperty(process.versions, 'node', { value: '18.20.4' })";
    const args = ['--import', `data:text/javascript,${encodeURIComponent(older)}`, BIN, '--version'];
    const { code, out, err } = await ended(spawn(process.execPath, args, { cwd: dir, stdio: 'pipe' }));
    expect([code, out]).toEqual([1, '']);
    expect(err).toBe(
      'Headrace needs Node 20.19 or newer, and this is Node 18.20.4: install a newer one from https://nodejs.org.\n',
    );
  });
});

describe('commands as a user runs them', () => {
  it('bench measures, and leaves no topic behind', async () => {
    const { code, out } = await ended(
      headrace(['bench', '--seconds', '1', '--batch', '20', '--connections', '2', '--json', '--url', url]),
    );
    expect(code).toBe(0);
    const figures = JSON.parse(out) as { events: number; requests: number; latencyMs: { p50: number; p99: number } };
    expect(figures.events).toBe(figures.requests * 20);
    expect(figures.events).toBeGreaterThan(0);
    expect(figures.latencyMs.p99).toBeGreaterThanOrEqual(figures.latencyMs.p50);
    const topics = await ended(headrace(['topics', '--json', '--url', url]));
    expect(topics.out).not.toContain('"bench"');
  });

  it('dev applies a save of a pipeline file that is a project of its own, and ends cleanly', async () => {
    const file = join(dir, 'one.sql');
    const pipeline = (name: string): string =>
      `CREATE SOURCE e (id text NOT NULL); CREATE MATERIALIZED VIEW c AS SELECT id, count(*) AS ${name} FROM e GROUP BY id;`;
    writeFileSync(file, pipeline('n'));
    const child = headrace(['dev', 'one.sql', '--http-port', '0', '--data-dir', 'dev', '--json']);
    const result = ended(child);
    const saidOnce = (text: string): Promise<void> =>
      new Promise((resolve) => child.stdout!.on('data', (line) => String(line).includes(text) && resolve()));
    await saidOnce('"ready":true');
    const applied = saidOnce('"applied":["one.sql"]');
    writeFileSync(file, pipeline('m'));
    await applied;
    child.kill('SIGINT');
    expect(await result).toMatchObject({ code: 0, err: '' });
  });

  it.each([
    ['sql', ['sql', 'SELECT count(*) AS n FROM events']],
    ['topics', ['topics', 'describe', 'events']],
    ['dlq', ['dlq']],
    ['doctor', ['doctor', 'app']],
    ['state', ['state']],
  ])('%s answers in JSON', async (_name, line) => {
    const { code, out } = await ended(headrace([...line, '--json', '--url', url]));
    expect([code, typeof JSON.parse(out)]).toEqual([0, 'object']);
  });

  it('state shows what each operator keeps, and the last snapshot', async () => {
    const body = JSON.stringify({ id: 'kept', time: '2026-01-31T12:00:00Z', kind: 'order', amount: 1 });
    await fetch(`${url}/ingest`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const all = await ended(headrace(['state', '--json', '--url', url]));
    const [first] = (JSON.parse(all.out) as { pipelines: { name: string; operators: object[] }[] }).pipelines;
    expect(first).toMatchObject({ state: 'running', keys: expect.any(Number), memoryBytesMax: expect.any(Number) });
    expect(first!.operators).toContainEqual(
      expect.objectContaining({ id: expect.stringMatching(/^aggregate:/), bytes: expect.any(Number) }),
    );
    const one = await ended(headrace(['state', first!.name, '--url', url]));
    expect([one.code, one.out]).toEqual([0, expect.stringMatching(/^pipeline .*\(running\), epoch \d+\n.* of state;/)]);
    const missing = await ended(headrace(['state', `${first!.name}x`, '--url', url]));
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining(`did you mean "${first!.name}"?`)]);
  });

  it('doctor finds this project, its server and its owner', async () => {
    const { out } = await ended(headrace(['doctor', 'app', '--json', '--url', url]));
    const { findings } = JSON.parse(out) as { findings: { check: string; verdict: string; detail: string }[] };
    expect(findings.map(({ check }) => check)).toEqual(
      'node simd build clock disk fsync project port data server version'.split(' '),
    );
    expect(findings.find(({ check }) => check === 'data')?.detail).toContain(`process ${server.pid}`);
    expect(findings.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
  });

  it('doctor fails when the configuration is wrong', async () => {
    const { code, out } = await ended(headrace(['doctor', 'app', '--url', url], { HEADRACE_HTTP_PROT: '1' }));
    expect([code, out]).toEqual([1, expect.stringContaining('did you mean HEADRACE_HTTP_PORT?')]);
  });
});
