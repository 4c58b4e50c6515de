import type { PlanNode, SourceNode } from '../../plan/node.ts';
import { ExchangeSource, type FetchRecord } from '../exchange/exchange-source.ts';
import { exchangePartition, readsPartition, sourcesBelow } from '../exchange/stage-plan.ts';
import type { OperatorContext } from '../operator/operator.ts';
import { SourceDecodeOperator } from '../operator/source/source-decode.ts';
import { SourceWatermark } from '../operator/watermark.ts';
import type { TaskPart, Vertex } from './compile.ts';
import { LogSource } from './log-source.ts';
import type { TaskSource } from './task-source.ts';

export interface SourceOpening {
  readonly context: OperatorContext;
  /** Partitions of an input topic. */
  readonly partitions: (topic: string) => number;
  /** Which columns are read of a node. */
  readonly needed: ReadonlyMap<PlanNode, ReadonlySet<number>>;
  /** All of the pipeline. */
  readonly sources: readonly SourceNode[];
  readonly part?: TaskPart;
  readonly fetch?: FetchRecord;
}

export interface OpenedSource {
  readonly source: TaskSource;
  readonly topic: string;
  /** Those that the task reads. */
  readonly partitions: readonly number[];
}

/** What a vertex reads; undefined for one that reads nothing. */
export function openSource(vertex: Vertex, opening: SourceOpening): OpenedSource | undefined {
  if (vertex.source !== undefined) return openLog(vertex.source, opening);
  return vertex.operator === undefined ? openExchange(vertex, opening) : undefined;
}

function openLog(node: SourceNode, { context, partitions, needed, part }: SourceOpening): OpenedSource {
  const { topic } = node;
  const count = partitions(topic);
  const tasks = part?.plan.stages[part.stage]?.tasks ?? 1;
  const isOwn = (partition: number): boolean => part === undefined || readsPartition(node, partition, part.task, tasks);
  const watermark = new SourceWatermark(count, node.watermark?.delayUs ?? 0n, isOwn);
  const reads = needed.get(node);
  const decoder = new SourceDecodeOperator(node, watermark, context, (at) => reads?.has(at) ?? false);
  const own = Array.from({ length: count }, (_, partition) => partition).filter(isOwn);
  return { source: new LogSource(decoder, watermark), topic, partitions: own };
}

function openExchange(vertex: Vertex, { context, needed, sources, part, fetch }: SourceOpening): OpenedSource {
  const edge = vertex.edge!;
  const { topic, node, upstream, from, partialOf } = edge;
  const { columns } = vertex.node!;
  const sent = partialOf === undefined ? [...needed.get(node)!].sort((a, b) => a - b) : [...columns.keys()];
  const partitions = upstream.map((task) => exchangePartition(edge, task, part!.task));
  const marked = from === 0 ? Math.max(1, sourcesBelow(node.input).length) : 1;
  const source = new ExchangeSource({
    topic,
    columns,
    sent,
    partitions,
    marked,
    sources,
    context,
    fetch: fetch ?? (() => undefined),
  });
  return { source, topic, partitions };
}
