import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { LatencyHistogram } from './latency.ts';

export interface ProbeOptions {
  readonly port: number;
  readonly topic: string;
  /** The live stream on which the effect is awaited: a view by `event_type`. */
  readonly stream: string;
  readonly everyMs: number;
}

export interface ProbeReport {
  /** From the intended send to the frame on the WebSocket. */
  readonly effectMs: ReturnType<LatencyHistogram['summary']>;
  /** From the intended send to the acknowledgement, after the fsync. */
  readonly ackMs: ReturnType<LatencyHistogram['summary']>;
  /** From the acknowledgement to the frame: engine, second commit, live stream. */
  readonly ackToEffectMs: ReturnType<LatencyHistogram['summary']>;
  readonly sent: number;
  readonly unseen: number;
}

/** Probes of one connection wait for each other's answers; several connections keep one from holding up the next. */
const CONNECTIONS = 16;
const LAST_FRAME_MS = 2_000;

interface Sent {
  readonly dueAt: number;
  ackedAt: number | undefined;
}

/** Its answers come in the order of its requests. */
interface Connection {
  readonly socket: Socket;
  readonly unanswered: Sent[];
}

/** Single events, each of an event type of its own, sent at fixed times; and the frame that each brings about. */
export class Probe {
  readonly #options: ProbeOptions;
  readonly #connections: Connection[] = [];
  readonly #waiting = new Map<string, Sent>();
  readonly #effect = new LatencyHistogram();
  readonly #ack = new LatencyHistogram();
  readonly #ackToEffect = new LatencyHistogram();
  readonly #run = Date.now().toString(36);
  #stream: WebSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #sent = 0;

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { port, stream, everyMs } = this.#options;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v2/stream/${stream}?snapshot=false`);
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    socket.on('message', (data) => this.#seen(data.toString()));
    this.#stream = socket;
    for (let i = 0; i < CONNECTIONS; i++) this.#connections.push(this.#connect());
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => this.#sendDue(), Math.min(everyMs, 2));
  }

  #connect(): Connection {
    const socket = connect(this.#options.port, '127.0.0.1');
    const unanswered: Sent[] = [];
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      const now = performance.now();
      for (const _ of chunk.toString('latin1').matchAll(/HTTP\/1\.1 200 /g)) {
        const sent = unanswered.shift();
        if (sent === undefined) continue;
        sent.ackedAt = now;
        this.#ack.record(now - sent.dueAt);
      }
    });
    return { socket, unanswered };
  }

  /** Everything that is due by now: a late timer makes no probe late in the books. */
  #sendDue(): void {
    const now = performance.now();
    for (;;) {
      const dueAt = this.#startedAt + this.#sent * this.#options.everyMs;
      if (dueAt > now) return;
      this.#send(`probe-${this.#run}-${this.#sent++}`, dueAt);
    }
  }

  #send(type: string, dueAt: number): void {
    const body = JSON.stringify({
      event_id: type.padStart(36, '0'),
      event_type: type,
      timestamp: new Date().toISOString(),
      user_id: 'probe',
      data: { amount: 1 },
      metadata: { source: 'probe', version: '1.0' },
    });
    const sent: Sent = { dueAt, ackedAt: undefined };
    this.#waiting.set(type, sent);
    const connection = this.#connections[this.#sent % CONNECTIONS] as Connection;
    connection.unanswered.push(sent);
    connection.socket.write(
      `POST /api/v2/ingest/${this.#options.topic} HTTP/1.1\r\nHost: 127.0.0.1:${this.#options.port}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  }

  #seen(frame: string): void {
    const now = performance.now();
    for (const match of frame.matchAll(/"event_type":"(probe-[a-z0-9]+-\d+)"/g)) {
      const sent = this.#waiting.get(match[1] ?? '');
      if (sent === undefined) continue;
      this.#waiting.delete(match[1] ?? '');
      this.#effect.record(now - sent.dueAt);
      if (sent.ackedAt !== undefined) this.#ackToEffect.record(now - sent.ackedAt);
    }
  }

  async stop(): Promise<ProbeReport> {
    clearInterval(this.#timer);
    const until = performance.now() + LAST_FRAME_MS;
    while (this.#waiting.size > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    this.#stream?.close();
    for (const { socket } of this.#connections) socket.destroy();
    return {
      effectMs: this.#effect.summary(),
      ackMs: this.#ack.summary(),
      ackToEffectMs: this.#ackToEffect.summary(),
      sent: this.#sent,
      unseen: this.#waiting.size,
    };
  }
}
