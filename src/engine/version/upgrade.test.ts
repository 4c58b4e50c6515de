import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UserModule } from '../../plan/node.ts';
import { at, EngineWorld, sqlPipeline } from '../engine-world.fixture.ts';
import { decodeJournalRecord, decodeSnapshotPointer, encodeJournalRecord, JOURNAL_SPACE } from '../task/journal.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('events');
});

afterEach(() => world.stop());

const SOURCE = `
CREATE SOURCE events (id text, type text, time timestamptz, amount float8,
  WATERMARK FOR time AS time - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '10 seconds', future_limit = '1 day');
`;
const SCORED = `${SOURCE}
CREATE FUNCTION score(amount float8) RETURNS float8 LANGUAGE typescript AS './score.ts#score';
CREATE MATERIALIZED VIEW totals AS SELECT type, sum(score(amount)) AS total FROM events GROUP BY type;`;
const CLOSED = `${SOURCE}
CREATE MATERIALIZED VIEW closed AS SELECT window_start, count(*) AS n
FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;`;

const module = (factor: number): UserModule => ({
  hash: `factor-${factor}`,
  code: `export const score = (amount) => amount * ${factor};`,
});
const scored = (factor: number) => sqlPipeline(SCORED, 'p', [module(factor)]);
const event = (seconds: number): object => ({ id: `e${seconds}`, type: 'a', time: at(seconds), amount: seconds });
const present = () => world.engine.pipelines()[0]!;

describe('a user function that was changed while the process had crashed', () => {
  it('is not used for epochs of before: these are replayed with the bundle of then, which the log keeps', async () => {
    const running = await world.startPipeline(await scored(10));
    await world.write('events', [event(1), event(2)]);
    await running.idle();
    await world.crash(true);
    await world.start();
    expect(world.log.ledgerEntries(JOURNAL_SPACE).size).toBeGreaterThan(0);
    await expect(world.startPipeline(await scored(100))).rejects.toMatchObject({ code: 'ENGINE_MUST_REBUILD' });
    const [stored] = world.engine.stored();
    await world.startPipeline(stored!.pipeline());
    await world.write('events', [event(3)]);
    await present().idle();
    expect(world.table('totals')).toEqual([{ type: 'a', total: 60 }]);
  });

  it('is used for all rows when the new version takes the place of the former; that one’s bundle goes', async () => {
    const running = await world.startPipeline(await scored(10));
    await world.write('events', [event(1), event(2)]);
    await running.idle();
    await world.crash(true);
    await world.start();
    await world.startPipeline(world.engine.stored()[0]!.pipeline());
    await (await world.engine.build(await scored(100))).done;
    expect(world.table('totals')).toEqual([{ type: 'a', total: 300 }]);
    expect([...world.log.ledgerEntries('module').keys()]).toEqual(['factor-100']);
  });
});

describe('state that cannot be gone on with', () => {
  it.each([1, 2])(
    'of another engine after a crash is built anew beside the rows that there are (%i workers)',
    async (workers) => {
      world.workers = workers;
      const running = await world.startPipeline(await scored(10));
      await world.write('events', [event(1), event(2)]);
      await running.idle();
      await world.crash(false);
      await world.start();
      for (const [key, value] of world.log.ledgerEntries(JOURNAL_SPACE)) {
        const record = decodeJournalRecord(value);
        const older = encodeJournalRecord({ ...record, versions: { ...record.versions, engine: 1 } });
        await world.log.commit({ appends: [], puts: [{ space: JOURNAL_SPACE, key, value: older }] });
      }
      await expect(world.startPipeline(await scored(10))).rejects.toMatchObject({ code: 'ENGINE_MUST_REBUILD' });
      const before = world.endOf('totals');
      await (await world.engine.build(await scored(10), { anew: true })).done;
      expect(world.table('totals')).toEqual([{ type: 'a', total: 30 }]);
      expect(world.endOf('totals')).toBe(before);
      await world.write('events', [event(3)]);
      await present().idle();
      expect(world.table('totals')).toEqual([{ type: 'a', total: 60 }]);
    },
  );

  it('is not there after a clean stop: nothing is replayed', async () => {
    const running = await world.startPipeline(await scored(10));
    await world.write('events', [event(1), event(2)]);
    await running.idle();
    await world.stop();
    await world.start();
    const { epoch } = decodeSnapshotPointer(world.log.ledgerGet('snapshot', 'p')!);
    const journal = [...world.log.ledgerEntries(JOURNAL_SPACE).values()].map(decodeJournalRecord);
    expect(journal.filter((record) => record.epoch > epoch)).toEqual([]);
  });
});

describe('windows that a quiet stream has closed', () => {
  it('are closed in the new version too when it takes the place of the former: no row goes and comes again', async () => {
    const running = await world.startSql(CLOSED);
    await world.write('events', [event(10), event(70), event(130)]);
    await running.idle();
    for (let step = 0; step < 8; step++) {
      world.clock.advance(10_000);
      await running.idle();
    }
    expect(world.values('closed').map(({ window_start }) => window_start)).toEqual([at(0), at(60), at(120)]);
    const wider = CLOSED.replace('count(*) AS n', 'count(*) AS n, sum(amount) AS total');
    const cutOver = await (await world.engine.build(await sqlPipeline(wider))).done;
    expect(cutOver.outputs).toContainEqual({ topic: 'closed', written: 3, deleted: 0 });
    await world.write('events', [event(125), event(250), event(400)]);
    await present().idle();
    expect(world.records('closed').map(({ value }) => [value!.window_start, value!.n, value!.total])).toEqual([
      [at(0), 1, undefined],
      [at(60), 1, undefined],
      [at(120), 1, undefined],
      [at(0), 1, 10],
      [at(60), 1, 70],
      [at(120), 1, 130],
      [at(240), 1, 250],
    ]);
    expect(world.letters().map(({ reason, offset }) => [reason, offset])).toEqual([['late', 3]]);
  });
});
