import { isAppendOnly } from '../../plan/changelog.ts';
import type { AggregateNode, PlanNode } from '../../plan/node.ts';
import { planPartial } from '../operator/aggregate/partial-plan.ts';

/** Whether an aggregate goes over the exchange as partial rows: in every variant in which it may run. */
export function isMadeOfPartials(node: AggregateNode, input: PlanNode): boolean {
  if (!isAppendOnly(input, 'updates')) return false;
  const expressions = { clockMs: () => 0, userFunction: () => () => null };
  return (
    planPartial({ node, emit: 'updates', appendOnly: true, retracts: true, expressions }) !== undefined &&
    planPartial({ node, emit: 'final', appendOnly: true, retracts: false, expressions }) !== undefined
  );
}
