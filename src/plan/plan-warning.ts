import { isAppendOnly } from './changelog.ts';
import { inputsOf } from './factory.ts';
import type { JoinNode, Pipeline, PlanNode } from './node.ts';
import { joinStateWarning } from './optimizer/join-condition.ts';

/** Something of a view that runs, and may not do so for ever. */
export interface PlanWarning {
  readonly view: string;
  readonly message: string;
  /** What can be done. */
  readonly next: string;
}

const BOUND_STATE =
  "give the view a time-to-live, WITH (ttl = '1 day'), bound the times in the condition (a.time BETWEEN b.time - INTERVAL '1 hour' " +
  'AND b.time), or join a table FOR SYSTEM_TIME AS OF a.time';

/**
 * What people should know before they run a pipeline: joins that keep the rows of a stream for ever. A table, or an aggregate, grows
 * with its keys, and is no reason to warn.
 */
export function planWarnings(pipeline: Pipeline): readonly PlanWarning[] {
  const seen = new Set<PlanNode>();
  const warnings: PlanWarning[] = [];
  for (const { name, input } of pipeline.outputs) {
    for (const join of joinsOf(input, seen)) {
      const message = isStream(join.left) || isStream(join.right) ? joinStateWarning(join) : undefined;
      if (message !== undefined) warnings.push({ view: name, message, next: BOUND_STATE });
    }
  }
  return warnings;
}

function isStream(node: PlanNode): boolean {
  return isAppendOnly(node, 'updates') && node.kind !== 'values' && node.kind !== 'table-scan';
}

/** Those that were not met before: what several views read is said once. */
function joinsOf(node: PlanNode, seen: Set<PlanNode>): readonly JoinNode[] {
  if (seen.has(node)) return [];
  seen.add(node);
  const below = inputsOf(node).flatMap((input) => joinsOf(input, seen));
  return node.kind === 'join' ? [node, ...below] : below;
}

/** As people see it. */
export function warningText({ view, message, next }: PlanWarning): string {
  return `view "${view}": ${message}; ${next}`;
}
