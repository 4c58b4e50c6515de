import { windowColumns } from '../../../plan/factory.ts';
import type { PlanNode } from '../../../plan/node.ts';
import { windowSizeBelow } from '../../../plan/window-size.ts';

/** Where the window of a row ends: `values[position] + add`. */
export interface WindowEnd {
  readonly position: number;
  readonly add: bigint;
}

/** The window's end among the columns of the rows of a node, if each group of rows with the same `columns` is in one window. */
export function windowEndOfRows(node: PlanNode, columns: readonly number[]): WindowEnd | undefined {
  const window = windowColumns(node);
  if (window === undefined) return undefined;
  const hasEnd = window.end >= 0 && columns.includes(window.end);
  const hasStart = window.start >= 0 && columns.includes(window.start);
  const size = windowSizeBelow(node);
  if (hasEnd || (hasStart && size !== undefined && window.end >= 0)) return { position: window.end, add: 0n };
  return hasStart && size !== undefined ? { position: window.start, add: size } : undefined;
}
