import { isAppendOnly, uniqueKey } from './changelog.ts';
import type { EmitPolicy, OutputNode, PlanNode } from './node.ts';
import { windowSizeBelow } from './window-size.ts';

/**
 * How the rows of a view go to its topic: `append` when rows are only ever added, so that each of them stays; else `upsert`, by the
 * columns that tell its rows apart or, without any, by the row itself and its number among its equals.
 */
export function outputShape(node: PlanNode, emit: EmitPolicy['kind']): Pick<OutputNode, 'mode' | 'keys' | 'numbered'> {
  const keys = aggregateKeys(node);
  if (keys !== undefined) return { mode: 'upsert', keys };
  if (isAppendOnly(node, emit)) return { mode: 'append', keys: [] };
  const unique = uniqueKey(node);
  return unique === undefined ? { mode: 'upsert', keys: [], numbered: true } : { mode: 'upsert', keys: unique };
}

/**
 * The group columns of the aggregate below, through filters and projections; undefined when it does not aggregate, or when one of
 * them is left out. `window_end` may be left out where `window_start` is there, since of windows of one length one decides the other.
 */
function aggregateKeys(node: PlanNode): readonly number[] | undefined {
  const traced = trace(node);
  if (traced === undefined) return undefined;
  const { aggregate, columns } = traced;
  const place = (group: number): number => columns.indexOf(group);
  const { start, end } = aggregate.windowGroups ?? { start: undefined, end: undefined };
  const hasLength = windowSizeBelow(aggregate.input) !== undefined;
  const hasWindow = hasLength && [start, end].some((group) => group !== undefined && place(group) >= 0);
  const keys: number[] = [];
  for (let group = 0; group < aggregate.groups.length; group++) {
    const at = place(group);
    if (at >= 0) keys.push(at);
    else if (!(hasWindow && (group === start || group === end))) return undefined;
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
