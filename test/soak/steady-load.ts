/** Events at a steady rate over connections that are kept, with the latency of each request from its intended send. */
import { Agent, request as httpRequest } from 'node:http';
import { createEventBody } from '../../bench/load/event-body.ts';
import { LatencyHistogram } from '../../bench/load/latency.ts';

const EVENTS_PER_REQUEST = 50;
const CONNECTIONS = 16;
const TICK_MS = 5;

export class SteadyLoad {
  accepted = 0;
  refused = 0;
  failed = 0;
  readonly #port: number;
  readonly #everyMs: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly #body = createEventBody(EVENTS_PER_REQUEST, 1);
  #latency = new LatencyHistogram();
  #sent = 0;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(port: number, eventsPerSecond: number) {
    this.#port = port;
    this.#everyMs = (EVENTS_PER_REQUEST * 1_000) / eventsPerSecond;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => {
      for (;;) {
        const dueAt = this.#startedAt + this.#sent * this.#everyMs;
        if (dueAt > performance.now()) return;
        this.#send(dueAt);
      }
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#agent.destroy();
  }

  /** Latency since it was last asked for. */
  takeLatency(): { readonly p50: number; readonly p99: number } {
    const { p50, p99 } = this.#latency.summary();
    this.#latency = new LatencyHistogram();
    return { p50, p99 };
  }

  #send(dueAt: number): void {
    this.#body.patch(1 + this.#sent++ * EVENTS_PER_REQUEST, Date.now());
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port: this.#port,
        path: '/api/v2/ingest/events',
        method: 'POST',
        agent: this.#agent,
        headers: { 'content-type': 'application/x-ndjson', 'content-length': this.#body.bytes.length },
      },
      (response) => {
        response.resume();
        response.on('end', () => {
          if (response.statusCode === 200) this.accepted += EVENTS_PER_REQUEST;
          else if (response.statusCode === 429) this.refused++;
          else this.failed++;
          this.#latency.record(performance.now() - dueAt);
        });
      },
    );
    request.on('error', () => this.failed++);
    request.end(Buffer.from(this.#body.bytes));
  }
}
