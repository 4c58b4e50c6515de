import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from '../engine-world.fixture.ts';
import { decodeSnapshotPointer, encodeSnapshotPointer, SNAPSHOT_SPACE } from './journal.ts';
import { SNAPSHOT_03, SNAPSHOT_03_GZIP } from './snapshot-03.fixture.ts';

const SQL = `
CREATE SOURCE events (id text, k int8, kind text, amount float8, time timestamptz,
  WATERMARK FOR time AS time - INTERVAL '5 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 day', future_limit = '1 day');
CREATE VIEW once WITH (ttl = '1 hour') AS SELECT DISTINCT ON (id) * FROM events;
CREATE MATERIALIZED VIEW totals AS
SELECT window_start, window_end, kind, count(*) AS n, sum(amount) AS total, count(DISTINCT k) AS ks
FROM TUMBLE(once, time, INTERVAL '1 minute') GROUP BY window_start, window_end, kind;
CREATE MATERIALIZED VIEW pairs AS SELECT a.id AS a, b.id AS b FROM events AS a JOIN events AS b ON a.k = b.k AND a.amount < b.amount;
CREATE MATERIALIZED VIEW kinds AS SELECT DISTINCT kind, k FROM events;
CREATE MATERIALIZED VIEW latest AS SELECT DISTINCT ON (k) k, id, amount FROM events ORDER BY k, time DESC;
CREATE MATERIALIZED VIEW running AS SELECT id, k, sum(amount) OVER (PARTITION BY k ORDER BY time ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s FROM events;
`;
const VIEWS = ['totals', 'pairs', 'kinds', 'latest', 'running'];

const event = (n: number): object => ({
  id: `event ${n % 50}`,
  k: n % 7,
  kind: n % 3 === 0 ? 'a kind with a long name' : `k${n % 3}`,
  amount: n / 4,
  time: at(n),
});
const batch = (number: number): object[] => Array.from({ length: 15 }, (_, i) => event(number * 15 + i));

let world: EngineWorld;
afterEach(() => world.stop());

/** What the events after the snapshot lead to in each view: the whole run, less what it wrote before. */
async function expectedSuffix(): Promise<{ readonly versions: object; readonly rows: unknown }> {
  world = await EngineWorld.open();
  await world.createTopic('events');
  const running = await world.startSql(SQL);
  for (let number = 0; number < 4; number++) {
    await world.write('events', batch(number));
    await running.idle();
  }
  const ends = VIEWS.map((view) => world.records(view).length);
  for (let number = 4; number < 7; number++) await world.write('events', batch(number));
  await running.idle();
  const rows = VIEWS.map((view, i) => world.records(view).slice(ends[i]));
  await running.stop();
  const { versions } = decodeSnapshotPointer(world.log.ledgerGet(SNAPSHOT_SPACE, 'p')!);
  await world.stop();
  return { versions, rows };
}

describe('a snapshot in an older format', () => {
  it('HRSNAP03 is read, and the pipeline goes on from it', async () => {
    const { versions, rows } = await expectedSuffix();
    world = await EngineWorld.open();
    await world.createTopic('events');
    for (let number = 0; number < 4; number++) await world.write('events', batch(number));
    const bytes = gunzipSync(Buffer.from(SNAPSHOT_03_GZIP, 'base64'));
    const path = `/data/snapshots/p/${SNAPSHOT_03.file}`;
    await world.disk.run([
      { kind: 'make-directory', path: '/data/snapshots/p' },
      { kind: 'write', path, position: 0, buffers: [bytes] },
      { kind: 'sync', path },
    ]);
    const pointer = { ...SNAPSHOT_03, versions: versions as { engine: number; plan: string; modules: string[] } };
    const value = encodeSnapshotPointer(pointer);
    await world.log.commit({ appends: [], puts: [{ space: SNAPSHOT_SPACE, key: 'p', value }] });
    const running = await world.startSql(SQL);
    expect(running.status()).toMatchObject({ epoch: SNAPSHOT_03.epoch, snapshotEpoch: SNAPSHOT_03.epoch });
    for (let number = 4; number < 7; number++) await world.write('events', batch(number));
    await running.idle();
    expect(VIEWS.map((view) => world.records(view))).toEqual(rows);
    // What is written next is whole, and in the format of today.
    await running.stop();
    const next = decodeSnapshotPointer(world.log.ledgerGet(SNAPSHOT_SPACE, 'p')!);
    expect(next.before).toEqual([]);
    expect(next.shares?.every(({ isDelta }) => !isDelta)).toBe(true);
  });
});
