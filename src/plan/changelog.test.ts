import { describe, expect, it } from 'vitest';
import { uniqueKey } from './changelog.ts';
import type { Expression } from './expression.ts';
import { call, literal } from './expression-factory.ts';
import { aggregateNode, columnOf, joinNode, sourceNode } from './factory.ts';
import type { JoinKind, PlanNode } from './node.ts';
import { TYPE } from './type-name.ts';

const column = (name: string) => ({ name, type: TYPE.int4, nullable: false, path: [name] });
/** A table with key `k` and a column `x`. */
const table = (name: string): PlanNode =>
  sourceNode({
    name,
    topic: name,
    columns: [column('k'), column('x')],
    watermark: undefined,
    changes: { mode: 'upsert', keys: [0] },
  });
const [a, b] = [table('a'), table('b')];
const both = joinNode('cross', a, b, undefined);
const equal = (left: number, right: number): Expression => call('eq', [columnOf(both, left), columnOf(both, right)]);
const keyOf = (kind: JoinKind, condition?: Expression): readonly number[] | undefined =>
  uniqueKey(joinNode(kind, a, b, condition));

describe('the key of a join', () => {
  it('is that of both sides', () => {
    expect(keyOf('cross')).toEqual([0, 2]);
    expect(keyOf('inner', equal(1, 3))).toEqual([0, 2]);
  });

  it('is that of the side whose rows meet one row at most', () => {
    expect(keyOf('inner', equal(1, 2))).toEqual([0]);
    expect(keyOf('left', equal(1, 2))).toEqual([0]);
    expect(keyOf('inner', equal(0, 3))).toEqual([2]);
    expect(keyOf('right', equal(0, 3))).toEqual([2]);
  });

  it('is that of both where the other side has rows of its own', () => {
    expect(keyOf('right', equal(1, 2))).toEqual([0, 2]);
    expect(keyOf('left', equal(0, 3))).toEqual([0, 2]);
    expect(keyOf('full', equal(0, 2))).toEqual([0, 2]);
  });

  it('may be fixed by a constant, and by an equality of nulls', () => {
    const five = literal(5, TYPE.int4);
    expect(keyOf('inner', call('eq', [columnOf(both, 2), five]))).toEqual([0]);
    const same = call('is_not_distinct_from', [columnOf(both, 1), columnOf(both, 2)]);
    expect(keyOf('left', same)).toEqual([0]);
  });

  it('with an aggregate of one row is that of the other side', () => {
    const total = aggregateNode(b, [], []);
    expect(uniqueKey(joinNode('left', a, total, literal(true, TYPE.boolean)))).toEqual([0]);
  });
});
