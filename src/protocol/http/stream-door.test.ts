import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { LiveFrame } from '../../serving/serving.ts';
import { openTestDoor, type TestDoor } from './door.fixture.ts';

let door: TestDoor;
afterEach(() => door.close());

/** Reads server-sent events until `count` messages have come. */
async function events(path: string, count: number, headers: Record<string, string> = {}) {
  const abort = new AbortController();
  const response = await fetch(door.url + path, { headers, signal: abort.signal });
  const found: { id: string | undefined; event: string | undefined; data: unknown }[] = [];
  if (response.status !== 200) return { status: response.status, found, problem: await response.json() };
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) {
      const field = (name: string) =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      const data = field('data');
      if (data !== undefined) found.push({ id: field('id'), event: field('event'), data: JSON.parse(data) });
    }
    if (found.length >= count) break;
  }
  abort.abort();
  return { status: 200, found, problem: undefined };
}

/** Passes frames on, and says when nobody takes them any more. */
async function* endingWith<T>(stream: AsyncIterable<T>, ended: () => void): AsyncIterable<T> {
  try {
    yield* stream;
  } finally {
    ended();
  }
}

const frames = (found: readonly { data: unknown }[]) => found.map(({ data }) => data as LiveFrame);

describe('live stream over server-sent events', () => {
  it('sends the snapshot, then that it is caught up, with the offset as id', async () => {
    door = await openTestDoor();
    door.log.put('pages', [['["/a"]', { page: '/a', hits: 1 }]]);
    const { found } = await events('/api/v2/stream/pages', 2);
    expect(frames(found).map(({ op, row }) => [op, row])).toEqual([
      ['snapshot', { page: '/a', hits: 1 }],
      ['caught-up', null],
    ]);
    expect(found.map(({ id }) => id)).toEqual([undefined, '0:1']);
  });

  it.each(['header', 'query'])('goes on after the offset in the %s', async (where) => {
    door = await openTestDoor();
    door.log.put('pages', [
      ['["/a"]', { page: '/a', hits: 1 }],
      ['["/a"]', { page: '/a', hits: 2 }],
    ]);
    const { found } =
      where === 'header'
        ? await events('/api/v2/stream/pages', 1, { 'last-event-id': '0:1' })
        : await events('/api/v2/stream/pages?offset=0:1', 1);
    expect(frames(found)[0]).toMatchObject({ op: 'upsert', row: { hits: 2 }, offset: '0:2' });
  });

  it('answers 410 for an offset past retention, 404 for an unknown stream, 400 for nonsense', async () => {
    door = await openTestDoor();
    door.log.put('requests', [
      [null, '1'],
      [null, '2'],
    ]);
    door.log.put('requests', [[null, '3']]);
    door.log.cut('requests', 2);
    expect(await events('/api/v2/stream/requests?offset=0:1', 1)).toMatchObject({ status: 410 });
    expect(await events('/api/v2/stream/page', 1)).toMatchObject({
      status: 404,
      problem: { next: 'did you mean "pages"?' },
    });
    expect(await events('/api/v2/stream/requests?offset=abc', 1)).toMatchObject({ status: 400 });
  });

  it.each([
    ['0:1', 'is past retention'],
    ['0:9', 'does not exist'],
  ])('tells an EventSource whose offset %s is gone so, and makes it forget the offset', async (id, why) => {
    door = await openTestDoor();
    door.log.put('requests', [
      [null, '1'],
      [null, '2'],
    ]);
    door.log.put('requests', [[null, '3']]);
    door.log.cut('requests', 2);
    const { hostname, port } = new URL(door.url);
    const socket = connect(Number(port), hostname);
    const head = ['GET /api/v2/stream/requests HTTP/1.1', 'Host: localhost', 'Accept: text/event-stream'];
    socket.write(`${head.join('\r\n')}\r\nLast-Event-ID: ${id}\r\n\r\n`);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    const data = /event: error\nid:\ndata: (.*)\n\n/.exec(text)?.[1];
    expect(JSON.parse(data!)).toMatchObject({
      status: 410,
      code: 'SERVING_OFFSET_GONE',
      detail: expect.stringContaining(why) as string,
      next: 'open the stream without an offset to begin with a snapshot',
    });
  });

  it('refuses more streams than the limit', async () => {
    door = await openTestDoor({ limits: { streamsMax: 0 } });
    expect(await events('/api/v2/stream/pages', 1)).toMatchObject({ status: 429 });
  });

  it('sends heartbeats while nothing happens', async () => {
    door = await openTestDoor({ limits: { heartbeatMs: 5 } });
    const { hostname, port } = new URL(door.url);
    const socket = connect(Number(port), hostname);
    socket.write('GET /api/v2/stream/pages HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let text = '';
    for await (const chunk of socket) {
      text += String(chunk);
      if (text.includes(': heartbeat')) break;
    }
    expect(text).toContain('text/event-stream');
  });

  it('lets a client that stops reading go, with the offset to resume from', async () => {
    let stopped = (): void => {};
    const letGo = new Promise<void>((resolve) => {
      stopped = resolve;
    });
    door = await openTestDoor({ limits: { slowClientMs: 20 } }, (services) => ({
      ...services,
      live: {
        async open(request) {
          return endingWith(await services.live.open(request), stopped);
        },
      },
    }));
    const { hostname, port } = new URL(door.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.pause();
    socket.write('GET /api/v2/stream/requests HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const row = { text: 'x'.repeat(100_000) };
    // More than the socket's buffers on both sides hold.
    for (let i = 0; i < 600; i++) door.log.put('requests', [[null, row]]);
    await letGo;
    let tail = '';
    for await (const chunk of socket) tail = (tail + String(chunk)).slice(-2_000);
    expect(tail).toMatch(/event: error\nid: 0:\d+\ndata: .*HTTP_SLOW_CLIENT.*resume from offset 0:\d+/);
  });

  it('ends when the server stops', async () => {
    door = await openTestDoor();
    const response = await fetch(`${door.url}/api/v2/stream/pages`);
    const reader = response.body!.getReader();
    await reader.read();
    const closing = door.close();
    while (!(await reader.read()).done);
    await closing;
    door = await openTestDoor();
  });
});

describe('live stream over WebSocket', () => {
  function open(path: string, protocols: string[] = [], origin?: string): WebSocket {
    return new WebSocket(door.url.replace('http', 'ws') + path, protocols, origin === undefined ? {} : { origin });
  }

  it('sends one message a frame, and goes on with changes', async () => {
    door = await openTestDoor();
    door.log.put('pages', [['["/a"]', { page: '/a', hits: 1 }]]);
    const socket = open('/api/v2/stream/pages', ['headrace']);
    const received: LiveFrame[] = [];
    socket.on('message', (data) => {
      received.push(JSON.parse(String(data)) as LiveFrame);
      if (received.length === 2) door.log.put('pages', [['["/a"]', null]]);
      if (received.length === 3) socket.close();
    });
    await once(socket, 'close');
    expect(received.map(({ op, key, offset }) => [op, key, offset])).toEqual([
      ['snapshot', '["/a"]', ''],
      ['caught-up', null, '0:1'],
      ['delete', '["/a"]', '0:2'],
    ]);
    expect(socket.protocol).toBe('headrace');
  });

  it('goes on after the offset that it is given', async () => {
    door = await openTestDoor();
    for (const hits of [1, 2, 3]) door.log.put('pages', [['["/a"]', { page: '/a', hits }]]);
    const socket = open('/api/v2/stream/pages?offset=0:1');
    const received: LiveFrame[] = [];
    socket.on('message', (data) => {
      received.push(JSON.parse(String(data)) as LiveFrame);
      if (received.at(-1)?.op === 'caught-up') socket.close();
    });
    await once(socket, 'close');
    expect(received.map(({ op, row, offset }) => [op, row?.hits, offset])).toEqual([
      ['upsert', 2, '0:2'],
      ['upsert', 3, '0:3'],
      ['caught-up', undefined, '0:3'],
    ]);
  });

  it('lets a client that stops reading go, with the offset to resume from', async () => {
    let stopped = (): void => {};
    const letGo = new Promise<void>((resolve) => {
      stopped = resolve;
    });
    door = await openTestDoor({ limits: { slowClientMs: 20 } }, (services) => ({
      ...services,
      live: { open: async (request) => endingWith(await services.live.open(request), stopped) },
    }));
    const socket = open('/api/v2/stream/requests');
    await once(socket, 'message');
    socket.pause();
    const row = { text: 'x'.repeat(100_000) };
    for (let i = 0; i < 600; i++) door.log.put('requests', [[null, row]]);
    await letGo;
    let last = '';
    socket.on('message', (data) => {
      last = (JSON.parse(String(data)) as LiveFrame).offset;
    });
    socket.resume();
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, String(reason)]).toEqual([1013, `HTTP_SLOW_CLIENT; resume from ${last}`]);
  });

  it.each([
    ['/api/v2/stream/none', undefined, 404],
    ['/api/v2/topics', undefined, 405],
    ['/api/v2/stream/pages', 'https://evil.example', 403],
  ])('refuses %s from %s with status %d', async (path, origin, status) => {
    door = await openTestDoor();
    const socket = open(path, [], origin);
    const [, response] = (await once(socket, 'unexpected-response')) as [
      unknown,
      { statusCode: number; resume(): void },
    ];
    expect(response.statusCode).toBe(status);
    response.resume();
    socket.on('error', () => {});
    socket.terminate();
  });

  it('closes with 1008 when the offset is gone', async () => {
    door = await openTestDoor();
    const socket = open('/api/v2/stream/requests?offset=0:9');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, String(reason)]).toEqual([1008, 'SERVING_OFFSET_GONE']);
  });

  it('closes with 1001 when the server stops', async () => {
    door = await openTestDoor();
    const socket = open('/api/v2/stream/pages');
    await once(socket, 'message');
    const closed = once(socket, 'close');
    await door.close();
    expect((await closed)[0]).toBe(1001);
    door = await openTestDoor();
  });

  it('closes with 1009 when a client sends more than it may', async () => {
    door = await openTestDoor();
    const socket = open('/api/v2/stream/pages');
    await once(socket, 'open');
    socket.send('x'.repeat(10_000));
    expect((await once(socket, 'close'))[0]).toBe(1009);
  });
});
