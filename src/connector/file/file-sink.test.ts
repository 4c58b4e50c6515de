import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSection } from '../../base/config/option-set.ts';
import { parseYaml } from '../../base/config/yaml-section.ts';
import type { SinkConnector } from '../connector.ts';
import { SinkWorld, TOPIC } from '../sink.fixture.ts';
import { createFileSink } from './file-sink.ts';
import { FILE_SINK_OPTIONS } from './file-sink-options.ts';
import { openSinkFile, type SinkFile } from './sink-file.ts';

let world: SinkWorld;
let sinks: SinkConnector[];
const path = (): string => join(world.dir, 'out/rows.ndjson');
const lines = (): string[] => readFileSync(path(), 'utf8').split('\n').slice(0, -1);
const numbers = (): unknown[] => lines().map((line) => (JSON.parse(line) as { n: number }).n);
const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ n: from + i }));

beforeEach(async () => {
  world = await SinkWorld.open();
  sinks = [];
});
afterEach(async () => {
  for (const sink of sinks) await sink.stop();
  await world.close();
});

function open(yaml = '', openFile: (path: string) => Promise<SinkFile> = openSinkFile): SinkConnector {
  const section = parseYaml(`path: out/rows.ndjson\nbatch_wait: 0 s\n${yaml}`, 'sink');
  const sink = createFileSink('s', TOPIC, readSection(FILE_SINK_OPTIONS, section), world.dir, world.parts, openFile);
  sinks.push(sink);
  sink.start();
  return sink;
}

/** Everything that a crash leaves: the file, and the ledger without what came after `commits` commits of the sink. */
function crashAfter(commits: number): void {
  let left = commits;
  world.beforeCommit = () => {
    left -= 1;
    if (left < 0) throw new Error('the process is gone');
  };
}

describe('a file sink', () => {
  it('writes each row as a line, those that come later too', async () => {
    await world.append(rows(0, 3));
    const sink = open();
    await sink.drained();
    await world.append(rows(3, 5));
    await sink.drained();
    expect(lines()).toEqual(['{"n":0}', '{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}']);
    expect(sink.status()).toMatchObject({ state: 'running', records: 5, lagRecords: 0, error: undefined });
  });

  it('goes on where it was after a restart', async () => {
    await world.append(rows(0, 3));
    await open().drained();
    await sinks.pop()!.stop();
    await world.reopen();
    await world.append(rows(3, 5));
    await open().drained();
    expect(numbers()).toEqual([0, 1, 2, 3, 4]);
  });

  it('writes each row once, wherever a crash falls between writing and committing', async () => {
    await world.append(rows(0, 25));
    for (let commits = 0; commits < 4; commits++) {
      crashAfter(commits);
      await open('batch_rows: 10')
        .drained()
        .catch(() => undefined);
      await sinks.pop()!.stop();
    }
    world.beforeCommit = () => {};
    // What a torn write leaves.
    appendFileSync(path(), '{"n":2');
    await open('batch_rows: 10').drained();
    expect(numbers()).toEqual(rows(0, 25).map(({ n }) => n));
  });

  it('keeps the order of each partition', async () => {
    await world.close();
    world = await SinkWorld.open('append', 3);
    for (const partition of [0, 1, 2]) await world.append(rows(partition * 100, partition * 100 + 20), partition);
    await open('batch_rows: 7').drained();
    const written = numbers() as number[];
    for (const partition of [0, 1, 2]) {
      const own = written.filter((n) => Math.floor(n / 100) === partition);
      expect(own).toEqual(rows(partition * 100, partition * 100 + 20).map(({ n }) => n));
    }
  });

  it('writes changes of rows that are updated, and deletes', async () => {
    await world.close();
    world = await SinkWorld.open('upsert');
    await world.append([{ n: 1 }, { n: 2 }, null], 0, 'a');
    await open().drained();
    expect(lines()).toEqual([
      '{"op":"upsert","key":"a","row":{"n":1}}',
      '{"op":"upsert","key":"a","row":{"n":2}}',
      '{"op":"delete","key":"a","row":null}',
    ]);
  });

  it('writes one line a row, however the JSON was sent', async () => {
    await world.append(['{\n  "n": 1,\r\n  "text": "a\\nb"\n}']);
    await open().drained();
    expect(lines()).toHaveLength(1);
    expect(JSON.parse(lines()[0]!)).toEqual({ n: 1, text: 'a\nb' });
  });

  it('tries again while the disk refuses, and then has lost nothing', async () => {
    let refusals = 3;
    const full = async (at: string): Promise<SinkFile> => {
      const file = await openSinkFile(at);
      return {
        ...file,
        async write(bytes, position) {
          if (refusals-- > 0) {
            await file.write(bytes.subarray(0, 5), position);
            throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
          }
          await file.write(bytes, position);
        },
      };
    };
    await world.append(rows(0, 10));
    await open('', full).drained();
    expect(numbers()).toEqual(rows(0, 10).map(({ n }) => n));
  });

  it('begins with what comes from now on when it is told to', async () => {
    await world.append(rows(0, 3));
    const sink = open('start: latest');
    await sink.drained();
    await world.append(rows(3, 4));
    await sink.drained();
    expect(numbers()).toEqual([3]);
  });

  it('leaves a file alone that it has not written, unless it is told what to do', async () => {
    await world.append(rows(0, 1));
    mkdirSync(join(world.dir, 'out'));
    writeFileSync(path(), 'mine\n');
    await expect(open().drained()).rejects.toMatchObject({ code: 'CONNECTOR_FILE_EXISTS' });
    await open('existing: append').drained();
    expect(lines()).toEqual(['mine', '{"n":0}']);
    await sinks.pop()!.stop();
    await world.reopen();
  });

  it('fails visibly when somebody has shortened its file', async () => {
    await world.append(rows(0, 3));
    await open().drained();
    await sinks.pop()!.stop();
    truncateSync(path(), 4);
    const sink = open();
    await expect(sink.drained()).rejects.toMatchObject({ code: 'CONNECTOR_FILE_CHANGED' });
    expect(sink.status()).toMatchObject({ state: 'failed' });
    expect(existsSync(path())).toBe(true);
  });

  it('writes each row once under any batch size and any crashes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(40), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 30 }),
        fc.array(fc.nat(6), { maxLength: 3 }),
        async (appends, batchRows, crashes) => {
          await world.close();
          world = await SinkWorld.open();
          let count = 0;
          for (const size of appends) {
            if (size === 0) continue;
            await world.append(rows(count, count + size));
            count += size;
          }
          for (const commits of crashes) {
            crashAfter(commits);
            await open(`batch_rows: ${batchRows}`)
              .drained()
              .catch(() => undefined);
            await sinks.pop()!.stop();
          }
          world.beforeCommit = () => {};
          await open(`batch_rows: ${batchRows}`).drained();
          await sinks.pop()!.stop();
          expect(numbers()).toEqual(rows(0, count).map(({ n }) => n));
        },
      ),
      { numRuns: 10 },
    );
  });
});
