import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../log/log.ts';
import { openLog } from '../log/open.ts';
import { encodeRecordBatch } from '../log/record-batch.ts';
import { call, columnReference, literal } from '../plan/expression-factory.ts';
import type { AlertRuleNode } from '../plan/node.ts';
import { TYPE } from '../plan/type-name.ts';
import { createLiveStreams } from '../serving/live.ts';
import { createQueryService } from '../serving/query.ts';
import { createTables, type Tables } from '../serving/tables.ts';
import { PAGE_COLUMNS, viewNode } from '../serving/view.fixture.ts';
import { createAlerts } from './alerts.ts';

let dataDir: string;
let log: Log;
let tables: Tables;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'headrace-serving-'));
  await start();
});

afterEach(async () => {
  tables.close();
  await log.close();
  rmSync(dataDir, { recursive: true });
});

async function start(): Promise<void> {
  log = await openLog({ dataDir, clock: systemClock });
  if (log.topic('pages') === undefined) {
    await log.createTopic({
      name: 'pages',
      partitions: 1,
      kind: 'upsert',
      retentionMs: undefined,
      retentionBytes: undefined,
      segmentBytesMax: 1 << 20,
      keyPath: undefined,
      properties: {},
    });
  }
  tables = createTables({ log, clock: systemClock });
  tables.add('traffic', viewNode('pages', PAGE_COLUMNS, [0]));
}

async function hit(page: string, hits: number): Promise<void> {
  const records = [{ key: utf8(page), value: utf8(JSON.stringify({ page, hits })), timestamp: 1 }];
  await log.commit({ appends: [{ topic: 'pages', partition: 0, ...encodeRecordBatch(records) }], puts: [] });
}

const rule: AlertRuleNode = {
  kind: 'alert-rule',
  name: 'busy',
  view: 'pages',
  condition: call('gt', [columnReference(PAGE_COLUMNS, 1), literal(10n, TYPE.int8)]),
  conditionText: 'hits > 10',
  keys: [0],
  forMs: 0,
  keepFiringForMs: 0,
  severity: 'warning',
  summary: 'a page is busy',
  webhook: undefined,
};

test('on disk: a change is streamed, queried and alerted, and all of it survives a restart', async () => {
  const live = createLiveStreams({ log, clock: systemClock, tables });
  const alerts = await createAlerts({ log, tables, clock: systemClock, rules: [rule] });
  const stream = await live.open({ id: '_alerts', snapshot: false });
  expect((await stream.next()).value?.[0]?.op).toBe('caught-up');
  const fired = stream.next();
  await hit('a', 11);
  expect((await fired).value?.[0]).toMatchObject({ op: 'upsert', row: { state: 'firing' }, offset: '0:1' });
  const query = createQueryService({ log, clock: systemClock, tables, sources: () => [] });
  expect((await query.query('SELECT hits * 2 FROM pages')).rows).toEqual([[22]]);
  expect((await query.query('SELECT rule, state FROM _alerts')).rows).toEqual([['busy', 'firing']]);
  query.close();
  live.close();
  await alerts.close();
  tables.close();
  await log.close();

  await start();
  const again = await createAlerts({ log, tables, clock: systemClock, rules: [rule] });
  expect(again.list()).toMatchObject([{ id: 'busy{page=a}', state: 'firing' }]);
  await again.close();
});
