import { describe, expect, it } from 'vitest';
import type { UserModule } from '../../plan/node.ts';
import type { RunningPipeline } from '../engine.ts';
import { at, EngineWorld, seededRandom } from '../engine-world.fixture.ts';
import type { Answer } from './effect.ts';

type Settle = () => void;
/** Calls and look-ups that nobody has answered, in the order in which they were made. */
let open: Settle[] = [];
let rolls = 0;
Object.assign(globalThis, {
  headraceCrashTest: {
    ask: (id: string) =>
      new Promise((resolve, reject) => {
        open.push(() => (id.endsWith('7') ? reject(new Error('seven')) : resolve(`${id}!`)));
      }),
    roll: () => ++rolls,
  },
});

const MODULE: UserModule = {
  hash: 'c'.repeat(64),
  code: `export const ask = (id) => globalThis.headraceCrashTest.ask(id);
export const roll = () => globalThis.headraceCrashTest.roll();`,
};

const SQL = `
CREATE SOURCE events (id text, time timestamptz, WATERMARK FOR time AS time - INTERVAL '5 seconds')
  WITH (topic = 'events', idle_timeout = '10 minutes', future_limit = '1 day');
CREATE FUNCTION ask(id text) RETURNS text LANGUAGE typescript AS 'm.ts' WITH (async = true, retries = 0, concurrency = 3, timeout = '1 hour');
CREATE FUNCTION roll() RETURNS int8 LANGUAGE typescript AS 'm.ts' WITH (volatile = true);
CREATE LOOKUP names (id text PRIMARY KEY, name text) WITH (connector = 'scripted');
CREATE VIEW asked AS SELECT e.id, e.time, ask(e.id) AS answer, roll() AS number, n.name
  FROM events e LEFT JOIN names n ON n.id = e.id;
CREATE MATERIALIZED VIEW rows AS SELECT id, answer, number, name FROM asked;
CREATE MATERIALIZED VIEW minutes AS SELECT window_start, window_end, count(*) AS rows
  FROM TUMBLE(asked, time, INTERVAL '1 minute') GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;
`;

const nameOf = (id: string): Answer => (id.endsWith('3') ? null : [id, `name of ${id}`]);
const turn = () => new Promise((resolve) => setImmediate(resolve));

class Run {
  readonly #random: () => number;
  readonly #world: EngineWorld;
  running: RunningPipeline | undefined;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#world = new EngineWorld({
      random: this.#random,
      snapshotIntervalMs: this.#chance(0.5) ? 1 : Number.MAX_SAFE_INTEGER,
      lookups: () => ({
        find: ([id]) => new Promise((resolve) => open.push(() => resolve(nameOf(id!)))),
        close: async () => {},
      }),
    });
  }

  get world(): EngineWorld {
    return this.#world;
  }

  #chance(part: number): boolean {
    return this.#random() < part;
  }

  async start(): Promise<void> {
    open = [];
    await this.#world.start();
    if (this.#world.log.topic('events') === undefined) await this.#world.createTopic('events', { partitions: 2 });
    this.running = await this.#world.startSql(SQL, { modules: [MODULE] });
  }

  async crash(): Promise<void> {
    await this.#world.crash(this.#chance(0.5));
    await this.start();
  }

  /** Some turns in which some of the calls are answered, in any order. */
  async work(turns: number): Promise<void> {
    for (let i = 0; i < turns; i++) {
      if (open.length > 0 && this.#chance(0.6)) open.splice(Math.floor(this.#random() * open.length), 1)[0]!();
      this.#world.clock.advance(5);
      await turn();
    }
  }

  async play(rows: number): Promise<string[]> {
    const ids: string[] = [];
    await this.start();
    while (ids.length < rows) {
      const fresh = Array.from({ length: 1 + Math.floor(this.#random() * 6) }, (_, i) => `r${ids.length + i}`);
      const events = fresh.map((id) => ({ id, time: at(ids.length * 10 + Math.floor(this.#random() * 5)) }));
      await this.#world.write('events', events, Math.floor(this.#random() * 2));
      ids.push(...fresh);
      await this.work(Math.floor(this.#random() * 30));
      if (this.#chance(0.3)) await this.crash();
    }
    return ids;
  }

  /** Everything is answered, and every window closed. */
  async finish(): Promise<void> {
    let done = false;
    const idle = this.running!.idle({ closeWindows: true }).then(() => {
      done = true;
    });
    while (!done) await this.work(1);
    await idle;
  }
}

describe('effects and crashes', () => {
  it.each(Array.from({ length: 8 }, (_, seed) => seed))(
    'give each row once, with the results of the journal (seed %i)',
    async (seed) => {
      rolls = 0;
      const run = new Run(seed);
      const ids = await run.play(40);
      await run.finish();
      const { world } = run;
      const rows = world.values('rows') as { id: string; answer: string; number: number; name: string | null }[];
      const failed = world.letters().map(({ offset, partition }) => `${partition}/${offset}`);
      expect(rows.map(({ id }) => id).sort()).toEqual(ids.filter((id) => !id.endsWith('7')).sort());
      expect(new Set(failed).size).toBe(ids.filter((id) => id.endsWith('7')).length);
      for (const { id, answer, name } of rows) {
        expect(answer).toBe(`${id}!`);
        expect(name).toBe(id.endsWith('3') ? null : `name of ${id}`);
      }
      expect(new Set(rows.map(({ number }) => number)).size).toBe(rows.length);
      const counted = (world.values('minutes') as { rows: number }[]).reduce((sum, minute) => sum + minute.rows, 0);
      expect(counted).toBe(rows.length);
      await world.stop();
    },
  );
});
