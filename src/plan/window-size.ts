import type { PlanNode } from './node.ts';

/**
 * Length of the windows below; undefined when there are none, or when they differ in length, as sessions do:
 * only where it is known does the start of a window decide its end.
 */
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
    case 'exchange':
    case 'aggregate':
      return windowSizeBelow(node.input);
    default:
      return undefined;
  }
}
