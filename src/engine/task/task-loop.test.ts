import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Engine } from '../engine.ts';
import { EngineWorld, sqlPipeline } from '../engine-world.fixture.ts';
import { createEngine } from '../host.ts';
import { FollowedReader } from '../version/followed-reader.ts';
import { inlineExecutor } from './executor.ts';
import { diskSnapshots } from './snapshot-store.ts';

let world: EngineWorld;
let engine: Engine;
/** Offsets at which epochs ended. */
let ends: number[];

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('events');
  const { log, clock, disk } = world;
  ends = [];
  const snapshots = diskSnapshots(disk, '/data');
  // Whenever something is read, a record more has come in.
  const executor = inlineExecutor(
    {
      reader: (topic, partition, from) => {
        const reader = new FollowedReader(log.reader(topic, partition, from), 1);
        const readInto = reader.readInto.bind(reader);
        reader.readInto = (target) => {
          const length = readInto(target);
          reader.limit = reader.position + 1;
          return length;
        };
        return reader;
      },
    },
    clock,
    snapshots,
  );
  engine = createEngine({
    log,
    clock,
    options: { workers: 1, snapshotIntervalMs: Number.MAX_SAFE_INTEGER, workerMemoryBytesMax: 2 ** 28 },
    snapshots,
    executor: (start, receive) =>
      executor(start, (message) => {
        if (message.kind === 'epoch') for (const { to } of message.record.ranges) ends.push(to);
        receive(message);
      }),
  });
});

afterEach(async () => {
  await engine.close();
  await world.stop();
});

it('an epoch leaves what comes in while it runs to the next one', async () => {
  for (let i = 0; i < 4; i++) await world.write('events', [{ n: i }]);
  const running = await engine.start(
    await sqlPipeline(`
      CREATE SOURCE events (n int8) WITH (topic = 'events', format = 'json');
      CREATE MATERIALIZED VIEW v AS SELECT n FROM events;`),
  );
  for (let i = 0; i < 4; i++) await running.idle();
  expect(ends).toEqual([1, 2, 3, 4]);
});
