import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Append } from '../../log/log.ts';
import { encodeRecordBatch } from '../../log/record-batch.ts';
import { EngineWorld, sqlPipeline } from '../engine-world.fixture.ts';
import { ExchangeFlow } from './exchange-flow.ts';
import { withExchanges } from './exchange-placement.ts';
import { planStages, type StagePlan } from './stage-plan.ts';

const SQL = `CREATE SOURCE events (id text, type text) WITH (topic = 'events', format = 'json');
CREATE MATERIALIZED VIEW v AS SELECT type, count(DISTINCT id) AS n FROM events GROUP BY type;`;
const TOPIC = '__exchange.p.1.0';
const LIMIT = 1_000;

let world: EngineWorld;
let plan: StagePlan;

beforeEach(async () => {
  world = await EngineWorld.open();
  const options = { workers: 2, prefix: '__exchange.p.1.', partitions: () => 2 };
  plan = planStages(withExchanges(await sqlPipeline(SQL)), options);
  await world.createTopic(TOPIC, { partitions: 4 });
});

afterEach(() => world.stop());

/** From task 0 to task 1 is partition 1, from task 1 to task 0 partition 2. */
function append(partition: number, bytes: number): Append {
  const framed = encodeRecordBatch([{ key: null, value: new Uint8Array(bytes), timestamp: 1 }]);
  return { topic: TOPIC, partition, ...framed };
}

function begun(position = 0): ExchangeFlow {
  const flow = new ExchangeFlow(plan.edges, LIMIT);
  flow.begin(world.log, () => position);
  return flow;
}

describe('how far an exchange is ahead', () => {
  it('stops the task that has written too much for one of the next, and no other', () => {
    const flow = begun();
    flow.written([append(1, 600), append(2, 600)]);
    expect(flow.changed()).toEqual([]);
    flow.written([append(1, 600)]);
    expect(flow.changed()).toEqual([{ stage: 0, task: 0, full: true }]);
    expect([flow.isFull(0, 0), flow.isFull(0, 1)]).toEqual([true, false]);
  });

  it('lets it go on when half of that is left, and says each change once', () => {
    const flow = begun();
    const large = append(1, 1_200);
    flow.written([large]);
    expect(flow.changed()).toHaveLength(1);
    expect(flow.changed()).toEqual([]);
    const range = { topic: TOPIC, partition: 1, from: 0, to: 1 };
    flow.processed([{ ...range, bytes: 400 }]);
    expect(flow.changed()).toEqual([]);
    flow.processed([{ ...range, bytes: large.batch.length - 400 }]);
    expect(flow.changed()).toEqual([{ stage: 0, task: 0, full: false }]);
  });

  it('counts what was in the log before', async () => {
    await world.log.commit({ appends: [append(2, 600), append(2, 700)], puts: [] });
    expect(begun().changed()).toEqual([{ stage: 0, task: 1, full: true }]);
    expect(begun(1).changed()).toEqual([]);
  });
});
