import { inputsOf, outputNode } from '../factory.ts';
import type { OutputNode, PlanNode } from '../node.ts';
import { outputShape } from '../output-key.ts';
import { mergeFilters } from '../rule/merge-filters.ts';
import { mergeProjects } from '../rule/merge-projects.ts';
import { ColumnPruning } from '../rule/prune-columns.ts';
import { pushFilter } from '../rule/push-filter.ts';
import { pushJoinCondition } from '../rule/push-join-condition.ts';
import type { Rule } from '../rule/rule.ts';
import { simplifyOuterJoin } from '../rule/simplify-outer-join.ts';
import { recogniseTopN } from '../rule/top-n.ts';
import { withInputs } from './rewrite.ts';

/** In the order in which they are tried. */
const RULES: readonly Rule[] = [
  mergeFilters,
  recogniseTopN,
  simplifyOuterJoin,
  pushFilter,
  pushJoinCondition,
  mergeProjects,
];

/** A plan with the same rows and columns that computes and keeps less. */
export function optimize(node: PlanNode): PlanNode {
  return optimizeAll([node])[0]!;
}

/** The outputs over better plans. What several of them read is still one node, and keeps all that one of them needs. */
export function optimizeOutputs(outputs: readonly OutputNode[]): readonly OutputNode[] {
  const inputs = optimizeAll(outputs.map((output) => output.input));
  return outputs.map((output, at) => {
    const { numbered: _, ...spec } = output;
    const input = inputs[at]!;
    return outputNode({ ...spec, input, ...outputShape(input, output.emit.kind) });
  });
}

function optimizeAll(roots: readonly PlanNode[]): readonly PlanNode[] {
  const rewriting = new Rewriting(roots);
  const rewritten = roots.map((root) => rewriting.rewrite(root));
  const shared = sharedNodes(rewritten);
  const pruning = new ColumnPruning((node) => shared.has(node));
  const pruned = rewritten.map((root) => pruning.whole(root));
  const merging = new Rewriting(pruned);
  return pruned.map((root) => merging.rewrite(root));
}

/** Nodes that are read more than once, and all below them. */
function sharedNodes(roots: readonly PlanNode[]): Set<PlanNode> {
  const seen = new Set<PlanNode>();
  const shared = new Set<PlanNode>();
  const visit = (node: PlanNode, isShared: boolean): void => {
    const again = seen.has(node);
    if (again || isShared) {
      if (shared.has(node)) return;
      shared.add(node);
    }
    seen.add(node);
    for (const input of inputsOf(node)) visit(input, again || isShared);
  };
  for (const root of roots) visit(root, false);
  return shared;
}

/** Applies the rules from the leaves up, until none applies; what is shared is rewritten once. */
class Rewriting {
  readonly #done = new Map<PlanNode, PlanNode>();
  readonly #shared: Set<PlanNode>;

  constructor(roots: readonly PlanNode[]) {
    this.#shared = sharedNodes(roots);
  }

  rewrite(node: PlanNode): PlanNode {
    const known = this.#done.get(node);
    if (known !== undefined) return known;
    const made = this.#own(
      withInputs(
        node,
        inputsOf(node).map((input) => this.rewrite(input)),
      ),
    );
    this.#done.set(node, made);
    this.#done.set(made, made);
    if (this.#shared.has(node)) this.#share(made);
    return made;
  }

  #own(node: PlanNode): PlanNode {
    for (const rule of RULES) {
      const better = rule(node, { isShared: (other) => this.#shared.has(other) });
      if (better !== undefined) return this.rewrite(better);
    }
    return node;
  }

  #share(node: PlanNode): void {
    if (this.#shared.has(node)) return;
    this.#shared.add(node);
    for (const input of inputsOf(node)) this.#share(input);
  }
}
