import { createHash } from 'node:crypto';
import { inputsOf } from '../factory.ts';
import type { PlanNode } from '../node.ts';
import { stateText } from '../pipeline-text.ts';

/** What a node does by itself, whatever feeds it: equal for two nodes of which one can go on with the other's state. */
export function ownText(node: PlanNode): string {
  return stateText({ ...node, input: undefined, inputs: undefined, left: undefined, right: undefined });
}

const signatures = new WeakMap<PlanNode, string>();

/** What a node does and what feeds it, down to the sources: SHA-256 (hex), since its text would double with each level of a plan. */
export function nodeSignature(node: PlanNode): string {
  let signature = signatures.get(node);
  if (signature === undefined) {
    const text = JSON.stringify([ownText(node), ...inputsOf(node).map(nodeSignature)]);
    signature = createHash('sha256').update(text).digest('hex');
    signatures.set(node, signature);
  }
  return signature;
}

const STATELESS: ReadonlySet<PlanNode['kind']> = new Set(['filter', 'project', 'table-function', 'sort']);

/** Whether a node keeps rows or results beyond one batch. */
export function keepsState(node: PlanNode): boolean {
  if (node.kind === 'source') return node.changes !== undefined;
  if (node.kind === 'window') return node.window.kind === 'session';
  if (node.kind === 'set-operation') return !(node.operation === 'union' && node.all);
  return !STATELESS.has(node.kind);
}

/** All nodes that a node depends on, itself included, each once. */
export function nodesBelow(root: PlanNode): readonly PlanNode[] {
  const found = new Set<PlanNode>();
  const visit = (node: PlanNode): void => {
    if (found.has(node)) return;
    for (const input of inputsOf(node)) visit(input);
    found.add(node);
  };
  visit(root);
  return [...found];
}
