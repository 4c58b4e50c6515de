import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { aggregateCall } from '../plan/aggregate/aggregate-call.ts';
import { aggregateNode, columnOf, projectNode, sortNode, tableScanNode } from '../plan/factory.ts';
import type { PlanNode, SourceNode } from '../plan/node.ts';
import { TYPE } from '../plan/type-name.ts';
import type { QueryCatalog } from '../sql/query.ts';
import { ManualDefer, MemoryLog } from './memory-log.fixture.ts';
import { createQueryService, type QueryService } from './query.ts';
import { createTables, type Tables } from './tables.ts';
import { PAGE_COLUMNS, viewNode } from './view.fixture.ts';

let log: MemoryLog;
let turns: ManualDefer;
let tables: Tables;
let service: QueryService;

const source: SourceNode = {
  kind: 'source',
  name: 'orders',
  topic: 'orders_in',
  format: 'json',
  columns: [
    { name: 'id', type: TYPE.int8, nullable: false, path: ['id'] },
    { name: 'amount', type: TYPE.numeric, nullable: true, path: ['data', 'amount'] },
    { name: 'at', type: TYPE.timestamptz, nullable: true, path: ['at'] },
  ],
  watermark: undefined,
};

/** A compiler that knows the texts `scan NAME` and `count NAME`: parsing is not what is tested here. */
function compile(sql: string, catalog: QueryCatalog): PlanNode {
  const [verb, name = ''] = sql.split(' ');
  const scan = tableScanNode(name, catalog.get(name) ?? []);
  if (verb === 'count') return aggregateNode(scan, [], [{ name: 'n', call: aggregateCall('count', undefined) }]);
  return scan;
}

beforeEach(() => {
  log = new MemoryLog();
  turns = new ManualDefer();
  log.addTopic('pages', 'upsert');
  log.addTopic('orders_in');
  log.addTopic('_dead_letters');
  tables = createTables({ log, clock: new ManualClock(), defer: turns.defer });
  tables.add('traffic', viewNode('pages', PAGE_COLUMNS, [0]));
  service = createQueryService({ log, clock: new ManualClock(1_000), tables, compile, sources: () => [source] });
});

const hit = (page: string, hits: unknown) => log.put('pages', [[page, { page, hits }]], 500);

describe('a query over a view', () => {
  it('sees everything that is committed when it begins, and says how fresh it is', async () => {
    hit('a', 1);
    hit('b', '9007199254740993');
    const result = await service.query('scan pages');
    expect(result.columns).toEqual([
      { name: 'page', type: 'text' },
      { name: 'hits', type: 'bigint' },
    ]);
    expect(result.rows).toEqual([
      ['a', 1],
      ['b', '9007199254740993'],
    ]);
    expect(result.freshness).toEqual({ commit: 2, asOf: 500, watermark: undefined, lagRecords: 0 });
    expect(result.truncated).toBe(false);
  });

  it('sees what has changed since the last query', async () => {
    hit('a', 1);
    expect((await service.query('count pages')).rows).toEqual([[1]]);
    hit('b', 1);
    log.put('pages', [['a', null]]);
    expect((await service.query('scan pages')).rows).toEqual([['b', 1]]);
  });

  it('does not mix up a view with an earlier one of the same name', async () => {
    hit('a', 1);
    await service.query('count pages');
    tables.remove('pages');
    tables.add('traffic', viewNode('pages', [PAGE_COLUMNS[0]!], [0]));
    expect((await service.query('scan pages')).rows).toEqual([['a']]);
  });

  it('cuts at the row limit and says so', async () => {
    for (let n = 0; n < 5; n++) hit(`${n}`, n);
    const result = await service.query('scan pages', { rowsMax: 3 });
    expect(result.rows).toHaveLength(3);
    expect(result.truncated).toBe(true);
  });

  it('asks whether it may before it reads', async () => {
    const refuse = (name: string): void => {
      throw new Error(`no ${name}`);
    };
    await expect(service.query('scan pages', { authorize: refuse })).rejects.toThrow('no pages');
  });

  it('runs many at a time, one after another', async () => {
    hit('a', 1);
    const results = await Promise.all(Array.from({ length: 10 }, () => service.query('count pages')));
    expect(results.every((result) => result.rows[0]?.[0] === 1)).toBe(true);
  });
});

describe('a query over a topic', () => {
  it('has the declared columns of its source, and those of the record', async () => {
    log.put('orders_in', [['k', { id: 7, data: { amount: '12.340' }, at: '2026-01-31T12:00:00Z' }]], 900);
    const { rows, columns } = await service.query('scan orders');
    expect(columns.map((c) => c.name)).toEqual([
      'id',
      'amount',
      'at',
      '_partition',
      '_offset',
      '_timestamp',
      '_key',
      '_value',
    ]);
    expect(rows[0]).toEqual([
      7,
      12.34,
      '2026-01-31T12:00:00.000Z',
      0,
      0,
      '1970-01-01T00:00:00.900Z',
      'k',
      '{"id":7,"data":{"amount":"12.340"},"at":"2026-01-31T12:00:00Z"}',
    ]);
  });

  it('reads only what was appended the second time', async () => {
    for (let n = 0; n < 3; n++) log.put('orders_in', [[null, { id: n }]]);
    expect((await service.query('count orders')).rows).toEqual([[3]]);
    log.put('orders_in', [[null, { id: 3 }]]);
    const plan = await service.query('scan orders');
    expect(plan.rows.map((row) => row[0])).toEqual([0, 1, 2, 3]);
  });

  it('forgets what retention took', async () => {
    log.put('orders_in', [[null, { id: 0 }]]);
    log.put('orders_in', [[null, { id: 1 }]]);
    await service.query('count orders');
    log.cut('orders_in', 1);
    expect((await service.query('scan orders')).rows.map((row) => row[0])).toEqual([1]);
  });

  it('reads values that do not fit their column as NULL', async () => {
    log.put('orders_in', [[null, { id: 'x', data: 5 }]]);
    log.put('orders_in', [[null, 'not json']]);
    expect((await service.query('scan orders')).rows.map((row) => row.slice(0, 2))).toEqual([
      [null, null],
      [null, null],
    ]);
  });

  it('knows the dead letters by their fields', async () => {
    log.put('_dead_letters', [[null, { topic: 'orders_in', reason: 'late', message: 'm', receivedAt: 5 }]]);
    const { rows, columns } = await service.query('scan _dead_letters');
    expect(rows[0]?.[columns.findIndex((c) => c.name === 'reason')]).toBe('late');
  });
});

describe('bad questions', () => {
  it('are refused when they are too long', async () => {
    await expect(service.query('x'.repeat(100_001))).rejects.toMatchObject({ code: 'SERVING_QUERY_TOO_LARGE' });
  });

  it('name the nearest relation when theirs does not exist', async () => {
    await expect(service.query('scan page')).rejects.toMatchObject({
      code: 'SERVING_UNKNOWN_RELATION',
      next: 'did you mean "pages"?',
    });
  });
});

describe('plans over relations', () => {
  it('sort and project by position, whatever the names are', async () => {
    hit('b"; DROP TABLE r0; --', 1);
    hit('a', 2);
    const odd = createQueryService({
      log,
      clock: new ManualClock(),
      tables,
      sources: () => [],
      compile: (_sql, catalog) => {
        const scan = tableScanNode('pages', catalog.get('pages') ?? []);
        const sorted = sortNode(scan, [{ expression: columnOf(scan, 0), descending: false, nullsFirst: false }]);
        return projectNode(sorted, [{ name: 'select "x"', expression: columnOf(sorted, 0) }]);
      },
    });
    const result = await odd.query('any');
    expect(result.rows).toEqual([['a'], ['b"; DROP TABLE r0; --']]);
    expect(result.columns[0]?.name).toBe('select "x"');
  });
});

describe('SQL', () => {
  const ask = (sql: string) =>
    createQueryService({ log, clock: new ManualClock(), tables, sources: () => [source] }).query(sql);

  it('is answered with the meaning of PostgreSQL', async () => {
    hit('a', 7);
    hit('b', 2);
    const { rows, columns } = await ask(
      'SELECT page, hits / 2 AS half, avg(hits) FROM pages GROUP BY page, hits ORDER BY page',
    );
    expect(columns.map((c) => c.name)).toEqual(['page', 'half', 'avg']);
    expect(rows).toEqual([
      ['a', 3, 7],
      ['b', 1, 2],
    ]);
  });

  it('joins a topic with a view', async () => {
    hit('a', 7);
    log.put('orders_in', [['a', { id: 1, data: { amount: 2.5 } }]]);
    const { rows } = await ask('SELECT o.amount * p.hits FROM orders o JOIN pages p ON p.page = o._key');
    expect(rows).toEqual([[17.5]]);
  });

  it('points at a mistake', async () => {
    await expect(ask('SELECT pgae FROM pages')).rejects.toMatchObject({
      domain: 'sql',
      position: { line: 1, column: 8 },
    });
  });

  it.each(['DELETE FROM pages', "COPY pages TO 'x'", 'SELECT 1; SELECT 2', 'SET threads = 9'])(
    'refuses %s',
    async (sql) => {
      await expect(ask(sql)).rejects.toMatchObject({ domain: 'sql' });
    },
  );
});
