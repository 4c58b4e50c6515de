import type { Pipeline } from './node.ts';

/**
 * The items in such an order that a pipeline comes after those whose views it reads; otherwise as they are. Pipelines that
 * read each other's views in a circle stay in their order.
 */
export function inDataflowOrder<Item>(items: readonly Item[], pipelineOf: (item: Item) => Pipeline): readonly Item[] {
  const ordered: Item[] = [];
  const visited = new Set<Item>();
  const visit = (item: Item): void => {
    if (visited.has(item)) return;
    visited.add(item);
    const reads = new Set(pipelineOf(item).sources.map((source) => source.topic));
    for (const other of items) {
      if (other !== item && pipelineOf(other).outputs.some((output) => reads.has(output.topic))) visit(other);
    }
    ordered.push(item);
  };
  for (const item of items) visit(item);
  return ordered;
}
