import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { offset } from '../../base/brand.ts';
import { systemClock } from '../../base/clock.ts';
import { createIngest } from '../../ingest/create-ingest.ts';
import { DEAD_LETTER_TOPIC, type DeadLetter } from '../../ingest/ingest.ts';
import type { Log } from '../../log/log.ts';
import { openLog } from '../../log/open.ts';
import { decodeRecordBatches } from '../../log/record-batch.ts';
import { compileSchema } from '../../schema/topic-schema.ts';
import { createMetrics } from '../../telemetry/registry.ts';
import { openTestDoor, type TestDoor } from './door.fixture.ts';

/** The door, ingest and the log on disk together, against input that means harm or was made by mistake. */
let dataDir: string;
let log: Log;
let door: TestDoor;
const metrics = createMetrics();
const schema = compileSchema({ type: 'object', required: ['n'], properties: { n: { type: 'integer' } } });

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'headrace-hostile-'));
  log = await openLog({ dataDir, clock: systemClock });
  await log.createTopic({
    name: 'events',
    partitions: 1,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: 64 * 1024 * 1024,
    keyPath: undefined,
    properties: {},
  });
  const ingest = await createIngest({ log, clock: systemClock, metrics: createMetrics(), schemas: () => schema });
  door = await openTestDoor({}, (services) => ({
    ...services,
    log,
    ingest,
    metrics,
    defaultTopic: () => 'events',
  }));
});

afterEach(async () => {
  // Whatever was sent: the door still serves, and holds on to no bytes.
  expect(await post('{"n":-1}')).toMatchObject({ status: 200, body: { accepted: 1 } });
  expect(metrics.snapshot().find(({ name }) => name === 'headrace_http_body_bytes')?.value).toBe(0);
  await door.close();
  await log.close();
  rmSync(dataDir, { recursive: true });
});

const NDJSON = { 'content-type': 'application/x-ndjson' };
const JSON_TYPE = { 'content-type': 'application/json' };

async function post(body: string | Uint8Array, headers: Record<string, string> = JSON_TYPE) {
  const response = await fetch(`${door.url}/ingest`, { method: 'POST', body, headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Writes bytes by hand until the server has answered. */
async function raw(head: string, chunks: Iterable<Uint8Array> = []): Promise<string> {
  const { port, hostname } = new URL(door.url);
  const socket = connect({ port: Number(port), host: hostname });
  await once(socket, 'connect');
  let answer = '';
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const answered = new Promise<void>((resolve) => {
    socket.on('error', () => resolve());
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      resolve();
    });
    socket.on('end', resolve);
  });
  socket.write(head);
  for (const chunk of chunks) {
    if (answer !== '' || socket.destroyed) break;
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => {}), answered, gone]);
  }
  await Promise.race([answered, gone]);
  socket.destroy();
  return answer;
}

function values(topic: string): string[] {
  const reader = log.reader(topic, 0, offset(0));
  const target = new Uint8Array(64 * 1024 * 1024);
  const found: string[] = [];
  for (let bytes = reader.readInto(target); bytes > 0; bytes = reader.readInto(target)) {
    for (const batch of decodeRecordBatches(target.subarray(0, bytes))) {
      for (const { value } of batch.entries()) found.push(Buffer.from(value!).toString());
    }
  }
  reader.close();
  return found;
}

const letters = (): DeadLetter[] => values(DEAD_LETTER_TOPIC).map((value) => JSON.parse(value) as DeadLetter);
const lines = (count: number): string[] => Array.from({ length: count }, (_, n) => `{"n":${n}}`);

function* hundredMegabytes(): Generator<Uint8Array> {
  const megabyte = Buffer.alloc(1024 * 1024, 'x');
  for (let i = 0; i < 100; i++) yield Buffer.concat([Buffer.from('100000\r\n'), megabyte, Buffer.from('\r\n')]);
}

describe('hostile input', () => {
  it.each([
    ['a byte that is no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'utf8'],
    ['a byte that is no JSON', Buffer.from('\u0001'), 'malformed'],
  ])('in the middle of a batch, as %s, costs its own line and no other', async (_, byte, reason) => {
    const good = lines(1_000);
    const bad = Buffer.concat([Buffer.from('{"n":1,"x":'), byte, Buffer.from('}')]);
    const body = [...good.slice(0, 500).map((line) => Buffer.from(`${line}\n`)), bad, Buffer.from('\n')];
    for (const line of good.slice(500)) body.push(Buffer.from(`${line}\n`));
    const { status, body: answer } = await post(Buffer.concat(body), NDJSON);
    expect(status).toBe(200);
    expect(answer).toMatchObject({ accepted: 1_000, refused: 1, refusals: [{ line: 501, reason }] });
    expect(values('events')).toEqual(good);
    const [letter] = letters();
    expect(Buffer.from(letter?.base64 ?? Buffer.from(letter?.value ?? '').toString('base64'), 'base64')).toEqual(bad);
  });

  it('nested ten thousand levels deep is refused, whatever stands beside it', async () => {
    const deep = `{"n":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;
    const { body } = await post(`{"n":1}\n${deep}\n{"n":2}\n`, NDJSON);
    expect(body).toMatchObject({ accepted: 2, refused: 1, refusals: [{ line: 2, reason: 'depth' }] });
    expect(await post(deep)).toMatchObject({ status: 400, body: { code: 'INGEST_ALL_REFUSED' } });
    expect(values('events')).toEqual(['{"n":1}', '{"n":2}']);
  });

  it('of one line of 100 MB is refused by its length before it is sent', async () => {
    const head = 'POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n';
    expect(await raw(`${head}Content-Length: 104857600\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('of one line of 100 MB without a length is refused at the limit, and none of it is kept', async () => {
    const head = 'POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n';
    expect(await raw(`${head}Transfer-Encoding: chunked\r\n\r\n`, hundredMegabytes())).toMatch(/^HTTP\/1\.1 413 /);
    expect(values('events')).toEqual([]);
  });

  it('of a line over the limit for lines costs that line', async () => {
    const long = `{"n":1,"x":"${'x'.repeat(2 * 1024 * 1024)}"}`;
    const { body } = await post(`{"n":1}\n${long}\n{"n":2}\n`, NDJSON);
    expect(body).toMatchObject({ accepted: 2, refused: 1, refusals: [{ line: 2, reason: 'too_large' }] });
  });

  it('that expands ten thousand times is refused at the limit', async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(64 * 1024 * 1024)));
    const once = await post(gzipSync(Buffer.alloc(64 * 1024 * 1024)), { ...NDJSON, 'content-encoding': 'gzip' });
    expect(once).toMatchObject({ status: 413, body: { code: 'HTTP_BODY_TOO_LARGE' } });
    // Compressed twice, it is not JSON after one pass: nothing is decompressed again.
    expect(await post(bomb, { ...NDJSON, 'content-encoding': 'gzip' })).toMatchObject({ status: 400 });
  });

  it('broken off in the middle of a batch leaves nothing of the batch', async () => {
    const body = lines(1_000).join('\n');
    const head = `POST /ingest HTTP/1.1\r\nHost: localhost\r\n${'Content-Type: application/x-ndjson'}\r\n`;
    const { port, hostname } = new URL(door.url);
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    socket.end(`${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, -100)}`);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('HTTP_BODY_TRUNCATED');
    expect(values('events')).toEqual([]);
  });

  it('of many keys, long strings and numbers without end is only text', async () => {
    const keys = Array.from({ length: 5_000 }, (_, i) => `"k${i}":${'9'.repeat(50)}`).join(',');
    const { body } = await post(`{"n":1,${keys}}`);
    expect(body).toMatchObject({ accepted: 1 });
    const number = await post(`{"n":${'9'.repeat(100_000)}}`);
    expect([200, 400]).toContain(number.status);
  });
});
