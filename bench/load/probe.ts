import { connect, type Socket } from 'node:net';
import { LatencyHistogram } from './latency.ts';
import { openSubscriber, type Subscriber } from './subscriber.ts';

export interface ProbeOptions {
  readonly port: number;
  readonly topic: string;
  /** The live stream on which the effect is awaited: a view by `event_type`. */
  readonly stream: string;
  readonly everyMs: number;
  /** How the stream is followed; a WebSocket by default. */
  readonly via?: Subscriber['via'];
  /** After each so many frames the row is read from the table as well. */
  readonly readEvery?: number;
}

export interface ProbeReport {
  /** From the intended send to the frame at the subscriber. */
  readonly effectMs: ReturnType<LatencyHistogram['summary']>;
  /** From the intended send to the acknowledgement, after the fsync. */
  readonly ackMs: ReturnType<LatencyHistogram['summary']>;
  /** From the acknowledgement to the frame: engine, second commit, live stream. */
  readonly ackToEffectMs: ReturnType<LatencyHistogram['summary']>;
  /** From the intended send to the answer of a read of the table that has the row. */
  readonly readMs: ReturnType<LatencyHistogram['summary']>;
  /** The longest time without a frame, beyond the time between two probes. */
  readonly longestPauseMs: number;
  readonly sent: number;
  readonly unseen: number;
}

/** Probes of one connection wait for each other's answers; several connections keep one from holding up the next. */
const CONNECTIONS = 16;
const LAST_FRAME_MS = 2_000;
const AWAKE_MS = 1.2;
const READ_TRIES_MAX = 100;

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
  readonly #read = new LatencyHistogram();
  readonly #run = Math.floor(performance.timeOrigin + performance.now() * 1000).toString(36);
  #stream: Subscriber | undefined;
  #frames = 0;
  #lastFrameAt = 0;
  #longestPauseMs = 0;
  #stopped = false;
  #startedAt = 0;
  #sent = 0;

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { port, stream } = this.#options;
    const { via = 'websocket' } = this.#options;
    this.#stream = await openSubscriber({ port, stream, via, onText: (text) => this.#seen(text) });
    for (let i = 0; i < CONNECTIONS; i++) this.#connections.push(this.#connect());
    this.#startedAt = performance.now();
    this.#arm();
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

  #nextDueAt(): number {
    return this.#startedAt + this.#sent * this.#options.everyMs;
  }

  /** A timer is late by up to a millisecond, which is much of what is measured: the rest of the time is waited for awake. */
  #arm(): void {
    if (this.#stopped) return;
    const wait = this.#nextDueAt() - performance.now();
    if (wait > AWAKE_MS) {
      setTimeout(() => this.#arm(), wait - AWAKE_MS);
      return;
    }
    this.#sendDue();
    setImmediate(() => this.#arm());
  }

  /** Everything that is due by now: a late timer makes no probe late in the books. */
  #sendDue(): void {
    const now = performance.now();
    for (;;) {
      const dueAt = this.#nextDueAt();
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
      this.#frameCame(now);
      if (sent.ackedAt !== undefined) this.#ackToEffect.record(now - sent.ackedAt);
      const { readEvery } = this.#options;
      if (readEvery !== undefined && this.#frames % readEvery === 0) void this.#readRow(match[1] ?? '', frame, sent);
    }
  }

  #frameCame(now: number): void {
    const pauseMs = now - this.#lastFrameAt - this.#options.everyMs;
    if (this.#frames++ > 0 && pauseMs > this.#longestPauseMs) this.#longestPauseMs = pauseMs;
    this.#lastFrameAt = now;
  }

  /** Frames carry the key by which the table is read. */
  async #readRow(type: string, frame: string, { dueAt }: Sent): Promise<void> {
    const { port, stream } = this.#options;
    const key = keyOf(frame, type);
    const url = `http://127.0.0.1:${port}/api/v2/tables/${stream}?key=${encodeURIComponent(key)}`;
    for (let tries = 0; tries < READ_TRIES_MAX; tries++) {
      const response = await fetch(url);
      const text = await response.text();
      if (!response.ok || !text.includes(type)) continue;
      this.#read.record(performance.now() - dueAt);
      return;
    }
  }

  async stop(): Promise<ProbeReport> {
    this.#stopped = true;
    const until = performance.now() + LAST_FRAME_MS;
    while (this.#waiting.size > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    this.#stream?.close();
    for (const { socket } of this.#connections) socket.destroy();
    return {
      effectMs: this.#effect.summary(),
      ackMs: this.#ack.summary(),
      ackToEffectMs: this.#ackToEffect.summary(),
      readMs: this.#read.summary(),
      longestPauseMs: Math.round(this.#longestPauseMs * 10) / 10,
      sent: this.#sent,
      unseen: this.#waiting.size,
    };
  }
}

/** The key of the row that speaks of this event type. */
function keyOf(text: string, type: string): string {
  for (const line of text.split('\n')) {
    if (!line.includes(type)) continue;
    const frame = JSON.parse(line.replace(/^data: ?/, '')) as { readonly key: string };
    return frame.key;
  }
  throw new Error(`reading frames: there is none of ${type}`);
}
