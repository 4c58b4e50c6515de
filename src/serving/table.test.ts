import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { createMetrics } from '../telemetry/registry.ts';
import { at, ManualDefer, MemoryLog } from './memory-log.fixture.ts';
import { createTables, type Tables } from './tables.ts';
import { PAGE_COLUMNS, viewNode } from './view.fixture.ts';

let log: MemoryLog;
let turns: ManualDefer;
let tables: Tables;

beforeEach(() => {
  log = new MemoryLog();
  turns = new ManualDefer();
  log.addTopic('pages', 'upsert');
  tables = createTables({ log, clock: new ManualClock(), defer: turns.defer });
});

const pages = () => viewNode('pages', PAGE_COLUMNS, [0]);

describe('a table of an upsert topic', () => {
  it('keeps the last row per key', () => {
    const table = tables.add('traffic', pages());
    log.put('pages', [
      ['a', { page: 'a', hits: 1 }],
      ['b', { page: 'b', hits: 2 }],
      ['a', { page: 'a', hits: 3 }],
    ]);
    turns.run();
    expect(table.get('a')).toEqual({ page: 'a', hits: 3 });
    expect([...table.rows()]).toEqual([
      { page: 'b', hits: 2 },
      { page: 'a', hits: 3 },
    ]);
    expect(table.size).toBe(2);
  });

  it('reads what was there before it was added', () => {
    log.put('pages', [['a', { page: 'a', hits: 1 }]]);
    const table = tables.add('traffic', pages());
    turns.run();
    log.put('pages', [['a', { page: 'a', hits: 2 }]]);
    turns.run();
    expect(table.get('a')).toEqual({ page: 'a', hits: 2 });
    expect(table.version).toBe(2);
  });

  it('deletes on a tombstone', () => {
    const table = tables.add('traffic', pages());
    log.put('pages', [['a', { page: 'a', hits: 1 }]]);
    log.put('pages', [['a', null]]);
    turns.run();
    expect(table.size).toBe(0);
    expect(table.get('a')).toBeUndefined();
  });

  it('names its key columns', () => {
    expect(tables.add('traffic', pages()).keyColumns).toEqual(['page']);
  });

  it('keeps integers beyond 2^53 as strings with all digits', () => {
    const table = tables.add('traffic', pages());
    log.put('pages', [['a', '{"page":"a \\"9007199254740993","hits":9007199254740993,"share":0.30000000000000004}']]);
    turns.run();
    expect(table.get('a')).toEqual({
      page: 'a "9007199254740993',
      hits: '9007199254740993',
      share: 0.30000000000000004,
    });
  });

  it('evicts the row that was written longest ago beyond its limit, and counts it', () => {
    const metrics = createMetrics();
    const limited = createTables({ log, clock: new ManualClock(), defer: turns.defer, rowsMax: 2, metrics });
    const table = limited.add('traffic', pages());
    log.put('pages', [
      ['a', { page: 'a', hits: 1 }],
      ['b', { page: 'b', hits: 1 }],
      ['a', { page: 'a', hits: 2 }],
      ['c', { page: 'c', hits: 1 }],
    ]);
    turns.run();
    expect([...table.rows()].map((row) => row.page)).toEqual(['a', 'c']);
    expect(metrics.expose()).toContain('headrace_table_rows_evicted_total{table="pages"} 1');
  });

  it('skips what retention took and says how much', () => {
    log.put('pages', [['a', { page: 'a', hits: 1 }]]);
    log.put('pages', [['b', { page: 'b', hits: 1 }]]);
    const table = tables.add('traffic', pages());
    log.cut('pages', 1);
    turns.run();
    expect([...table.rows()]).toEqual([{ page: 'b', hits: 1 }]);
    expect(table.lostRecords).toBe(1);
  });

  it('refuses a view whose topic does not exist', () => {
    expect(() => tables.add('traffic', viewNode('nowhere', PAGE_COLUMNS, [0]))).toThrow(
      expect.objectContaining({ code: 'SERVING_UNKNOWN_TOPIC' }),
    );
  });

  it('replaces a view of the same name', () => {
    tables.add('traffic', pages());
    log.put('pages', [['a', { page: 'a', hits: 1 }]]);
    turns.run();
    const again = tables.add('traffic', pages());
    turns.run();
    expect(tables.list()).toEqual([again]);
    expect(again.size).toBe(1);
  });
});

describe('freshness', () => {
  it('carries commit, newest receipt, lag and what the engine says', () => {
    const fresh = createTables({
      log,
      clock: new ManualClock(),
      defer: turns.defer,
      progress: () => ({ watermark: 5n as never, lagRecords: 7 }),
    });
    const table = fresh.add('traffic', pages());
    log.put('pages', [['a', { page: 'a', hits: 1 }]], 1_000);
    expect(table.freshness().lagRecords).toBe(8);
    turns.run();
    expect(table.freshness()).toEqual({ commit: 1, asOf: at(1_000), watermark: 5n, lagRecords: 7 });
  });
});

describe('a table of an append topic', () => {
  it('keeps the newest rows only', () => {
    log.addTopic('events');
    const limited = createTables({ log, clock: new ManualClock(), defer: turns.defer, tailRowsMax: 3 });
    const table = limited.add('traffic', viewNode('events', PAGE_COLUMNS, [], 'append'));
    for (let n = 0; n < 10; n++) log.put('events', [[null, { page: 'p', hits: n }]]);
    turns.run();
    expect([...table.rows()].map((row) => row.hits)).toEqual([7, 8, 9]);
    expect(table.size).toBe(3);
  });
});

describe('sharing the event loop', () => {
  it('stops a turn when its time is over and goes on in the next', () => {
    let calls = 0;
    const clock = Object.assign(new ManualClock(), { monotonicMs: () => calls++ * 10 });
    const slow = createTables({ log, clock, defer: turns.defer });
    const table = slow.add('traffic', pages());
    for (let n = 0; n < 1_000; n++) log.put('pages', [[`${n}`, { page: `${n}`, hits: n }]]);
    turns.step();
    turns.step();
    expect(table.size).toBeLessThan(1_000);
    turns.run();
    expect(table.size).toBe(1_000);
  });

  it('a topic that cannot be read fails its table only', () => {
    log.addTopic('other', 'upsert');
    const broken = createTables({
      log,
      clock: new ManualClock(),
      defer: turns.defer,
      decode: () => {
        throw new HeadraceError('reading: damaged', { code: 'LOG_CORRUPT', domain: 'log' });
      },
    });
    const table = broken.add('traffic', pages());
    const other = broken.add('traffic', viewNode('other', PAGE_COLUMNS, [0]));
    log.put('pages', [['a', { page: 'a', hits: 1 }]]);
    turns.run();
    expect(table.failure).toMatchObject({ code: 'LOG_CORRUPT' });
    expect(other.failure).toBeUndefined();
  });
});
