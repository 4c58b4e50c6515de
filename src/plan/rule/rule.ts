import type { PlanNode } from '../node.ts';

export interface RuleContext {
  /** Whether another part of the plan reads the node too: what it keeps would be kept twice if it were changed for one reader. */
  isShared(node: PlanNode): boolean;
}

/** A better node with the same rows and columns; undefined where the rule does not apply. */
export type Rule = (node: PlanNode, context: RuleContext) => PlanNode | undefined;
