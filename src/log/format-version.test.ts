import { beforeEach, expect, test } from 'vitest';
import { ByteWriter } from '../base/bytes.ts';
import { ManualClock } from '../base/clock.ts';
import { crc32c } from '../base/crc32c.ts';
import { beginRecord, encodeRound, endRecord, RECORD_KIND_MAX } from './commit-record.ts';
import type { Log } from './log.ts';
import { encodeTopic, RECORD_FORMAT_VERSION, TOPIC_FORMAT_VERSION, TOPICS_SPACE } from './log-state.ts';
import { openLog } from './open.ts';
import { VirtualDisk } from './virtual-disk.ts';

/** What a newer program wrote is refused, and left as it is. */

const CHECKPOINT = '/d/commit/0000000000.checkpoint';
const COMMIT_LOG = '/d/commit/0000000000.log';
const SALT = 7;
const CONFIG = {
  name: 't',
  partitions: 1,
  kind: 'append',
  retentionMs: undefined,
  retentionBytes: undefined,
  segmentBytesMax: 4096,
  keyPath: undefined,
  properties: {},
} as const;

let disk: VirtualDisk;

const open = (): Promise<Log> =>
  openLog({ dataDir: '/d', clock: new ManualClock(), disk: disk.session(), random: () => SALT });

beforeEach(async () => {
  disk = new VirtualDisk({ random: () => 0.5 });
  const log = await open();
  await log.createTopic(CONFIG);
  await log.close();
});

const snapshot = (): unknown => disk.paths().map((path) => [path, Buffer.from(disk.content(path)).toString('hex')]);

async function expectRefused(what: RegExp): Promise<void> {
  const before = snapshot();
  await expect(open()).rejects.toMatchObject({ code: 'LOG_VERSION_UNKNOWN', message: expect.stringMatching(what) });
  expect(snapshot()).toEqual(before);
}

/** Puts another record where the next round would go. */
function addRecord(write: (writer: ByteWriter, commit: number) => void): void {
  const bytes = disk.content(COMMIT_LOG);
  const end = Math.ceil((bytes.findLastIndex((byte) => byte !== 0) + 1) / 8) * 8;
  const writer = new ByteWriter();
  write(writer, commitsWritten(bytes) + 1);
  const after = new Uint8Array(Math.max(bytes.length, end + writer.length));
  after.set(bytes);
  after.set(writer.written(), end);
  disk.setContent(COMMIT_LOG, after);
}

function commitsWritten(bytes: Uint8Array): number {
  let commits = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = 32; at + 24 <= bytes.length && view.getUint32(at, true) !== 0; ) {
    commits = view.getUint32(at + 16, true);
    at += 24 + Math.ceil(view.getUint32(at + 8, true) / 8) * 8;
  }
  return commits;
}

function setVersion(path: string, version: number): void {
  const bytes = disk.content(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(8, version, true);
  view.setUint32(28, crc32c(bytes, 0, 28), true);
}

test.each([
  ['commit log', COMMIT_LOG],
  ['checkpoint', CHECKPOINT],
])('a newer format of the %s', async (_, path) => {
  setVersion(path, 99);
  await expectRefused(/^opening .*: its format version is 99, this program knows up to 3; use the newer version/);
});

test('the format of a development version', async () => {
  setVersion(CHECKPOINT, 2);
  await expectRefused(/^opening .*: it has format version 2, of before the first release; choose a new data directory/);
});

test('a newer kind of record in the commit log', async () => {
  addRecord((writer, commit) => {
    const at = beginRecord(writer, RECORD_KIND_MAX + 1, commit);
    endRecord(writer, at, SALT);
  });
  await expectRefused(/a record of .*0000000000\.log: its format version is 7/);
});

function addTopic(change: (stored: Record<string, unknown>) => void): void {
  const stored: Record<string, unknown> = JSON.parse(Buffer.from(encodeTopic({ ...CONFIG, name: 'u' }, 1)).toString());
  change(stored);
  const put = { space: TOPICS_SPACE, key: 'u', value: Buffer.from(JSON.stringify(stored)) };
  addRecord((writer, commit) => {
    encodeRound(writer, { commit, timestamp: 1, extents: [], starts: [], compactions: [], puts: [put] }, SALT);
  });
}

test('a newer format of the metadata of a topic', async () => {
  addTopic((stored) => (stored.formatVersion = TOPIC_FORMAT_VERSION + 1));
  await expectRefused(/the description of topic "u": its format version is 2/);
});

test('a newer format of the records in the segments', async () => {
  addTopic((stored) => (stored.recordFormatVersion = RECORD_FORMAT_VERSION + 1));
  await expectRefused(/the segments of topic "u": its format version is 3/);
});

test('the same topic in the formats of today is read', async () => {
  addTopic(() => {});
  expect((await open()).topic('u')).toMatchObject({ partitions: 1 });
});
