import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from './engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('events');
});

afterEach(() => world.stop());

const SOURCE = `
CREATE SOURCE events (id text NOT NULL, time timestamptz, url text, agent text, day text, tags text[], doc jsonb, n int8,
  WATERMARK FOR time AS time - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
`;

async function run(sql: string, rows: readonly unknown[]): Promise<void> {
  const running = await world.startSql(SOURCE + sql);
  await world.write('events', rows);
  await running.idle();
}

describe('functions in a pipeline', () => {
  it('of text, patterns, URLs, arrays, jsonb, numbers and time', async () => {
    await run(
      `CREATE MATERIALIZED VIEW v AS SELECT id,
         url_host(url) AS host, url_query_param(url, 'q') AS q, (regexp_match(url, '/docs/([a-z]+)'))[1] AS page,
         to_date(day, 'DD Mon YYYY') AS day, 'x' = ANY (tags) AS marked, cardinality(tags || 'z') AS tags,
         doc @> '{"a": 1}' AS has, jsonb_set(doc, '{b}', '2') AS doc, power(1.1, 2) AS exact, md5(id) AS hash,
         to_char(time AT TIME ZONE 'Europe/Berlin', 'HH24:MI') AS here, n & 6 AS bits
       FROM events;`,
      [
        {
          id: 'e1',
          time: at(0),
          url: 'https://example.com/docs/api?q=big+cat',
          day: '05 Dec 2026',
          tags: ['x', 'y'],
          doc: { a: 1 },
          n: 7,
        },
        { id: 'e2', time: at(1) },
      ],
    );
    expect(world.letters()).toEqual([]);
    const hour = new Date(at(0)).toLocaleTimeString('sv-SE', { timeZone: 'Europe/Berlin', timeStyle: 'short' });
    expect(world.values('v')).toMatchObject([
      {
        id: 'e1',
        host: 'example.com',
        q: 'big cat',
        page: 'api',
        day: '2026-12-05',
        marked: true,
        tags: 3,
        has: true,
        doc: { a: 1, b: 2 },
        exact: 1.21,
        hash: 'cd3dc8b6cffb41e4163dcbd857ca87da',
        here: hour,
        bits: 6,
      },
      { id: 'e2', host: null, page: null, day: null, marked: null, tags: 1, has: null, doc: null, bits: null },
    ]);
  });

  it('that fail put the row in dead letters, and the others go on', async () => {
    await run("CREATE MATERIALIZED VIEW v AS SELECT id, to_date(day, 'YYYY-MM-DD') AS day FROM events;", [
      { id: 'e1', time: at(0), day: '2026-02-30' },
      { id: 'e2', time: at(1), day: '2026-02-28' },
    ]);
    expect(world.values('v')).toMatchObject([{ id: 'e2', day: '2026-02-28' }]);
    expect(world.letters()).toMatchObject([{ reason: 'expression' }]);
  });
});
