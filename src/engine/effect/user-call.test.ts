import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UserModule } from '../../plan/node.ts';
import type { RunningPipeline } from '../engine.ts';
import { at, EngineWorld } from '../engine-world.fixture.ts';
import { WAITING_ROWS_MAX } from '../limits.ts';
import { explainWaits } from '../why.ts';

/** What the functions of {@link MODULE} see of the test: they live in a module of their own. */
interface Scripted {
  readonly args: readonly unknown[];
  resolve(value: unknown): void;
  reject(error: Error): void;
}
const calls: Scripted[] = [];
let rolls = 0;
Object.assign(globalThis, {
  headraceTest: {
    ask: (...args: unknown[]) =>
      new Promise((resolve, reject) => {
        calls.push({ args, resolve, reject });
      }),
    roll: () => ++rolls,
  },
});

const MODULE: UserModule = {
  hash: 'f'.repeat(64),
  code: `export const ask = (...args) => globalThis.headraceTest.ask(...args);
export const roll = () => globalThis.headraceTest.roll();
let strictly = 0;
export const strict = (id) => {
  if (++strictly === 2) throw new Error('not yet');
  return id;
};
export function* parts(id) {
  if (id === 'bad') throw new Error('no parts');
  for (let i = 0; i < Number(id); i++) yield { n: i, text: id };
}`,
};

const SOURCE = `
CREATE SOURCE events (id text, n int8, time timestamptz, WATERMARK FOR time AS time)
  WITH (topic = 'events', idle_timeout = '1 hour', future_limit = '1 day');
CREATE FUNCTION ask(id text) RETURNS text LANGUAGE typescript AS 'm.ts' WITH (async = true, concurrency = 2, timeout = '5 s', retries = 1);
CREATE FUNCTION ask_or_stop(id text) RETURNS text LANGUAGE typescript AS 'm.ts#ask'
  WITH (async = true, retries = 0, on_error = 'fail');
CREATE FUNCTION ask_many(id text) RETURNS text LANGUAGE typescript AS 'm.ts#ask' WITH (async = true, concurrency = 1000);
CREATE FUNCTION parts(id text) RETURNS TABLE (n int, text text) LANGUAGE typescript AS 'm.ts';
CREATE FUNCTION roll() RETURNS int8 LANGUAGE typescript AS 'm.ts' WITH (volatile = true);
`;

let world: EngineWorld;

beforeEach(async () => {
  calls.length = 0;
  rolls = 0;
  world = await EngineWorld.open();
  await world.createTopic('events');
});

afterEach(() => world.stop());

const event = (id: string, seconds = 0, n = 0): object => ({ id, n, time: at(seconds) });
const start = (view: string) =>
  world.startSql(`${SOURCE}CREATE MATERIALIZED VIEW v AS ${view};`, { modules: [MODULE] });

/** Lets the task and the log do what they can. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The call for these arguments that nobody has answered. */
async function call(...args: readonly unknown[]): Promise<Scripted> {
  await settle();
  const index = calls.findIndex((candidate) => JSON.stringify(candidate.args) === JSON.stringify(args));
  const [found] = index < 0 ? [] : calls.splice(index, 1);
  if (found === undefined) throw new Error(`nobody called with ${JSON.stringify(args)}`);
  return found;
}

describe('asynchronous functions', () => {
  it('give columns, in the order of the rows', async () => {
    const running = await start('SELECT id, ask(id) AS answer FROM events');
    await world.write('events', [event('a'), event('b')]);
    (await call('b')).resolve('B');
    await settle();
    expect(world.values('v')).toEqual([]);
    (await call('a')).resolve('A');
    await running.idle();
    expect(world.values('v')).toEqual([
      { id: 'a', answer: 'A' },
      { id: 'b', answer: 'B' },
    ]);
  });

  it('run as many at a time as declared', async () => {
    const running = await start('SELECT ask(id) AS answer FROM events');
    await world.write(
      'events',
      ['a', 'b', 'c'].map((id) => event(id)),
    );
    await settle();
    expect(calls.map(({ args }) => args[0])).toEqual(['a', 'b']);
    for (const id of ['a', 'b', 'c']) (await call(id)).resolve(id);
    await running.idle();
    expect(world.values('v')).toHaveLength(3);
  });

  it('are tried again after a failure, and again after a timeout; then the row is a dead letter', async () => {
    const running = await start('SELECT id, ask(id) AS answer FROM events');
    await world.write('events', [event('a'), event('b'), event('c')]);
    (await call('a')).reject(new Error('busy'));
    await settle();
    world.clock.advance(100);
    (await call('a')).resolve('A');
    (await call('c')).resolve('C');
    await call('b');
    world.clock.advance(5_000);
    await settle();
    world.clock.advance(100);
    await call('b');
    world.clock.advance(5_000);
    await running.idle();
    expect(world.values('v').map(({ id }) => id)).toEqual(['a', 'c']);
    expect(world.letters()).toMatchObject([
      { reason: 'user-function', offset: 1, topic: 'events', operator: 'user-call:v' },
    ]);
    expect(world.letters()[0]!.message).toContain('timeout');
    expect(world.letters()[0]!.message).toContain('after 2 attempts');
    expect(JSON.parse((world.letters()[0] as { value: string }).value)).toMatchObject({ id: 'b' });
  });

  it('stop the pipeline where that is asked', async () => {
    const running = await start('SELECT ask_or_stop(id) AS answer FROM events');
    await world.write('events', [event('a')]);
    (await call('a')).reject(new Error('broken'));
    await expect(running.idle()).rejects.toThrow('broken');
    expect(running.status().state).toBe('failed');
    expect(world.letters()).toEqual([]);
  });

  it('are missed at the start when their module does not export them', async () => {
    const sql = `${SOURCE.replace("'m.ts#ask'", "'m.ts#none'")}
      CREATE MATERIALIZED VIEW v AS SELECT ask_or_stop(id) AS answer FROM events;`;
    await expect(world.startSql(sql, { modules: [MODULE] })).rejects.toThrow('calling user function none');
  });

  it('are not called for rows that need no result', async () => {
    const running = await start("SELECT id, CASE WHEN n > 0 THEN ask(id) ELSE 'none' END AS answer FROM events");
    await world.write('events', [event('a', 0, 0), event('b', 0, 1)]);
    (await call('b')).resolve('B');
    await running.idle();
    expect(world.values('v')).toEqual([
      { id: 'a', answer: 'none' },
      { id: 'b', answer: 'B' },
    ]);
    expect(calls).toEqual([]);
  });
});

describe('after a crash', () => {
  const VIEW = 'SELECT id, ask(id) AS answer FROM events';
  const again = async (): Promise<RunningPipeline> => {
    await world.crash(false);
    calls.length = 0;
    await world.start();
    return start(VIEW);
  };

  it('what was not answered is asked again', async () => {
    await start(VIEW);
    await world.write('events', [event('a'), event('b')]);
    (await call('b')).resolve('B');
    await settle();
    const running = await again();
    await settle();
    expect(calls.map(({ args }) => args[0])).toEqual(['a']);
    (await call('a')).resolve('A');
    await running.idle();
    expect(world.values('v')).toEqual([
      { id: 'a', answer: 'A' },
      { id: 'b', answer: 'B' },
    ]);
  });

  it('an answer that no commit holds is asked for again, and may be another', async () => {
    await start(VIEW);
    await world.write('events', [event('a')]);
    world.fault = (kind) => (kind === 'sync' ? 'EIO' : undefined);
    (await call('a')).resolve('lost');
    await settle();
    world.fault = undefined;
    const running = await again();
    (await call('a')).resolve('A');
    await running.idle();
    expect(world.values('v')).toEqual([{ id: 'a', answer: 'A' }]);
  });

  it('what was handed on is not asked for', async () => {
    let running = await start(VIEW);
    await world.write('events', [event('a')]);
    (await call('a')).resolve('A');
    await running.idle();
    running = await again();
    await running.idle();
    expect(calls).toEqual([]);
    expect(world.values('v')).toEqual([{ id: 'a', answer: 'A' }]);
  });

  it('a snapshot keeps rows that wait, their records and the answers that came before their turn', async () => {
    const stopped = await start(VIEW);
    await world.write('events', [event('a'), event('b')]);
    (await call('b')).resolve('B');
    await settle();
    await stopped.stop();
    await world.stop();
    calls.length = 0;
    await world.start();
    const running = await start(VIEW);
    (await call('a')).reject(new Error('gone'));
    await settle();
    world.clock.advance(100);
    (await call('a')).reject(new Error('gone'));
    await running.idle();
    expect(calls).toEqual([]);
    expect(world.values('v')).toEqual([{ id: 'b', answer: 'B' }]);
    expect(world.letters()).toMatchObject([{ topic: 'events', partition: 0, offset: 0, reason: 'user-function' }]);
    expect(JSON.parse((world.letters()[0] as { value: string }).value)).toMatchObject({ id: 'a' });
  });
});

describe('a function that does not answer', () => {
  it('stops the reading of input at the limit of rows that wait, and nothing is lost', async () => {
    const running = await start('SELECT ask_many(id) AS answer FROM events');
    const rows = WAITING_ROWS_MAX + 5_000;
    for (let first = 0; first < rows; first += 1_000) {
      await world.write(
        'events',
        Array.from({ length: 1_000 }, (_, i) => event(`${first + i}`)),
      );
    }
    await settle();
    expect(running.status().lagRecords).toBeGreaterThan(0);
    let done = false;
    const idle = running.idle().then(() => {
      done = true;
    });
    while (!done) {
      for (const { args, resolve } of calls.splice(0)) resolve(args[0]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await idle;
    expect(world.values('v').map(({ answer }) => Number(answer))).toEqual(Array.from({ length: rows }, (_, i) => i));
  });
});

describe('a window over results', () => {
  it('closes no sooner than its rows have come', async () => {
    const sql = `${SOURCE}CREATE VIEW asked AS SELECT time, ask(id) AS answer FROM events;
      CREATE MATERIALIZED VIEW v AS SELECT window_start, window_end, count(*) AS rows, min(answer) AS least
      FROM TUMBLE(asked, time, INTERVAL '1 minute') GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;`;
    const running = await world.startSql(sql, { modules: [MODULE] });
    await world.write('events', [event('a', 10), event('b', 20), event('c', 90)]);
    (await call('b')).resolve('B');
    await settle();
    expect(world.values('v')).toEqual([]);
    (await call('a')).resolve('A');
    (await call('c')).resolve('C');
    await running.idle();
    expect(world.values('v')).toMatchObject([{ rows: 2, least: 'A' }]);
    expect(world.letters()).toEqual([]);
    await running.idle({ closeWindows: true });
    expect(world.values('v')).toMatchObject([{ rows: 2 }, { rows: 1, least: 'C' }]);
  });
});

describe('time that passes while rows wait', () => {
  it('makes no epochs by itself, and closes their windows once they have come', async () => {
    const sql = `${SOURCE.replace("'1 hour'", "'10 seconds'")}
      CREATE VIEW asked AS SELECT time, ask(id) AS answer FROM events;
      CREATE MATERIALIZED VIEW v AS SELECT window_start, window_end, count(answer) AS rows
      FROM TUMBLE(asked, time, INTERVAL '1 minute') GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;`;
    const running = await world.startSql(sql.replace("timeout = '5 s'", "timeout = '1 hour'"), { modules: [MODULE] });
    await world.write('events', [event('a', 10), event('b', 20)]);
    (await call('a')).resolve('A');
    const b = await call('b');
    for (let minute = 0; minute < 5; minute++) {
      world.clock.advance(60_000);
      await settle();
    }
    const status = running.status();
    const { epoch } = status;
    const waits = explainWaits(status);
    expect(waits.find(({ operator }) => operator.startsWith('user-call'))?.reasons).toEqual([
      'event time does not pass the rows that wait for results of calls: 1 of them',
    ]);
    expect(waits.find(({ operator }) => operator.startsWith('aggregate'))?.reasons.at(-1)).toMatch(
      /^user-call:\w+ holds rows that wait for results of calls: 1 of them$/,
    );
    expect(Number(epoch)).toBeLessThan(12);
    expect(world.values('v')).toEqual([]);
    b.resolve('B');
    await settle();
    world.clock.advance(120_000);
    await settle();
    expect(world.values('v')).toMatchObject([{ rows: 2 }]);
    expect(world.letters()).toEqual([]);
  });
});

describe('a function on the task’s own thread', () => {
  it('stops the pipeline where that is asked, and the row is called for again', async () => {
    const sql = `${SOURCE}
      CREATE FUNCTION strict(id text) RETURNS text LANGUAGE typescript AS 'm.ts' WITH (on_error = 'fail');
      CREATE MATERIALIZED VIEW v AS SELECT strict(id) AS answer FROM events;`;
    const running = await world.startSql(sql, { modules: [MODULE] });
    await world.write('events', [event('a'), event('b')]);
    await expect(running.idle()).rejects.toThrow('not yet');
    expect(world.letters()).toEqual([]);
    const again = await world.startSql(sql, { modules: [MODULE] });
    await again.idle();
    expect(world.values('v').map(({ answer }) => answer)).toEqual(['a', 'b']);
  });
});

describe('functions that give a table', () => {
  it('give their rows beside each row; one that fails makes a dead letter', async () => {
    const running = await start('SELECT e.id, p.n FROM events e, parts(e.id) p');
    await world.write('events', [event('2'), event('bad'), event('0'), event('1')]);
    await running.idle();
    expect(world.values('v')).toEqual([
      { id: '2', n: 0 },
      { id: '2', n: 1 },
      { id: '1', n: 0 },
    ]);
    expect(world.letters()).toMatchObject([{ reason: 'user-function', offset: 1 }]);
    expect(world.letters()[0]!.message).toContain('no parts');
  });
});

describe('volatile functions', () => {
  it('are journaled: a replay gives what they gave', async () => {
    await start('SELECT id, roll() AS n FROM events');
    await world.write('events', [event('a'), event('b')]);
    await settle();
    await world.crash(false);
    await world.start();
    const running = await start('SELECT id, roll() AS n FROM events');
    await world.write('events', [event('c')]);
    await running.idle();
    expect(world.values('v').map(({ n }) => n)).toEqual([1, 2, 3]);
    expect(rolls).toBe(3);
  });

  it('give a row that is taken back what it had', async () => {
    const sql = `${SOURCE}
      CREATE MATERIALIZED VIEW v AS SELECT total, roll() AS n FROM (SELECT id, sum(n) AS total FROM events GROUP BY id) t;`;
    const running = await world.startSql(sql, { modules: [MODULE] });
    await world.write('events', [event('a', 0, 1), event('b', 0, 2)]);
    await running.idle();
    await world.write('events', [event('a', 1, 4)]);
    await running.idle();
    expect(rolls).toBe(3);
    expect(world.table('v')).toEqual(
      expect.arrayContaining([
        { total: 5, n: 3 },
        { total: 2, n: 2 },
      ]),
    );
    expect(world.table('v')).toHaveLength(2);
  });
});
