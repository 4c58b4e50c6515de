import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { offset } from '../base/brand.ts';
import { textOf, utf8 } from '../base/bytes.ts';
import { ManualClock, systemClock } from '../base/clock.ts';
import type { Log } from '../log/log.ts';
import { openLog } from '../log/open.ts';
import { decodeRecordBatches, encodeRecordBatch } from '../log/record-batch.ts';
import { call, columnReference, literal } from '../plan/expression-factory.ts';
import {
  aggregateNode,
  deduplicateNode,
  filterNode,
  outputNode,
  pipelineOf,
  projectNode,
  sourceNode,
  windowNode,
} from '../plan/factory.ts';
import type { EmitPolicy, Pipeline, PlanNode } from '../plan/node.ts';
import { TYPE } from '../plan/type-name.ts';
import type { Engine } from './engine.ts';
import { createEngine } from './host.ts';
import { inlineExecutor } from './task/executor.ts';
import { fileSnapshots } from './task/snapshot-store.ts';

const MINUTE = 60_000;
const START = Date.UTC(2024, 0, 1);
let dataDir = '';
let log: Log;
let clock: ManualClock;
let engine: Engine;

async function open(): Promise<void> {
  log = await openLog({ dataDir, clock: systemClock });
  engine = createEngine({
    log,
    clock,
    options: { workers: 1, snapshotIntervalMs: 1e9, workerMemoryBytesMax: 2 ** 30 },
    executor: inlineExecutor(log, clock, fileSnapshots(dataDir)),
  });
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'headrace-engine-'));
  clock = new ManualClock(START);
  await open();
});

afterEach(async () => {
  await engine.close();
  await log.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function topic(partitions = 1): Promise<void> {
  return log.createTopic({
    name: 'events',
    partitions,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: 2 ** 24,
    keyPath: undefined,
    properties: {},
  });
}

interface Event {
  readonly id: string;
  readonly type: string;
  /** Milliseconds after the start. */
  readonly at: number;
  readonly amount: number;
}

async function write(events: readonly Event[], partition = 0): Promise<void> {
  const encoded = encodeRecordBatch(
    events.map(({ id, type, at, amount }) => ({
      key: null,
      value: utf8(JSON.stringify({ id, type, ts: new Date(START + at).toISOString(), data: { amount } })),
      timestamp: Math.max(clock.now(), START),
    })),
  );
  await log.commit({ appends: [{ topic: 'events', partition, ...encoded }], puts: [] });
}

function source(futureLimitMs = 1e12): PlanNode {
  return sourceNode({
    name: 'events',
    topic: 'events',
    columns: [
      { name: 'id', type: TYPE.text, nullable: true, path: ['id'] },
      { name: 'type', type: TYPE.text, nullable: true, path: ['type'] },
      { name: 'ts', type: TYPE.timestamptz, nullable: true, path: ['ts'] },
      { name: 'amount', type: TYPE.float8, nullable: true, path: ['data', 'amount'] },
    ],
    watermark: { columnIndex: 2, delayUs: 2_000_000n, idleTimeoutMs: 5_000, futureLimitMs },
  });
}

function windowed(input: PlanNode): PlanNode {
  const window = windowNode(input, { kind: 'tumbling', sizeUs: 60_000_000n, offsetUs: 0n }, 2);
  const at = (name: string) => {
    const index = window.columns.findIndex((column) => column.name === name);
    return { name, expression: columnReference(window.columns, index) };
  };
  const amount = at('amount').expression;
  const aggregate = { distinct: false, filter: undefined };
  return aggregateNode(
    window,
    [at('window_start'), at('window_end'), at('type')],
    [
      { name: 'n', call: { ...aggregate, function: 'count', argument: undefined, type: TYPE.int8 } },
      { name: 'total', call: { ...aggregate, function: 'sum', argument: amount, type: TYPE.float8 } },
    ],
  );
}

function pipeline(input: PlanNode, keys: readonly number[], emit: EmitPolicy['kind'] = 'updates'): Pipeline {
  const mode = keys.length === 0 ? 'append' : 'upsert';
  const output = outputNode({ name: 'result', topic: 'result', input, mode, keys, emit: { kind: emit } as EmitPolicy });
  return pipelineOf({ name: 'p', outputs: [output], sinks: [], alerts: [], modules: [], sources: sourcesIn(input) });
}

function sourcesIn(node: PlanNode): Pipeline['sources'] {
  if (node.kind === 'source') return [node];
  return 'input' in node ? sourcesIn(node.input) : [];
}

function records(name: string): { key: string | null; value: Record<string, unknown> | null }[] {
  const reader = log.reader(name, 0, offset(0));
  const buffer = new Uint8Array(2 ** 22);
  const found: { key: string | null; value: Record<string, unknown> | null }[] = [];
  for (let length = reader.readInto(buffer); length > 0; length = reader.readInto(buffer)) {
    for (const batch of decodeRecordBatches(buffer.subarray(0, length))) {
      for (const { key, value } of batch.entries()) {
        found.push({ key: key && textOf(key), value: value && (JSON.parse(textOf(value)) as Record<string, unknown>) });
      }
    }
  }
  reader.close();
  return found;
}

function table(name: string): Map<string | null, Record<string, unknown>> {
  const rows = new Map<string | null, Record<string, unknown>>();
  for (const { key, value } of records(name)) {
    if (value === null) rows.delete(key);
    else rows.set(key, value);
  }
  return rows;
}

const event = (id: string, at: number, amount = 1, type = 'a'): Event => ({ id, type, at, amount });

describe('stateless operators', () => {
  it('filters, computes columns and writes rows in order', async () => {
    await topic();
    const input = source();
    const kept = filterNode(input, call('gt', [columnReference(input.columns, 3), literal(1, TYPE.float8)]));
    const doubled = call('multiply', [columnReference(kept.columns, 3), literal(2, TYPE.float8)]);
    const projected = projectNode(kept, [
      { name: 'id', expression: columnReference(kept.columns, 0) },
      { name: 'twice', expression: doubled },
    ]);
    const running = await engine.start(pipeline(projected, []));
    await write([event('1', 0, 1), event('2', 1, 2.5), event('3', 2, 3)]);
    await running.idle();
    expect(records('result').map((record) => record.value)).toEqual([
      { id: '2', twice: 5 },
      { id: '3', twice: 6 },
    ]);
  });

  it('puts a row whose expression fails to dead letters with its bytes, and goes on', async () => {
    await topic();
    const input = source();
    const divided = call('divide', [literal(1, TYPE.float8), columnReference(input.columns, 3)]);
    const running = await engine.start(pipeline(projectNode(input, [{ name: 'x', expression: divided }]), []));
    await write([event('1', 0, 0), event('2', 1, 4)]);
    await running.idle();
    expect(records('result').map((record) => record.value)).toEqual([{ x: 0.25 }]);
    const letters = records('_dead_letters').map((record) => record.value!);
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({ reason: 'expression', topic: 'events', partition: 0, offset: 0, pipeline: 'p' });
    expect(JSON.parse(String(letters[0]!.value))).toMatchObject({ id: '1' });
  });
});

describe('deduplicate', () => {
  it('keeps the first row of a key within the time-to-live', async () => {
    await topic();
    const running = await engine.start(pipeline(deduplicateNode(source(), [0], 10_000), []));
    await write([event('x', 0, 1), event('x', 9_000, 2), event('y', 9_000, 3), event('x', 10_000, 4)]);
    await running.idle();
    expect(records('result').map((record) => record.value!.amount)).toEqual([1, 3, 4]);
    expect(running.status().duplicateRows).toBe(1);
  });
});

describe('windows', () => {
  it('emits one net change per key and epoch', async () => {
    await topic();
    const running = await engine.start(pipeline(windowed(source()), [0, 1, 2]));
    await write([event('1', 0, 1), event('2', 1_000, 2), event('3', MINUTE, 4)]);
    await running.idle();
    expect(records('result').map((record) => [record.value!.n, record.value!.total])).toEqual([
      [2, 3],
      [1, 4],
    ]);
  });

  it('emits a final result once, when the watermark passes the end', async () => {
    await topic();
    const running = await engine.start(pipeline(windowed(source()), [0, 1, 2], 'final'));
    await write([event('1', 0), event('2', MINUTE + 1_999)]);
    await running.idle();
    expect(records('result')).toEqual([]);
    await write([event('3', MINUTE + 2_000)]);
    await running.idle();
    expect(records('result').map((record) => record.value!.n)).toEqual([1]);
    await running.idle({ closeWindows: true });
    expect(records('result').map((record) => record.value!.n)).toEqual([1, 2]);
  });

  it('calls a row late only when the watermark of its own partition had closed its window', async () => {
    await topic(2);
    const running = await engine.start(pipeline(windowed(source()), [0, 1, 2]));
    await write([event('1', 10 * MINUTE)], 0);
    await running.idle();
    await write([event('2', 0), event('3', 1)], 1);
    await write([event('4', 0)], 0);
    await running.idle();
    const letters = records('_dead_letters').map((record) => record.value!);
    expect(letters.map((letter) => [letter.reason, letter.partition, letter.offset])).toEqual([['late', 0, 1]]);
    expect([...table('result').values()].map((row) => row.n)).toEqual([1, 2]);
    expect(running.status().lateRows).toBe(1);
  });

  it('closes the windows of a stream that has fallen silent, at the speed of the wall clock', async () => {
    await topic();
    const running = await engine.start(pipeline(windowed(source()), [0, 1, 2], 'final'));
    await write([event('1', 30_000)]);
    await running.idle();
    clock.advance(5_000);
    await running.idle();
    clock.advance(31_999);
    await running.idle();
    expect(records('result')).toEqual([]);
    clock.advance(2);
    await running.idle();
    await running.idle();
    expect(records('result').map((record) => record.value!.n)).toEqual([1]);
  });

  it('puts rows too far in the future to dead letters, and their time moves nothing', async () => {
    await topic();
    const running = await engine.start(pipeline(windowed(source(MINUTE)), [0, 1, 2]));
    await write([event('1', 0), event('2', 5 * MINUTE), event('3', 1_000)]);
    await running.idle();
    expect(records('_dead_letters').map((record) => record.value!.reason)).toEqual(['future']);
    expect([...table('result').values()].map((row) => row.n)).toEqual([2]);
  });
});

describe('recovery', () => {
  async function restart(snapshot: boolean, plan: Pipeline): Promise<void> {
    const running = engine.pipelines()[0]!;
    await running.stop({ snapshot });
    await engine.close();
    await log.close();
    await open();
    await engine.start(plan);
  }

  it.each([true, false])('goes on where it was, with a snapshot first: %s', async (snapshot) => {
    await topic();
    const plan = pipeline(windowed(deduplicateNode(source(), [0], MINUTE)), [0, 1, 2]);
    const running = await engine.start(plan);
    await write([event('1', 0, 0.1), event('2', 1, 0.2)]);
    await running.idle();
    const before = records('result').length;
    await restart(snapshot, plan);
    expect(records('result')).toHaveLength(before);
    await write([event('1', 0, 0.1), event('3', 2, 0.3)]);
    await engine.pipelines()[0]!.idle();
    expect([...table('result').values()]).toMatchObject([{ n: 3, total: 0.6 }]);
  });

  it('refuses the state of another plan, and rebuilds when told to', async () => {
    await topic();
    const running = await engine.start(pipeline(windowed(source()), [0, 1, 2]));
    await write([event('1', 0)]);
    await running.idle();
    await running.stop();
    const other = pipeline(windowed(deduplicateNode(source(), [0], MINUTE)), [0, 1, 2]);
    await expect(engine.start(other)).rejects.toMatchObject({ code: 'ENGINE_MUST_REBUILD' });
    const rebuilt = await engine.start(other, { rebuild: true });
    await rebuilt.idle();
    expect([...table('result').values()]).toMatchObject([{ n: 1 }]);
    expect(records('result').map((record) => record.value?.n ?? null)).toEqual([1, null, 1]);
  });
});

describe('crash at every commit', () => {
  /** The log of a process that dies at its n-th commit, just before or just after it is durable. */
  function dying(at: number, after: boolean): Log {
    let commits = 0;
    const died = new Error('the process died');
    const methods: Partial<Log> = {
      commit: async (request) => {
        if (commits >= at && !(after && commits === at)) throw died;
        commits++;
        const result = await log.commit(request);
        if (commits > at) throw died;
        return result;
      },
    };
    return new Proxy(log, {
      get: (target, name) => {
        const own = methods[name as keyof Log];
        if (own !== undefined) return own;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  function engineOn(on: Log): Engine {
    const options = { workers: 1, snapshotIntervalMs: 0, workerMemoryBytesMax: 2 ** 30 };
    return createEngine({ log: on, clock, options, executor: inlineExecutor(on, clock, fileSnapshots(dataDir)) });
  }

  const cases = [0, 1, 2, 3, 4].flatMap((at) => [
    { at, after: false },
    { at, after: true },
  ]);

  it.each(cases)('processes every row once: %o', async ({ at, after }) => {
    await topic();
    const once = deduplicateNode(source(), [0], MINUTE);
    const rows = outputNode({
      name: 'rows',
      topic: 'rows',
      input: once,
      mode: 'append',
      keys: [],
      emit: { kind: 'updates' },
    });
    const plan = { ...pipeline(windowed(once), [0, 1, 2]) };
    const both = pipelineOf({ ...plan, outputs: [...plan.outputs, rows] });
    const first = engineOn(dying(at, after));
    // With the first commit, which stores the plan, the start dies.
    const running = await first.start(both).catch(() => undefined);
    for (let i = 0; i < 6; i++) {
      await write([event(`${i}`, i * 20_000, 0.1), event(`${i}`, i * 20_000, 0.1), event(`${i}b`, i * 20_000, 1e17)]);
      await running?.idle().catch(() => {});
    }
    await first.close();
    const second = engineOn(log);
    const recovered = await second.start(both);
    await recovered.idle();
    expect(records('rows').map((record) => record.value!.id)).toEqual(
      [0, 1, 2, 3, 4, 5].flatMap((i) => [`${i}`, `${i}b`]),
    );
    const expected = { n: 6, total: 3e17 };
    expect([...table('result').values()]).toMatchObject([expected, expected]);
    await second.close();
  });
});

describe('worker thread', () => {
  it('runs a pipeline in a thread of its own', async () => {
    await topic();
    const threaded = createEngine({
      log,
      clock: systemClock,
      options: { workers: 1, snapshotIntervalMs: 1e9, workerMemoryBytesMax: 2 ** 30 },
    });
    const running = await threaded.start(pipeline(windowed(source()), [0, 1, 2]));
    await write([event('1', 0), event('2', 1)]);
    await running.idle();
    expect([...table('result').values()]).toMatchObject([{ n: 2 }]);
    expect(running.status().state).toBe('running');
    await threaded.close();
    expect(running.status().state).toBe('stopped');
  });
});
