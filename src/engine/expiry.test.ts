import { afterEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from './engine-world.fixture.ts';

let world: EngineWorld;
afterEach(() => world.stop());

const SOURCE = (name: string): string => `
CREATE SOURCE ${name} (id text, k int8, x float8, time timestamptz, WATERMARK FOR time AS time - INTERVAL '1 second')
WITH (topic = '${name}', format = 'json', idle_timeout = '1 day', future_limit = '30 days');`;

/** Each keeps what it needs for about 20 seconds of event time. */
const VIEWS: readonly (readonly [string, string])[] = [
  [
    'deduplication',
    `CREATE VIEW v WITH (ttl = '20 seconds') AS SELECT DISTINCT ON (id) id, k, time FROM a;
     CREATE MATERIALIZED VIEW r AS SELECT id, k FROM v;`,
  ],
  [
    'windows',
    `CREATE MATERIALIZED VIEW r AS SELECT window_start, window_end, id, count(*) AS n, sum(x) AS s, count(DISTINCT k) AS ks
     FROM TUMBLE(a, time, INTERVAL '20 seconds') GROUP BY window_start, window_end, id;`,
  ],
  [
    'windows row by row',
    `CREATE MATERIALIZED VIEW r AS SELECT window_start, window_end, id, string_agg(id, ',' ORDER BY k) AS ids
     FROM TUMBLE(a, time, INTERVAL '20 seconds') GROUP BY window_start, window_end, id;`,
  ],
  [
    'sessions',
    `CREATE MATERIALIZED VIEW r AS SELECT id, count(*) AS n, window_end FROM SESSION(a, time, INTERVAL '10 seconds')
     GROUP BY id, window_start, window_end;`,
  ],
  [
    'join in time',
    `CREATE MATERIALIZED VIEW r AS SELECT a.id, b.k FROM a JOIN b ON a.id = b.id
     AND b.time BETWEEN a.time - INTERVAL '10 seconds' AND a.time + INTERVAL '10 seconds';`,
  ],
  [
    'join with a time-to-live',
    `CREATE MATERIALIZED VIEW r WITH (ttl = '20 seconds') AS SELECT a.id, b.k FROM a LEFT JOIN b ON a.id = b.id;`,
  ],
  [
    'the first rows of windows',
    `CREATE MATERIALIZED VIEW r AS SELECT * FROM (SELECT window_end, id, x, row_number() OVER (PARTITION BY window_start, window_end
     ORDER BY x DESC) AS place FROM TUMBLE(a, time, INTERVAL '20 seconds')) AS t WHERE place <= 50;`,
  ],
  [
    'frames in time',
    `CREATE MATERIALIZED VIEW r AS SELECT id, sum(x) OVER (PARTITION BY id ORDER BY time RANGE BETWEEN INTERVAL '20 seconds' PRECEDING
     AND CURRENT ROW) AS s FROM a;`,
  ],
  [
    'distinct rows of windows',
    `CREATE MATERIALIZED VIEW r AS SELECT DISTINCT window_start, window_end, id FROM TUMBLE(a, time, INTERVAL '20 seconds');`,
  ],
];

const STEPS = 36;
const STEP_SECONDS = 5;
const ROWS = 60;

/** Ids that nobody has had before; long enough to have memory of their own. */
const batch = (step: number): object[] =>
  Array.from({ length: ROWS }, (_, i) => ({
    id: `an id of more than fifteen bytes, number ${step * ROWS + i}`,
    k: i,
    x: i / 2,
    time: at(step * STEP_SECONDS + (i * STEP_SECONDS) / ROWS),
  }));

describe('state that expires', () => {
  it.each(VIEWS)('is freed, or its memory taken again, however long it goes on: %s', async (_what, view) => {
    world = await EngineWorld.open();
    await world.createTopic('a');
    await world.createTopic('b');
    const sources = view.includes('JOIN b') ? SOURCE('a') + SOURCE('b') : SOURCE('a');
    const running = await world.startSql(sources + view);
    const held: { readonly state: number; readonly keys: number; readonly memory: number }[] = [];
    for (let step = 0; step < STEPS; step++) {
      await world.write('a', batch(step));
      if (view.includes('JOIN b')) await world.write('b', batch(step));
      await running.idle();
      const { operators, memoryBytes: memory } = running.status();
      // The output numbers the rows of the view, which stand for ever.
      const kept = operators.filter(({ kind }) => kind !== 'output');
      const state = kept.reduce((sum, { stateBytes }) => sum + stateBytes, 0);
      const keys = kept.reduce((sum, { stateKeys }) => sum + stateKeys, 0);
      held.push({ state, keys, memory });
    }
    // Nine times what it keeps has gone by; the first third is as much as it ever takes.
    const most = (what: 'state' | 'keys' | 'memory', from: number, to: number): number =>
      Math.max(...held.slice(from, to).map((one) => one[what]));
    const third = STEPS / 3;
    expect(most('keys', 0, third)).toBeGreaterThan(0);
    for (const what of ['state', 'keys', 'memory'] as const) {
      expect(most(what, 2 * third, STEPS), what).toBeLessThanOrEqual(most(what, 0, third) * 1.02);
    }
  });
});
