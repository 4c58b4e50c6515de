/** What comes and goes while the process runs: connections, subscribers, questions, and edits of a pipeline. */
import { rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { openSubscriber, type Subscriber } from '../../bench/load/subscriber.ts';

const SUBSCRIBERS_MAX = 12;
const VIEWS = ['by_type', 'session_sizes'];
const SHORT_EVERY_MS = 100;
const SUBSCRIBE_EVERY_MS = 300;
const ASK_EVERY_MS = 500;

/** Versions of a pipeline that is created, changed and dropped, in turn. */
const EDITS: readonly (string | undefined)[] = [
  "SELECT event_type, count(*) AS events FROM events WHERE event_type = 'purchase' GROUP BY event_type",
  "SELECT event_type, count(*) AS events FROM events WHERE event_type <> 'search' GROUP BY event_type",
  'SELECT source, count(*) AS events, sum(amount) AS amount FROM events GROUP BY source',
  undefined,
];

export interface ChurnCounts {
  connections: number;
  subscribers: number;
  frames: number;
  queries: number;
  edits: number;
  failures: number;
  firstFailure: string | undefined;
}

export class Churn {
  readonly counts: ChurnCounts = {
    connections: 0,
    subscribers: 0,
    frames: 0,
    queries: 0,
    edits: 0,
    failures: 0,
    firstFailure: undefined,
  };
  readonly #url: string;
  readonly #port: number;
  readonly #project: string;
  readonly #source: string;
  readonly #random: () => number;
  readonly #editEveryMs: number;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #subscribers: Subscriber[] = [];

  constructor(options: {
    url: string;
    port: number;
    project: string;
    source: string;
    random: () => number;
    editEveryMs: number;
  }) {
    this.#editEveryMs = options.editEveryMs;
    this.#url = options.url;
    this.#port = options.port;
    this.#project = options.project;
    this.#source = options.source;
    this.#random = options.random;
  }

  start(): void {
    this.#every(SHORT_EVERY_MS, () => this.#shortConnection());
    this.#every(SUBSCRIBE_EVERY_MS, () => this.#subscribe());
    this.#every(ASK_EVERY_MS, () => this.#ask());
    this.#every(this.#editEveryMs, () => this.#edit());
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const subscriber of this.#subscribers.splice(0)) subscriber.close();
  }

  #every(ms: number, act: () => Promise<void> | void): void {
    this.#timers.push(
      setInterval(async () => {
        try {
          await act();
        } catch (error) {
          this.counts.failures++;
          this.counts.firstFailure ??= String(error);
        }
      }, ms),
    );
  }

  /** A client without keep-alive. */
  #shortConnection(): Promise<void> {
    this.counts.connections++;
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        { host: '127.0.0.1', port: this.#port, path: '/health/ready', agent: false },
        (response) => response.resume().on('end', resolve),
      );
      request.on('error', reject);
      request.end();
    });
  }

  async #subscribe(): Promise<void> {
    while (this.#subscribers.length >= SUBSCRIBERS_MAX) {
      const [gone] = this.#subscribers.splice(Math.floor(this.#random() * this.#subscribers.length), 1);
      gone?.close();
    }
    this.counts.subscribers++;
    const subscriber = await openSubscriber({
      port: this.#port,
      stream: VIEWS[this.counts.subscribers % VIEWS.length]!,
      via: this.#random() < 0.5 ? 'sse' : 'websocket',
      onText: () => this.counts.frames++,
    });
    this.#subscribers.push(subscriber);
  }

  async #ask(): Promise<void> {
    const response = await fetch(`${this.#url}/api/v2/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql: 'SELECT event_type, sum(events) FROM by_type GROUP BY event_type ORDER BY 1' }),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`querying: ${response.status} ${text}`);
    this.counts.queries++;
  }

  /** The process watches its project and applies what is saved. */
  #edit(): void {
    const select = EDITS[this.counts.edits++ % EDITS.length];
    const path = join(this.#project, 'pipelines', 'edited.sql');
    if (select === undefined) rmSync(path, { force: true });
    else writeFileSync(path, `${this.#source}\nCREATE MATERIALIZED VIEW edited AS\n${select};\n`);
  }
}
