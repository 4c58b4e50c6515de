import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EngineWorld, sqlPipeline } from '../engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('events');
});

afterEach(() => world.stop());

const SOURCE = `
CREATE SOURCE events (id text, type text, time timestamptz, n int8,
  WATERMARK FOR time AS time - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
`;
const COUNTS = `${SOURCE}CREATE MATERIALIZED VIEW counts AS SELECT type, count(*) AS rows FROM events GROUP BY type;`;
const SUMS = `${SOURCE}CREATE MATERIALIZED VIEW counts AS SELECT type, count(*) AS rows, sum(n) AS total FROM events WHERE type <> 'c' GROUP BY type;`;

const event = (id: number, type: string): object => ({ id: `e${id}`, type, time: at(id), n: id });

/** Builds a version beside the present one and waits for its cut-over. */
async function rebuild(sql: string) {
  const build = await world.engine.build(await sqlPipeline(sql));
  return build.done;
}

describe('a version that is built beside the present one', () => {
  it('takes its place with the difference: rows that are the same are not touched', async () => {
    const running = await world.startSql(COUNTS);
    await world.write('events', [event(1, 'a'), event(2, 'b'), event(3, 'c')]);
    await running.idle();
    const same = COUNTS.replace('count(*) AS rows', "count(*) + CASE type WHEN 'b' THEN 1 ELSE 0 END AS rows").replace(
      'GROUP',
      "WHERE type <> 'c' GROUP",
    );
    const cutOver = await rebuild(same);
    expect(cutOver).toMatchObject({ version: 2, outputs: [{}, { topic: 'counts', written: 1, deleted: 1 }] });
    expect(world.records('counts').slice(3)).toEqual([
      { partition: 0, key: '["c"]', value: null },
      { partition: 0, key: '["b"]', value: { type: 'b', rows: 2 } },
    ]);
  });

  it('goes on from there, and after a crash', async () => {
    const running = await world.startSql(COUNTS);
    await world.write('events', [event(1, 'a'), event(3, 'c')]);
    await running.idle();
    await rebuild(SUMS);
    await world.write('events', [event(5, 'a')]);
    await world.engine.pipelines()[0]!.idle();
    expect(world.table('counts')).toEqual([{ type: 'a', rows: 2, total: 6 }]);
    await world.crash(true);
    await world.start();
    await world.startSql(SUMS);
    await world.write('events', [event(6, 'a')]);
    await world.engine.pipelines()[0]!.idle();
    expect(world.table('counts')).toEqual([{ type: 'a', rows: 3, total: 12 }]);
  });

  it('leaves nothing of the former version behind', async () => {
    const running = await world.startSql(COUNTS);
    await world.write('events', [event(1, 'a')]);
    await running.idle();
    await rebuild(SUMS);
    expect(world.log.topics().map(({ name }) => name)).toEqual(['events', 'counts', '_dead_letters']);
    const journal = [...world.log.ledgerEntries('journal').keys()];
    expect(journal.map((key) => key.slice(0, 4))).toEqual(journal.map(() => 'p@2/'));
    expect(world.log.ledgerGet('snapshot', 'p')).toBeUndefined();
    expect(world.engine.stored()).toMatchObject([{ name: 'p', version: 2, building: undefined }]);
  });

  it('is invisible until then, and the former one goes on', async () => {
    const running = await world.startSql(COUNTS);
    await world.write('events', [event(1, 'a')]);
    await running.idle();
    await world.stop();
    await world.start();
    await world.startSql(COUNTS);
    const build = await world.engine.build(await sqlPipeline(SUMS));
    expect(world.table('counts')).toEqual([{ type: 'a', rows: 1 }]);
    await world.write('events', [event(2, 'a')]);
    await build.done;
    expect(world.table('counts')).toEqual([{ type: 'a', rows: 2, total: 3 }]);
  });
});
