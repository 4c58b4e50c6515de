import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from './engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
});

afterEach(() => world.stop());

const source = (options = '', columns = ''): string => `
CREATE SOURCE events (
  id text, type text, time timestamptz, amount float8${columns},
  WATERMARK FOR time AS time - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '5 seconds'${options});
`;

const counted = (emit = ''): string => `
CREATE MATERIALIZED VIEW counted AS
SELECT window_start, window_end, count(*) AS n
FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, window_end${emit};
`;

const event = (seconds: number, more: object = {}): object => ({
  id: `${seconds}`,
  type: 'a',
  time: at(seconds),
  ...more,
});

describe('several partitions', () => {
  it('drops nothing as late when one partition is hours ahead of the other', async () => {
    await world.createTopic('events', { partitions: 2 });
    for (let hour = 0; hour < 3; hour++) {
      await world.write(
        'events',
        Array.from({ length: 60 }, (_, i) => event(hour * 3600 + i * 60)),
        0,
      );
    }
    await world.write(
      'events',
      Array.from({ length: 20 }, (_, i) => event(i * 60)),
      1,
    );
    const running = await world.startSql(source(", future_limit = '30 days'") + counted());
    await running.idle();
    expect(world.letters()).toEqual([]);
    expect(world.table('counted').filter((row) => row.n === 2)).toHaveLength(20);
    expect(world.table('counted').filter((row) => row.n === 1)).toHaveLength(160);
  });

  it('gives the same result whichever partition was read first', async () => {
    await world.createTopic('events', { partitions: 2 });
    const running = await world.startSql(source(", future_limit = '30 days'") + counted(' EMIT ON WINDOW CLOSE'));
    await world.write('events', [event(0), event(7200)], 0);
    await running.idle();
    await world.write('events', [event(1), event(61), event(7300)], 1);
    await running.idle();
    expect(world.letters()).toEqual([]);
    expect(world.values('counted').map((row) => [row.window_start, row.n])).toEqual([
      ['2024-01-01T00:00:00.000Z', 2],
      ['2024-01-01T00:01:00.000Z', 1],
    ]);
  });

  it('calls a row late by the watermark of its own partition alone', async () => {
    await world.createTopic('events', { partitions: 2 });
    const running = await world.startSql(source(", future_limit = '30 days'") + counted());
    await world.write('events', [event(600)], 0);
    await world.write('events', [event(600)], 1);
    await running.idle();
    await world.write('events', [event(0)], 0);
    await running.idle();
    expect(world.letters().map(({ reason, partition, offset }) => [reason, partition, offset])).toEqual([
      ['late', 0, 1],
    ]);
  });

  it('calls a row late that only the watermark of its own partition has passed, although the window is open for others', async () => {
    await world.createTopic('events', { partitions: 2 });
    const running = await world.startSql(source(", future_limit = '30 days'") + counted());
    await world.write('events', [event(600), event(0)], 0);
    await world.write('events', [event(5)], 1);
    await running.idle();
    expect(world.letters().map(({ reason, partition, offset }) => [reason, partition, offset])).toEqual([
      ['late', 0, 1],
    ]);
    expect(world.table('counted').map((row) => row.n)).toEqual([1, 1]);
  });
});

describe('bounded runs', () => {
  it('take rows of any time, however far ahead of the clock', async () => {
    await world.createTopic('events');
    await world.write('events', [event(0), event(1e6), event(2e6)]);
    const running = await world.startSql(source() + counted(), { bounded: true });
    await running.idle({ closeWindows: true });
    expect(world.letters()).toEqual([]);
    expect(world.table('counted').map((row) => row.n)).toEqual([1, 1, 1]);
  });

  it('are live when they are not bounded: a row ahead of the clock goes to dead letters', async () => {
    await world.createTopic('events');
    await world.write('events', [event(0), event(1e6), event(1)]);
    const running = await world.startSql(source() + counted());
    await running.idle();
    expect(world.letters().map((letter) => letter.reason)).toEqual(['future']);
    expect(world.table('counted').map((row) => row.n)).toEqual([2]);
  });

  it('know no idle partition, however slowly they are read', async () => {
    await world.createTopic('events', { partitions: 2 });
    await world.write('events', [event(600)], 0);
    const running = await world.startSql(source() + counted(), { bounded: true });
    await running.idle();
    world.clock.advance(3_600_000);
    await running.idle();
    await world.write('events', [event(0)], 1);
    await running.idle({ closeWindows: true });
    expect(world.letters()).toEqual([]);
    expect(world.table('counted').map((row) => row.n)).toEqual([1, 1]);
  });

  it('close the windows that were open at their end, and later rows are in time when their window was not among them', async () => {
    await world.createTopic('events');
    await world.write('events', [event(0), event(61)]);
    const running = await world.startSql(source() + counted(' EMIT ON WINDOW CLOSE'), { bounded: true });
    await running.idle({ closeWindows: true });
    expect(world.values('counted')).toHaveLength(2);
    await world.write('events', [event(100), event(200)]);
    await running.idle({ closeWindows: true });
    expect(world.letters().map((letter) => letter.offset)).toEqual([2]);
    expect(world.values('counted').map((row) => row.window_start)).toEqual([at(0), at(60), at(180)]);
  });
});

describe('a quiet stream', () => {
  it('closes its windows on the wall clock once all of it is idle', async () => {
    await world.createTopic('events', { partitions: 2 });
    const running = await world.startSql(source() + counted(' EMIT ON WINDOW CLOSE'));
    await world.write('events', [event(30)], 0);
    await running.idle();
    world.clock.advance(5_000);
    await running.idle();
    world.clock.advance(31_000);
    await running.idle();
    expect(world.values('counted')).toEqual([]);
    world.clock.advance(2_000);
    await running.idle();
    expect(world.values('counted').map((row) => row.n)).toEqual([1]);
  });

  it('lets one silent partition stop holding the others back', async () => {
    await world.createTopic('events', { partitions: 2 });
    const running = await world.startSql(source(", future_limit = '1 day'") + counted(' EMIT ON WINDOW CLOSE'));
    await world.write('events', [event(0)], 1);
    for (let second = 0; second < 8; second += 2) {
      await world.write('events', [event(second * 20)], 0);
      await running.idle();
      world.clock.advance(2_000);
    }
    await world.write('events', [event(160)], 0);
    await running.idle();
    expect(world.values('counted').map((row) => row.n)).toEqual([3, 1]);
  });

  it('begins to count silence anew at a restart, and not before it has caught up', async () => {
    await world.createTopic('events', { partitions: 2 });
    const sql = source() + counted(' EMIT ON WINDOW CLOSE');
    const running = await world.startSql(sql);
    await world.write('events', [event(0)], 0);
    await world.write('events', [event(0)], 1);
    await running.idle();
    world.clock.advance(4_000);
    await running.stop();
    world.clock.advance(60_000);
    const again = await world.startSql(sql);
    await again.idle();
    world.clock.advance(4_999);
    await again.idle();
    await world.write('events', [event(50)], 0);
    await again.idle();
    expect(again.status().watermark).toBe(BigInt(Date.parse(at(-2))) * 1000n);
    expect(world.values('counted')).toEqual([]);
  });

  it('calls a row late that an idle advance has passed: the decision is journaled, and a replay makes it again', async () => {
    await world.createTopic('events', { partitions: 2 });
    const sql = source(", future_limit = '1 day'") + counted();
    const running = await world.startSql(sql);
    await world.write('events', [event(0)], 0);
    await world.write('events', [event(0)], 1);
    await running.idle();
    world.clock.advance(4_000);
    await world.write('events', [event(120)], 0);
    await running.idle();
    world.clock.advance(2_000);
    await running.idle();
    await world.write('events', [event(30)], 1);
    await running.idle();
    const before = world.letters().map(({ reason, partition, offset }) => [reason, partition, offset]);
    expect(before).toEqual([['late', 1, 1]]);
    await running.stop({ snapshot: false });
    const again = await world.startSql(sql);
    await again.idle();
    expect(again.status().error).toBeUndefined();
    expect(world.letters()).toHaveLength(1);
  });
});

it('rows without an event time go to dead letters where a time is needed, and nowhere else', async () => {
  await world.createTopic('events');
  const once = `CREATE VIEW once WITH (ttl = '1 minute') AS SELECT DISTINCT ON (id) * FROM events;
    CREATE MATERIALIZED VIEW first_rows AS SELECT id FROM once;
    CREATE MATERIALIZED VIEW all_rows AS SELECT id FROM events;`;
  const running = await world.startSql(source() + counted() + once);
  await world.write('events', [event(10, { id: 'x' }), event(11, { id: 'y', time: null }), event(12, { id: 'z' })]);
  await running.idle();
  const letters = world.letters().map(({ reason, offset, operator }) => [reason, offset, operator]);
  expect(letters.sort()).toEqual([
    ['no-event-time', 1, 'deduplicate:first_rows'],
    ['no-event-time', 1, 'window:counted'],
  ]);
  expect(world.values('first_rows').map((row) => row.id)).toEqual(['x', 'z']);
  expect(world.values('all_rows').map((row) => row.id)).toEqual(['x', 'y', 'z']);
  expect(world.table('counted').map((row) => row.n)).toEqual([2]);
});
