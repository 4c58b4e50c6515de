/**
 * Subscribers that follow views and topics through `kill -9` of the real process, under load, and come back with the last offset that
 * they have had: each must have seen each record once, in order, and nothing that the log does not hold in the end.
 *
 *   npm run test:subscribers -- --rounds 20 [--seed 1]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { seededRandom } from '../../bench/load/event-body.ts';
import { type Server, startServer } from '../../bench/load/server.ts';
import { offset } from '../../src/base/brand.ts';
import { systemClock } from '../../src/base/clock.ts';
import { openLog } from '../../src/log/open.ts';
import { decodeRecordBatches } from '../../src/log/record-batch.ts';
import { EventSender } from './event-sender.ts';
import { checkFrames, type LoggedRecord, type LoggedTopic } from './stream-check.ts';
import { Subscriber, type Subscription } from './subscriber.ts';

const SENDERS = 2;
const EVENTS_PER_REQUEST = 20;
const SEND_EVERY_MS = 10;
const KILL_AFTER_MS_MAX = 600;
const SETTLE_MS_MAX = 120_000;
const READ_BYTES = 4 << 20;

const HEADRACE = 'topics:\n  events:\n    partitions: 3\n    key: account\n';
/** Rows that only come, rows that change and go, rows without a key, and a topic with several partitions. */
const PIPELINE = `
CREATE SOURCE events (id text NOT NULL, account text NOT NULL, amount float8 NOT NULL) WITH (topic = 'events');
CREATE MATERIALIZED VIEW large AS SELECT id, account, amount FROM events WHERE amount >= 50;
CREATE MATERIALIZED VIEW totals AS SELECT account, count(*) AS events FROM events GROUP BY account HAVING count(*) % 5 <> 0;
CREATE MATERIALIZED VIEW levels AS
  SELECT events % 7 AS level FROM (SELECT account, count(*) AS events FROM events GROUP BY account) AS per_account;
`;
const SUBSCRIPTIONS: readonly Subscription[] = ['large', 'totals', 'levels', 'events'].flatMap((stream) =>
  (['events', 'socket'] as const).flatMap((by) => [false, true].map((restless) => ({ stream, by, restless }))),
);

class World {
  readonly #project: string;
  #server: Server | undefined;

  constructor(project: string) {
    this.#project = project;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server?.port}`;
  }

  get dataDir(): string {
    return this.#server!.dataDir;
  }

  async start(): Promise<void> {
    const again = this.#server === undefined ? {} : { dataDir: this.#server.dataDir, port: this.#server.port };
    this.#server = await startServer({ project: this.#project, ...again });
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.#server!.stop(signal);
  }

  async settled(subscribers: readonly Subscriber[]): Promise<void> {
    const deadline = performance.now() + SETTLE_MS_MAX;
    const state = (): string => subscribers.map(({ offset }) => offset).join(' ');
    for (let quiet = 0, before = ''; quiet < 10; before = state()) {
      await wait(50);
      const text = await (await fetch(`${this.url}/metrics`)).text();
      const lags = [...text.matchAll(/^headrace_pipeline_lag_records\{.*\} (.*)$/gm)].map(([, lag]) => Number(lag));
      quiet = lags.length > 0 && lags.every((lag) => lag === 0) && state() === before ? quiet + 1 : 0;
      if (performance.now() > deadline) {
        const pipelines = await (await fetch(`${this.url}/api/v2/pipelines`)).text();
        const where = subscribers.map((one) => `${one.title}: ${one.offset}`).join('\n');
        const said = this.#server?.output();
        throw new Error(
          `not settled within ${SETTLE_MS_MAX} ms: lag ${lags.join(', ')}\n${where}\n${pipelines}\n${said}`,
        );
      }
    }
  }
}

async function topicsIn(dataDir: string, names: readonly string[]): Promise<ReadonlyMap<string, LoggedTopic>> {
  const log = await openLog({ dataDir, clock: systemClock });
  const topics = new Map<string, LoggedTopic>();
  const buffer = new Uint8Array(READ_BYTES);
  for (const name of names) {
    const partitions = Array.from({ length: log.topic(name)!.partitions }, (_, partition) => {
      const records: LoggedRecord[] = [];
      const reader = log.reader(name, partition, offset(0));
      const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());
      for (let bytes = reader.readInto(buffer); bytes > 0; bytes = reader.readInto(buffer)) {
        for (const batch of decodeRecordBatches(buffer.subarray(0, bytes))) {
          for (const { key, value } of batch.entries()) records.push({ key: text(key), value: text(value) });
        }
      }
      reader.close();
      return records;
    });
    topics.set(name, partitions);
  }
  await log.close();
  return topics;
}

async function run(seed: number, rounds: number): Promise<Readonly<Record<string, number>>> {
  const project = mkdtempSync(join(tmpdir(), 'headrace-subscribers-'));
  mkdirSync(join(project, 'pipelines'));
  writeFileSync(join(project, 'headrace.yaml'), HEADRACE);
  writeFileSync(join(project, 'pipelines/events.sql'), PIPELINE);
  const random = seededRandom(seed);
  const world = new World(project);
  const url = (): string => world.url;
  await world.start();
  const senders = Array.from(
    { length: SENDERS },
    (_, i) => new EventSender(`s${i}`, seededRandom(seed * 100 + i), url),
  );
  const subscribers = SUBSCRIPTIONS.map((one, i) => new Subscriber(one, seededRandom(seed * 1_000 + i), url));
  for (const sender of senders) sender.start(EVENTS_PER_REQUEST, SEND_EVERY_MS);
  // Half of them begin with what there is already.
  for (const [at, subscriber] of subscribers.entries()) if (at % 3 !== 0) subscriber.start();
  for (let round = 0; round < rounds; round++) {
    await wait(random() * KILL_AFTER_MS_MAX);
    await world.stop('SIGKILL');
    await world.start();
    if (round === 0) for (const [at, subscriber] of subscribers.entries()) if (at % 3 === 0) subscriber.start();
  }
  for (const sender of senders) await sender.stop();
  await world.settled(subscribers);
  for (const subscriber of subscribers) await subscriber.stop();
  await world.stop();
  const topics = await topicsIn(world.dataDir, [...new Set(SUBSCRIPTIONS.map(({ stream }) => stream))]);
  let frames = 0;
  for (const subscriber of subscribers) frames += checkFrames(subscriber, topics.get(subscriber.subscription.stream)!);
  rmSync(project, { recursive: true });
  rmSync(world.dataDir, { recursive: true });
  const connections = subscribers.reduce((sum, one) => sum + one.connections, 0);
  const events = senders.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  return { events, frames, connections, subscribers: subscribers.length, seed };
}

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } },
});
const rounds = Number(flags.rounds);
try {
  const detail = await run(Number(flags.seed), rounds);
  console.log(
    JSON.stringify({ bench: 'subscribers', value: rounds, unit: 'kills', against: null, ratio: null, detail }),
  );
} catch (error) {
  console.error(error);
  console.error(`replay it with: npm run test:subscribers -- --seed ${flags.seed} --rounds ${flags.rounds}`);
  process.exit(1);
}
