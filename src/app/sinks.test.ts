import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadProject } from './project.ts';
import { type RunningApp, startRuntime } from './runtime.ts';

const SOURCE = `CREATE SOURCE orders (id text NOT NULL, amount int4 NOT NULL) WITH (topic = 'orders');
CREATE MATERIALIZED VIEW large AS SELECT id, amount FROM orders WHERE amount >= 10;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS orders, sum(amount) AS amount FROM orders;
`;

let dir: string;
let server: Server;
let posted: { readonly token: string | undefined; readonly body: string }[];
let running: RunningApp | undefined;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sinks-'));
  mkdirSync(join(dir, 'pipelines'));
  posted = [];
  server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    posted.push({ token: request.headers.authorization, body: Buffer.concat(parts).toString() });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  server.close();
  rmSync(dir, { recursive: true });
});

async function run(sql: string, orders: readonly (readonly [id: string, amount: number])[]): Promise<void> {
  writeFileSync(join(dir, 'pipelines/orders.sql'), sql);
  running = await startRuntime({ projectDir: dir, flags: { 'http-port': '0' }, env: {}, until: 'stopped' });
  await send(running, orders);
  await running.idle();
}

async function send(app: RunningApp, orders: readonly (readonly [id: string, amount: number])[]): Promise<void> {
  const body = Buffer.from(orders.map(([id, amount]) => JSON.stringify({ id, amount })).join('\n'));
  const principal = { id: 'test', scopes: ['admin'] } as const;
  await app.parts.ingest.accept({ topic: 'orders', principal, body, format: 'ndjson', idempotencyKey: undefined });
}

const linesOf = (path: string): string[] => readFileSync(join(dir, path), 'utf8').trimEnd().split('\n');

describe('CREATE SINK', () => {
  it('writes a view to a file, each row once, also over a restart', async () => {
    const sql = `${SOURCE}CREATE SINK large_orders FROM large WITH (connector = 'file', path = 'out/large.ndjson');`;
    await run(sql, [
      ['a', 5],
      ['b', 15],
    ]);
    await running!.stop();
    await run(sql, [
      ['c', 20],
      ['d', 1],
    ]);
    expect(running!.parts.metrics.expose()).toContain('headrace_sink_records_total{sink="large_orders"} 1\n');
    expect(running!.parts.metrics.expose()).toContain('headrace_sink_lag_records{sink="large_orders"} 0\n');
    expect(linesOf('out/large.ndjson')).toEqual(['{"id":"b","amount":15}', '{"id":"c","amount":20}']);
  });

  it('sends the changes of a table and the events of a source to an address', async () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    writeFileSync(join(dir, 'token'), 's3cret\n');
    await run(
      `${SOURCE}CREATE SINK hook FROM totals WITH (connector = 'http', url = '${url}', bearer_token_file = 'token', batch_wait = '0 s');
      CREATE SINK copy FROM orders WITH (connector = 'http', url = '${url}', format = 'json');`,
      [['a', 5]],
    );
    const [change, copy] = posted.map(({ body }) => body).sort((a, b) => b.length - a.length);
    expect(JSON.parse(change!)).toMatchObject({ op: 'upsert', row: { orders: 1, amount: 5 } });
    expect(JSON.parse(copy!)).toEqual([{ id: 'a', amount: 5 }]);
    expect(posted.map(({ token }) => token).sort()).toEqual(['Bearer s3cret', undefined]);
  });

  it('follows an edit: a sink that is no longer declared ends, a new one begins', async () => {
    await run(`${SOURCE}CREATE SINK one FROM large WITH (connector = 'file', path = 'one.ndjson');`, [['a', 10]]);
    const sql = `${SOURCE}CREATE SINK two FROM large WITH (connector = 'file', path = 'two.ndjson');`;
    writeFileSync(join(dir, 'pipelines/orders.sql'), sql);
    await running!.apply();
    await send(running!, [['b', 11]]);
    await running!.idle();
    expect(linesOf('one.ndjson')).toEqual(['{"id":"a","amount":10}']);
    expect(linesOf('two.ndjson').at(-1)).toEqual('{"id":"b","amount":11}');
  });

  it.each([
    [`WITH (connector = 'flie', path = 'x')`, 'did you mean "file"?', 44],
    [`WITH (connector = 'file', paht = 'x')`, 'did you mean "path"?', 52],
    [`WITH (connector = 'file')`, '"path" is missing', 44],
    [`WITH (connector = 'file', path = 'x', batch_rows = 'many')`, 'not a whole number', 77],
    [`WITH (connector = 'http', url = 'x', batch_wait = '5')`, '"5" is not a number with a unit', 76],
    [`WITH (connector = 'http', url = 'example.com/hook')`, 'is not an http or https address', 58],
    [`WITH (path = 'x')`, 'names no connector', 13],
    [`WITH (connector = 'postgres', url = 'postgres://a@h/d')`, '"table" is missing', 44],
    [`WITH (connector = 'postgres', table = 't', url = 'postgres://a:b@h/d')`, 'its address holds a password', 75],
    [`WITH (connector = 'postgres', table = 't', url = 'mysql://a@h/d')`, 'its address is not that of a server', 75],
    [`WITH (connector = 'postgres', url = 'postgres://a@h/d', table = 'a.b.c')`, 'is not the name of a table', 90],
    [
      `WITH (connector = 'postgres', url = 'postgres://a@h/d', table = 't', mode = 'upset')`,
      'did you mean "upsert"?',
      102,
    ],
  ])('%s is refused where it is wrong', async (options, message, column) => {
    writeFileSync(join(dir, 'pipelines/orders.sql'), `${SOURCE}CREATE SINK s FROM large ${options};`);
    await expect(loadProject(dir, { flags: {}, env: {} })).rejects.toMatchObject({
      message: expect.stringContaining(message) as string,
      position: { line: 4, column },
    });
  });

  it('is checked in TypeScript too', async () => {
    writeFileSync(
      join(dir, 'pipelines/orders.ts'),
      `import { pipeline, source, t } from 'headrace';
const orders = source('orders', { columns: { id: t.text().notNull() } });
export default pipeline('orders', (p) => {
  p.sink('s', p.view('ids', orders), { connector: 'file', paht: 'x' });
});`,
    );
    await expect(loadProject(dir, { flags: {}, env: {} })).rejects.toThrow('did you mean "path"?');
  });
});
