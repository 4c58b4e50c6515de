import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { HeadraceError } from '../../base/error.ts';
import { ingestResult, openTestDoor, type TestDoor } from './door.fixture.ts';

let door: TestDoor;
afterEach(() => door.close());

const JSON_TYPE = { 'content-type': 'application/json' };

async function post(path: string, body: string | Uint8Array, headers: Record<string, string> = JSON_TYPE) {
  const response = await fetch(door.url + path, { method: 'POST', body, headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text) as Record<string, unknown> };
}

/** Speaks HTTP by hand: for what no client library would send. */
async function raw(bytes: string, then: 'wait' | 'half-close' | 'reset' = 'wait'): Promise<string> {
  const { port, hostname } = new URL(door.url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  await once(socket, 'connect');
  socket.write(bytes);
  if (then === 'half-close') socket.end();
  if (then === 'reset') {
    socket.resetAndDestroy();
    return '';
  }
  let answer = '';
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes('\r\n\r\n') && then === 'wait') break;
  }
  socket.destroy();
  return answer;
}

describe('ingest over HTTP', () => {
  it.each([
    ['application/json', 'json'],
    ['application/json; charset=utf-8', 'json'],
    ['application/x-ndjson', 'ndjson'],
    ['application/jsonl', 'ndjson'],
    ['text/csv; charset="UTF-8"', 'csv'],
  ])('takes %s as %s', async (contentType, format) => {
    door = await openTestDoor();
    const { status } = await post('/api/v2/ingest/requests', '{"a":1}', { 'content-type': contentType });
    expect(status).toBe(200);
    expect(door.ingest.requests).toMatchObject([{ topic: 'requests', format }]);
    expect(String(Buffer.from(door.ingest.requests[0]!.body))).toBe('{"a":1}');
  });

  it.each(['/ingest', '/api/v2/ingest', '/api/v2/ingest?topic=requests'])('takes %s', async (path) => {
    door = await openTestDoor();
    expect(await post(path, '{}')).toMatchObject({ status: 200, body: { topic: 'requests', accepted: 1 } });
  });

  it('asks for a topic when the project has several', async () => {
    door = await openTestDoor({}, (services) => ({ ...services, defaultTopic: () => undefined }));
    const { status, body } = await post('/ingest', '{}');
    expect([status, body.code]).toEqual([400, 'HTTP_PARAMETER_INVALID']);
    expect(body.detail).toContain('/api/v2/ingest/{topic}');
  });

  it('passes the idempotency key on', async () => {
    door = await openTestDoor();
    await post('/ingest', '{}', { ...JSON_TYPE, 'idempotency-key': 'order-1' });
    expect(door.ingest.requests[0]!.idempotencyKey).toBe('order-1');
  });

  it('decompresses gzip', async () => {
    door = await openTestDoor();
    await post('/ingest', gzipSync('{"a":"gz"}'), { ...JSON_TYPE, 'content-encoding': 'gzip' });
    expect(String(Buffer.from(door.ingest.requests[0]!.body))).toBe('{"a":"gz"}');
  });

  it('says line by line what was refused', async () => {
    door = await openTestDoor();
    door.ingest.answer = async () => ingestResult('requests', 2, 1);
    const { status, body } = await post('/ingest', '{}\n{}\nx', { 'content-type': 'application/x-ndjson' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: 2, refused: 1, refusals: [{ line: 3, reason: 'malformed' }] });
  });

  it('answers 400 with the counts when all was refused', async () => {
    door = await openTestDoor();
    door.ingest.answer = async () => ingestResult('requests', 0, 2);
    const { status, body, headers } = await post('/ingest', 'xx');
    expect(status).toBe(400);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({ code: 'INGEST_ALL_REFUSED', refused: 2, accepted: 0 });
  });
});

describe('bad input to ingest', () => {
  it('names the types it takes when the type is wrong', async () => {
    door = await openTestDoor();
    const { status, body } = await post('/ingest', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' });
    expect([status, body.code]).toEqual([415, 'HTTP_MEDIA_TYPE']);
    for (const type of ['application/json', 'application/x-ndjson', 'text/csv']) expect(body.detail).toContain(type);
  });

  it('refuses another charset and another encoding', async () => {
    door = await openTestDoor();
    expect((await post('/ingest', '{}', { 'content-type': 'application/json; charset=latin1' })).status).toBe(415);
    const brotli = await post('/ingest', '{}', { ...JSON_TYPE, 'content-encoding': 'br' });
    expect(brotli).toMatchObject({ status: 415, body: { code: 'HTTP_ENCODING' } });
  });

  it('gives the command that creates an unknown topic, before reading the body', async () => {
    door = await openTestDoor();
    const { status, body } = await post('/api/v2/ingest/orders', '{}');
    expect(status).toBe(404);
    expect(body.detail).toContain('headrace topics create orders');
  });

  it('refuses an empty body', async () => {
    door = await openTestDoor();
    expect(await post('/ingest', '')).toMatchObject({ status: 400, body: { code: 'HTTP_BODY_EMPTY' } });
  });

  it('refuses a body over the limit by its announced length, without reading it', async () => {
    door = await openTestDoor({ limits: { bodyBytesMax: 1000 } });
    const answer = await raw(
      'POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(door.ingest.requests).toEqual([]);
  });

  it('does not ask a client that waits for 100 Continue to send a body over the limit', async () => {
    door = await openTestDoor({ limits: { bodyBytesMax: 1000 } });
    const head =
      'POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n';
    expect(await raw(`${head}Content-Length: 5000\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
    expect(await raw(`${head}Content-Length: 2\r\n\r\n`)).toMatch(/^HTTP\/1\.1 100 /);
  });

  it('refuses a body over the limit while it streams', async () => {
    door = await openTestDoor({ limits: { bodyBytesMax: 1000 } });
    const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;
    const head = 'POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const answer = await raw(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('refuses what decompresses to more than the limit', async () => {
    door = await openTestDoor({ limits: { bodyBytesMax: 100_000 } });
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    const { status, body } = await post('/ingest', bomb, { ...JSON_TYPE, 'content-encoding': 'gzip' });
    expect([status, body.code]).toEqual([413, 'HTTP_BODY_TOO_LARGE']);
  });

  it('keeps nothing of a body whose connection ends before it does', async () => {
    door = await openTestDoor();
    const head =
      'POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n';
    await raw(`${head}{"a":1`, 'half-close');
    await raw(`${head}{"a":1`, 'reset');
    expect(await post('/ingest', '{}')).toMatchObject({ status: 200 });
    expect(door.ingest.requests).toHaveLength(1);
  });

  it('refuses truncated gzip', async () => {
    door = await openTestDoor();
    const cut = gzipSync('{"a":1}'.repeat(1000)).subarray(0, 40);
    const { status, body } = await post('/ingest', cut, { ...JSON_TYPE, 'content-encoding': 'gzip' });
    expect([status, body.code]).toEqual([400, 'HTTP_BODY_TRUNCATED']);
    const garbage = await post('/ingest', 'not gzip', { ...JSON_TYPE, 'content-encoding': 'gzip' });
    expect([garbage.status, garbage.body.code]).toEqual([400, 'HTTP_BODY_INVALID']);
  });

  it('answers 429 with Retry-After while too many bytes are in memory, and recovers', async () => {
    door = await openTestDoor({ limits: { inFlightBytesMax: 100 } });
    let finish = (): void => {};
    door.ingest.answer = (request) =>
      new Promise((resolve) => {
        finish = () => resolve(ingestResult(request.topic, 1, 0));
      });
    const first = post('/ingest', `"${'x'.repeat(80)}"`);
    while (door.ingest.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const second = await post('/ingest', `"${'y'.repeat(80)}"`);
    expect(second.status).toBe(429);
    expect(second.headers.get('retry-after')).toBe('1');
    finish();
    expect((await first).status).toBe(200);
    door.ingest.answer = async ({ topic }) => ingestResult(topic, 1, 0);
    expect((await post('/ingest', `"${'z'.repeat(80)}"`)).status).toBe(200);
  });

  it.each([
    ['INGEST_OVERLOADED', true, 429],
    ['INGEST_IDEMPOTENCY_CONFLICT', false, 422],
    ['LOG_DISK_FULL', true, 507],
    ['LOG_WRITE_FAILED', false, 503],
  ])('answers %s with its status', async (code, retryable, status) => {
    door = await openTestDoor();
    door.ingest.answer = async () => {
      throw new HeadraceError('writing: refused', { code, domain: 'ingest', retryable });
    };
    expect(await post('/ingest', '{}')).toMatchObject({ status, body: { code } });
  });

  it('tells the client nothing of an error that nobody foresaw, and reports it', async () => {
    door = await openTestDoor();
    door.ingest.answer = async () => {
      throw new Error('secret path /etc');
    };
    const { status, body } = await post('/ingest', '{}');
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(door.reported).toHaveLength(1);
  });
});
