import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from './engine-world.fixture.ts';
import { explainWaits } from './why.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('events', { partitions: 2 });
});

afterEach(() => world.stop());

const SQL = `
CREATE SOURCE events (id text, time timestamptz, WATERMARK FOR time AS time - INTERVAL '2 seconds')
  WITH (topic = 'events', idle_timeout = '10 seconds', future_limit = '1 day');
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n
  FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start EMIT ON WINDOW CLOSE;`;

describe('what a window waits for', () => {
  it('names the event time, how far it has come, and the partition that keeps it', async () => {
    const running = await world.startSql(SQL);
    await world.write(
      'events',
      [
        { id: 'a', time: at(90) },
        { id: 'b', time: at(10) },
      ],
      0,
    );
    await world.write('events', [{ id: 'c', time: at(30) }], 1);
    await running.idle();
    const waits = explainWaits(running.status());
    expect(waits).toEqual([
      {
        operator: 'aggregate:v',
        label: expect.stringContaining('count(*)') as string,
        reasons: [
          'it waits for event time 2024-01-01T00:01:00.000Z; event time has come to 2024-01-01T00:00:28.000Z, 32 s before',
          'events/1 has come to 2024-01-01T00:00:28.000Z and has been read to its end; if nothing comes it is idle in 10 s',
        ],
      },
    ]);
  });

  it('says that event time has not begun in a partition without events', async () => {
    const running = await world.startSql(SQL);
    await world.write('events', [{ id: 'a', time: at(10) }], 0);
    await running.idle();
    expect(explainWaits(running.status())[0]!.reasons).toEqual([
      'it waits for event time 2024-01-01T00:01:00.000Z, and event time has not begun',
      expect.stringMatching(/^events\/0 has come to/) as string,
      expect.stringMatching(/^events\/1 has had no event time and has been read to its end/) as string,
    ]);
  });

  it('is nothing where nothing is open', async () => {
    const running = await world.startSql(SQL);
    await running.idle();
    expect(explainWaits(running.status())).toEqual([]);
  });
});

describe('what operators report', () => {
  it('has the rows and the state of each', async () => {
    const running = await world.startSql(SQL);
    await world.write(
      'events',
      [
        { id: 'a', time: at(10) },
        { id: 'b', time: at(70) },
      ],
      0,
    );
    await running.idle();
    const aggregate = running.status().operators.find(({ kind }) => kind === 'aggregate');
    expect(aggregate).toMatchObject({ rowsIn: 2, stateKeys: 2 });
    expect(running.status().inputs).toMatchObject([
      { operator: 'source:events', topic: 'events', partition: 0, position: 2, end: 2, idle: false },
      { partition: 1, position: 0, end: 0 },
    ]);
  });
});
