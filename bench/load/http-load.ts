/**
 * A load generator over plain sockets, for one process of its own: HTTP/1.1 with keep-alive, one request in flight per
 * connection. Without a rate it sends as fast as answers come; with one, each request has an intended send time and its
 * latency counts from that (no coordinated omission).
 *
 * Arguments: one JSON object ({@link LoadOptions}); prints one JSON object ({@link LoadReport}).
 */
import { connect, type Socket } from 'node:net';
import { createEventBody, type EventBody } from './event-body.ts';
import { LatencyHistogram } from './latency.ts';

export interface LoadOptions {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  readonly eventsPerBody: number;
  readonly seconds: number;
  /** Answers in the first seconds are not counted. */
  readonly warmupSeconds: number;
  /** Undefined: as fast as it goes. */
  readonly eventsPerSecond?: number;
  /** Ids start here, so that two runs do not repeat each other. */
  readonly firstEvent: number;
}

export interface LoadReport {
  readonly events: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly latencyMs: ReturnType<LatencyHistogram['summary']>;
  readonly failures: number;
  readonly firstFailure: string | undefined;
  readonly refusedBusy: number;
  /** The same from the intended send to a refusal (429). */
  readonly refusedMs: ReturnType<LatencyHistogram['summary']>;
  /** Refusals that do not say when to come back. */
  readonly refusedWithoutRetryAfter: number;
  /** Events acknowledged in all, the warm-up included. */
  readonly accepted: number;
  /** Events sent in all, the warm-up included. */
  readonly sent: number;
  /** CPU seconds of this process per second of the run. */
  readonly generatorCores: number;
}

class Load {
  readonly #options: LoadOptions;
  readonly #histogram = new LatencyHistogram();
  #nextEvent: number;
  #nextRequest = 0;
  #startedAt = 0;
  #events = 0;
  #bytes = 0;
  #failures = 0;
  #firstFailure: string | undefined;
  #busy = 0;
  readonly #refused = new LatencyHistogram();
  #withoutRetryAfter = 0;
  #accepted = 0;
  #open = 0;
  #cpuAtStart = process.cpuUsage();
  #done: () => void = () => {};

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#nextEvent = options.firstEvent;
  }

  async run(): Promise<LoadReport> {
    const finished = new Promise<void>((resolve) => {
      this.#done = resolve;
    });
    const begins = Array.from({ length: this.#options.connections }, (_, i) => this.#connection(i));
    const sends = await Promise.all(begins);
    // Only now: what making bodies and connections takes would count as latency of the first requests.
    this.#startedAt = performance.now();
    this.#cpuAtStart = process.cpuUsage();
    for (const send of sends) send();
    await finished;
    const seconds = (performance.now() - this.#startedAt) / 1000 - this.#options.warmupSeconds;
    return {
      events: this.#events,
      bytes: this.#bytes,
      seconds,
      eventsPerSecond: Math.round(this.#events / seconds),
      latencyMs: this.#histogram.summary(),
      failures: this.#failures,
      firstFailure: this.#firstFailure,
      refusedBusy: this.#busy,
      refusedMs: this.#refused.summary(),
      refusedWithoutRetryAfter: this.#withoutRetryAfter,
      accepted: this.#accepted,
      sent: this.#nextEvent - this.#options.firstEvent,
      generatorCores: this.#cores(),
    };
  }

  #cores(): number {
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    return Math.round((user + system) / (performance.now() - this.#startedAt) / 10) / 100;
  }

  /** A connection that is made; begins to send when it is called. */
  #connection(index: number): Promise<() => void> {
    const body = createEventBody(this.#options.eventsPerBody, index + 1);
    const socket = connect(this.#options.port, '127.0.0.1');
    socket.setNoDelay(true);
    this.#open++;
    const head = Buffer.from(
      `POST ${this.#options.path} HTTP/1.1\r\nHost: 127.0.0.1:${this.#options.port}\r\n` +
        `Content-Type: application/x-ndjson\r\nContent-Length: ${body.bytes.length}\r\n\r\n`,
    );
    let dueAt = 0;
    const send = () => {
      const due = this.#dueTime();
      if (due === undefined) {
        socket.end();
        return;
      }
      const wait = due - performance.now();
      if (wait > 0.5) setTimeout(() => this.#send(socket, head, body), wait);
      else this.#send(socket, head, body);
      dueAt = due;
    };
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!answerIsWhole(text)) return;
      this.#answered(text, dueAt, body);
      text = '';
      send();
    });
    const made = new Promise<() => void>((resolve) => {
      socket.on('connect', () => resolve(send));
      socket.on('close', () => resolve(() => {}));
    });
    socket.on('error', (error) => {
      this.#failures++;
      this.#firstFailure ??= error.message;
    });
    socket.on('close', () => {
      this.#open--;
      if (this.#open === 0) this.#done();
    });
    return made;
  }

  /** When the next request is to be sent, or undefined when time is up. */
  #dueTime(): number | undefined {
    const now = performance.now();
    const { eventsPerSecond, eventsPerBody, seconds, warmupSeconds } = this.#options;
    const due =
      eventsPerSecond === undefined
        ? now
        : this.#startedAt + (this.#nextRequest++ * eventsPerBody * 1000) / eventsPerSecond;
    return due > this.#startedAt + (seconds + warmupSeconds) * 1000 ? undefined : due;
  }

  #send(socket: Socket, head: Buffer, body: EventBody): void {
    body.patch(this.#nextEvent, Date.now());
    this.#nextEvent += body.events;
    socket.cork();
    socket.write(head);
    socket.write(body.bytes);
    socket.uncork();
  }

  #answered(text: string, dueAt: number, body: EventBody): void {
    const status = text.slice(9, 12);
    if (status === '200') this.#accepted += body.events;
    if (performance.now() - this.#startedAt < this.#options.warmupSeconds * 1000) return;
    if (status === '429') {
      this.#busy++;
      this.#refused.record(performance.now() - dueAt);
      if (!/\r\nretry-after: *\d/i.test(text)) this.#withoutRetryAfter++;
    } else if (status !== '200') {
      this.#failures++;
      this.#firstFailure ??= text.slice(0, 400);
    } else {
      this.#events += body.events;
      this.#bytes += body.bytes.length;
      this.#histogram.record(performance.now() - dueAt);
    }
  }
}

function answerIsWhole(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const length = /content-length: *(\d+)/i.exec(text.slice(0, headEnd));
  if (length !== null) return text.length >= headEnd + 4 + Number(length[1]);
  return text.endsWith('0\r\n\r\n');
}

const options: LoadOptions = JSON.parse(process.argv[2] ?? '{}');
console.log(JSON.stringify(await new Load(options).run()));
