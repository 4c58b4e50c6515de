import { describe, expect, it } from 'vitest';
import { at, EngineWorld, WORLD_START } from '../engine-world.fixture.ts';

const SQL = `
CREATE SOURCE events (id text, type text, time timestamptz, amount bigint,
  WATERMARK FOR time AS time - INTERVAL '20 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 day', future_limit = '30 days');
CREATE MATERIALIZED VIEW totals AS
SELECT window_start, window_end, type, count(*) AS n, sum(amount) AS total
FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, window_end, type;
`;

async function fill(world: EngineWorld, partitions: number, rows: number, from = 0): Promise<void> {
  for (let i = from; i < from + rows; i++) {
    const event = { id: `e${i}`, type: `t${i % 7}`, time: at(i), amount: i };
    await world.write('events', [event], i % partitions);
  }
}

describe('a pipeline on several workers', () => {
  it('gives what it gives on one', async () => {
    const tables: unknown[] = [];
    for (const workers of [1, 2, 3]) {
      const world = await EngineWorld.open({ workers });
      await world.createTopic('events', { partitions: 4 });
      await fill(world, 4, 200);
      const running = await world.startSql(SQL, { bounded: true });
      await running.idle();
      await fill(world, 4, 100, 200);
      await running.idle();
      const key = (row: Record<string, unknown>): string => `${row.window_start} ${row.type}`;
      tables.push(world.table('totals').sort((a, b) => (key(a) < key(b) ? -1 : 1)));
      expect(world.letters()).toEqual([]);
      await world.stop();
    }
    expect(tables[0]).toHaveLength(35);
    expect(tables[1]).toEqual(tables[0]);
    expect(tables[2]).toEqual(tables[0]);
    expect(WORLD_START).toBeGreaterThan(0);
  });
});
