import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { DEAD_LETTER_TOPIC } from '../log/dead-letter.ts';
import { encodeRecordBatch } from '../log/record-batch.ts';
import type { RunningPipeline } from './engine.ts';
import { at, EngineWorld, sqlPipeline } from './engine-world.fixture.ts';
import { CHUNK_BYTES, RETRY_DELAY_MS, SNAPSHOT_QUIET_MS } from './limits.ts';
import {
  decodeJournalRecord,
  decodeSnapshotPointer,
  encodeJournalRecord,
  JOURNAL_SPACE,
  SNAPSHOT_SPACE,
} from './task/journal.ts';
import { filesOf } from './task/snapshot-chain.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('events');
});

afterEach(() => world.stop());

const SQL = `
CREATE SOURCE events (id text, type text, time timestamptz, amount float8,
  WATERMARK FOR time AS time - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
CREATE VIEW once WITH (ttl = '1 hour') AS SELECT DISTINCT ON (id) * FROM events;
CREATE MATERIALIZED VIEW totals AS
SELECT window_start, window_end, type, count(*) AS n, sum(amount) AS total
FROM TUMBLE(once, time, INTERVAL '1 minute') GROUP BY window_start, window_end, type;
CREATE MATERIALIZED VIEW rows AS SELECT id, amount FROM once;
`;

const event = (id: number, more: object = {}): object => ({
  id: `e${id}`,
  type: id % 2 === 0 ? 'even' : 'odd',
  time: at(id),
  amount: id / 10,
  ...more,
});

const events = (from: number, to: number): object[] => Array.from({ length: to - from }, (_, i) => event(from + i));
const ids = (): unknown[] => world.values('rows').map((row) => row.id);
const expectedIds = (to: number): string[] => Array.from({ length: to }, (_, i) => `e${i}`);
const pointer = () => {
  const stored = world.log.ledgerGet(SNAPSHOT_SPACE, 'p');
  return stored === undefined ? undefined : decodeSnapshotPointer(stored);
};
const kept = () => [...world.log.ledgerEntries(JOURNAL_SPACE).values()].map(decodeJournalRecord);
/** What a recovery would replay. */
const journal = () => kept().filter(({ epoch }) => epoch > (pointer()?.epoch ?? 0));
const snapshotFiles = () => world.disk.paths().filter((name) => name.endsWith('.snapshot'));

function damage(path: string): void {
  world.disk.content(path)[60]! ^= 1;
}

async function restart(sql = SQL): Promise<RunningPipeline> {
  await world.crash(false);
  await world.start();
  return world.startSql(sql);
}

/** Lets what is waiting in the event loop happen. */
async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('snapshots', () => {
  it('are taken when a pipeline falls quiet: a crash afterwards has nothing to replay', async () => {
    const running = await world.startSql(SQL);
    await world.write('events', events(0, 50));
    await running.idle();
    expect(journal()).not.toEqual([]);
    world.clock.advance(SNAPSHOT_QUIET_MS);
    await turns();
    expect(journal()).toEqual([]);
    expect(running.status().snapshotEpoch).toBe(running.status().epoch);
    const again = await restart();
    await world.write('events', events(40, 60));
    await again.idle();
    expect(ids()).toEqual(expectedIds(60));
  });

  it('are taken by a clean stop', async () => {
    const running = await world.startSql(SQL);
    await world.write('events', events(0, 50));
    await running.idle();
    await running.stop();
    expect(journal()).toEqual([]);
    expect(pointer()!.positions).toEqual([{ topic: 'events', partition: 0, offset: 50 }]);
  });

  it('that the disk refuses are given up, said, and tried again; the pipeline goes on', async () => {
    const running = await world.startSql(SQL);
    world.fault = (kind, path) => (kind === 'sync' && path.includes('snapshots') ? 'EIO' : undefined);
    await world.write('events', events(0, 50));
    await running.idle();
    world.clock.advance(SNAPSHOT_QUIET_MS);
    await turns();
    expect(running.status().snapshotEpoch).toBeUndefined();
    world.fault = undefined;
    await world.write('events', events(50, 60));
    await running.idle();
    world.clock.advance(20_000);
    await turns();
    expect(running.status()).toMatchObject({ state: 'running', snapshotEpoch: running.status().epoch });
    expect(ids()).toEqual(expectedIds(60));
  });

  /** Runs that each end with a snapshot. */
  async function runs(...ends: readonly number[]): Promise<void> {
    let from = 0;
    for (const end of ends) {
      const running = await world.startSql(SQL);
      await world.write('events', events(from, end));
      await running.idle();
      await running.stop();
      from = end;
    }
  }

  it.each([
    ['the first, with all that was read', [50]],
    ['one with the one before', [50, 80]],
    ['one after several', [50, 60, 70, 80]],
  ])('that are damaged are done without: %s', async (_, ends) => {
    await runs(...ends);
    damage(snapshotFiles().at(-1)!);
    const again = await world.startSql(SQL);
    await world.write('events', events(ends.at(-1)! - 5, 90));
    await again.idle();
    expect(ids()).toEqual(expectedIds(90));
    expect(world.table('totals').reduce((sum, row) => sum + Number(row.n), 0)).toBe(90);
    // And what is kept from here on is whole.
    const third = await restart();
    await third.stop();
    const last = await world.startSql(SQL);
    await last.idle();
    expect(ids()).toEqual(expectedIds(90));
  });

  it('keep the one before and what replaying from there needs, and nothing older', async () => {
    await runs(50, 60, 70, 80);
    const { former, epoch } = pointer()!;
    const needed = [pointer()!, former!.snapshot!].flatMap(filesOf).map(({ file }) => `/data/snapshots/p/${file}`);
    expect(snapshotFiles()).toEqual([...new Set(needed)].sort());
    expect(former!.snapshot!.epoch).toBeLessThan(epoch);
    expect(Math.min(...kept().map((record) => record.epoch))).toBe(former!.snapshot!.epoch + 1);
  });

  it('of which both are damaged are refused with what can be done, never guessed at', async () => {
    await runs(50, 60, 70);
    for (const path of snapshotFiles()) damage(path);
    await expect(world.startSql(SQL)).rejects.toMatchObject({ code: 'ENGINE_SNAPSHOT_INVALID' });
    expect(world.engine.pipelines()[0]!.status().state).toBe('failed');
    const rebuilt = await world.startSql(SQL, { rebuild: true });
    await rebuilt.idle();
    expect(world.table('totals').reduce((sum, row) => sum + Number(row.n), 0)).toBe(70);
  });

  it('survive a new version of the engine, since nothing is replayed', async () => {
    const running = await world.startSql(SQL);
    await world.write('events', events(0, 10));
    await running.idle();
    await running.stop();
    const newest = pointer()!;
    const older = { ...newest, versions: { ...newest.versions, engine: 1 } };
    const value = new TextEncoder().encode(JSON.stringify({ format: 1, ...older }));
    await world.log.commit({ appends: [], puts: [{ space: SNAPSHOT_SPACE, key: 'p', value }] });
    const again = await world.startSql(SQL);
    await world.write('events', events(5, 12));
    await again.idle();
    expect(ids()).toEqual(expectedIds(12));
  });
});

describe('the disk', () => {
  it('that is full while an epoch commits makes the pipeline wait; it goes on when space returns, and nothing is lost or doubled', async () => {
    const running = await world.startSql(SQL);
    await world.write('events', events(0, 100));
    world.fault = (kind) => (kind === 'write' ? 'ENOSPC' : undefined);
    await turns();
    expect(running.status()).toMatchObject({ state: 'retrying', error: { code: 'LOG_DISK_FULL' } });
    world.clock.advance(RETRY_DELAY_MS);
    await turns();
    expect(running.status().state).toBe('retrying');
    expect(world.values('rows')).toEqual([]);
    const waiting = running.idle();
    world.fault = undefined;
    world.clock.advance(10 * RETRY_DELAY_MS);
    await waiting;
    expect(running.status()).toMatchObject({ state: 'running', error: undefined, lagRecords: 0 });
    await world.write('events', events(90, 120));
    await running.idle();
    expect(ids()).toEqual(expectedIds(120));
    expect(world.table('totals').reduce((sum, row) => sum + Number(row.n), 0)).toBe(120);
  });

  it('that fails an fsync fails the pipeline: its state is discarded, and a restart recovers from the log', async () => {
    const running = await world.startSql(SQL);
    await world.write('events', events(0, 50));
    await running.idle();
    await world.write('events', events(50, 60));
    world.fault = (kind) => (kind === 'sync' ? 'EIO' : undefined);
    await turns();
    expect(running.status()).toMatchObject({ state: 'failed', error: { code: 'LOG_WRITE_FAILED' } });
    await expect(running.idle()).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' });
    world.fault = undefined;
    await world.crash(true);
    await world.start();
    const again = await world.startSql(SQL);
    await again.idle();
    expect(ids()).toEqual(expectedIds(60));
  });
});

describe('replay', () => {
  it('gives the same outputs as the run, by their checksums', async () => {
    const running = await world.startSql(SQL);
    for (let i = 0; i < 10; i++) {
      await world.write('events', [...events(i * 10, i * 10 + 10), event(0), 'not json', event(i, { time: null })]);
      await running.idle();
    }
    const records = journal();
    expect(records.filter((record) => record.outputs.length > 0)).toHaveLength(10);
    const before = { rows: world.records('rows'), totals: world.records('totals'), letters: world.letters() };
    const again = await restart();
    await again.idle();
    expect(again.status().error).toBeUndefined();
    expect({ rows: world.records('rows'), totals: world.records('totals'), letters: world.letters() }).toEqual(before);
    expect(journal()).toEqual(records);
  });

  it('that gives other results than were committed is an error that says so, never silent', async () => {
    const running = await world.startSql(SQL);
    await world.write('events', events(0, 10));
    await running.idle();
    await running.stop({ snapshot: false });
    const [key, value] = [...world.log.ledgerEntries(JOURNAL_SPACE)].find(
      ([, bytes]) => decodeJournalRecord(bytes).ranges.length > 0,
    )!;
    const record = decodeJournalRecord(value);
    const outputs = record.outputs.map((output) => ({ ...output, crc: output.crc ^ 1 }));
    await world.log.commit({
      appends: [],
      puts: [{ space: JOURNAL_SPACE, key, value: encodeJournalRecord({ ...record, outputs }) }],
    });
    await expect(world.startSql(SQL)).rejects.toMatchObject({
      code: 'ENGINE_REPLAY_MISMATCH',
      message: expect.stringContaining('rebuild it'),
    });
    expect(world.values('rows')).toHaveLength(10);
  });

  it('by another version of the engine, the plan or a module is refused', async () => {
    const running = await world.startSql(SQL);
    await world.write('events', events(0, 10));
    await running.idle();
    await running.stop({ snapshot: false });
    await expect(world.startSql(SQL.replace("'1 minute'", "'2 minutes'"))).rejects.toMatchObject({
      code: 'ENGINE_MUST_REBUILD',
    });
    for (const [key, value] of world.log.ledgerEntries(JOURNAL_SPACE)) {
      const record = decodeJournalRecord(value);
      const older = encodeJournalRecord({ ...record, versions: { ...record.versions, engine: 1 } });
      await world.log.commit({ appends: [], puts: [{ space: JOURNAL_SPACE, key, value: older }] });
    }
    await expect(world.startSql(SQL)).rejects.toMatchObject({ code: 'ENGINE_MUST_REBUILD' });
  });

  it('with a record missing from the journal is refused', async () => {
    const running = await world.startSql(SQL);
    for (let i = 0; i < 3; i++) {
      await world.write('events', events(i * 10, i * 10 + 10));
      await running.idle();
    }
    await running.stop({ snapshot: false });
    const second = [...world.log.ledgerEntries(JOURNAL_SPACE).keys()].sort()[1]!;
    await world.log.commit({ appends: [], puts: [{ space: JOURNAL_SPACE, key: second, value: undefined }] });
    await expect(world.startSql(SQL)).rejects.toMatchObject({ code: 'ENGINE_JOURNAL_INVALID' });
  });
});

describe('retention of an input', () => {
  it('stops at the recovery point, and goes on when a snapshot has moved it', async () => {
    await world.createTopic('short', { retentionBytes: 1, segmentBytesMax: 1_024 });
    const sql = SQL.replace("topic = 'events'", "topic = 'short'");
    const running = await world.startSql(sql);
    for (let i = 0; i < 10; i++) await world.write('short', events(i * 10, i * 10 + 10));
    await running.idle();
    expect(await world.log.applyRetention()).toEqual({ deletedBytes: 0 });
    const again = await restart(sql);
    await again.idle();
    expect(ids()).toEqual(expectedIds(100));
    world.clock.advance(SNAPSHOT_QUIET_MS);
    await turns();
    expect(await world.log.applyRetention()).toEqual({ deletedBytes: 0 });
    // The state before the first snapshot may be needed, until there is a second one.
    await world.write('short', events(95, 96));
    await again.idle();
    world.clock.advance(20_000);
    await turns();
    expect((await world.log.applyRetention()).deletedBytes).toBeGreaterThan(0);
    expect(Number(world.log.bounds('short', 0).logStart)).toBeGreaterThan(0);
    const third = await restart(sql);
    await world.write('short', events(95, 105));
    await third.idle();
    expect(ids()).toEqual(expectedIds(105));
  });

  it('that has passed a pipeline while no engine was there to hold it back is said clearly', async () => {
    await world.createTopic('short', { retentionBytes: 1, segmentBytesMax: 1_024 });
    const sql = SQL.replace("topic = 'events'", "topic = 'short'");
    const running = await world.startSql(sql);
    await world.write('short', events(0, 10));
    await running.idle();
    await world.crash(false);
    await world.start();
    for (let i = 1; i < 10; i++) await world.write('short', events(i * 10, i * 10 + 10));
    world.log.pin('pipeline/p', 'short', 0, undefined);
    await world.log.applyRetention();
    await expect(world.startSql(sql)).rejects.toMatchObject({ code: 'ENGINE_INPUT_GONE' });
    const rebuilt = await world.startSql(sql, { rebuild: true });
    await rebuilt.idle();
    expect(rebuilt.status().lagRecords).toBe(0);
  });
});

it('a pipeline that runs is not started twice', async () => {
  await world.startSql(SQL);
  await expect(world.startPipeline(await sqlPipeline(SQL))).rejects.toMatchObject({ code: 'ENGINE_PIPELINE_RUNNING' });
});

it('a pipeline is not started twice at once', async () => {
  const pipeline = await sqlPipeline(SQL);
  const [first, second] = await Promise.allSettled([world.startPipeline(pipeline), world.startPipeline(pipeline)]);
  expect(first.status).toBe('fulfilled');
  expect(second).toMatchObject({ status: 'rejected', reason: { code: 'ENGINE_PIPELINE_RUNNING' } });
});

it('pipelines that start at once share the topics that each would make', async () => {
  const pipelines = await Promise.all(['a', 'b', 'c'].map((name) => sqlPipeline(SQL, name)));
  const shared = await Promise.all(pipelines.map((pipeline) => world.startPipeline(pipeline)));
  expect(shared.map((running) => running.status().state)).toEqual(['running', 'running', 'running']);
  expect(world.log.topic(DEAD_LETTER_TOPIC)).toBeDefined();
});

it('replays an epoch in the pieces in which it was read, since the order of results may show them', async () => {
  await world.createTopic('wide', { segmentBytesMax: 64 * 1024 ** 2 });
  const sql = `
CREATE SOURCE wide (id text, time timestamptz, WATERMARK FOR time AS time - INTERVAL '1 hour')
  WITH (topic = 'wide', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
CREATE MATERIALIZED VIEW hops AS SELECT window_start, window_end, id, count(*) AS n
FROM HOP(wide, time, INTERVAL '1 second', INTERVAL '5 seconds') GROUP BY window_start, window_end, id;`;
  const batchOf = (id: string, bytes: number) => {
    const value = utf8(JSON.stringify({ id, time: at(0), padding: 'x'.repeat(bytes) }));
    const records = [{ key: null, value, timestamp: world.clock.now() }];
    return { topic: 'wide', partition: 0, ...encodeRecordBatch(records) };
  };
  const running = await world.startSql(sql);
  // From here on larger pieces are read than after a restart.
  await world.log.commit({ appends: [batchOf('first', CHUNK_BYTES + 1000)], puts: [] });
  await running.idle();
  world.clock.advance(SNAPSHOT_QUIET_MS);
  await turns();
  expect(journal()).toEqual([]);
  const half = Math.floor(CHUNK_BYTES * 0.6);
  await world.log.commit({ appends: [batchOf('a', half), batchOf('b', half)], puts: [] });
  await running.idle();
  const again = await restart(sql);
  await again.idle();
  expect(again.status().state).toBe('running');
  expect(world.table('hops')).toHaveLength(15);
});
