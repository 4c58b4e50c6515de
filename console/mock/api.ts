import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  alertsOf,
  deadLettersAnswer,
  metricsAnswer,
  pipelinesAnswer,
  queryAnswer,
  tablesAnswer,
  topicsAnswer,
} from './answer.ts';
import { MockTraffic } from './traffic.ts';

const TURN_MS = 250;

export interface MockOptions {
  /** `empty`: a server on which nothing was ever set up. */
  readonly scenario: 'busy' | 'empty';
}

/** The test double of the public API: for developing the console and for its tests, never part of the product. */
export class MockApi {
  readonly #scenario: MockOptions['scenario'];
  readonly #traffic: MockTraffic;
  readonly #streams = new Set<ServerResponse>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: MockOptions) {
    this.#scenario = options.scenario;
    this.#traffic = new MockTraffic(Date.now());
    this.#timer = setInterval(() => this.#turn(), TURN_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const stream of this.#streams) stream.destroy();
  }

  /** Answers a request for `/api/`; false when it is for something else. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    if (!path.startsWith('/api/v2/')) return false;
    const name = path.slice('/api/v2/'.length);
    if (name === 'query') this.#query(request, response);
    else if (name.startsWith('stream/')) this.#stream(decodeURIComponent(name.slice('stream/'.length)), response);
    else this.#answer(name, response);
    return true;
  }

  #answer(name: string, response: ServerResponse): void {
    const now = Date.now();
    const busy = this.#scenario === 'busy';
    const epochMs = [4.2 + Math.sin(now / 3000), 11 + 3 * Math.sin(now / 7000)] as const;
    const answers: Readonly<Record<string, () => unknown>> = {
      metrics: () => (busy ? metricsAnswer(this.#traffic, now, epochMs) : { at: now, history: [], samples: [] }),
      pipelines: () => (busy ? pipelinesAnswer(this.#traffic, now) : { pipelines: [] }),
      tables: () => (busy ? tablesAnswer(this.#traffic, now) : { tables: [] }),
      topics: () => (busy ? topicsAnswer(this.#traffic) : { topics: [] }),
      'dead-letters': () => (busy ? deadLettersAnswer(now) : { total: 0, deadLetters: [] }),
      alerts: () => ({ alerts: busy ? alertsOf(now) : [] }),
    };
    const answer = answers[name];
    if (answer === undefined)
      send(response, 404, { detail: `looking for "${name}": there is nothing`, code: 'HTTP_NOT_FOUND' });
    else send(response, 200, answer());
  }

  #query(request: IncomingMessage, response: ServerResponse): void {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => {
      const { sql } = JSON.parse(body) as { sql: string };
      const answer = queryAnswer(sql, this.#traffic, Date.now());
      send(response, answer.status, answer.body);
    });
  }

  #stream(id: string, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    if (id === '_alerts') {
      const alerts = this.#scenario === 'busy' ? alertsOf(Date.now()) : [];
      for (const alert of alerts) write(response, 'snapshot', String(alert.id), alert, '');
      write(response, 'caught-up', null, null, '0:1');
      response.write('retry: 2000\n\n');
      return;
    }
    for (const [key, row] of this.#traffic.rows) write(response, 'snapshot', key, row, '');
    write(response, 'caught-up', null, null, `0:${this.#traffic.offset}`);
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
  }

  #turn(): void {
    const changes = this.#traffic.turn(Date.now());
    for (const stream of this.#streams) {
      for (const change of changes) write(stream, 'upsert', change.key, change.row, `0:${change.offset}`);
    }
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function write(stream: ServerResponse, op: string, key: string | null, row: unknown, offset: string): void {
  const id = offset === '' ? '' : `id: ${offset}\n`;
  stream.write(`${id}data: ${JSON.stringify({ op, key, row, offset })}\n\n`);
}
