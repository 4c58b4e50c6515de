import { windowColumns } from '../../../plan/factory.ts';
import type { PlanNode } from '../../../plan/node.ts';

/** Where the window of a row ends: `values[position] + add`. */
export interface WindowEnd {
  readonly position: number;
  readonly add: bigint;
}

/** Length of the windows below; undefined when there are none, or when they differ in length. */
export function windowSizeBelow(node: PlanNode): bigint | undefined {
  switch (node.kind) {
    case 'window':
      return node.window.kind === 'session' ? undefined : node.window.sizeUs;
    case 'filter':
    case 'project':
    case 'deduplicate':
    case 'distinct':
    case 'sort':
    case 'limit':
    case 'top-n':
    case 'over':
    case 'table-function':
    case 'lookup':
    case 'user-call':
    case 'aggregate':
      return windowSizeBelow(node.input);
    default:
      return undefined;
  }
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
