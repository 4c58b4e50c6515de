import { HeadraceError } from '../base/error.ts';
import type { PlanNode } from './node.ts';

/**
 * The key columns of a view's rows: the group columns of its aggregate, found through filters and projections; undefined when it
 * does not aggregate. `window_end` may be left out where `window_start` is there, since one decides the other.
 *
 * @throws HeadraceError `PLAN_KEY_MISSING` when a group column is not among the output columns
 */
export function outputKeys(node: PlanNode): readonly number[] | undefined {
  const traced = trace(node);
  if (traced === undefined) return undefined;
  const { aggregate, columns } = traced;
  const place = (group: number): number => columns.indexOf(group);
  const { start, end } = aggregate.windowGroups ?? { start: undefined, end: undefined };
  const hasWindow = [start, end].some((group) => group !== undefined && place(group) >= 0);
  const keys: number[] = [];
  for (let group = 0; group < aggregate.groups.length; group++) {
    const at = place(group);
    if (at >= 0) keys.push(at);
    else if (!(hasWindow && (group === start || group === end))) {
      const { name } = aggregate.columns[group]!;
      throw new HeadraceError(
        `making a plan: group column "${name}" is not in the select list, so rows could not be told apart`,
        {
          code: 'PLAN_KEY_MISSING',
          domain: 'plan',
          next: `select "${name}" too`,
        },
      );
    }
  }
  return keys.sort((a, b) => a - b);
}

/** The aggregate below, and for each output column the aggregate's column that it is (or -1). */
function trace(
  node: PlanNode,
): { aggregate: PlanNode & { kind: 'aggregate' }; columns: readonly number[] } | undefined {
  if (node.kind === 'aggregate') return { aggregate: node, columns: node.columns.map((_, index) => index) };
  if (node.kind === 'filter') return trace(node.input);
  if (node.kind !== 'project') return undefined;
  const inner = trace(node.input);
  if (inner === undefined) return undefined;
  const columns = node.expressions.map((expression) =>
    expression.kind === 'column' ? (inner.columns[expression.index] ?? -1) : -1,
  );
  return { aggregate: inner.aggregate, columns };
}

/** Positions of the output columns that are window_start or window_end of the aggregate below. */
export function windowGroupColumns(node: PlanNode): ReadonlySet<number> {
  const traced = trace(node);
  const { start, end } = traced?.aggregate.windowGroups ?? { start: undefined, end: undefined };
  const found = new Set<number>();
  traced?.columns.forEach((column, index) => {
    if (column >= 0 && (column === start || column === end)) found.add(index);
  });
  return found;
}
