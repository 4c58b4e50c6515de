import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { HeadraceError } from '../../base/error.ts';
import type { SourceNode } from '../../plan/node.ts';
import { TYPE } from '../../plan/type-name.ts';
import { MemoryLog } from '../memory-log.fixture.ts';
import { createQueryService, type QueryService } from '../query.ts';
import { createTables, type Tables } from '../tables.ts';
import { inlineScans } from './scan-threads.ts';

const nullable = true;
const source: SourceNode = {
  kind: 'source',
  name: 'events',
  topic: 'events',
  format: 'json',
  columns: [
    { name: 'kind', type: TYPE.text, nullable, path: ['kind'] },
    { name: 'origin', type: TYPE.text, nullable, path: ['meta', 'origin'] },
    { name: 'small', type: TYPE.int4, nullable, path: ['small'] },
    { name: 'large', type: TYPE.int8, nullable, path: ['large'] },
    { name: 'price', type: { kind: 'numeric', precision: 10, scale: 2 }, nullable, path: ['price'] },
    { name: 'exact', type: TYPE.numeric, nullable, path: ['exact'] },
    { name: 'share', type: TYPE.float8, nullable, path: ['share'] },
    { name: 'good', type: TYPE.boolean, nullable, path: ['good'] },
    { name: 'at', type: TYPE.timestamptz, nullable, path: ['at'] },
    { name: 'day', type: TYPE.date, nullable, path: ['day'] },
  ],
  watermark: undefined,
};

/** Each is answered by a scan, and by DuckDB over the rows. */
const QUERIES = [
  'SELECT count(*) FROM events',
  'SELECT kind, origin, count(*), count(small), sum(small), sum(large), avg(small), avg(large) FROM events GROUP BY kind, origin',
  'SELECT kind, sum(price), avg(price), min(price), max(price) FROM events GROUP BY kind',
  'SELECT good, sum(exact), min(exact), max(exact), count(exact) FROM events GROUP BY good',
  'SELECT small, min(kind), max(origin), min(at), max(day), min(large), max(large), max(good::int) FROM events GROUP BY small',
  "SELECT date_trunc('hour', at), count(*) FILTER (WHERE good), sum(large) FILTER (WHERE small > 0) FROM events GROUP BY 1",
  "SELECT upper(kind) || '!', small % 3, count(*) FROM events WHERE small >= 0 AND kind <> 'a' GROUP BY 1, 2 HAVING count(*) > 1",
  'SELECT kind, n FROM (SELECT kind, count(*) AS n FROM events GROUP BY kind) g ORDER BY n DESC, kind NULLS LAST LIMIT 3',
  "SELECT window_start, kind, count(*) FROM TUMBLE(events, at, INTERVAL '1 hour') GROUP BY window_start, kind",
  'SELECT _partition, count(*), min(_offset), max(_offset), max(_timestamp), min(_key), max(_value) FROM events GROUP BY _partition',
  'SELECT price, count(*) FROM events GROUP BY price',
  'SELECT exact, count(*) FROM events GROUP BY exact',
  'SELECT day, at, count(*) FROM events GROUP BY day, at',
  'SELECT a.kind, a.n, b.n FROM (SELECT kind, count(*) n FROM events GROUP BY kind) a JOIN (SELECT kind, sum(small) n FROM events GROUP BY kind) b ON a.kind = b.kind',
  'SELECT kind, sum(small) FROM events WHERE false GROUP BY kind',
  'SELECT count(*), sum(small), min(kind) FROM events WHERE small > 1000000',
  'SELECT * FROM events ORDER BY _partition, _offset',
  "SELECT kind, price, exact, at, _offset FROM events WHERE small > 0 AND kind <> 'a'",
  'SELECT good, count(DISTINCT kind), count(DISTINCT small) FROM events GROUP BY good',
  'SELECT DISTINCT kind, day FROM events',
  'SELECT * FROM events ORDER BY _offset DESC, _partition LIMIT 3',
  'SELECT small, _offset, _partition FROM events WHERE good ORDER BY small DESC NULLS LAST, exact NULLS FIRST, _offset, _partition LIMIT 4 OFFSET 2',
  'SELECT kind, _offset, _partition FROM events ORDER BY kind, at DESC, _offset, _partition LIMIT 7',
  'SELECT good, count(DISTINCT small), max(DISTINCT small), avg(DISTINCT small) FROM events GROUP BY good',
  'SELECT count(DISTINCT kind || origin) FROM events WHERE good',
  'SELECT count(DISTINCT exact), sum(DISTINCT exact) FROM events',
  'SELECT DISTINCT share, exact, good FROM events ORDER BY 1, 2, 3',
  'SELECT n, count(*) FROM (SELECT kind, count(DISTINCT at) AS n FROM events GROUP BY kind) g GROUP BY n',
  'SELECT upper(kind), share * 2 FROM (SELECT kind, share, small FROM events WHERE good) e WHERE small IS NOT NULL ORDER BY 1, 2 LIMIT 5',
  'SELECT count(*) FROM (SELECT kind FROM events LIMIT 4 OFFSET 1) e',
  'SELECT count(*) FROM events a JOIN events b ON a._offset = b._offset AND a._partition = b._partition WHERE a.small = b.small',
  'SELECT kind FROM events WHERE small > 2 UNION ALL SELECT origin FROM events WHERE small < 0',
];

const kinds = fc.constantFrom('a', 'b', 'purchase', 'ä€𝄞', '', 'a"\\\n', null, 7);
const event = fc.record(
  {
    kind: kinds,
    meta: fc.oneof(fc.record({ origin: kinds }, { requiredKeys: [] }), fc.constant('none')),
    small: fc.oneof(fc.integer({ min: -5, max: 5 }), fc.integer(), fc.constantFrom(null, 1.5, '12', 1e12)),
    large: fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constant(null)),
    price: fc.oneof(
      fc.integer({ min: -99999, max: 99999 }).map((cents) => cents / 100),
      fc.constantFrom(null, 0.125),
    ),
    exact: fc.oneof(
      fc.integer({ min: -1e6, max: 1e6 }).map((n) => n / 1000),
      fc.constantFrom(0, 123456789.25),
    ),
    // Doubled, it must stay in range: beyond, the query fails as a whole.
    share: fc.double({ min: -1e300, max: 1e300, noNaN: true }),
    good: fc.oneof(fc.boolean(), fc.constantFrom(null, 'yes')),
    at: fc.oneof(
      fc.integer({ min: 0, max: 10_000_000 }).map((ms) => new Date(1_700_000_000_000 + ms).toISOString()),
      fc.constant(null),
    ),
    day: fc.constantFrom('2024-02-29', '2023-12-31', null, 'yesterday'),
  },
  { requiredKeys: [] },
);
const record = fc.oneof(
  { weight: 20, arbitrary: event.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.constantFrom('{"kind":', '[1]', '"text"', 'null', '{"kind":"a","kind":"b"}', null) },
);

let log: MemoryLog;
let tables: Tables;
let scanning: QueryService;
let loading: QueryService;

beforeEach(() => {
  log = new MemoryLog();
  log.addTopic('events', 'append', 2);
  const clock = new ManualClock(1_700_000_000_000);
  tables = createTables({ log, clock });
  const options = { log, clock, tables, sources: () => [source], scans: inlineScans(log) };
  scanning = createQueryService({ ...options, scanRecordsMin: 0 });
  loading = createQueryService({ ...options, scanRecordsMin: Number.POSITIVE_INFINITY });
});

afterEach(() => {
  scanning.close();
  loading.close();
  tables.close();
});

/** To 12 digits: sums of doubles depend on the order, and averages have more digits in DuckDB than in PostgreSQL. */
function rounded(cell: unknown): unknown {
  if (typeof cell === 'number') return Number(cell.toPrecision(12));
  return typeof cell === 'string' && /^-?\d+\.\d+$/.test(cell) ? Number(Number(cell).toPrecision(12)) : cell;
}

const shown = (rows: readonly (readonly unknown[])[]): readonly string[] =>
  rows.map((row) => JSON.stringify(row.map(rounded))).sort();

function put(records: readonly (string | null)[]): void {
  for (let at = 0; at < records.length; at += 3) {
    const rows = records.slice(at, at + 3).map((text, i) => [i === 0 ? null : `k${i}`, text] as const);
    log.put('events', rows, 1000 + at, (at / 3) % 2);
  }
}

describe('an aggregate over a topic', () => {
  it('gives what DuckDB gives over the rows, whatever the records are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 60 }), async (records) => {
        put(records);
        for (const sql of QUERIES) {
          const [scanned, loaded] = [await scanning.query(sql), await loading.query(sql)];
          expect({ sql, rows: shown(scanned.rows) }).toEqual({ sql, rows: shown(loaded.rows) });
          expect(scanned.columns).toEqual(loaded.columns);
          expect(scanned.freshness).toEqual(loaded.freshness);
        }
      }),
      { numRuns: 3 },
    );
  });

  it('reads no further than the end at which it began', async () => {
    put(['{"kind":"a"}', '{"kind":"a"}']);
    const inline = inlineScans(log);
    const late = createQueryService({
      log,
      clock: new ManualClock(),
      tables,
      sources: () => [source],
      scanRecordsMin: 0,
      scans: {
        ...inline,
        run: (request, limits) => {
          put(['{"kind":"late"}']);
          return inline.run(request, limits);
        },
      },
    });
    expect((await late.query('SELECT kind, count(*) FROM events GROUP BY kind')).rows).toEqual([['a', 2]]);
    late.close();
  });

  it('leaves distinct values to the query database when they are too many for a scan', async () => {
    put(['{"kind":"a"}', '{"kind":"b"}', '{"kind":"a"}']);
    const full = createQueryService({
      log,
      clock: new ManualClock(),
      tables,
      sources: () => [source],
      scanRecordsMin: 0,
      scans: {
        ...inlineScans(log),
        run: async () => {
          throw new HeadraceError('running the query: full', { code: 'SERVING_QUERY_MEMORY', domain: 'serving' });
        },
      },
    });
    expect((await full.query('SELECT count(DISTINCT kind) FROM events')).rows).toEqual([[2]]);
    await expect(full.query('SELECT count(*) FROM events')).rejects.toMatchObject({ code: 'SERVING_QUERY_MEMORY' });
    full.close();
  });

  it('sums exactly beyond what a double holds', async () => {
    put(Array.from({ length: 9 }, () => '{"large":9007199254740991,"exact":12345678901234567890.12,"price":0.07}'));
    const { rows } = await scanning.query('SELECT sum(large), sum(exact), sum(price), avg(price) FROM events');
    expect(rows).toEqual([['81064793292668919', '111111110111111111011.08', 0.63, 0.07]]);
  });

  it('fails as a whole when an expression cannot be computed for a row', async () => {
    put(['{"small":1}', '{"small":0}']);
    const failing = scanning.query('SELECT sum(10 / small) FROM events');
    await expect(failing).rejects.toMatchObject({ code: 'SERVING_QUERY_FAILED' });
  });
});
