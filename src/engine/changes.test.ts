import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { encodeRecordBatch } from '../log/record-batch.ts';
import { aggregateCall } from '../plan/aggregate/aggregate-call.ts';
import { columnReference } from '../plan/expression-factory.ts';
import { aggregateNode, deduplicateNode, outputNode, pipelineOf, projectNode, sourceNode } from '../plan/factory.ts';
import type { ChangeSpec, PlanNode } from '../plan/node.ts';
import { outputShape } from '../plan/output-key.ts';
import { TYPE } from '../plan/type-name.ts';
import { EngineWorld } from './engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('users', { kind: 'upsert' });
});

afterEach(() => world.stop());

interface Change {
  readonly key?: string;
  readonly row?: { readonly id: string | null; readonly city?: string };
  readonly op?: string;
}

async function change(...changes: readonly Change[]): Promise<void> {
  const records = changes.map(({ key, row, op }) => ({
    key: key === undefined ? null : utf8(key),
    value: row === undefined ? null : utf8(JSON.stringify(row)),
    timestamp: world.clock.now(),
    headers: op === undefined ? [] : [{ key: 'op', value: utf8(op) }],
  }));
  await world.log.commit({ appends: [{ topic: 'users', partition: 0, ...encodeRecordBatch(records) }], puts: [] });
}

function users(changes: ChangeSpec): PlanNode {
  const columns = ['id', 'city'].map((name) => ({ name, type: TYPE.text, nullable: true, path: [name] }));
  return sourceNode({ name: 'users', topic: 'users', columns, watermark: undefined, changes });
}

function perCity(source: PlanNode): PlanNode {
  const city = { name: 'city', expression: columnReference(source.columns, 1) };
  return aggregateNode(source, [city], [{ name: 'n', call: aggregateCall('count', undefined) }]);
}

/** What stands of a view whose rows have no key of their own. */
function shown(topic: string): unknown[] {
  return world.table(topic).map(({ id, city }) => ({ id, city }));
}

async function run(node: PlanNode) {
  const output = outputNode({
    name: 'v',
    topic: 'v',
    input: node,
    emit: { kind: 'updates' },
    ...outputShape(node, 'updates'),
  });
  const source = (find: PlanNode): PlanNode => ('input' in find ? source(find.input) : find);
  const sources = [source(node)].filter((found) => found.kind === 'source');
  return world.startPipeline(pipelineOf({ name: 'p', sources, outputs: [output], sinks: [], alerts: [], modules: [] }));
}

describe('a table kept from an upsert topic', () => {
  const source = users({ mode: 'upsert', keys: [0] });

  it('is deduplicated: when the first of its key goes, the next takes its place, also after a crash', async () => {
    const first = deduplicateNode(source, [1], 3_600_000);
    const running = await run(first);
    await change({ key: 'a', row: { id: 'a', city: 'Rome' } }, { key: 'b', row: { id: 'b', city: 'Rome' } });
    await running.idle();
    expect(shown('v')).toEqual([{ id: 'a', city: 'Rome' }]);
    await running.stop();
    const again = await run(first);
    await change({ key: 'a', row: { id: 'a', city: 'Bonn' } });
    await again.idle();
    expect(shown('v')).toEqual([
      { id: 'b', city: 'Rome' },
      { id: 'a', city: 'Bonn' },
    ]);
  });

  it('takes back the row that a record replaces, and the row that a tombstone deletes', async () => {
    const running = await run(perCity(source));
    await change({ key: 'a', row: { id: 'a', city: 'Rome' } }, { key: 'b', row: { id: 'b', city: 'Rome' } });
    await running.idle();
    expect(world.table('v')).toEqual([{ city: 'Rome', n: 2 }]);
    await change({ key: 'a', row: { id: 'a', city: 'Bonn' } });
    await running.idle();
    expect(world.table('v')).toEqual([
      { city: 'Rome', n: 1 },
      { city: 'Bonn', n: 1 },
    ]);
    await change({ key: 'b' }, { key: 'unknown' });
    await running.idle();
    expect(world.table('v')).toEqual([{ city: 'Bonn', n: 1 }]);
  });

  it('goes on after a crash with the rows that it had', async () => {
    const running = await run(perCity(source));
    await change({ key: 'a', row: { id: 'a', city: 'Rome' } });
    await running.idle();
    await world.crash(false);
    await world.start();
    const again = await run(perCity(source));
    await change({ key: 'a', row: { id: 'a', city: 'Bonn' } });
    await again.idle();
    expect(world.table('v')).toEqual([{ city: 'Bonn', n: 1 }]);
  });

  it('goes on after a clean stop from its snapshot', async () => {
    await (await run(perCity(source))).idle();
    await change({ key: 'a', row: { id: 'a', city: 'Rome' } });
    await world.engine.pipelines()[0]!.idle();
    await world.stop();
    await world.start();
    const again = await run(perCity(source));
    await change({ key: 'a' });
    await again.idle();
    expect(world.table('v')).toEqual([]);
  });

  it('without a record key goes by the primary key; a null primary key is a dead letter', async () => {
    const running = await run(perCity(source));
    await change({ row: { id: 'a', city: 'Rome' } }, { row: { id: 'a', city: 'Bonn' } }, { row: { id: null } }, {});
    await running.idle();
    expect(world.table('v')).toEqual([{ city: 'Bonn', n: 1 }]);
    expect(world.letters()).toMatchObject([
      { reason: 'malformed', message: 'reading table users: primary key column "id" is null' },
      { reason: 'malformed', message: 'reading table users: a record has neither key nor value' },
    ]);
  });

  it('a record with the key of another row replaces it', async () => {
    const running = await run(perCity(source));
    await change({ key: 'k', row: { id: 'a', city: 'Rome' } }, { key: 'k', row: { id: 'b', city: 'Bonn' } });
    await running.idle();
    expect(world.table('v')).toEqual([{ city: 'Bonn', n: 1 }]);
  });

  it('is the key of a view that only filters and projects it', async () => {
    const running = await run(source);
    await change({ key: 'a', row: { id: 'a', city: 'Rome' } });
    await running.idle();
    expect(world.records('v')).toMatchObject([{ key: '["a"]', value: { id: 'a', city: 'Rome' } }]);
  });
});

describe('a topic of rows that say whether they come or go', () => {
  it('is read by its op header', async () => {
    const running = await run(perCity(users({ mode: 'retract', keys: [] })));
    await change(
      { row: { id: 'a', city: 'Rome' }, op: 'c' },
      { row: { id: 'b', city: 'Rome' } },
      { row: { id: 'a', city: 'Rome' }, op: 'd' },
    );
    await running.idle();
    expect(world.table('v')).toEqual([{ city: 'Rome', n: 1 }]);
  });
});

describe('a view whose rows have no key', () => {
  it('numbers the rows that are equal', async () => {
    const source = users({ mode: 'upsert', keys: [0] });
    const running = await run(projectNode(source, [{ name: 'city', expression: columnReference(source.columns, 1) }]));
    await change({ key: 'a', row: { id: 'a', city: 'Rome' } }, { key: 'b', row: { id: 'b', city: 'Rome' } });
    await running.idle();
    expect(world.records('v').map(({ key }) => key)).toEqual(['[{"city":"Rome"},1]', '[{"city":"Rome"},2]']);
    await change({ key: 'a' });
    await running.idle();
    expect(world.table('v')).toEqual([{ city: 'Rome' }]);
    await change({ key: 'b', row: { id: 'b', city: 'Rome' } });
    await running.idle();
    expect(world.records('v')).toHaveLength(3);
  });
});
