import type { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { createAuthenticator } from '../../security/authentication.ts';
import { openTestDoor, type TestDoor } from './door.fixture.ts';

let door: TestDoor;
afterEach(() => door.close());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A request whose path and headers are sent as they are. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { hostname, port } = new URL(door.url);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: hostname, port, path, method, headers }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

describe('who is answered', () => {
  it.each(['localhost', '127.0.0.1:8080', '[::1]:1'])('answers host %s', async (host) => {
    door = await openTestDoor();
    expect((await ask('/health/live', { host })).status).toBe(200);
  });

  it('refuses a name that somebody rebound to this address', async () => {
    door = await openTestDoor();
    const { status, body } = await ask('/health/live', { host: 'evil.example:8080' });
    expect([status, JSON.parse(body).code]).toEqual([421, 'HTTP_HOST_REFUSED']);
  });

  it('answers a configured name', async () => {
    door = await openTestDoor({ allowedHosts: ['headrace.example'] });
    expect((await ask('/health/live', { host: 'headrace.example' })).status).toBe(200);
  });

  it('refuses pages of other sites, and answers its own', async () => {
    door = await openTestDoor();
    expect((await ask('/api/v2/topics', { origin: 'https://evil.example' })).status).toBe(403);
    expect((await ask('/api/v2/topics', { origin: 'null' })).status).toBe(403);
    expect((await ask('/api/v2/topics', { origin: 'http://localhost:8080', host: 'localhost:8080' })).status).toBe(200);
  });

  it('tells the browser of an allowed origin that it may read', async () => {
    door = await openTestDoor({ allowedOrigins: ['https://app.example'] });
    const answer = await ask('/api/v2/topics', { origin: 'https://app.example' });
    expect(answer.headers['access-control-allow-origin']).toBe('https://app.example');
    const preflight = await ask('/api/v2/query', { origin: 'https://app.example' }, 'OPTIONS');
    expect([preflight.status, preflight.headers['access-control-allow-headers']]).toEqual([
      204,
      expect.stringContaining('authorization'),
    ]);
  });

  it('asks for a token when tokens are configured, but not for health', async () => {
    const authenticator = createAuthenticator({ tokens: [], localAllowed: false, clock: systemClock });
    door = await openTestDoor({}, (services) => ({ ...services, authenticator }));
    const answer = await ask('/api/v2/topics');
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer realm="headrace"']);
    expect((await ask('/health/live')).status).toBe(200);
  });

  it('asks the authorizer on every route that is not public', async () => {
    const asked: string[] = [];
    const authorizer = {
      authorize(_principal: unknown, action: string, resource: { kind: string; name: string }) {
        asked.push(`${action} ${resource.kind} ${resource.name}`);
      },
    };
    door = await openTestDoor({}, (services) => ({ ...services, authorizer }));
    await ask('/api/v2/topics/requests/records');
    await ask('/api/v2/tables/pages');
    await ask('/metrics');
    expect(asked).toEqual(['read topic requests', 'read view pages', 'read metrics *']);
  });

  it('refuses to listen beyond loopback without TLS and tokens', async () => {
    await expect(openTestDoor({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'SECURITY_UNSAFE_BIND' });
    door = await openTestDoor();
  });

  it('says who has the port, and which flag moves us', async () => {
    door = await openTestDoor();
    const port = Number(new URL(door.url).port);
    const taken = openTestDoor({ port });
    await expect(taken).rejects.toMatchObject({
      code: 'HTTP_PORT_TAKEN',
      message: expect.stringContaining('--http-port'),
    });
    if (process.platform === 'linux') await expect(taken).rejects.toThrow(`process ${process.pid} (`);
  });
});

describe('what is answered', () => {
  it('carries the security headers everywhere', async () => {
    door = await openTestDoor();
    for (const path of ['/health/live', '/nothing', '/api/v2/topics']) {
      const { headers } = await ask(path);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['x-frame-options']).toBe('DENY');
    }
  });

  it('suggests the path that was meant', async () => {
    door = await openTestDoor();
    const { status, body } = await ask('/api/v2/topcis');
    expect([status, JSON.parse(body).next]).toEqual([404, 'did you mean /api/v2/topics?']);
  });

  it('suggests the parameter that was meant', async () => {
    door = await openTestDoor();
    const { status, body } = await ask('/api/v2/stream/pages?ofset=0:1');
    expect([status, JSON.parse(body).next]).toEqual([400, 'did you mean "offset"?']);
  });

  it.each(['limit=0', 'limit=x', 'limit=1e3', 'offset=-1'])('refuses ?%s', async (query) => {
    door = await openTestDoor();
    expect((await ask(`/api/v2/topics/requests/records?${query}`)).status).toBe(400);
  });

  it('lists the methods of a path when another is used', async () => {
    door = await openTestDoor();
    const { status, headers } = await ask('/api/v2/query');
    expect([status, headers.allow]).toEqual([405, 'POST']);
  });

  it('answers HEAD without a body', async () => {
    door = await openTestDoor();
    const { status, body, headers } = await ask('/api/v2/topics', {}, 'HEAD');
    expect([status, body]).toEqual([200, '']);
    expect(Number(headers['content-length'])).toBeGreaterThan(10);
  });

  it('shows topics, and the newest records as they are', async () => {
    door = await openTestDoor();
    door.log.put(
      'requests',
      [
        ['k', '{"a":1}'],
        [null, 'x'],
      ],
      7,
    );
    const topics = JSON.parse((await ask('/api/v2/topics')).body).topics;
    expect(topics[0]).toMatchObject({ name: 'requests', records: 2, partitions: [{ highWatermark: 2 }] });
    const { records } = JSON.parse((await ask('/api/v2/topics/requests/records?limit=1')).body);
    expect(records).toEqual([{ partition: 0, offset: 1, timestamp: 7, key: null, value: 'x' }]);
    const from = JSON.parse((await ask('/api/v2/topics/requests/records?offset=0')).body);
    expect(from.records).toHaveLength(2);
  });

  it('answers 410 for records that retention has taken', async () => {
    door = await openTestDoor();
    door.log.put('requests', [[null, '1']]);
    door.log.cut('requests', 1);
    expect((await ask('/api/v2/topics/requests/records?offset=0')).status).toBe(410);
  });

  it('shows dead letters newest first, filtered', async () => {
    door = await openTestDoor();
    const letter = (reason: string) => ({ topic: 'requests', reason, message: '', receivedAt: 1, value: 'x' });
    door.log.put('_dead_letters', [
      [null, letter('malformed')],
      [null, letter('late')],
    ]);
    const all = JSON.parse((await ask('/api/v2/dead-letters')).body);
    expect([all.total, all.deadLetters.map((l: { reason: string }) => l.reason)]).toEqual([2, ['late', 'malformed']]);
    const late = JSON.parse((await ask('/api/v2/dead-letters?reason=late')).body);
    expect(late.deadLetters).toMatchObject([{ id: '0:1', value: 'x' }]);
  });

  it('names the nearest topic and table', async () => {
    door = await openTestDoor();
    expect(JSON.parse((await ask('/api/v2/topics/request')).body).next).toBe('did you mean "requests"?');
    expect(JSON.parse((await ask('/api/v2/tables/page')).body).next).toBe('did you mean "pages"?');
  });

  it.each([
    ['json', /9007199254740993/],
    ['csv', /^page,hits\n"\/a, ""b""",9007199254740993\n,2\n$/],
    ['ndjson', /^\{"page":"\/a, \\"b\\"","hits":"9007199254740993"\}\n\{"page":null,"hits":2\}\n$/],
  ])('answers a query as %s', async (format, expected) => {
    door = await openTestDoor();
    const response = await fetch(`${door.url}/api/v2/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql: 'SELECT 1', format }),
    });
    expect(await response.text()).toMatch(expected);
  });

  it('refuses an unknown member of a body with the right one', async () => {
    door = await openTestDoor();
    const response = await fetch(`${door.url}/api/v2/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"sq":"SELECT 1"}',
    });
    expect(await response.json()).toMatchObject({ status: 400, next: 'did you mean "sql"?' });
  });

  it('says what it waits for until it is ready', async () => {
    door = await openTestDoor({}, (services) => ({ ...services, notReady: () => ['pipeline traffic is recovering'] }));
    const { status, body } = await ask('/health/ready');
    expect([status, body]).toEqual([503, expect.stringContaining('pipeline traffic is recovering')]);
  });

  it('leaves a connection as it was after each request', async () => {
    const sockets = new Set<EventEmitter>();
    door = await openTestDoor();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { hostname, port } = new URL(door.url);
    const warned: Error[] = [];
    const onWarning = (warning: Error): void => void warned.push(warning);
    process.on('warning', onWarning);
    for (let i = 0; i < 30; i++) {
      await new Promise<void>((resolve, reject) => {
        const headers = { 'content-type': 'application/json' };
        const request = httpRequest({ host: hostname, port, path: '/api/v2/query', method: 'POST', agent, headers });
        request.on('response', (response) => response.resume().on('end', resolve));
        request.on('socket', (socket) => sockets.add(socket));
        request.on('error', reject);
        request.end('{"sql":"SELECT 1"}');
      });
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    agent.destroy();
    expect(sockets.size).toBe(1);
    expect(warned).toEqual([]);
  });

  it('says what does not work while the rest serves', async () => {
    const problems = () => [{ code: 'LOG_DISK_FULL', message: 'writing the log: no space left' }];
    door = await openTestDoor({}, (services) => ({ ...services, problems }));
    const { status, body } = await ask('/health/ready');
    expect([status, JSON.parse(body)]).toEqual([200, { status: 'degraded', problems: problems() }]);
  });

  it('does not wait at its close for a client that always has more to send', async () => {
    // The grace time never ends by this clock.
    const clock = { now: () => systemClock.now(), monotonicMs: () => systemClock.monotonicMs(), after: () => () => {} };
    let closed: Promise<void> | undefined;
    let asked = 0;
    // Closed in the middle of an answer: a connection that is idle ends by itself.
    const problems = (): readonly [] => {
      if (++asked === 3) closed = door.close();
      return [];
    };
    door = await openTestDoor({}, (services) => ({ ...services, clock, problems }));
    const { hostname, port } = new URL(door.url);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await new Promise<void>((resolve) => {
      const more = (): void => {
        const request = httpRequest({ host: hostname, port, path: '/health/ready', agent }, (response) => {
          response.resume().on('end', () => (asked < 50 ? more() : resolve()));
        });
        request.on('error', () => resolve());
        request.end();
      };
      more();
    });
    expect(asked).toBe(3);
    await closed;
    agent.destroy();
  });

  it('exposes metrics in both forms', async () => {
    door = await openTestDoor();
    await ask('/health/live');
    expect((await ask('/metrics')).body).toContain('headrace_http_requests_total{route="/health/live",status="200"} 1');
    expect(JSON.parse((await ask('/api/v2/metrics')).body).samples.length).toBeGreaterThan(0);
  });
});

describe('the console’s files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'console-'));
  writeFileSync(join(folder, 'secret.txt'), 'secret');

  it('are served with a strict policy; hashed names for ever', async () => {
    const own = mkdtempSync(join(tmpdir(), 'console-'));
    writeFileSync(join(own, 'index.html'), '<!doctype html>');
    writeFileSync(join(own, 'app-Abcd1234.js'), '1');
    symlinkSync(join(folder, 'secret.txt'), join(own, 'leak.txt'));
    door = await openTestDoor({ consoleDir: own });
    const page = await ask('/');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.headers['cache-control']).toBe('no-cache');
    expect((await ask('/app-Abcd1234.js')).headers['cache-control']).toContain('immutable');
    expect((await ask('/pipelines')).body).toBe('<!doctype html>');
    for (const path of [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/leak.txt',
      '/%00.txt',
      '/%zz.txt',
      '/..%5csecret.txt',
    ]) {
      const { status, body } = await ask(path);
      expect([path, status, body.includes('secret"')]).toEqual([path, 404, false]);
    }
    rmSync(own, { recursive: true });
    rmSync(folder, { recursive: true });
  });
});
