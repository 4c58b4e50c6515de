import { afterEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from './engine-world.fixture.ts';

let world: EngineWorld;
afterEach(() => world.stop());

const SOURCE = `
CREATE SOURCE events (id text, k int8, time timestamptz, note text,
  WATERMARK FOR time AS time - INTERVAL '1 hour'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 day', future_limit = '1 day');
`;
const BATCHES_MAX = 60;
/** What a batch has: few large rows for what keeps their bytes, many small ones for what counts them. */
interface Shape {
  readonly rows: number;
  readonly bytes: number;
  /** Of the worker, MiB: room for the batches and little more. */
  readonly memory: number;
}
const LARGE: Shape = { rows: 500, bytes: 300, memory: 24 };
const SMALL: Shape = { rows: 4_000, bytes: 0, memory: 12 };

/** Rows of different ids and keys. */
const batch = (number: number, { rows, bytes }: Shape): object[] =>
  Array.from({ length: rows }, (_, i) => {
    const k = number * rows + i;
    return { id: `id of event ${k} `.padEnd(bytes, 'x'), k, time: at(k / 1000), note: `note ${k} `.padEnd(bytes, 'y') };
  });

describe('a worker whose memory is used up', () => {
  it.each([
    [
      'deduplication',
      `CREATE VIEW v WITH (ttl = '1 day') AS SELECT DISTINCT ON (id) id, k, time FROM events;`,
      'deduplicate:',
    ],
    ['groups', `CREATE VIEW v AS SELECT id, count(*) AS k FROM events GROUP BY id;`, 'aggregate:'],
    [
      'distinct values of a group',
      `CREATE VIEW v AS SELECT 1 AS g, count(DISTINCT id) AS k FROM events;`,
      'aggregate:',
    ],
    ['distinct rows', `CREATE VIEW v AS SELECT DISTINCT id, k FROM events;`, 'distinct:'],
    [
      'the last row of each key',
      `CREATE VIEW v AS SELECT DISTINCT ON (k) k, id, time FROM events ORDER BY k, time DESC;`,
      'top-n:',
    ],
    ['kept rows', `CREATE VIEW v AS SELECT a.k, a.id, b.note FROM events AS a JOIN events AS b ON a.k = b.k;`, 'join:'],
    [
      'rows that JavaScript holds',
      `CREATE VIEW v AS SELECT sum(k) OVER (PARTITION BY id ORDER BY time RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW) AS k FROM events;`,
      'over:',
    ],
  ])('stops the pipeline, says whose state it is, and loses nothing: %s', async (what, view, operator) => {
    const shape = what.includes('JavaScript') ? SMALL : LARGE;
    const sql = `${SOURCE}${view} CREATE MATERIALIZED VIEW result AS SELECT count(*) AS n, sum(k) AS s FROM v;`;
    world = await EngineWorld.open({ memoryBytesMax: shape.memory * 1024 ** 2 });
    await world.createTopic('events');
    const running = await world.startSql(sql);
    let batches = 0;
    while (running.status().state === 'running' && batches < BATCHES_MAX) {
      await world.write('events', batch(batches++, shape));
      await running.idle().catch(() => {});
    }
    const { state, error } = running.status();
    expect(state).toBe('failed');
    expect(error).toMatchObject({ code: 'ENGINE_OUT_OF_MEMORY' });
    expect(error?.message).toMatch(
      /^running pipeline "p": the memory of its worker \(\d+\.0 MiB\) is used up at operator /,
    );
    expect(error?.message).toContain(`at operator ${operator}`);
    expect(error?.message).toMatch(
      /holds \d+\.\d MiB of \d+ keys or rows.*nothing is lost: raise engine.worker_memory_max/,
    );
    expect(world.letters()).toEqual([]);

    await world.stop();
    world.memoryBytesMax = 2 ** 28;
    await world.start();
    const again = await world.startSql(sql);
    await again.idle();
    const larger = world.table('result');
    await world.stop();

    world = await EngineWorld.open();
    await world.createTopic('events');
    const whole = await world.startSql(sql);
    for (let number = 0; number < batches; number++) await world.write('events', batch(number, shape));
    await whole.idle();
    expect(larger).toEqual(world.table('result'));
  });
});
