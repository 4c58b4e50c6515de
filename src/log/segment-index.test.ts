import { beforeEach, expect, test } from 'vitest';
import { offset, timestampMs } from '../base/brand.ts';
import { ManualClock } from '../base/clock.ts';
import type { Disk, DiskReader } from './disk.ts';
import type { Log } from './log.ts';
import { openLog } from './open.ts';
import { decodeRecordBatches, encodeRecordBatch } from './record-batch.ts';
import { VirtualDisk } from './virtual-disk.ts';

/** The sparse indexes: what a read costs with them, and that they come back. */

const INTERVAL_BYTES = 1024;
const BATCH_BYTES = 268;
const BATCHES = 1500;
const limits = { indexIntervalBytes: INTERVAL_BYTES, inlineBytesMax: 100_000 };

let disk: VirtualDisk;
let read: { bytes: number; calls: number };

const counting = (reader: DiskReader): DiskReader => ({
  list: (path) => reader.list(path),
  open(path) {
    const handle = reader.open(path);
    if (handle === undefined) return undefined;
    return {
      size: () => handle.size(),
      close: () => handle.close(),
      read(target, at, length, position) {
        const count = handle.read(target, at, length, position);
        read.bytes += count;
        read.calls++;
        return count;
      },
    };
  },
});

function open(): Promise<Log> {
  const session = disk.session();
  const counted: Disk = { ...session, reader: counting(session.reader) };
  return openLog({ dataDir: '/d', clock: new ManualClock(), disk: counted, limits });
}

async function fill(log: Log, segmentBytesMax: number): Promise<void> {
  await log.createTopic({
    name: 't',
    partitions: 1,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax,
    keyPath: undefined,
    properties: {},
  });
  for (let i = 0; i < BATCHES; i += 100) {
    const appends = Array.from({ length: 100 }, (_, k) => {
      const encoded = encodeRecordBatch([{ key: null, value: new Uint8Array(198), timestamp: (i + k) * 10 }]);
      expect(encoded.batch.length).toBe(BATCH_BYTES);
      return { topic: 't', partition: 0, ...encoded };
    });
    await log.commit({ appends, puts: [] });
  }
}

beforeEach(() => {
  disk = new VirtualDisk({ random: () => 0.5 });
  read = { bytes: 0, calls: 0 };
});

const indexPaths = (): string[] => disk.paths().filter((path) => path.endsWith('.index'));

function firstAt(log: Log, at: number): number {
  const target = new Uint8Array(2 * BATCH_BYTES);
  const bytes = log.reader('t', 0, offset(at)).readInto(target);
  return decodeRecordBatches(target.subarray(0, bytes)).next().value!.baseOffset;
}

/** A search by halving in the index, one step of the index, and the batches themselves. */
function expectShortReads(log: Log): void {
  for (const at of [0, 1, 777, 1200, BATCHES - 1]) {
    read = { bytes: 0, calls: 0 };
    expect(firstAt(log, at)).toBe(at);
    expect(read.calls).toBeLessThan(16);
    read = { bytes: 0, calls: 0 };
    expect(log.offsetAtTime('t', 0, timestampMs(at * 10 - 5))).toBe(at);
    expect(read.calls).toBeLessThan(16);
  }
}

test.each([
  ['the active segment', 10_000_000],
  ['sealed segments', 100_000],
])('a read from any offset, or by time, takes a search and one step: %s', async (_, segmentBytesMax) => {
  const log = await open();
  await fill(log, segmentBytesMax);
  expectShortReads(log);
});

async function idle(): Promise<void> {
  for (let i = 0; i < 2000; i++) await Promise.resolve();
}

test.each([
  ['are gone', (path: string) => disk.setContent(path, new Uint8Array(0))],
  ['are cut short', (path: string) => disk.setContent(path, disk.content(path).slice(0, 30))],
  ['hold rubbish', (path: string) => disk.content(path).fill(7)],
  ['lose a bit', (path: string) => (disk.content(path)[disk.content(path).length - 20]! ^= 1)],
])('indexes that %s are made anew from the segments', async (_, damage) => {
  let log = await open();
  await fill(log, 100_000);
  await log.close();
  const before = indexPaths().map((path) => [path, [...disk.content(path)]]);
  expect(before.length).toBeGreaterThan(4);
  for (const path of indexPaths()) damage(path);
  log = await open();
  for (const at of [0, 1, 777, BATCHES - 1]) expect(firstAt(log, at)).toBe(at);
  await idle();
  expect(indexPaths().map((path) => [path, [...disk.content(path)]])).toEqual(before);
  expectShortReads(log);
  await log.close();
});

test('an index entry that leads elsewhere is not believed', async () => {
  const log = await open();
  await fill(log, 10_000_000);
  const [path] = indexPaths();
  const bytes = disk.content(path!);
  // Two entries change places; each is whole.
  const first = bytes.slice(0, 24);
  bytes.copyWithin(0, 24, 48);
  bytes.set(first, 24);
  for (let at = 0; at < 40; at++) {
    expect(firstAt(log, at)).toBe(at);
    expect(log.offsetAtTime('t', 0, timestampMs(at * 10))).toBe(at);
  }
});
