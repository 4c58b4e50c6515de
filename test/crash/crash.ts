/**
 * Kills the real process at random moments of ingest and processing, starts it again, and checks that every acknowledged
 * event is in the log once and that every window equals a batch computation over the log.
 *
 *   npm run test:crash -- --rounds 20 [--seed 1]
 *
 * A round: start, send with four clients, `kill -9` at a random moment. A client sends a request without an answer
 * again, with the same Idempotency-Key, after the restart. Each seed has its own data directory and ten rounds, then the
 * check; a failure prints the seed that replays the same choices.
 */
import { parseArgs } from 'node:util';
import { createEventBody, seededRandom } from '../../bench/load/event-body.ts';
import { type Server, startServer } from '../../bench/load/server.ts';
import { systemClock } from '../../src/base/clock.ts';
import { DEAD_LETTER_TOPIC } from '../../src/log/dead-letter.ts';
import { openLog } from '../../src/log/open.ts';
import { expectedWindows, lateOffsets, readValues, type WindowRow } from './oracle.ts';

const ROUNDS_PER_SEED = 10;
const CLIENTS = 4;
const EVENTS_PER_REQUEST = 50;
const KILL_AFTER_MS_MAX = 400;
const PROJECT = 'bench/projects/pipeline';
const IDLE_MS_MAX = 60_000;
const WINDOWS = [
  { view: 'events_1m', seconds: 60 },
  { view: 'events_5m', seconds: 300 },
  { view: 'events_1h', seconds: 3600 },
];

interface Request {
  readonly key: string;
  readonly body: Buffer;
  readonly ids: readonly string[];
}

function idsOf(body: Buffer): string[] {
  return [...body.toString().matchAll(/"event_id":"([^"]+)"/g)].map((match) => match[1] ?? '');
}

/** One client: sends until the server dies; remembers what was acknowledged, and the one request that was not. */
class Client {
  readonly acknowledged: string[] = [];
  readonly #name: string;
  readonly #make: ReturnType<typeof createEventBody>;
  readonly #counter: { next: number };
  #unanswered: Request | undefined;
  #sent = 0;

  constructor(name: string, seed: number, counter: { next: number }) {
    this.#name = name;
    this.#make = createEventBody(EVENTS_PER_REQUEST, seed);
    this.#counter = counter;
  }

  #newRequest(): Request {
    this.#make.patch(this.#counter.next, Date.now());
    this.#counter.next += EVENTS_PER_REQUEST;
    const body = Buffer.from(this.#make.bytes);
    return { key: `${this.#name}-${this.#sent++}`, body, ids: idsOf(body) };
  }

  async sendUntil(url: string, stopped: () => boolean): Promise<void> {
    while (!stopped()) {
      const request = this.#unanswered ?? this.#newRequest();
      this.#unanswered = request;
      if (!(await this.#send(url, request))) return;
    }
  }

  /** Sends what is still unanswered; afterwards every request of this client is acknowledged. */
  async settle(url: string): Promise<void> {
    while (this.#unanswered !== undefined) await this.#send(url, this.#unanswered);
  }

  async #send(url: string, request: Request): Promise<boolean> {
    let response: Response;
    try {
      response = await fetch(`${url}/api/v2/ingest/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': request.key },
        body: new Uint8Array(request.body),
      });
      const answer = (await response.json()) as { accepted?: number };
      if (response.status === 429 || response.status === 503) return true;
      if (response.status !== 200 || answer.accepted !== request.ids.length) {
        throw new Refused(`${response.status} ${JSON.stringify(answer)}`);
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
      return false;
    }
    this.acknowledged.push(...request.ids);
    this.#unanswered = undefined;
    return true;
  }
}

class Refused extends Error {}

async function killRound(server: Server, clients: readonly Client[], random: () => number): Promise<void> {
  let stopped = false;
  const sending = clients.map((client) => client.sendUntil(server.url, () => stopped));
  await new Promise((resolve) => setTimeout(resolve, random() * KILL_AFTER_MS_MAX));
  await server.stop('SIGKILL');
  stopped = true;
  await Promise.all(sending);
}

interface PipelinesAnswer {
  readonly pipelines: readonly { readonly lagRecords: number; readonly state: string }[];
}

async function waitIdle(url: string): Promise<void> {
  const deadline = performance.now() + IDLE_MS_MAX;
  let last = '';
  while (performance.now() < deadline) {
    const answer = (await (await fetch(`${url}/api/v2/pipelines`)).json()) as PipelinesAnswer;
    last = JSON.stringify(answer).slice(0, 2_000);
    if (answer.pipelines.length > 0 && answer.pipelines.every((p) => p.state === 'running' && p.lagRecords === 0))
      return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waiting for the pipeline to have read everything: not within ${IDLE_MS_MAX} ms: ${last}`);
}

interface QueryAnswer {
  readonly rows: readonly (readonly [string, string, string, number | string, number])[];
  readonly freshness: { readonly lagRecords: number };
}

/** The rows of a view once every acknowledged event is in it. */
async function tableRows(url: string, view: string): Promise<WindowRow[]> {
  const answer = await queryWithoutLag(url, `SELECT window_start, event_type, source, events, amount FROM ${view}`);
  return answer.rows.map(([start, type, source, events, amount]) => ({
    window_start: new Date(start).toISOString(),
    event_type: type,
    source,
    events: Number(events),
    amount,
  }));
}

async function queryWithoutLag(url: string, sql: string): Promise<QueryAnswer> {
  const deadline = performance.now() + IDLE_MS_MAX;
  for (;;) {
    const response = await fetch(`${url}/api/v2/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql }),
    });
    const answer = (await response.json()) as QueryAnswer;
    if (response.status !== 200) throw new Error(`querying: ${sql}: ${response.status} ${JSON.stringify(answer)}`);
    const { lagRecords } = answer.freshness;
    if (lagRecords === 0) return answer;
    if (performance.now() > deadline) throw new Error(`querying: ${sql}: still ${lagRecords} records behind`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Sorted text of the rows; sums to the cent, since the oracle sums decimals. */
function canonical(rows: readonly WindowRow[]): string[] {
  return rows.map((r) => `${r.window_start} ${r.event_type} ${r.source} ${r.events} ${r.amount.toFixed(2)}`).sort();
}

function assertSame(what: string, actual: readonly string[], expected: readonly string[]): void {
  const missing = expected.filter((row) => !actual.includes(row));
  const extra = actual.filter((row) => !expected.includes(row));
  if (missing.length === 0 && extra.length === 0 && actual.length === expected.length) return;
  throw new Error(
    `${what}: missing ${JSON.stringify(missing.slice(0, 5))}, not expected ${JSON.stringify(extra.slice(0, 5))}`,
  );
}

function assertOnce(acknowledged: readonly string[], values: readonly string[]): void {
  const inLog = new Map<string, number>();
  for (const value of values) {
    const id = /"event_id":"([^"]+)"/.exec(value)?.[1] ?? '';
    inLog.set(id, (inLog.get(id) ?? 0) + 1);
  }
  const wanted = new Map<string, number>();
  for (const id of acknowledged) wanted.set(id, (wanted.get(id) ?? 0) + 1);
  for (const [id, count] of wanted) {
    if (inLog.get(id) !== count)
      throw new Error(`event ${id}: acknowledged ${count} times, in the log ${inLog.get(id) ?? 0} times`);
  }
  if (values.length !== acknowledged.length) {
    throw new Error(`the log holds ${values.length} events, ${acknowledged.length} were acknowledged`);
  }
}

async function logValues(dataDir: string): Promise<{ values: string[]; deadLetters: string[] }> {
  const log = await openLog({ dataDir, clock: systemClock });
  const values = readValues(log.view(), 'events', 0);
  const deadLetters = readValues(log.view(), DEAD_LETTER_TOPIC, 0);
  await log.close();
  return { values, deadLetters };
}

async function runSeed(seed: number, rounds: number): Promise<{ events: number }> {
  const random = seededRandom(seed);
  const counter = { next: seed * 1e9 };
  const clients = Array.from({ length: CLIENTS }, (_, i) => new Client(`s${seed}-c${i}`, seed * 100 + i, counter));
  let server = await startServer({ project: PROJECT });
  const { dataDir, port } = server;
  for (let round = 0; round < rounds; round++) {
    await killRound(server, clients, random);
    server = await startServer({ project: PROJECT, dataDir, port });
  }
  for (const client of clients) await client.settle(server.url);
  await waitIdle(server.url);
  const actual = new Map<string, string[]>();
  for (const { view } of WINDOWS) actual.set(view, canonical(await tableRows(server.url, view)));
  await server.stop();
  const { values, deadLetters } = await logValues(dataDir);
  assertOnce(
    clients.flatMap((client) => client.acknowledged),
    values,
  );
  for (const { view, seconds } of WINDOWS) {
    // A request that is sent again after a restart can come too late for its window.
    const late = lateOffsets(deadLetters, `aggregate:${view}`);
    assertSame(view, actual.get(view) ?? [], canonical(await expectedWindows(values, seconds, late)));
  }
  server.removeData();
  return { events: values.length };
}

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } },
});
const total = Number(flags.rounds);
const startedAt = performance.now();
let done = 0;
let events = 0;
for (let seed = Number(flags.seed); done < total; seed++) {
  const rounds = Math.min(ROUNDS_PER_SEED, total - done);
  try {
    events += (await runSeed(seed, rounds)).events;
  } catch (error) {
    console.error(
      `crash test: seed ${seed} failed after ${done} good rounds: ${error instanceof Error ? error.stack : error}`,
    );
    console.error(`replay it with: npm run test:crash -- --seed ${seed} --rounds ${rounds}`);
    process.exit(1);
  }
  done += rounds;
  if (process.stdout.isTTY || done % 100 === 0) console.error(`${done} of ${total} rounds, ${events} events checked`);
}
console.log(
  JSON.stringify({
    bench: 'crash',
    value: done,
    unit: 'rounds',
    against: null,
    ratio: null,
    detail: { events, failures: 0, seconds: Math.round((performance.now() - startedAt) / 1000) },
  }),
);
