import { afterEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from '../engine-world.fixture.ts';
import { RETRY_DELAY_MS } from '../limits.ts';

const SOURCE = `
CREATE SOURCE events (id text, type text, time timestamptz, amount bigint,
  WATERMARK FOR time AS time - INTERVAL '20 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 minute', future_limit = '30 days');
`;
const TOTALS = `${SOURCE}
CREATE MATERIALIZED VIEW totals AS
SELECT window_start, window_end, type, count(*) AS n, sum(amount) AS total
FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, window_end, type;
`;
/** Not made of partial rows: all rows go over. */
const VALUES = `${SOURCE}
CREATE MATERIALIZED VIEW totals AS
SELECT window_start, window_end, type, count(DISTINCT amount) AS n, string_agg(id, ',' ORDER BY id) AS ids
FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, window_end, type;
`;
const ROWS_EACH = 60;

let world: EngineWorld;

afterEach(() => world.stop());

async function open(workers: number, partitions: number, snapshotIntervalMs?: number): Promise<void> {
  world = await EngineWorld.open({ workers, ...(snapshotIntervalMs !== undefined && { snapshotIntervalMs }) });
  await world.createTopic('events', { partitions });
}

/** One event each second, dealt out to the partitions. */
async function fill(from: number, to: number, partitionOf: (i: number) => number, type = (i: number) => `t${i % 7}`) {
  for (let i = from; i < to; i++) {
    await world.write('events', [{ id: `e${i}`, type: type(i), time: at(i), amount: i }], partitionOf(i));
  }
}

function sorted(): readonly string[] {
  return world
    .table('totals')
    .map((row) => JSON.stringify(row))
    .sort();
}

async function resultOf(sql: string, workers: number): Promise<readonly string[]> {
  await open(workers, 4);
  await fill(0, 150, (i) => i % 4);
  const running = await world.startSql(sql, { bounded: true });
  await running.idle();
  await fill(150, 200, (i) => i % 4);
  await running.idle();
  expect(running.status()).toMatchObject({ state: 'running', lagRecords: 0, lateRows: 0 });
  const rows = sorted();
  await world.stop();
  return rows;
}

describe('a pipeline on several workers', () => {
  it.each([
    ['made of partial rows', TOTALS],
    ['of whole rows', VALUES],
  ])('gives what it gives on one: an aggregate %s', async (_, sql) => {
    const one = await resultOf(sql, 1);
    expect(one).toHaveLength(4 * 7);
    expect(await resultOf(sql, 2)).toEqual(one);
    expect(await resultOf(sql, 3)).toEqual(one);
    await open(1, 1);
  });

  it.each([2, 3])('has rows that are in one task beside those of all tasks: once (%i workers)', async (workers) => {
    await open(workers, 4);
    await fill(0, 40, (i) => i % 4);
    const running = await world.startSql(
      `${SOURCE} CREATE MATERIALIZED VIEW totals AS
       SELECT type, count(DISTINCT id) AS n FROM events GROUP BY type
       UNION ALL SELECT 'all' AS type, count(*) AS n FROM (SELECT DISTINCT id FROM events) AS ids
       UNION ALL SELECT 'one' AS type, 1 AS n;`,
      { bounded: true },
    );
    await running.idle();
    const rows = world.table('totals').map(({ type, n }) => `${type} ${n}`);
    expect(rows.sort()).toEqual(['all 40', 'one 1', 't0 6', 't1 6', 't2 6', 't3 6', 't4 6', 't5 5', 't6 5']);
  });

  it('calls late what was late in its own partition, and nothing else, however uneven the partitions are', async () => {
    await open(2, 4);
    // The second partition is far ahead of the first, which has most of the rows; the last two are empty.
    await fill(0, 300, (i) => (i % 10 === 0 ? 1 : 0));
    await world.write('events', [{ id: 'old', type: 't0', time: at(1), amount: 1 }], 1);
    const running = await world.startSql(VALUES, { bounded: true });
    await running.idle({ closeWindows: true });
    const rows = world.table('totals').map(({ ids }) => String(ids).split(',').length);
    expect(rows.reduce((sum, n) => sum + n, 0)).toBe(300);
    const [letter, ...others] = world.letters();
    expect(others).toEqual([]);
    // With its bytes as they stand in the log, though they did not come over the exchange.
    expect(letter).toMatchObject({ topic: 'events', partition: 1, offset: 30, reason: 'late', pipeline: 'p' });
    expect(JSON.parse(String(letter!.value))).toEqual({ id: 'old', type: 't0', time: at(1), amount: 1 });
  });

  it('says of the rows of partial groups which was late, before they are merged', async () => {
    await open(2, 2);
    await fill(0, 200, (i) => i % 2);
    await world.write('events', [{ id: 'old', type: 't0', time: at(1), amount: 1 }], 1);
    const running = await world.startSql(TOTALS, { bounded: true });
    await running.idle();
    expect(world.letters()).toMatchObject([{ topic: 'events', partition: 1, offset: 100, reason: 'late' }]);
    expect(running.status().lateRows).toBe(1);
  });

  it('closes the windows of a stream that falls quiet, once all tasks have', async () => {
    await open(2, 2);
    const final = TOTALS.trimEnd().replace(/;$/, ' EMIT ON WINDOW CLOSE;');
    const running = await world.startSql(final);
    await fill(0, ROWS_EACH, (i) => i % 2);
    await running.idle();
    expect(world.values('totals')).toEqual([]);
    for (let turn = 0; turn < 8; turn++) {
      world.clock.advance(30_000);
      await running.idle();
    }
    expect(world.values('totals')).toHaveLength(7);
  });

  it('goes on with what it had after a clean stop, and after a crash', async () => {
    await open(2, 4);
    await fill(0, 60, (i) => i % 4);
    const first = await world.startSql(VALUES, { bounded: true });
    await first.idle();
    await first.stop();
    await fill(60, 120, (i) => i % 4);
    const second = await world.startSql(VALUES, { bounded: true });
    await second.idle();
    await fill(120, 180, (i) => i % 4);
    await world.crash(false);
    await world.start();
    const third = await world.startSql(VALUES, { bounded: true });
    await third.idle();
    const rows = world.table('totals').map(({ ids }) => String(ids).split(',').length);
    expect(rows.reduce((sum, n) => sum + n, 0)).toBe(180);
  });

  it('waits when the disk is full, and goes on when space returns: nothing is lost or doubled', async () => {
    await open(2, 2);
    const running = await world.startSql(VALUES, { bounded: true });
    await fill(0, 40, (i) => i % 2);
    await running.idle();
    await fill(40, 80, (i) => i % 2);
    world.fault = (kind) => (kind === 'write' ? 'ENOSPC' : undefined);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(running.status()).toMatchObject({ state: 'retrying', error: { code: 'LOG_DISK_FULL' } });
    const waiting = running.idle();
    world.fault = undefined;
    world.clock.advance(10 * RETRY_DELAY_MS);
    await waiting;
    expect(running.status()).toMatchObject({ state: 'running', error: undefined, lagRecords: 0 });
    const rows = world.table('totals').map(({ ids }) => String(ids).split(',').length);
    expect(rows.reduce((sum, n) => sum + n, 0)).toBe(80);
  });

  it('keeps the number of workers that its state was made for, until it is rebuilt', async () => {
    await open(1, 4);
    await fill(0, 60, (i) => i % 4);
    await (await world.startSql(VALUES, { bounded: true })).idle();
    await world.stop();
    world.workers = 2;
    await world.start();
    const kept = await world.startSql(VALUES, { bounded: true });
    await kept.idle();
    expect(kept.status().operators.map(({ kind }) => kind)).not.toContain('exchange');
    await kept.stop();
    const rebuilt = await world.startSql(VALUES, { bounded: true, rebuild: true });
    await rebuilt.idle();
    expect(rebuilt.status().operators.map(({ kind }) => kind)).toContain('exchange');
    const rows = world.table('totals').map(({ ids }) => String(ids).split(',').length);
    expect(rows.reduce((sum, n) => sum + n, 0)).toBe(60);
  });

  it('shows its exchanges to nobody, trims them behind its snapshots, and takes them with it', async () => {
    await open(2, 2, 0);
    const running = await world.startSql(VALUES, { bounded: true });
    await fill(0, 100, (i) => i % 2);
    await running.idle();
    const topic = '__exchange.p.1.0';
    const written = world.endOf(topic) + world.endOf(topic, 1);
    expect(written).toBeGreaterThan(0);
    expect(world.log.topics().map(({ name }) => name)).not.toContain(topic);
    await running.stop();
    world.clock.advance(1_000);
    await world.log.applyRetention();
    const starts = [0, 1].map((partition) => Number(world.log.bounds(topic, partition).logStart));
    expect(starts).toEqual([world.endOf(topic), world.endOf(topic, 1)]);
    await world.engine.drop('p', { topics: true });
    expect(world.log.topic(topic)).toBeUndefined();
  });

  it('loses nothing of an exchange before its pipeline is started', async () => {
    await open(2, 2);
    const running = await world.startSql(VALUES, { bounded: true });
    await fill(0, 50, (i) => i % 2);
    await running.idle();
    const topic = '__exchange.p.1.0';
    await world.crash(false);
    await world.start();
    world.clock.advance(1_000);
    await world.log.applyRetention();
    expect(Number(world.log.bounds(topic, 0).logStart)).toBe(0);
    await (await world.startSql(VALUES, { bounded: true })).idle();
    expect(sorted().length).toBeGreaterThan(0);
  });
});
