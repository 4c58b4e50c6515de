import fc from 'fast-check';
import { expect, test } from 'vitest';
import { offset } from '../../base/brand.ts';
import { crc32c } from '../../base/crc32c.ts';
import { BATCH_CRC_START, setI32 } from '../batch-header.ts';
import { CompactionWorld, DELETE_RETENTION_MS, standing, TOPIC, type Written } from './compaction.fixture.ts';

const world = (...args: ConstructorParameters<typeof CompactionWorld>): Promise<CompactionWorld> =>
  new CompactionWorld(...args).create();

test('of each key the last record is left, at its offset', async () => {
  const w = await world();
  for (let i = 0; i < 60; i++) await w.write({ key: `k${i % 5}`, value: `${i}`.padEnd(60) });
  const before = w.log.bounds('t', 0);
  const { removedBytes } = await w.log.compact();
  const after = w.log.bounds('t', 0);
  expect(removedBytes).toBeGreaterThan(1000);
  expect(after).toEqual({ ...before, bytes: before.bytes - removedBytes });
  expect(standing(w.read())).toEqual(standing(w.history));
  expect(w.read().length).toBeLessThan(20);
  for (const record of w.read()) expect(record).toEqual(w.history[record.offset]);
});

test('files that are replaced are gone, and those that are left have an index each', async () => {
  const w = await world();
  await w.fill(6);
  await w.log.compact();
  await w.fill(2);
  await w.log.compact();
  const names = w.disk.paths().filter((path) => path.startsWith('/data/topics/t/0/'));
  expect(names.filter((name) => name.endsWith('.log')).length).toBeLessThanOrEqual(4);
  expect(names).toContain('/data/topics/t/0/00000000000000000000-2.log');
  expect(names).toContain('/data/topics/t/0/00000000000000000000-2.index');
  expect(names.join()).not.toContain('unfinished');
});

test('a topic of another kind is left alone', async () => {
  const w = await world();
  await w.log.createTopic({ ...TOPIC, name: 'a', kind: 'append' });
  for (let i = 0; i < 30; i++) {
    await w.log.commit({ appends: [{ ...w.appendOf([{ key: 'k', value: 'v'.repeat(200) }]), topic: 'a' }], puts: [] });
  }
  const before = w.log.bounds('a', 0);
  await w.log.compact();
  expect(w.log.bounds('a', 0)).toEqual(before);
});

test('records without a key stay', async () => {
  const w = await world();
  for (let i = 0; i < 40; i++) await w.write({ key: null, value: `${i}`.padEnd(60) }, { key: 'k', value: `${i}` });
  await w.log.compact();
  expect(w.read().filter(({ key }) => key === null)).toEqual(w.history.filter(({ key }) => key === null));
});

test('a deletion stays for its time after compaction has met it, and goes then', async () => {
  const w = await world();
  await w.write({ key: 'a', value: '1' }, { key: 'a', value: null }, { key: 'b', value: '1' });
  await w.fill(2);
  await w.log.compact();
  expect(w.read().slice(0, 2)).toEqual([w.history[1], w.history[2]]);
  expect(w.log.bounds('t', 0).deletesFrom).toBe(0);
  w.clock.advance(DELETE_RETENTION_MS);
  await w.fill(2);
  await w.log.compact();
  expect(w.read()[0]).toEqual(w.history[2]);
  expect(w.log.bounds('t', 0).deletesFrom).toBe(2);
  await w.log.close();
  await w.open();
  expect(w.log.bounds('t', 0).deletesFrom).toBe(2);
});

test('nothing at or beyond a pin changes', async () => {
  const w = await world();
  await w.fill(8);
  const pinned = w.history.length >> 1;
  w.log.pin('somebody', 't', 0, offset(pinned));
  await w.log.compact();
  expect(w.read(pinned)).toEqual(w.history.slice(pinned));
  expect(w.read().length).toBeLessThan(w.history.length);
  w.log.pin('somebody', 't', 0, undefined);
  await w.log.compact();
  expect(w.read(pinned).length).toBeLessThan(w.history.length - pinned);
});

test('what is younger than the lag stays, and waits until it is worth it', async () => {
  const w = await world({ compactionLagMs: 5000, compactionDirtyRatio: 0.5 });
  await w.fill(3);
  await w.log.compact();
  expect(w.read()).toEqual(w.history);
  w.clock.advance(5001);
  await w.log.compact();
  const left = w.read().length;
  expect(left).toBeLessThan(w.history.length);
  for (let i = 0; i < 20; i++) await w.write({ key: `${i}`, value: 'x'.repeat(200) });
  w.clock.advance(5001);
  await w.log.compact();
  const bytes = w.log.bounds('t', 0).bytes;
  await w.fill(1);
  w.clock.advance(5001);
  await w.log.compact();
  expect(w.log.bounds('t', 0).bytes).toBeGreaterThan(bytes);
});

test('with memory for few keys a pass ends early, and the next goes on', async () => {
  const w = await world({ compactionKeyBytes: 1 });
  for (let i = 0; i < 100; i++) await w.write({ key: `k${i % 7}`, value: `${i}`.padEnd(60) });
  const lengths: number[] = [];
  for (let pass = 0; pass < 12; pass++) {
    await w.log.compact();
    lengths.push(w.read().length);
    expect(standing(w.read())).toEqual(standing(w.history));
  }
  expect(lengths[0]).toBeGreaterThan(lengths[11]!);
  expect(lengths[11]).toBeLessThan(25);
});

test('a reader in the middle of a segment that is replaced reads on', async () => {
  const w = await world();
  for (let i = 0; i < 60; i++) await w.write({ key: `k${i % 3}`, value: `${i}`.padEnd(60) });
  const reader = w.log.reader('t', 0, offset(0));
  const target = new Uint8Array(150);
  expect(reader.readInto(target)).toBeGreaterThan(0);
  await w.log.compact();
  let last: number = reader.position;
  const { highWatermark } = w.log.bounds('t', 0);
  const rest = new Uint8Array(4096);
  while (reader.readInto(rest) > 0) {
    expect(reader.position).toBeGreaterThan(last);
    last = reader.position;
  }
  expect(last).toBe(highWatermark);
});

test('a time leads to the first record at or after it that is left', async () => {
  const w = await world();
  for (let i = 0; i < 60; i++) {
    w.clock.advance(10);
    await w.write({ key: `k${i % 7}`, value: `${i}`.padEnd(60) });
  }
  await w.log.compact();
  const left = w.read();
  for (const { timestamp, offset: at } of w.history) {
    const found = w.log.offsetAtTime('t', 0, timestamp as Parameters<typeof w.log.offsetAtTime>[2]);
    const first = left.find((record) => record.timestamp >= timestamp)!;
    expect(found, `of ${at}`).toBe(first.offset);
  }
});

test('a segment that is damaged is left as it is, and what is wrong is told', async () => {
  const w = await world();
  await w.fill(3);
  const path = w.segments()[1]!;
  const bytes = w.disk.content(path).slice();
  bytes[100]! ^= 1;
  w.disk.setContent(path, bytes);
  const before = w.disk.paths();
  await w.log.compact();
  await w.log.compact();
  expect(w.disk.paths()).toEqual(before);
  expect(w.warnings).toEqual([
    expect.stringMatching(/^compacting t\/0: .*the CRC does not match.*until the next start$/),
  ]);
});

test('a batch that is compressed is left as it is, with all else', async () => {
  const w = await world();
  const append = w.appendOf([{ key: 'k', value: 'v' }]);
  append.batch[22] = 2;
  setI32(append.batch, 17, crcOf(append.batch));
  await w.log.commit({ appends: [append], puts: [] });
  await w.fill(3);
  const before = w.disk.paths();
  await w.log.compact();
  expect(w.disk.paths()).toEqual(before);
  expect(w.warnings[0]).toContain('is compressed');
});

test('a full disk ends a pass, keeps nothing of it, and the next one goes on', async () => {
  const w = await world();
  for (let i = 0; i < 60; i++) await w.write({ key: `k${i}`, value: `${i}`.padEnd(60) });
  w.disk.capacity = w.disk.usedBytes() + 300;
  await w.log.compact();
  expect(w.warnings.join()).toContain('it is tried again');
  expect(w.disk.paths().join()).not.toContain('unfinished');
  expect(w.read()).toEqual(w.history);
  w.disk.capacity = Number.POSITIVE_INFINITY;
  await w.log.compact();
  expect(w.segments().some((name) => name.includes('-'))).toBe(true);
  expect(w.read()).toEqual(w.history);
});

test('a topic that is deleted meanwhile leaves nothing behind, and another of its name is not touched', async () => {
  const w = await world();
  await w.fill(5);
  const compacting = w.log.compact();
  await Promise.resolve();
  await w.log.deleteTopic('t');
  await w.log.createTopic(TOPIC);
  await compacting;
  expect(w.segments()).toEqual([]);
  w.history.length = 0;
  await w.fill(5);
  expect(w.read()).toEqual(w.history);
});

test('closing the log ends a pass', async () => {
  const w = await world();
  await w.fill(30);
  const compacting = w.log.compact();
  await Promise.resolve();
  await w.log.close();
  await compacting;
  await w.open();
  expect(standing(w.read())).toEqual(standing(w.history));
});

const KEYS = ['a', 'b', 'c', 'd', 'a long key that is longer than the others', ''];
const record = fc.record<Written>({
  key: fc.constantFrom(...KEYS, null),
  value: fc.option(
    fc.nat(99).map((n) => `${n}`.repeat(1 + (n % 40))),
    { freq: 3 },
  ),
});
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      records: fc.array(record, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pin' as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(DELETE_RETENTION_MS) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'power' as const) }) },
);

test('whatever comes, what stands is what stands in a map, and what is left is what was written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const w = await world();
      let pinned: { readonly from: number; readonly records: readonly unknown[] } | undefined;
      for (const step of steps) {
        if (step.kind === 'write') await w.write(...step.records);
        if (step.kind === 'pass') w.clock.advance(step.ms);
        if (step.kind === 'compact') await w.log.compact();
        if (step.kind === 'pin') {
          const from = Math.floor(step.part * w.history.length);
          w.log.pin('p', 't', 0, offset(from));
          pinned = { from, records: w.read(from) };
        }
        if (step.kind === 'restart') await w.log.close();
        if (step.kind === 'power') w.disk.powerLoss();
        if (step.kind === 'restart' || step.kind === 'power') {
          await w.open();
          pinned = undefined;
        }
        if (step.kind !== 'compact') continue;
        const found = w.read();
        expect(standing(found)).toEqual(standing(w.history));
        for (const one of found) expect(one).toEqual(w.history[one.offset]);
        if (pinned !== undefined) expect(w.read(pinned.from).slice(0, pinned.records.length)).toEqual(pinned.records);
        expectSound(w);
      }
    }),
    { numRuns: 120, seed: 3 },
  );
}, 60_000);

/** From any offset that a deletion was not taken before, a reader that goes on ends with what stands. */
function expectSound(w: CompactionWorld): void {
  const { deletesFrom } = w.log.bounds('t', 0);
  for (let from: number = deletesFrom; from < w.history.length; from += 5) {
    const rows = standing([...w.history.slice(0, from), ...w.read(from)]);
    expect(rows).toEqual(standing(w.history));
  }
}

function crcOf(batch: Uint8Array): number {
  return crc32c(batch, BATCH_CRC_START);
}
