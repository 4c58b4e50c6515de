import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { seededRandom } from '../../bench/load/event-body.ts';
import { type Server, startServer } from '../../bench/load/server.ts';
import { systemClock } from '../../src/base/clock.ts';
import { SINK_CERTIFICATION } from '../../src/connector/sink-certification.fixture.ts';
import { DEAD_LETTER_TOPIC, type DeadLetter } from '../../src/log/dead-letter.ts';
import { openLog } from '../../src/log/open.ts';
import { readValues } from '../faults/oracle.ts';
import { EventSender, REFUSED_CENTS, type SentEvent } from '../outside/event-sender.ts';
import type { ComponentFlags } from './component-flags.ts';
import { BREAKS, breakAt } from './postgres-breaks.ts';
import { connected, postgresIn } from './postgres-server.ts';
import { postgresSubject } from './postgres-subject.ts';
import type { RealServer } from './real-server.ts';

const SENDERS = 3;
const EVENTS_PER_REQUEST = 30;
const SEND_EVERY_MS = 20;
/** From one fault to the next, at most. */
const PEACE_MS_MAX = 900;
/** How long something stays away, at most: longer than the sink's timeout. */
const AWAY_MS_MAX = 1_500;
/** Without any progress. */
const STALLED_MS_MAX = 60_000;
const TIMEOUT = '1 s';
/** From so many rounds on, connections break at each statement, too; a shorter run leaves that to `npm test`, which has some. */
const LONG_ROUNDS = 20;

const sinkOf = (
  view: string,
  port: number,
): string => `CREATE SINK ${view}_out FROM ${view} WITH (connector = 'postgres',
  url = 'postgres://app@localhost:${port}/postgres', password_file = '../password', ca_file = '../server.pem', table = '${view}',
  create_table = true, timeout = '${TIMEOUT}', batch_rows = 100, batch_wait = '20 ms', retry_max = '200 ms', constraint_retries = 0);`;

/** Rows that only come, rows that change and go, and rows without a key of their own. */
const pipeline = (port: number): string => `
CREATE SOURCE events (id text NOT NULL, account text NOT NULL, amount numeric(12, 2) NOT NULL) WITH (topic = 'events');
CREATE MATERIALIZED VIEW large AS SELECT id, account, amount FROM events WHERE amount >= 50;
CREATE MATERIALIZED VIEW totals AS
  SELECT account, count(*) AS events, sum(amount) AS amount FROM events GROUP BY account HAVING count(*) % 5 <> 0;
CREATE MATERIALIZED VIEW levels AS
  SELECT events % 7 AS level FROM (SELECT account, count(*) AS events FROM events GROUP BY account) AS per_account;
${['large', 'totals', 'levels'].map((view) => sinkOf(view, port)).join('\n')}
`;

/** What the tables must hold, of the events that were acknowledged: computed here, in whole cents. */
function expected(events: readonly SentEvent[]): Readonly<Record<'large' | 'totals' | 'levels', readonly string[]>> {
  const decimal = (cents: number): string => `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
  const large = events.filter(({ cents }) => cents >= 5_000 && cents !== REFUSED_CENTS);
  const accounts = new Map<string, { events: number; cents: number }>();
  for (const { account, cents } of events) {
    const sum = accounts.get(account) ?? { events: 0, cents: 0 };
    accounts.set(account, { events: sum.events + 1, cents: sum.cents + cents });
  }
  const totals = [...accounts].filter(([, sum]) => sum.events % 5 !== 0);
  return {
    large: large.map(({ id, account, cents }) => `${id} ${account} ${decimal(cents)}`).sort(),
    totals: totals.map(([account, sum]) => `${account} ${sum.events} ${decimal(sum.cents)}`).sort(),
    levels: [...accounts.values()].map((sum) => String(sum.events % 7)).sort(),
  };
}

/** Everything that runs, and what can happen to it. */
class World {
  readonly #postgres: RealServer;
  readonly #project: string;
  #headrace: Server | undefined;
  #dataDir: string | undefined;
  #port: number | undefined;

  constructor(postgres: RealServer, project: string) {
    this.#postgres = postgres;
    this.#project = project;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#headrace = await startServer({
      project: this.#project,
      ...(this.#dataDir !== undefined && { dataDir: this.#dataDir, port: this.#port! }),
    });
    this.#dataDir = this.#headrace.dataDir;
    this.#port = this.#headrace.port;
  }

  async stop(signal?: NodeJS.Signals): Promise<string> {
    await this.#headrace?.stop(signal);
    return this.#headrace?.dataDir ?? '';
  }

  removeData(): void {
    this.#headrace?.removeData();
  }

  readonly faults: Readonly<Record<string, (awayMs: number) => Promise<void>>> = {
    'Headrace killed': async () => {
      await this.stop('SIGKILL');
      await this.start();
    },
    'PostgreSQL killed': async (awayMs) => {
      await this.#postgres.kill('SIGKILL');
      await wait(awayMs);
      await this.#postgres.start();
    },
    'PostgreSQL stopped at once': async (awayMs) => {
      await this.#postgres.kill('SIGQUIT');
      await wait(awayMs);
      await this.#postgres.start();
    },
    'both killed': async (awayMs) => {
      await Promise.all([this.stop('SIGKILL'), this.#postgres.kill('SIGKILL')]);
      await Promise.all([this.start(), wait(awayMs).then(() => this.#postgres.start())]);
    },
    'PostgreSQL frozen': async (awayMs) => {
      this.#postgres.freeze();
      await wait(awayMs);
      this.#postgres.thaw();
    },
    'PostgreSQL frozen, Headrace killed meanwhile': async (awayMs) => {
      this.#postgres.freeze();
      await wait(awayMs / 2);
      await this.stop('SIGKILL');
      await this.start();
      await wait(awayMs / 2);
      this.#postgres.thaw();
    },
    'Headrace frozen': async (awayMs) => {
      this.#headrace!.process.kill('SIGSTOP');
      await wait(awayMs);
      this.#headrace!.process.kill('SIGCONT');
    },
  };

  /** Everything has been processed and delivered. */
  async settled(): Promise<void> {
    let progress = '';
    let progressAtMs = performance.now();
    for (let quiet = 0; quiet < 3; ) {
      const text = await (await fetch(`${this.url}/metrics`)).text();
      const lags = [...text.matchAll(/^headrace_(?:pipeline|sink)_lag_records\{.*\} (.*)$/gm)].map(([, lag]) =>
        Number(lag),
      );
      quiet = lags.length >= 4 && lags.every((lag) => lag === 0) ? quiet + 1 : 0;
      if (lags.join() !== progress) {
        progress = lags.join();
        progressAtMs = performance.now();
      } else if (performance.now() - progressAtMs > STALLED_MS_MAX) {
        const sinks = text.split('\n').filter((line) => line.startsWith('headrace_sink'));
        throw new Error(`no progress in ${STALLED_MS_MAX} ms:\n${sinks.join('\n')}\n${this.#headrace?.output()}`);
      }
      await wait(50);
    }
  }
}

async function tables(port: number): Promise<Record<string, string[]>> {
  const client = await connected(port);
  const read = async (columns: string, table: string): Promise<string[]> => {
    const { rows } = await client.query({ text: `SELECT concat_ws(' ', ${columns}) FROM ${table}`, rowMode: 'array' });
    return rows.map(([text]) => String(text)).sort();
  };
  const found = {
    large: await read('id, account, amount', 'large'),
    totals: await read('account, events, amount', 'totals'),
    levels: await read('level', 'levels'),
  };
  await client.end();
  return found;
}

/** The ids in dead letters, in order. */
async function letterIds(dataDir: string): Promise<string[]> {
  const log = await openLog({ dataDir, clock: systemClock });
  const letters = readValues(log.view(), DEAD_LETTER_TOPIC, 0).map((text) => JSON.parse(text) as DeadLetter);
  await log.close();
  for (const letter of letters) assert.match(letter.message, /SQLSTATE 23514/, JSON.stringify(letter));
  return letters.map(({ value }) => (JSON.parse(value!) as SentEvent).id).sort();
}

function assertSame(what: string, actual: readonly string[], wanted: readonly string[]): void {
  const count = (rows: readonly string[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const row of rows) counts.set(row, (counts.get(row) ?? 0) + 1);
    return counts;
  };
  const [a, b] = [count(actual), count(wanted)];
  const missing = [...b].filter(([row, times]) => (a.get(row) ?? 0) < times).map(([row]) => row);
  const extra = [...a].filter(([row, times]) => (b.get(row) ?? 0) < times).map(([row]) => row);
  if (missing.length + extra.length === 0) return;
  throw new Error(
    `${what}: ${missing.length} rows are missing, as ${missing.slice(0, 5).join('; ')}; ${extra.length} are too many, as ${extra.slice(0, 5).join('; ')}`,
  );
}

/** Kills and freezes what takes part, again and again, under load; then the tables must be what the acknowledged events make. */
async function killRounds(dir: string, world: World, port: number, { rounds, seed }: ComponentFlags): Promise<void> {
  const project = join(dir, 'project');
  mkdirSync(join(project, 'pipelines'), { recursive: true });
  writeFileSync(join(project, 'pipelines/events.sql'), pipeline(port));
  const client = await connected(port);
  await client.query(
    `CREATE TABLE large (id text NOT NULL, account text NOT NULL, amount numeric(12, 2) NOT NULL CHECK (amount <> 66.66))`,
  );
  await client.end();
  const random = seededRandom(seed);
  await world.start();
  const senders = Array.from(
    { length: SENDERS },
    (_, i) => new EventSender(`s${i}`, seededRandom(seed * 100 + i), () => world.url),
  );
  for (const sender of senders) sender.start(EVENTS_PER_REQUEST, SEND_EVERY_MS);
  const happened: Record<string, number> = {};
  const names = Object.keys(world.faults);
  // Each fault comes once before any comes again.
  for (let round = 0, order: string[] = []; round < rounds; round++) {
    if (order.length === 0) order = shuffled(names, random);
    const name = order.pop()!;
    await wait(random() * PEACE_MS_MAX);
    await world.faults[name]!(random() * AWAY_MS_MAX);
    happened[name] = (happened[name] ?? 0) + 1;
  }
  for (const sender of senders) await sender.stop();
  await world.settled();
  const events = senders.flatMap(({ acknowledged }) => acknowledged);
  const wanted = expected(events);
  const found = await tables(port);
  for (const [table, rows] of Object.entries(wanted)) assertSame(`seed ${seed}: table ${table}`, found[table]!, rows);
  const dataDir = await world.stop();
  const refused = events.filter(({ cents }) => cents === REFUSED_CENTS).map(({ id }) => id);
  assertSame(`seed ${seed}: dead letters`, await letterIds(dataDir), refused.sort());
  world.removeData();
  const detail = { events: events.length, rows: wanted.large.length, letters: refused.length, happened, seed };
  console.log(
    JSON.stringify({ bench: 'postgres-sink', value: rounds, unit: 'rounds', against: null, ratio: null, detail }),
  );
}

async function breaks(dir: string, port: number): Promise<void> {
  let places = 0;
  for (const one of BREAKS) {
    for (let place = 1; (await breakAt(place, one, port, dir)).length >= place; place++) places++;
  }
  console.log(`  broken connections: ${places}, at each statement`);
}

function shuffled(names: readonly string[], random: () => number): string[] {
  const left = [...names];
  return names.map(() => left.splice(Math.floor(random() * left.length), 1)[0]!);
}

/** The sink against a real PostgreSQL: its certification, then faults at random moments. */
export async function postgresSink(dir: string, flags: ComponentFlags): Promise<void> {
  const { server, port } = await postgresIn(dir);
  try {
    await server.start();
    const subject = postgresSubject(port, dir);
    for (const { run } of SINK_CERTIFICATION) await run(subject);
    console.log(`  certification: ${SINK_CERTIFICATION.length} cases`);
    if (flags.rounds >= LONG_ROUNDS) await breaks(dir, port);
    const world = new World(server, join(dir, 'project'));
    // Also when it has failed: nothing is left running.
    await killRounds(dir, world, port, flags).finally(() => world.stop('SIGKILL'));
    const client = await connected(port);
    const left = await client.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'headrace'");
    await client.end();
    assert.equal(left.rowCount, 0, 'sinks that were stopped left no connection');
  } finally {
    await server.kill('SIGINT');
  }
}
