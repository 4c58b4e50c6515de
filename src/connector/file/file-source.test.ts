import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { offset } from '../../base/brand.ts';
import { ManualClock, systemClock } from '../../base/clock.ts';
import { parseYaml } from '../../base/config/yaml-section.ts';
import { HeadraceError } from '../../base/error.ts';
import { createIngest } from '../../ingest/create-ingest.ts';
import { DEAD_LETTER_TOPIC, type Ingest } from '../../ingest/ingest.ts';
import type { Log } from '../../log/log.ts';
import { openLog } from '../../log/open.ts';
import { decodeRecordBatches } from '../../log/record-batch.ts';
import { compileSchema, type TopicSchema } from '../../schema/topic-schema.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/registry.ts';
import type { SourceConnector } from '../connector.ts';
import { parseCombinedLine } from './combined-log.ts';
import { createFileSource, readFileSourceOptions } from './file-source.ts';
import { readChunk } from './line-chunk.ts';
import { FIRST_BURST_MS, REPLAY_TICK_MS } from './replay.ts';

const LINE =
  '83.149.9.216 - frank [17/May/2015:10:05:03 +0200] "GET /a?b=1 HTTP/1.1" 200 - "http://x/" "Mozilla \\"5\\""';
const ACCESS_LOG = new URL('../../../examples/web-traffic/data/apache_access.log', import.meta.url);
const RIDES = new URL('../../../examples/rides/data/nyc-rideshare-10k.csv', import.meta.url);

let dir: string;
let log: Log;
let ingest: Ingest;
let schema: TopicSchema | undefined;
let clock: ManualClock;

async function open(): Promise<void> {
  log = await openLog({ dataDir: join(dir, 'data'), clock: systemClock });
  ingest = await createIngest({ log, clock, metrics: createMetrics(), schemas: () => schema });
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headrace-file-'));
  clock = new ManualClock(1_700_000_000_000);
  schema = undefined;
  await open();
  await log.createTopic({
    name: 'events',
    partitions: 1,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: 64 * 1024 * 1024,
    keyPath: undefined,
    properties: {},
  });
});

afterEach(async () => {
  await log.close();
  rmSync(dir, { recursive: true });
});

function source(yaml: string, into: Ingest = ingest): SourceConnector {
  const options = readFileSourceOptions('c', parseYaml(`connector: file\ntopic: events\n${yaml}`, 'headrace.yaml'));
  return createFileSource('c', options, dir, { log, ingest: into, clock, logger: silentLogger });
}

function valuesOf(topic: string): string[] {
  const reader = log.reader(topic, 0, offset(0));
  const target = new Uint8Array(32 * 1024 * 1024);
  const found: string[] = [];
  for (let bytes = reader.readInto(target); bytes > 0; bytes = reader.readInto(target)) {
    for (const batch of decodeRecordBatches(target.subarray(0, bytes))) {
      for (const { value } of batch.entries()) found.push(Buffer.from(value!).toString());
    }
  }
  reader.close();
  return found;
}

describe('a line of the combined format', () => {
  it('is read field by field', () => {
    expect(parseCombinedLine(LINE)).toEqual({
      ip: '83.149.9.216',
      user: 'frank',
      timeMs: Date.UTC(2015, 4, 17, 8, 5, 3),
      method: 'GET',
      path: '/a?b=1',
      protocol: 'HTTP/1.1',
      status: 200,
      bytes: 0,
      referrer: 'http://x/',
      agent: 'Mozilla "5"',
    });
  });

  it('may hold a request that is none', () => {
    expect(parseCombinedLine(LINE.replace('GET /a?b=1 HTTP/1.1', '\\x16\\x03'))).toMatchObject({
      method: '-',
      path: '\\x16\\x03',
    });
  });

  it.each([
    ['is cut off', LINE.slice(0, -5)],
    ['has no real date', LINE.replace('17/May', '31/Jun')],
    ['is empty', ''],
  ])('is refused when it %s', (_case, line) => {
    expect(parseCombinedLine(line)).toBeUndefined();
  });

  it('is what all but one line of the example are', () => {
    const lines = readFileSync(ACCESS_LOG, 'utf8').trimEnd().split('\n');
    expect(lines.flatMap((line, i) => (parseCombinedLine(line) === undefined ? [i + 1] : []))).toEqual([8899]);
  });
});

describe('a bounded file', () => {
  it('of the combined format is read to its end, its malformed line a dead letter', async () => {
    writeFileSync(join(dir, 'a.log'), readFileSync(ACCESS_LOG));
    const connector = source('path: a.log\nformat: combined');
    connector.start();
    await connector.done;
    const total = readFileSync(ACCESS_LOG, 'utf8').trimEnd().split('\n').length;
    expect(connector.status()).toMatchObject({ state: 'done', records: total - 1, refused: 1 });
    expect(JSON.parse(valuesOf('events')[0]!)).toMatchObject({ id: 'a.log:1:1', time: '2015-05-17T10:05:03.000Z' });
    expect(JSON.parse(valuesOf(DEAD_LETTER_TOPIC)[0]!)).toMatchObject({
      reason: 'malformed',
      value: expect.stringContaining('Googlebot'),
      message: expect.stringContaining('line 8899'),
    });
  });

  it('of CSV becomes typed records', async () => {
    writeFileSync(join(dir, 'rides.csv'), readFileSync(RIDES));
    schema = compileSchema(JSON.parse(readFileSync(new URL('../schemas/rides.json', RIDES), 'utf8')));
    const connector = source('path: rides.csv\nformat: csv');
    connector.start();
    await connector.done;
    expect(connector.status()).toMatchObject({ records: 10_000, refused: 0 });
    expect(JSON.parse(valuesOf('events')[0]!)).toMatchObject({
      pickup_datetime: '2022-01-01 00:07:24',
      PULocationID: 170,
      trip_miles: 1.18,
    });
  });

  it('goes on where it was after a crash, and takes nothing twice', async () => {
    const lines = Array.from({ length: 60_000 }, (_, i) => `{"i":${i},"pad":"${'x'.repeat(30)}"}`);
    writeFileSync(join(dir, 'a.ndjson'), lines.join('\n'));
    let steps = 0;
    const failing: Ingest = {
      accept(request) {
        if (++steps > 1) throw new Error('the process dies here');
        return ingest.accept(request);
      },
    };
    const first = source('path: a.ndjson', failing);
    first.start();
    await expect(first.done).rejects.toThrow('dies here');
    expect(first.status().records).toBeGreaterThan(0);
    expect(first.status().state).toBe('failed');
    await log.close();
    await open();
    const second = source('path: a.ndjson');
    second.start();
    await second.done;
    expect(valuesOf('events')).toEqual(lines);
  });

  it('that was read is not read again', async () => {
    writeFileSync(join(dir, 'a.ndjson'), '{"i":1}\n');
    for (let run = 0; run < 2; run++) {
      const connector = source('path: a.ndjson');
      connector.start();
      await connector.done;
    }
    expect(valuesOf('events')).toEqual(['{"i":1}']);
  });

  it('is tried again when the log says that it may help', async () => {
    writeFileSync(join(dir, 'a.ndjson'), '{"i":1}\n');
    let failures = 2;
    const full = new HeadraceError('writing: full', { code: 'LOG_DISK_FULL', domain: 'log', retryable: true });
    const flaky: Ingest = { accept: (request) => (failures-- > 0 ? Promise.reject(full) : ingest.accept(request)) };
    const connector = source('path: a.ndjson', flaky);
    connector.start();
    while (connector.status().state !== 'done') {
      clock.advance(1_000);
      await new Promise(setImmediate);
    }
    expect(valuesOf('events')).toEqual(['{"i":1}']);
  });
});

describe('a chunk', () => {
  it('ends at a record, not at a newline between quotes', () => {
    const content = Buffer.from('a,"1\n2"\nb,"3\n4"\n');
    const file = {
      size: () => content.length,
      read: (position: number, length: number) => content.subarray(position, position + length),
      close: () => {},
    };
    expect(Buffer.from(readChunk(file, 0, true, 14)).toString()).toBe('a,"1\n2"\n');
    expect(Buffer.from(readChunk(file, 8, true, 14)).toString()).toBe('b,"3\n4"\n');
  });
});

describe('a replay', () => {
  const failed = LINE.replace('200 -', '500 1');
  const yaml = 'path: a.log\nformat: combined\nmode: replay\nrate: 100\nburst_every: 90s\nburst_length: 15s';

  const total = (connector: SourceConnector) => connector.status().records + connector.status().refused;

  async function run(connector: SourceConnector, forMs: number): Promise<void> {
    connector.start();
    for (let at = 0; at < forMs; at += REPLAY_TICK_MS) {
      clock.advance(REPLAY_TICK_MS);
      const before = total(connector);
      for (let turn = 0; turn < 5_000 && total(connector) === before; turn++) await new Promise(setImmediate);
    }
    await connector.stop();
  }
  const events = () =>
    valuesOf('events').map((value) => JSON.parse(value) as { id: string; time: string; status: number });

  it('keeps its rate, loops with new ids, and keeps event time within the disorder', async () => {
    writeFileSync(join(dir, 'a.log'), [LINE, LINE, failed, 'garbage', LINE].join('\n'));
    const connector = source(yaml);
    await run(connector, 2_000);
    const found = events();
    const { records, refused } = connector.status();
    expect(records + refused).toBeGreaterThanOrEqual(150);
    expect(records + refused).toBeLessThanOrEqual(200);
    expect(new Set(found.map((event) => event.id)).size).toBe(found.length);
    expect(found[0]!.id).toBe('a.log:1:1');
    expect(found[4]!.id).toBe('a.log:1:2');
    const times = found.map((event) => Date.parse(event.time));
    expect(Math.max(...times)).toBeLessThanOrEqual(clock.now());
    expect(Math.min(...times)).toBeGreaterThanOrEqual(clock.now() - 2_000 - 3_000);
    expect(times.some((time, i) => i > 0 && time < times[i - 1]!)).toBe(true);
    expect(valuesOf(DEAD_LETTER_TOPIC).length).toBe(refused);
  });

  it("draws the file's own errors more often during a burst", async () => {
    writeFileSync(join(dir, 'a.log'), [...Array.from({ length: 99 }, () => LINE), failed].join('\n'));
    await run(source(yaml), FIRST_BURST_MS + 5_000);
    const drawn = events().filter((event) => event.id.includes('burst'));
    expect(drawn.length).toBeGreaterThan(120);
    expect(drawn.length).toBeLessThan(280);
    expect(drawn.every((event) => event.status === 500)).toBe(true);
    expect(new Set(drawn.map((event) => event.id)).size).toBe(drawn.length);
  });

  it('goes on where it was', async () => {
    writeFileSync(join(dir, 'a.log'), Array.from({ length: 1_000 }, () => LINE).join('\n'));
    await run(source(yaml), 1_000);
    const before = events().length;
    await log.close();
    await open();
    await run(source(yaml), 1_000);
    const ids = events().map((event) => event.id);
    expect(ids).toEqual(ids.map((_, i) => `a.log:${i + 1}:1`));
    expect(ids.length).toBeGreaterThan(before);
  });
});

describe('the options', () => {
  it('name what is missing', () => {
    expect(() => source('format: csv')).toThrow('"path" is missing');
  });

  it('refuse what is misspelt, with its place', () => {
    expect(() => source('path: a\nformt: csv')).toThrow(/headrace\.yaml:4:.*"formt"/);
  });

  it('name a file that is not there', () => {
    expect(() => source('path: none.log')).toThrow(/opening .*none\.log: ENOENT/);
  });
});
