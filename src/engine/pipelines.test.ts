import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { columnReference } from '../plan/expression-factory.ts';
import { aggregateNode, outputNode, pipelineOf } from '../plan/factory.ts';
import type { UserModule } from '../plan/node.ts';
import { TYPE } from '../plan/type-name.ts';
import { at, EngineWorld, sqlPipeline } from './engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('events');
});

afterEach(() => world.stop());

const SOURCE = `
CREATE SOURCE events (id text, type text, time timestamptz, amount float8, price numeric(12,2), n int8, ok boolean,
  WATERMARK FOR time AS time - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
`;

const event = (seconds: number, more: object = {}): object => ({
  id: `e${seconds}`,
  type: 'a',
  time: at(seconds),
  ...more,
});

async function run(sql: string, rows: readonly unknown[]): Promise<void> {
  const running = await world.startSql(SOURCE + sql);
  await world.write('events', rows);
  await running.idle();
}

describe('aggregates', () => {
  it('count, sum, min, max and avg leave nulls out; count(*) does not', async () => {
    await run(
      `CREATE MATERIALIZED VIEW v AS SELECT window_start, window_end, count(*) AS rows, count(n) AS known, sum(n) AS total,
         min(n) AS least, max(n) AS most, avg(n) AS mean, sum(price) AS prices
       FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, window_end;`,
      [event(0, { n: 1, price: 0.1 }), event(1, { n: null, price: 0.2 }), event(2, { n: 4 }), event(3, { n: -2 })],
    );
    expect(world.table('v')).toMatchObject([{ rows: 4, known: 3, total: 3, least: -2, most: 4, mean: 1, prices: 0.3 }]);
  });

  it('give null over nothing but nulls, and 0 for a count', async () => {
    await run(
      `CREATE MATERIALIZED VIEW v AS SELECT window_start, window_end, count(n) AS known, sum(n) AS total, min(n) AS least
       FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, window_end;`,
      [event(0, { n: null })],
    );
    expect(world.table('v')).toMatchObject([{ known: 0, total: null, least: null }]);
  });

  it('count distinct values, and filter what they count', async () => {
    await run(
      `CREATE MATERIALIZED VIEW v AS SELECT window_start, window_end, count(DISTINCT type) AS types,
         count(*) FILTER (WHERE ok) AS good, sum(n) FILTER (WHERE type = 'a') AS a
       FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, window_end;`,
      [
        event(0, { ok: true, n: 1 }),
        event(1, { type: 'b', ok: null, n: 2 }),
        event(2, { ok: false, n: 4 }),
        event(3, { type: null }),
      ],
    );
    expect(world.table('v')).toMatchObject([{ types: 2, good: 1, a: 5 }]);
  });

  it('without a window keep one row per group for ever, and a null is a group of its own', async () => {
    await run('CREATE MATERIALIZED VIEW v AS SELECT type, count(*) AS n FROM events GROUP BY type;', [
      event(0),
      event(1, { type: null }),
      event(7200),
      event(7201, { type: null }),
    ]);
    expect(world.table('v')).toEqual([
      { type: 'a', n: 2 },
      { type: null, n: 2 },
    ]);
  });
});

describe('emit', () => {
  const view = (emit: string): string => `
    CREATE MATERIALIZED VIEW v AS SELECT window_start, window_end, type, count(*) AS n
    FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, window_end, type${emit};`;

  it('updates: one change per key and epoch', async () => {
    const running = await world.startSql(SOURCE + view(''));
    await world.write('events', [event(0), event(1), event(2, { type: 'b' })]);
    await running.idle();
    await world.write('events', [event(3), event(61)]);
    await running.idle();
    expect(world.values('v').map((row) => [row.type, row.n])).toEqual([
      ['a', 2],
      ['b', 1],
      ['a', 3],
      ['a', 1],
    ]);
  });

  it('final: one row per key when the watermark has passed the window, the earlier windows first', async () => {
    const running = await world.startSql(SOURCE + view(' EMIT ON WINDOW CLOSE'));
    await world.write('events', [event(61), event(60), event(59), event(1, { type: 'b' })]);
    await running.idle();
    expect(world.values('v')).toEqual([]);
    await world.write('events', [event(200)]);
    await running.idle();
    expect(world.values('v').map((row) => [row.window_start, row.type, row.n])).toEqual([
      [at(0), 'a', 1],
      [at(0), 'b', 1],
      [at(60), 'a', 2],
    ]);
  });
});

describe('views on views', () => {
  it('in one pipeline: the second aggregates the changes of the first, which takes old rows back', async () => {
    const { outputs } = await sqlPipeline(
      `${SOURCE} CREATE MATERIALIZED VIEW per_id AS
        SELECT id, count(*) AS n, max(amount) AS highest FROM events GROUP BY id;`,
    );
    const perId = outputs[0]!.input;
    const column = (at: number) => ({ name: perId.columns[at]!.name, expression: columnReference(perId.columns, at) });
    const plain = { distinct: false, filter: undefined };
    const input = aggregateNode(
      perId,
      [column(1)],
      [
        { name: 'ids', call: { ...plain, function: 'count', argument: undefined, type: TYPE.int8 } },
        { name: 'total', call: { ...plain, function: 'sum', argument: column(2).expression, type: TYPE.float8 } },
      ],
    );
    const emit = { kind: 'updates' } as const;
    const output = outputNode({ name: 'per_count', topic: 'per_count', input, mode: 'upsert', keys: [0], emit });
    const sources = perId.kind === 'aggregate' && perId.input.kind === 'source' ? [perId.input] : [];
    const running = await world.startPipeline(
      pipelineOf({ name: 'p', outputs: [output], sinks: [], alerts: [], modules: [], sources }),
    );
    await world.write('events', [event(0, { id: 'x', amount: 1 }), event(1, { id: 'y', amount: 2 })]);
    await running.idle();
    await world.write('events', [event(2, { id: 'x', amount: 5 })]);
    await running.idle();
    expect(world.table('per_count')).toEqual([
      { n: 1, ids: 1, total: 2 },
      { n: 2, ids: 1, total: 5 },
    ]);
    await world.write('events', [event(3, { id: 'y', amount: 0.5 })]);
    await running.idle();
    expect(world.table('per_count')).toEqual([{ n: 2, ids: 2, total: 7 }]);
  });

  it('in two pipelines: the topic of the first is the source of the second, through a restart', async () => {
    const first = `${SOURCE} CREATE MATERIALIZED VIEW good AS SELECT id, time, amount FROM events WHERE ok;`;
    const second = `
      CREATE SOURCE good (id text, time timestamptz, amount float8, WATERMARK FOR time AS time - INTERVAL '2 seconds')
        WITH (topic = 'good', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
      CREATE MATERIALIZED VIEW sums AS SELECT window_start, window_end, sum(amount) AS total
        FROM TUMBLE(good, time, INTERVAL '1 minute') GROUP BY window_start, window_end;`;
    const start = async () => [
      await world.startSql(first, { name: 'first' }),
      await world.startSql(second, { name: 'second' }),
    ];
    const settle = async (running: Awaited<ReturnType<typeof start>>) => {
      for (const pipeline of running) await pipeline.idle();
    };
    const running = await start();
    await world.write('events', [event(0, { ok: true, amount: 1 }), event(1, { ok: false, amount: 10 })]);
    await settle(running);
    await world.crash(false);
    await world.start();
    const again = await start();
    await world.write('events', [event(2, { ok: true, amount: 2 })]);
    await settle(again);
    expect(world.table('sums').map((row) => row.total)).toEqual([3]);
  });

  it('one source feeds several outputs, each with its own rows', async () => {
    await run(
      `CREATE MATERIALIZED VIEW low AS SELECT id FROM events WHERE amount < 10;
       CREATE MATERIALIZED VIEW high AS SELECT id FROM events WHERE amount >= 10;`,
      [event(0, { amount: 1 }), event(1, { amount: 10 }), event(2)],
    );
    expect(world.values('low')).toEqual([{ id: 'e0' }]);
    expect(world.values('high')).toEqual([{ id: 'e1' }]);
  });
});

describe('user functions', () => {
  const module = (code: string): UserModule => ({ hash: `hash-${code.length}`, code });
  const sql = `${SOURCE}
    CREATE FUNCTION score(amount float8) RETURNS float8 LANGUAGE typescript AS './score.ts#score';
    CREATE MATERIALIZED VIEW v AS SELECT id, score(amount) AS score FROM events;`;

  it('run in the pipeline, from the text of their module', async () => {
    const code = 'export const score = (amount) => amount === null ? null : amount * 2;';
    const running = await world.startSql(sql, { modules: [module(code)] });
    await world.write('events', [event(0, { amount: 1.5 }), event(1)]);
    await running.idle();
    expect(world.values('v')).toEqual([
      { id: 'e0', score: 3 },
      { id: 'e1', score: null },
    ]);
  });

  it('that throw send the row to dead letters, with the place in the module; the others go on', async () => {
    const code = `
      function check(amount) {
        if (amount > 1) throw new RangeError('too much: ' + amount);
        return amount;
      }
      export const score = (amount) => check(amount);`;
    const running = await world.startSql(sql, { modules: [module(code)] });
    await world.write('events', [event(0, { amount: 1 }), event(1, { amount: 2 }), event(2, { amount: 0 })]);
    await running.idle();
    expect(world.values('v').map((row) => row.id)).toEqual(['e0', 'e2']);
    const [letter] = world.letters();
    expect(letter).toMatchObject({ reason: 'user-function', offset: 1, operator: 'project:v' });
    expect(letter!.message).toContain('user function score: too much: 2');
  });

  it('that are asynchronous are refused when the pipeline starts', async () => {
    const code = 'export const score = async (amount) => amount;';
    await expect(world.startSql(sql, { modules: [module(code)] })).rejects.toMatchObject({
      code: 'ENGINE_USER_FUNCTION_ASYNC',
      message: expect.stringContaining('return its value at once'),
    });
  });

  it('that answer with a promise send the row to dead letters', async () => {
    const code = 'export const score = (amount) => amount > 1 ? Promise.reject(new Error("later")) : amount;';
    const running = await world.startSql(sql, { modules: [module(code)] });
    await world.write('events', [event(0, { amount: 1 }), event(1, { amount: 2 })]);
    await running.idle();
    expect(world.values('v').map((row) => row.id)).toEqual(['e0']);
    expect(world.letters()[0]).toMatchObject({
      reason: 'user-function',
      message: expect.stringContaining('asynchronous'),
    });
  });

  it('that are missing, and modules that do not load, are refused by name', async () => {
    await expect(world.startSql(sql, { modules: [module('export const other = 1;')] })).rejects.toMatchObject({
      code: 'ENGINE_USER_FUNCTION_MISSING',
    });
    await expect(world.startSql(sql, { modules: [module('export const = ;')], name: 'q' })).rejects.toMatchObject({
      code: 'ENGINE_USER_MODULE_INVALID',
    });
  });

  it('that are not the same each time are found out by the replay', async () => {
    const code =
      'let calls = 0; globalThis.headraceTestCalls = (globalThis.headraceTestCalls ?? 0); export const score = () => ++globalThis.headraceTestCalls;';
    const running = await world.startSql(sql, { modules: [module(code)] });
    await world.write('events', [event(0), event(1)]);
    await running.idle();
    await running.stop({ snapshot: false });
    await expect(world.startSql(sql, { modules: [module(code)] })).rejects.toMatchObject({
      code: 'ENGINE_REPLAY_MISMATCH',
    });
  });

  it('of another version are not put to the state of the old one', async () => {
    const running = await world.startSql(sql, { modules: [module('export const score = () => 1;')] });
    await world.write('events', [event(0)]);
    await running.idle();
    await running.stop();
    await expect(world.startSql(sql, { modules: [module('export const score = () => 22;')] })).rejects.toMatchObject({
      code: 'ENGINE_MUST_REBUILD',
    });
  });
});

describe('output topics', () => {
  const view = `CREATE MATERIALIZED VIEW v AS SELECT type, count(*) AS n FROM events GROUP BY type;`;
  const types = Array.from({ length: 20 }, (_, i) => `type ${i}`);

  it('with several partitions get each key in one of them, through a rebuild and a restart', async () => {
    await world.createTopic('v', { partitions: 3, kind: 'upsert' });
    const running = await world.startSql(SOURCE + view);
    const rows = types.map((type, i) => event(i, { type }));
    await world.write('events', rows);
    await running.idle();
    await world.crash(false);
    await world.start();
    const again = await world.startSql(SOURCE + view);
    await world.write('events', rows);
    await again.idle();
    expect(again.status().error).toBeUndefined();
    await again.stop();
    const rebuilt = await world.startSql(SOURCE + view, { rebuild: true });
    await rebuilt.idle();
    const places = new Map<string | null, Set<number>>();
    for (const { key, partition } of world.records('v')) {
      places.set(key, (places.get(key) ?? new Set()).add(partition));
    }
    expect([...places.values()].map((partitions) => partitions.size)).toEqual(types.map(() => 1));
    expect(new Set(world.records('v').map(({ partition }) => partition))).toEqual(new Set([0, 1, 2]));
    expect(world.table('v').map((row) => row.n)).toEqual(types.map(() => 2));
    expect(world.log.topic('v')!.properties).toMatchObject({ pipeline: 'p', view: 'v', key: '["type"]' });
  });

  it('of another kind than the view makes are refused', async () => {
    await world.createTopic('v');
    await expect(world.startSql(SOURCE + view)).rejects.toMatchObject({ code: 'ENGINE_OUTPUT_KIND' });
  });
});
