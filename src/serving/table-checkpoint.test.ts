import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { fileCheckpoints } from './checkpoint-store.ts';
import { TABLE_CHECKPOINT_LOOK_MS, TABLE_CHECKPOINT_STOP_RECORDS_MIN } from './limits.ts';
import { createLiveStreams } from './live.ts';
import { ManualDefer, MemoryLog } from './memory-log.fixture.ts';
import type { JsonRow, LiveFrame } from './serving.ts';
import { createTables, type Tables } from './tables.ts';
import { PAGE_COLUMNS, viewNode } from './view.fixture.ts';

const pages = () => viewNode('pages', PAGE_COLUMNS, [0]);
const ROWS = TABLE_CHECKPOINT_STOP_RECORDS_MIN;

let folder: string;
let log: MemoryLog;
let turns: ManualDefer;
let clock: ManualClock;
let reports: unknown[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
  log = new MemoryLog();
  log.addTopic('pages', 'upsert', 2);
  turns = new ManualDefer();
  clock = new ManualClock();
  reports = [];
});

afterEach(() => rmSync(folder, { recursive: true }));

function start(options: { readonly rowsMax?: number } = {}): Tables {
  return createTables({
    log,
    clock,
    defer: turns.defer,
    checkpoints: fileCheckpoints(folder),
    report: (error) => reports.push(error),
    ...options,
  });
}

function put(count: number, hits: number, text = 'é𝄞"', partition = 0): void {
  const rows = Array.from({ length: count }, (_, at) => [`${text}${at}`, { page: `${text}${at}`, hits }] as const);
  log.put('pages', rows, 1000 + hits, partition);
}

/** Fills the table, stops cleanly, and hides the records from the next start but for the last: it must use the checkpoint. */
async function checkpointed(): Promise<readonly JsonRow[]> {
  const tables = start();
  const table = tables.add('traffic', pages());
  put(ROWS, 1);
  put(3, 2, 'other', 1);
  log.put('pages', [['é𝄞"0', null]]);
  turns.run();
  await tables.checkpoint();
  tables.close();
  return [...table.rows()];
}

const sorted = (rows: Iterable<JsonRow>): string =>
  Array.from(rows, (row) => JSON.stringify(row))
    .sort()
    .join();

const path = (): string => join(folder, 'tables', readdirSync(join(folder, 'tables'))[0]!);

describe('the checkpoint of a table', () => {
  it('gives the rows of before, and the table goes on from there', async () => {
    const rows = await checkpointed();
    const tables = start();
    const table = tables.add('traffic', pages());
    put(1, 7, 'new');
    turns.run();
    await table.loaded;
    expect([...table.rows()]).toEqual([...rows, { page: 'new0', hits: 7 }]);
    expect(table.recordsSinceCheckpoint).toBe(1);
    expect(table.freshness()).toMatchObject({ asOf: 1007, lagRecords: 0 });
    expect(reports).toEqual([]);
  });

  it('is loaded in turns, and until then the table says how far it lags behind', async () => {
    await checkpointed();
    const table = start().add('traffic', pages());
    expect(table.lag()).toBe(ROWS + 4);
    expect(table.advanceTo(table.position(), () => true)).toBe(false);
    turns.run();
    expect(table.lag()).toBe(0);
  });

  it('is loaded before a table has caught up', async () => {
    const rows = await checkpointed();
    const tables = start();
    const table = tables.add('traffic', pages());
    await pumped(tables.caughtUp());
    expect([...table.rows()]).toEqual(rows);
  });

  it('is loaded before a live stream takes its snapshot', async () => {
    const rows = await checkpointed();
    const tables = start();
    tables.add('traffic', pages());
    const live = createLiveStreams({ log, clock, tables, defer: (callback) => void setImmediate(callback) });
    const opening = live.open({ id: 'pages' });
    turns.run();
    const frames: LiveFrame[] = [];
    for await (const batch of await opening) {
      frames.push(...batch);
      if (frames.at(-1)?.op === 'caught-up') break;
    }
    expect(frames.at(-1)?.offset).toBe(`0:${ROWS + 1},1:3`);
    expect(sorted(frames.flatMap(({ row }) => (row === null ? [] : [row])))).toEqual(sorted(rows));
  });

  it('keeps to the limit of rows of today', async () => {
    const rows = await checkpointed();
    const table = start({ rowsMax: 10 }).add('traffic', pages());
    turns.run();
    expect([...table.rows()]).toEqual(rows.slice(-10));
  });

  it.each([
    ['shorter', (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)],
    ['empty', () => Buffer.alloc(0)],
    ['of a later format', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 4), Buffer.of(99), bytes.subarray(5)])],
    ['without its end', (bytes: Buffer) => bytes.subarray(0, bytes.length - 16)],
  ])('is passed over when it is %s', async (_, damage) => {
    const rows = await checkpointed();
    writeFileSync(path(), damage(readFileSync(path())));
    const table = start().add('traffic', pages());
    turns.run();
    expect(sorted(table.rows())).toEqual(sorted(rows));
    expect(reports).toMatchObject([{ code: 'SERVING_CHECKPOINT_INVALID' }]);
  });

  it('is passed over when any byte of it is damaged', async () => {
    const rows = sorted(await checkpointed());
    const whole = readFileSync(path());
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const bytes = Buffer.from(whole);
        bytes[at]! ^= mask;
        writeFileSync(path(), bytes);
        const tables = start();
        const table = tables.add('traffic', pages());
        turns.run();
        expect(sorted(table.rows())).toEqual(rows);
        tables.close();
      }),
      { numRuns: 30 },
    );
    expect(reports.length).toBe(30);
  });

  it('is passed over when the topic was deleted and made again', async () => {
    await checkpointed();
    log.addTopic('pages', 'upsert', 2);
    put(ROWS + 5, 9, 'again');
    put(10, 9, 'again', 1);
    const table = start().add('traffic', pages());
    turns.run();
    expect(table.size).toBe(ROWS + 5);
    expect(table.get('é𝄞"1')).toBeUndefined();
  });

  it('is used though its last record was superseded and compacted away', async () => {
    const rows = await checkpointed();
    put(ROWS, 1);
    log.compactBelow('pages', 2 * ROWS);
    const table = start().add('traffic', pages());
    turns.run();
    expect(table.recordsSinceCheckpoint).toBe(ROWS);
    expect(table.size).toBe(rows.length + 1);
  });

  it('is passed over when compaction has taken deletions that it does not reflect', async () => {
    await checkpointed();
    put(1, 5, 'later');
    log.compactBelow('pages', 0, ROWS + 2);
    const table = start().add('traffic', pages());
    turns.run();
    expect(table.recordsSinceCheckpoint).toBeGreaterThan(ROWS);
  });

  it('is written as the table changes, and not for a few records', async () => {
    const tables = start();
    tables.add('traffic', pages());
    for (let round = 0; round < 9; round++) put(ROWS, round);
    turns.run();
    clock.advance(TABLE_CHECKPOINT_LOOK_MS);
    await pumped(tables.caughtUp());
    expect(() => path()).toThrow('ENOENT');
    put(ROWS, 10);
    turns.run();
    clock.advance(TABLE_CHECKPOINT_LOOK_MS);
    await tables.checkpoint();
    expect(readdirSync(join(folder, 'tables'))).toEqual(['pages.checkpoint']);
  });
});

/** Runs deferred work for as long as `work` takes. */
async function pumped(work: Promise<void>): Promise<void> {
  let done = false;
  const finished = work.finally(() => {
    done = true;
  });
  while (!done) {
    turns.step();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await finished;
}
