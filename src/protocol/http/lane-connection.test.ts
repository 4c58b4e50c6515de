import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LaneConnection, type LaneOwner, type LaneRequest } from './lane-connection.ts';
import { readLaneHead } from './lane-head.ts';
import { IDLE_SOCKET_TIMEOUT_MS, KEEP_ALIVE_TIMEOUT_MS, LANE_PATIENCE_MS } from './limit.ts';
import type { HeldBody } from './request-body.ts';

const HEAD = 'POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
const request = (body: string) => `${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`;

/** Owns one connection, answers every body with itself, and remembers what happened. */
class TestOwner implements LaneOwner<LaneRequest> {
  readonly bodies: string[] = [];
  readonly handedOver: Socket[] = [];
  held = 0;
  room = Number.POSITIVE_INFINITY;
  timeMs = 0;
  wasClosed = false;
  reply = (body: string) => `<${body}>`;

  read = readLaneHead;
  admit = (head: LaneRequest['head']) => ({ head, topic: 'events' });
  nowMs = () => this.timeMs;
  truncated = () => 'truncated';

  hold(bytes: number): boolean {
    if (this.held + bytes > this.room) return false;
    this.held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.held -= bytes;
  }

  async answer(_: LaneRequest, body: HeldBody): Promise<string> {
    this.bodies.push(Buffer.from(body.whole()).toString());
    return this.reply(this.bodies.at(-1)!);
  }

  handOver(socket: Socket): void {
    this.handedOver.push(socket);
  }

  closed(): void {
    this.wasClosed = true;
  }
}

let server: Server;
let client: Socket;
let accepted: Socket;
let owner: TestOwner;
let connection: LaneConnection<LaneRequest>;

beforeEach(async () => {
  owner = new TestOwner();
  server = createServer({ allowHalfOpen: true });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const arrival = once(server, 'connection');
  client = connect(port, '127.0.0.1');
  [accepted] = (await arrival) as [Socket];
  connection = new LaneConnection(owner, accepted);
});

afterEach(() => {
  client.destroy();
  accepted.destroy();
  server.close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('a slow client', () => {
  it('that sends nothing at all is handed to the server that times requests', () => {
    connection.sweep(LANE_PATIENCE_MS - 1);
    expect(owner.handedOver).toHaveLength(0);
    connection.sweep(LANE_PATIENCE_MS);
    expect(owner.handedOver).toEqual([accepted]);
    expect(owner.wasClosed).toBe(true);
  });

  it('that sends its body drop by drop is handed over with all that came, and holds no memory of the lane', async () => {
    const text = request('"slow"');
    client.write(text.slice(0, -4));
    await until(() => owner.held > 0);
    owner.timeMs = LANE_PATIENCE_MS / 2;
    client.write(text.at(-4)!);
    await until(() => owner.held === 3);
    connection.sweep(LANE_PATIENCE_MS);
    expect(owner.handedOver).toEqual([accepted]);
    expect(owner.held).toBe(0);
    const [chunk] = (await once(accepted, 'data')) as [Buffer];
    expect(chunk.toString()).toBe(text.slice(0, -3));
  });

  it('that keeps its connection without using it is let go', async () => {
    client.write(request('1'));
    await once(client, 'data');
    connection.sweep(KEEP_ALIVE_TIMEOUT_MS - 1);
    expect(accepted.destroyed).toBe(false);
    connection.sweep(KEEP_ALIVE_TIMEOUT_MS);
    expect(accepted.destroyed).toBe(true);
  });

  it('that reads no answers is read from no more, and goes on when it reads again', async () => {
    const large = 'x'.repeat(1024 * 1024);
    owner.reply = () => large;
    const count = 64;
    client.pause();
    client.write(request('1').repeat(count));
    await until(() => accepted.writableNeedDrain);
    const answered = owner.bodies.length;
    expect(answered).toBeLessThan(count);
    expect(accepted.timeout).toBe(IDLE_SOCKET_TIMEOUT_MS);
    let bytes = 0;
    client.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    client.resume();
    await until(() => bytes === count * large.length);
    expect(owner.bodies).toHaveLength(count);
    expect(accepted.timeout).toBe(0);
  });
});

describe('a body without room', () => {
  it('makes its connection the full server’s, which says so', async () => {
    owner.room = 4;
    client.write(request('"more than four"'));
    await until(() => owner.handedOver.length > 0);
    expect([owner.held, owner.bodies]).toEqual([0, []]);
  });
});
