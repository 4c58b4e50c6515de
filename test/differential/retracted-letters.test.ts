import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { EngineWorld, seededRandom, sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import { encodeRecordBatch } from '../../src/log/record-batch.ts';
import { RandomSource } from './random-source.ts';

const TABLE = `CREATE TABLE u (id int4 PRIMARY KEY, k int4, i int4) WITH (topic = 'u', format = 'json');`;
const SEEDS = 12;

interface Row {
  readonly id: number;
  readonly k: number;
  readonly i: number;
}

/** Views in which each row with `i = 0` fails once. */
const VIEWS: readonly { readonly what: string; readonly sql: string }[] = [
  { what: 'a projection', sql: 'SELECT id, 10 / i AS q FROM u' },
  { what: 'a filter', sql: 'SELECT id FROM u WHERE 10 / i > 0' },
  { what: 'an aggregate', sql: 'SELECT k, sum(10 / i) AS q FROM u GROUP BY k' },
  {
    what: 'an aggregate that keeps values',
    sql: "SELECT k, max(10 / i) AS q, string_agg(id::text, ',' ORDER BY id) AS ids FROM u GROUP BY k",
  },
  { what: 'a key of groups', sql: 'SELECT 10 / i AS q, count(*) AS n FROM u GROUP BY 1' },
  { what: 'DISTINCT', sql: 'SELECT DISTINCT 10 / i AS q FROM u' },
  {
    what: 'top-N',
    sql: 'SELECT id FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY 10 / i, id) AS n FROM u) AS x WHERE n <= 2',
  },
  { what: 'OVER', sql: 'SELECT id, sum(10 / i) OVER (PARTITION BY k ORDER BY id) AS q FROM u' },
  { what: 'a key of a join', sql: 'SELECT u.id, w.id AS other FROM u JOIN (SELECT id FROM u) AS w ON w.id = 10 / u.i' },
  { what: 'a table function', sql: 'SELECT id, g.v FROM u, generate_series(1, 10 / i) AS g(v)' },
];

describe('taking back a row whose expression fails takes back its dead letter', () => {
  let world: EngineWorld;

  for (const { what, sql } of VIEWS) {
    it(`in ${what}`, async () => {
      for (let seed = 1; seed <= SEEDS; seed++) await follow(sql, seed);
    });
  }

  async function follow(sql: string, seed: number): Promise<void> {
    const random = new RandomSource(seed);
    world = await EngineWorld.open({
      random: seededRandom(seed),
      ...(random.chance(0.5) && { snapshotIntervalMs: 1 }),
    });
    await world.createTopic('u');
    const pipeline = await sqlPipeline(`${TABLE}\nCREATE MATERIALIZED VIEW v AS ${sql};`);
    let running = await world.startPipeline(pipeline, { bounded: true });
    const standing = new Map<number, Row>();
    for (let step = 0; step < 5; step++) {
      const changes = Array.from({ length: 1 + random.below(6) }, () => change(random));
      await write(changes);
      for (const { id, row } of changes) {
        if (row === undefined) standing.delete(id);
        else standing.set(id, row);
      }
      world.clock.advance(1_000);
      await running.idle();
      const failing = [...standing.values()].filter(({ i }) => i === 0).map(({ id }) => id);
      expect(standingLetters(), `seed ${seed}, step ${step}`).toEqual(failing.sort((a, b) => a - b));
      if (!random.chance(0.3)) continue;
      await world.crash(random.chance(0.5));
      await world.start();
      running = await world.startPipeline(pipeline, { bounded: true });
    }
    await world.stop();
  }

  const change = (random: RandomSource): { readonly id: number; readonly row: Row | undefined } => {
    const id = random.below(5);
    return { id, row: random.chance(0.25) ? undefined : { id, k: random.below(2), i: random.below(3) } };
  };

  async function write(changes: readonly { readonly id: number; readonly row: Row | undefined }[]): Promise<void> {
    const records = changes.map(({ id, row }) => ({
      key: utf8(`key ${id}`),
      value: row === undefined ? null : utf8(JSON.stringify(row)),
      timestamp: world.clock.now(),
    }));
    await world.log.commit({ appends: [{ topic: 'u', partition: 0, ...encodeRecordBatch(records) }], puts: [] });
  }

  /** Rows of dead letters that were not taken back. */
  function standingLetters(): readonly number[] {
    const counts = new Map<number, number>();
    for (const { value, retracts } of world.letters()) {
      const { id } = JSON.parse(value!) as Row;
      counts.set(id, (counts.get(id) ?? 0) + (retracts === true ? -1 : 1));
    }
    const ids: number[] = [];
    for (const [id, count] of counts) for (let i = 0; i < count; i++) ids.push(id);
    if ([...counts.values()].some((count) => count < 0)) throw new Error('a letter that never came is taken back');
    return ids.sort((a, b) => a - b);
  }
});
