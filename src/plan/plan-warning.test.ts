import { describe, expect, it } from 'vitest';
import { call, literal } from './expression-factory.ts';
import { aggregateNode, columnOf, joinNode, outputNode, pipelineOf, sourceNode } from './factory.ts';
import type { ChangeSpec, JoinKind, PlanNode, SourceNode } from './node.ts';
import { outputShape } from './output-key.ts';
import { planWarnings, warningText } from './plan-warning.ts';
import { TYPE } from './type-name.ts';

const source = (name: string, changes?: ChangeSpec): SourceNode =>
  sourceNode({
    name,
    topic: name,
    columns: [
      { name: 'k', type: TYPE.text, nullable: false, path: ['k'] },
      { name: 't', type: TYPE.timestamptz, nullable: false, path: ['t'] },
    ],
    watermark: { columnIndex: 1, delayUs: 0n, idleTimeoutMs: 1000, futureLimitMs: 1000 },
    ...(changes !== undefined && { changes }),
  });
const table = (name: string): SourceNode => source(name, { mode: 'upsert', keys: [0] });

function joined(left: PlanNode, right: PlanNode, ttlMs?: number, kind: JoinKind = 'inner'): PlanNode {
  const both = joinNode('cross', left, right, undefined);
  return joinNode(kind, left, right, call('eq', [columnOf(both, 0), columnOf(both, left.columns.length)]), ttlMs);
}

function warnings(...inputs: readonly PlanNode[]): readonly string[] {
  const outputs = inputs.map((input, at) =>
    outputNode({
      name: `v${at}`,
      topic: `v${at}`,
      input,
      ...outputShape(input, 'updates'),
      emit: { kind: 'updates' },
    }),
  );
  return planWarnings(pipelineOf({ name: 'p', sources: [], outputs, sinks: [], alerts: [], modules: [] })).map(
    warningText,
  );
}

describe('a view warns of a join', () => {
  it('that keeps the rows of a stream for ever, and says what can be done', () => {
    expect(warnings(joined(source('a'), source('b')))).toEqual([
      expect.stringMatching(/^view "v0": the inner join keeps rows of its inputs for ever .*WITH \(ttl = '1 day'\)/),
    ]);
  });

  it('that meets a stream with a table', () => {
    expect(warnings(joined(source('a'), table('b'), undefined, 'left'))).toHaveLength(1);
  });

  it('once, when two views share it', () => {
    const shared = joined(source('a'), source('b'));
    expect(warnings(shared, shared)).toHaveLength(1);
  });
});

describe('a view does not warn of a join', () => {
  it('with a time-to-live', () => {
    expect(warnings(joined(source('a'), source('b'), 3_600_000))).toEqual([]);
  });

  it('whose condition bounds the times', () => {
    const [a, b] = [source('a'), source('b')];
    const both = joinNode('cross', a, b, undefined);
    const hour = literal({ months: 0, days: 0, micros: 3_600_000_000n }, TYPE.interval);
    const condition = call('and', [
      call('eq', [columnOf(both, 0), columnOf(both, 2)]),
      call('ge', [columnOf(both, 1), columnOf(both, 3)]),
      call('le', [columnOf(both, 1), call('add', [columnOf(both, 3), hour])]),
    ]);
    expect(warnings(joinNode('inner', a, b, condition))).toEqual([]);
  });

  it('of tables and aggregates, which grow with their keys', () => {
    const grouped = aggregateNode(source('a'), [{ name: 'k', expression: columnOf(source('a'), 0) }], []);
    expect(warnings(joined(table('a'), grouped))).toEqual([]);
  });
});
