import { afterEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from '../engine-world.fixture.ts';

const SOURCE = `
CREATE SOURCE events (id text, type text, time timestamptz, WATERMARK FOR time AS time - INTERVAL '5 seconds'
) WITH (topic = 'events', format = 'json', future_limit = '3000 days');
`;
const windowed = (aggregates: string): string => `${SOURCE}
CREATE MATERIALIZED VIEW totals AS SELECT window_start, window_end, type, ${aggregates}
FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, window_end, type;
`;
const FORMS = [
  ['made of partial rows', windowed('count(*) AS n')],
  ['of whole rows', windowed('count(DISTINCT id) AS n')],
] as const;
const ROWS_OF_A_BATCH = 200;

let world: EngineWorld;

afterEach(() => world.stop());

async function open(workers: number, partitions: number): Promise<void> {
  world = await EngineWorld.open({ workers });
  await world.createTopic('events', { partitions, segmentBytesMax: 2 ** 20 });
}

/** Rows of one partition in order of time: how many, and how many seconds apart. */
interface Part {
  readonly rows: number;
  readonly stepSeconds: number;
}

async function fill(parts: readonly Part[]): Promise<void> {
  for (const [partition, { rows, stepSeconds }] of parts.entries()) {
    const events = Array.from({ length: rows }, (_, i) => ({
      id: `${partition}-${i}`,
      type: `t${i % 11}`,
      time: at(i * stepSeconds),
    }));
    for (let from = 0; from < rows; from += ROWS_OF_A_BATCH) {
      await world.write('events', events.slice(from, from + ROWS_OF_A_BATCH), partition);
    }
  }
}

function counts(): readonly string[] {
  return world
    .table('totals')
    .map(({ window_start, type, n }) => `${window_start} ${type} ${n}`)
    .sort();
}

describe('catching up on several workers', () => {
  // One partition has most of the rows; another is at an hour when that one is at a minute; one holds a single row, of a day later.
  const parts: readonly Part[] = [
    { rows: 6_000, stepSeconds: 0.5 },
    { rows: 400, stepSeconds: 30 },
    { rows: 25, stepSeconds: 1 },
    { rows: 1, stepSeconds: 1 },
    { rows: 0, stepSeconds: 1 },
  ];

  it.each(FORMS)('drops nothing of partitions of very unequal size and speed: an aggregate %s', async (_, sql) => {
    let one: readonly string[] | undefined;
    for (const workers of [1, 2, 3]) {
      await open(workers, parts.length);
      await fill(parts);
      await world.write('events', [{ id: 'ahead', type: 't0', time: at(86_400) }], 3);
      const running = await world.startSql(sql, { bounded: true });
      await running.idle();
      expect(running.status()).toMatchObject({ lateRows: 0, lagRecords: 0 });
      expect(world.letters()).toEqual([]);
      const found = counts();
      one ??= found;
      expect(found).toEqual(one);
      const rows = found.reduce((sum, text) => sum + Number(text.split(' ').at(-1)), 0);
      expect(rows).toBe(6_000 + 400 + 25 + 1 + 1);
      if (workers < 3) await world.stop();
    }
  });
});

/** After how many commits the rows of other keys than the hot one can be seen, batch by batch: the most of all batches. */
async function commitsUntilSeen(sql: string, hotShare: number): Promise<number> {
  await open(2, 2);
  const running = await world.startSql(sql);
  let most = 0;
  let cold = 0;
  for (let batch = 0; batch < 12; batch++) {
    const rows = Array.from({ length: ROWS_OF_A_BATCH }, (_, i) => ({
      id: `${batch}-${i}`,
      type: i < hotShare * ROWS_OF_A_BATCH ? 'hot' : `t${i % 7}`,
      time: at(batch / 10),
    }));
    cold += rows.filter(({ type }) => type !== 'hot').length;
    let commits = 0;
    let seenAfter: number | undefined;
    const unsubscribe = world.log.onCommit(() => {
      commits++;
      const seen = world.table('totals').reduce((sum, row) => sum + (row.type === 'hot' ? 0 : Number(row.n)), 0);
      if (seen === cold) seenAfter ??= commits;
    });
    await world.write('events', rows, batch % 2);
    await running.idle();
    unsubscribe();
    expect(seenAfter).toBeDefined();
    most = Math.max(most, seenAfter!);
  }
  await running.stop();
  return most;
}

describe('a key that has nine tenths of the rows', () => {
  it.each(FORMS)('delays the others by no commit: an aggregate %s', async (_, sql) => {
    const even = await commitsUntilSeen(sql, 0.2);
    await world.stop();
    expect(await commitsUntilSeen(sql, 0.9)).toBeLessThanOrEqual(even);
  });
});
