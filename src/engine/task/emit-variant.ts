import { inputsOf } from '../../plan/factory.ts';
import type { OutputNode, PlanNode } from '../../plan/node.ts';
import type { EmitMoment } from '../operator/operator.ts';

const STATELESS: ReadonlySet<PlanNode['kind']> = new Set([
  'source',
  'filter',
  'project',
  'deduplicate',
  'values',
  'match',
  'user-call',
  'lookup',
  'exchange',
]);

const known = new WeakMap<PlanNode, boolean>();

/** Whether what a node emits depends on the moment: for aggregates and their like, and what lies above one. */
function dependsOnEmit(node: PlanNode): boolean {
  const found = known.get(node);
  if (found !== undefined) return found;
  const isOwn = !(STATELESS.has(node.kind) || (node.kind === 'window' && node.window.kind !== 'session'));
  const depends = isOwn || inputsOf(node).some(dependsOnEmit);
  known.set(node, depends);
  return depends;
}

/** When the operators below an output hand on what they have. */
export function emitOf(output: OutputNode): EmitMoment {
  return output.emit.kind === 'final' ? 'final' : 'updates';
}

/** A node that several outputs read is one operator, or one for each moment when that shows in its rows. */
export function variantOf(node: PlanNode, emit: EmitMoment): EmitMoment | '' {
  return dependsOnEmit(node) ? emit : '';
}
