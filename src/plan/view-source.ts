import { sourceNode } from './factory.ts';
import type { OutputNode, PlanNode, SourceNode, WatermarkSpec } from './node.ts';

/**
 * The view of another pipeline as a source: its output topic, read as the changes that it holds. A column that is the event time of
 * the view's source still is event time, with the disorder that was allowed there.
 */
export function viewSource(output: OutputNode): SourceNode {
  const { name, topic, mode, keys, input } = output;
  const columns = input.columns.map((column) => ({ ...column, path: [column.name] }));
  const changes = mode === 'append' ? undefined : { mode, keys };
  return sourceNode({ name, topic, columns, watermark: eventTimeOf(input), ...(changes !== undefined && { changes }) });
}

/** The column that is event time, with what its source says about it; undefined when there is none. */
export function eventTimeOf(node: PlanNode): WatermarkSpec | undefined {
  for (let column = 0; column < node.columns.length; column++) {
    const found = eventTime(node, column);
    if (found !== undefined) return { ...found, columnIndex: column };
  }
  return undefined;
}

/** The watermark of the source whose event time this column is; through what passes rows on as they are. */
function eventTime(node: PlanNode, column: number): WatermarkSpec | undefined {
  switch (node.kind) {
    case 'source':
      return node.watermark?.columnIndex === column ? node.watermark : undefined;
    case 'filter':
    case 'deduplicate':
    case 'lookup':
    case 'user-call':
    case 'exchange':
      return eventTime(node.input, column);
    case 'window':
      return node.window.kind === 'session' ? undefined : eventTime(node.input, column);
    case 'project': {
      const expression = node.expressions[column]!;
      return expression.kind === 'column' ? eventTime(node.input, expression.index) : undefined;
    }
    default:
      return undefined;
  }
}
