import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ingestResult, openTestDoor, type TestDoor } from './door.fixture.ts';
import { readLaneHead } from './lane-head.ts';

let door: TestDoor;
afterEach(() => door?.close());

const HEAD = 'POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json';
const request = (body: string, more = '') => `${HEAD}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;

async function connected(): Promise<Socket> {
  const { port, hostname } = new URL(door.url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  socket.setNoDelay(true);
  await once(socket, 'connect');
  return socket;
}

/** Sends the pieces one after another, ends, and gives back all that was answered. */
async function exchange(pieces: readonly string[]): Promise<string> {
  const socket = await connected();
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString();
  });
  const ended = once(socket, 'end');
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(piece, resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  await ended;
  socket.destroy();
  return answer;
}

const statuses = (answer: string): string[] => [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1]!);
const bodies = (): string[] => door.ingest.requests.map(({ body }) => Buffer.from(body).toString());

describe('a head for the express lane', () => {
  const head = (lines: string) => readLaneHead(`POST /api/v2/ingest/orders HTTP/1.1\r\nHost: a\r\n${lines}`);
  const plain = 'Content-Type: application/json\r\nContent-Length: 12';

  it('is read', () => {
    expect(head(`${plain}\r\nAuthorization: Bearer x\r\nIdempotency-Key:  k \r\nX-Any: thing`)).toEqual({
      topic: 'orders',
      format: 'json',
      contentLength: 12,
      host: 'a',
      authorization: 'Bearer x',
      idempotencyKey: 'k',
    });
  });

  it.each([
    ['a field twice', `${plain}\r\ncontent-length: 12`],
    ['a signed length', 'Content-Type: application/json\r\nContent-Length: +12'],
    ['a length with a leading zero', 'Content-Type: application/json\r\nContent-Length: 012'],
    ['a list of lengths', 'Content-Type: application/json\r\nContent-Length: 12, 12'],
    ['a chunked body', `${plain}\r\nTransfer-Encoding: chunked`],
    ['a compressed body', `${plain}\r\nContent-Encoding: gzip`],
    ['a client that waits', `${plain}\r\nExpect: 100-continue`],
    ['an upgrade', `${plain}\r\nUpgrade: websocket`],
    ['a connection to be closed', `${plain}\r\nConnection: close`],
    ['a page elsewhere', `${plain}\r\nOrigin: http://elsewhere.example`],
    ['a folded line', `${plain}\r\nX-A: b\r\n c`],
    ['white space before the colon', 'Content-Type: application/json\r\nContent-Length : 12'],
    ['a bare line feed', `${plain}\r\nX-A: b\nX-B: c`],
    ['a bare carriage return', `${plain}\r\nX-A: b\rX-B: c`],
    ['a control character', `${plain}\r\nX-A: \0`],
    ['no length', 'Content-Type: application/json'],
    ['another media type', 'Content-Type: text/plain\r\nContent-Length: 12'],
  ])('is the full server’s with %s', (_, lines) => {
    expect(head(lines)).toBeUndefined();
  });

  it.each([
    'GET /ingest HTTP/1.1',
    'POST /ingest?topic=a HTTP/1.1',
    'POST /ingest HTTP/1.0',
    'POST  /ingest HTTP/1.1',
    'POST http://a/ingest HTTP/1.1',
    'POST /api/v2/ingest/a%20b HTTP/1.1',
    'POST /api/v2/query HTTP/1.1',
  ])('is the full server’s when its first line is "%s"', (line) => {
    expect(readLaneHead(`${line}\r\nHost: a\r\n${plain}`)).toBeUndefined();
  });
});

describe('a connection on the express lane', () => {
  it('answers requests that follow each other without waiting, in their order', async () => {
    door = await openTestDoor();
    const waiting: (() => void)[] = [];
    door.ingest.answer = (given) =>
      new Promise((resolve) => waiting.push(() => resolve(ingestResult(given.topic, 1, 0))));
    const answered = exchange([request('"a"') + request('"b"') + request('"c"')]);
    for (const body of ['"a"', '"b"', '"c"']) {
      while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(bodies().at(-1)).toBe(body);
      waiting.shift()!();
    }
    expect(statuses(await answered)).toEqual(['200', '200', '200']);
  });

  it('says what the full server says', async () => {
    door = await openTestDoor();
    const [lane, full] = [await exchange([request('{}')]), await exchange([request('{}', 'TE: trailers\r\n')])];
    const shape = (answer: string) =>
      answer
        .toLowerCase()
        .split('\r\n')
        .map((line) => line.replace(/^date: .*/, 'date'))
        .filter((line) => !line.startsWith('connection') && !line.startsWith('keep-alive'))
        .sort();
    expect(shape(lane)).toEqual(shape(full));
  });

  it('becomes the full server’s with the first request that is not plain, and nothing of it is lost', async () => {
    door = await openTestDoor();
    const chunked = `${HEAD}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n"b"\r\n0\r\n\r\n`;
    const answer = await exchange([
      `${request('"a"') + chunked + request('"c"')}GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    ]);
    expect(statuses(answer)).toEqual(['200', '200', '200', '200']);
    expect(bodies()).toEqual(['"a"', '"b"', '"c"']);
  });

  it('refuses two lengths as the full server does', async () => {
    door = await openTestDoor();
    const answer = await exchange([`${HEAD}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"ab"`]);
    expect(statuses(answer)).toEqual(['400']);
    expect(door.ingest.requests).toEqual([]);
  });

  it('answers a refused token and an unknown topic', async () => {
    door = await openTestDoor();
    const unknown = request('{}').replace('/ingest', '/api/v2/ingest/orders');
    const answer = await exchange([unknown + request('{}', 'Authorization: Bearer wrong\r\n') + request('{}')]);
    expect(statuses(answer)).toEqual(['404', '401', '200']);
  });

  it('says that a body was broken off', async () => {
    door = await openTestDoor();
    const answer = await exchange([request('{"a":1}').slice(0, -3)]);
    expect(statuses(answer)).toEqual(['400']);
    expect(answer).toContain('HTTP_BODY_TRUNCATED');
    expect(door.ingest.requests).toEqual([]);
  });

  it('gives the same answers wherever the stream is cut into pieces', async () => {
    door = await openTestDoor();
    const kinds = [
      (text: string) => request(text),
      (text: string) => request(text, 'X-More: yes\r\n'),
      (text: string) =>
        `${HEAD}\r\nTransfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`,
    ];
    const stream = fc.array(fc.tuple(fc.nat(2), fc.stringMatching(/^"[a-z]{0,200}"$/)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(stream, fc.array(fc.nat(1_000), { maxLength: 6 }), async (requests, cuts) => {
        door.ingest.requests.length = 0;
        const text = requests.map(([kind, body]) => kinds[kind]!(body)).join('');
        const places = [...new Set([0, ...cuts.map((cut) => cut % text.length), text.length])].sort((a, b) => a - b);
        const pieces = places.slice(1).map((to, i) => text.slice(places[i], to));
        expect(statuses(await exchange(pieces))).toEqual(requests.map(() => '200'));
        expect(bodies()).toEqual(requests.map(([, body]) => body));
      }),
      { numRuns: 40 },
    );
  });

  it('ends with the door, after the answer that is under way', async () => {
    door = await openTestDoor();
    let finish = (): void => {};
    door.ingest.answer = (given) =>
      new Promise((resolve) => {
        finish = () => resolve(ingestResult(given.topic, 1, 0));
      });
    const idle = await connected();
    const idleEnded = once(idle.resume(), 'end');
    const busy = await connected();
    busy.write(request('{}'));
    while (door.ingest.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = door.close();
    finish();
    const [chunk] = (await once(busy, 'data')) as [Buffer];
    expect(statuses(chunk.toString())).toEqual(['200']);
    busy.end();
    idle.end();
    await idleEnded;
    await closed;
  });
});
