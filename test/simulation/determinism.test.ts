import { expect, test } from 'vitest';
import { at, EngineWorld, seededRandom, sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import { decodeJournalRecord, encodeJournalRecord, JOURNAL_SPACE } from '../../src/engine/task/journal.ts';
import type { VirtualDisk } from '../../src/log/virtual-disk.ts';

/** The same log and journal give the same bytes; the same log and other epochs give the same rows. */

const SQL = `
CREATE SOURCE events (id text, type text, time timestamptz, amount numeric(12,2),
  WATERMARK FOR time AS time - INTERVAL '20 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 day', future_limit = '30 days');
CREATE VIEW once WITH (ttl = '1 day') AS SELECT DISTINCT ON (id) * FROM events;
CREATE MATERIALIZED VIEW rows AS SELECT id, amount FROM once;
CREATE MATERIALIZED VIEW totals AS SELECT type, count(*) AS n, sum(amount) AS total, avg(amount) AS mean FROM once GROUP BY type;
CREATE MATERIALIZED VIEW closed AS SELECT window_start, window_end, type, count(*) AS n
FROM TUMBLE(once, time, INTERVAL '1 minute') GROUP BY window_start, window_end, type EMIT ON WINDOW CLOSE;
CREATE MATERIALIZED VIEW best AS SELECT * FROM (SELECT id, type, amount,
  row_number() OVER (PARTITION BY type ORDER BY amount DESC, id) AS place FROM once) q WHERE place <= 2;
`;
const OUTPUTS = ['rows', 'totals', 'closed', 'best', '_dead_letters'];
const BATCHES = 12;

function batchOf(batch: number, random: () => number): object[] {
  return Array.from({ length: 1 + Math.floor(random() * 6) }, (_, i) => ({
    id: `e${batch - Math.floor(random() * 2)}-${i}`,
    type: 'abc'[Math.floor(random() * 3)],
    time: at(batch * 15 - Math.floor(random() * (random() < 0.1 ? 300 : 20))),
    amount: Math.floor(random() * 1000) / 100,
  }));
}

/** Events go in by batches; after each, with `cut`, the pipeline reads to the end. */
async function run(seed: number, cut: (batch: number) => boolean): Promise<EngineWorld> {
  const random = seededRandom(seed);
  const world = await EngineWorld.open();
  await world.createTopic('events', { partitions: 2 });
  const running = await world.startPipeline(await sqlPipeline(SQL));
  for (let batch = 0; batch < BATCHES; batch++) {
    await world.write('events', batchOf(batch, random), batch % 2);
    if (cut(batch)) await running.idle();
  }
  await running.idle();
  await running.stop({ snapshot: false });
  return world;
}

/** Replays the journal, closes the windows, and gives the bytes of all outputs. */
async function replayed(disk: VirtualDisk): Promise<Map<string, string>> {
  const world = new EngineWorld({ disk });
  await world.start();
  const running = await world.startPipeline(await sqlPipeline(SQL));
  await running.idle({ closeWindows: true });
  await world.stop();
  const paths = disk
    .paths()
    .filter((path) => path.endsWith('.log') && OUTPUTS.some((topic) => path.includes(`/${topic}/`)));
  return new Map(paths.map((path) => [path, Buffer.from(disk.content(path)).toString('hex')]));
}

test.each([1, 2, 3])('a journal that is replayed twice gives the same bytes twice (seed %i)', async (seed) => {
  const random = seededRandom(seed);
  const world = await run(seed, () => random() < 0.5);
  await world.log.close();
  const copies = [1, 2].map((salt) => world.disk.copy({ random: seededRandom(salt) }));
  const [first, second] = [await replayed(copies[0]!), await replayed(copies[1]!)];
  expect(first.size).toBeGreaterThanOrEqual(OUTPUTS.length - 1);
  expect(second).toEqual(first);
});

test.each([4, 5, 6])('however the input is cut into epochs, the rows are the same (seed %i)', async (seed) => {
  const texts = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
  const results = [];
  for (const cut of [() => true, () => false, (batch: number) => batch % 5 === 0]) {
    const world = await run(seed, cut);
    const running = await world.startPipeline(await sqlPipeline(SQL));
    await running.idle({ closeWindows: true });
    const late = world.letters().map(({ partition, offset, reason }) => `${partition}/${offset} ${reason}`);
    results.push([
      texts(world.values('rows')),
      texts(world.table('totals')),
      texts(world.values('closed')),
      texts(world.table('best')),
      late.sort(),
    ]);
    await world.stop();
  }
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});

test('an epoch whose replay comes to other bytes than were committed is named', async () => {
  const world = await run(7, () => true);
  const [key, value] = [...world.log.ledgerEntries(JOURNAL_SPACE)].at(3)!;
  const record = decodeJournalRecord(value);
  const outputs = record.outputs.map((output) => ({ ...output, crc: output.crc ^ 1 }));
  await world.log.commit({
    appends: [],
    puts: [{ space: JOURNAL_SPACE, key, value: encodeJournalRecord({ ...record, outputs }) }],
  });
  await expect(world.startPipeline(await sqlPipeline(SQL))).rejects.toMatchObject({
    code: 'ENGINE_REPLAY_MISMATCH',
    message: expect.stringContaining(`replaying epoch ${record.epoch} gave other results`),
  });
  await world.stop();
});
