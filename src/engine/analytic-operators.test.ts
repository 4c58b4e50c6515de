import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { topNNode } from '../plan/analytic-factory.ts';
import { columnReference, literal } from '../plan/expression-factory.ts';
import {
  limitNode,
  outputNode,
  pipelineOf,
  setOperationNode,
  sortNode,
  sourceNode,
  valuesNode,
} from '../plan/factory.ts';
import type { EmitPolicy, PlanNode, SortKey, SourceNode } from '../plan/node.ts';
import { outputShape } from '../plan/output-key.ts';
import { TYPE } from '../plan/type-name.ts';
import type { RunningPipeline } from './engine.ts';
import { at, EngineWorld } from './engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open({ snapshotIntervalMs: 0 });
  for (const topic of ['a', 'b']) await world.createTopic(topic);
});

afterEach(() => world.stop());

function sourceOf(name: string): SourceNode {
  const columns = [
    { name: 'k', type: TYPE.text },
    { name: 'n', type: TYPE.int8 },
    { name: 'time', type: TYPE.timestamptz },
  ].map((column) => ({ ...column, nullable: true, path: [column.name] }));
  const watermark = { columnIndex: 2, delayUs: 0n, idleTimeoutMs: 3_600_000, futureLimitMs: 86_400_000 };
  return sourceNode({ name, topic: name, columns, watermark });
}

const [a, b] = [sourceOf('a'), sourceOf('b')];
const byN: SortKey = { expression: columnReference(a.columns, 1), descending: true, nullsFirst: false };
const row = (k: string, n: number, seconds = 0): object => ({ k, n, time: at(seconds) });

/** Starts the node as view `v`. */
function start(input: PlanNode, sources: readonly SourceNode[], emit: EmitPolicy = { kind: 'updates' }) {
  const output = outputNode({ name: 'v', topic: 'v', input, ...outputShape(input, emit.kind), emit });
  const pipeline = pipelineOf({ name: 'p', sources, outputs: [output], sinks: [], alerts: [], modules: [] });
  return world.startPipeline(pipeline);
}

function watermarkOf(running: RunningPipeline): string {
  const seen = running.status().operators.find(({ kind }) => kind === 'set-operation')!;
  return new Date(Number(seen.watermark! / 1000n)).toISOString();
}

const table = () => world.table('v').map(({ k, n }) => [k, n]);

describe('rows in order', () => {
  it('a top-n goes on where it stood after a crash', async () => {
    const spec = { partition: [0], keys: [byN], limit: 2, offset: 0, rank: 'row_number', withRank: true } as const;
    const node = topNNode({ input: a, ...spec });
    const running = await start(node, [a]);
    await world.write('a', [row('x', 1), row('x', 3), row('y', 5)]);
    await running.idle();
    await world.write('a', [row('x', 2)]);
    await running.idle();
    await world.crash(true);
    await world.start();
    const again = await start(node, [a]);
    await world.write('a', [row('x', 4), row('y', 6)]);
    await again.idle();
    const ranked = world.table('v').map(({ k, n, rank }) => [k, n, rank]);
    expect(ranked.sort()).toEqual([
      ['x', 3, 2],
      ['x', 4, 1],
      ['y', 5, 2],
      ['y', 6, 1],
    ]);
  });

  it('ORDER BY with LIMIT keeps the first rows in the order, LIMIT alone the first that came', async () => {
    const running = await start(limitNode(sortNode(a, [byN]), 2, 1), [a]);
    await world.write('a', [row('x', 1), row('y', 3), row('z', 2), row('w', 9)]);
    await running.idle();
    expect(table().sort()).toEqual([
      ['y', 3],
      ['z', 2],
    ]);
  });

  it('UNION ALL of two sources goes as far as the slower one', async () => {
    const union = setOperationNode('union', true, [a, b]);
    const running = await start(union, [a, b]);
    await world.write('a', [row('x', 1, 50)]);
    await world.write('b', [row('y', 2, 7)]);
    await running.idle();
    expect(world.values('v').map(({ k }) => k)).toEqual(['x', 'y']);
    expect(watermarkOf(running)).toBe(at(7));
  });
});

describe('values', () => {
  const constants = valuesNode(
    ['k', 'n', 'time'],
    [
      [literal('one', TYPE.text), literal(1n, TYPE.int8), literal(0n, TYPE.timestamptz)],
      [literal('two', TYPE.text), literal(2n, TYPE.int8), literal(0n, TYPE.timestamptz)],
    ],
  );

  it('are a view without any source, and stand once, also after a crash', async () => {
    const running = await start(constants, []);
    await running.idle();
    expect(world.values('v').map(({ k }) => k)).toEqual(['one', 'two']);
    await world.crash(false);
    await world.start();
    const again = await start(constants, []);
    await again.idle();
    expect(world.values('v')).toHaveLength(2);
  });

  it('hold back nobody that they are united with', async () => {
    const running = await start(setOperationNode('union', false, [a, constants]), [a]);
    await world.write('a', [row('x', 1, 30)]);
    await running.idle();
    expect(
      world
        .values('v')
        .map(({ k }) => k)
        .sort(),
    ).toEqual(['one', 'two', 'x']);
    expect(watermarkOf(running)).toBe(at(30));
  });
});
