import type { PlanNode } from '../../../plan/node.ts';

/** Columns that are the event time of their row: what watermarks are about. */
export function eventTimeColumns(node: PlanNode): ReadonlySet<number> {
  switch (node.kind) {
    case 'source':
      return new Set(node.watermark === undefined ? [] : [node.watermark.columnIndex]);
    case 'filter':
    case 'deduplicate':
    case 'distinct':
    case 'sort':
    case 'limit':
    case 'top-n':
    case 'over':
    case 'window':
    case 'table-function':
    case 'lookup':
    case 'user-call':
    case 'exchange':
      return eventTimeColumns(node.input);
    case 'project': {
      const inner = eventTimeColumns(node.input);
      const kept = node.expressions.flatMap((expression, at) =>
        expression.kind === 'column' && inner.has(expression.index) ? [at] : [],
      );
      return new Set(kept);
    }
    case 'set-operation': {
      const [first, ...others] = node.inputs.map(eventTimeColumns);
      return new Set([...first!].filter((column) => others.every((columns) => columns.has(column))));
    }
    default:
      return new Set();
  }
}
