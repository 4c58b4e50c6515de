import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HeadraceError } from '../base/error.ts';
import { loadProject } from './project.ts';
import { type RunningApp, startRuntime } from './runtime.ts';

let dir: string;
let server: Server;
let origin: string;
let asked: string[];
let app: RunningApp | undefined;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lookups-'));
  asked = [];
  server = createServer((request, response) => {
    const id = request.url?.slice(1) ?? '';
    asked.push(id);
    if (id === 'nobody') response.writeHead(404).end();
    else response.end(JSON.stringify({ name: id.toUpperCase() }));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await app?.stop();
  app = undefined;
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

const lookup = (options: string): string => `CREATE SOURCE orders (id text, customer text) WITH (topic = 'orders');
CREATE LOOKUP customers (id text PRIMARY KEY, name text) WITH (${options});
CREATE MATERIALIZED VIEW v AS SELECT o.id, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer;`;

async function rows(): Promise<unknown[]> {
  app = await startRuntime({ projectDir: dir, flags: { 'http-port': '0' }, env: {}, until: 'stopped' });
  const orders = ['ada', 'nobody', 'ada', 'bo'].map((customer, i) => JSON.stringify({ id: `${i}`, customer }));
  const headers = { 'content-type': 'application/x-ndjson' };
  await fetch(`${app.url}/api/v2/ingest/orders`, { method: 'POST', headers, body: orders.join('\n') });
  await app.idle();
  const answer = await fetch(`${app.url}/api/v2/topics/v/records`);
  const { records } = (await answer.json()) as { records: { value: string }[] };
  return records.map(({ value }) => JSON.parse(value) as unknown);
}

const EXPECTED = [
  { id: '0', name: 'ADA' },
  { id: '1', name: null },
  { id: '2', name: 'ADA' },
  { id: '3', name: 'BO' },
];

describe('enrichment', () => {
  it('asks another system over HTTP, once for each key', async () => {
    write('pipelines/p.sql', lookup(`connector = 'http', url = '${origin}/{id}', ttl = '1 minute'`));
    expect(await rows()).toEqual(EXPECTED);
    expect(asked.sort()).toEqual(['ada', 'bo', 'nobody']);
  });

  it('looks up rows of a file of the project', async () => {
    write('customers.ndjson', '{"id":"ada","name":"ADA"}\n{"id":"bo","name":"BO"}\n');
    write('pipelines/p.sql', lookup("connector = 'file', path = 'customers.ndjson'"));
    expect(await rows()).toEqual(EXPECTED);
  });

  it.each([
    ["connector = 'htp', url = 'http://x/{id}'", 'did you mean "http"?'],
    ["connector = 'http'", '"url" is missing'],
    ["connector = 'http', url = 'ftp://x/{id}'", 'not an http or https address'],
    ["connector = 'http', url = 'http://x/{name}'", 'its address names {name}, its key is {id}'],
    ["connector = 'http', url = 'http://x/{id}', tll = '1 s'", 'did you mean "ttl"?'],
    ["connector = 'http', url = 'http://x/{id}', ttl = 'soon'", 'ttl'],
    ["connector = 'file'", '"path" is missing'],
    ["connector = 'redis', url = 'redis://h'", '"key" is missing'],
    ["connector = 'redis', url = 'redis://h', key = 'u:{name}'", 'its key in Redis names {name}, its key is {id}'],
    ["connector = 'redis', url = 'http://h', key = '{id}'", 'its address is not that of a server'],
    ["connector = 'redis', url = 'redis://a:hush@h', key = '{id}'", 'its address holds a password'],
    ["connector = 'redis', url = 'redis://h', ca_file = 'ca.pem', key = '{id}'", 'the address is without TLS'],
    ["connector = 'redis', url = 'redis://h', key = '{id}', type = 'set'", '"set" is none of hash, json, string'],
    ["connector = 'postgres', table = 't'", '"url" is missing'],
    ["connector = 'postgres', url = 'postgres://h/d'", 'neither "table" nor "query" is set'],
    ["connector = 'postgres', url = 'postgres://h/d', table = 't', query = '$1'", '"table" and "query" are set'],
    ["connector = 'postgres', url = 'postgres://h/d', query = 'SELECT $10'", 'its query has no $1 for "id"'],
    ["connector = 'postgres', url = 'postgres://h/d?sslmode=off', table = 't'", 'not that of a server'],
    ["connector = 'postgres', url = 'postgres://a:hush@h/d', table = 't'", 'its address holds a password'],
  ])('refuses WITH (%s) at its place', async (options, message) => {
    write('pipelines/p.sql', lookup(options));
    const error = (await loadProject(dir, { flags: {}, env: {} }).catch((thrown: unknown) => thrown)) as HeadraceError;
    expect(error.message).toContain(message);
    expect(error.position?.line).toBe(2);
    expect(`${error.message} ${error.next}`).not.toContain('hush');
  });

  it('takes a string of Redis as one column', async () => {
    const sql = lookup("connector = 'redis', url = 'redis://h', key = '{id}', type = 'string'");
    write('pipelines/p.sql', sql.replace('name text)', 'name text, level int)'));
    await expect(loadProject(dir, { flags: {}, env: {} })).rejects.toThrow('the value of one column');
    write('pipelines/p.sql', sql);
    await expect(loadProject(dir, { flags: {}, env: {} })).resolves.toBeDefined();
  });
});
