import { describe, expect, it } from 'vitest';
import { uniqueKey } from './changelog.ts';
import type { Expression } from './expression.ts';
import { columnReference, literal, nullLiteral } from './expression-factory.ts';
import { aggregateNode, projectNode, setOperationNode, sourceNode } from './factory.ts';
import type { PlanNode } from './node.ts';
import { TYPE } from './type-name.ts';

const source = sourceNode({
  name: 's',
  topic: 's',
  columns: [
    { name: 'k', type: TYPE.text, nullable: false, path: ['k'] },
    { name: 'g', type: TYPE.text, nullable: true, path: ['g'] },
  ],
  watermark: undefined,
});
const column = (at: number): Expression => columnReference(source.columns, at);

/** What a grouping set is: k and g where it groups by them, and a number. */
function set(groups: readonly number[], number: number): PlanNode {
  const grouped = aggregateNode(
    source,
    groups.map((at) => ({ name: source.columns[at]!.name, expression: column(at) })),
    [],
  );
  const items = [0, 1].map((at) => ({
    name: source.columns[at]!.name,
    expression: groups.includes(at) ? columnReference(grouped.columns, groups.indexOf(at)) : nullLiteral(TYPE.text),
  }));
  return projectNode(grouped, [...items, { name: 'n', expression: literal(number, TYPE.int4) }]);
}
const keyOf = (...inputs: readonly PlanNode[]) => uniqueKey(setOperationNode('union', true, inputs));

describe('the key of a UNION ALL', () => {
  it('is those of its inputs and what is different in each', () => {
    expect(keyOf(set([0, 1], 0), set([0], 1))).toEqual([0, 1, 2]);
  });

  it('needs no number where a null tells the inputs apart', () => {
    expect(keyOf(set([0], 7), set([], 7))).toEqual([0]);
  });

  it('is unknown where a null may come from either', () => {
    expect(keyOf(set([1], 7), set([], 7))).toBeUndefined();
  });

  it('is unknown where an input has none', () => {
    expect(keyOf(set([0], 0), source, set([], 1))).toBeUndefined();
  });
});
