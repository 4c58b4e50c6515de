import { expect, it } from 'vitest';
import { call, columnReference } from '../expression-factory.ts';
import { filterNode, sourceNode } from '../factory.ts';
import type { PlanNode } from '../node.ts';
import { TYPE } from '../type-name.ts';
import { nodeSignature } from './node-signature.ts';

const LEVELS = 60;

function chain(levels: number): PlanNode {
  const columns = [{ name: 'b', type: TYPE.boolean, nullable: true, path: ['b'] }];
  let node: PlanNode = sourceNode({ name: 's', topic: 's', columns, watermark: undefined });
  for (let level = 0; level < levels; level++) node = filterNode(node, call('not', [columnReference(columns, 0)]));
  return node;
}

it('the signature of a deep plan is no longer than that of a flat one, and tells them apart', () => {
  expect(nodeSignature(chain(LEVELS))).toHaveLength(nodeSignature(chain(0)).length);
  expect(nodeSignature(chain(LEVELS))).toBe(nodeSignature(chain(LEVELS)));
  expect(nodeSignature(chain(LEVELS))).not.toBe(nodeSignature(chain(LEVELS - 1)));
});
