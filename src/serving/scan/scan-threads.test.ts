import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { systemClock } from '../../base/clock.ts';
import type { Log } from '../../log/log.ts';
import { openLog } from '../../log/open.ts';
import { encodeRecordBatch } from '../../log/record-batch.ts';
import type { SourceNode } from '../../plan/node.ts';
import { TYPE } from '../../plan/type-name.ts';
import { createQueryService, type QueryService } from '../query.ts';
import { createTables, type Tables } from '../tables.ts';

const RECORDS = 120_000;
const source: SourceNode = {
  kind: 'source',
  name: 'events',
  topic: 'events',
  format: 'json',
  columns: [
    { name: 'n', type: TYPE.int8, nullable: false, path: ['n'] },
    { name: 'kind', type: TYPE.text, nullable: false, path: ['kind'] },
    { name: 'pad', type: TYPE.text, nullable: false, path: ['pad'] },
  ],
  watermark: undefined,
};

let dataDir: string;
let log: Log;
let tables: Tables;
let service: QueryService;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'scan-'));
  log = await openLog({ dataDir, clock: systemClock });
  await log.createTopic({
    name: 'events',
    partitions: 2,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: 1 << 20,
    keyPath: undefined,
    properties: {},
  });
  for (let from = 0; from < RECORDS; from += 2_000) {
    const records = Array.from({ length: 2_000 }, (_, at) => {
      const n = from + at;
      return { key: null, value: utf8(`{"n":${n},"kind":"k${n % 7}","pad":"${'x'.repeat(50)}"}`), timestamp: n };
    });
    const partition = (from / 2_000) % 2;
    await log.commit({ appends: [{ topic: 'events', partition, ...encodeRecordBatch(records) }], puts: [] });
  }
  tables = createTables({ log, clock: systemClock });
  service = createQueryService({ log, clock: systemClock, tables, sources: () => [source] });
});

afterAll(async () => {
  service.close();
  tables.close();
  await log.close();
  rmSync(dataDir, { recursive: true });
});

describe('a scan in threads', () => {
  it('takes every record of every segment once', async () => {
    const { rows, freshness } = await service.query(
      'SELECT kind, count(*), sum(n) FROM events GROUP BY kind ORDER BY kind',
    );
    const expected = Array.from({ length: 7 }, (_, kind) => {
      const count = Math.ceil((RECORDS - kind) / 7);
      return [`k${kind}`, count, kind * count + (7 * count * (count - 1)) / 2];
    });
    expect(rows).toEqual(expected);
    expect(freshness.asOf).toBe(RECORDS - 1);
  });

  it('answers again and again with the same threads', async () => {
    for (let round = 0; round < 3; round++) {
      expect((await service.query('SELECT count(*) FROM events')).rows).toEqual([[RECORDS]]);
    }
  });

  it('passes rows on as they are taken, all of them', async () => {
    const { rows } = await service.query('SELECT count(DISTINCT n), min(n), max(n) FROM events WHERE n % 2 = 0');
    expect(rows).toEqual([[RECORDS / 2, 0, RECORDS - 2]]);
  });

  it('ends when there are enough rows, and says that there were more', async () => {
    const { rows, truncated, freshness } = await service.query('SELECT n, pad FROM events', { rowsMax: 10 });
    expect(rows.length).toBe(10);
    expect(truncated).toBe(true);
    expect(freshness.asOf).toBeGreaterThan(0);
    expect((await service.query('SELECT n FROM events WHERE n >= 100 LIMIT 5 OFFSET 3')).rows.length).toBe(5);
  });

  it('keeps only the first rows in the order that is asked for', async () => {
    const { rows } = await service.query("SELECT n FROM events WHERE kind = 'k3' ORDER BY n DESC LIMIT 3");
    expect(rows).toEqual([[119_997], [119_990], [119_983]]);
    const { rows: least } = await service.query('SELECT n FROM events ORDER BY (n * 7919) % 120011 LIMIT 2');
    expect(least).toEqual([[0], [32_401]]);
  });

  it.each(['SELECT kind, count(*) FROM events GROUP BY kind', 'SELECT count(DISTINCT pad), sum(n) FROM events'])(
    'stops when nobody waits for it any more, and when its time is over: %s',
    async (sql) => {
      const gone = new AbortController();
      const asked = service.query(sql, { signal: gone.signal });
      gone.abort();
      await expect(asked).rejects.toMatchObject({ code: 'SERVING_QUERY_CANCELLED' });
      await expect(service.query(sql, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'SERVING_QUERY_TIMEOUT' });
      expect((await service.query('SELECT count(*) FROM events')).rows).toEqual([[RECORDS]]);
    },
  );

  it('fails with the reason, and the next query works', async () => {
    const dividing = service.query('SELECT sum(1 / (n - 5000)) FROM events');
    await expect(dividing).rejects.toMatchObject({ code: 'SERVING_QUERY_FAILED' });
    const casting = service.query('SELECT DISTINCT kind::int FROM events');
    await expect(casting).rejects.toMatchObject({ code: 'SERVING_QUERY_FAILED' });
    expect((await service.query('SELECT count(*) FROM events')).rows).toEqual([[RECORDS]]);
  });

  it('ends with the memory that a query may have', async () => {
    const small = createQueryService({
      log,
      clock: systemClock,
      tables,
      sources: () => [source],
      memoryBytesMax: 8_000_000,
    });
    await expect(small.query('SELECT count(DISTINCT n || pad), sum(n) FROM events')).rejects.toMatchObject({
      code: 'SERVING_QUERY_MEMORY',
    });
    small.close();
  });
});
