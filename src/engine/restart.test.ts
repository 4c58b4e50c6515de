import { expect, it } from 'vitest';
import { HeadraceError } from '../base/error.ts';
import type { CommitRequest, Log } from '../log/log.ts';
import type { Pipeline } from '../plan/node.ts';
import type { Engine } from './engine.ts';
import { at, EngineWorld, sqlPipeline } from './engine-world.fixture.ts';
import { createEngine } from './host.ts';
import type { ExecutorFactory, TaskExecutor } from './task/executor.ts';
import { ENGINE_SEMANTICS_VERSION } from './task/journal.ts';
import type { FromTask, TaskStart } from './task/message.ts';
import type { TaskReport } from './task/task-status.ts';

const SQL = `
CREATE SOURCE events (id text, time timestamptz, WATERMARK FOR time AS time - INTERVAL '2 seconds')
  WITH (topic = 'events', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
CREATE MATERIALIZED VIEW rows AS SELECT id FROM events;
`;

/** What a task that has done nothing says of itself. */
const REPORT: TaskReport = {
  epoch: 0,
  watermark: undefined,
  operators: [],
  edges: [],
  inputs: [],
  lateRows: 0,
  duplicateRows: 0,
  forgottenRows: 0,
  memoryBytes: 0,
};

/** A log whose commits of the journal wait until they are let go, or fail. */
function holding(log: Log): { readonly log: Log; letGo: (error?: Error) => void } {
  const held: ((error?: Error) => void)[] = [];
  const commit = async (request: CommitRequest) => {
    if (request.puts.some(({ space }) => space === 'journal')) {
      const error = await new Promise<Error | undefined>((resolve) => held.push(resolve));
      if (error !== undefined) throw error;
    }
    return log.commit(request);
  };
  const wrapped = new Proxy(log, {
    get: (target, name) => {
      if (name === 'commit') return commit;
      const found: unknown = Reflect.get(target, name);
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
  const letGo = (error?: Error): void => {
    for (const resolve of held.splice(0)) resolve(error);
  };
  return { log: wrapped, letGo };
}

interface Driven {
  readonly world: EngineWorld;
  readonly engine: Engine;
  readonly pipeline: Pipeline;
  readonly starts: TaskStart[];
  readonly letGo: (error?: Error) => void;
  /** The first task has made an epoch, whose commit is held. */
  receive: (message: FromTask) => void;
}

/** An engine whose tasks do what the test says. */
async function driven(terminate: () => Promise<void> = async () => {}): Promise<Driven> {
  const world = await EngineWorld.open();
  await world.createTopic('events');
  const { log, letGo } = holding(world.log);
  const starts: TaskStart[] = [];
  let receive: (message: FromTask) => void = () => {};
  const executor: ExecutorFactory = (start, to) => {
    starts.push(start);
    receive = to;
    setImmediate(() => to({ kind: 'recovered', epoch: 0, status: REPORT }));
    return { post: () => {}, terminate };
  };
  const options = { workers: 1, snapshotIntervalMs: 1_000, workerMemoryBytesMax: 2 ** 26 };
  const engine = createEngine({ log, clock: world.clock, options, executor });
  const pipeline = await sqlPipeline(SQL);
  await engine.start(pipeline);
  const versions = { engine: ENGINE_SEMANTICS_VERSION, plan: '', modules: [] };
  const record = { epoch: 1, clockMs: 1, ranges: [], idle: [], end: false, bounded: false, outputs: [], versions };
  receive({ kind: 'epoch', record, appends: [], rows: 0, elapsedMs: 0, receipts: [], deadLetters: {} });
  return { world, engine, pipeline, starts, letGo, receive };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const failed = (code: string, retryable: boolean): FromTask => ({
  kind: 'failed',
  message: 'reading: EIO',
  code,
  retryable,
});
const diskFull = (): HeadraceError =>
  new HeadraceError('writing the log: no space', { code: 'LOG_DISK_FULL', domain: 'log', retryable: true });

it('a pipeline that failed is started again only when the commit that it had on its way has come to its end', async () => {
  const { world, engine, pipeline, starts, letGo, receive } = await driven();
  receive(failed('LOG_READ_FAILED', false));
  const again = engine.start(pipeline);
  await turns();
  expect(starts).toHaveLength(1);
  letGo();
  await again;
  expect(starts[1]!.journal.map(({ epoch }) => epoch)).toEqual([1]);
  await world.stop();
});

it.each([false, true])(
  'a task is begun only when the one before has ended, which may still be writing a snapshot (retryable: %s)',
  async (retryable) => {
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const { world, engine, pipeline, starts, letGo, receive } = await driven(() => ended);
    letGo();
    await turns();
    receive(failed('LOG_READ_FAILED', retryable));
    const again = retryable ? undefined : engine.start(pipeline);
    for (let second = 0; second < 5; second++) {
      world.clock.advance(1_000);
      await turns();
    }
    expect(starts).toHaveLength(1);
    end();
    await turns();
    world.clock.advance(60_000);
    await turns();
    await again;
    expect(starts).toHaveLength(2);
    await world.stop();
  },
);

it('the last commit of a pipeline that failed or was stopped does not bring it back to life when it fails too', async () => {
  for (const retryable of [false, true]) {
    const { world, engine, starts, letGo, receive } = await driven();
    receive(failed('LOG_READ_FAILED', retryable));
    const stopped = engine.pipelines()[0]!.stop();
    letGo(diskFull());
    await stopped;
    await turns();
    world.clock.advance(60_000);
    await turns();
    expect(starts).toHaveLength(1);
    await world.stop();
  }
});

it('a pipeline whose task and whose commit fail at once is recovered once', async () => {
  const { world, starts, letGo, receive } = await driven();
  receive(failed('ENGINE_USER_FUNCTION_TIMEOUT', true));
  letGo(diskFull());
  await turns();
  world.clock.advance(60_000);
  await turns();
  expect(starts).toHaveLength(2);
  await world.stop();
});

it.each([false, true])(
  'retention keeps what a pipeline needs that was not started yet (with a snapshot: %s)',
  async (snapshot) => {
    const world = await EngineWorld.open();
    await world.createTopic('events', { retentionBytes: 1, segmentBytesMax: 1024 });
    const running = await world.startSql(SQL);
    const write = async (from: number, to: number): Promise<void> => {
      for (let i = from; i < to; i++) await world.write('events', [{ id: `${i}`.padEnd(600), time: at(i) }]);
    };
    await write(0, 2);
    await running.idle();
    await running.stop({ snapshot });
    const second = await world.startSql(SQL);
    await write(2, 4);
    await second.idle();
    await second.stop({ snapshot });
    await write(4, 8);
    await world.crash(false);
    await world.start();
    await world.log.applyRetention();
    const { logStart } = world.log.bounds('events', 0);
    // From the snapshot before the last one on, in case that is damaged.
    expect(logStart).toBe(snapshot ? 2 : 0);
    const again = await world.startSql(SQL);
    await again.idle();
    expect(world.values('rows')).toHaveLength(8);
    await world.stop();
  },
);

it('nobody waits for a pipeline that was stopped', async () => {
  const world = await EngineWorld.open();
  await world.createTopic('events');
  const running = await world.startSql(SQL);
  await running.stop();
  await expect(running.idle()).rejects.toMatchObject({ code: 'ENGINE_STOPPED' });
  await world.stop();
});

it('a pipeline in several tasks of which one fails before the others have begun is ended, and not run beside itself', async () => {
  const world = await EngineWorld.open();
  await world.createTopic('events', { partitions: 2 });
  const tasks: { receive: (message: FromTask) => void; ended: boolean }[] = [];
  const executor: ExecutorFactory = (_, receive) => {
    const task = { receive, ended: false };
    tasks.push(task);
    const post: TaskExecutor['post'] = ({ kind }) => {
      if (kind === 'stop') setImmediate(() => receive({ kind: 'stopped', status: REPORT }));
    };
    const terminate = async (): Promise<void> => {
      task.ended = true;
    };
    return { post, terminate };
  };
  const options = { workers: 2, snapshotIntervalMs: 1_000, workerMemoryBytesMax: 2 ** 26 };
  const engine = createEngine({ log: world.log, clock: world.clock, options, executor });
  const sql = SQL.replace('SELECT id FROM events', 'SELECT id, count(*) AS n FROM events GROUP BY id');
  const started = engine.start(await sqlPipeline(sql)).catch((error: unknown) => error);
  await turns();
  const [first, ...others] = tasks;
  first!.receive({ kind: 'recovered', epoch: 0, status: REPORT });
  first!.receive(failed('LOG_READ_FAILED', false));
  for (const { receive } of others) receive({ kind: 'recovered', epoch: 0, status: REPORT });
  expect(await started).toMatchObject({ code: 'LOG_READ_FAILED' });
  expect(tasks.map(({ ended }) => ended)).toEqual(tasks.map(() => true));
  await world.stop();
});

it('nobody waits for the start of a pipeline that is stopped meanwhile', async () => {
  const world = await EngineWorld.open();
  await world.createTopic('events');
  const options = { workers: 1, snapshotIntervalMs: 1_000, workerMemoryBytesMax: 2 ** 26 };
  const executor: ExecutorFactory = () => ({ post: () => {}, terminate: async () => {} });
  const engine = createEngine({ log: world.log, clock: world.clock, options, executor });
  const started = engine.start(await sqlPipeline(SQL)).catch((error: unknown) => error);
  await turns();
  await engine.close();
  expect(await started).toMatchObject({ code: 'ENGINE_STOPPED' });
  await world.stop();
});

it('a pipeline in several tasks whose topics the disk had no room for is started when there is', async () => {
  const world = await EngineWorld.open({ workers: 2 });
  await world.createTopic('events', { partitions: 2 });
  const sql = SQL.replace('SELECT id FROM events', 'SELECT id, count(*) AS n FROM events GROUP BY id');
  world.fault = (kind, path) => (kind === 'make-directory' && path.includes('__exchange') ? 'ENOSPC' : undefined);
  await expect(world.startSql(sql)).rejects.toMatchObject({ code: 'LOG_DISK_FULL' });
  world.fault = undefined;
  const running = await world.startSql(sql);
  await world.write('events', [{ id: 'a', time: at(0) }]);
  await running.idle();
  expect(world.values('rows')).toEqual([{ id: 'a', n: 1 }]);
  await world.stop();
});

it.each([1, 2])(
  'a pipeline that is tried again later runs, and is not started beside itself (in %i tasks)',
  async (workers) => {
    const world = await EngineWorld.open({ workers });
    await world.createTopic('events', { partitions: 2 });
    const sql = SQL.replace('SELECT id FROM events', 'SELECT id, count(*) AS n FROM events GROUP BY id');
    const running = await world.startSql(sql);
    await world.write('events', [{ id: 'a', time: at(0) }]);
    world.fault = (kind, path) => (kind === 'write' && path.includes('/commit/') ? 'ENOSPC' : undefined);
    for (let i = 0; i < 50 && running.status().state === 'running'; i++) await turns();
    expect(running.status().state).toBe('retrying');
    await expect(world.startSql(sql)).rejects.toMatchObject({ code: 'ENGINE_PIPELINE_RUNNING' });
    world.fault = undefined;
    const idle = running.idle();
    await turns();
    world.clock.advance(60_000);
    await idle;
    expect(world.values('rows')).toEqual([{ id: 'a', n: 1 }]);
    await world.stop();
  },
);
